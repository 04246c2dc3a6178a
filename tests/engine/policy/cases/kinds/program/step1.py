import pulumi
from world import Thing

base = Thing("base", size=1, zone="a", dbr=True)
wall = Thing("wall", pulumi.ResourceOptions(depends_on=[base]), size=2, zone="a", on=base.serial)
roof = Thing("roof", size=3)
