"""Components that the package makes itself: manifests and kustomizations, each object of them a child.

The provider registers them with the engine as a program would, over the same protocol.
"""

import asyncio
import contextlib
import glob
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from engine.errors import ProviderRefused
from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.arranging import Order, arranged
from engine.providers.kubernetes.lookups import documents, kustomization
from engine.providers.kubernetes.objects import copied, group_version, meta, name, namespace, set_in_meta, set_meta
from engine.providers.kubernetes.session import Session
from engine.registrations import fields
from engine.values import (
    RESOURCE_TAG,
    TAG,
    UNKNOWN,
    Props,
    Secret,
    Value,
    bare,
    downgrade,
    from_struct,
    has_secret,
    has_unknown,
    is_dict,
    is_list,
    to_struct,
)

if TYPE_CHECKING:
    from engine.protocol import provider_pb2, resource_pb2

_PATTERN: Final = re.compile(r"(?:^|[^\\])[*?\[]")
_SHOWN: Final = 100
_NEEDS_HELM: Final = (
    "a chart as a component (kubernetes.helm.v4.Chart) needs the official plugin, expected pulumi-resource-kubernetes "
    "on PATH or in the Pulumi plugin folder; install it (pulumi plugin install resource kubernetes), or render the "
    "chart with kubernetes.helm.v3.Chart and the program helm"
)


async def construct(session: Session, request: "provider_pb2.ConstructRequest") -> "provider_pb2.ConstructResponse":
    """Make a component and its children; raises ProviderRefused for a type or for arguments that make no sense."""
    import grpc.aio

    from engine.protocol import GRPC_OPTIONS, provider_pb2, resource_pb2_grpc

    read = _READERS.get(request.type)
    if request.type == "kubernetes:helm.sh/v4:Chart":
        raise ProviderRefused(_NEEDS_HELM)
    if read is None:
        raise ProviderRefused(f'unknown resource type "{request.type}"')
    if session.cluster is None and not session.told.render_to:
        raise ProviderRefused(session.unreachable)
    inputs = {key: downgrade(value) for key, value in from_struct(request.inputs).items()}
    async with grpc.aio.insecure_channel(request.monitorEndpoint, options=GRPC_OPTIONS) as channel:
        monitor = _Monitor(resource_pb2_grpc.ResourceMonitorStub(channel), request)
        urn = await monitor.component()
        if has_unknown(inputs):
            told = f"{request.type}:{request.name} -- Required input properties have unknown values. "
            session.say("warning", f"{told}Preview is incomplete.\n", "")
            made: Value = UNKNOWN
            children: list[str] = []
        else:
            values = cast(Props, bare(inputs))
            objects = await asyncio.to_thread(_read, session, read, values)
            prefix = values.get("resourcePrefix")
            if prefix is None:
                prefix = request.name
            if values.get("skipAwait") is True:
                for one in objects:
                    set_in_meta(one, "annotations", "pulumi.com/skipAwait", "true")
            made, children = await monitor.children(urn, arranged(objects), str(prefix))
    state: Props = {"resources": Secret(made) if has_secret(inputs) else made}
    response = provider_pb2.ConstructResponse(urn=urn, state=to_struct(state, secrets=True))
    response.stateDependencies["resources"].urns.extend(sorted(children))
    return response


class _Monitor:
    """The engine, as a program sees it."""

    def __init__(self, stub: Any, request: "provider_pb2.ConstructRequest") -> None:
        self._stub = stub
        self._request = request

    async def _register(self, request: "resource_pb2.RegisterResourceRequest") -> Any:
        import grpc.aio

        request.acceptSecrets = request.acceptResources = request.supportsPartialValues = True
        try:
            return await self._stub.RegisterResource(request)
        except grpc.aio.AioRpcError as error:
            raise ProviderRefused(error.details() or str(error.code())) from None

    async def component(self) -> str:
        from engine.protocol import resource_pb2

        asked = self._request
        request = resource_pb2.RegisterResourceRequest(
            type=asked.type,
            name=asked.name,
            parent=asked.parent,
            dependencies=asked.dependencies,
            providers=asked.providers,
            additionalSecretOutputs=asked.additionalSecretOutputs,
            deletedWith=asked.deletedWith,
            ignoreChanges=asked.ignoreChanges,
            replaceOnChanges=asked.replaceOnChanges,
            replace_with=asked.replace_with,
            aliasSpecs=True,
        )
        fields(request, "aliases").extend(fields(asked, "aliases"))
        if asked.HasField("protect"):
            request.protect = asked.protect
        if asked.HasField("retainOnDelete"):
            request.retainOnDelete = asked.retainOnDelete
        if asked.HasField("deleteBeforeReplace"):
            request.deleteBeforeReplace = asked.deleteBeforeReplace
        request.deleteBeforeReplaceDefined = asked.HasField("deleteBeforeReplace")
        if asked.HasField("customTimeouts"):
            for kind in ("create", "update", "delete", "read"):
                setattr(request.customTimeouts, kind, getattr(asked.customTimeouts, kind))
        return str((await self._register(request)).urn)

    async def children(self, parent: str, order: "Order", prefix: str) -> tuple[list[Value], list[str]]:
        """Register every object, each once those that it needs are; references to them, and their URNs."""
        tasks: list[asyncio.Task[tuple[str, Value]]] = []
        for obj, needs in order:
            waits = [tasks[place] for place in needs]
            tasks.append(asyncio.ensure_future(self._child(parent, obj, waits, prefix)))
        try:
            done = [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ProviderRefused):
                    await task
        references: list[Value] = [
            {TAG: RESOURCE_TAG, "urn": urn, "id": id_, "packageVersion": ""} for urn, id_ in done
        ]
        return references, [urn for urn, _ in done]

    async def _child(
        self, parent: str, obj: Obj, waits: "list[asyncio.Task[tuple[str, Value]]]", prefix: str
    ) -> tuple[str, Value]:
        from engine.protocol import resource_pb2

        needs = [(await task)[0] for task in waits]
        group, version = group_version(str(obj["apiVersion"]))
        title = f"{namespace(obj)}/{name(obj)}" if namespace(obj) else name(obj)
        secret = (group, version, obj["kind"]) == ("", "v1", "Secret")
        props: Props = {key: Secret(value) if secret and key in _HIDDEN else value for key, value in obj.items()}
        answer = await self._register(
            resource_pb2.RegisterResourceRequest(
                type=f"kubernetes:{group or 'core'}/{version}:{obj['kind']}",
                name=f"{prefix}:{title}" if prefix else title,
                parent=parent,
                custom=True,
                object=to_struct(props, secrets=True),
                dependencies=sorted(needs),
                provider=self._request.providers.get("kubernetes", ""),
                additionalSecretOutputs=_HIDDEN if secret else (),
            )
        )
        return str(answer.urn), answer.id or UNKNOWN


