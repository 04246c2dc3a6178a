"""How tests come by real servers and tools: from Debian's packages and the Go module proxy, into the user's cache.

Nothing is installed and nobody need be root; a machine that has a tool already uses its own.
"""
