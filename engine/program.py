"""The program's own process: started, listened to, and ended."""

import asyncio
import json
from collections.abc import Callable

from engine import ahead
from engine.ahead import Links
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

    def __init__(self, project: Project, child: Child, links: Links) -> None:
        self._project = project
        self._child = child
        self._links = links
        self.needs = links.needs
        self._served: asyncio.BaseTransport | None = None

    @classmethod
    async def begin(cls, project: Project, heard: Heard) -> "Program":
        """Start the process, or take the one that waits for it; it loads Pulumi and waits for its orders."""
        folder, file = project.program
        if not file.is_file():
            raise BadInput(f"unable to find main python program `{file.name}` in `{folder}`")
        waiting = ahead.take(project.python(), folder)
        if waiting is not None:
            return cls(project, await Child.adopt(waiting.process, heard), waiting.links)
        links = Links()
        try:
            child = await Child.start(project.python(), "program", "-", cwd=folder, heard=heard, pipes=links.pipes)
        except BaseException:
            links.close()
            raise
        links.handed_over()
        return cls(project, child, links)

    async def serve(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Listen at the socket over which a large program registers its resources."""
        loop = asyncio.get_running_loop()
        self._served, _ = await loop.create_unix_connection(protocol, sock=self._links.lane)

    async def run(self, stack: str, config: Config, *, address: str, preview: bool, parallel: int, debug: bool) -> None:
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
            "needs": self.needs.write,
            "lane": self._links.theirs,
            "debug": debug,
        }
        await self._child.order(orders)

    async def ended(self) -> Finished:
        """How it ended, once it has."""
        code = await self._child.wait()
        if code == 0:
            return Finished()
        if code == 32:
            return Finished("the program failed", told=True)
        return Finished(f"an unhandled error occurred: program exited with non-zero exit code: {max(code, -1)}")

    def hush(self) -> None:
        """What it prints from here on is of no interest: it is being broken off."""
        self._child.quiet = True

    def kill(self) -> None:
        self._child.kill()

    async def end(self) -> None:
        await self._child.end()
        self.needs.close()
        if isinstance(self._served, asyncio.WriteTransport):
            self._served.abort()
        else:
            self._links.lane.close()
