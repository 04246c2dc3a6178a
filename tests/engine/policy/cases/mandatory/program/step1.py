import pulumi
from world import Thing

first = Thing("first", size=1)
second = Thing("second", pulumi.ResourceOptions(depends_on=[first]), size=200, after=first.serial)
third = Thing("third", pulumi.ResourceOptions(depends_on=[second]), size=3)
pulumi.export("serial", third.serial)
