"""A release on Vertex AI from its beginning to its end, in the words of whoever waits for it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from components.gcp import release_steps
from components.gcp.release_steps import Bounds, Stage
from components.gcp.release_watch import Watch, may_begin
from components.gcp.rest import Clock, Json, at_hand
from components.gcp.vertex_api import Api, Place
from components.releases import ReleaseError, RolledBack, Say
from components.releases import say_of as say_of

Made = tuple[str, str, str]
"""The deployed model, the version of the model, and the service attachment."""


@dataclass(frozen=True)
class Wanted:
    """What is to serve, and how it comes to that."""

    place: Place
    name: str
    private: bool
    model: Json
    deployed: Json
    scale: Json
    labels: Mapping[str, str]
    stages: tuple[Stage, ...]
    bounds: Bounds
    stable: str
    """Id of the deployed model that was released last; "" where none was, as far as is known."""
    attachment: str
    """What a private endpoint was reached by then."""

    @classmethod
    def of(cls, props: Mapping[str, Any], stable: str, attachment: str = "") -> "Wanted":
        """From the inputs of a VertexDeployment."""
        version = json.loads(props["version"])
        return cls(
            _place(props),
            str(props["name"]),
            bool(props.get("private")),
            version["model"],
            version["deployed"],
            json.loads(props["scale"]),
            json.loads(props["labels"]),
            release_steps.stages(str(props["stages"])),
            Bounds.of(json.loads(props["bounds"])),
            stable,
            attachment,
        )

    def api(self, clock: Clock) -> Api:
        return Api(self.place, clock, private=self.private)


def _place(props: Mapping[str, Any]) -> Place:
    return Place(str(props["project"]), str(props["region"]), str(props["endpoint"]))


def release(wanted: Wanted, *, say: Say, clock: Clock | None = None) -> Made:
    """Bring the endpoint to the version that is wanted.

    Raises RolledBack for one that does not answer or does not hold: then all requests are at the version before.
    """
    clock = clock or Clock()
    with wanted.api(clock) as api:
        before = api.endpoint()
        if before is None:
            raise ReleaseError(
                f"there is no endpoint {wanted.place.path}, expected the one of {wanted.name}; run `pulumi refresh`"
            )
        _alone(wanted, before)
        stable = serving(wanted.place, before, wanted.stable)
        if stable and any(each.pause for each in wanted.stages):
            may_begin(api, wanted.bounds, wanted.name, stable, clock)
        _cleared(api, wanted, before, stable, say)
        model, newest = _made(api, wanted, stable, say)
        if stable:
            _moved(api, wanted, stable, newest, say, clock)
        say(f"{newest} gets all requests")
        return _finished(api, wanted, model, newest, say)


def changed(wanted: Wanted, keys: set[str], model: str, *, say: Say, clock: Clock | None = None) -> Made:
    """What changes without a release, and what an interrupted one left is taken back.

    Where it left nothing to go back to, the version that is wanted is released.
    """
    clock = clock or Clock()
    with wanted.api(clock) as api:
        found = api.endpoint() or {}
        if not _gone(wanted.place, found, wanted.stable):
            stable = serving(wanted.place, found, wanted.stable)
            if stable:
                _cleared(api, wanted, found, stable, say)
            if "scale" in keys and stable and (why := api.scaled(stable, wanted.scale)):
                raise ReleaseError(
                    f"the replicas of {wanted.name} were not changed: {why}, expected them to be as asked; the version "
                    f"{stable} answers as before, with those that it had"
                )
            if "labels" in keys:
                api.labelled(wanted.labels)
            return stable, model, attachment(found, stable) or wanted.attachment
    return release(wanted, say=say, clock=clock)


def left(props: Mapping[str, Any]) -> str:
    """What an interrupted release left, in words; nothing where there is nothing, or where nobody can be asked."""
    if not at_hand():
        return ""
    place, known = _place(props), str(props.get("deployed") or "")
    try:
        with Api(place, Clock()) as api:
            found = api.endpoint() or {}
    except ReleaseError:
        return ""
    others = [each for each in _ours(place, found) if each != known]
    if _gone(place, found, known):
        instead = f"{', '.join(others)} is in its place" if others else "nothing is in its place"
        return f"{known} is not on the endpoint any more, {instead}, and what is asked for is to be released"
    return f"a release of {', '.join(others)} was interrupted, and is to be taken back" if known and others else ""


def _gone(place: Place, endpoint: Mapping[str, Any], known: str) -> bool:
    """Whether what was released last is not on the endpoint, as where a release was interrupted at its very end."""
    return bool(known and endpoint) and known not in _ours(place, endpoint)


def there(project: str, region: str, endpoint: str, *, deployed: str) -> bool:
    """Whether the endpoint is, and the deployed model on it."""
    place = Place(project, region, endpoint)
    with Api(place, Clock()) as api:
        return deployed in _ours(place, api.endpoint() or {})


def removed(props: Mapping[str, Any], *, say: Say, clock: Clock | None = None) -> None:
    """Take all versions off the endpoint, and delete the model. Raises ReleaseError while it is protected."""
    place, name = _place(props), str(props["name"])
    if props.get("protected"):
        raise refused(name)
    with Api(place, clock or Clock()) as api:
        found = api.endpoint() or {}
        last = serving(place, found, str(props.get("deployed") or ""))
        others = [each for each in _ours(place, found) if each != last]
        if others:
            # Only the last one may go while it has requests.
            api.split({last: 100})
        for each in [*others, last] if last else []:
            say(f"{each} is taken off the endpoint")
            _sure(name, f"{each} was not taken off the endpoint", api.undeployed(each))
        _sure(name, "its model was not deleted", api.deleted())


def refused(name: str) -> ReleaseError:
    """An endpoint that may not go, or be another one."""
    return ReleaseError(
        f"the endpoint of {name} may not be deleted, nor replaced, expected allow_deletion: True to be in force; "
        "write it, run `up`, and try again"
    )


def _sure(name: str, what: str, why: str) -> None:
    if why:
        raise ReleaseError(f"{name}: {what} ({why}), expected that to be done; run it once more")


def _ours(place: Place, endpoint: Mapping[str, Any]) -> list[str]:
    """What is deployed of the model that is called as the endpoint is."""
    found: list[Json] = list(endpoint.get("deployedModels") or ())
    return [str(each["id"]) for each in found if _model(each) == place.endpoint]


def _model(deployed: Mapping[str, Any]) -> str:
    return str(deployed.get("model", "")).rpartition("/")[2].partition("@")[0]


def _split(endpoint: Mapping[str, Any]) -> dict[str, int]:
    told: Json = endpoint.get("trafficSplit") or {}
    return {key: int(value) for key, value in told.items()}


def serving(place: Place, endpoint: Mapping[str, Any], known: str) -> str:
    """The deployed model that gets the requests, beside one that is tried; "" where there is none."""
    ours, split = _ours(place, endpoint), _split(endpoint)
    if known in ours:
        return known
    return max(ours, key=lambda each: split.get(each, 0), default="")


def attachment(endpoint: Mapping[str, Any], deployed: str) -> str:
    """The service attachment of a private endpoint; "" of another one."""
    for each in endpoint.get("deployedModels") or ():
        if str(each["id"]) == deployed and (found := each.get("privateEndpoints", {}).get("serviceAttachment")):
            return str(found)
    told: Json = endpoint.get("privateServiceConnectConfig") or {}
    return str(told.get("serviceAttachment") or "")


def _alone(wanted: Wanted, endpoint: Mapping[str, Any]) -> None:
    """Raises ReleaseError where somebody else's model gets requests, which a release would take away."""
    ours = _ours(wanted.place, endpoint)
    others = [each for each, percent in _split(endpoint).items() if percent and each not in ours]
    if others:
        raise ReleaseError(
            f"a release of {wanted.name} was not begun: {', '.join(others)} on its endpoint gets requests, expected "
            "versions of its own alone; undeploy it, or give it an endpoint of its own"
        )


