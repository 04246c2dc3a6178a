"""What every stack tells of its model, wherever it answers."""

import pulumi

from model_build.resource import ModelImage
from stacks.spec import StackSpec


def of_model(spec: StackSpec, built: ModelImage) -> None:
    """Export what the build says of the model."""
    pulumi.export("model", built.model)
    pulumi.export("report", built.report_html)
    pulumi.export("report_json", built.report_json)
    pulumi.export("metrics", built.metrics)
    if spec.image.modelcar:
        pulumi.export("files", built.files)
    if len(spec.model.platforms) > 1:
        pulumi.export("index", built.index)
