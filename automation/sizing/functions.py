"""Functions of AWS Lambda: how long one computes by its memory, how many requests are in hand at once, what is paid.

- A function has CPU by its memory, and a whole vCPU at 1,769 MB ("Configure Lambda function memory" of its guide,
  https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html, 2026-11-23). A request is answered by one
  thread, so beyond that memory alone is more.
- An environment has one request at a time, and each further request one of its own: nobody waits for another. So the
  number of environments that answer at a moment is Poisson's, with the requests that come in the time of one as its
  mean, whatever the times are like (M/G/infinity).
- Time is paid by the millisecond, rounded up, for the memory that the function has
  (https://aws.amazon.com/lambda/pricing/).

The start of an environment is not reckoned: nothing here has measured one.
"""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from automation.costs.book import Book
from automation.sizing.capacity import MOST, Cost, Fit, Load, Misfit, Shape, needed
from automation.sizing.offer import GIB, Offer, priced

TARGET: Final = "aws-lambda"
ONE_VCPU: Final = 1769
"""MB with which a function has one vCPU."""
PAYLOAD: Final = 6
"""MiB of a request at most ("Lambda quotas", 2026-11-22)."""
SIZES: Final = (512, 768, 1024, 1280, 1536, ONE_VCPU, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 9216, 10_240)
"""MB that are looked at, of all from 128 on."""
LONGEST: Final = 900_000
"""Milliseconds of an answer at most."""


def offers(book: Book, region: str) -> Iterator[Offer]:
    """Functions by their memory."""
    time = priced(book, "aws", region, "lambda/compute", "GB-hour")
    requests = priced(book, "aws", region, "lambda/requests", "million")
    if time is None or requests is None:
        return
    for memory in SIZES:
        shape = Shape(min(1.0, memory / ONE_VCPU), memory)
        busy = time.amount * memory / GIB
        prices = (time, requests)
        nothing = Decimal(0)
        yield Offer(
            TARGET, f"{memory} MB", region, shape, "amd64", nothing, requests.amount, prices, None, memory, busy
        )


def fit(load: Load, cost: Cost, shape: Shape, *, room: float) -> Fit | Misfit:
    """The environments that answer at once, in 99 of 100 moments, or what stands against it.

    room: MiB for the request in hand. Of `load`, `headroom` and `least` are for machines: no request shares an
    environment with another, and AWS starts as many as there are requests.
    """
    memory = needed(cost, 1, room)
    if memory > shape.memory:
        return Misfit("memory", shape.memory, memory)
    took = cost.cpu_ms / load.speed / shape.vcpus
    longest = cost.cpu_p99_ms / load.speed / shape.vcpus
    within = LONGEST if load.p99_ms is None else load.p99_ms
    if longest > within:
        return Misfit("latency", longest, within)
    mean = load.rps * took / 1000
    count = math.ceil(mean) if mean > MOST else at_once(mean)
    if count > MOST:
        return Misfit("number", count, MOST)
    return Fit(count, 1, mean / count, longest, memory, billed_ms=math.ceil(round(took, 6)))


def at_once(mean: float) -> int:
    """How many are busy at most in 99 of 100 moments, where `mean` are on average."""
    count, found = 0, 0.0
    while True:
        found += math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
        if found >= 0.99 and count:
            return count
        count += 1
