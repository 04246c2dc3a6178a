import pulumi
from world import Thing

Thing("rose", size=12, colour="red")
pulumi.export("done", True)
