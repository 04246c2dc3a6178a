"""What every stack tells of its model, wherever it answers."""

import pulumi

from model_build.resource import ModelImage


def of_model(built: ModelImage) -> None:
    """Export what the build says of the model."""
    pulumi.export("model", built.model)
    pulumi.export("report", built.report_html)
    pulumi.export("report_json", built.report_json)
    pulumi.export("metrics", built.metrics)
