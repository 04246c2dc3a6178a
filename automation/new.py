"""`modelport new`: a stack file for a model and a target, asked for on a terminal or given by flags."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automation.exits import Exit, Failure
from automation.new_draft import Draft, check, header, taken, tell, valid, write
from automation.projects import find_root, has_spec, stack_files

if TYPE_CHECKING:
    from automation.new_model import Kind
    from automation.new_targets import Need

Ask = Callable[[str, str], str]
"""A question and what is taken for an empty answer."""
_FIRST_PORT = 8080
_ERRORS = ("mae", "medae", "mape", "rmse", "log_loss", "cer", "wer")
"""Metrics that are better when smaller, and no share."""


@dataclass(frozen=True)
class Wanted:
    """What the flags say."""

    cwd: Path
    model: str | None = None
    data: str | None = None
    target: str | None = None
    stack: str | None = None
    settings: tuple[str, ...] = ()
    yes: bool = False
    as_json: bool = False


def new(wanted: Wanted, ask: Ask) -> Exit:
    """Write the stack file; raises Failure, with nothing written, for anything that it would not be valid with."""
    root = _project(wanted.cwd)
    asking = not wanted.yes and not wanted.as_json and sys.stdin.isatty() and sys.stdout.isatty()
    from automation.new_file import StackFile

    draft = Draft(root, StackFile())
    settings = _settings(wanted.settings)
    if not asking:
        _complete(wanted, settings, root)
    _target(draft, wanted, settings, ask if asking else None)
    _model(draft, wanted, settings, ask if asking else None)
    _stack(draft, wanted, ask if asking else None)
    _needs(draft, settings, ask if asking else None)
    text = draft.file.text(header(draft))
    check(draft, text)
    if asking:
        print(f"\n{text}")
        if ask(f"write it to {draft.place.name}? yes or no", "yes").strip().lower() not in ("y", "yes"):
            print("nothing was written")
            return Exit.DONE
    write(draft.place, text)
    tell(draft, wanted.cwd, as_json=wanted.as_json)
    return Exit.DONE


def _project(cwd: Path) -> Path:
    """The project's folder, one whose stacks are the library's own."""
    try:
        root = find_root(cwd)
    except Failure:
        if not cwd.is_dir() or importlib.util.find_spec("stacks") is not None:
            raise
        root = None
    if root is not None and has_spec(root) and importlib.util.find_spec("stacks") is not None:
        return root
    where = "a folder `stacks`" if root is None or not has_spec(root) else "a package `stacks` that Python finds"
    raise Failure(
        Exit.MISSING,
        f"{root or cwd.resolve()} has no stacks of Modelport's, expected {where}, whose program a stack file is for "
        "and which the wheel leaves out; run `modelport new` in a clone of Modelport's repository (--cwd FOLDER), or "
        "write a program of your own with ModelImage, as README.md shows",
    )


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """What `--set` says, by key."""
    from automation.new_file import typed

    found: dict[str, Any] = {}
    for each in given:
        key, equals, text = each.partition("=")
        key = key.strip().removeprefix("modelport:")
        if not equals or not key:
            raise Failure(
                Exit.BAD_INPUT, f"--set is {each!r}, expected KEY=VALUE; for example --set model.evaluate.min=0.9"
            )
        if key in found:
            raise Failure(Exit.BAD_INPUT, f"--set {key} is given twice, expected once; leave one out")
        found[key] = typed(key, text)
    return found


def _complete(wanted: Wanted, settings: dict[str, Any], root: Path) -> None:
    """Name all that is missing in one line, where nobody can be asked."""
    from automation import new_model

    lacking = {
        "--model FILE": wanted.model or settings.get("model.source"),
        "--target local": wanted.target or settings.get("target"),
    }
    missing = [flag for flag, value in lacking.items() if not value]
    if not missing:
        return
    what = " and ".join(flag.split()[0] for flag in missing)
    there = new_model.files(root) if "--model FILE" in missing else []
    seen = f"; here are {', '.join(there[:5])}" if there else ""
    raise Failure(
        Exit.BAD_INPUT,
        f"{what} {'is' if len(missing) == 1 else 'are'} missing, expected by flag where nobody is asked{seen}; "
        f"add {' '.join(missing)}",
    )


def _target(draft: Draft, wanted: Wanted, settings: dict[str, Any], ask: Ask | None) -> None:
    from stacks.specs.targets import TARGETS

    if wanted.target and "target" in settings:
        raise Failure(Exit.BAD_INPUT, "--target is given beside --set target, expected one of them; leave one out")
    given = wanted.target or settings.pop("target", None)
    if given is None and ask is not None:
        print(f"targets: {', '.join(TARGETS)}")
        given = _again(ask, "where the model goes", "local", lambda answer: _no_target(answer))
    if told := _no_target(str(given)):
        raise Failure(Exit.BAD_INPUT, told)
    draft.target = str(given)
    draft.file.put("target", draft.target)


def _no_target(name: str) -> str | None:
    import difflib

    from stacks.specs.targets import TARGETS

    if name in TARGETS:
        return None
    close = difflib.get_close_matches(name, list(TARGETS), 1)
    return f"--target is {name!r}, expected one of {', '.join(TARGETS)}" + (
        f"; did you mean {close[0]}?" if close else ""
    )


def _model(draft: Draft, wanted: Wanted, settings: dict[str, Any], ask: Ask | None) -> None:
    """The section `model`: copied from another stack, or made from what is seen of the model and of its data."""
    from automation import new_model

    if wanted.model and "model.source" in settings:
        raise Failure(Exit.BAD_INPUT, "--model is given beside --set model.source, expected one of them; leave one out")
    root, given = draft.root, wanted.model or settings.pop("model.source", None)
    if given is None and ask is not None:
        seen = new_model.files(root)
        named = [name for name in new_model.models(root) if name not in seen]
        if seen or named:
            print(f"models here: {', '.join([*seen, *named][:12])}")
        first = next(iter([*seen, *named]), "")
        given = _again(ask, "the model: a file, module:function, or one of another stack", first,
                       lambda answer: _refusal(lambda: new_model.find(answer, root, wanted.cwd)))  # fmt: skip
    source, other = new_model.find(str(given), root, wanted.cwd)
    if other is not None:
        _copied(draft, other)
        theirs = draft.file.said.get("model.source")
        if not isinstance(theirs, str):
            raise Failure(
                Exit.BAD_INPUT,
                f"Pulumi.{other}.yaml: model.source is missing, expected where the model comes from; "
                "correct that file, or give --model the model itself",
            )
        source = theirs
    draft.source = source
    draft.graph = new_model.graph(source, root)
    kind = new_model.kind(source, root, str(settings.get("model.format") or "auto")) if other is None else None
    if kind is not None and draft.graph is None:
        needs = f"; it is built with {kind.extra}: pip install 'modelport[{kind.extra}]'" if kind.extra else ""
        draft.told.append(f"{kind.name}{needs}")
    draft.writes = kind is not None and kind.format == "seq2seq"
    if draft.graph is not None:
        draft.told.append(f"ONNX, opset {draft.graph.opset}")
        draft.told.append(f"takes {'; '.join(map(str, draft.graph.inputs)) or 'nothing'}")
        draft.told.append(f"gives {'; '.join(map(str, draft.graph.outputs)) or 'nothing'}")
    if other is None:
        draft.file.put("model.name", settings.pop("model.name", None) or new_model.called(source))
        draft.file.put("model.source", source)
        if kind is not None:
            _trust(draft, kind, settings, ask)
    for line in draft.told if ask is not None else ():
        print(f"  {line}")
    _data(draft, wanted, settings, ask, copied=other is not None)


def _copied(draft: Draft, stack: str) -> None:
    """The section `model` as another stack has it."""
    from typing import cast

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    text = (draft.root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    read: Any = cast("Any", yaml).load(text)
    section = read["config"]["modelport:model"]
    draft.file.adopt("model", section)
    draft.told.append(f"as stack {stack} has it")


def _trust(draft: Draft, kind: "Kind", settings: dict[str, Any], ask: Ask | None) -> None:
    """A pickle, or a file with code in it, is loaded only where somebody says that it is his."""
    if not (kind.pickle or kind.code) or "model.trust" in settings or ask is None:
        return
    what = "is a pickle" if kind.pickle else f"has code of its author in it ({', '.join(kind.code[:5])})"
    answer = ask(f"{draft.source} {what}, and to load it runs code of its author; is it yours? yes or no", "no")
    if answer.strip().lower() not in ("y", "yes"):
        instead = {"sklearn": "ONNX or .skops", "keras": "a SavedModel (model.export) or ONNX"}.get(kind.format, "ONNX")
        raise Failure(
            Exit.BAD_INPUT,
            f"{draft.source} {what}{' that nobody trusts' if kind.pickle else ', which nobody trusts'}, expected one "
            f"of yours; save the model as {instead}",
        )
    draft.file.put("model.trust", True)


def _data(draft: Draft, wanted: Wanted, settings: dict[str, Any], ask: Ask | None, *, copied: bool) -> None:
    """What the model is measured on, and the gate."""
    from automation import new_model

    root, key = draft.root, "model.evaluate.data"
    if wanted.data and key in settings:
        raise Failure(Exit.BAD_INPUT, f"--data is given beside --set {key}, expected one of them; leave one out")
    given = wanted.data or settings.pop(key, None)
    if given is None and copied:
        return
    if given is None:
        beside = new_model.data_beside(draft.source, root, draft.graph)
        suggested = beside[0] if len(beside) == 1 else ""
        if ask is not None:
            if len(beside) > 1:
                print(f"data beside it: {', '.join(beside)}")
            given = _again(ask, "data to measure it on: .npz or .csv with labels, or module:function", suggested,
                           lambda answer: _refusal(lambda: _looked(answer, draft, wanted.cwd)))  # fmt: skip
        elif wanted.yes and suggested:
            given = suggested
        else:
            seen = f"; {', '.join(beside)} would do" if beside else ""
            raise Failure(
                Exit.BAD_INPUT,
                "--data is missing, expected real inputs with labels, a .npz or .csv file or module:function, as "
                f"nothing is served that was not measured{seen}; add --data {suggested or 'FILE'}",
            )
    place, seen_in_it = _looked(str(given), draft, wanted.cwd)
    draft.file.put(key, place)
    if copied:
        return
    if seen_in_it is not None:
        draft.told.append(f"measured on {seen_in_it.rows} rows of {place}")
        if seen_in_it.metric != "accuracy" and "model.evaluate.metric" not in settings:
            draft.file.put("model.evaluate.metric", seen_in_it.metric)
    outputs = [each.name for each in draft.graph.outputs] if draft.graph is not None else []
    if len(outputs) > 1 and "probabilities" not in outputs and "model.evaluate.output" not in settings:
        draft.file.put("model.evaluate.output", outputs[0])
        draft.file.above("model.evaluate.output", f"it gives {', '.join(outputs)}: this one is measured")
    metric = settings.get("model.evaluate.metric") or draft.file.said.get("model.evaluate.metric", "accuracy")
    bounds = ("min", "max", "max_drop", "max_latency_ms", "max_bytes")
    if metric not in _ERRORS and not any(f"model.evaluate.{bound}" in settings for bound in bounds):
        draft.file.put("model.evaluate.max_drop", 0.01)
        draft.file.above(
            "model.evaluate.max_drop", f"the gate: so much {metric} may be lost; `min: 0.9` says what is enough at all"
        )


def _looked(text: str, draft: Draft, here: Path) -> "tuple[str, Any]":
    from automation import new_model

    place = text if new_model.is_named(text) else (new_model.placed(text, draft.root, here) or text)
    return place, new_model.measured(place, draft.root, draft.graph, writes=draft.writes)


def _stack(draft: Draft, wanted: Wanted, ask: Ask | None) -> None:
    there = stack_files(draft.root)
    name = wanted.stack or os.environ.get("PULUMI_STACK") or None
    if name is None:
        model = str(draft.file.said.get("model.name", "model"))
        choices = (draft.target, model, f"{model}-{draft.target}")
        name = next((each for each in choices if each not in there), "")
        if ask is not None:
            name = _again(ask, "the stack's name", name, lambda answer: _no_stack(answer, there, draft.root))
    if told := _no_stack(name, there, draft.root):
        raise Failure(Exit.BAD_INPUT, told)
    draft.stack = name


def _no_stack(name: str, there: Sequence[str], root: Path) -> str | None:
    from engine.projects import NAME

    if not NAME.fullmatch(name) or name[0] in ".-":
        return (
            f"--stack is {name!r}, expected at most 100 letters, digits, '-', '_' and '.', and neither '-' nor '.' "
            "first; choose another"
        )
    if name in there or os.path.lexists(root / f"Pulumi.{name}.yaml"):
        return taken(root / f"Pulumi.{name}.yaml")
    return None


def _needs(draft: Draft, settings: dict[str, Any], ask: Ask | None) -> None:
    """What the target wants beside, and what `--set` says."""
    from automation.new_file import FILL_IN
    from automation.new_targets import CHOSEN, NEEDS, open_needs

    if draft.target == "local" and not {"endpoint", "endpoint.port"} & set(settings):
        port = _port(draft.root)
        if port != _FIRST_PORT:
            draft.file.put("endpoint.port", port)
    given = {**draft.file.said, **settings}
    wanting = open_needs(draft.target, given)
    for need in NEEDS[draft.target]:
        if need.key in settings:
            draft.file.put(need.key, settings[need.key])
        if need not in wanting:
            continue
        value = need.stands_in(given)
        if isinstance(value, str):
            value = value.replace("{model}", str(given.get("model.name", "model")))
        answer = _answer(draft, need, value, ask) if ask is not None else None
        if answer is None and need.key not in CHOSEN:
            draft.open.append(need)
            draft.file.put(need.key, value, f"{FILL_IN}{need.what}")
        else:
            draft.file.put(need.key, value if answer is None else answer)
        given[need.key] = value if answer is None else answer
    for key, value in settings.items():
        draft.file.put(key, value)


def _answer(draft: Draft, need: "Need", example: Any, ask: Ask) -> Any:
    """What somebody says; None where he leaves the example in the file for later."""
    from automation.new_file import typed

    known = next((os.environ[name] for name in need.variables if os.environ.get(name)), "")
    later = json.dumps(example) if isinstance(example, list) else str(example)
    while True:
        said = ask(f"{need.what} ({need.key})", known or f"later, {later} stands for it")
        if said == "later" or said.startswith("later, "):
            return None
        try:
            value = typed(need.key, said if not isinstance(example, list) or "[" in said else f"[{said}]")
        except Failure as failure:
            print(failure.messages[0])
            continue
        if not (told := _about(draft, need, value)):
            return value
        print(told)


def _about(draft: Draft, need: "Need", value: Any) -> str:
    """What the rules say of one value, with examples in the place of all that is not said yet."""
    from automation.new_file import StackFile
    from automation.new_targets import open_needs
    from stacks.spec import SpecError

    trial = StackFile()
    for key, said in {**draft.file.said, need.key: value}.items():
        trial.put(key, said)
    for each in open_needs(draft.target, trial.said):
        example = each.stands_in(trial.said)
        trial.put(each.key, example.replace("{model}", "model") if isinstance(example, str) else example)
    try:
        valid(trial.text([]), "answer")
    except SpecError as error:
        lines = [line.partition(": ")[2] for line in error.lines]
        return next((line for line in lines if line.startswith(need.key)), "")
    return ""


def _port(root: Path) -> int:
    """The first port that no other stack of the project names and that nobody holds."""
    import socket

    from stacks import yamlfile

    taken: set[Any] = set()
    for stack in stack_files(root):
        try:
            config: dict[str, Any] = yamlfile.read(root / f"Pulumi.{stack}.yaml").value["config"]
            if config.get("modelport:target") == "local":
                endpoint: dict[str, Any] = config.get("modelport:endpoint") or {}
                taken.add(endpoint.get("port", _FIRST_PORT))
        except (yamlfile.YamlError, KeyError, TypeError, AttributeError):
            continue
    for port in range(_FIRST_PORT, _FIRST_PORT + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in taken:
            return port
    return _FIRST_PORT


def _again(ask: Ask, question: str, suggested: str, refusal: Callable[[str], str | None]) -> str:
    """Ask until there is an answer that nothing speaks against."""
    while True:
        answer = ask(question, suggested).strip()
        told = refusal(answer) if answer else "there is no answer, expected one"
        if not told:
            return answer
        print(told)


def _refusal(look: Callable[[], object]) -> str | None:
    try:
        look()
    except Failure as failure:
        return "; ".join(failure.messages)
    return None
