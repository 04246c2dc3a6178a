"""The official CLI through Pulumi's Automation API: same backend, same passphrase, the work tree left clean.

The CLI writes a stack's salt into the stack file, and wants to find it there. It is given a copy of the stack file in a
folder of its own, with the salt taken from the state where the embedded engine made the stack.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

import yaml
from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, InvalidVersionError, StackNotFoundError

from automation import diagnosis
from automation.drivers import Listener, Operation, Options, Result, flags
from automation.exits import Exit, Failure
from automation.projects import Target
from engine.backend import choose, state_dir
from engine.errors import EngineError
from engine.projects import load_project
from engine.secrets import passphrase_for

SECRET = "[secret]"


class _Workspace(automation.LocalWorkspace):
    """A workspace that keeps the user's selected stack and files as they are."""

    scratch: str

    def select_stack(self, stack_name: str) -> None:
        self._run_pulumi_cmd_sync(["stack", "--stack", stack_name])

    def create_stack(self, stack_name: str) -> None:
        self._run_pulumi_cmd_sync(["-C", self.scratch, "stack", "init", "--no-select", "--stack", stack_name])


class Official:
    """One stack under the Pulumi CLI."""

    name = "pulumi"

    def __init__(self, target: Target) -> None:
        self.target = target
        self._signals = 0
        self._scratch = Path(tempfile.mkdtemp(prefix="modelport-pulumi-"))
        try:
            self._project = load_project(target.root)
            self._workspace = _Workspace(work_dir=str(target.root), env_vars=self._environment())
        except EngineError as error:
            raise Failure(Exit.BAD_INPUT, str(error)) from None
        except InvalidVersionError as error:
            raise Failure(Exit.MISSING, f"the Pulumi CLI on PATH does not fit: {error}") from None
        self._workspace.scratch = str(self._scratch)

    def __del__(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        url = choose(self._project.backend_url)
        if url.startswith("file://"):
            path = Path(url.removeprefix("file://")).expanduser()
            folder = (self.target.root / path).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            url = f"file://{folder}"
        env = {"PULUMI_BACKEND_URL": url, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        if "PULUMI_CONFIG_PASSPHRASE" not in os.environ:
            passphrase = passphrase_for(self.target.stack, state_dir(), generate=True)
            if passphrase is not None:
                env["PULUMI_CONFIG_PASSPHRASE"] = passphrase
        return env

    def environment(self) -> dict[str, str]:
        """The variables that the CLI runs with."""
        return {**os.environ, **self._workspace.env_vars}

    def _stack(self, *, create: bool) -> automation.Stack:
        """The stack, with the copy of its file in place."""
        shutil.copy(self.target.root / "Pulumi.yaml", self._scratch / "Pulumi.yaml")
        copy = self._config_copy
        data: dict[str, Any] = {}
        if self.target.file.is_file():
            data = yaml.safe_load(self.target.file.read_text()) or {}
        copy.write_text(yaml.safe_dump(data, sort_keys=False))
        pick = automation.Stack.create_or_select if create else automation.Stack.select
        with self._said():
            stack = pick(self.target.stack, self._workspace)
            made: dict[str, Any] = yaml.safe_load(copy.read_text()) or {}
            if "encryptionsalt" not in made and (salt := self._salt(stack)):
                copy.write_text(yaml.safe_dump({**made, "encryptionsalt": salt}, sort_keys=False))
        return stack

    @property
    def _config_copy(self) -> Path:
        return self._scratch / f"Pulumi.{self.target.stack}.yaml"

    def _salt(self, stack: automation.Stack) -> str | None:
        deployment: dict[str, Any] = self._raw_export(show_secrets=False).get("deployment") or {}
        provider: dict[str, Any] = deployment.get("secrets_providers") or {}
        state: dict[str, Any] = provider.get("state") or {}
        return state.get("salt") if provider.get("type") == "passphrase" else None

    @contextlib.contextmanager
    def _said(self) -> Any:
        """The CLI's own refusals as failures of ours."""
        try:
            yield
        except StackNotFoundError:
            raise Failure(
                Exit.BAD_INPUT,
                f"there is no stack '{self.target.stack}' in {self._workspace.env_vars['PULUMI_BACKEND_URL']}",
            ) from None
        except ConcurrentUpdateError as error:
            raise Failure(Exit.LOCKED, _stderr(error)) from None
        except CommandError as error:
            said = _stderr(error)
            raise Failure(Exit.BAD_INPUT if "passphrase" in said else Exit.FAILED, said) from None

    def run(self, operation: Operation, options: Options, listener: Listener) -> Result:
        planning = operation == "preview" or options.preview_only
        self._stack(create=operation in ("preview", "up"))
        log = self._scratch / "events"
        log.write_text("")
        words = [operation, "--stack", self.target.stack, "--config-file", str(self._config_copy), "--color", "never"]
        words += ["--non-interactive", "--event-log", str(log), *flags(operation, options)]
        if not planning:
            words += ["--yes", "--skip-preview"]
        elif operation in ("refresh", "destroy"):
            words += ["--preview-only"]
        self._signals = 0
        with self._running(words) as process:
            for event in _follow(log, process):
                listener(event)
            out, err = process.communicate()
        if process.returncode == 0:
            return Result(ok=True)
        said = diagnosis.plain(err or "").strip()
        error = re.sub(r"^error: ", "", said)
        locked = "currently locked by" in said or "[409] Conflict" in said
        return Result(ok=False, error=error or diagnosis.plain(out), interrupted=self._signals > 0, locked=locked)

    @contextlib.contextmanager
    def _running(self, words: list[str]) -> Generator["_Finished"]:
        env = {**os.environ, **self._workspace.env_vars, "PULUMI_DEBUG_COMMANDS": "true"}
        with (self._scratch / "out").open("w+") as out, (self._scratch / "err").open("w+") as err:
            # files, not pipes: nobody reads while the events are followed
            process = subprocess.Popen(
                ["pulumi", *words],
                cwd=self.target.root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
            )
            try:
                yield _Finished(process, out, err)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    @property
    def project(self) -> str:
        return self._project.name

    def interrupt(self) -> None:
        self._signals += 1
        # A terminal has sent the signal to the CLI already; sent twice, it would mean "at once".
        if sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp():
            return
        for child in _children("pulumi"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGINT)

    def outputs(self, *, show_secrets: bool) -> dict[str, Any]:
        stack = self._stack(create=False)
        with self._said():
            found = stack.outputs()
        return {key: value.value if show_secrets or not value.secret else SECRET for key, value in found.items()}

    def export(self, *, show_secrets: bool) -> dict[str, Any]:
        self._stack(create=False)
        with self._said():
            return self._raw_export(show_secrets=show_secrets)

    def _raw_export(self, *, show_secrets: bool) -> dict[str, Any]:
        arguments = ["stack", "export", "--stack", self.target.stack, *(["--show-secrets"] if show_secrets else [])]
        done = self._workspace.pulumi_command.run(arguments, self._workspace.work_dir, self._workspace.env_vars)
        return dict(json.loads(done.stdout))

    def cancel(self) -> int:
        stack = self._stack(create=False)
        with self._said():
            stack.cancel()
        return 1

    def stacks(self) -> list[str]:
        with self._said():
            return [each.name for each in self._workspace.list_stacks()]


def _stderr(error: CommandError) -> str:
    """What the CLI wrote to its error stream, out of the Automation API's dump of code, stdout and stderr."""
    whole = diagnosis.plain(str(error))
    found = re.search(r"\n stderr: (.*)", whole, re.DOTALL)
    text = (found[1] if found else whole).strip()
    return re.sub(r"^error: ", "", text)


def _children(name: str) -> list[int]:
    """This process's own children of that name."""
    found: list[int] = []
    for file in Path("/proc/self/task").glob("*/children"):
        for pid in file.read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append(int(pid))
    return found


class _Finished:
    """A CLI whose words go into files until it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", out: IO[str], err: IO[str]) -> None:
        self._process, self._out, self._err = process, out, err

    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def returncode(self) -> int:
        return self._process.wait()

    def communicate(self) -> tuple[str, str]:
        """What it wrote to its two streams."""
        self._process.wait()
        for stream in (self._out, self._err):
            stream.seek(0)
        return self._out.read(), self._err.read()


def _follow(log: Path, process: _Finished) -> Iterator[dict[str, Any]]:
    """The events as they are written, to the last one."""
    with log.open(encoding="utf-8") as lines:
        rest = ""
        while True:
            ended = process.ended()
            while piece := lines.readline():
                rest += piece
                if rest.endswith("\n"):
                    yield json.loads(rest)
                    rest = ""
            if ended:
                return
            time.sleep(0.05)
