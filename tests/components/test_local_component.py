"""Names, parents and outputs of what a local endpoint is made of; the engine is a stand-in, nothing runs."""

import asyncio
import base64
import pickle
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from components.local import LocalEndpoint, LocalRuntime
from components.local.server import LocalServerProvider

IMAGE = "oci:/images@sha256:" + "a" * 64


class Engine(mocks.Mocks):
    def __init__(self) -> None:
        self.seen: list[mocks.MockResourceArgs] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.seen.append(args)
        outs = {"url": "http://127.0.0.1:1", "used": "process", "metadata": {"name": "digits"}}
        return f"{args.name}-id", {**args.inputs, **outs}

    def call(self, args: mocks.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(args)


# Never closed: threads that Pulumi starts from it have loops of their own, which nobody closes when the threads end.
LOOP = asyncio.new_event_loop()


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    # Pulumi asks for the thread's loop, which it has not once anything before has run one of its own.
    asyncio.set_event_loop(LOOP)
    mocks.set_mocks(engine, project="shop", stack="test", preview=False)
    return engine


def _settled(endpoint: LocalEndpoint) -> dict[str, Any]:
    """The component's outputs, once the stand-in has answered."""
    found: dict[str, Any] = {}

    async def child() -> pulumi.Output[str]:
        (server,) = await endpoint.url.resources()
        return server.urn

    @pulumi.runtime.test
    def wait() -> pulumi.Output[None]:
        return pulumi.Output.all(
            url=endpoint.url,
            image=endpoint.image,
            runtime=endpoint.runtime,
            metadata=endpoint.metadata,
            urn=endpoint.urn,
            child=child(),
        ).apply(lambda outs: found.update(outs))

    wait()
    for key in ("urn", "child"):
        # Whether the stand-in has a stack above them depends on what ran before.
        found[key] = found[key].removeprefix("urn:pulumi:test::shop::").removeprefix("pulumi:pulumi:Stack$")
    return found


def test_children_and_outputs(engine: Engine) -> None:
    outs = _settled(LocalEndpoint("endpoint", {"image": IMAGE, "model": "digits"}))
    assert [(each.typ, each.name) for each in engine.seen] == [
        ("modelport:index:LocalEndpoint", "endpoint"),
        ("pulumi-python:dynamic/modelport:LocalServer", "endpoint"),
    ]
    assert outs == {
        "url": "http://127.0.0.1:1",
        "image": IMAGE,
        "runtime": "process",
        "metadata": {"name": "digits"},
        "urn": "modelport:index:LocalEndpoint::endpoint",
        "child": "modelport:index:LocalEndpoint$pulumi-python:dynamic/modelport:LocalServer::endpoint",
    }


def test_defaults_and_owner(engine: Engine) -> None:
    _settled(LocalEndpoint("endpoint", {"image": IMAGE, "model": "digits"}))
    inputs = {key: value for key, value in engine.seen[-1].inputs.items() if key != "__provider"}
    assert inputs == {
        "key": "shop/test/endpoint",
        "image": IMAGE,
        "model": "digits",
        "port": 8080,
        "workers": 2,
        "runtime": "auto",
    }


@pytest.mark.parametrize("runtime", [LocalRuntime.PROCESS, "process"])
def test_a_runtime_is_an_enum_or_its_text(engine: Engine, runtime: LocalRuntime) -> None:
    _settled(LocalEndpoint("endpoint", {"image": IMAGE, "model": "digits", "runtime": runtime}))
    assert engine.seen[-1].inputs["runtime"] == "process"


def test_the_provider_in_the_state_is_a_reference_and_no_secret(engine: Engine) -> None:
    """The bytes stay in states: an edit of the provider must not change them, a renamed module would break it."""
    _settled(LocalEndpoint("endpoint", {"image": IMAGE, "model": "digits"}))
    pickled = base64.b64decode(engine.seen[-1].inputs["__provider"])
    assert len(pickled) < 100
    assert b"components.local.server" in pickled and b"LocalServerProvider" in pickled
    assert type(pickle.loads(pickled)) is LocalServerProvider
