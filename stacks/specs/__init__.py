"""The sections of a stack file, a module for each; `stacks.spec` puts them together."""
