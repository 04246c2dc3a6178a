from pulumi_policy import PolicyPack, StackValidationPolicy


def breaks(args, report):
    raise KeyError("nothing there")


PolicyPack("breaks", policies=[StackValidationPolicy("breaks", "Breaks.", breaks)])
