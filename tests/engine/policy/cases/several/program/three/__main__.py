from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def no(args, report):
    if args.name == "ship":
        report("no ships")


PolicyPack(
    "crew-three",
    policies=[ResourceValidationPolicy("no", "No ships.", no, enforcement_level=EnforcementLevel.MANDATORY)],
)
