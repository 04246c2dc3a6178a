from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def small(args, report):
    if args.props.get("size") and args.props["size"] > 100:
        report(f"{args.name} is {args.props['size']} large")
        report("and that is too much")


PolicyPack(
    "strict",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy("small", "Things are small.", small)],
)
