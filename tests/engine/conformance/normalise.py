"""Takes out of a record what differs from run to run, and nothing else: every rule is here.

A marker such as <uuid:1> is numbered by its first appearance within a case, so two places that must hold the same value
still have to hold the same one afterwards.
"""

import copy
import json
import re
from collections.abc import Iterable
from typing import Any

TAG = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FRAME = re.compile(r'^(\s*)File "([^"]+)", line (\d+), in (.+)$')
FOUND_ON_PATH = re.compile(r"^using pulumi-(resource|language)-\S+ from \$PATH")
STAMPED = re.compile(r"\d{19}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIMES = {"created", "modified", "time", "creationTimestamp", "lastTransitionTime", "lastUpdateTime", "lastProbeTime"}
TIMES |= {"startedAt", "finishedAt", "startTime", "deletionTimestamp"}
MARKED = {
    "magic": "<magic>",
    "salt": "<salt>",
    "ciphertext": "<ciphertext>",
    "resourceVersion": "<resourceVersion>",
    "clusterIP": "<ip>",
    "podIP": "<ip>",
    "hostIP": "<ip>",
    "uid": "<uid>",
}
LEFT_OUT = {"stackTrace", "generation", "deployment.kubernetes.io/revision", "managedFields"}
LEFT_OUT |= {"clusterIPs", "podIPs", "hostIPs"}
KEPT_OF_STATUS = {"phase", "readyReplicas", "loadBalancer"}
"""The rest of a Kubernetes status depends on the moment at which it was read."""
SAID_OF_PODS = re.compile(r"^\s*(\* )?(\[\w+\] Deployment|\[Pod |Minimum number of|\[\w+\] )")
"""What a provider tells of pods when it runs out of patience, which depends on the moment."""

Record = dict[str, Any]
Moments = dict[tuple[str, str], list[int]]
Graph = dict[str, dict[str, str]]


class Normaliser:
    """Holds the numbering of markers and the machine's paths for one case."""

    def __init__(self, places: dict[str, str]) -> None:
        self._places = sorted(places.items(), key=lambda item: -len(item[0]))
        self._seen: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def learn(self, value: Any) -> None:
        """Note the names that a provider made up, wherever the record says that it did."""
        if isinstance(value, dict):
            meta = value.get("metadata")
            if isinstance(meta, dict) and (meta.get("annotations") or {}).get("pulumi.com/autonamed") == "true":
                self._learn_name(meta.get("name"))
            for key in sorted(value):
                self.learn(value[key])
        elif isinstance(value, list):
            for item in value:
                self.learn(item)

    def _learn_name(self, name: Any) -> None:
        if not isinstance(name, str) or name == UNKNOWN or name in self._names:
            return
        stem, _, tail = name.rpartition("-")
        if stem and tail:
            self._counts[stem] = self._counts.get(stem, 0) + 1
            self._names[name] = f"{stem}-<auto:{self._counts[stem]}>"

    def text(self, value: str) -> str:
        for place, marker in self._places:
            value = value.replace(place, marker)
        for name, marker in self._names.items():
            value = re.sub(rf"(?<![\w-]){re.escape(name)}(?![0-9a-z]{{8}})", marker, value)
        value = re.sub(r"pulumi-kubernetes-[0-9a-f]{8}\b", "pulumi-kubernetes-<manager>", value)
        value = re.sub(r"kube-api-access-[a-z0-9]{5}\b", "kube-api-access-<auto>", value)
        value = UUID.sub(lambda m: m[0] if m[0] == UNKNOWN else self._uuid(m[0]), value)
        value = re.sub(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "<time>", value)
        value = re.sub(r"\S+@\S+ \(pid \d+\)", "<user>@<host> (pid <pid>)", value)
        value = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:<port>", value)
        value = re.sub(r"\((\d+\.)?\d+s\)", "(<seconds>)", value)
        return re.sub(r"0x[0-9a-f]{8,}", "<address>", value)

    def _uuid(self, value: str) -> str:
        return self._seen.setdefault(value, f"<uuid:{len(self._seen) + 1}>")

    def value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return self._mapping(value, key)
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return sorted(items, key=str) if key == "dependencies" else items
        return self.text(value) if isinstance(value, str) else value

    def _mapping(self, value: Record, key: str) -> Any:
        if value.get(TAG) == SECRET:
            return self._secret(value, key)
        out: Record = {}
        for name in sorted(value):
            item = value[name]
            if name in LEFT_OUT:
                continue
            if name in TIMES and isinstance(item, str):
                out[name] = "<time>"
            elif name in MARKED and isinstance(item, str) and item not in ("", "None"):
                out[name] = MARKED[name]
            elif name == "__provider" and isinstance(item, str):
                out[name] = item if item in ("", UNKNOWN) else "<provider>"
            elif name == "kubeconfig":
                out[name] = {"<secret>": "<kubeconfig>"} if isinstance(item, dict) else "<kubeconfig>"
            elif name == "status" and isinstance(item, dict):
                out[name] = {k: self.value(v, k) for k, v in sorted(item.items()) if k in KEPT_OF_STATUS}
            elif name == "initErrors":
                out[name] = [self.text(error) for error in item if not SAID_OF_PODS.match(error)]
            elif name == "sourcePosition":
                out[name] = "<outside the project>" if item.startswith("project:///..") else item
            elif name == "propertyDependencies":
                out[name] = {k: sorted(self.text(u) for u in v) for k, v in sorted(item.items())}
            else:
                out[name] = self.value(item, name)
                if name == "annotations" and out[name] == {}:
                    del out[name]
        return out

    def _secret(self, value: Record, key: str) -> Any:
        if key == "__provider":
            return "<provider>"
        if "plaintext" in value:
            return {"<secret>": self.value(json.loads(value["plaintext"]))}
        return {"<secret>": "<ciphertext>"}

    def deployment(self, export: Record | None) -> Any:
        """The export of a stack, secrets shown, as one comparable value."""
        if export is None:
            return None
        export = copy.deepcopy(export)
        export["deployment"].get("resources", []).sort(key=lambda r: (r["urn"], r.get("delete", False)))
        self.learn(export)
        out = self.value(export)
        manifest = out.get("deployment", {}).get("manifest", {})
        if "version" in manifest:
            manifest["version"] = "<version>"
        manifest.pop("plugins", None)
        return out

    def steps(self, events: list[Record], *, planning: bool) -> tuple[list[Record], list[Record]]:
        """The steps as they began, and as they ended."""
        began: list[Record] = []
        ended: list[Record] = []
        self.learn(events)
        for event in events:
            if "resourcePreEvent" in event:
                meta = event["resourcePreEvent"]["metadata"]
                names = ("op", "urn", "type", "provider", "keys", "diffs", "detailedDiff")
                step = {k: sorted(meta[k]) if k in ("keys", "diffs") else meta[k] for k in names if meta.get(k)}
                began.append(self.value(step))
            elif "resOutputsEvent" in event:
                meta = event["resOutputsEvent"]["metadata"]
                step = {"op": meta["op"], "urn": meta["urn"]}
                if planning and meta.get("new"):
                    step["inputs"] = meta["new"].get("inputs") or {}
                    step["outputs"] = meta["new"].get("outputs") or {}
                ended.append(self.value(step))
            elif "resOpFailedEvent" in event:
                meta = event["resOpFailedEvent"]["metadata"]
                ended.append({"op": meta["op"], "urn": self.text(meta["urn"]), "failed": True})
        return _sorted(began), _sorted(ended)

    def _moments(self, events: list[Record]) -> Moments:
        """When each step began and ended, as places in the event log."""
        out: Moments = {}
        for place, event in enumerate(events):
            for name in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
                if name not in event:
                    continue
                meta = event[name]["metadata"]
                key = (meta["op"], self.text(meta["urn"]))
                if name == "resourcePreEvent":
                    out.setdefault(key, [place, len(events)])
                else:
                    began = key if key in out else ("refresh", key[1])  # a refresh ends as what it found
                    if began in out:
                        out[began][1] = place
        return out

    def order(self, events: list[Record], graph: Graph) -> list[str]:
        """The part of the order that does not depend on chance, between steps on related resources or on one.

        `A < B` A had ended when B began; `A ~ B` A began first and had not ended; `A ^ B` A, a parent, began first.
        A delete that began after the last step of another kind is `late`, any other `early`.
        """
        moments = self._moments(events)
        short = {key: f"{key[0]} {key[1].split('::', 2)[-1]}" for key in moments}
        starts = [m[0] for (op, _), m in moments.items() if "delete" not in op and "discard" not in op]
        last = max(starts, default=-1)
        out = [
            f"{short[key]} {'late' if start > last else 'early'}"
            for key, (start, _) in moments.items()
            if "delete" in key[0]
        ]
        for a, (a_start, a_end) in moments.items():
            for b, (b_start, _) in moments.items():
                if a == b or a_start > b_start:
                    continue
                kind = "same" if a[1] == b[1] else graph.get(a[1], {}).get(b[1]) or graph.get(b[1], {}).get(a[1])
                if kind == "parent":
                    out.append(f"{short[a]} ^ {short[b]}")
                elif kind:
                    out.append(f"{short[a]} {'<' if a_end < b_start else '~'} {short[b]}")
        return sorted(out)

    def diagnostics(self, events: list[Record]) -> list[Record]:
        """What the user was told, sorted, for a provider's words and the engine's race; debug and progress left out."""
        told: list[tuple[str, str, str]] = []
        for event in events:
            diagnostic = event.get("diagnosticEvent")
            if not diagnostic or diagnostic.get("severity") == "debug" or diagnostic.get("ephemeral"):
                continue
            severity, urn, text = diagnostic["severity"], diagnostic.get("urn", ""), diagnostic.get("message", "")
            if severity == "info#err" and told and told[-1][:2] == (severity, urn):
                told[-1] = (severity, urn, told[-1][2] + text)
            else:
                told.append((severity, urn, text))
        out: list[Record] = []
        for severity, urn, text in told:
            message = self.message(text)
            broken_off = severity == "info#err" and (
                "KeyboardInterrupt" in text or message == "Traceback (most recent call last):"
            )
            if message and not broken_off and not FOUND_ON_PATH.match(message):
                out.append({"severity": severity, "urn": self.text(urn), "message": message})
        return sorted(out, key=lambda entry: (entry["urn"], entry["severity"], entry["message"]))

    def message(self, text: str) -> str:
        """A message, without the frames of a traceback that lie outside the program."""
        lines: list[str] = []
        skip = False
        ours = [each for pair in self._places if pair[1] in ("<program>", "<lib>") for each in pair]
        for line in text.strip().splitlines():
            frame = FRAME.match(line)
            if frame:
                skip = not any(frame[2].startswith(place) for place in ours)
                if skip:
                    continue
            elif (skip and (line.startswith("    ") or not line.strip())) or SAID_OF_PODS.match(line):
                continue
            else:
                skip = False
            if set(line.strip()) <= {"^", "~"} and line.strip():
                continue
            line = re.sub(r"^\d+ errors? occurred", "<n> errors occurred", line)
            lines.append(self.text(line.rstrip()))
        return "\n".join(lines)

    def lines(self, text: str) -> list[str]:
        return [line for line in self.message(text).splitlines() if line.strip() and not FOUND_ON_PATH.search(line)]


def _sorted(steps: Iterable[Record]) -> list[Record]:
    return sorted(steps, key=lambda step: (step["urn"], step["op"], json.dumps(step, sort_keys=True)))


def graph(deployment: Any) -> Graph:
    """Which resource refers to which, and how; the stack and the default providers aside."""
    out: Graph = {}
    for resource in ((deployment or {}).get("deployment") or {}).get("resources") or []:
        near = out.setdefault(resource["urn"], {})
        parent = resource.get("parent", "")
        if parent and "pulumi:pulumi:Stack" not in parent.rsplit("::", 1)[0].rsplit("$", 1)[-1]:
            near[parent] = "parent"
        provider = resource.get("provider", "").rpartition("::")[0]
        if provider and not provider.rpartition("::")[2].startswith("default"):
            near[provider] = "dependency"
        for urns in [resource.get("dependencies", []), *resource.get("propertyDependencies", {}).values()]:
            near.update(dict.fromkeys(urns, "dependency"))
    return out


def well_ordered(export: Any) -> bool:
    """Whether every resource in the state comes after all that it refers to."""
    seen: set[str] = set()
    for resource in ((export or {}).get("deployment") or {}).get("resources") or []:
        needs = {
            *resource.get("dependencies", []),
            resource.get("parent", ""),
            resource.get("provider", "").rpartition("::")[0],
        } - {""}
        if not needs <= seen:
            return False
        seen.add(resource["urn"])
    return True
