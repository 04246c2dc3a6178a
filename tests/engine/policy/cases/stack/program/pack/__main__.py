from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy


def things(args):
    found = [r for r in args.resources if r.resource_type == "pulumi-python:dynamic:Resource"]
    return sorted(found, key=lambda r: r.urn)


def crowded(args, report):
    names = [r.name for r in things(args)]
    if len(names) > 2:
        report("too many: " + ", ".join(names))


def blessed(args, report):
    for thing in things(args):
        if thing.props["size"] > 40:
            report(f"{thing.name} is too grand", thing.urn)


def keyed(args, report):
    for thing in things(args):
        if thing.props.get("key") == "key-of-none":
            report("no key", thing.urn)


async def named(args, report):
    if not args.resources:
        args.not_applicable("there is nothing")


PolicyPack(
    "council",
    policies=[
        StackValidationPolicy("crowded", "Few things.", crowded),
        StackValidationPolicy("blessed", "Modest things.", blessed, enforcement_level=EnforcementLevel.MANDATORY),
        StackValidationPolicy("keyed", "Things have keys.", keyed, enforcement_level=EnforcementLevel.REMEDIATE),
        StackValidationPolicy("named", "Things have names.", named),
    ],
)
