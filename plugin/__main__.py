"""Pulumi starts this for a program in another language: the components, as a provider."""

import sys
from pathlib import Path

# In the place of this folder: whatever Python this is, the components are those beside it.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from components.hosting import main  # noqa: E402

if __name__ == "__main__":
    main()
