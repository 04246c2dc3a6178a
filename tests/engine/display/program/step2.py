import json

import pulumi
from pulumi import ResourceOptions
from world import Thing

config = pulumi.Config()


class Hall(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("art:rooms/hall:Hall", name)
        self.easel = Thing(f"{name}-easel", ResourceOptions(parent=self), height=2, zone="south")
        self.lamp = Thing(f"{name}-lamp", ResourceOptions(parent=self), watts=60, unit="W")
        self.register_outputs({})


hall = Hall("grand")
frame = Thing(
    "frame",
    None,
    size=4,
    colours=["red", "grey"],
    border={"width": 2, "style": "carved", "parts": [{"side": "left"}, {"side": "top"}, {"side": "right"}]},
    note=json.dumps({"by": "anna", "years": [1901, 1903], "lost": True}),
    label_text="one\ntwo\n3\nfour\nfive\nsix\nseven\neight\n",
    word="plain now",
    ratio=0.75,
    added={"deep": {"er": [1]}},
)
plaque = Thing("plaque", ResourceOptions(), of=frame.serial, yaml="a: 1\nb:\n  - x\n  - z\n")
pulumi.export("serial", frame.serial)
pulumi.export("sizes", [1, 2])
pulumi.export("easel", hall.easel.serial)
