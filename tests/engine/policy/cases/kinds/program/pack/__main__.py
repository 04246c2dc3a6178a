from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def looked(args, report):
    if args.resource_type == "pulumi-python:dynamic:Resource":
        sizes = args.props.get("size"), args.props.get("zone"), args.props.get("mark")
        report(f"{args.name} {sizes} {list(args.opts.aliases)} {args.opts.delete_before_replace}")


def marked(args):
    if args.name in ("wall", "roof", "dome"):
        return {**args.props, "mark": "m"}


def stack(args, report):
    for resource in sorted(args.resources, key=lambda r: r.urn):
        sized = resource.resource_type == "pulumi-python:dynamic:Resource"
        report(f"{resource.name} {list(resource.opts.aliases)} {resource.props.get('mark') if sized else ''}", resource.urn)


PolicyPack(
    "mason",
    policies=[
        ResourceValidationPolicy("looked", "Looks.", looked),
        ResourceValidationPolicy("marked", "Marks.", remediate=marked, enforcement_level=EnforcementLevel.REMEDIATE),
        StackValidationPolicy("stack", "Lists.", stack),
    ],
)
