"""The services that the program talks to: ResourceMonitor, and Engine for its log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from engine import remote, requests
from engine.callbacks import Callbacks, Transform
from engine.defaults import Packages
from engine.errors import BadArgument, Closed, EngineError, PluginError, ProviderMissing, ProviderRefused
from engine.gate import Gate
from engine.goals import Answer, Finished, Goal, Outputs, Reading, Registration
from engine.hooks import Hook
from engine.projects import Config, Project
from engine.protocol import (
    callback_pb2,
    provider_pb2,
    resource_pb2,
)
from engine.providers.base import Provider, Unanswered
from engine.registrations import Trace, fields, goal_of, inherit, options_of, plain_goal, response_to
from engine.run import Run
from engine.settled import Settled
from engine.state import is_provider
from engine.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Props,
    bare,
    downgrade,
    from_struct,
    has_unknown,
    output_dependencies,
    to_struct,
)

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

Posted = Registration | Reading | Outputs | Finished
Served = TypeVar("Served")

FEATURES = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "outputValues": resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    "aliasSpecs": resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "replacementTrigger": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    "deletedWith": resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    "replaceWith": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    "transforms": resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    "invokeTransforms": resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    "parameterization": resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
    "resourceHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    "errorHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
    "sendsOptionsToHooks": resource_pb2.RESOURCE_MONITOR_FEATURE_SENDS_OPTIONS_TO_HOOKS,
}


def _check_type(token: str) -> None:
    if token.count(":") != 2:
        raise BadArgument(f"Type '{token}' is not a valid type token (must have format '*:*:*')")


class Monitor:
    """Takes what the program asks for, hands it on by `post`, and answers when it has been done."""

    def __init__(
        self, run: Run, project: Project, config: Config, parallel: int, post: Callable[[Posted], None]
    ) -> None:
        self.run = run
        self.project = project
        self.config = config
        self.parallel = parallel
        self.post = post
        self.callbacks = Callbacks()
        self.address = ""
        """Where this monitor is served, HOST:PORT."""
        self.gate: Gate | None = None
        """What every request waits at before anything is done; none in a preview."""
        self.program_done = asyncio.Event()
        self.over = asyncio.Event()
        self.packages = Packages(config, self._registered)
        self._settled = Settled()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._closing: asyncio.Future[None] | None = None
        self._goals: dict[str, Goal] = {}
        self._parents: dict[str, str] = {}
        self._transforms: dict[str, list[Transform]] = {}
        self._stack_transforms: list[Transform] = []
        self._invoke_transforms: list[Callable[..., Awaitable[Any]]] = []

    async def waited(self, answer: "asyncio.Future[Any]") -> Any:
        """The answer; raises Closed when the operation ends first."""
        closing = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({answer, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
        if not answer.done():
            raise Closed("resource monitor shut down")
        return answer.result()

    async def _registered(self, reg: Registration) -> Answer:
        self.post(reg)
        answer: Answer = await self.waited(reg.answer)
        return answer

    # -- registering -------------------------------------------------------------------------------------------------

    async def register(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        with self._settled.registering(request.parent):
            return await self._register(request)

    async def _register(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        parent = request.parent
        if parent in self._goals:
            inherit(request, self._goals[parent])
        type_, name, custom = request.type, request.name, request.custom
        if custom or request.remote:
            _check_type(type_)
        props = from_struct(request.object)
        dependencies = set(request.dependencies)
        by_property = {key: set(found.urns) for key, found in request.propertyDependencies.items()}
        if not by_property:
            by_property = {key: set(dependencies) for key in props}
        own = [self.callbacks.transform(callback) for callback in fields(request, "transforms")]
        options = options_of(request)
        if own:
            props = requests.with_dependencies(props, by_property)
        if custom:
            options.provider = self.packages.given(type_, options.provider, dict(options.providers), parent)
        transforms = [*own, *self._inherited_transforms(parent), *self._stack_transforms]
        if transforms:
            props = {key: requests.upgraded(value) for key, value in props.items()}
        for transform in transforms:
            try:
                props, options = await transform(name, type_, custom, parent, props, options)
            except EngineError as error:
                raise EngineError(f"invoke transform: {error}") from None
        if own:
            dependencies = set(options.depends_on)
            by_property = {key: output_dependencies(value) for key, value in props.items()}
            for urns in by_property.values():
                dependencies |= urns
        else:
            for key, value in props.items():
                by_property.setdefault(key, set()).update(output_dependencies(value))
        provider = ""
        if (custom or request.remote) and not is_provider(type_):
            provider = await self.packages.provider_for(
                type_,
                options.provider,
                {},
                "",
                options.version,
                options.plugin_download_url,
                request.packageRef,
            )
        providers = dict(options.providers)
        if not custom:
            providers = {**self.packages.of_component(parent), **providers}
        if request.remote:
            served = self._served(provider, type_)
            made = await self._or_end(remote.construct(self, request, options, served, props, providers, by_property))
            self._settled.add(made.urn, parent, custom=False, there=True)
            return made
        if is_provider(type_):
            self.packages.complete(request, options, props)
        goal = goal_of(str(self.project.root), request, options, props, provider, dependencies, by_property)
        reg = Registration(goal)
        answer = await self._registered(reg)
        if answer.result != "success" and not request.supportsResultReporting:
            raise EngineError("resource registration failed")
        urn, known = answer.resource.urn, answer.resource.id not in ("", UNKNOWN)
        self._settled.add(urn, parent, custom=custom, there=known)
        self._remember(urn, goal, own, providers if not custom else None)
        return response_to(request, answer)

    def transforms(self, parent: str) -> bool:
        """Whether the program has transforms for what is made below a resource."""
        return bool(self._stack_transforms or self._inherited_transforms(parent))

    async def register_plain(self, asked: dict[str, Any], trace: Trace) -> Answer:
        """`register`, of ordinary options that no transform changes."""
        parent = asked["parent"]
        with self._settled.registering(parent):
            goal = plain_goal(asked, trace, self._goals.get(parent))
            providers: dict[str, str] | None = None
            if goal.custom:
                _check_type(goal.type)
                given = self.packages.given(goal.type, goal.provider, {}, parent)
                version, url = asked.get("version", ""), asked.get("pluginDownloadURL", "")
                goal.provider = await self.packages.provider_for(goal.type, given, {}, "", version, url, "")
            else:
                providers = {**self.packages.of_component(parent), **asked["providers"]}
            reg = Registration(goal)
            self.post(reg)
            answer: Answer = await self._ended(reg.answer)
            urn, known = answer.resource.urn, answer.resource.id not in ("", UNKNOWN)
            self._settled.add(urn, parent, custom=goal.custom, there=known)
            self._remember(urn, goal, [], providers)
            return answer

    async def _ended(self, answer: "asyncio.Future[Any]") -> Any:
        """As `waited`, for many at once."""
        if self.over.is_set():
            raise Closed("resource monitor shut down")
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        self._waiting.add(answer)
        try:
            return await answer
        finally:
            self._waiting.discard(answer)

    async def _close(self) -> None:
        await self.over.wait()
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(Closed("resource monitor shut down"))

    def _served(self, reference: str, what: str) -> Provider:
        provider = self.run.registry.get(reference)
        if provider is None:
            raise EngineError(f"unknown provider '{reference}' for '{what}'")
        return provider

    async def call(self, request: resource_pb2.ResourceCallRequest) -> provider_pb2.CallResponse:
        reference = request.provider or remote.of_method(request)
        if not reference:
            reference = await self.packages.provider_for(
                request.tok, "", {}, "", request.version, request.pluginDownloadURL, request.packageRef
            )
        return await self._or_end(remote.call(self, request, self._served(reference, request.tok)))

    async def _or_end(self, work: Awaitable[Served]) -> Served:
        """What a provider answers; where there is no provider the operation ends with the engine's own words."""
        try:
            return await work
        except ProviderMissing as error:
            self.post(Finished(str(error)))
            raise Closed("resource monitor shut down") from None

    def _inherited_transforms(self, parent: str) -> list[Transform]:
        out: list[Transform] = []
        while parent:
            out += self._transforms.get(parent, [])
            parent = self._parents.get(parent, "")
        return out

    def _remember(self, urn: str, goal: Goal, own: list[Transform], providers: dict[str, str] | None) -> None:
        self._goals[urn] = goal
        self._parents[urn] = goal.parent
        self._transforms[urn] = own
        if providers is not None:
            self.packages.give_component(urn, providers)

    # -- reading and look-ups ----------------------------------------------------------------------------------------

    async def read(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        _check_type(request.type)
        provider = request.provider
        if not is_provider(request.type) and not provider:
            provider = await self.packages.provider_for(
                request.type, "", {}, request.parent, request.version, request.pluginDownloadURL, request.packageRef
            )
        root = str(self.project.root)
        reading = Reading(
            type=request.type,
            name=request.name,
            id=UNKNOWN if request.id == UNKNOWN_TEXT else request.id,
            parent=request.parent,
            provider=provider,
            properties={key: downgrade(value) for key, value in from_struct(request.properties).items()},
            dependencies=sorted(request.dependencies),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            source_position=requests.position(
                root, fields(request, "sourcePosition") if request.HasField("sourcePosition") else None
            ),
            stack_trace=requests.stack_trace(
                root, fields(request, "stackTrace") if request.HasField("stackTrace") else None
            ),
            answer=asyncio.get_running_loop().create_future(),
        )
        self.post(reading)
        answer: Answer = await self.waited(reading.answer)
        made = answer.resource
        self._parents[made.urn] = made.parent
        self._settled.add(made.urn, request.parent, custom=True, there=True)
        return resource_pb2.ReadResourceResponse(
            urn=made.urn, properties=to_struct(made.outputs, secrets=request.acceptSecrets)
        )

    async def invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        args: Props = {key: downgrade(value) for key, value in from_struct(request.args).items()}
        given = self.packages.given(request.tok, request.provider, {}, request.parent)
        version, url = request.version, request.pluginDownloadURL
        options = resource_pb2.TransformInvokeOptions(provider=given, version=version, plugin_download_url=url)
        for transform in self._invoke_transforms:
            args, options = await transform(request.tok, bare(args), options)
        reference = await self.packages.provider_for(
            request.tok,
            options.provider,
            {},
            "",
            options.version,
            options.plugin_download_url,
            request.packageRef,
        )
        provider = self.run.registry.get(reference)
        if provider is None:
            raise EngineError(f"unknown provider '{reference}' for the function '{request.tok}'")
        if request.dependsOn and await self._settled.lacking(request.dependsOn):
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        if has_unknown(args) and self.run.preview:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        if not provider.takes_marked_questions:
            args = bare(args)
        try:
            values, failures = await provider.invoke(request.tok, args, preview=self.run.preview)
        except Unanswered as error:
            self.run.events.say("warning", str(error))
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        except (PluginError, ProviderRefused) as error:
            raise EngineError(f"invocation of {request.tok} returned an error: {error}") from None
        response = resource_pb2.ResourceInvokeResponse(
            failures=[{"property": f.property, "reason": f.reason} for f in failures]
        )
        getattr(response, "return").CopyFrom(to_struct(values, secrets=True))
        return response

    async def outputs(self, urn: str, struct: "struct_pb2.Struct") -> None:
        values: Props = {key: downgrade(value) for key, value in from_struct(struct).items()}
        event = Outputs(urn, values, asyncio.get_running_loop().create_future())
        self.post(event)
        await self.waited(event.answer)

    async def plain_outputs(self, urn: str, values: Props) -> None:
        """`outputs`, of properties that have been read."""
        event = Outputs(urn, values, asyncio.get_running_loop().create_future())
        self.post(event)
        await self._ended(event.answer)

    # -- everything else ---------------------------------------------------------------------------------------------

    def add_stack_transform(self, callback: callback_pb2.Callback) -> None:
        self._stack_transforms.append(self.callbacks.transform(callback))

    def add_invoke_transform(self, callback: callback_pb2.Callback) -> None:
        self._invoke_transforms.append(self.callbacks.invoke_transform(callback))

    def add_hook(self, request: resource_pb2.RegisterResourceHookRequest) -> None:
        if request.name in self.run.hooks.named:
            raise EngineError(f'resource hook "{request.name}" already registered')
        hook = Hook(self.callbacks.hook(fields(request, "callback")), request.on_dry_run, request.ignore_errors)
        self.run.hooks.named[request.name] = hook

    def add_error_hook(self, request: resource_pb2.RegisterErrorHookRequest) -> None:
        self.run.hooks.on_error[request.name] = self.callbacks.error_hook(fields(request, "callback"))

    def info(self) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(
            project=self.run.project,
            stack=self.run.stack,
            organization="organization",
            config=self.config.values,
            configSecretKeys=sorted(self.config.secret_keys),
            dryRun=self.run.preview,
            parallel=self.parallel,
            supportedFeatures=[*FEATURES.values(), resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_DEPENDS_ON],
        )
