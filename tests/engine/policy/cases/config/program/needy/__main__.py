from pulumi_policy import PolicyConfigSchema, PolicyPack, ResourceValidationPolicy


def nothing(args, report):
    pass


PolicyPack(
    "needy",
    policies=[
        ResourceValidationPolicy(
            "asks", "Wants a word.", nothing, config_schema=PolicyConfigSchema({"word": {"type": "string"}}, ["word"])
        )
    ],
)