def _cleared(api: Api, wanted: Wanted, endpoint: Mapping[str, Any], stable: str, say: Say) -> None:
    """What an interrupted release left goes, and all requests are at the version that serves."""
    left_over = [each for each in _ours(wanted.place, endpoint) if each != stable]
    if not stable or not left_over:
        return
    if _split(endpoint) != {stable: 100}:
        _sent_back(api, wanted, stable)
        say(f"{stable} gets all requests again")
    for each in left_over:
        _taken_off(api, each, say)


def _made(api: Api, wanted: Wanted, stable: str, say: Say) -> tuple[str, str]:
    """The new version, which answers and has no requests beside another one. Raises RolledBack where it does not."""
    first = not api.has_model()
    model, why = api.uploaded(wanted.model, wanted.labels, first=first)
    if why:
        raise _not_up(api, wanted, stable, why, first)
    say(f"{model.rpartition('/')[2]} is deployed" + (f", {stable} gets all requests" if stable else ""))
    resources = {**wanted.deployed["dedicatedResources"], **wanted.scale}
    deployed: Json = {**wanted.deployed, "model": model, "dedicatedResources": resources}
    try:
        newest, why = api.deployed(deployed, {} if stable else {"0": 100})
    except ReleaseError as error:
        serves = f"{stable} gets all requests as before" if stable else "what comes of it may get the requests"
        raise ReleaseError(
            f"nobody knows what became of the new version of {wanted.name} ({error.message}), expected to be told "
            f"whether it answers; {serves}; run `up` once more, as until then it may be deployed, and is paid for"
        ) from None
    if why:
        raise _not_up(api, wanted, stable, why, first)
    return model, newest


