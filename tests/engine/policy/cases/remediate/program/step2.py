import pulumi
from world import Plain, Thing


def transform(args):
    if args.type_ == "pulumi-python:dynamic:Resource":
        return pulumi.ResourceTransformResult({**args.props, "washed": "by the transform"}, args.opts)
    return None


pulumi.runtime.register_resource_transform(transform)


class Table(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("kitchen:index:Table", name, {"legs": 4, "owner": "nobody"}, opts)
        self.register_outputs({"legs": 4})


pan = Thing("pan", size=31, code=pulumi.Output.secret("c0de-of-pan"), zone="left", mood="plain")
lid = Plain("lid", pulumi.ResourceOptions(depends_on=[pan]), size=2, on=pan.serial, code="open", mood="plain")
table = Table("table", pulumi.ResourceOptions(depends_on=[lid]))
pulumi.export("washed", pan.serial)
