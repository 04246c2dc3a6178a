"""The provider for the package `kubernetes`, for a machine without the official plugin.

It talks to the API server through the official Python client with plain dicts, so that numbers, fields that no client
knows and any kind survive. What it does with an object is what the official provider does with it: the same inputs
and outputs in the state, the same differences, the same field managers. Importing this package is light; the client
is imported when a cluster is first asked for something.
"""

from engine.providers.kubernetes.provider import KubernetesProvider

__all__ = ["KubernetesProvider"]
