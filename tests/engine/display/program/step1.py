import json

import pulumi
from pulumi import ResourceOptions
from world import Thing

config = pulumi.Config()


class Hall(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("art:rooms/hall:Hall", name)
        self.easel = Thing(f"{name}-easel", ResourceOptions(parent=self), height=2, zone="north")
        self.register_outputs({})


hall = Hall("grand")
frame = Thing(
    "frame",
    None,
    size=3,
    colours=["red", "green", "blue"],
    border={"width": 2, "style": "plain", "parts": [{"side": "left"}, {"side": "right"}]},
    note=json.dumps({"by": "anna", "years": [1901, 1902], "kept": True}),
    label_text="one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
    word=config.require_secret("word"),
    ratio=0.5,
    empty="",
    nothing=[],
)
plaque = Thing("plaque", ResourceOptions(protect=True), of=frame.serial, yaml="a: 1\nb:\n  - x\n  - y\n")
pulumi.export("serial", frame.serial)
pulumi.export("word", config.require_secret("word"))
pulumi.export("sizes", [1, 2, 3])
pulumi.log.warn("the light is dim", hall.easel)
