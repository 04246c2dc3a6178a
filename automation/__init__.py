"""The `modelport` command and the Python calls behind it: one stack, either engine.

`automation.cli` is the command, `automation.operate` what it does; both import Pulumi, gRPC and ONNX only once they are
needed, so that `modelport --help` answers at once.
"""
