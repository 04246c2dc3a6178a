from world import Thing

well = Thing("well", size=-3)
