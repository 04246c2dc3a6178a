"""The program of every stack: the stack file says what, its target says where."""

import importlib

import pulumi

from stacks.spec import NAMESPACE, SpecError, StackSpec


def main() -> None:
    """Deploy what the stack's configuration says. Raises RunError, before any resource, when it breaks its rules."""
    try:
        spec = StackSpec.from_config(pulumi.Config(NAMESPACE))
    except SpecError as error:
        raise pulumi.RunError(str(error)) from None
    if spec.chosen:
        pulumi.log.info(spec.chosen)
    importlib.import_module(f"stacks.{spec.target.replace('-', '_')}").deploy(spec)


main()
