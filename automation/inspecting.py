"""output, report, stack ls, stack export: what there is, without changing it."""

import difflib
import json
import os
import webbrowser
from pathlib import Path
from typing import Any

from automation.drivers import drive
from automation.exits import Exit, Failure
from automation.lifecycle import REPORT, Request, show_outputs
from automation.projects import Target, find_root, select, stack_files


def _outputs(request: Request) -> tuple[Target, dict[str, Any]]:
    target = select(request.cwd, request.stack, from_file=False)
    return target, drive(target, request.engine).outputs(show_secrets=request.show_secrets)


def output(request: Request, name: str | None) -> Exit:
    """Print one output bare, or all of them."""
    target, outputs = _outputs(request)
    if name is not None:
        if name not in outputs:
            raise Failure(Exit.BAD_INPUT, _no_output(name, target.stack, outputs))
        value = outputs[name]
        print(json.dumps(value) if request.as_json or not isinstance(value, str) else value)
    elif request.as_json:
        print(json.dumps(outputs, sort_keys=True))
    elif outputs:
        show_outputs(outputs)
    else:
        print(f"stack {target.stack} has no outputs; modelport up -s {target.stack} makes them")
    return Exit.DONE


def _no_output(name: str, stack: str, outputs: dict[str, Any]) -> str:
    if not outputs:
        return f"stack {stack} has no outputs, expected '{name}'; run modelport up -s {stack}"
    close = difflib.get_close_matches(name, outputs, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"stack {stack} has no output '{name}', {hint}there are: {', '.join(sorted(outputs))}"


def report(request: Request, *, show: bool) -> Exit:
    """Where the page is, and its verdict."""
    target, outputs = _outputs(request)
    page, data = outputs.get(REPORT), outputs.get("report_json")
    if not isinstance(page, str) or not isinstance(data, str):
        raise Failure(Exit.BAD_INPUT, f"stack {target.stack} has no report yet; run modelport up -s {target.stack}")
    for file in (Path(page), Path(data)):
        if not file.is_file():
            raise Failure(
                Exit.FAILED,
                f"{file} is gone, expected the report there; modelport build -s {target.stack} writes it again",
            )
    if request.as_json:
        print(json.dumps(json.loads(Path(data).read_text())))
        return Exit.DONE
    print(page)
    for line in _verdict(Path(data)):
        print(line)
    if show and not webbrowser.open(Path(page).as_uri()):
        raise Failure(Exit.MISSING, f"no browser to open the page with; it is {page}")
    return Exit.DONE


def _verdict(data: Path) -> list[str]:
    from model_build.report.model import Report

    report = Report.load(data)
    lines = [f"{report.name} {report.version}: {f'{report.chosen} chosen' if report.chosen else 'no candidate passed'}"]
    for each in report.candidates:
        metric = "" if each.metric is None else f"{report.evaluation.metric} {each.metric:.4g}, "
        size = "" if each.file_bytes is None else f"{each.file_bytes / 1e3:.1f} kB, "
        lines.append(f"  {each.name}: {metric}{size}{each.why}")
    return lines


def stacks(request: Request) -> Exit:
    """Every stack with a file or a state."""
    root = find_root(request.cwd)
    files = stack_files(root)
    known = drive(Target(root, files[0] if files else "local"), request.engine).stacks()
    rows = [{"name": name, "file": name in files, "state": name in known} for name in sorted({*files, *known})]
    if request.as_json:
        print(json.dumps(rows))
        return Exit.DONE
    for row in rows:
        told = ", ".join(word for word, there in (("file", row["file"]), ("state", row["state"])) if there)
        print(f"{row['name']:<20} {told}")
    return Exit.DONE


def export(request: Request, file: Path | None) -> Exit:
    target = select(request.cwd, request.stack, from_file=False)
    text = json.dumps(drive(target, request.engine).export(show_secrets=request.show_secrets), indent=4)
    if file is None:
        print(text)
        return Exit.DONE
    try:
        # what --show-secrets lays open is for its owner alone
        with open(file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(f"{text}\n")
    except OSError as error:
        raise Failure(
            Exit.BAD_INPUT, f"--file {file} cannot be written: {error.strerror}, expected a file in a folder; name one"
        ) from None
    return Exit.DONE
