import pulumi
from world import Thing

base = Thing("base", size=1, zone="b", dbr=True)
wall = Thing("wall", pulumi.ResourceOptions(depends_on=[base]), size=2, zone="b", on=base.serial)
roof = Thing("roof", pulumi.ResourceOptions(ignore_changes=["size"]), size=33)
shed = Thing("shed", pulumi.ResourceOptions(depends_on=[base]), size=4)
