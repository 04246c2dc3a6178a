"""What a cluster is given beside Kubernetes itself; `tests/cluster/hooks.py` says which of it starts when."""
