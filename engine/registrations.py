"""A registration on the wire and what it means: options as transforms see them, the goal, the answer."""

from typing import Any

from engine import requests
from engine.goals import Answer, Goal
from engine.protocol import alias_pb2, resource_pb2, source_pb2
from engine.state import Resource, is_provider, package_of, split_reference, urn_type
from engine.values import (
    UNKNOWN_TEXT,
    Props,
    Unknown,
    downgrade,
    from_value,
    has_unknown,
    to_struct,
)


def fields(message: object, name: str) -> Any:
    """A field of a message that another file of the protocol defines: the shipped stubs lose the types of those."""
    return getattr(message, name)


def id_text(resource: Resource) -> str:
    return UNKNOWN_TEXT if isinstance(resource.id, Unknown) else resource.id


def inherit(request: resource_pb2.RegisterResourceRequest, goal: Goal) -> None:
    """Give a registration what it takes over from its parent's goal."""
    if not request.deletedWith:
        request.deletedWith = goal.deleted_with
    if not request.HasField("protect") and goal.protect is not None:
        request.protect = goal.protect
    if not request.HasField("retainOnDelete") and goal.retain_on_delete is not None:
        request.retainOnDelete = goal.retain_on_delete
    if not request.provider and goal.provider:
        urn = split_reference(goal.provider)[0]
        if (not request.custom and not request.remote) or package_of(urn_type(urn)) == package_of(request.type):
            request.provider = goal.provider


def options_of(request: resource_pb2.RegisterResourceRequest) -> resource_pb2.TransformResourceOptions:
    """The options of a registration, as transforms take and give them."""
    options = resource_pb2.TransformResourceOptions(
        depends_on=request.dependencies,
        ignore_changes=request.ignoreChanges,
        replace_on_changes=request.replaceOnChanges,
        version=request.version,
        aliases=[*({"urn": urn} for urn in request.aliasURNs), *fields(request, "aliases")],
        provider=request.provider,
        providers=request.providers,
        plugin_download_url=request.pluginDownloadURL,
        deleted_with=request.deletedWith,
        replace_with=request.replace_with,
        additional_secret_outputs=request.additionalSecretOutputs,
        hide_diff=request.hideDiffs,
        plugin_checksums=request.pluginChecksums,
    )
    setattr(options, "import", request.importId)
    if request.HasField("protect"):
        options.protect = request.protect
    if request.HasField("retainOnDelete"):
        options.retain_on_delete = request.retainOnDelete
    if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
        options.delete_before_replace = request.deleteBeforeReplace
    if request.HasField("customTimeouts"):
        options.custom_timeouts.CopyFrom(request.customTimeouts)
    if request.HasField("hooks"):
        options.hooks.CopyFrom(request.hooks)
    if request.HasField("replacement_trigger"):
        options.replacement_trigger.CopyFrom(request.replacement_trigger)
    return options


def goal_of(
    root: str,
    request: resource_pb2.RegisterResourceRequest,
    options: resource_pb2.TransformResourceOptions,
    props: Props,
    provider: str,
    dependencies: set[str],
    by_property: dict[str, set[str]],
) -> Goal:
    """What the program wants, after all transforms; `root` is the project's folder, to which positions are relative."""
    first = options.delete_before_replace if options.HasField("delete_before_replace") else None
    trigger = from_value(options.replacement_trigger) if options.HasField("replacement_trigger") else None
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        properties={key: downgrade(value) for key, value in props.items()},
        parent=request.parent,
        protect=options.protect if options.HasField("protect") else None,
        dependencies=sorted(dependencies),
        provider=provider,  # a component has none, not even below something that has one
        property_dependencies={key: sorted(urns) for key, urns in sorted(by_property.items())},
        delete_before_replace=first,
        ignore_changes=list(options.ignore_changes),
        additional_secret_outputs=list(options.additional_secret_outputs),
        aliases=[requests.alias(each) for each in fields(options, "aliases")],
        import_id=getattr(options, "import"),
        custom_timeouts=requests.timeouts(options.custom_timeouts),
        replace_on_changes=list(options.replace_on_changes),
        replacement_trigger=downgrade(trigger),
        retain_on_delete=options.retain_on_delete if options.HasField("retain_on_delete") else None,
        deleted_with=options.deleted_with,
        replace_with=list(options.replace_with),
        hide_diff=list(options.hide_diff),
        source_position=requests.position(
            root, fields(request, "sourcePosition") if request.HasField("sourcePosition") else None
        ),
        stack_trace=requests.stack_trace(
            root, fields(request, "stackTrace") if request.HasField("stackTrace") else None
        ),
        resource_hooks=requests.hooks(options.hooks),
    )


