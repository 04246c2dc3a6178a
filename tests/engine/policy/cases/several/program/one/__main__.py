from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def trail(args):
    if "size" in args.props:
        args.props["trail"] = args.props.get("trail", "") + "one "
        return args.props


def look(args, report):
    if "size" in args.props:
        report("one sees " + args.props["trail"])


def stack(args, report):
    report("one sees " + str(len(args.resources)))


PolicyPack(
    "crew-one",
    policies=[
        ResourceValidationPolicy("trail", "Leaves a trail.", remediate=trail, enforcement_level=EnforcementLevel.REMEDIATE),
        ResourceValidationPolicy("look", "Looks.", look),
        StackValidationPolicy("stack", "Counts.", stack),
    ],
)
