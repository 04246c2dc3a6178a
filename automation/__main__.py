"""`python -m automation`, the same as `modelport`."""

from automation.cli import main

main()
