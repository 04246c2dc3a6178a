"""One resource in full: its heading, its properties or their differences, and what it put out."""

from engine.display import ink, words
from engine.display.deltas import Deltas, compare, compare_objects, from_detailed
from engine.display.facts import Props, Step, internal, is_unknown, urn_name
from engine.display.options import Options
from engine.display.properties import Printer, indentation, widest, without_markers, worth_showing
from engine.values import is_dict

_LOUD = ("create", "delete", "delete-replaced", "discard", "discard-replaced")
"""Steps that colour a resource's id and URN too."""
_RETAINING = ("delete", "replace", "create-replacement", "delete-replaced")


def shows(step: Step, options: Options) -> bool:
    """Whether a step is worth a line: what stays as it is has none, unless asked for or newly (un)protected."""
    if step.op == "same":
        return bool(step.before("protect")) != bool(step.after("protect")) or options.show_sames
    quiet = options.diff or options.as_json
    return not (quiet and not options.show_replacement_steps and not step.logical and step.op in words.REPLACING)


def retained(step: Step, text: str) -> str:
    """`text`, with a word on what will be left behind."""
    return f"{text}[retain]" if step.before("retainOnDelete") and step.op in _RETAINING else text


def depth(step: Step, seen: dict[str, Step], options: Options) -> int:
    """How many of the resource's parents have a line above it."""
    count, parent = 0, step.parent
    while parent and (above := seen.get(parent)) is not None:
        if above.is_root or shows(above, options):
            count += 1
        parent = above.parent
    return count


def heading(step: Step, indent: int) -> str:
    """The type with what is done to it; below it id, URN and provider."""
    lock = ""
    if step.new is not None and not step.after("protect") and step.before("protect"):
        lock = " 🔓"
    elif step.after("protect") or step.before("protect"):
        lock = " 🔒"
    colour = words.COLOUR.get(step.op, "")
    text = f"{words.SIGN.get(step.op, '  ')}{step.type}: ({retained(step, step.op)}){lock}"
    out = [f"{indentation(indent)}{ink.paint(colour, text)}\n"]
    quiet = colour if step.op in _LOUD else ""
    spaces = indentation(indent + 1)
    if identity := step.before("id"):
        out.append(f"{spaces}{ink.paint(quiet, f'[id={identity}]')}\n")
    if step.urn:
        out.append(f"{spaces}{ink.paint(quiet, f'[urn={step.urn}]')}\n")
    if step.provider:
        old, new = step.before("provider"), step.after("provider")
        if step.old is not None and step.new is not None and old != new:
            named, _, identity = str(new).rpartition("::")
            now = f"{named}::[unknown]" if is_unknown(identity) else str(new)
            change = f"{ink.paint(ink.RED, str(old or ''))} => {ink.paint(ink.GREEN, now)}"
            out.append(f"{spaces}{ink.paint(ink.YELLOW, '[provider: ')}{change}{ink.paint(ink.YELLOW, ']')}\n")
        elif urn_name(step.provider.rpartition("::")[0]) != "default":
            out.append(f"{spaces}{ink.paint(quiet, f'[provider={step.provider}]')}\n")
    return "".join(out)


def details(step: Step, indent: int, options: Options, *, refresh: bool = False, brief: bool = False) -> str:
    """The properties of what comes or goes, or what changes of them; nothing where all stays the same."""
    if step.op == "same":
        return ""
    printer = Printer(indent + 1, step.op, brief=brief, truncate=not options.show_full_output)
    old, new = step.old, step.new
    if step.detailed is not None and old is not None and new is not None:
        if (deltas := from_detailed(step, refresh=refresh)) is not None:
            printer.deltas(deltas)
        else:
            printer.as_step("same", signed=True).object(_props(old, "inputs"))
    elif old is None and new is not None:
        printer.object(_props(new, "outputs") or _props(new, "inputs"))
    elif new is None and old is not None:
        if not brief:
            printer.object(_props(old, "inputs"))
    elif old is not None and new is not None:
        side = "outputs" if _props(new, "outputs") and step.op not in ("import", "import-replacement") else "inputs"
        include = None if side == "outputs" else (step.diffs or None)
        before, after = _props(old, side), _props(new, side)
        if (deltas := compare_objects(before, after)) is not None:
            printer.deltas(deltas, include)
        else:
            printer.as_step("same", signed=True).object(after)
    return printer.text


def _props(state: Props, side: str) -> Props:
    found = state.get(side)
    return found if is_dict(found) else {}


def outputs(step: Step, indent: int, options: Options, *, planning: bool, refresh: bool = False) -> str:
    """The outputs that the inputs do not say already, and that differ from the old ones."""
    sames = options.show_sames or (not planning and step.is_root)
    told = refresh or step.op in ("read", "read-replacement", "import", "import-replacement") or step.is_root
    if (planning and not told) or step.before("initErrors"):
        return ""
    new = step.new or {}
    outs = _props(new, "outputs")
    ins = _props(new, "inputs") if new.get("outputs") is not None else {}
    deltas: Deltas | None = None
    if step.old is not None and step.old.get("outputs") is not None:
        deltas = compare_objects(_props(step.old, "outputs"), outs)
        if deltas is not None and planning and step.is_root:
            _drop_unknown(deltas)
        if deltas is None and not sames:
            return ""
    printer = Printer(indent, step.op, truncate=not options.show_full_output)
    keys = sorted(outs) if deltas is None else deltas.keys()
    align = widest(keys)
    for key in keys:
        value = outs.get(key)
        if deltas is None and (internal(key) or not worth_showing(value)):
            continue
        if key in ins and not refresh and compare(value, ins[key]) is None:
            continue
        if deltas is None:
            printer.title(key, align)
            printer.value(value)
        elif sames or not deltas.same(key):
            printer.property_delta(key, align, deltas)
    return printer.text


def _drop_unknown(deltas: Deltas) -> None:
    """Leave out of a planned stack's outputs what only is not known yet."""
    handed_out = deltas.adds.pop("@isPulumiResource", None) is not None
    deltas.adds = {
        key: without_markers(value) for key, value in deltas.adds.items() if not (handed_out and is_unknown(value))
    }
    for key, delta in list(deltas.updates.items()):
        if delta.inner is not None:
            _drop_unknown(delta.inner)
        # an element of a list keeps its place
        if is_unknown(delta.new) and not deltas.array:
            del deltas.updates[key]
