"""An object that is as it was wanted before is seen to be so at once, and never where a comparison finds more."""

import random
import threading
from typing import Any

import pytest

from engine.providers.kubernetes import planning
from engine.providers.kubernetes.config import Settings
from engine.providers.kubernetes.objects import copied
from engine.providers.kubernetes.session import Session
from engine.providers.kubernetes.unchanged import unchanged
from engine.values import UNKNOWN, Props, Secret, Value, is_dict, is_list
from tests.engine.kubernetes.asking import urn

WEB = urn("kubernetes:apps/v1:Deployment")
WANTED: Props = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "it", "namespace": "here", "labels": {"a": "1"}, "annotations": {"b": "2"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"a": "1"}},
        "template": {
            "metadata": {"labels": {"a": "1"}},
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "m",
                        "image": "one",
                        "args": ["serve", "now"],
                        "env": [{"name": "KEY", "value": "word"}, {"name": "NONE"}],
                        "resources": {"limits": {"cpu": "500m"}},
                        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                    }
                ],
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
            },
        },
    },
}


def _session() -> Session:
    return Session(Settings(), lambda severity, text, urn, *, ephemeral=False: None, threading.Event())


def _live(wanted: Props) -> Props:
    """The outputs of an object that was made as wanted, with what a server adds to it."""
    live = copied(wanted)
    live["metadata"] |= {"uid": "u", "generation": 1, "managedFields": [{"manager": "pulumi"}]}
    live["spec"]["strategy"] = {"type": "RollingUpdate"}
    live["spec"]["template"]["spec"]["containers"][0] |= {"terminationMessagePath": "/dev/termination-log"}
    live["status"] = {"replicas": 2}
    return {**live, "__inputs": copied(wanted), "__initialApiVersion": "apps/v1", "__fieldManager": "pulumi"}


def _places(value: Value) -> list[tuple[Any, Any]]:
    """Every place within a value: what holds it, and under which key."""
    keys = list(value) if is_dict(value) else range(len(value)) if is_list(value) else []
    return [place for key in keys for place in ((value, key), *_places(value[key]))]


def _disturb(value: Props, dice: random.Random) -> None:
    where, key = dice.choice([place for part in ("metadata", "spec") for place in _places(value[part])])
    now = where[key]
    other: list[Value] = [
        UNKNOWN,
        None,
        "",
        "other",
        0,
        1,
        1.0,
        True,
        False,
        {},
        [],
        {"more": "x"},
        ["more"],
        Secret(now),
    ]
    if is_list(now):
        other += [now[:-1], [*now, "more"], [*now, {"name": "more"}], now[::-1]]
    if is_dict(now):
        other += [{**now, "more": "x"}, dict(list(now.items())[:-1])]
    if dice.random() < 0.2 and is_dict(where):
        del where[key]
    else:
        where[key] = dice.choice(other)


def test_an_object_as_it_was_is_not_compared() -> None:
    assert unchanged(WANTED, _live(WANTED), WANTED)


def test_secrets_and_what_the_server_calls_by_dashes_are_seen_through() -> None:
    wanted = copied(WANTED)
    wanted["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = Secret("word")
    live = _live(WANTED)
    live["__inputs"] = copied(wanted)
    assert unchanged(wanted, live, wanted)
    live["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = Secret("another")
    assert not unchanged(wanted, live, wanted)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec", "replicas"], 3),
        (["spec", "replicas"], True),
        (["metadata", "labels"], {}),
        (["metadata", "namespace"], "there"),
        (["spec", "template", "spec", "tolerations"], []),
        (["spec", "template", "spec", "automountServiceAccountToken"], None),
        (["spec", "template", "spec", "volumes", 0], "text"),
    ],
)
def test_what_somebody_else_changed_is_compared(path: list[Any], value: Value) -> None:
    live = _live(WANTED)
    at: Any = live
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    assert not unchanged(WANTED, live, WANTED)


def test_what_asks_to_be_replaced_when_it_is_not_ready_is_compared() -> None:
    wanted = copied(WANTED)
    wanted["metadata"]["annotations"]["pulumi.com/replaceUnready"] = "true"
    assert not unchanged(wanted, _live(wanted), wanted)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_a_comparison_finds_is_missed(seed: int) -> None:
    """Both ways over objects that were disturbed at random places: in the cluster, in the state, in the program."""
    dice = random.Random(seed)
    found = 0
    for _ in range(25):
        wanted = copied(WANTED)
        live = _live(WANTED)
        kept = live.pop("__inputs")
        for value in (wanted, live, kept):
            if dice.random() < 0.4:
                _disturb(value, dice)
        live["__inputs"] = kept
        afresh, again = _session(), _session()
        try:
            news = planning.check(afresh, WEB, kept, wanted, b"seed")
        except Exception:  # neither way is gone then
            continue
        quick = unchanged(kept, live, news)
        found += quick
        compared = planning.diff(again, WEB, kept, copied(live), copied(news), [])
        if quick:
            assert not compared.changes and not compared.replaces and not compared.detailed, (news, live)
        assert planning.diff(afresh, WEB, kept, live, news, []).changes == compared.changes
    assert found


@pytest.mark.parametrize("seed", range(10))
def test_inputs_that_are_those_of_before_need_no_normal_form(seed: int) -> None:
    """What a check gave back is given back again by the next one, whatever was checked."""
    dice = random.Random(seed)
    for _ in range(25):
        wanted = copied(WANTED)
        if dice.random() < 0.8:
            _disturb(wanted, dice)
        try:
            first = planning.check(_session(), WEB, {}, wanted, b"seed")
        except Exception:  # it is refused before and after
            continue
        assert planning.check(_session(), WEB, first, copied(first), b"seed") == first
        assert planning.check(_session(), WEB, {}, copied(first), b"seed") == first
