"""Providers: what the engine asks of them, and who answers."""
