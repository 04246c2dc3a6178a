from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def breaks(args):
    if args.name == "axe":
        return {**args.props, "odd": object()}


PolicyPack("breaks", [ResourceValidationPolicy("breaks", "Breaks.", remediate=breaks)], EnforcementLevel.REMEDIATE)
