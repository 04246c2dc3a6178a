"""What `modelport size` reckons beside what is measured: throughput and p99 of the digits' and magika's own images.

The image's own program runs as processes on one core, the load comes from the other: as many requests as are answered,
then requests at random moments at a share of what was reckoned (an open loop, which waits for nobody). What is reckoned
is what `automation/sizing/capacity.py` says of a machine with one vCPU that is as fast as this one, from the costs of a
request as a build measures them. Both go before what else the machine does, where that is allowed, for half a minute.
"""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path

import numpy as np

from automation.sizing.capacity import Cost, Fit, Load, Shape, fit
from benchmarks.serving import spread
from model_build import folders, pipeline, served
from model_build.bake.program import program
from model_build.convert import convert
from model_build.evaluation import evaluation
from model_build.work import Work
from stacks.spec import StackSpec

ROOT = Path(__file__).resolve().parents[1]
SHARES = (0.3, 0.5, 0.7)
"""Of what is reckoned to be carried with every processor busy."""
SECONDS, REQUESTS = 4.0, 300
"""Of a round: so long, and at least so many requests."""
ROUNDS = 4
CONNECTIONS = 16
ONE = Shape(vcpus=1, memory=1 << 20)


class Client:
    """Kept connections to one server, each with one request at a time."""

    def __init__(self, port: int, name: str, bodies: list[bytes]) -> None:
        self.port, self.bodies = port, bodies
        self.head = f"POST /v2/models/{name}/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.LifoQueue()
        self.taken: list[float] = []

    async def begin(self) -> None:
        for _ in range(CONNECTIONS):
            self.free.put_nowait(await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, since: float) -> None:
        """One request; since: when it was meant to be sent."""
        reader, writer = await self.free.get()
        body = self.bodies[len(self.taken) % len(self.bodies)]
        writer.write(f"{self.head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"benchmarks: {head[:80]!r}")
        await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        self.taken.append((time.perf_counter() - since) * 1000)
        self.free.put_nowait((reader, writer))

    async def open(self, rate: float, seed: int) -> list[float]:
        """Requests at random moments, so many a second on average."""
        await self.begin()
        chance, tasks = random.Random(seed), list[asyncio.Task[None]]()
        at = begun = time.perf_counter()
        while at - begun < SECONDS or len(tasks) < REQUESTS:
            at += chance.expovariate(rate)
            if (pause := at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(self.ask(at)))
        await asyncio.gather(*tasks)
        return self.taken

    async def closed(self, many: int) -> float:
        """So many callers who never pause; requests a second."""
        await self.begin()
        begun = time.perf_counter()

        async def caller() -> None:
            while (now := time.perf_counter()) - begun < SECONDS / 2:
                await self.ask(now)

        await asyncio.gather(*(caller() for _ in range(many)))
        return len(self.taken) / (time.perf_counter() - begun)


def stolen() -> int:
    """Ticks that the host of this virtual machine has kept from it, of all cores."""
    return int(Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[8])


def measure(stack: str) -> None:
    """Print one model."""
    recipe = StackSpec.from_file(ROOT / f"Pulumi.{stack}.yaml").model
    work = Work.on(recipe, ROOT)
    converted, verified = pipeline.candidate(work)
    model = pipeline.model_folder(work, converted, verified)
    layout = folders.images()
    built = pipeline.build(recipe, project=ROOT)
    bodies = served.bodies(work, convert(work), evaluation(work), model)
    python = program(layout, built.digest)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # of the server too, which is begun from here
    one = served.measured(python, model, recipe.name, bodies)
    cost = Cost(one.cpu_ms, one.cpu_sd_ms, one.cpu_p99_ms, one.master_bytes, one.worker_bytes)
    capacity = 1000 / cost.cpu_ms
    print(f"{recipe.name}: {cost.cpu_ms:.3g} ms of a core for a request, {cost.cpu_p99_ms:.3g} for 99 of 100, "
          f"{one.request}; reckoned {capacity:.0f} requests/s of one core")  # fmt: skip
    cores = os.sched_getaffinity(0)
    before, begun = stolen(), time.perf_counter()
    with served.running(python, model) as (_, port):
        os.sched_setaffinity(0, {min(cores)})  # the server has the last one
        most = [asyncio.run(Client(port, recipe.name, bodies).closed(4)) for _ in range(ROUNDS)]
        ratios = [each / capacity for each in most]
        print(f"  as many as are answered: {spread(most, 0)} requests/s, {spread(ratios)} of what was reckoned")
        for share in SHARES:
            rate = share * capacity
            found = fit(Load(rate, headroom=0, least=1, speed=1), cost, ONE, room=0)
            assert isinstance(found, Fit)
            rounds = [asyncio.run(Client(port, recipe.name, bodies).open(rate, seed)) for seed in range(ROUNDS)]
            whole = float(np.percentile(np.concatenate(rounds), 99))
            p99 = [float(np.percentile(each, 99)) for each in rounds]
            print(
                f"  {rate:.0f} requests/s ({share:.0%} busy): p99 of all {whole:.2f} ms, of rounds {spread(p99)} ms; "
                f"reckoned {found.p99_ms:.2f} ms, measured {whole / found.p99_ms:.2f} of it"
            )
    lost = (stolen() - before) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - begun) / len(cores)
    print(f"  of the cores the host kept {lost:.1%} meanwhile; load average {os.getloadavg()[0]:.1f}")
    os.sched_setaffinity(0, cores)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def main() -> None:
    """Both models."""
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("benchmarks: there is one core, expected one for the server and one for the load")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    for stack in ("local", "magika"):
        measure(stack)


if __name__ == "__main__":
    main()
