"""Endpoints on this machine."""

from components.local.service import LocalEndpoint, LocalEndpointArgs, LocalRuntime

__all__ = ["LocalEndpoint", "LocalEndpointArgs", "LocalRuntime"]
