"""A model on Google Cloud: the network, the cluster and its nodes, the registry, and what stands around them.

What is asked for is imported then: `pulumi_gcp` and each of its modules cost time at every start of a program.
"""

from components import lazily, sdks

__all__: list[str] = []

_MODULES: dict[str, tuple[str, ...]] = {}
sdks.put_in()
__getattr__ = lazily.exported(__name__, _MODULES, sdk="pulumi_gcp", extra="gcp", what="what is made on Google Cloud")