def _not_up(api: Api, wanted: Wanted, stable: str, why: str, first: bool) -> ReleaseError:
    """first: whether the model was not there before."""
    about = f"the new version of {wanted.name} did not come up: {why.rstrip('.')}, expected it to answer; "
    log = f"see the log of the endpoint {wanted.place.endpoint} for what it said"
    if stable:
        return RolledBack(f"{about}{stable} gets all requests as before, {log}")
    if first:
        with suppress(ReleaseError):
            # Nobody knows of it, as the resource is not there yet.
            api.deleted()
    return ReleaseError(f"{about}nothing answers on the endpoint yet, {log}")


def _moved(api: Api, wanted: Wanted, stable: str, newest: str, say: Say, clock: Clock) -> None:
    """Step by step to all requests. Raises RolledBack where the version does not hold."""
    watch = Watch(api, wanted.bounds, newest, clock)
    for stage in (each for each in wanted.stages if each.pause):
        _given(api, wanted, stable, newest, {stable: 100 - stage.percent, newest: stage.percent}, say)
        say(f"{newest} gets {stage.percent} percent of the requests, for {stage.pause} s")
        if why := watch.missed(stage.pause):
            _gone_back(api, wanted, stable, newest, why, say)
    _given(api, wanted, stable, newest, {newest: 100}, say)


def _given(api: Api, wanted: Wanted, stable: str, newest: str, split: Mapping[str, int], say: Say) -> None:
    """Raises RolledBack where Vertex AI does not move the requests so."""
    try:
        api.split(split)
    except ReleaseError as error:
        _gone_back(api, wanted, stable, newest, f"its share of the requests could not be moved ({error.message})", say)


def _finished(api: Api, wanted: Wanted, model: str, newest: str, say: Say) -> Made:
    """From here on it is the version that serves, whatever becomes of the old one."""
    found: Json = {}
    with suppress(ReleaseError):
        found = api.endpoint() or {}
    for each in _ours(wanted.place, found):
        if each != newest:
            _taken_off(api, each, say)
    reached = attachment(found, newest) or wanted.attachment
    if wanted.private and not reached:
        # Of the first version alone, which the next `up` finds and begins from.
        raise ReleaseError(
            f"Vertex AI does not tell by what {wanted.name} is reached, expected a service attachment of the endpoint "
            f"{wanted.place.endpoint}; run `up` once more"
        )
    return newest, model, reached


def _taken_off(api: Api, number: str, say: Say) -> None:
    """A version without requests goes; one that stays is paid for until the next `up` finds it."""
    try:
        why = api.undeployed(number)
    except ReleaseError as error:
        why = error.message
    say(f"{number} was not taken off the endpoint ({why}), the next up tries again" if why else f"{number} is gone")


def _gone_back(api: Api, wanted: Wanted, stable: str, newest: str, why: str, say: Say) -> None:
    """Raises RolledBack, once all requests are at the version before."""
    _sent_back(api, wanted, stable, why)
    _taken_off(api, newest, say)
    raise RolledBack(
        f"version {newest} of {wanted.name} was rolled back: {why}, expected it to keep its bounds; {stable} gets all "
        f"requests again, see the log of the endpoint {wanted.place.endpoint} for what it said"
    )


def _sent_back(api: Api, wanted: Wanted, stable: str, why: str = "") -> None:
    """All requests to the version before. Raises ReleaseError where that fails too."""
    try:
        api.split({stable: 100})
    except ReleaseError as error:
        also = f"{why}, and " if why else ""
        place = wanted.place
        raise ReleaseError(
            f"{also}going back to {stable} failed too ({error.message}), expected it to get all requests of "
            f"{wanted.name}; run `gcloud ai endpoints update {place.endpoint} --traffic-split {stable}=100 --region "
            f"{place.region} --project {place.project}`"
        ) from None
