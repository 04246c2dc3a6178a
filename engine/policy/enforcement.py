"""Asks the packs about each resource before anything is done with it, and about the stack at the end."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine.errors import PolicyError
from engine.events import Events
from engine.goals import Goal
from engine.policy.analyzer import Analyzer
from engine.policy.config import LEVELS
from engine.policy.packs import shown
from engine.state import Resource, make_urn, split_reference, urn_name
from engine.values import (
    ARCHIVE_TAG,
    ASSET_TAG,
    RESOURCE_TAG,
    TAG,
    Props,
    Secret,
    Value,
    from_struct,
    is_dict,
    is_list,
    secret_texts,
    to_checkpoint,
    to_struct,
)

if TYPE_CHECKING:
    from engine.policy.protocol import analyzer_pb2
    from engine.run import Run


class Enforcement:
    """The packs of one operation. `saw_error` tells that a mandatory policy was violated."""

    def __init__(self, run: "Run", analyzers: Sequence[Analyzer]) -> None:
        from engine.policy.protocol import analyzer_pb2

        self._pb = analyzer_pb2
        self._run = run
        self._analyzers = list(analyzers)
        self._secrets: set[str] = set()
        self.saw_error = False

    # -- one resource ------------------------------------------------------------------------------------------------

    async def enforced(self, new: Resource, goal: Goal, inputs: Props, providers: dict[str, Resource]) -> bool:
        """Have a resource that was checked put right and looked at; whether it may go on.

        `inputs` is what will be compared with the old state; `new` gets the remedied ones.
        """
        provider = self.provider(new, providers)
        remedied = await self._remediated(new, goal, inputs, provider)
        if remedied is not inputs:
            new.inputs = remedied
        return await self._valid(new, goal, remedied, provider)

    async def _remediated(self, new: Resource, goal: Goal, inputs: Props, provider: Resource | None) -> Props:
        """The inputs as the packs leave them, one pack after the other.

        Raises PolicyError where a policy breaks down.
        """
        for analyzer in self._analyzers:
            request = self._request(new, goal, inputs, provider, internal=True)
            try:
                response = await analyzer.remediate(request)
            except PolicyError as error:
                raise PolicyError(f"failed to run remediation: {error}") from None
            for one in response.remediations:
                if one.diagnostic:
                    self._violation(
                        analyzer, new.urn, one.policyName, one.policyPackName, one.diagnostic, "advisory", ""
                    )
                    continue
                after = from_struct(one.properties)
                self._remediation(analyzer, new.urn, one.policyName, one.policyPackName, inputs, after)
                inputs = after
            failed = {one.policyName for one in response.remediations}
            unsuited = {one.policy_name for one in response.not_applicable}
            self._summary(analyzer, "policyRemediateSummaryEvent", "resource", new.urn, failed, unsuited)
        return inputs

    async def _valid(self, new: Resource, goal: Goal, inputs: Props, provider: Resource | None) -> bool:
        """Whether the resource may go on; in a preview it always may, and `saw_error` keeps what was wrong."""
        request = self._request(new, goal, inputs, provider, internal=False)
        try:
            responses = await asyncio.gather(*(analyzer.analyze(request) for analyzer in self._analyzers))
        except PolicyError as error:
            raise PolicyError(f"failed to run policy: {error}") from None
        violated = False
        for analyzer, response in zip(self._analyzers, responses, strict=True):
            violated |= self._diagnosed(analyzer, response, [new.urn] * len(response.diagnostics))
            self._summarised(analyzer, "policyAnalyzeSummaryEvent", "resource", new.urn, response)
        return self._run.preview or not violated

    def _diagnosed(self, analyzer: Analyzer, response: "analyzer_pb2.AnalyzeResponse", urns: Iterable[str]) -> bool:
        violated = False
        for one, urn in zip(response.diagnostics, urns, strict=True):
            level = LEVELS[one.enforcementLevel]
            if level == "remediate":
                level = "mandatory"  # it was to be remedied, and is wrong all the same
            violated |= level == "mandatory"
            severity = analyzer.severity(one)
            self._violation(analyzer, urn, one.policyName, one.policyPackName, one.message, level, severity)
        self.saw_error |= violated
        return violated

    def _request(
        self, new: Resource, goal: Goal, inputs: Props, provider: Resource | None, *, internal: bool
    ) -> "analyzer_pb2.AnalyzeRequest":
        return self._pb.AnalyzeRequest(
            type=new.type,
            urn=new.urn,
            name=urn_name(new.urn),
            properties=to_struct(self._sent(inputs, internal=internal), secrets=True),
            options=self._options(new, goal.ignore_changes, goal.delete_before_replace),
            provider=self._provider(provider),
        )

    # -- the stack ---------------------------------------------------------------------------------------------------

    async def analyze_stack(self, providers: dict[str, Resource]) -> None:
        """Show the packs all that the stack now holds. Raises PolicyError where a policy breaks down."""
        run = self._run
        request = self._pb.AnalyzeStackRequest(resources=[self._held(each, providers) for each in run.news.values()])
        responses = await asyncio.gather(*(analyzer.analyze_stack(request) for analyzer in self._analyzers))
        root = make_urn(run.stack, run.project, "", "pulumi:pulumi:Stack", f"{run.project}-{run.stack}")
        for analyzer, response in zip(self._analyzers, responses, strict=True):
            self._diagnosed(analyzer, response, [d.urn if d.urn in run.news else root for d in response.diagnostics])
            self._summarised(analyzer, "policyAnalyzeStackSummaryEvent", "stack", "", response)

    def _held(self, resource: Resource, providers: dict[str, Resource]) -> "analyzer_pb2.AnalyzerResource":
        goal = self._run.goals.get(resource.urn)
        pb = self._pb
        held: analyzer_pb2.AnalyzerResource = pb.AnalyzerResource(
            type=resource.type,
            urn=resource.urn,
            name=urn_name(resource.urn),
            properties=to_struct(self._sent(resource.outputs, internal=False), secrets=True),
            options=self._options(resource, resource.ignore_changes, goal.delete_before_replace if goal else None),
            provider=self._provider(self.provider(resource, providers)),
            parent=resource.parent,
            dependencies=resource.dependencies,
            propertyDependencies={
                key: pb.AnalyzerPropertyDependencies(urns=urns)
                for key, urns in resource.property_dependencies.items()
                if urns
            },
        )
        return held

    # -- what is sent ------------------------------------------------------------------------------------------------

    def provider(self, resource: Resource, providers: dict[str, Resource]) -> Resource | None:
        """The provider of a resource, as it is registered now, or as it was before where it is the same one."""
        if not resource.provider:
            return None
        urn, id_ = split_reference(resource.provider)
        if urn in providers:
            return providers[urn]
        old = self._run.olds.get(urn)
        return old if old is not None and str(old.id) == id_ else None

    def _sent(self, props: Props, *, internal: bool) -> Props:
        kept = props if internal else {key: value for key, value in props.items() if not key.startswith("__")}
        for key, value in kept.items():
            if key != "__provider":
                self._secrets.update(secret_texts(value))
        return {key: _simple(value) for key, value in kept.items()}

    def _provider(self, provider: Resource | None) -> "analyzer_pb2.AnalyzerProviderResource | None":
        if provider is None:
            return None
        return self._pb.AnalyzerProviderResource(
            type=provider.type,
            urn=provider.urn,
            name=urn_name(provider.urn),
            properties=to_struct(self._sent(provider.inputs, internal=False), secrets=True),
        )

    def _options(
        self, resource: Resource, ignored: list[str], delete_first: bool | None
    ) -> "analyzer_pb2.AnalyzerResourceOptions":
        pb = self._pb
        times = resource.custom_timeouts
        options: analyzer_pb2.AnalyzerResourceOptions = pb.AnalyzerResourceOptions(
            protect=resource.protect,
            ignoreChanges=ignored,
            deleteBeforeReplace=bool(delete_first),
            deleteBeforeReplaceDefined=delete_first is not None,
            additionalSecretOutputs=resource.additional_secret_outputs,
            aliases=resource.aliases,
            customTimeouts=pb.AnalyzerResourceOptions.CustomTimeouts(
                create=times.get("create", 0),
                update=times.get("update", 0),
                delete=times.get("delete", 0),
                read=times.get("read", 0),
            ),
            parent=resource.parent,
        )
        return options

    # -- what is told ------------------------------------------------------------------------------------------------

    def hidden(self, text: str) -> str:
        """The text without the secrets that the packs were shown: they may print them, the engine does not."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def _violation(
        self, analyzer: Analyzer, urn: str, policy: str, pack: str, message: str, level: str, severity: str
    ) -> None:
        payload: Props = {
            "resourceUrn": urn,
            "message": self.hidden(message) + "\n",
            "color": "never",
            **_named(analyzer, policy, pack),
            "enforcementLevel": level,
        }
        if severity:
            payload["severity"] = severity
        self._events.tell("policyEvent", payload)

    def _remediation(self, analyzer: Analyzer, urn: str, policy: str, pack: str, before: Props, after: Props) -> None:
        payload: Props = {"resourceUrn": urn, "color": "raw", **_named(analyzer, policy, pack)}
        for key, value in (("before", before), ("after", after)):
            if value:
                payload[key] = to_checkpoint(value, None)
        self._events.tell("policyRemediationEvent", payload)

    def _summarised(
        self, analyzer: Analyzer, event: str, kind: str, urn: str, response: "analyzer_pb2.AnalyzeResponse"
    ) -> None:
        failed = {one.policyName for one in response.diagnostics}
        self._summary(analyzer, event, kind, urn, failed, {one.policy_name for one in response.not_applicable})

    def _summary(
        self, analyzer: Analyzer, event: str, kind: str, urn: str, failed: set[str], unsuited: set[str]
    ) -> None:
        info = analyzer.info
        passed = [
            each.name
            for each in info.policies
            if each.kind in (kind, "") and each.level != "disabled" and each.name not in failed | unsuited
        ]
        payload: Props = {"resourceUrn": urn} if urn else {}
        payload |= {
            "policyPackName": info.name,
            "policyPackVersion": info.version,
            "policyPackVersionTag": info.version,
        }
        if passed:
            payload["passed"] = passed
        if failed:
            payload["failed"] = sorted(failed)
        self._events.tell(event, payload)

    @property
    def _events(self) -> Events:
        return self._run.events

    async def cancel(self) -> None:
        await asyncio.gather(*(analyzer.cancel() for analyzer in self._analyzers))

    async def close(self) -> None:
        await asyncio.gather(*(analyzer.close() for analyzer in self._analyzers))


def applied(analyzers: Iterable[Analyzer]) -> dict[str, str]:
    """The packs as the summary names them, with their versions."""
    return {f"{each.info.name}|local|{shown(each.pack.path)}": each.info.version for each in analyzers}


def _named(analyzer: Analyzer, policy: str, pack: str) -> Props:
    version = analyzer.info.version
    return {
        "policyName": policy,
        "policyPackName": pack,
        "policyPackVersion": version,
        "policyPackVersionTag": version,
    }


def _simple(value: Value) -> Value:
    """References to resources as ids or URNs, for packs know no others; everything else as it is."""
    if is_dict(value):
        if value.get(TAG) == RESOURCE_TAG:
            return value.get("id") or value.get("urn", "")
        if value.get(TAG) in (ASSET_TAG, ARCHIVE_TAG):
            return value
        return {key: _simple(item) for key, item in value.items()}
    if is_list(value):
        return [_simple(item) for item in value]
    if isinstance(value, Secret):
        return Secret(_simple(value.value))
    return value