class Trace:
    """Where a resource was made, as frames of [uri, line, column] or nothing."""

    def __init__(self, root: str, frames: list[list[Any] | None]) -> None:
        self.frames = frames
        texts = [requests.position_at(root, *frame) if frame else "" for frame in frames]
        self.position = texts[0] if texts else ""
        self.stack: list[dict[str, str]] = [{"sourcePosition": text} if text else {} for text in texts]


def plain_goal(asked: dict[str, Any], trace: Trace, above: Goal | None) -> Goal:
    """What the program wants where its options are ordinary; `above` is its parent's goal.

    It is what `inherit`, `options_of` and `goal_of` make of the request of the same words.
    """
    type_, custom, props = asked["type"], asked["custom"], asked["object"]
    dependencies: list[str] = sorted(asked["dependencies"])
    needed: dict[str, list[str]] = asked["propertyDependencies"]
    if not needed:
        needed = dict.fromkeys(props, dependencies)
    provider = asked.get("provider", "") if custom else ""  # a component has none
    protect, retained = asked.get("protect"), asked.get("retainOnDelete")
    goal = Goal(
        type=type_,
        name=asked["name"],
        custom=custom,
        properties=props,
        parent=asked["parent"],
        dependencies=dependencies,
        property_dependencies={key: sorted(needed[key]) for key in sorted(needed)},
        ignore_changes=asked.get("ignoreChanges", []),
        aliases=[requests.alias(each) for each in _aliases(asked)],
        source_position=trace.position,
        stack_trace=list(trace.stack),
    )
    if above is not None:
        goal.deleted_with = above.deleted_with
        retained = above.retain_on_delete if retained is None else retained
        protect = above.protect if protect is None else protect
        if custom and not provider and above.provider:
            urn = split_reference(above.provider)[0]
            if package_of(urn_type(urn)) == package_of(type_):
                provider = above.provider
    goal.protect, goal.provider, goal.retain_on_delete = protect, provider, retained
    return goal


def _aliases(asked: dict[str, Any]) -> list[alias_pb2.Alias]:
    """The former names of a resource, which are sent as the SDK would send them."""
    return [alias_pb2.Alias.FromString(bytes.fromhex(each)) for each in asked.get("aliases", ())]


def request_of(asked: dict[str, Any], frames: list[list[Any] | None]) -> resource_pb2.RegisterResourceRequest:
    """The request that the SDK would have made of the same words."""
    needed = resource_pb2.RegisterResourceRequest.PropertyDependencies
    request = resource_pb2.RegisterResourceRequest(
        type=asked["type"],
        name=asked["name"],
        custom=asked["custom"],
        object=to_struct(asked["object"], secrets=True),
        parent=asked["parent"],
        protect=asked.get("protect"),
        retainOnDelete=asked.get("retainOnDelete"),
        provider=asked.get("provider", ""),
        providers=asked.get("providers", {}),
        dependencies=asked["dependencies"],
        propertyDependencies={key: needed(urns=urns) for key, urns in asked["propertyDependencies"].items()},
        ignoreChanges=asked.get("ignoreChanges", []),
        aliases=_aliases(asked),
        version=asked.get("version", ""),
        pluginDownloadURL=asked.get("pluginDownloadURL", ""),
        acceptSecrets=True,
        acceptResources=True,
        supportsPartialValues=True,
        supportsResultReporting=True,
    )
    stack = source_pb2.StackTrace()
    for frame in frames:
        added = stack.frames.add()
        if frame:
            added.pc.uri, added.pc.line, added.pc.column = frame
    fields(request, "stackTrace").CopyFrom(stack)
    if stack.frames:
        fields(request, "sourcePosition").CopyFrom(stack.frames[0].pc)
    return request


def response_to(request: resource_pb2.RegisterResourceRequest, answer: Answer) -> resource_pb2.RegisterResourceResponse:
    """The answer on the wire, with what the SDK can take."""
    made = answer.resource
    outputs = made.outputs if request.custom else {}
    if not request.supportsPartialValues:
        outputs = {key: value for key, value in outputs.items() if not has_unknown(value)}
    results: dict[str, Any] = {
        "success": 0,
        "failed": 1,
        "skipped": 2,
    }
    return resource_pb2.RegisterResourceResponse(
        urn=made.urn,
        # An empty one is not known: what a program makes of it waits. A reference to a provider has to be whole.
        id="" if isinstance(made.id, Unknown) and not is_provider(made.type) else id_text(made),
        object=to_struct(outputs, secrets=request.acceptSecrets),
        result=results[answer.result],
        unknown=answer.unknown,
    )
