"""The components as programs in other languages see them: Pulumi's own host describes them by their annotations."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from enum import Enum
from typing import Any, is_typeddict

import grpc
import pytest
from pulumi import ComponentResource, Resource
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

import components.kubernetes


def _components() -> list[type[ComponentResource]]:
    """Every component class of the library, found by walking it."""
    found: set[type[ComponentResource]] = set()
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            ours = value.__module__.startswith("components.") and not value.__name__.startswith("_")
            if issubclass(value, ComponentResource) and ours:
                found.add(value)
    return sorted(found, key=lambda each: each.__name__)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    provider = ComponentProvider(_components(), "modelport", None, "0.1.0")
    assert provider.schema is not None
    value: dict[str, Any] = json.loads(provider.schema)
    return value


def test_the_host_takes_all_components_at_once(schema: dict[str, Any]) -> None:
    """It refuses two classes of one name, so this also holds names apart across the clouds."""
    assert set(schema["resources"]) == {f"modelport:index:{each.__name__}" for each in _components()}
    assert "modelport:index:LocalEndpoint" in schema["resources"]


def test_every_component_of_the_library_is_there(schema: dict[str, Any]) -> None:
    known = {token.rpartition(":")[2] for token in schema["resources"]}
    assert known == {
        *("DockerImage", "LocalEndpoint", "ModelNamespace", "ModelService", "ModelGateway", "ApiKeys", "Tenant"),
        *("ModelAutoscaler", "ModelMonitoring", "GpuNodes", "ServingRuntime"),
        *(
            "AwsBudget",
            "AwsApiGateway",
            "AwsIdentity",
            "AwsLoadBalancer",
            "AwsMonitoring",
            "AwsNetwork",
            "AwsSecrets",
            "Ec2Service",
            "EcrRegistry",
            "EcsMonitoring",
            "EcsService",
            "EksCluster",
            "EksGpuNodeGroup",
            "EksAutoscaler",
            "GithubOidcRole",
            "GitlabOidcRole",
            "SageMakerEndpoint",
            "LambdaService",
            "WeightedDns",
        ),
        *("GcpApiGateway", "GcpBudget", "GcpGithubIdentity", "GcpGitlabIdentity"),
        *(
            "ArtifactRegistry",
            "CloudFunction",
            "CloudRunMonitoring",
            "CloudRunService",
            "ComputeService",
            "GcpIdentity",
            "GcpLoadBalancer",
            "GcpMonitoring",
            "GcpNetwork",
        ),
        *("GkeCluster", "GkeGpuNodePool", "VertexEndpoint"),
    }


def test_a_missing_extra_is_named() -> None:
    program = "import sys; sys.modules['pulumi_kubernetes'] = None; from components.kubernetes import ModelNamespace"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: pulumi_kubernetes is not installed, expected it for what goes into a cluster; install "
        "this library with its extra kubernetes, as pip install '/path/to/the/repository[kubernetes]'"
    )


def _public() -> list[type]:
    """Classes that a program names: resources, their arguments and the choices in them."""
    found: set[type] = set()
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            ours = value.__module__.startswith("components.") and not name.startswith("_")
            if ours and (issubclass(value, Resource | Enum) or is_typeddict(value)):
                found.add(value)
    return sorted(found, key=lambda each: each.__qualname__)


def test_no_two_classes_have_one_name() -> None:
    """In Pulumi's schema all of them stand side by side."""
    names = [each.__name__ for each in _public()]
    assert sorted(set(names)) == names


def test_what_a_program_needs_is_exported_and_imported_when_it_is_asked_for() -> None:
    told = {each.__name__ for each in _components() if each.__module__.startswith("components.kubernetes")}
    assert told <= set(components.kubernetes.__all__)
    assert {f"{name}Args" for name in told} <= set(components.kubernetes.__all__)
    for name in components.kubernetes.__all__:
        assert getattr(components.kubernetes, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'ModelNothing'"):
        getattr(components.kubernetes, "ModelNothing")  # noqa: B009
    code = "import sys, components.kubernetes.server; print('pulumi_kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_plugin_that_hosts_them_tells_the_same(schema: dict[str, Any]) -> None:
    """As Pulumi starts it for a program in TypeScript, Go, C# or Java: a process that prints its port and is asked."""
    code = "from pulumi.provider.experimental import component_provider_host as host\n"
    code += "from components.local import LocalEndpoint\nhost([LocalEndpoint], 'modelport', version='0.1.0')"
    with subprocess.Popen(
        [sys.executable, "-c", code, "127.0.0.1:1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as plugin:
        try:
            assert plugin.stdout is not None
            address = f"127.0.0.1:{plugin.stdout.readline().strip()}"
            with grpc.insecure_channel(address) as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                answer = stub.GetSchema(provider_pb2.GetSchemaRequest(), wait_for_ready=True, timeout=60)
        finally:
            plugin.kill()
    told = json.loads(answer.schema)["resources"]
    assert told == {"modelport:index:LocalEndpoint": schema["resources"]["modelport:index:LocalEndpoint"]}


def test_each_component_registers_under_its_own_name() -> None:
    for each in _components():
        assert f'"modelport:index:{each.__name__}"' in inspect.getsource(each.__init__)


def test_every_argument_and_output_says_what_it_is(schema: dict[str, Any]) -> None:
    silent = [
        f"{token}.{part}.{name}"
        for token, resource in schema["resources"].items()
        for part in ("inputProperties", "properties")
        for name, value in resource[part].items()
        if not value.get("description")
    ]
    assert silent == []


def test_local_endpoint(schema: dict[str, Any]) -> None:
    endpoint = schema["resources"]["modelport:index:LocalEndpoint"]
    inputs = {name: value.get("type") or value["$ref"] for name, value in endpoint["inputProperties"].items()}
    assert inputs == {
        "image": "string",
        "model": "string",
        "port": "integer",
        "workers": "integer",
        "runtime": "#/types/modelport:index:LocalRuntime",
    }
    assert sorted(endpoint["requiredInputs"]) == ["image", "model"]
    assert set(endpoint["properties"]) == {"url", "image", "runtime", "metadata"}
    runtime = schema["types"]["modelport:index:LocalRuntime"]
    assert [each["value"] for each in runtime["enum"]] == ["auto", "docker", "podman", "process"]
