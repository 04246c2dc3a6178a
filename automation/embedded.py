"""The embedded engine, in this process."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from automation.drivers import Listener, Operation, Options, Result
from automation.exits import Exit, Failure
from automation.projects import Target, stack_files, unknown_stack
from engine import errors
from engine.api import Engine, Outcome
from engine.api import Options as EngineOptions
from engine.command import targets


class Embedded:
    """One stack under the embedded engine."""

    name = "embedded"

    def __init__(self, target: Target) -> None:
        self.target = target
        with self._said():
            self._engine = Engine(target.root, target.stack)

    @property
    def project(self) -> str:
        return self._engine.stack.project.name

    @contextmanager
    def _said(self) -> Generator[None]:
        """The engine's own refusals as failures of ours."""
        try:
            yield
        except errors.StackLocked as error:
            raise Failure(Exit.LOCKED, self._locked(error)) from None
        except errors.StackMissing:
            known = sorted({*self._engine.stacks(), *stack_files(self.target.root)})
            if self.target.stack in known:
                message = f"stack {self.target.stack} was never brought up; run modelport up -s {self.target.stack}"
            else:
                message = unknown_stack(self.target.stack, known)
            raise Failure(Exit.BAD_INPUT, message) from None
        except (errors.BadInput, errors.WrongPassphrase) as error:
            raise Failure(Exit.BAD_INPUT, str(error)) from None
        except (errors.ProviderMissing, errors.PluginError) as error:
            raise Failure(Exit.MISSING, str(error)) from None
        except errors.EngineError as error:
            raise Failure(Exit.FAILED, str(error)) from None

    def _locked(self, error: errors.StackLocked) -> str:
        lines = [f"stack {self.target.stack} is locked, expected no other operation on it"]
        for holder in error.holders:
            ended = ", which does not run any more" if holder.alive is False else ""
            lines.append(f"  held by {holder.user}@{holder.host}, process {holder.pid}{ended}, since {holder.since}")
        fix = "release it" if all(h.alive is False for h in error.holders) else "wait for it to end, or release it"
        return "\n".join([*lines, f"  {fix} with modelport cancel --stack {self.target.stack}"])

    def run(self, operation: Operation, options: Options, listener: Listener) -> Result:
        asked = EngineOptions(
            parallel=options.parallel or 0,
            refresh=options.refresh,
            targets=self._urns(options.targets),
            replace=self._urns(options.replace),
            target_dependents=options.target_dependents,
            excludes=self._urns(options.excludes),
            exclude_dependents=options.exclude_dependents,
            continue_on_error=options.continue_on_error,
            preview_only=options.preview_only,
            clear_pending_creates=options.clear_pending_creates,
            message=options.message,
            policy_packs=options.policy_packs,
            policy_pack_configs=options.policy_pack_configs,
        )
        operate: Callable[[EngineOptions, Listener], Outcome] = getattr(self._engine, operation)
        # in a thread of its own the engine leaves signals alone, and `interrupt` is called from the one that gets them
        with self._said(), ThreadPoolExecutor(1, thread_name_prefix="engine") as thread:
            outcome = thread.submit(operate, asked, listener).result()
        return Result(ok=outcome.exit_code == 0, error=outcome.error, references=outcome.references)

    def _urns(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return targets.expand(words, stack=self.target.stack, project=self._engine.stack.project.name)

    def interrupt(self) -> None:
        self._engine.interrupt()

    def outputs(self, *, show_secrets: bool) -> dict[str, Any]:
        with self._said():
            return self._engine.outputs(show_secrets=show_secrets)

    def export(self, *, show_secrets: bool) -> dict[str, Any]:
        with self._said():
            return self._engine.export(show_secrets=show_secrets)

    def cancel(self) -> int:
        with self._said():
            return self._engine.cancel()

    def stacks(self) -> list[str]:
        with self._said():
            return self._engine.stacks()
