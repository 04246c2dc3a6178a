import pulumi
from world import Thing

first = Thing("first", size=11)
second = Thing("second", pulumi.ResourceOptions(depends_on=[first]), size=20, zone="north", after=first.serial)
third = Thing("third", pulumi.ResourceOptions(depends_on=[second]), size=300)
pulumi.export("serial", third.serial)
