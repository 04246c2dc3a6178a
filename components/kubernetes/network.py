"""Who may call whom, in the words of a NetworkPolicy: plain dicts, pure functions."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def space(name: str) -> Json:
    """A NetworkPolicyPeer: all pods of a namespace."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def peers(*, spaces: Sequence[str] = (), networks: Sequence[str] = (), same: bool = False) -> list[Json]:
    """NetworkPolicyPeers: pods of namespaces, networks in CIDR notation, pods of the policy's own namespace."""
    found = [space(each) for each in dict.fromkeys(spaces)]
    found += [{"ipBlock": {"cidr": each}} for each in networks]
    return [*found, {"podSelector": {}}] if same else found


def ingress(callers: Sequence[Json], *ports: str) -> list[Json]:
    """The NetworkPolicyIngressRules that let `callers` in at named ports, and nobody where there are none."""
    # An empty `from` would let everybody in.
    return [{"from": list(callers), "ports": [{"port": each, "protocol": "TCP"} for each in ports]}] if callers else []
