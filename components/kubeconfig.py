"""A kubeconfig without a secret in it: a program on the caller's machine is asked for a token."""

from collections.abc import Mapping
from typing import Any

import pulumi


def written(
    name: pulumi.Input[str],
    server: pulumi.Input[str],
    authority: pulumi.Input[str] | None,
    ask: Mapping[str, pulumi.Input[Any]],
) -> pulumi.Output[str]:
    """The kubeconfig of one cluster, as JSON.

    server: URL of its API server. authority: its certificate authority, PEM in Base64, where it is not one that
    everybody knows. ask: the program, as `command` and `args`, and what else Kubernetes takes under `exec`.
    """
    reached = {"server": server, **({} if authority is None else {"certificate-authority-data": authority})}
    token = {"apiVersion": "client.authentication.k8s.io/v1beta1", **ask, "interactiveMode": "Never"}
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": reached}],
            "users": [{"name": name, "user": {"exec": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
