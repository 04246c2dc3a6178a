from pulumi_policy import PolicyPack, ResourceValidationPolicy


def breaks(args, report):
    if args.name == "axe":
        raise ValueError("the axe is blunt")


PolicyPack("breaks", policies=[ResourceValidationPolicy("breaks", "Breaks.", breaks)])
