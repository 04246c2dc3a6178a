import os

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    StackValidationPolicy,
)


def told(args, report):
    if args.name == "rose":
        report(f"config is {sorted((args.get_config() or {}).items())}")


def project(args, report):
    if args.name == "rose":
        report(f"{pulumi.get_project()} {pulumi.get_stack()} {pulumi.runtime.is_dry_run()} {pulumi.get_organization()}")
        config = pulumi.Config()
        report(f"{config.get('plain')} {len(config.get('hidden') or '')} {os.environ.get('PULUMI_DRY_RUN')}")
        report(f"the password is {config.get('hidden')}")


def stack(args, report):
    report(f"config is {sorted((args.get_config() or {}).items())}")


PolicyPack(
    "gardener",
    enforcement_level=EnforcementLevel.ADVISORY,
    initial_config={
        "begun": {"enforcementLevel": EnforcementLevel.MANDATORY, "height": 7},
        "halfway": {"height": 8},
        "offered": EnforcementLevel.DISABLED,
    },
    policies=[
        ResourceValidationPolicy("plain", "No config.", told),
        ResourceValidationPolicy(
            "limited",
            "With a schema.",
            told,
            config_schema=PolicyConfigSchema(
                {
                    "most": {"type": "number", "minimum": 1, "maximum": 100, "default": 10},
                    "names": {"type": "array", "items": {"type": "string", "minLength": 2}, "uniqueItems": True},
                    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
                    "shape": {
                        "type": "object",
                        "properties": {"deep": {"type": "integer"}},
                        "required": ["deep"],
                        "additionalProperties": False,
                    },
                    "match": {"type": "string", "pattern": "^x+$"},
                    "either": {"anyOf": [{"type": "string"}, {"type": "boolean"}]},
                },
                required=["most"],
            ),
        ),
        ResourceValidationPolicy("begun", "Begins with something.", told),
        ResourceValidationPolicy(
            "halfway", "Begins with properties only.", told, enforcement_level=EnforcementLevel.MANDATORY
        ),
        ResourceValidationPolicy("offered", "Begins disabled.", told),
        ResourceValidationPolicy("project", "Knows the stack.", project),
        StackValidationPolicy("stack", "Has config too.", stack),
    ],
)
