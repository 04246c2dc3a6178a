from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def tagged(args):
    if args.resource_type != "pulumi-python:dynamic:Resource":
        args.not_applicable("only things have tags")
    if "tags" not in args.props:
        args.props["tags"] = {"owner": "kitchen", "count": 2, "list": [1, "two", None, True]}
        return args.props


def second(args):
    if "tags" in args.props and args.props["tags"].get("second") is None:
        args.props["tags"]["second"] = args.props["tags"]["owner"] + "!"
        args.props["seen"] = args.props.get("washed", "never")
        return args.props


def careful(args):
    if "on" in args.props and args.props["on"].startswith("PAN"):
        args.props["checked"] = True
        return args.props


def secretive(args):
    if "code" in args.props:
        args.props["code"] = args.props["code"] + "-sealed"
        return args.props


async def sized(args):
    if args.props.get("size") == 2:
        return {**args.props, "size": 2.5}


def owned(args):
    if args.props.get("owner") == "nobody":
        args.props["owner"] = "somebody"
        return args.props


def still(args, report):
    if args.props.get("mood") == "plain":
        report(f"{args.name} is plain")


def none(args):
    return None


PolicyPack(
    "cook",
    enforcement_level=EnforcementLevel.REMEDIATE,
    policies=[
        ResourceValidationPolicy("tagged", "Things have tags.", remediate=tagged),
        ResourceValidationPolicy("second", "Tags come in pairs.", remediate=second),
        ResourceValidationPolicy("careful", "Lids are checked.", remediate=careful),
        ResourceValidationPolicy("secretive", "Codes are sealed.", remediate=secretive),
        ResourceValidationPolicy("sized", "Not two.", remediate=sized),
        ResourceValidationPolicy("owned", "Everything is owned.", remediate=owned),
        ResourceValidationPolicy("none", "Nothing is done.", remediate=none),
        ResourceValidationPolicy(
            "off", "It is only looked at.", still, remediate=none, enforcement_level=EnforcementLevel.ADVISORY
        ),
    ],
)
