"""The policy cost-ceiling, with the prices that `modelport prices --policy-config` writes for it."""

import json
import subprocess
import sys

from policies.model_cost import RULES
from tests.policies.flips import made
from tests.policies.judging import judged

POOL = made(
    "gcp:container/nodePool:NodePool",
    "pool",
    {"nodeConfig": {"machineType": "e2-standard-4"}, "nodeLocations": ["a"], "autoscaling": {"maxNodeCount": 10}},
)


def test_the_book_fills_the_prices_of_the_ceiling() -> None:
    words = [sys.executable, "-m", "automation", "prices", "--policy-config", "--region", "europe-west4"]
    config = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    price = config["cost-ceiling"]["prices"]["e2-standard-4"]
    assert 0.05 < price < 1
    config["cost-ceiling"]["ceiling_per_hour"] = 10 * price + 0.01
    assert not judged([POOL], rules=RULES, config=config).wrong
    config["cost-ceiling"]["ceiling_per_hour"] = 10 * price - 0.01
    (verdict,) = judged([POOL], rules=RULES, config=config).wrong
    assert verdict.text.startswith(f"the stack may cost ${10 * price:.2f} an hour")
