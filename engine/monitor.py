"""The services that the program talks to: ResourceMonitor, and Engine for its log."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from engine import requests
from engine.callbacks import Callbacks, Transform
from engine.errors import EngineError
from engine.goals import Answer, Goal, Outputs, Reading, Registration
from engine.hooks import Hook
from engine.projects import Config, Project
from engine.protocol import (
    callback_pb2,
    resource_pb2,
)
from engine.run import Run
from engine.state import PROVIDER_PREFIX, Resource, is_provider, package_of, split_reference, urn_type
from engine.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Props,
    Secret,
    Unknown,
    downgrade,
    from_struct,
    from_value,
    has_unknown,
    output_dependencies,
    to_struct,
)

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

Posted = Registration | Reading | Outputs

DYNAMIC_PACKAGES = ("pulumi-python", "pulumi-nodejs")
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


def fields(message: object, name: str) -> Any:
    """A field of a message that another file of the protocol defines: the shipped stubs lose the types of those."""
    return getattr(message, name)


def optional(message: Any, name: str) -> Any:
    """A message within a message, or None where it is not set."""
    return getattr(message, name) if message.HasField(name) else None


class Closed(EngineError):
    """The operation is over; nobody answers any more."""


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
        self.program_done = asyncio.Event()
        self.over = asyncio.Event()
        self._defaults: dict[str, str] = {}
        self._default_lock = asyncio.Lock()
        self._goals: dict[str, Goal] = {}
        self._parents: dict[str, str] = {}
        self._transforms: dict[str, list[Transform]] = {}
        self._stack_transforms: list[Transform] = []
        self._invoke_transforms: list[Callable[..., Awaitable[Any]]] = []
        self._component_providers: dict[str, dict[str, str]] = {}
        self._packages: dict[str, tuple[str, str, str]] = {}

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

    # -- providers ---------------------------------------------------------------------------------------------------

    async def default_provider(self, package: str, version: str = "", url: str = "") -> str:
        """The reference to the default provider of a package, registered when the first resource needs it."""
        async with self._default_lock:
            key = f"{package}@{version}@{url}"
            known = self._defaults.get(key)
            if known is not None:
                return known
            self._refuse_denied(package)
            inputs = self._provider_config(package)
            if version:
                inputs["version"] = version
            if url:
                inputs["pluginDownloadURL"] = url
            name = "default" + (f"_{version}" if version else "")
            name = "".join(c if c.isalnum() else "_" for c in name)
            reg = Registration(Goal(PROVIDER_PREFIX + package, name, True, inputs))
            self.post(reg)
            answer: Answer = await self.waited(reg.answer)
            if answer.result != "success":
                raise Closed(f"the default provider of {package} could not be made")
            made = f"{answer.resource.urn}::{_id_text(answer.resource)}"
            self._defaults[key] = made
            return made

    def _refuse_denied(self, package: str) -> None:
        text = self.config.values.get("pulumi:disable-default-providers", "")
        if package == "pulumi" or not text:
            return
        import json

        try:
            denied = [str(entry).strip() for entry in json.loads(text)]
        except (ValueError, TypeError):
            raise EngineError(f"Failed to parse pulumi:disable-default-providers: {text}") from None
        if "*" in denied or package in denied:
            raise EngineError(f"Default provider for '{package}' disabled. It must use an explicit provider.")

    def _provider_config(self, package: str) -> Props:
        out: Props = {}
        for key, text in self.config.values.items():
            namespace, _, name = key.partition(":")
            if package not in DYNAMIC_PACKAGES and namespace != package:
                continue
            value = Secret(text) if key in self.config.secret_keys else text
            out[key if package in DYNAMIC_PACKAGES else name] = value
        return out

    async def provider_for(
        self, type_: str, given: str, providers: dict[str, str], parent: str, version: str, url: str, package_ref: str
    ) -> str:
        """The provider that a resource or a look-up uses: its own, its parents', the package's default."""
        package = package_of(type_)
        found = given or providers.get(package, "")
        if not found and parent:
            found = self._component_providers.get(parent, {}).get(package, "")
        if found:
            return found
        if package_ref:
            if package_ref not in self._packages:
                raise EngineError(f"unknown provider package '{package_ref}'")
            package, version, url = self._packages[package_ref]
        return await self.default_provider(package, version, url)

    # -- registering -------------------------------------------------------------------------------------------------

    async def register(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        parent = request.parent
        self._inherit(request, parent)
        type_, name, custom = request.type, request.name, request.custom
        if request.remote:
            raise EngineError(
                f"{type_} '{name}' is a component of another package (remote), which the embedded engine cannot make; "
                "install the Pulumi CLI and run the same command with `--engine pulumi`"
            )
        props = from_struct(request.object)
        dependencies = set(request.dependencies)
        by_property = {key: set(found.urns) for key, found in request.propertyDependencies.items()}
        if not by_property:
            by_property = {key: set(dependencies) for key in props}
        own = [self.callbacks.transform(callback) for callback in fields(request, "transforms")]
        options = self._options(request)
        if own:
            props = requests.with_dependencies(props, by_property)
        for transform in [*own, *self._inherited_transforms(parent), *self._stack_transforms]:
            props, options = await transform(name, type_, custom, parent, props, options)
        if own:
            dependencies = set(options.depends_on)
            by_property = {key: output_dependencies(value) for key, value in props.items()}
            for urns in by_property.values():
                dependencies |= urns
        else:
            for key, value in props.items():
                by_property.setdefault(key, set()).update(output_dependencies(value))
        provider = ""
        if custom and not is_provider(type_):
            provider = await self.provider_for(
                type_,
                options.provider,
                dict(options.providers),
                parent,
                options.version,
                options.plugin_download_url,
                request.packageRef,
            )
        providers = dict(options.providers)
        if not custom:
            providers = {**self._component_providers.get(parent, {}), **providers}
        if is_provider(type_):
            self._provider_props(request, options, props)
        goal = self._goal(request, options, props, provider, dependencies, by_property)
        reg = Registration(goal)
        self.post(reg)
        answer: Answer = await self.waited(reg.answer)
        if answer.result != "success" and not request.supportsResultReporting:
            raise EngineError("resource registration failed")
        self._remember(answer.resource.urn, goal, own, providers if not custom else None)
        return self._response(request, answer)

    def _inherit(self, request: resource_pb2.RegisterResourceRequest, parent: str) -> None:
        goal = self._goals.get(parent) if parent else None
        if goal is None:
            return
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

    def _inherited_transforms(self, parent: str) -> list[Transform]:
        out: list[Transform] = []
        while parent:
            out += self._transforms.get(parent, [])
            parent = self._parents.get(parent, "")
        return out

    def _options(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.TransformResourceOptions:
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

    def _provider_props(
        self,
        request: resource_pb2.RegisterResourceRequest,
        options: resource_pb2.TransformResourceOptions,
        props: Props,
    ) -> None:
        version, url = options.version, options.plugin_download_url
        if request.packageRef in self._packages:
            _, found, found_url = self._packages[request.packageRef]
            version, url = version or found, url or found_url
        if version:
            props["version"] = version
        if url:
            props["pluginDownloadURL"] = url

    def _goal(
        self,
        request: resource_pb2.RegisterResourceRequest,
        options: resource_pb2.TransformResourceOptions,
        props: Props,
        provider: str,
        dependencies: set[str],
        by_property: dict[str, set[str]],
    ) -> Goal:
        root = str(self.project.root)
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
            provider=provider or ("" if request.custom else options.provider),
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

    def _remember(self, urn: str, goal: Goal, own: list[Transform], providers: dict[str, str] | None) -> None:
        self._goals[urn] = goal
        self._parents[urn] = goal.parent
        self._transforms[urn] = own
        if providers is not None:
            self._component_providers[urn] = providers

    def _response(
        self, request: resource_pb2.RegisterResourceRequest, answer: Answer
    ) -> resource_pb2.RegisterResourceResponse:
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
            id=_id_text(made),
            object=to_struct(outputs, secrets=request.acceptSecrets),
            result=results[answer.result],
            unknown=answer.unknown,
        )

    # -- reading and look-ups ----------------------------------------------------------------------------------------

    async def read(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        provider = request.provider
        if not is_provider(request.type) and not provider:
            provider = await self.provider_for(
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
        return resource_pb2.ReadResourceResponse(
            urn=made.urn, properties=to_struct(made.outputs, secrets=request.acceptSecrets)
        )

    async def invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        args: Props = {key: downgrade(value) for key, value in from_struct(request.args).items()}
        given, version, url = request.provider, request.version, request.pluginDownloadURL
        options = resource_pb2.TransformInvokeOptions(provider=given, version=version, plugin_download_url=url)
        for transform in self._invoke_transforms:
            args, options = await transform(request.tok, args, options)
        reference = await self.provider_for(
            request.tok,
            options.provider,
            {},
            request.parent,
            options.version,
            options.plugin_download_url,
            request.packageRef,
        )
        provider = self.run.registry.get(reference)
        if provider is None:
            raise EngineError(f"unknown provider '{reference}' for the function '{request.tok}'")
        if has_unknown(args) and self.run.preview:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        values, failures = await provider.invoke(request.tok, args, preview=self.run.preview)
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

    def add_package(self, request: resource_pb2.RegisterPackageRequest) -> str:
        if request.HasField("parameterization") or request.HasField("extension"):
            raise EngineError(
                f"the package '{request.parameterization.name or request.extension.name}' is a parameterised one, "
                "which the embedded engine cannot plan; install the Pulumi CLI"
            )
        entry = (request.name, request.version, request.download_url)
        for ref, known in self._packages.items():
            if known == entry:
                return ref
        ref = str(uuid.uuid4())
        self._packages[ref] = entry
        return ref

    def info(self) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(
            project=self.run.project,
            stack=self.run.stack,
            organization="organization",
            config=self.config.values,
            configSecretKeys=sorted(self.config.secret_keys),
            dryRun=self.run.preview,
            parallel=self.parallel,
            supportedFeatures=list(FEATURES.values()),
        )


def _id_text(resource: Resource) -> str:
    return UNKNOWN_TEXT if isinstance(resource.id, Unknown) else resource.id
