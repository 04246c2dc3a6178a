"""What every manifest of the components must pass, and how to get at the manifests.

    found = rendered(lambda: ModelService("digits", {...}))
    assert checkov(found) == []
    assert violations(found) == []          # the schemas of the five newest minors of Kubernetes
    assert refused(cluster, found) == []    # the API server's own word, under Pod Security `restricted`

Each answers with one line for each mistake, so a test that must see one asserts on that line.
"""

import asyncio
import contextlib
import json
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml
from pulumi.runtime import mocks

from tests.cluster.shared import Cluster
from tests.tools import golang, pypi

Manifest = dict[str, Any]

MINORS = 5
KEDA = ("github.com/kedacore/keda/v2", "v2.21.0", "config/crd/bases/*.yaml")
PROMETHEUS_OPERATOR = (
    "github.com/prometheus-operator/prometheus-operator",
    "v0.85.0",
    "example/prometheus-operator-crd/*.yaml",
)
KSERVE = ("github.com/kserve/kserve", "v0.15.2", "config/crd/full/*_inferenceservices.yaml")

_SECRET = "4dabf18193072939515e22adb298388d"
_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
# Never closed: threads that Pulumi starts from it have loops of their own, which nobody closes when the threads end.
_LOOP = asyncio.new_event_loop()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which one is known at run time
    """Reads a bare `=` as text, as Go does; YAML 1.1 has a type of its own for it."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: str(node.value))


class Recorder(mocks.Mocks):
    """Stands in for the engine, and keeps what was registered."""

    def __init__(self) -> None:
        self.seen: list[mocks.MockResourceArgs] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.seen.append(args)
        return f"{args.name}-id", args.inputs

    def call(self, args: mocks.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(args)


def registered(program: Callable[[], object]) -> list[mocks.MockResourceArgs]:
    """All resources that `program` registers, in their order."""
    recorder = Recorder()
    # Pulumi asks for the thread's loop, which it has not once anything before has run one of its own.
    asyncio.set_event_loop(_LOOP)
    mocks.set_mocks(recorder, project="shop", stack="test", preview=False)

    @pulumi.runtime.test
    def run() -> None:
        program()

    run()
    return recorder.seen


def rendered(program: Callable[[], object]) -> list[Manifest]:
    """The Kubernetes objects that `program` registers, as manifests."""
    found = [each for each in registered(program) if each.typ.startswith("kubernetes:") and "kind" in each.inputs]
    return [cast("Manifest", _plain(each.inputs)) for each in found]


def checkov(manifests: Sequence[Manifest]) -> list[str]:
    """`CKV_K8S_20 Deployment.team.digits: what it asks for`, for each check that fails. Nothing is skipped."""
    command = [str(pypi.environment(pypi.MANIFESTS) / "checkov"), "--framework", "kubernetes", "--skip-download"]
    command += ["--quiet", "--compact", "--output", "json", "--soft-fail", "--file", "manifests.yaml"]
    with _folder() as folder:
        (folder / "manifests.yaml").write_text(yaml.safe_dump_all(list(manifests)))
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    try:
        report = json.loads(ran.stdout)
    except ValueError:
        raise RuntimeError(f"checkov said no report: {ran.stdout.strip()} {ran.stderr.strip()}") from None
    if "results" not in report:  # nothing in the file is of a kind that it has checks for
        return []
    if report["summary"]["parsing_errors"] or report["summary"]["skipped"]:
        raise RuntimeError(f"checkov could not read or was told to skip: {report['summary']}")
    failed = report["results"]["failed_checks"]
    return sorted(f"{each['check_id']} {each['resource']}: {each['check_name']}" for each in failed)


def violations(manifests: Sequence[Manifest], *definitions: tuple[str, str, str], minors: int = MINORS) -> list[str]:
    """What the published schemas refuse, unknown fields too.

    definitions: where the schemas of kinds lie that Kubernetes does not have, for example KEDA.
    """
    known = [each for place in definitions for each in custom(*place)]
    given = {"manifests": list(manifests), "definitions": known, "minors": minors}
    command = [str(pypi.environment(pypi.MANIFESTS) / "python"), str(Path(__file__).with_name("judge.py"))]
    ran = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return cast("list[str]", json.loads(ran.stdout))


def custom(module: str, version: str, pattern: str) -> list[Manifest]:
    """The CustomResourceDefinitions in the files of a Go module that fit `pattern`, fetched into Go's module cache."""
    with _folder() as folder:
        # A module of its own, as the one of the current folder would be asked first.
        (folder / "go.mod").write_text("module tests.local/definitions\n")
        command = [golang.go(), "mod", "download", "-json", f"{module}@{version}"]
        ran = subprocess.run(command, cwd=folder, env=golang.environ(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{module}@{version} cannot be had: {ran.stdout.strip()} {ran.stderr.strip()}")
    found: list[Manifest] = []
    for file in sorted(Path(json.loads(ran.stdout)["Dir"]).glob(pattern)):
        documents = yaml.load_all(file.read_text(), Loader=_Loader)
        found += [each for each in documents if each and each["kind"] == "CustomResourceDefinition"]
    if not found:
        raise RuntimeError(f"{module}@{version} has no definitions at {pattern}")
    return found


@contextlib.contextmanager
def strict_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace under Pod Security `restricted`."""
    name = f"check-{uuid.uuid4().hex[:8]}"
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.kubectl("apply", "-f", "-", text=json.dumps(wanted))
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def refused(cluster: Cluster, manifests: Sequence[Manifest]) -> list[str]:
    """What the API server refuses or warns of in a dry run, in a namespace under Pod Security `restricted`.

    A Deployment is admitted whatever its pods are, so the pod of each template is tried too.
    """
    lines: list[str] = []
    with strict_namespace(cluster) as namespace:
        tried = [_placed(each, namespace) for manifest in manifests for each in (manifest, *_pods(manifest))]
        if not _refused(cluster, {"apiVersion": "v1", "kind": "List", "items": tried}):
            return []  # all in one call, as it nearly always is
        for each in tried:
            if told := _refused(cluster, each):
                lines.append(f"{each['kind']}/{each['metadata'].get('name')}: {told}")
    return lines


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    placed: Manifest = json.loads(json.dumps(manifest))
    if "namespace" in placed["metadata"]:
        placed["metadata"]["namespace"] = namespace
    return placed


def _refused(cluster: Cluster, manifest: Manifest) -> str:
    """What the API server says against it; nothing when it takes it, or has it."""
    how = ("--dry-run=server", "--validate=strict", "--warnings-as-errors")
    try:
        cluster.kubectl("create", *how, "-f", "-", text=json.dumps(manifest))
    except RuntimeError as error:
        return "" if "AlreadyExists" in str(error) and manifest["kind"] != "List" else str(error)
    return ""


def _pods(manifest: Manifest) -> list[Manifest]:
    template = (
        manifest.get("spec", {}).get("template") if manifest.get("apiVersion") in ("apps/v1", "batch/v1") else None
    )
    if not template:
        return []
    metadata = {**template.get("metadata", {}), "name": f"{manifest['metadata']['name']}-pod", "namespace": "to-be-set"}
    # The account of a pod must be there, and a dry run of it makes none.
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}]


def _plain(value: object) -> object:
    """Without the wrapping of secrets, and numbers as YAML would hold them."""
    if isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        if mapping.get(_SECRET) == _SIGNATURE:
            return _plain(mapping["value"])
        return {key: _plain(each) for key, each in mapping.items()}
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[object]", value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mp-checks-") as name:
        yield Path(name)
