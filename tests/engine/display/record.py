"""Records what the official CLI prints for `program/`: the goldens of this folder.

    python -m tests.engine.display.record       after a deliberate change of the program, with the official CLI on PATH

Each step is previewed and brought up twice, in two backends: once as the tree and once with --diff. Beside each text
lie the events that it was made from; how long things took is taken out, and so are the engine's debugging words.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDENS = HERE / "goldens"
LIB = HERE.parent / "conformance" / "lib"
STEPS = ["step1", "step2", "step3"]
RUNS = [("preview", ["preview"]), ("up", ["up", "--yes", "--skip-preview"])]


def environment(root: Path) -> dict[str, str]:
    """What an engine needs to run the program in `root`."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PULUMI_BACKEND_URL": f"file://{root / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DEBUG_COMMANDS": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PYTHONPATH": str(LIB),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
        "CASE_WORLD": str(root / "world"),
    }


def normalised(text: str) -> str:
    """`text` without times, ticks and the blank lines that come and go with them."""
    text = re.sub(r"\(\d+(\.\d+)?s\)", "(0s)", text)
    text = re.sub(r"Duration: \S+", "Duration: 0s", text)
    # a mark that the official CLI forgets to turn into a colour
    text = re.sub(r"<\{%.*?%\}>", "", text)
    # whoever drives the engine says this, not the view
    text = text.split("The resources in the stack have been deleted")[0]
    lines = (line.rstrip() for line in text.split("\n") if not line.startswith("@ "))
    return "\n".join(line for line in lines if line) + "\n"


def start(root: Path, engine: list[str]) -> None:
    """Lay the program out in `root`, with a stack `dev` and a secret."""
    shutil.copytree(HERE / "program", root / "program")
    for name in ("backend", "world"):
        (root / name).mkdir()
    for words in (["stack", "init", "dev"], ["config", "set", "word", "hush", "--secret", "--stack", "dev"]):
        run(root, [*engine, *words, "--non-interactive"])


def run(root: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=root / "program",
        env=environment(root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def take(step: str, root: Path) -> None:
    """Make the program what it is at a step."""
    shutil.copy(root / "program" / f"{step}.py", root / "program" / "__main__.py")


def record() -> None:
    GOLDENS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as there:
        for view, more in (("tree", []), ("diff", ["--diff"])):
            root = Path(there).resolve() / view
            root.mkdir()
            start(root, ["pulumi"])
            for step in [*STEPS, "gone"]:
                runs = RUNS if step != "gone" else [("destroy", ["destroy", "--yes", "--skip-preview"])]
                if step != "gone":
                    take(step, root)
                for name, words in runs:
                    log = root / "events"
                    base = ["pulumi", *words, "--stack", "dev", "--non-interactive", "--parallel", "1"]
                    done = run(root, [*base, *more, "--event-log", str(log)])
                    (GOLDENS / f"{step}-{name}.{view}.txt").write_text(normalised(done.stdout))
                    (GOLDENS / f"{step}-{name}.{view}.jsonl").write_text(events(log, root))
                    if view == "diff" and name == "preview":
                        digest = run(root, [*base, "--json", "--event-log", str(log)]).stdout
                        (GOLDENS / f"{step}-{name}.json.txt").write_text(digest_only(digest))
                        (GOLDENS / f"{step}-{name}.json.jsonl").write_text(events(log, root))


UNTOLD = ("created", "modified", "sourcePosition", "stackTrace", "propertyDependencies", "dependencies")
"""Of a resource's state in a digest: what events do not tell, and what depends on the machine."""


def digest_only(text: str) -> str:
    """A preview's document without what its events do not say."""
    digest = json.loads(text)
    digest["duration"] = 0
    for step in digest["steps"]:
        for side in ("oldState", "newState"):
            for key in UNTOLD:
                step.get(side, {}).pop(key, None)
    return json.dumps(digest, indent=1) + "\n"


def events(log: Path, root: Path) -> str:
    """The events of a run, a line each, without debugging words and without the place that they ran in."""
    out: list[str] = []
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event.get("diagnosticEvent", {}).get("severity") != "debug":
            text = json.dumps({key: value for key, value in event.items() if key != "timestamp"})
            out.append(re.sub(r'"ciphertext": "[^"]*"', '"ciphertext": "[secret]"', text).replace(str(root), "<root>"))
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    record()
