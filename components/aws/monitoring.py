"""What is measured of models and their cluster in CloudWatch, shown, and told when it is not as it should be."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.cloudwatch.dashboard import Dashboard
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.eks.addon import Addon
from pulumi_aws.sns.topic import Topic

from components import checks, mails, promises
from components.aws import alarms, collector, controllers, policies, topics, watching
from components.aws import checks as aws
from components.aws.checks import partition
from components.aws.tags import Tags
from components.outputs import known

Json = dict[str, Any]

ADD_ON: Final = "amazon-cloudwatch-observability"
ADD_ON_VERSION: Final = "v6.2.0-eksbuild.1"
"""The first that can do more than what is called classic, and does that unless told otherwise (CloudWatch user guide,
"Install the CloudWatch agent with the Amazon CloudWatch Observability EKS add-on", 2026-11-22)."""
LOGS: Final = ("application", "dataplane", "host", "performance")
"""Log groups of Container Insights, `/aws/containerinsights/CLUSTER/...`: its agents make them where they are not,
without an end and without a key."""
MOST_SERVICES: Final = 45
"""Two alarms for each, and those of load balancer and cluster, fit on a dashboard and into a composite alarm."""


class AwsWatchedService(TypedDict):
    """A service whose users are not to wait or to be turned away."""

    namespace: str
    """Its namespace."""
    service: str
    """Its name."""
    latency: NotRequired[float]
    """Seconds within which 99 of 100 requests are to be answered. Default: 0.25."""
    error_percent: NotRequired[float]
    """How many of a hundred requests may fail through a fault of the server's. Default: 1."""


class AwsWatchedBalancer(TypedDict):
    """A load balancer, as AwsLoadBalancer tells of it."""

    arn_suffix: pulumi.Input[str]
    """The end of its ARN, `app/NAME/...`."""
    target_group_arn_suffix: pulumi.Input[str]
    """The end of the ARN of its targets, `targetgroup/NAME/...`."""
    network: NotRequired[bool]
    """Whether it is a Network Load Balancer, which knows no requests. Default: False."""
    error_percent: NotRequired[float]
    """How many of a hundred requests may fail at it or behind it. Default: 1."""


class AwsMonitoringArgs(TypedDict):
    account_id: str
    """Account of the cluster."""
    region: str
    """Region of the cluster."""
    cluster_name: pulumi.Input[str]
    """Name of the cluster."""
    collector_image: pulumi.Input[str]
    """The CloudWatch agent, by digest: `public.ecr.aws/cloudwatch-agent/cloudwatch-agent@sha256:...`, of 1.300060 or
    later. It takes ModelLatency from the models to CloudWatch."""
    services: Sequence[AwsWatchedService]
    """Services that are watched, at least one."""
    load_balancer: NotRequired[AwsWatchedBalancer]
    """The load balancer before them. Default: none."""
    emails: NotRequired[Sequence[str]]
    """Who is told by mail; each confirms it once. Default: nobody, others may subscribe to the topic."""
    memory_percent: NotRequired[float]
    """How much of a node's memory may be in use. Default: 85."""
    disk_percent: NotRequired[float]
    """How much of a node's disk may be in use. Default: 80."""
    gpu_percent: NotRequired[float]
    """How much of its time a GPU may be busy. Default: there is no alarm for that."""
    minutes: NotRequired[int]
    """How long something is so before it is told, in three of five minutes. Default: 5."""
    log_days: NotRequired[int]
    """Days for which logs of containers are kept. Default: 365."""
    key_arn: NotRequired[pulumi.Input[str]]
    """KMS key of logs and topic, whose policy lets CloudWatch's logs and alarms use it. Default: one of its own."""
    metric_namespace: NotRequired[str]
    """Namespace of the models' metrics in CloudWatch. Default: Modelport."""
    add_on_version: NotRequired[str]
    """Version of the add-on amazon-cloudwatch-observability. Default: the one that this library was written with."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that takes them."""


