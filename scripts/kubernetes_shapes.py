"""Write down how Kubernetes' own types drop and respell values: engine/providers/kubernetes/shapes.json.

The official provider sends an object through those types before it keeps it: unknown fields go, and so does what Go's
JSON leaves out (`false`, `0`, empty lists) where a field is not a pointer. The OpenAPI schema does not say which fields
these are; the Go sources do. Run it with the folders of two Go modules, as `go mod download` leaves them:

    python scripts/kubernetes_shapes.py .../k8s.io/api@v0.36.3 .../k8s.io/apimachinery@v0.36.3
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parent.parent / "engine" / "providers" / "kubernetes" / "shapes.json"

BASIC = {
    "string": "s",
    "bool": "b",
    "float64": "f",
    "float32": "f",
    **dict.fromkeys(("int", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"), "n"),
}
SPECIAL = {
    "apimachinery/api/resource.Quantity": "q",
    "apimachinery/util/intstr.IntOrString": "i",
    "apimachinery/types.UID": "s",
    "apimachinery/types.NodeName": "s",
}
FIELD = re.compile(r'^\t(?:(\w+)\s+)?(\S+)\s+`(?:[^`]*\s)?json:"([^"]*)"')
EMBEDDED = re.compile(r'^\t([\w.]+)\s+`json:",inline"')
LIFE = re.compile(
    r"^func \(in \*(\w+)\) APILifecycle(Introduced|Removed|Replacement)\(\).*?\{\n\treturn (.*)$", re.MULTILINE
)
GVK = re.compile(r'Group: "([^"]*)", Version: "([^"]*)", Kind: "([^"]*)"')


class Sources:
    """The types of the packages, by package and name."""

    def __init__(self) -> None:
        self.structs: dict[str, list[tuple[str, str, str]]] = {}
        """Fields of a struct: (name or "" where embedded, type with its package, options of the JSON tag)."""
        self.names: dict[str, str] = {}
        """What a type that is no struct stands for."""

    def read(self, package: str, folder: Path) -> None:
        for file in sorted(folder.glob("*.go")):
            if not file.name.endswith("_test.go") and not file.name.startswith("zz_"):
                self._read(package, file.read_text())

    def _read(self, package: str, text: str) -> None:
        aliases: dict[str, str] = {}
        for alias, path in re.findall(r'^\t?(?:import )?(\w+ )?"(k8s\.io/[^"]+)"', text, re.MULTILINE):
            short = path.replace("k8s.io/api/", "").replace("k8s.io/apimachinery/pkg/", "apimachinery/")
            aliases[alias.strip() or path.rpartition("/")[2]] = short
        for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            fields = self.structs.setdefault(f"{package}.{name}", [])
            for line in body.splitlines():
                if found := EMBEDDED.match(line):
                    fields.append(("", _qualified(found[1], package, aliases), ""))
                elif (found := FIELD.match(line)) and found[3] != "-":
                    title, _, options = found[3].partition(",")
                    fields.append((title, _qualified(found[2], package, aliases), options))
        for name, target in re.findall(r"^type (\w+) (?:= )?((?:map|\[\]|\w)\S*)$", text, re.MULTILINE):
            if target != "struct":
                self.names[f"{package}.{name}"] = _qualified(target, package, aliases)


def _qualified(type_: str, package: str, aliases: dict[str, str]) -> str:
    if found := re.match(r"^(\*|\[\]|map\[[^\]]+\])(.*)$", type_):
        return ("map[]" if found[1].startswith("map") else found[1]) + _qualified(found[2], package, aliases)
    if type_ in BASIC or type_ == "byte":
        return type_
    before, _, name = type_.rpartition(".")
    return f"{aliases.get(before, before)}.{name}" if before else f"{package}.{type_}"


class Writer:
    """Gives each struct a number, equal ones the same, and each field a word of what becomes of its value."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._numbers: dict[str, int] = {}
        self.types: list[dict[str, str]] = []

    def number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.types)
            self.types.append({})
            self._fill(self.types[self._numbers[name]], name)
        return self._numbers[name]

    def _fill(self, into: dict[str, str], name: str) -> None:
        for title, type_, options in self._sources.structs[self._meant(name)]:
            if not title:
                self._fill(into, type_.lstrip("*"))
            else:
                into[title] = "x" if title == "status" else self.word(type_, options)

    def _meant(self, type_: str) -> str:
        while type_ in self._sources.names and type_ not in SPECIAL:
            type_ = self._sources.names[type_]
        return type_

    def word(self, type_: str, options: str = "") -> str:
        pointer = type_.startswith("*")
        type_ = type_.lstrip("*")
        type_ = self._meant(type_)
        drops = "omitempty" in options and not pointer
        if type_ in BASIC or type_ == "[]byte":
            letter = BASIC.get(type_, "s")
            return letter.upper() if drops else letter
        if type_.startswith(("[]", "map[]")):
            letter, rest = ("l", type_[2:]) if type_.startswith("[]") else ("m", type_[5:])
            return (letter.upper() if drops else letter) + self.word(rest)
        if type_ in SPECIAL:
            return SPECIAL[type_]
        if type_ not in self._sources.structs or (type_.startswith("apimachinery") and not _is_meta(type_)):
            return "x"
        return ("O" if "omitzero" in options and not pointer else "o") + str(self.number(type_))


def _is_meta(type_: str) -> bool:
    return type_.startswith("apimachinery/apis/meta/v1.") and type_.rpartition(".")[2] in (
        "ObjectMeta",
        "TypeMeta",
        "ListMeta",
        "OwnerReference",
        "LabelSelector",
        "LabelSelectorRequirement",
        "Condition",
    )


def main(api: Path, machinery: Path) -> None:
    sources = Sources()
    folders = {f"{f.parent.name}/{f.name}": f for f in sorted(api.glob("*/v*")) if (f / "register.go").exists()}
    for package, folder in folders.items():
        sources.read(package, folder)
    sources.read("apimachinery/apis/meta/v1", machinery / "pkg" / "apis" / "meta" / "v1")
    writer = Writer(sources)
    kinds: dict[str, dict[str, int]] = {}
    lives: dict[str, dict[str, list[Any]]] = {}
    for package, folder in folders.items():
        group = re.findall(r'GroupName = "([^"]*)"', (folder / "register.go").read_text())[0]
        version = f"{group}/{folder.name}" if group else folder.name
        for name, fields in sources.structs.items():
            of_type, _, kind = name.rpartition(".")
            if of_type == package and ("", "apimachinery/apis/meta/v1.TypeMeta", "") in fields:
                kinds.setdefault(version, {})[kind] = writer.number(name)
        life = folder / "zz_generated.prerelease-lifecycle.go"
        for kind, what, value in LIFE.findall(life.read_text()) if life.exists() else []:
            entry = lives.setdefault(version, {}).setdefault(kind, [None, None, None])
            if what == "Replacement":
                entry[2] = "/".join(GVK.search(value).groups())  # type: ignore[union-attr]
            else:
                entry[what == "Removed"] = [int(part) for part in value.split(", ")]
    lines = ['{"kinds": ' + json.dumps(kinds, separators=(",", ":"), sort_keys=True) + ","]
    lines += ['"lives": ' + json.dumps(lives, separators=(",", ":"), sort_keys=True) + ",", '"types": [']
    lines += [",\n".join(json.dumps(one, separators=(",", ":"), sort_keys=True) for one in writer.types), "]}"]
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
