import pulumi
from world import Thing

well = Thing("well", size=3, zone="east")
house = Thing("house", size=6, water=well.key)
church = Thing("church", pulumi.ResourceOptions(depends_on=[house]), size=50)
pulumi.export("key", well.key)
