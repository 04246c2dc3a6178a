"""Property values and their differences as lines of text, indented under their resource."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from engine.display import ink, texts, words
from engine.display.deltas import Delta, Deltas, compare
from engine.display.facts import internal, is_archive, is_asset, is_object, is_reference, is_secret, is_unknown
from engine.values import OUTPUT_TAG, TAG, is_dict, is_list

Title = Callable[["Printer"], None]


def indentation(indent: int, op: str = "", *, signed: bool = False) -> str:
    """Four spaces a level; the last two are the step's sign where it has one."""
    spaces = "    " * indent
    return spaces[:-2] + words.SIGN.get(op, "  ") if signed and spaces else spaces


def worth_showing(value: Any) -> bool:
    """Whether a value says anything: nothing, an empty text, an empty list and an empty object do not."""
    return not (value is None or value == "" or value == [] or value == {})


def widest(keys: Iterable[Any]) -> int:
    return max((len(str(key)) for key in keys), default=0)


def primitive(value: Any) -> bool:
    return not is_list(value) and not (is_dict(value) and not is_secret(value) and not _is_output(value))


def _is_output(value: Any) -> bool:
    return is_dict(value) and value.get(TAG) == OUTPUT_TAG


@dataclass(frozen=True)
class Printer:
    """Writes into `out`; each copy of it has its own indentation, kind of step and sign."""

    indent: int
    op: str = "same"
    signed: bool = False
    brief: bool = False
    """Leave out what stays the same."""
    truncate: bool = True
    out: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.out)

    def deeper(self, levels: int = 1) -> "Printer":
        return replace(self, indent=self.indent + levels)

    def as_step(self, op: str, *, signed: bool | None = None) -> "Printer":
        return replace(self, op=op, signed=self.signed if signed is None else signed)

    def write(self, text: str) -> None:
        self.out.append(ink.paint(words.COLOUR.get(self.op, ""), text) if text.strip() else text)

    def line(self, text: str) -> None:
        """`text` after the indentation and the sign."""
        self.write(indentation(self.indent, self.op, signed=self.signed) + text)

    def unsigned(self, text: str) -> None:
        self.write(indentation(self.indent) + text)

    def title(self, name: str, align: int) -> None:
        self.line(f"{name:<{align}}: ")

    # -- values ------------------------------------------------------------------------------------------------------

    def object(self, props: dict[str, Any]) -> None:
        """Every property on lines of its own, sorted, the colons below each other."""
        align = widest(props)
        for key in sorted(props):
            if not internal(key):
                self.title(key, align)
                self.value(props[key])

    def value(self, value: Any) -> None:
        self._value(value)
        self.out.append("\n")

    def _value(self, value: Any) -> None:
        if is_asset(value):
            self._asset(value)
        elif is_archive(value):
            self._archive(value)
        elif is_reference(value):
            self.write("{\n")
            inner = self.deeper()
            for key, name in (("urn", "URN"), ("id", "ID"), ("packageVersion", "PackageVersion")):
                inner.title(name, 3)
                inner.value(value.get(key, ""))
            self.unsigned("}")
        elif primitive(value):
            self.primitive(value)
        elif not value:
            self.write("[]" if is_list(value) else "{}")
        elif is_list(value):
            self.write("[\n")
            for index, item in enumerate(value):
                self.line(f"    [{index}]: ")
                self.deeper().value(item)
            self.unsigned("]")
        else:
            self.write("{\n")
            self.deeper().object(value)
            self.unsigned("}")

    def primitive(self, value: Any) -> None:
        if is_secret(value):
            self.write("[secret]")
        elif is_unknown(value):
            self.write("[unknown]")
        elif _is_output(value):
            self._value(value["value"])
        elif value is None:
            self.write("<null>")
        elif isinstance(value, bool):
            self.write("true" if value else "false")
        elif isinstance(value, (int, float)):
            self.write(f"{value:.0f}" if value == int(value) else f"{value:g}" if abs(value) < 1e21 else repr(value))
        elif (found := texts.decode(value)) is not None:
            self.write(f"({found.notation}) ")
            self.value(found.value)
        else:
            self.write(texts.quoted(texts.shorten(value) if self.truncate else value))

    def _asset(self, value: dict[str, Any]) -> None:
        mark = short(value)
        if isinstance(text := value.get("text"), str) and text:
            self.write(f"asset(text:{mark}) {{\n")
            for line in text.split("\n"):
                self.unsigned(f"    {line}\n")
            self.unsigned("}")
        elif value.get("path"):
            self.write(f"asset(file:{mark}) {{ {value['path']} }}")
        elif value.get("uri"):
            self.write(f"asset(uri:{mark}) {{ {value['uri']} }}")
        else:
            self.write(f"asset(unknown:{mark}) {{ }}")

    def _archive(self, value: dict[str, Any]) -> None:
        mark = short(value)
        if is_dict(assets := value.get("assets")):
            self.write(f"archive(assets:{mark}) {{\n")
            for name in sorted(assets):
                self.line(f'    "{name}": ')
                self.deeper().value(assets[name])
            self.unsigned("}")
        elif value.get("path"):
            self.write(f"archive(file:{mark}) {{ {value['path']} }}")
        elif value.get("uri"):
            self.write(f"archive(uri:{mark}) {{ {value['uri']} }}")
        else:
            self.write(f"archive({mark}) {{ }}")

    # -- differences -------------------------------------------------------------------------------------------------

    def deltas(self, deltas: Deltas, include: Iterable[str] | None = None) -> None:
        """The properties of an object that changed, and those that did not unless in brief."""
        keys = deltas.keys()
        if include is not None:
            chosen = set(include)
            keys = [key for key in keys if key in chosen]
        align = widest(keys)
        for key in keys:
            self.property_delta(key, align, deltas)

    def property_delta(self, key: str, align: int, deltas: Deltas) -> None:
        def title(printer: Printer) -> None:
            printer.title(key, align)

        if key in deltas.adds:
            self._whole("create", deltas.adds[key], title)
        elif key in deltas.deletes:
            self._whole("delete", deltas.deletes[key], title)
        elif key in deltas.updates:
            self.delta(title, deltas.updates[key])
        elif not self.brief and worth_showing(deltas.sames.get(key)):
            plain = self.as_step("same", signed=False)
            plain.title(key, align)
            plain.value(deltas.sames[key])

    def _whole(self, op: str, value: Any, title: Title) -> None:
        printer = self.as_step(op, signed=True)
        title(printer)
        printer.value(value)

    def delta(self, title: Title, delta: Delta) -> None:
        """A value that changed: element by element where both sides have elements."""
        printer = self.as_step("update", signed=True)
        if delta.inner is not None and delta.inner.array:
            title(printer)
            printer.write("[\n")
            printer._elements(delta.inner)
            printer.unsigned("]\n")
        elif delta.inner is not None:
            title(printer)
            printer.write("{\n")
            printer.deeper().deltas(delta.inner)
            printer.unsigned("}\n")
        else:
            printer._changed(title, delta.old, delta.new)

    def _elements(self, deltas: Deltas) -> None:
        keys = deltas.keys()
        for index in range(keys[-1] + 1 if keys else 0):

            def title(printer: Printer, index: int = index) -> None:
                printer.deeper(-1).line(f"[{index}]: ")

            inner = self.deeper(2)
            if index in deltas.adds:
                inner._whole("create", deltas.adds[index], title)
            elif index in deltas.deletes:
                inner._whole("delete", deltas.deletes[index], title)
            elif index in deltas.updates:
                inner.delta(title, deltas.updates[index])
            elif index in deltas.sames and not self.brief:
                plain = inner.as_step("same", signed=False)
                title(plain)
                plain.value(deltas.sames[index])

    def _changed(self, title: Title, old: Any, new: Any) -> None:
        showing = worth_showing(old) and worth_showing(new)
        if showing and is_archive(old) and is_archive(new):
            self._archives(title, old, new)
            return
        if showing and primitive(old) and primitive(new):
            title(self)
            if _text(old) and _text(new):
                self._texts(old, new)
                return
            self.as_step("delete").primitive(old)
            self.write(" => ")
            self.as_step("create").primitive(new)
            self.out.append("\n")
            return
        if worth_showing(old):
            self._whole("delete", old, title)
        if worth_showing(new):
            self._whole("create", new, title)

    def _texts(self, old: str, new: str) -> None:
        before, after = texts.decode(old), texts.decode(new)
        if before and after:
            self._decoded(old, new, before, after)
        elif "\n" in old or "\n" in new:
            self.out.append("\n")
            inner = self.deeper()
            for kind, line in texts.changed_lines(old, new):
                inner.as_step(kind, signed=kind != "same").line(line)
                self.out.append("\n")
        else:
            was, now = texts.pieces(old, new)
            for parts, end in ((was, " => "), (now, "\n")):
                self.write('"')
                for kind, text in parts:
                    self.as_step(kind).write(texts.quoted(text)[1:-1])
                self.write('"')
                self.write(end)

    def _decoded(self, old: str, new: str, before: texts.Decoded, after: texts.Decoded) -> None:
        if before.value == after.value:
            self._texts(texts.quoted(old), texts.quoted(new))
            return
        same = before.notation == after.notation
        self.write(f"({before.notation}) " if same else f"({before.notation} => {after.notation}) ")
        delta = compare(before.value, after.value)
        if delta is None:
            self.as_step("same").value(before.value)
        else:
            self.delta(lambda _: None, delta)

    def _archives(self, title: Title, old: dict[str, Any], new: dict[str, Any]) -> None:
        mark = moved(short(old), short(new))
        for key, word in (("path", "file"), ("uri", "uri")):
            if old.get(key) and new.get(key):
                title(self)
                self.write(f"archive({word}:{mark}) {{ {moved(old[key], new[key])} }}\n")
                return
        if is_dict(was := old.get("assets")) and is_dict(now := new.get("assets")):
            title(self)
            self.write(f"archive(assets:{mark}) {{\n")
            self.deeper()._assets(was, now)
            self.unsigned("}\n")
            return
        self._whole("delete", old, title)
        self._whole("create", new, title)

    def _assets(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        align = widest([*old, *new]) + 2
        for name in sorted({*old, *new}):

            def title(printer: Printer, name: str = name) -> None:
                printer.title(f'"{name}"', align)

            if name not in new:
                self.deeper()._whole("delete", old[name], title)
            elif name not in old:
                self.deeper()._whole("create", new[name], title)
            elif old[name].get("hash") == new[name].get("hash") and is_asset(old[name]) == is_asset(new[name]):
                continue
            elif is_archive(old[name]) and is_archive(new[name]):
                self.as_step("update", signed=True)._archives(title, old[name], new[name])
            else:
                self._asset_delta(title, old[name], new[name])

    def _asset_delta(self, title: Title, old: dict[str, Any], new: dict[str, Any]) -> None:
        printer = self.as_step("update", signed=True)
        mark = moved(short(old), short(new))
        if is_asset(old) and is_asset(new):
            if old.get("text") and new.get("text"):
                title(printer)
                printer.write(f"asset(text:{mark}) {{")
                printer.deeper()._texts(old["text"], new["text"])
                printer.unsigned("}\n")
                return
            for key, word in (("path", "file"), ("uri", "uri")):
                if old.get(key) and new.get(key):
                    title(printer)
                    printer.write(f"asset({word}:{mark}) {{ {moved(old[key], new[key])} }}\n")
                    return
        self._whole("delete", old, title)
        self._whole("create", new, title)


def _text(value: Any) -> bool:
    return isinstance(value, str) and not is_unknown(value)


def short(value: dict[str, Any]) -> str:
    return str(value.get("hash", ""))[:7]


def moved(old: str, new: str) -> str:
    return old if old == new else f"{old}->{new}"


def without_markers(value: Any) -> Any:
    """A copy of stack outputs without the mark that a whole resource was handed out."""
    if is_list(value):
        return [without_markers(item) for item in value]
    if is_object(value):
        return {key: without_markers(item) for key, item in value.items() if key != "@isPulumiResource"}
    return copy.copy(value)