class AwsMonitoring(pulumi.ComponentResource):
    """Container Insights, the metrics of models, a dashboard, and alarms that tell a topic.

    `ModelLatency` comes from the models' own endpoint for Prometheus: a CloudWatch agent in the cluster asks each pod
    once a minute and may put metrics into one namespace, and nothing else. A ModelService lets it in where its
    `monitoring_namespace` is what `collector_namespace` says. What users feel (latency, errors, the load balancer's
    targets) is told as one by a composite alarm, so that one failure is one message; each other alarm tells for itself.
    Metrics: ModelLatency in seconds, ModelRequests and ModelFaults, by ClusterName, Namespace and Service.

    Outputs: `topic_arn`, `dashboard_url`, `namespace`, `metric`, `service_alarm_name`, `collector_namespace`.
    """

    topic_arn: pulumi.Output[str]
    """ARN of the topic that alarms tell."""
    dashboard_url: pulumi.Output[str]
    """Address of the dashboard in AWS's console."""
    namespace: pulumi.Output[str]
    """Namespace of the models' metrics in CloudWatch."""
    metric: pulumi.Output[str]
    """Name of the metric of latency: ModelLatency."""
    service_alarm_name: pulumi.Output[str]
    """Name of the composite alarm over what users feel."""
    collector_namespace: pulumi.Output[str]
    """Namespace in the cluster from which the models are asked for their metrics."""

    def __init__(
        self,
        name: str,
        args: AwsMonitoringArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        _checked(name, args)
        super().__init__("modelport:index:AwsMonitoring", name, {}, opts)
        self._name, self._args, self._child = name, args, pulumi.ResourceOptions(parent=self)
        self._region, self._account = args["region"], args["account_id"]
        self._cluster = controllers.cluster("AwsMonitoring.cluster_name", args["cluster_name"])
        self._space = args.get("metric_namespace", "Modelport")
        self._tags = Tags("AwsMonitoring.tags", name, args.get("tags"))
        key = self._key()
        add_on = self._insights(key)
        self._collector(add_on)
        topic = self._topic(key)
        found = _balancer(args.get("load_balancer"))
        whole, rest = alarms.made(name, f"{name}-users", self._watched(found), topic.arn, self._tags, self._child)
        self.service_alarm_name = whole.alarm_name
        services = [(each["namespace"], each["service"]) for each in args["services"]]
        body = watching.dashboard(
            self._region, self._space, self._cluster, services, found, [whole.arn, *(each.arn for each in rest)]
        )
        Dashboard(name, dashboard_name=name, dashboard_body=policies.text(body), opts=self._child)
        self.topic_arn = topic.arn
        self.dashboard_url = pulumi.Output.from_input(watching.console(self._region, name))
        self.namespace = pulumi.Output.from_input(self._space)
        self.metric = pulumi.Output.from_input(collector.LATENCY)
        self.collector_namespace = pulumi.Output.from_input(collector.NAMESPACE)
        self.register_outputs(
            {
                "topic_arn": self.topic_arn,
                "dashboard_url": self.dashboard_url,
                "namespace": self.namespace,
                "metric": self.metric,
                "service_alarm_name": self.service_alarm_name,
                "collector_namespace": self.collector_namespace,
            }
        )

    def _key(self) -> pulumi.Input[str]:
        """The key of logs and topic."""
        given = self._args.get("key_arn")
        if given is not None:
            return given
        telling = topics.uses_key("Alarms", "cloudwatch.amazonaws.com", self._account)
        users = [policies.logs_key(self._region, self._account), telling]
        called = f"Logs and alarms of {self._name}"
        return topics.key(self._name, called, self._region, self._account, users, self._tags, self._child)

    def _insights(self, key: pulumi.Input[str]) -> Addon:
        """Container Insights, once the groups are there that it writes to."""
        groups: list[pulumi.Resource] = []
        for kind in LOGS:
            called = f"{self._name}-{kind}"
            group = LogGroup(
                called,
                name=policies.joined(f"/aws/containerinsights/{{}}/{kind}", self._cluster),
                kms_key_id=key,
                retention_in_days=self._args.get("log_days", 365),
                tags=self._tags.of(called),
                opts=self._child,
            )
            groups.append(group)
        name = f"{self._name}-agent"
        identity = controllers.Identity(
            name,
            region=self._region,
            account=self._account,
            cluster=self._cluster,
            namespace=collector.NAMESPACE,
            service_account="cloudwatch-agent",
            statements={
                "insights": known(partial(watching.rights, self._region, self._account), cluster=self._cluster)
            },
            tags=self._tags,
            parent=self,
        )
        enhanced = {"logs": {"metrics_collected": {"kubernetes": {"enhanced_container_insights": True}}}}
        return Addon(
            name,
            cluster_name=self._cluster,
            addon_name=ADD_ON,
            addon_version=self._args.get("add_on_version", ADD_ON_VERSION),
            # What is set is all of it: neither traces nor another kind of Container Insights comes with it.
            configuration_values=json.dumps({"agent": {"config": enhanced}, "containerLogs": {"enabled": True}}),
            pod_identity_associations=[{"role_arn": identity.role.arn, "service_account": "cloudwatch-agent"}],
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="PRESERVE",
            tags=self._tags.of(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*groups, *identity.rights]),
        )

    def _collector(self, add_on: Addon) -> None:
        """What takes the models' metrics to CloudWatch."""
        name = f"{self._name}-collector"
        identity = controllers.Identity(
            name,
            region=self._region,
            account=self._account,
            cluster=self._cluster,
            namespace=collector.NAMESPACE,
            service_account=collector.NAME,
            statements={"metrics": collector.rights(self._space)},
            tags=self._tags,
            parent=self,
        )
        associated = identity.given()
        # The add-on makes the namespace.
        controller = controllers.Controller(collector.NAME, collector.NAMESPACE, name, self, [add_on])
        controller.allow(collector.RULES, [])
        controller.close()
        files = known(partial(collector.files, self._region, namespace=self._space), cluster=self._cluster)
        controller.make("ConfigMap", "settings", data=files)
        spec = controllers.deployment(
            collector.NAME,
            controllers.by_digest("AwsMonitoring.collector_image", self._args["collector_image"]),
            # Two of them would count everything twice.
            replicas=1,
            ports={"health": collector.HEALTH},
            health=("/", "/"),
            resources={
                "requests": {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "32Mi"},
                "limits": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "128Mi"},
            },
            env=[{"name": "AWS_REGION", "value": self._region}, {"name": "RUN_IN_CONTAINER", "value": "True"}],
            command=collector.command(),
            settings=known(_mark, files=files),
            mounts=[
                {"name": "settings", "mountPath": collector.FOLDER, "readOnly": True},
                {"name": "scratch", "mountPath": "/tmp"},
            ],
            volumes=[
                {"name": "settings", "configMap": {"name": collector.NAME}},
                {"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}},
            ],
        )
        controller.run(spec, [associated, *identity.rights])

    def _topic(self, key: pulumi.Input[str]) -> Topic:
        """Who is told, and who may tell."""
        source = f"arn:{partition(self._region)}:cloudwatch:{self._region}:{self._account}:alarm:*"
        teller = ("Alarms", "cloudwatch.amazonaws.com", source)
        topic, _ = topics.topic(self._name, key, teller, self._account, self._tags, self._child)
        topics.subscribe(self._name, topic, self._args.get("emails") or [], self._child)
        return topic

    def _watched(self, found: watching.Balancer | None) -> list[watching.Watched]:
        args, minutes = self._args, self._args.get("minutes", 5)
        made: list[watching.Watched] = []
        for each in args["services"]:
            values = (self._cluster, each["namespace"], each["service"])
            about: Json = dict(zip(collector.DIMENSIONS, values, strict=True))
            called, seconds, percent = f"{each['namespace']}/{each['service']}", *promises.promised(each)
            faults, requests = (
                {"space": self._space, "metric": metric, "dimensions": about}
                for metric in (collector.FAULTS, collector.REQUESTS)
            )
            slug = promises.slug(each)
            made += [
                watching.Watched(
                    f"{slug}-latency",
                    f"of a hundred requests to {called} more than one takes longer than {seconds:g} seconds",
                    watching.latency(self._space, about, seconds, minutes),
                    felt=True,
                ),
                watching.Watched(
                    f"{slug}-errors",
                    f"more than {percent:g} per cent of the requests to {called} fail",
                    watching.share(percent, minutes, [faults], requests),
                    felt=True,
                ),
            ]
        if found is not None:
            given = cast("AwsWatchedBalancer", args.get("load_balancer"))
            made += watching.balancer(found, given.get("error_percent", 1), minutes)
        memory, disk = args.get("memory_percent", 85), args.get("disk_percent", 80)
        return made + watching.cluster(self._cluster, memory, disk, args.get("gpu_percent"), minutes)