_HIDDEN: Final = ("data", "stringData")


# -- what a component consists of ------------------------------------------------------------------------------------

Reader = Callable[[Props], list[Obj]]


def _read(session: Session, read: Reader, values: Props) -> list[Obj]:
    return _complete(session, read(values))


def _file(values: Props) -> list[Obj]:
    return _of_files([str(values.get("file") or "")], patterns=False)


def _group(values: Props) -> list[Obj]:
    told = values.get("files")
    files = [str(one) for one in told] if is_list(told) else [str(told)] if told else []
    out = _of_files(files, patterns=True)
    out += _decoded(str(values.get("yaml") or ""))
    given = values.get("objs")
    return out + [copied(one) for one in (given if is_list(given) else []) if is_dict(one)]


def _directory(values: Props) -> list[Obj]:
    folder = str(values.get("directory") or "")
    space = str(values.get("namespace") or "")
    out = _decoded(kustomization(folder))
    for one in out:
        if space and not namespace(one):
            one.setdefault("metadata", {})["\0namespace"] = space
    return out


_READERS: Final[dict[str, Reader]] = {
    "kubernetes:yaml/v2:ConfigFile": _file,
    "kubernetes:yaml/v2:ConfigGroup": _group,
    "kubernetes:kustomize/v2:Directory": _directory,
}


def _of_files(told: list[str], *, patterns: bool) -> list[Obj]:
    out: list[Obj] = []
    for one in told:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", one):
            out += _decoded(_fetched(one))
            continue
        for file in sorted(_matching(one)) if patterns and _PATTERN.search(one) else [one]:
            try:
                out += _decoded(Path(file).read_text())
            except FileNotFoundError:
                raise ProviderRefused(f"reading YAML file from disk: open {file}: no such file or directory") from None
            except (OSError, UnicodeDecodeError) as error:
                raise ProviderRefused(f"reading YAML file from disk: {error}") from None
    return out


def _matching(pattern: str) -> list[str]:
    return glob.glob(pattern)  # noqa: PTH207 - the pattern may be absolute, and stays as the program spelt it


def _fetched(address: str) -> str:
    import urllib.request

    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return str(answer.read().decode())
    except (OSError, ValueError) as error:
        raise ProviderRefused(f"fetching YAML over network: {error}") from None


def _decoded(text: str) -> list[Obj]:
    return [one for one in documents(text, "decoding YAML") if one]


def _complete(session: Session, objects: list[Obj]) -> list[Obj]:
    """The objects without lists, each with a namespace where its kind has one."""
    out: list[Obj] = []
    rest = list(objects)
    while rest:
        obj = rest.pop(0)
        inside = obj.get("items")
        if is_list(inside):
            rest = [one for one in inside if is_dict(one)] + rest
        else:
            out.append(obj)
    for obj in out:
        group, version = group_version(str(obj.get("apiVersion") or ""))
        if not obj.get("kind") or not version:
            raise ProviderRefused(f"Kubernetes resources require a kind and apiVersion: `{_shown(obj)}`")
        if not name(obj):
            raise ProviderRefused(f"Kubernetes resources require a .metadata.name: `{_shown(obj)}`")
        obj["apiVersion"] = f"{group}/{version}" if group else version
        chosen = str(meta(obj).pop("\0namespace", "") or session.namespace or "default")
        if not namespace(obj) and _in_namespace(session, out, group, version, str(obj["kind"])):
            set_meta(obj, "namespace", chosen)
    return out


def _in_namespace(session: Session, objects: list[Obj], group: str, version: str, kind: str) -> bool:
    for one in objects:
        spec = one.get("spec")
        if one.get("kind") == "CustomResourceDefinition" and is_dict(spec):
            names = spec.get("names")
            if spec.get("group") == group and is_dict(names) and names.get("kind") == kind:
                return spec.get("scope") == "Namespaced"
    return session.in_namespace(group, version, kind)


def _shown(obj: Obj) -> str:
    text = json.dumps(obj, separators=(",", ":"), sort_keys=True, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
