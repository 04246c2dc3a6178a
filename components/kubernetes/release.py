"""`Release`: which version of a model serves, as a Pulumi resource.

The service reads `stable`, which changes only when a new version has held: a failed release fails this resource, and
nothing downstream is touched, in state and in the cluster. The provider is pickled by reference, so the names of this
module and its class are part of every stack's state: they stay. It has no attributes; what it does lies in `releasing`.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NotRequired, TypedDict

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from components.history import Promotion, found, moved, of, promoted
from components.kubernetes import access, names

if TYPE_CHECKING:
    from components.kubernetes.access import Cluster
    from components.kubernetes.releasing.plan import Subject
    from components.kubernetes.releasing.running import Release as Running

OUTPUTS = ("stable", "stable_digest", "history", "verdict", "owner")


class ReleaseArgs(TypedDict):
    service: str
    """The ModelService's name."""
    namespace: pulumi.Input[str]
    """Where it lives."""
    candidate: pulumi.Input[str]
    """The image that is to serve, by digest: the output `reference` of a ModelImage that was pushed."""
    template: pulumi.Input[Mapping[str, Any]]
    """The pod template of the service, `components.kubernetes.service.rendered`; of any image."""
    version: NotRequired[pulumi.Input[str]]
    """What the candidate is called in the history. Default: nothing."""
    strategy: NotRequired[pulumi.Input[str]]
    """`releasing.plan.Plan(...).canonical()`. Default: rolling."""
    analysis: NotRequired[pulumi.Input[str]]
    """`releasing.plan.Analysis(...).canonical()`. Default: only the candidate's pods are looked at."""
    routes: NotRequired[Sequence[str]]
    """HTTPRoutes that lead to the service, `NAME` or `NAMESPACE/NAME`. Default: none, so a split goes by replicas."""
    pin: NotRequired[pulumi.Input[str | None]]
    """Digest, its beginning, number or version of an earlier promotion, to serve in place of the candidate."""
    context: NotRequired[pulumi.Input[str | None]]
    """Context of the kubeconfig, as given to the Kubernetes provider. Default: the current one."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """Text of a kubeconfig, as given to the Kubernetes provider, of a cluster that the same program makes. Default: the
    kubeconfig of this machine."""


class ReleaseProvider(ResourceProvider):
    """Promotes a version or rolls it back. Equal digests never run; what an interrupted run left is found."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return CheckResult(news, [CheckFailure(key, reason) for key, reason in _problems(news)])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: the version that is to serve, where it comes from, or what an interrupted run left behind."""
        if any(isinstance(_news.get(key), Unknown) for key in ("candidate", "pin")):
            return DiffResult(changes=True, replaces=[])
        moved = [
            key for key in ("service", "namespace") if not _unknown(_news, key) and _olds.get(key) != _news.get(key)
        ]
        if moved:
            return DiffResult(changes=True, replaces=moved, delete_before_replace=True)
        wanted = _wanted(_olds, _news)
        if wanted["reference"] != _olds.get("stable"):
            _announce(_olds, _news, wanted)
            return DiffResult(changes=True, replaces=[])
        left = _left(_olds)
        if left:
            _say(_news, "release", left)
        return DiffResult(changes=bool(left), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        from components.kubernetes.releasing import owning

        wanted = _wanted({}, props)
        owned = {**props, "owner": owning.new(str(props.get("stack") or ""))}
        with _cluster(props) as cluster:
            release = _release(cluster, owned)
            release.claim(begins=True)
            verdict = release.run(wanted["reference"], wanted["reference"])
        return CreateResult(f"{props['namespace']}/{props['service']}", _outputs(owned, [], wanted, verdict))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        from components.kubernetes.releasing import owning

        wanted = _wanted(_olds, _news)
        stable = str(_olds["stable"])
        owned = {**_news, "owner": _olds.get("owner") or owning.begun_before(str(_news.get("stack") or ""))}
        with _cluster(_news) as cluster:
            at_once = bool(_news.get("pin"))
            release = _release(cluster, owned, at_once=at_once)
            release.claim(begins=False)
            verdict = release.run(wanted["reference"], stable)
        history = of(_olds)
        if names.digest(stable) == wanted["digest"] and history:
            # The same version by another address, or a clean-up: no promotion.
            history = moved(history, wanted["reference"])
            verdict = verdict or str(_olds.get("verdict") or "")
            return UpdateResult(_told(_news) | _final(history, verdict, owned["owner"]))
        if release.unanswered:
            # It is no version to return to.
            history = history[:-1]
        return UpdateResult(_outputs(owned, history, wanted, verdict))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What serves is a promotion's doing, and what is in the cluster besides is for `diff` to find."""
        return ReadResult(id_, {key: value for key, value in props.items() if key != "__provider"})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        with _cluster(_props) as cluster:
            _release(cluster, _props).clean()


class Release(Resource, module="modelport", name="Release"):
    """The version of a model that serves. A new one takes its place step by step, or is rolled back and fails this.

    The first one is promoted at once. Whatever reads `stable` is touched only when a version has held.
    """

    stable: pulumi.Output[str]
    """The image that serves: what a ModelService is to run."""
    stable_digest: pulumi.Output[str]
    """Its digest."""
    history: pulumi.Output[list[dict[str, Any]]]
    """What was promoted, with number, digest, reference, version and time; the last is what serves."""
    verdict: pulumi.Output[str]
    """Why the version that serves was promoted."""
    owner: pulumi.Output[str]
    """What the record in the cluster has to name for this stack to change anything there."""

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        from components.kubernetes.releasing.plan import NONE, Plan

        inputs: dict[str, Any] = {
            "service": names.service(args["service"]),
            "namespace": args["namespace"],
            "candidate": args["candidate"],
            # As text: a number in a dynamic resource's input comes back as a float.
            "template": pulumi.Output.json_dumps(args["template"], sort_keys=True),
            "version": args.get("version", ""),
            "strategy": args.get("strategy", Plan().canonical()),
            "analysis": args.get("analysis", NONE.canonical()),
            "routes": list(args.get("routes", ())),
            "pin": args.get("pin"),
            **access.where(args),
            "stack": f"{pulumi.get_project()}/{pulumi.get_stack()}",
        }
        super().__init__(ReleaseProvider(), name, {**dict.fromkeys(OUTPUTS), **inputs}, opts)


def _problems(news: Mapping[str, Any]) -> list[tuple[str, str]]:
    from components.kubernetes.releasing.plan import NONE, Analysis, Plan, mismatched

    out: list[tuple[str, str]] = []
    if not _unknown(news, "candidate"):
        try:
            names.digest(str(news.get("candidate")))
        except ValueError as error:
            out.append(("candidate", str(error)))
    plan, analysis = None, NONE
    routed = bool(news.get("routes"))
    for key, kind in (("strategy", Plan), ("analysis", Analysis)):
        if _unknown(news, key):
            continue
        try:
            parsed = kind.parse(str(news.get(key) or "{}"))
            told = parsed.problems(routed=routed) if isinstance(parsed, Plan) else parsed.problems()
            out += [(key, reason) for reason in told]
        except (ValueError, TypeError) as error:
            out.append((key, str(error)))
            continue
        if isinstance(parsed, Plan):
            plan = parsed
        else:
            analysis = parsed
    return out + [("analysis", reason) for reason in (mismatched(plan, analysis) if plan else ())]


def _unknown(props: Mapping[str, Any], key: str) -> bool:
    """Whether a preview does not know the value yet."""
    return isinstance(props.get(key), Unknown)


def _candidate(news: Mapping[str, Any]) -> Promotion:
    reference = str(news["candidate"])
    return {
        "number": 0,
        "digest": names.digest(reference),
        "reference": reference,
        "version": "" if _unknown(news, "version") else str(news.get("version") or ""),
        "at": "",
    }


def _wanted(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Promotion:
    """What is to serve: the candidate, or the earlier version that is pinned. Raises BadRelease."""
    from components.kubernetes.releasing.errors import BadRelease

    pin = news.get("pin")
    if not pin:
        return _candidate(news)
    try:
        return found(of(olds), str(pin))
    except ValueError as error:
        raise BadRelease(f"{news.get('service')}: modelport:release.pin is {error}") from None


def _told(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key not in ("__provider", *OUTPUTS)}


def _outputs(props: Mapping[str, Any], history: Sequence[Promotion], wanted: Promotion, verdict: str) -> dict[str, Any]:
    return _told(props) | _final(promoted(history, wanted), verdict, props["owner"])


def _final(history: Sequence[Promotion], verdict: str, owner: str) -> dict[str, Any]:
    last = history[-1]
    return {
        "stable": last["reference"],
        "stable_digest": last["digest"],
        "history": list(history),
        "verdict": verdict,
        "owner": owner,
    }


def _cluster(props: Mapping[str, Any]) -> "Cluster":
    return access.opened(props)


def _subject(props: Mapping[str, Any]) -> "Subject":
    import json

    from components.kubernetes.releasing.plan import Subject

    return Subject(
        str(props["service"]),
        str(props["namespace"]),
        tuple(str(each) for each in props.get("routes") or ()),
        json.loads(str(props["template"])),
        str(props.get("owner") or ""),
    )


def _release(cluster: "Cluster", props: Mapping[str, Any], *, at_once: bool = False) -> "Running":
    """The release of what the inputs say. at_once: a version that has served before needs no steps."""
    from components.kubernetes.releasing.objects import Objects
    from components.kubernetes.releasing.plan import NONE, Analysis, Plan
    from components.kubernetes.releasing.prometheus import Prometheus
    from components.kubernetes.releasing.running import Release as Running
    from components.kubernetes.releasing.running import strategy_of

    subject = _subject(props)
    plan = Plan.parse(str(props.get("strategy") or "{}"))
    analysis = Analysis.parse(str(props.get("analysis") or "{}"))
    if at_once:
        plan, analysis = Plan(ready=plan.ready), NONE
    prometheus = Prometheus(analysis.prometheus, cluster) if analysis.measures else None
    step = strategy_of(plan)
    return Running(Objects(cluster, subject), prometheus, subject, plan, analysis, lambda text: _say(props, step, text))


def _left(olds: Mapping[str, Any]) -> str:
    """What an interrupted run left in the cluster, in words; nothing where there is nothing, or nobody answers."""
    from components.kubernetes.errors import ClusterError, Unreachable
    from components.kubernetes.releasing import owning
    from components.kubernetes.releasing.objects import Objects
    from components.kubernetes.releasing.record import Phase
    from components.kubernetes.releasing.running import runs

    try:
        with _cluster(olds) as cluster:
            objects = Objects(cluster, _subject(olds))
            record = objects.record()
            served = str(olds["stable_digest"])
            if record is not None and not owning.ours(record.owner, str(olds.get("owner") or "")):
                _say(olds, "release", f"the stack {owning.stack(record.owner)} releases this service too")
                return ""
            if record is not None and record.unfinished:
                revision = names.revision(record.candidate)
                return f"a release of version {revision} was interrupted, and is to be taken back"
            if record is not None and record.phase is Phase.PROMOTED and names.digest(record.candidate) != served:
                revision = names.revision(record.candidate)
                return f"version {revision} serves, which the state does not know, and is to be taken back"
            if record is None and (serving := objects.service()) is not None and not runs(serving, served):
                return "a version serves of which no release knows, and is to give way to that of the state"
            if beside := objects.beside():
                return f"{' and '.join(beside)} runs, of which no release knows, and is to be removed"
    except Unreachable as error:
        _say(olds, "release", f"{error.message}; whether a candidate was left there is not known")
    except ClusterError as error:
        _say(olds, "release", f"the cluster refuses to say whether a candidate was left there: {error.message}")
    return ""


def _announce(olds: Mapping[str, Any], news: Mapping[str, Any], wanted: Promotion) -> None:
    from components.kubernetes.releasing.plan import Plan

    old, new = str(olds.get("stable_digest") or "")[7:19], names.revision(wanted["reference"])
    if old == new:
        _say(news, "release", f"version {new} comes from {wanted['reference'].partition('@')[0]}")
        return
    plan = Plan.parse("{}" if _unknown(news, "strategy") else str(news.get("strategy") or "{}"))
    stages = plan.stages()
    how = "back to an earlier version, at once" if news.get("pin") else f"by {plan.strategy}"
    if stages and not news.get("pin"):
        seconds = sum(step.pause for step in stages)
        how += f" in {len(stages)} {'step' if len(stages) == 1 else 'steps'}, {seconds:g} s at least"
    _say(news, "release", f"version {old} to {new}, {how}")


def _say(props: Mapping[str, Any], step: str, text: str) -> None:
    """A line of progress: what a plugin prints is shown by either engine."""
    print(f"modelport: {props.get('service')}: {step}: {text}", file=sys.stderr, flush=True)
