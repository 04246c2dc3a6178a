"""A model that answers in Cloud Run: as many instances as there are requests for, and none without any."""

from typing import Any, Optional, cast

import pulumi
from pulumi_gcp.cloudrunv2.service import Service
from pulumi_gcp.cloudrunv2.service_iam_member import ServiceIamMember
from pulumi_gcp.projects.service_identity import ServiceIdentity
from pulumi_gcp.serviceaccount.account import Account

from components import outputs
from components.gcp import checks as gcp
from components.gcp import cloud_run_revision, keys, secret_reads, serverless
from components.gcp.cloud_run_asked import (
    INGRESS,
    Asked,
    CloudRunEgress,
    CloudRunIngress,
    CloudRunNetwork,
    CloudRunSecret,
    CloudRunServiceArgs,
)
from components.gcp.cloud_run_sizes import CloudRunGpu
from components.gcp.cloud_run_steps import CloudRunRelease, CloudRunStep, CloudRunStrategy
from components.gcp.cloud_run_traffic import CloudRunTraffic
from components.gcp.labels import Labels

__all__ = [
    "CloudRunEgress",
    "CloudRunGpu",
    "CloudRunIngress",
    "CloudRunNetwork",
    "CloudRunRelease",
    "CloudRunSecret",
    "CloudRunService",
    "CloudRunServiceArgs",
    "CloudRunStep",
    "CloudRunStrategy",
]

_SERVICE, _AGENT = "run.googleapis.com", "serverless-robot-prod"


class CloudRunService(pulumi.ComponentResource):
    """A service of Cloud Run that answers for one model, called as the component is.

    Each `up` with another image, or with anything else that instances are made of, is a version, which gets requests as
    `release` says; whoever runs it may change services and read metrics (`run.developer`, `monitoring.viewer`). Its
    instances may do nothing in Google Cloud. Outputs: `url`, `name`, `revision`, `service_account`.
    """

    url: pulumi.Output[str]
    """URL of the service, `https://...run.app`, there once who may call it may."""
    name: pulumi.Output[str]
    """Name of the service."""
    revision: pulumi.Output[str]
    """Name of the version that gets the requests."""
    service_account: pulumi.Output[str]
    """Address of what the instances are to Google Cloud."""

    def __init__(self, name: str, args: CloudRunServiceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        labels = Labels("CloudRunService.labels", name, args.get("labels"))
        super().__init__("modelport:index:CloudRunService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = asked.key
        if key is None:
            # The account that encrypts is there from the first service on, unless it is asked for before.
            agent = ServiceIdentity(name, project=asked.project, service=_SERVICE, opts=child)
            key = keys.made(
                name,
                project=asked.project,
                location=asked.region,
                agents={"run": gcp.agent(asked.number, _AGENT)},
                labels=labels,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[agent]),
            )
        account = asked.account
        if account is None:
            account = Account(name, project=asked.project, display_name=f"Instances of {name}", opts=child).email
        reads = secret_reads.reads(self, name, asked.project, asked.revision.secrets, account)
        template = cloud_run_revision.template(asked.revision, asked.image, account, key)
        traffic = self._traffic(name, asked, template, reads)
        service = self._service(name, asked, template, traffic, reads, labels)
        callers = self._callers(name, asked, service)
        self.name = service.name
        self.url = cast(
            "pulumi.Output[str]",
            pulumi.Output.all(service.uri, *(each.id for each in callers)).apply(lambda known: known[0]),
        )
        self.revision = pulumi.Output.all(traffic.revision, service.latest_ready_revision).apply(_serving)
        self.service_account = pulumi.Output.from_input(account)
        self.register_outputs(
            {
                "url": self.url,
                "name": self.name,
                "revision": self.revision,
                "service_account": self.service_account,
            }
        )

    def _traffic(
        self, name: str, asked: Asked, template: dict[str, Any], reads: list[pulumi.Resource]
    ) -> CloudRunTraffic:
        bounds: dict[str, Any] = {
            "error_percent": asked.bounds.error_percent,
            "latency": asked.bounds.latency,
            "policies": asked.policies,
        }
        return CloudRunTraffic(
            name,
            {
                "project": asked.project,
                "region": asked.region,
                "service": name,
                # As text: a number in a dynamic resource's input comes back as a float.
                "template": outputs.text(template),
                "stages": asked.plan.text(),
                "bounds": outputs.text(bounds),
            },
            pulumi.ResourceOptions(parent=self, depends_on=reads),
        )

    def _service(
        self,
        name: str,
        asked: Asked,
        template: dict[str, Any],
        traffic: CloudRunTraffic,
        reads: list[pulumi.Resource],
        labels: Labels,
    ) -> Service:
        rest: dict[str, Any] = {}
        if asked.binary_authorization:
            rest["binary_authorization"] = {"use_default": True}
        if asked.audiences:
            rest["custom_audiences"] = asked.audiences
        return Service(
            name,
            # A release finds it by its name.
            name=name,
            project=asked.project,
            location=asked.region,
            description=f"Answers for the model of {name}",
            ingress=INGRESS[asked.ingress],
            invoker_iam_disabled=False,
            deletion_protection=not asked.allow_deletion,
            scaling={"min_instance_count": asked.min},
            template=cloud_run_revision.provided(template),
            traffics=cast("Any", traffic.revision.apply(cloud_run_revision.traffic)),
            labels=labels.all(),
            **rest,
            opts=pulumi.ResourceOptions(parent=self, depends_on=reads),
        )

    def _callers(self, name: str, asked: Asked, service: Service) -> list[ServiceIamMember]:
        callers = {f"{name}-caller-{who}": member for who, member in asked.invokers.items()}
        if asked.anonymous:
            callers = {f"{name}-anonymous": "allUsers"}
        return [
            ServiceIamMember(
                called,
                project=asked.project,
                location=asked.region,
                name=service.name,
                role=serverless.CALL,
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for called, member in callers.items()
        ]


def _serving(known: list[Any]) -> str:
    """The version that was released last; the first one is called as Cloud Run says."""
    released, newest = known
    return str(released or str(newest or "").rpartition("/")[2])
