"""Lines for a shell that call a model in a cluster: through what stands before it, else a port of this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pulumi

from components.kubernetes import ModelGateway, ModelService
from stacks import samples
from stacks.spec import StackSpec

_PORT = 8080
_KEY = "import json, sys; print(next(iter(json.load(sys.stdin).values())))"


@dataclass(frozen=True)
class Way:
    """The way to a model from outside of its cluster."""

    url: pulumi.Output[str]
    hostname: str
    address: pulumi.Input[str] = ""
    """Where it answers, for a name that no DNS may know yet."""
    own: bool = False
    """Whether its certificate is signed by an authority of the stack's own, which is nobody's to trust yet."""


def through(spec: StackSpec, gateway: ModelGateway | None) -> Way | None:
    """The way through a gateway of the cluster, if there is one."""
    if gateway is None or spec.gateway is None:
        return None
    return Way(gateway.url, spec.gateway.hostname, gateway.address, own=spec.gateway.issuer is None)


def lines(
    spec: StackSpec, service: ModelService, way: Way | None, *, keyed: bool, before: Sequence[str] = ()
) -> pulumi.Output[list[str]]:
    """What can be pasted into a shell in the project's folder.

    keyed: whether calls need a key. before: what comes first where kubectl is asked.
    curl is told where the gateway answers, so that it does not matter whether a DNS knows the name yet.
    """
    found = samples.beside(spec.model.source, Path.cwd())
    stack = pulumi.get_stack()

    def made(known: list[object]) -> list[str]:
        url, address, name, namespace = cast("tuple[str | None, str, str, str]", known)
        own = way is not None and way.own
        first = [] if way is not None and not own else list(before)
        if url is None:
            url = f"http://127.0.0.1:{_PORT}"
            tunnel = f"kubectl --namespace {namespace} port-forward service/{name} {_PORT}:http"
            first.append(f"{tunnel} > /dev/null & sleep 2")
        if own:
            secret = f"kubectl --namespace {namespace} get secret {name}-tls --output 'jsonpath={{.data.ca\\.crt}}'"
            first.append(f"CA=$(mktemp) && {secret} | base64 -d > $CA")
        if keyed:
            told = f"{_command()} output api_keys --stack {stack} --show-secrets --json"
            first.append(f'KEY=$({told} | python3 -c "{_KEY}")')
        options = '-H "X-Api-Key: $KEY"' if keyed else ""
        about = {"name": spec.model.name}
        trust = ["--cacert $CA"] if own else []
        if way is not None and address:
            trust.append(f"--connect-to {way.hostname}:443:{_bracketed(address)}:443")
        asked = {"options": options, "trust": " ".join(trust)}
        return first + samples.requests(
            url, about, found, classify=spec.model.classify is not None, server=spec.model.server, **asked
        )

    there = (way.url, way.address) if way else (None, "")
    return pulumi.Output.all(*there, service.name, service.namespace).apply(made)


def _command() -> str:
    """This command, as it can be typed in the project's folder."""
    installed = Path(".venv", "bin", "modelport")
    return str(installed) if installed.exists() else "modelport"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
