"""Pods: whether one is ready, and in which words it is said that one is not."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.objects import meta, name, namespace
from engine.providers.kubernetes.readiness import Common, Wait
from engine.values import items, part

_UNWANTED_BEFORE = "rpc error: code = Unknown desc = Error response from daemon: "
_UNWANTED_AFTER = ": manifest unknown"


class Pod(Common):
    """A pod that is scheduled, initialised, and runs or has succeeded."""

    def ready(self, wait: Wait, live: Obj) -> bool:
        found, progress, _ = examined(live)
        for words in progress:
            wait.tell("info", words)
        return found

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        return warnings_of(live)


def examined(pod: Obj) -> tuple[bool, list[str], str]:
    """Whether it is ready, the steps that were looked at in words, and a warning about the last of them."""
    title = qualified(pod)
    progress = [f'Waiting for Pod "{title}" to be scheduled']
    if _status(pod, "PodScheduled") != "True":
        return False, progress, ""
    for kind, words in (("Initialized", "initialized"), ("Ready", "ready")):
        progress.append(f'Waiting for Pod "{title}" to be {words}')
        condition = condition_of(pod, kind)
        if condition is None:
            return False, progress, ""
        done = condition.get("status") == "True"
        if done or (kind == "Ready" and part(pod, "status").get("phase") == "Succeeded"):
            continue
        return False, progress, _warning(pod, condition, title)
    return True, progress, ""


def warnings_of(pod: Obj) -> list[str]:
    """What is wrong with a pod, in words; nothing where it is ready or only slow."""
    warning = examined(pod)[2]
    return [warning] if warning else []


def owned(pods: Iterable[Obj], owner: Obj) -> list[Obj]:
    """Those of the objects that `owner` made."""
    uid = meta(owner).get("uid")
    return [pod for pod in pods if any(ref.get("uid") == uid for ref in items(meta(pod), "ownerReferences"))]


def selector(obj: Obj) -> str:
    """The labels by which a controller finds its pods, as a query takes them."""
    labels = part(part(part(obj, "spec"), "selector"), "matchLabels")
    return ",".join(f"{key}={value}" for key, value in labels.items())


def qualified(obj: Obj) -> str:
    """NAMESPACE/NAME, the namespace left out where it is the default one."""
    space = namespace(obj)
    return f"{space}/{name(obj)}" if space not in ("", "default") else name(obj)


def condition_of(obj: Obj, kind: str) -> dict[str, Any] | None:
    """The condition of a type in the object's status."""
    return next((one for one in items(part(obj, "status"), "conditions") if one.get("type") == kind), None)


def _status(obj: Obj, kind: str) -> str:
    return str((condition_of(obj, kind) or {}).get("status") or "")


def _warning(pod: Obj, condition: dict[str, Any], title: str) -> str:
    problems: list[str] = []
    for container in items(part(pod, "status"), "containerStatuses"):
        problems += _problems(container)
    message = str(condition.get("message") or "")
    if not problems and not message:
        return ""
    told = message if condition.get("reason") else ""
    return f"[Pod {title}]: {told}" + "\n".join(problems)


def _problems(container: dict[str, Any]) -> list[str]:
    if container.get("ready"):
        return []
    title, state = container.get("name"), part(container, "state")
    out: list[str] = []
    if "waiting" in state and part(state, "waiting").get("reason") != "ContainerCreating":
        waiting = part(state, "waiting")
        out.append(f"[{waiting.get('reason', '')}] {_trimmed(str(waiting.get('message') or ''))}")
    ended = part(state, "terminated")
    if ended.get("reason"):
        message = ended.get("message")
        code = ended.get("exitCode", 0)
        told = f"[{ended['reason']}] {_trimmed(str(message))}" if message else ""
        out.append(told or f'container "{title}" completed with exit code {code}')
    last = part(part(container, "lastState"), "terminated")
    if last:
        moment = _moment(str(last.get("finishedAt") or ""))
        told = f"{last.get('reason', '')}: exit code {last.get('exitCode', 0)}"
        out.append(f'container "{title}" terminated at {moment} ({told})')
        if last.get("message"):
            out.append(str(last["message"]))
    return out


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return "0001-01-01T00:00:00Z"


def _trimmed(message: str) -> str:
    return message.removeprefix(_UNWANTED_BEFORE).removesuffix(_UNWANTED_AFTER)
