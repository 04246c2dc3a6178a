"""Runs a case under an engine, and records what the engine did at each step.

The engine is a command that understands the verbs below; the record is made of its event log, the state that it left,
the calls that the pretend cloud received and what it printed when it failed.

    ENGINE stack init STACK --non-interactive
    ENGINE config set KEY VALUE --stack STACK [--secret | --plaintext] [--path]
    ENGINE preview|up|refresh|destroy --stack STACK --non-interactive --event-log FILE --parallel N FLAGS
    ENGINE cancel --stack STACK --yes
    ENGINE stack export --stack STACK --show-secrets
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from engine.api import Engine
from tests.cluster.shared import Cluster
from tests.engine.conformance.normalise import STAMPED, Graph, Normaliser, Record, graph, well_ordered

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
LIB = HERE / "lib"
OURS = [sys.executable, "-m", "engine"]
PASSPHRASE = "correct horse"


class Case:
    """One case in a folder of its own: program, backend and pretend cloud."""

    patience = 300.0
    """How long an operation may take, in seconds, before everything is killed."""

    def __init__(
        self, name: str, root: Path, engine: list[str], other: list[str] | None = None, cluster: Cluster | None = None
    ) -> None:
        self.source = CASES / name
        self.spec: Record = yaml.safe_load((self.source / "case.yaml").read_text())
        self.engines = [engine, other or engine]
        self.program, self.backend, self.world = (root / part for part in ("program", "backend", "world"))
        self.root = root
        self.cluster = cluster
        shutil.copytree(self.source / "program", self.program)
        self.backend.mkdir()
        self.world.mkdir()
        self._stacks: set[tuple[str, str]] = set()
        self._calls_read = 0
        self._graphs: dict[tuple[str, str], Graph] = {}
        self._norm = Normaliser(
            {
                str(self.program): "<program>",
                str(LIB): "<lib>",
                f"file://{self.backend}": "<backend>",
                str(self.backend): "<backend>",
                str(self.world): "<world>",
                **({str(cluster.kubeconfig): "<kubeconfig>"} if cluster else {}),
            }
        )
        self.env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DEBUG_COMMANDS": "1",  # without it the official CLI hides --event-log
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PYTHONPATH": str(LIB),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            "CASE_WORLD": str(self.world),
            "CASE_ROOT": str(root),
        }
        if cluster:
            self.env["KUBECONFIG"] = str(cluster.kubeconfig)

    @property
    def steps(self) -> list[Record]:
        return list(self.spec["steps"])

    def golden(self, number: int) -> Record:
        """What the official engine did at a step, counted from 1."""
        found: Record = json.loads((self.source / "golden" / f"step{number}.json").read_text())
        return found

    def call(self, engine: list[str], args: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*engine, *args], cwd=cwd, env=self.env, text=True, capture_output=True, stdin=subprocess.DEVNULL
        )

    def _must(self, engine: list[str], args: list[str], cwd: Path) -> None:
        done = self.call(engine, args, cwd)
        assert done.returncode == 0, f"{shlex.join([*engine, *args])}: {done.stderr or done.stdout}"

    def _happen(self, actions: list[Record]) -> None:
        """What happens in the world between two steps."""
        for action in actions:
            for name, text in action.get("write", {}).items():
                file = self.world / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text if isinstance(text, str) else json.dumps(text))
            for name, change in action.get("edit", {}).items():
                file = self.world / name
                file.write_text(json.dumps({**json.loads(file.read_text()), **change}, sort_keys=True))
            if "remove" in action:
                (self.world / action["remove"]).unlink()
            if "kubectl" in action:
                done = self._kubectl(action["kubectl"], action.get("input"))
                assert done.returncode == 0, f"kubectl {shlex.join(action['kubectl'])}: {done.stderr}"

    def _kubectl(self, arguments: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
        assert self.cluster, f"{self.source.name} needs a cluster, and its case.yaml does not say so"
        kubectl = str(self.cluster.programs / "kubectl")
        return subprocess.run([kubectl, *arguments], env=self.env, input=text, text=True, capture_output=True)

    def clear(self) -> None:
        """Take away what the case, or an earlier run of it that was killed, has in the cluster."""
        if self.cluster is None:
            return
        programs = "".join(file.read_text() for file in self.program.rglob("*.py"))
        spaces = sorted(set(re.findall(r"\bgold-[a-z0-9-]+\b", programs)))
        gone = ["--ignore-not-found", "--timeout=120s"]
        for arguments in (["namespace", *spaces], ["customresourcedefinition", *_definitions(programs)]):
            if arguments[1:]:
                done = self._kubectl(["delete", *arguments, *gone])
                assert done.returncode == 0, done.stderr

    def observed(self, step: Record) -> list[Record]:
        """What kubectl prints after the step."""
        found: list[Record] = []
        for arguments in step["observe"]:
            done = self._kubectl(arguments)
            lines = self._norm.lines(done.stdout + done.stderr)
            found.append({"kubectl": arguments, "exit": done.returncode, "says": lines})
        return found

    def _operate(self, engine: list[str], step: Record, args: list[str], cwd: Path) -> tuple[int, str]:
        """Run the operation, and break it off at the moment that the step names."""
        process = subprocess.Popen(
            [*engine, *args],
            cwd=cwd,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        stop = step.get("stop")
        if stop:
            flag = self.world / stop["when"]
            while not flag.exists() and process.poll() is None:
                time.sleep(0.05)
            time.sleep(0.3)
            if stop["signal"] == "KILL":
                self.cut_power()
            else:
                process.send_signal(getattr(signal, f"SIG{stop['signal']}"))
            flag.unlink(missing_ok=True)
        try:
            _, stderr = process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            self.cut_power()
            _, stderr = process.communicate()
        return process.returncode, stderr

    def cut_power(self) -> None:
        """Kill every process of this case at once, those that left the engine's process group too."""
        mark = f"CASE_WORLD={self.world}".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)

    def run(self, number: int) -> Record:
        """Take a step, counted from 1, and record it."""
        step = self.steps[number - 1]
        engine = self.engines[(number - 1) % 2]
        project = self.program / step.get("project", ".")
        stack = step.get("stack", self.spec.get("stack", "dev"))
        self._happen(step.get("before", []))
        if "program" in step:
            shutil.copy(project / step["program"], project / "__main__.py")
        self._prepare(engine, step, project, stack)
        log = self.root / f"events{number}.json"
        code, stderr = self._operate(engine, step, self._arguments(step, stack, log), project)
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        export = self._export(engine, stack, project)
        return self._record(step, code, stderr, events, export, project, stack)

    def _prepare(self, engine: list[str], step: Record, project: Path, stack: str) -> None:
        if (str(project), stack) not in self._stacks:
            self._must(engine, ["stack", "init", stack, "--non-interactive"], project)
            self._stacks.add((str(project), stack))
        for key, value in step.get("config", {}).items():
            secret = isinstance(value, dict) and "secret" in value
            more = ["--secret" if secret else "--plaintext", *(["--path"] if "[" in key or "." in key else [])]
            text = str(value["secret"]) if secret else str(value)
            self._must(engine, ["config", "set", key, text, "--stack", stack, *more], project)

    def _arguments(self, step: Record, stack: str, log: Path) -> list[str]:
        op, flags = step["op"], [str(flag) for flag in step.get("flags", [])]
        if op == "cancel":
            return ["cancel", "--stack", stack, "--yes", *flags]
        args = [op, "--stack", stack, "--non-interactive", "--event-log", str(log)]
        args += ["--parallel", str(step.get("parallel", self.spec.get("parallel", 1)))]
        if not _plans(step):
            args += ["--yes", "--skip-preview"]
        return args + flags

    def _export(self, engine: list[str], stack: str, project: Path) -> Record | None:
        if engine == OURS:  # the same without a process, for there are a hundred of them
            return Engine(project, stack, f"file://{self.backend}").export(show_secrets=True)
        done = self.call(engine, ["stack", "export", "--stack", stack, "--show-secrets"], project)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def _record(
        self,
        step: Record,
        code: int,
        stderr: str,
        events: list[Record],
        export: Record | None,
        project: Path,
        stack: str,
    ) -> Record:
        deployment = self._norm.deployment(export)
        began, ended = self._norm.steps(events, planning=_plans(step))
        near, before = graph(deployment), self._graphs.get((str(project), stack), {})
        self._graphs[str(project), stack] = graph(deployment)
        for urn, others in before.items():
            near.setdefault(urn, {}).update(others)
        record: Record = {"op": step["op"], "exit": code, "steps": began, "ended": ended}
        record["order"] = self._norm.order(events, near)
        summary = next((event["summaryEvent"] for event in events if "summaryEvent" in event), None)
        if summary:
            record["summary"] = {key: summary[key] for key in ("resourceChanges", "result") if key in summary}
        record["diagnostics"] = self._norm.diagnostics(events)
        record["calls"] = self._calls()
        if code or step["op"] == "cancel":
            record["stderr"] = self._norm.lines(stderr)
        record["deployment"] = deployment
        if deployment:
            record["well_ordered"] = well_ordered(export)
            root = [r for r in deployment["deployment"].get("resources", []) if r["type"] == "pulumi:pulumi:Stack"]
            record["outputs"] = root[0].get("outputs", {}) if root else {}
        record["config"] = _config(project / f"Pulumi.{stack}.yaml")
        record["files"] = self._files()
        if "observe" in step:
            record["observed"] = self.observed(step)
        return record

    def _calls(self) -> dict[str, list[Any]]:
        """The provider's calls since the last step, in order for each thing."""
        log = self.world / "calls.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        fresh, self._calls_read = lines[self._calls_read :], len(lines)
        out: dict[str, list[Any]] = {}
        for line in fresh:
            call = self._norm.value(json.loads(line))
            props = call.get("news") or call.get("props") or {}
            out.setdefault(str(props.get("label", call.get("name", "-"))), []).append(call)
        return out

    def _files(self) -> dict[str, int]:
        """Every file of the backend, stamps taken out, and how many of each there are."""
        count: dict[str, int] = {}
        for file in sorted(self.backend.rglob("*")):
            if file.is_file():
                name = STAMPED.sub("<stamp>", str(file.relative_to(self.backend)))
                count[name] = count.get(name, 0) + 1
        return count


def _definitions(programs: str) -> list[str]:
    return sorted(set(re.findall(r"\b[a-z]+\.gold\.example\.org\b", programs)))


def _plans(step: Record) -> bool:
    return step["op"] == "preview" or "--preview-only" in step.get("flags", [])


def _config(file: Path) -> Any:
    if not file.exists():
        return None
    data = yaml.safe_load(file.read_text()) or {}
    if "encryptionsalt" in data:
        data["encryptionsalt"] = "<salt>"
    return json.loads(re.sub(r'"secure": "[^"]+"', '"secure": "<ciphertext>"', json.dumps(data, default=str)))
