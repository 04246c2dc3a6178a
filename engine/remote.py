"""Components and methods that live in a provider: the engine hands the call over, and the provider calls back.

The provider registers the component and its children at the same monitor as the program does, so they come the same way
into plan and state.
"""

from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.protocol import provider_pb2, resource_pb2
from engine.providers.base import Provider
from engine.registrations import fields
from engine.values import Props, downgrade, from_struct, part, to_struct

if TYPE_CHECKING:
    from engine.monitor import Monitor


async def construct(
    monitor: "Monitor",
    request: resource_pb2.RegisterResourceRequest,
    options: resource_pb2.TransformResourceOptions,
    provider: Provider,
    props: Props,
    providers: dict[str, str],
    by_property: dict[str, set[str]],
) -> resource_pb2.RegisterResourceResponse:
    """Have a provider make a component, and hand its outputs back with what each depends on."""
    asked = provider_pb2.ConstructRequest(
        project=monitor.run.project,
        stack=monitor.run.stack,
        organization="organization",
        config=monitor.config.values,
        configSecretKeys=sorted(monitor.config.secret_keys),
        dryRun=monitor.run.preview,
        parallel=monitor.parallel,
        monitorEndpoint=monitor.address,
        type=request.type,
        name=request.name,
        parent=request.parent,
        inputs=to_struct({key: downgrade(value) for key, value in props.items()}, secrets=True),
        providers=providers,
        dependencies=sorted(options.depends_on),
        additionalSecretOutputs=options.additional_secret_outputs,
        deletedWith=options.deleted_with,
        ignoreChanges=options.ignore_changes,
        replaceOnChanges=options.replace_on_changes,
        replace_with=options.replace_with,
    )
    fields(asked, "aliases").extend(fields(options, "aliases"))
    for key, urns in by_property.items():
        asked.inputDependencies[key].urns.extend(sorted(urns))
    if options.HasField("protect"):
        asked.protect = options.protect
    if options.HasField("retain_on_delete"):
        asked.retainOnDelete = options.retain_on_delete
    if options.HasField("delete_before_replace"):
        asked.deleteBeforeReplace = options.delete_before_replace
    if options.HasField("custom_timeouts"):
        given = options.custom_timeouts
        for name in ("create", "update", "delete", "read"):
            setattr(asked.customTimeouts, name, getattr(given, name))
    if options.HasField("hooks"):
        asked.resource_hooks.ParseFromString(options.hooks.SerializeToString())
    if options.HasField("replacement_trigger"):
        asked.replacement_trigger.CopyFrom(options.replacement_trigger)
    made = await provider.construct(asked)
    response = resource_pb2.RegisterResourceResponse(
        urn=made.urn, object=to_struct(from_struct(made.state), secrets=request.acceptSecrets)
    )
    for key, found in made.stateDependencies.items():
        response.propertyDependencies[key].urns.extend(found.urns)
    return response


async def call(
    monitor: "Monitor", request: resource_pb2.ResourceCallRequest, provider: Provider
) -> provider_pb2.CallResponse:
    """Call a method of a resource."""
    args = {key: downgrade(value) for key, value in from_struct(request.args).items()}
    asked = provider_pb2.CallRequest(
        tok=request.tok,
        args=to_struct(args, secrets=True),
        project=monitor.run.project,
        stack=monitor.run.stack,
        organization="organization",
        config=monitor.config.values,
        configSecretKeys=sorted(monitor.config.secret_keys),
        dryRun=monitor.run.preview,
        parallel=monitor.parallel,
        monitorEndpoint=monitor.address,
    )
    for key, found in request.argDependencies.items():
        asked.argDependencies[key].urns.extend(found.urns)
    return await provider.call(asked)


def of_method(request: resource_pb2.ResourceCallRequest) -> str:
    """The reference of the provider that a method is called on, where it is a provider's own; else empty."""
    if not request.tok.startswith("pulumi:providers:"):
        return ""
    own = part(from_struct(request.args), "__self__")
    urn, id_ = str(own.get("urn") or ""), own.get("id")
    if not urn:
        raise EngineError(f"{request.tok}: the provider that the method is called on is not among its arguments")
    return f"{urn}::{id_}"
