"""The components as programs in other languages see them: Pulumi's own host describes them by their annotations."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from typing import Any

import grpc
import pytest
from pulumi import ComponentResource
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

import components


def _components() -> list[type[ComponentResource]]:
    """Every component class of the library, found by walking it."""
    found: set[type[ComponentResource]] = set()
    for module in pkgutil.walk_packages(components.__path__, "components."):
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, ComponentResource) and value.__module__.startswith("components."):
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
