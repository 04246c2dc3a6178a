from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def trail(args):
    if "size" in args.props:
        args.props["trail"] = args.props.get("trail", "") + "two "
        return args.props


def look(args, report):
    if "size" in args.props:
        report("two sees " + args.props["trail"])


def stack(args, report):
    report("two sees " + str(len(args.resources)))


PolicyPack(
    "crew-two",
    policies=[
        ResourceValidationPolicy("trail", "Leaves a trail.", remediate=trail, enforcement_level=EnforcementLevel.REMEDIATE),
        ResourceValidationPolicy("look", "Looks.", look),
        StackValidationPolicy("stack", "Counts.", stack),
    ],
)
