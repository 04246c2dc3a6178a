import pulumi
from world import Thing

boat = Thing("boat", size=9)
ship = Thing("ship", pulumi.ResourceOptions(depends_on=[boat]), size=99)
pulumi.export("serial", ship.serial)
