"""Policy packs: loaded, configured, asked about each resource and about the stack, as the official engine does."""
