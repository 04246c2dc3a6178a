import pulumi
from world import Thing


class Camp(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("border:index:Camp", name, {"size": 900}, opts)
        Thing("tent", pulumi.ResourceOptions(parent=self), size=1)
        self.register_outputs({})


first = Thing("first", size=1)
camp = Camp("camp", pulumi.ResourceOptions(depends_on=[first]))
