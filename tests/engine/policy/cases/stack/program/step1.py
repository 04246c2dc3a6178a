import pulumi
from world import Thing

well = Thing("well", size=3)
house = Thing("house", size=5, water=well.key)
# The one that a step has fail comes last: what else would have begun by then is chance.
mill = Thing("mill", pulumi.ResourceOptions(depends_on=[well, house]), size=4)
pulumi.export("key", well.key)
