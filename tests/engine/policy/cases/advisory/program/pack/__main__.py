import json
import sys

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)

print("the pack is here", file=sys.stderr)


def shown(args, report):
    opts, provider = args.opts, args.provider
    report(
        json.dumps(
            {
                "type": args.resource_type,
                "name": args.name,
                "urn": args.urn,
                "props": sorted(args.props),
                "protect": opts.protect,
                "ignore_changes": list(opts.ignore_changes),
                "delete_before_replace": opts.delete_before_replace,
                "aliases": list(opts.aliases),
                "timeouts": [
                    opts.custom_timeouts.create_seconds,
                    opts.custom_timeouts.update_seconds,
                    opts.custom_timeouts.delete_seconds,
                ],
                "secret": list(opts.additional_secret_outputs),
                "parent": opts.parent,
                "provider": provider and [provider.resource_type, provider.name, provider.urn, sorted(provider.props)],
            },
            sort_keys=True,
        )
    )


def small(args, report):
    if "size" not in args.props:
        args.not_applicable("it has no size")
    if args.props["size"] > 50:
        report(f"{args.name} is {args.props['size']} large")


async def origin(args, report):
    if "of" in args.props and args.props["of"] == "nowhere":
        report("it comes from nowhere")


def quiet(args, report):
    if "pin" in args.props:
        print("looked at", args.name)
        nested = args.props["nested"]["deep"]
        report(f"{len(args.props['pin'])} {len(nested[1]['pin'])} {sorted(nested[1])} {nested[0]}")


def whole(args, report):
    for resource in sorted(args.resources, key=lambda r: r.urn):
        report(
            json.dumps(
                {
                    "type": resource.resource_type,
                    "props": sorted(resource.props),
                    "parent": resource.parent and resource.parent.name,
                    "needs": sorted(r.name for r in resource.dependencies),
                    "by": {k: sorted(r.name for r in v) for k, v in resource.property_dependencies.items()},
                    "protect": resource.opts.protect,
                    "ignore_changes": list(resource.opts.ignore_changes),
                    "delete_before_replace": resource.opts.delete_before_replace,
                    "secret": list(resource.opts.additional_secret_outputs),
                    "provider": resource.provider and resource.provider.name,
                },
                sort_keys=True,
            ),
            resource.urn,
        )
    report("of the whole")
    report("of none", "urn:pulumi:dev::orchard::farm:index:Orchard::elsewhere")


PolicyPack(
    "looking",
    enforcement_level=EnforcementLevel.ADVISORY,
    policies=[
        ResourceValidationPolicy("shown", "Everything is shown.", shown),
        ResourceValidationPolicy("small", "Things are small.", small, severity=Severity.HIGH),
        ResourceValidationPolicy("origin", "Things come from somewhere.", origin, severity=Severity.LOW),
        ResourceValidationPolicy("quiet", "Secrets can be read.", quiet),
        ResourceValidationPolicy("never", "It is off.", [shown, shown], enforcement_level=EnforcementLevel.DISABLED),
        StackValidationPolicy("whole", "The stack is shown.", whole, severity=Severity.CRITICAL),
    ],
)
