import pulumi
from world import Thing

frame = Thing("frame", None, size=4)
pulumi.export("serial", frame.serial)
raise pulumi.RunError("the gallery is closed")
