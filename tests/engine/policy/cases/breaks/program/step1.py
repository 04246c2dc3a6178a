import pulumi
from world import Thing

saw = Thing("saw", size=9)
axe = Thing("axe", pulumi.ResourceOptions(depends_on=[saw]), size=10)
nail = Thing("nail", pulumi.ResourceOptions(depends_on=[axe]), size=1)
