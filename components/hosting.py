"""The components as a provider, for programs in TypeScript, Go, C#, Java and YAML.

Pulumi's own host (`component_provider_host`) tells their schema by their annotations, and its analysis is what is used
here. It imports everything before it answers anything, though, and a program asks for few components: here each is
imported and analysed when it is asked for. What a program gives is brought to the component by `components.inbound`.
"""

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult, Provider
from pulumi.provider import main as serve
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from components import described, hosted, inbound

NAME: Final = "modelport"
"""The package, as the first part of every type token."""


class Component(ComponentProvider):
    """One component, or all of them, with its schema."""

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        what = resource_type.rpartition(":")[2]
        known = self._component_defs[what]
        try:
            args = inbound.Reader(self._type_defs).component(what, inputs, known.inputs, known.inputs_mapping)
            made = self._components[what](name, args, options)  # type: ignore[arg-type]
        except pulumi.RunError as error:
            # What the caller did wrong is told as its message and no traceback.
            raise _refused(described.in_their_words(str(error), self.names())) from error
        except Exception as error:
            raise ComponentInitError(error) from error
        return ConstructResult(made.urn, self.get_state(made, known))

    def names(self) -> dict[str, str]:
        """Arguments and outputs as the schema has them, by their names in Python: `clientCidrs` by `client_cidrs`."""
        known = [each.inputs_mapping for each in self._component_defs.values()]
        known += [each.outputs_mapping for each in self._component_defs.values()]
        known += [each.properties_mapping for each in self._type_defs.values()]
        return {ours: told for mapping in known for told, ours in mapping.items() if told != ours}


class Host(Provider):
    """All components, each analysed when it is made; what they all are is told when it is asked."""

    def __init__(self) -> None:
        self._made: dict[str, Component] = {}
        self._schema: str | None = None
        self._version = version(NAME)
        super().__init__(self._version)

    @property
    def schema(self) -> str | None:
        """Of all of them: it takes seconds to tell, and only `pulumi package` and programs in YAML ask for it."""
        if self._schema is None:
            every = Component(hosted.components(), NAME, None, self._version)
            self._schema = json.dumps(described.described(json.loads(every.schema or "{}"), every.names()))
        return self._schema

    @schema.setter
    def schema(self, told: str | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._schema = told

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        package, _, rest = resource_type.partition(":")
        what = rest.rpartition(":")[2]
        if package != NAME or what not in hosted.WHERE:
            raise _refused(f"{resource_type} is no component of {NAME}, {inbound.near(what, hosted.WHERE)}")
        if what not in self._made:
            try:
                found = hosted.component(what)
            except ModuleNotFoundError as error:
                raise _refused(str(error)) from error
            self._made[what] = Component([found], NAME, None, self._version)
        return self._made[what].construct(name, resource_type, inputs, options)


def _refused(message: str) -> InputPropertiesError:
    # Pulumi's server only tells what has a list of single errors, be it empty.
    return InputPropertiesError(message, [])


def main() -> None:
    """Be the provider: print the port, and answer until the engine ends this process."""
    serve(Host(), sys.argv[1:])
