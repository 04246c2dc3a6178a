"""The program's own process: started, listened to, and ended."""

import json

from engine.errors import BadInput
from engine.goals import Finished
from engine.processes import Child, Heard
from engine.projects import Config, Project


def environment(project: Project, stack: str, config: Config) -> dict[str, str]:
    """What programs and providers find in their environment, beside what the user has there."""
    return {
        "PULUMI_PROJECT": project.name,
        "PULUMI_STACK": stack,
        "PULUMI_ORGANIZATION": "organization",
        "PULUMI_ROOT_DIRECTORY": str(project.root),
        "PULUMI_CONFIG": json.dumps(config.values),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(config.secret_keys)),
    }


class Program:
    """Runs `__main__.py` of the project in a process of its own."""

    def __init__(self, project: Project, child: Child) -> None:
        self._project = project
        self._child = child

    @classmethod
    async def begin(cls, project: Project, heard: Heard) -> "Program":
        """Start the process; it loads Pulumi and waits."""
        folder = project.main if project.main.is_dir() else project.main.parent
        file = folder / "__main__.py" if project.main.is_dir() else project.main
        if not file.is_file():
            raise BadInput(f"unable to find main python program `{file.name}` in `{folder}`")
        return cls(project, await Child.start(project.python(), "program", "-", cwd=folder, heard=heard))

    async def run(self, stack: str, config: Config, *, address: str, preview: bool, parallel: int) -> None:
        """Let it go; engine and monitor must listen at `address`."""
        project = self._project
        settings = {
            "monitor": address,
            "engine": address,
            "project": project.name,
            "stack": stack,
            "parallel": parallel,
            "dry_run": preview,
            "organization": "organization",
            "root_directory": str(project.root),
        }
        orders = {
            "program": str(project.main.resolve()),
            "settings": settings,
            "env": environment(project, stack, config),
        }
        await self._child.order(orders)

    async def ended(self) -> Finished:
        """How it ended, once it has."""
        code = await self._child.wait()
        if code == 0:
            return Finished()
        if code == 32:
            return Finished("the program failed", told=True)
        if code < 0:
            return Finished(f"an unhandled error occurred: program was killed by signal {-code}")
        return Finished(f"an unhandled error occurred: program exited with non-zero exit code: {code}")

    def hush(self) -> None:
        """What it prints from here on is of no interest: it is being broken off."""
        self._child.quiet = True

    def kill(self) -> None:
        self._child.kill()

    async def end(self) -> None:
        await self._child.end()
