"""What the rules of models ask of a stack as a whole: is it production, what runs a model, who has keys."""

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from policies.kubernetes_pods import PODS, pods
from policies.looking import Look
from policies.rules import Whole

PRODUCTION: Final[Mapping[str, Mapping[str, Any]]] = {
    "production": {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "default": ["prod", "production", "*-prod", "prod-*"],
        "description": "What a stack's tag 'environment' is in production, else its name; * stands for anything.",
    }
}
"""The setting that each rule takes which asks for more in production."""

IMAGE: Final = "pulumi-python:dynamic/modelport:ModelImage"
PUSHED: Final = "pulumi-python:dynamic/modelport:DockerPush"
KEYS: Final = "MODELPORT_API_KEYS"
"""The variable that tells a server where the hashes of its API keys are: with it nobody is answered without one."""
_COMPONENT: Final = "app.kubernetes.io/component"
CONTAINER: Final = "model"
"""What the container is called in which the library has a model answer."""


def environment(each: Look) -> str:
    """What a resource's stack is for: its tag `environment`, or its own name."""
    return each.tags.get("environment") or each.urn.removeprefix("urn:pulumi:").partition("::")[0]


def in_production(each: Look) -> bool:
    """Whether a resource stands in a stack of production."""
    named = environment(each)
    return any(fnmatch.fnmatchcase(named, pattern) for pattern in cast("list[str]", each.config["production"]))


def model_pods(each: Look) -> Iterator[Look]:
    """The pods of an object that answer for a model, as the library labels them."""
    for pod in pods(each):
        if pod.keyed("metadata.labels", _COMPONENT) == "model":
            yield pod


def all_model_pods(whole: Whole) -> list[tuple[Look, Look]]:
    """Those of a stack, each with the object that makes it: for Whole.once."""
    return [(each, pod) for each in whole.all(*PODS) for pod in model_pods(each)]


def keyed(pod: Look) -> bool:
    """Whether its server answers to none but holders of API keys."""
    return any(
        asks_for_keys(variable) for container in pod.each("spec.containers") for variable in container.each("env")
    )


def asks_for_keys(variable: Look) -> bool:
    """Whether a variable of a container tells its server where keys are; an empty one does not."""
    if variable.at("name") != KEYS:
        return False
    return variable.told("valueFrom") or variable.told("valueSource") or str(variable.at("value", "")).strip() != ""


def model_container(listed: list[Look]) -> Look | None:
    """Of a task's containers the one that answers for the model: the one called so, or the only one there is."""
    return next((each for each in listed if each.at("name") == CONTAINER), listed[0] if len(listed) == 1 else None)
