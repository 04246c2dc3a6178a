from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def late(args, report):
    if args.props.get("mood") == "plain":
        report(f"{args.name} is plain")


PolicyPack(
    "last", policies=[ResourceValidationPolicy("late", "Not plain.", late, enforcement_level=EnforcementLevel.REMEDIATE)]
)
