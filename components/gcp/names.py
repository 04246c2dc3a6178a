"""Names that components give by themselves, and nobody else may."""

from typing import Final

COMPONENT: Final = "modelport-component"
"""The label that says whose a resource is."""
