"""Model in; verified ONNX, report and OCI image out.

`model_build.pipeline.build` does it all; `python -m model_build` does it from a shell;
`model_build.resource.ModelImage` is the same as a Pulumi resource. Each step (fetch, convert, optimize, verify, bake,
push) is a module of its own.
"""
