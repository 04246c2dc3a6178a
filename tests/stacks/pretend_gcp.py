"""The plug-in `pulumi-resource-gcp` of a Google Cloud that takes whatever it is given, as that of `pretend_aws`."""

from typing import Any

from tests.components.planned import Planned
from tests.stacks import pretend_aws

ACCOUNT = "models-1a2b3c4@shop-prod.iam.gserviceaccount.com"


class Pretend(pretend_aws.Pretend):
    """Keeps nothing: the state has it all."""

    def added(self, made: Planned) -> dict[str, Any]:
        """What Google tells of a resource beside its inputs."""
        service = f"projects/shop-prod/locations/europe-west4/services/{made.name}"
        if made.type == "gcp:vertex/aiEndpoint:AiEndpoint":
            # As Pulumi would name it.
            return {"name": f"{made.name}-1234567", "dedicatedEndpointDns": "digits.prediction.vertexai.goog"}
        return {
            "name": made.name,
            "email": ACCOUNT,
            "uri": f"https://{made.name}-a1b2c3-ez.a.run.app",
            "latestReadyRevision": f"{service}/revisions/{made.name}-00001-abc",
        }


if __name__ == "__main__":
    pretend_aws.main(Pretend)
