import stacks.__main__  # noqa: F401  (running it is the program: Pulumi starts here so that plugins share the project's root)
