import pulumi
from world import Thing


class Orchard(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("farm:index:Orchard", name, {"rows": 3, "owner": "anna"}, opts)
        self.tree = Thing(
            "tree",
            pulumi.ResourceOptions(
                parent=self,
                protect=True,
                ignore_changes=["colour"],
                delete_before_replace=False,
                additional_secret_outputs=["key"],
                aliases=[pulumi.Alias(name="sapling")],
                custom_timeouts=pulumi.CustomTimeouts(create="2m", delete="30s"),
            ),
            size=30,
            colour="green",
            pin=pulumi.Output.secret("s3same-0pen"),
            nested={"deep": [1, {"__inner": "kept", "pin": pulumi.Output.secret("n3sted-pin")}]},
        )
        self.register_outputs({"height": self.tree.revision})


orchard = Orchard("orchard")
basket = Thing("basket", pulumi.ResourceOptions(depends_on=[orchard]), size=5, of=orchard.tree.serial, flag=True)
pulumi.export("serial", orchard.tree.serial)
pulumi.export("pin", pulumi.Output.secret("exp0rted"))