def _balancer(given: AwsWatchedBalancer | None) -> watching.Balancer | None:
    if given is None:
        return None
    return watching.Balancer(given["arn_suffix"], given["target_group_arn_suffix"], given.get("network", False))


def _mark(files: Mapping[str, str]) -> str:
    return controllers.fingerprint(files)


def _checked(name: str, args: AwsMonitoringArgs) -> None:
    """Raises ArgsError for what cannot be meant, before anything is registered."""
    what = "AwsMonitoring"
    checks.given(what, args, AwsMonitoringArgs)
    # A role's name has 64 characters, of which `-collector` and Pulumi's suffix take 18.
    aws.named(what, name, 40)
    aws.account(f"{what}.account_id", args["account_id"])
    aws.region(f"{what}.region", args["region"])
    controllers.cluster(f"{what}.cluster_name", args["cluster_name"])
    controllers.by_digest(f"{what}.collector_image", args["collector_image"])
    promises.services(
        f"{what}.services", args["services"], AwsWatchedService, MOST_SERVICES, "CloudWatch takes 100 alarms as one"
    )
    if "load_balancer" in args:
        _balanced(f"{what}.load_balancer", args["load_balancer"])
    mails.addresses(f"{what}.emails", args.get("emails") or [])
    for key, usual in (("memory_percent", 85), ("disk_percent", 80), ("gpu_percent", 90)):
        checks.within(f"{what}.{key}", args.get(key, usual), 1, 100)
    minutes = args.get("minutes", 5)
    checks.within(f"{what}.minutes", minutes, 1, 60)
    if minutes != int(minutes):
        raise checks.wrong(f"{what}.minutes", minutes, "a whole number", f"write {int(minutes)}")
    aws.log_days(f"{what}.log_days", args.get("log_days", 365))
    key_arn = args.get("key_arn")
    if key_arn is not None and not isinstance(key_arn, pulumi.Output):
        example = "key/12345678-1234-1234-1234-123456789012"
        aws.arn(f"{what}.key_arn", key_arn, "kms", r"key/([0-9a-f-]{36}|mrk-[0-9a-f]{32})", example)
    expected = "1 to 255 of A-Z, a-z, 0-9 and .-_/#, not beginning with AWS/"
    space = args.get("metric_namespace", "Modelport")
    checks.fits(f"{what}.metric_namespace", space, r"(?!AWS/)[A-Za-z0-9._/#-]{1,255}", expected, "Modelport")
    version = args.get("add_on_version", ADD_ON_VERSION)
    pattern, expected = r"v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+", "the version of an add-on"
    checks.fits(f"{what}.add_on_version", version, pattern, expected, ADD_ON_VERSION)


def _balanced(what: str, given: AwsWatchedBalancer) -> None:
    checks.given(what, given, AwsWatchedBalancer)
    network = given.get("network", False)
    kind = "net" if network else "app"
    checks.within(f"{what}.error_percent", given.get("error_percent", 1), 0.001, 100)
    suffix, targets = given["arn_suffix"], given["target_group_arn_suffix"]
    if isinstance(suffix, str):
        expected = f"the end of the ARN of {'a Network' if network else 'an Application'} Load Balancer"
        pattern = watching.BALANCER.replace("(app|net)", kind)
        checks.fits(f"{what}.arn_suffix", suffix, pattern, expected, f"{kind}/shop/0123456789abcdef")
    if isinstance(targets, str):
        example = "targetgroup/shop/0123456789abcdef"
        checks.fits(
            f"{what}.target_group_arn_suffix", targets, watching.TARGETS, "the end of a target group's ARN", example
        )
