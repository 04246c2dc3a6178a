"""Rules of models, each flipped both ways on what components and stacks really register."""

import dataclasses
import json
from typing import Any, Final

import pytest

from policies import model
from policies.rules import Rule
from tests.components.planned import UNKNOWN, Planned
from tests.policies.flips import GONE, Flip, broken, changed, concerned, found, kept, made
from tests.policies.judging import Verdict, Verdicts, judged
from tests.policies.programs import DIGEST, IMAGE, RECIPE, planned

RULES: Final = {each.name: each for each in model.RULES}
DEPLOYMENT, CONTAINER = "kubernetes:apps/v1:Deployment", "spec.template.spec.containers[0]"
BUILD, RELEASE = "pulumi-python:dynamic/modelport:ModelImage", "pulumi-python:dynamic/modelport:Release"
OTHER: Final = f"registry.example.com/models/digits@sha256:{'b2' * 32}"
PRODUCTION: Final = {"environment": "production"}
GPU: Final = {
    f"{CONTAINER}.resources": {"limits": {"nvidia.com/gpu": "1"}},
    "spec.template.spec.tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
}


def recipe(**evaluate: Any) -> str:
    return json.dumps({**RECIPE, "evaluate": {**RECIPE["evaluate"], **evaluate}})  # type: ignore[dict-item]


def added(rule: str, type_: str, inputs: dict[str, Any], path: str, **change: Any) -> Flip:
    """A resource as somebody may write it, good but for the change; `path` decides."""
    paths = {key.replace("__", "."): value for key, value in change.items()}
    return Flip(rule, "service", type_, "it", paths, unknown=path, added=made(type_, "it", inputs))


def canary(type_: str, inputs: dict[str, Any], **change: Any) -> Flip:
    return added("release-by-parts", type_, inputs, next(iter(change)).replace("__", "."), **change)


KARPENTER: Final[dict[str, Any]] = {
    "spec": {
        "limits": {"nvidia.com/gpu": "4"},
        "template": {
            "spec": {
                "requirements": [{"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["g"]}]
            }
        },
    }
}
ROLLING: Final = json.dumps({"strategy": "rolling"})
CAREFUL: Final = json.dumps({"strategy": "canary", "steps": [{"weight": 10, "pause": 60}]})
FLIPS: Final = [
    Flip("model-image-built", "service", DEPLOYMENT, "digits", {f"{CONTAINER}.image": OTHER}),
    Flip("model-image-built", "service", BUILD, "digits", {"digest": "sha256:00", "reference": OTHER}),
    added("model-image-built", "aws:lambda/function:Function", {"packageType": "Image", "imageUri": IMAGE}, "imageUri",
          imageUri=OTHER),
    added("model-image-built", "aws:sagemaker/model:Model", {"primaryContainer": {"image": IMAGE}},
          "primaryContainer.image", primaryContainer__image=OTHER),
    added("model-image-built", "aws:ecs/taskDefinition:TaskDefinition",
          {"containerDefinitions": json.dumps([{"name": "model", "image": IMAGE}, {"name": "proxy", "image": "a"}])},
          "containerDefinitions", containerDefinitions=json.dumps([{"name": "model", "image": OTHER}])),
    added("model-image-built", "gcp:cloudrunv2/service:Service", {"template": {"containers": [{"image": IMAGE}]}},
          "template", template={"containers": [{"image": OTHER}]}),
    added("model-image-built", "pulumi-python:dynamic/modelport:ReleaseRecord", {"reference": IMAGE}, "reference",
          reference=OTHER),
    Flip("model-image-built", "service", DEPLOYMENT, "digits",
         {"spec.template.spec.containers": [{"name": "a", "image": OTHER}, {"name": "b", "image": IMAGE}]}),
    Flip("model-drop-bounded", "service", BUILD, "digits", {"recipe": recipe(max_drop=0.2)}),
    Flip("model-drop-bounded", "service", BUILD, "digits", {"recipe": recipe(max_drop=None)}),
    Flip("model-drop-bounded", "service", BUILD, "digits", {"recipe": recipe(max_drop=float("nan"))}),
    Flip("model-image-signed", "service", BUILD, "digits", {"signed_by": GONE}, unknown="signed_by"),
    Flip("model-image-signed", "service", BUILD, "digits", {"signed_by": ""}),
    Flip("model-image-attested", "service", BUILD, "digits", {"sbom": ""}),
    Flip("model-image-attested", "service", BUILD, "digits", {"signature": ""}),
    canary(RELEASE, {"strategy": CAREFUL}, strategy=ROLLING),
    canary("pulumi-python:dynamic/modelport:CloudRunTraffic", {"stages": "[[10, 60], [100, 0]]"}, stages="[[100, 0]]"),
    canary(RELEASE, {"strategy": CAREFUL}, strategy=json.dumps({"strategy": "canary", "steps": [{"weight": 100}]})),
    canary("pulumi-python:dynamic/modelport:ComputeRollout", {"stages": "[[10, 60]]"}, stages="[[100, 0]]"),
    canary("pulumi-python:dynamic/modelport:VertexDeployment", {"stages": "[[10, 60]]"}, stages="[[100, 0]]"),
    canary("pulumi-python:dynamic/modelport:InstanceRefresh",
           {"preferences": json.dumps({"CheckpointPercentages": [25]})},
           preferences=json.dumps({"CheckpointPercentages": [100]})),
    canary("pulumi-python:dynamic/modelport:InstanceRefresh",
           {"preferences": json.dumps({"CheckpointPercentages": [25]})}, preferences="{}"),
    canary("aws:ecs/service:Service",
           {"loadBalancers": [{}], "deploymentConfiguration": {"strategy": "CANARY"}},
           deploymentConfiguration__strategy="ROLLING"),
    canary("aws:codedeploy/deploymentGroup:DeploymentGroup",
           {"deploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent5Minutes"},
           deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce"),
    canary("aws:sagemaker/endpoint:Endpoint",
           {"deploymentConfig": {"blueGreenUpdatePolicy": {"trafficRoutingConfiguration": {"type": "CANARY"}}}},
           deploymentConfig__blueGreenUpdatePolicy__trafficRoutingConfiguration__type="ALL_AT_ONCE"),
    canary("kubernetes:argoproj.io/v1alpha1:Rollout", {"spec": {"strategy": {"canary": {}}}}, spec__strategy={}),
    Flip("replicas-said-once", "scaled", DEPLOYMENT, "digits", {"spec.replicas": 3}, unknown=None),
    Flip("replicas-said-once", "routed", DEPLOYMENT, "digits", {"spec.replicas": 3}, unknown=None),
    Flip("pool-size-said-once", "service", "aws:eks/nodeGroup:NodeGroup", "it",
         {"scalingConfig.maxSize": 3}, unknown="scalingConfig.maxSize",
         added=made("aws:eks/nodeGroup:NodeGroup", "it",
                    {"scalingConfig": {"desiredSize": 2, "minSize": 2, "maxSize": 2}})),
    Flip("pool-size-said-once", "service", "gcp:container/nodePool:NodePool", "it",
         {"autoscaling": {"maxNodeCount": 3}}, unknown=None,
         added=made("gcp:container/nodePool:NodePool", "it", {"nodeCount": 2})),
    Flip("function-url-authenticated", "aws function", "aws:lambda/functionUrl:FunctionUrl", "digits",
         {"authorizationType": "NONE"}),
    Flip("api-method-authenticated", "aws api", "aws:apigateway/method:Method", "digits",
         {"apiKeyRequired": False}),
    added("cloud-run-authenticated", "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
          {"name": "digits", "role": "roles/run.invoker", "member": "serviceAccount:a"}, "member", member="allUsers"),
    Flip("backend-authenticated", "gcp load-balancer.load-balancer", "gcp:compute/securityPolicy:SecurityPolicy",
         "edge", {"rules": [{"action": "allow", "match": {"config": {"srcIpRanges": ["*"]}}}]}, breaks=("edge-nodes",)),
    Flip("route-authenticated", "routed", DEPLOYMENT, "digits", {f"{CONTAINER}.env": []}, breaks=("route", "digits")),
    Flip("gpu-pod-complete", "service", DEPLOYMENT, "digits",
         {f"{CONTAINER}.resources": {"limits": {"nvidia.com/gpu": "1"}}}),
    Flip("gpu-pod-complete", "service", DEPLOYMENT, "digits",
         {**GPU, f"{CONTAINER}.resources": {"requests": {"nvidia.com/gpu": "1"}}}),
    Flip("gpu-pod-complete", "service", DEPLOYMENT, "digits",
         {"spec.template.spec.nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"}}),
    added("gpu-pool-bounded", "kubernetes:karpenter.sh/v1:NodePool", KARPENTER, "spec.limits", spec__limits={}),
    added("gpu-pool-bounded", "aws:eks/nodeGroup:NodeGroup",
          {"instanceTypes": ["g6.xlarge"], "scalingConfig": {"maxSize": 4, "minSize": 0}}, "scalingConfig.maxSize",
          scalingConfig__maxSize=17),
    added("gpu-pool-bounded", "gcp:container/nodePool:NodePool",
          {"nodeConfig": {"machineType": "g2-standard-8"}, "autoscaling": {"maxNodeCount": 4}},
          "autoscaling.maxNodeCount", autoscaling__maxNodeCount=GONE),
    added("gpu-pool-bounded", "aws:autoscaling/group:Group",
          {"maxSize": 4, "mixedInstancesPolicy": {"launchTemplate": {"overrides": [{"instanceType": "p5.48xlarge"}]}}},
          "maxSize", maxSize=40),
    added("gpu-pool-to-zero", "aws:eks/nodeGroup:NodeGroup",
          {"instanceTypes": ["g6.xlarge"], "scalingConfig": {"maxSize": 4, "minSize": 0}}, "scalingConfig.minSize",
          scalingConfig__minSize=1),
    added("gpu-pool-to-zero", "gcp:container/nodePool:NodePool",
          {"nodeConfig": {"guestAccelerators": [{"type": "nvidia-l4"}]}, "autoscaling": {"totalMaxNodeCount": 4}},
          "autoscaling.totalMinNodeCount", autoscaling__totalMinNodeCount=1),
    added("cluster-not-replaced", "aws:eks/cluster:Cluster", {"deletionProtection": True}, "deletionProtection",
          deletionProtection=GONE),
    added("cluster-not-replaced", "gcp:container/cluster:Cluster", {}, "deletionProtection", deletionProtection=False),
    added("cluster-not-replaced", "aws:rds/instance:Instance", {"deletionProtection": True}, "deletionProtection",
          deletionProtection=False),
]  # fmt: skip


def tags(flip: Flip) -> dict[str, str]:
    return PRODUCTION if flip.rule in ("release-by-parts", "model-image-signed") else {}


def good(flip: Flip) -> list[Planned]:
    """The plan before the change, with the resource that somebody else wrote."""
    resources = [*planned(flip.plan)]
    return resources if flip.added is None else [*resources, flip.added]


def names(verdicts: list[Verdict]) -> set[str]:
    return {each.resource for each in verdicts}


APART: Final = {"pool-not-replaced", "cost-ceiling", "load-balancer-authenticated"}
"""Flipped by tests of their own."""


def test_every_rule_is_flipped() -> None:
    assert [name for name in RULES if name not in {flip.rule for flip in FLIPS} | APART] == []


TABLE: Final = [flip for flip in FLIPS if flip.rule not in APART]


@pytest.mark.parametrize("flip", TABLE, ids=str)
def test_what_is_right_keeps_the_rule_and_is_concerned_by_it(flip: Flip) -> None:
    rule, resources = RULES[flip.rule], good(flip)
    verdicts = kept(rule, resources, tags=tags(flip))
    assert (verdicts.wrong, verdicts.late) == ([], [])
    assert not isinstance(rule, Rule) or found(resources, dataclasses.replace(flip, added=None)) in concerned(
        rule, resources
    )


@pytest.mark.parametrize("flip", TABLE, ids=str)
def test_a_change_breaks_the_rule_by_that_resource_alone(flip: Flip) -> None:
    verdicts = broken(RULES[flip.rule], planned(flip.plan), flip, tags=tags(flip))
    expected = set(flip.breaks) or {flip.name}
    assert names(verdicts.wrong) == expected, verdicts


@pytest.mark.parametrize("flip", [flip for flip in TABLE if flip.unknown is not None], ids=str)
def test_what_decides_and_is_not_known_yet_is_told_and_not_passed(flip: Flip) -> None:
    path = flip.unknown or next(iter(flip.change))
    unsure = dataclasses.replace(flip, change={**flip.change, path: UNKNOWN})
    verdicts = broken(RULES[flip.rule], planned(flip.plan), unsure, tags=tags(flip))
    assert verdicts.wrong == []
    assert verdicts.late != []


# -- what is right, in words of settings, tags and exceptions ----------------------------------------------------------


def after(flip: Flip, **how: Any) -> Verdicts:
    return broken(RULES[flip.rule], planned(flip.plan), flip, **how)


def test_what_another_stack_built_is_named_in_a_setting() -> None:
    flip = FLIPS[0]
    config = {flip.rule: {"built_elsewhere": ["registry.example.com/models/*"]}}
    assert after(flip, config=config).wrong == []


def test_what_a_release_promoted_before_may_run_again() -> None:
    history = made(RELEASE, "digits", {"history": [{"digest": OTHER.partition("@")[2]}]})
    resources = [*changed(planned("service"), FLIPS[0]), history]
    assert kept(RULES["model-image-built"], resources).wrong == []


def test_a_stack_that_builds_nothing_is_told_so() -> None:
    resources = [each for each in planned("service") if each.type != BUILD]
    (verdict,) = kept(RULES["model-image-built"], resources).wrong
    assert "nothing in this stack builds a model" in verdict.text


def test_a_build_that_is_yet_to_be_made_is_not_known() -> None:
    resources = [
        dataclasses.replace(each, inputs={"recipe": "{}"}) if each.type == BUILD else each
        for each in planned("service")
    ]
    verdicts = kept(RULES["model-image-built"], resources)
    assert (verdicts.wrong, [each.rule for each in verdicts.late]) == ([], ["model-image-built"])


def test_an_image_that_no_key_is_named_for_need_not_be_signed() -> None:
    unsigned = Flip("model-image-attested", "service", BUILD, "digits", {"signed_by": GONE, "signature": ""})
    assert after(unsigned).wrong == []


def test_out_of_production_nobody_needs_to_sign() -> None:
    assert after(Flip("model-image-signed", "service", BUILD, "digits", {"signed_by": GONE})).wrong == []


def test_what_is_attached_is_known_when_the_image_is_built() -> None:
    unbuilt = Flip("model-image-attested", "service", BUILD, "digits", {"sbom": GONE, "signature": GONE})
    verdicts = after(unbuilt)
    assert (verdicts.wrong, [each.rule for each in verdicts.late]) == ([], ["model-image-attested"])


def test_what_does_not_answer_for_a_model_may_run_anything() -> None:
    image = {f"{CONTAINER}.image": OTHER, "spec.template.metadata.labels": {"app.kubernetes.io/name": "digits"}}
    assert after(Flip("model-image-built", "service", DEPLOYMENT, "digits", image)).wrong == []


@pytest.mark.parametrize(
    ("tags", "urn", "drop", "wrong"),
    [
        ({}, "test", 0.05, False),
        ({}, "test", 0.051, True),
        ({}, "prod", 0.05, True),
        ({}, "shop-prod", 0.011, True),
        ({}, "prod-eu", 0.01, False),
        ({"environment": "production"}, "test", 0.05, True),
        ({"environment": "staging"}, "prod", 0.05, False),
    ],
)
def test_production_is_known_by_its_tag_or_by_the_stacks_name(
    tags: dict[str, str], urn: str, drop: float, wrong: bool
) -> None:
    build = Planned(BUILD, "digits", f"urn:pulumi:{urn}::shop::{BUILD}::digits", "", True,
                    {"recipe": recipe(max_drop=drop)}, {})  # fmt: skip
    assert bool(kept(RULES["model-drop-bounded"], [build], tags=tags).wrong) is wrong


def test_drops_and_names_of_production_are_settings() -> None:
    flip = Flip("model-drop-bounded", "service", BUILD, "digits", {"recipe": recipe(max_drop=0.2)})
    assert after(flip, config={flip.rule: {"max_drop": 0.2}}).wrong == []
    strict = {flip.rule: {"max_drop": 0.2, "production": ["te*"]}}
    assert after(flip, config=strict).wrong != []
    assert after(flip, config={flip.rule: {**strict[flip.rule], "max_drop_production": 0.2}}).wrong == []


@pytest.mark.parametrize("flip", [flip for flip in FLIPS if flip.rule == "release-by-parts"], ids=str)
def test_outside_of_production_a_version_may_come_at_once(flip: Flip) -> None:
    assert after(flip).wrong == []


def test_in_production_a_pool_may_keep_gpus() -> None:
    flip = next(flip for flip in FLIPS if flip.rule == "gpu-pool-to-zero")
    assert after(flip, tags=PRODUCTION).wrong == []


def test_the_most_nodes_of_a_pool_are_a_setting() -> None:
    flip = next(flip for flip in FLIPS if flip.rule == "gpu-pool-bounded" and "scalingConfig.maxSize" in flip.change)
    assert after(flip, config={flip.rule: {"most": 17}}).wrong == []


def test_a_pod_with_gpus_and_all_they_need_is_right() -> None:
    assert after(Flip("gpu-pod-complete", "service", DEPLOYMENT, "digits", GPU)).wrong == []
    selected = {**GPU, "spec.template.spec.nodeSelector": {"nvidia.com/gpu.present": "true"}}
    assert after(Flip("gpu-pod-complete", "service", DEPLOYMENT, "digits", selected)).wrong == []


def test_a_program_may_say_a_number_that_it_ignores() -> None:
    flip = next(flip for flip in FLIPS if flip.rule == "replicas-said-once")
    resources = [
        dataclasses.replace(each, request={"ignoreChanges": ["spec.replicas"]}) if each.type == DEPLOYMENT else each
        for each in changed(planned(flip.plan), flip)
    ]
    assert kept(RULES[flip.rule], resources).wrong == []


@pytest.mark.parametrize(("manager", "wrong"), [("pulumi-kubernetes-1234", True), ("kube-controller-manager", False)])
def test_in_an_update_only_the_programs_own_number_counts(manager: str, wrong: bool) -> None:
    """The API server fills in `replicas` where nobody says how many."""
    fields: list[Any] = [{"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    change: dict[str, Any] = {"spec.replicas": 1, "metadata.managedFields": fields}
    assert bool(after(Flip("replicas-said-once", "scaled", DEPLOYMENT, "digits", change)).wrong) is wrong


@pytest.mark.parametrize(
    ("type_", "own", "scaler", "inputs"),
    [
        ("aws:ecs/service:Service", {"name": "it", "desiredCount": 2}, "aws:appautoscaling/target:Target",
         {"serviceNamespace": "ecs", "resourceId": "service/models/it"}),
        ("aws:autoscaling/group:Group", {"name": "it", "desiredCapacity": 2}, "aws:autoscaling/policy:Policy",
         {"autoscalingGroupName": "it"}),
    ],
)  # fmt: skip
def test_a_number_beside_a_scaler_of_aws_is_ignored(
    type_: str, own: dict[str, Any], scaler: str, inputs: dict[str, Any]
) -> None:
    rule, one = RULES["replicas-said-once"], made(type_, "it", own)
    assert kept(rule, [one]).wrong == []
    assert names(kept(rule, [one, made(scaler, "scaler", inputs)]).wrong) == {"it"}
    late = made(scaler, "scaler", {**inputs, "resourceId": UNKNOWN, "autoscalingGroupName": UNKNOWN})
    assert kept(rule, [one, late]).late != []
    ignoring = dataclasses.replace(one, request={"ignoreChanges": ["desiredCount", "desiredCapacity"]})
    assert kept(rule, [ignoring, made(scaler, "scaler", inputs)]).wrong == []


# -- who may ask -------------------------------------------------------------------------------------------------------

WORLD = made(
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "world",
    {"cidrIpv4": "0.0.0.0/0", "securityGroupId": "a"},
)


LOGIN = made(
    "aws:lb/listener:Listener",
    "in",
    {"loadBalancerArn": "arn:front", "defaultActions": [{"type": "authenticate-oidc"}, {"type": "forward"}]},
)


def balancer(**inputs: Any) -> Planned:
    return made("aws:lb/loadBalancer:LoadBalancer", "front", {"securityGroups": ["a"], "arn": "arn:front", **inputs})


@pytest.mark.parametrize(
    ("resources", "wrong"),
    [
        ([balancer(), WORLD], True),
        ([balancer(internal=True), WORLD], False),
        ([balancer(securityGroups=["b"]), WORLD], False),
        ([balancer()], False),
        ([balancer(), WORLD, LOGIN], False),
        ([balancer(), WORLD, *planned("service")], False),
    ],
)  # fmt: skip
def test_a_load_balancer_of_aws_is_open_where_nothing_asks(resources: list[Planned], wrong: bool) -> None:
    assert (names(kept(RULES["load-balancer-authenticated"], resources).wrong) == {"front"}) is wrong


def test_groups_of_a_load_balancer_that_are_not_known_are_told() -> None:
    verdicts = kept(RULES["load-balancer-authenticated"], [balancer(securityGroups=UNKNOWN), WORLD])
    assert (verdicts.wrong, len(verdicts.late)) == ([], 1)


@pytest.mark.parametrize(
    ("inputs", "others", "wrong"),
    [
        ({}, [], True),
        ({"iap": {"enabled": True}}, [], False),
        ({"loadBalancingScheme": "INTERNAL_MANAGED"}, [], False),
        ({"securityPolicy": "somebody's"}, [], False),
        ({}, [*planned("service")], False),
    ],
)
def test_a_backend_of_google_is_open_where_nothing_asks(inputs: Any, others: list[Planned], wrong: bool) -> None:
    backend = made("gcp:compute/backendService:BackendService", "back", inputs)
    assert bool(kept(RULES["backend-authenticated"], [backend, *others]).wrong) is wrong


def test_a_service_of_cloud_run_behind_a_load_balancer_is_judged_there() -> None:
    kind = "gcp:cloudrunv2/service:Service"
    inside = made(kind, "digits", {"name": "digits", "ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"})
    anybody = made(
        "gcp:cloudrunv2/serviceIamMember:ServiceIamMember", "all",
        {"name": "digits", "role": "roles/run.invoker", "member": "allUsers"},
    )  # fmt: skip
    group = made("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", "group", {"cloudRun": {}})
    backend = made("gcp:compute/backendService:BackendService", "back", {})
    assert kept(RULES["cloud-run-authenticated"], [inside, anybody]).wrong == []
    assert kept(RULES["backend-authenticated"], [inside, group, backend]).wrong == []
    assert names(kept(RULES["backend-authenticated"], [inside, anybody, group, backend]).wrong) == {"back"}
    disabled = made(kind, "digits", {"invokerIamDisabled": True})
    assert names(kept(RULES["cloud-run-authenticated"], [disabled]).wrong) == {"digits"}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, False),
        ({"spec.type": "LoadBalancer"}, True),
        ({"spec.type": "LoadBalancer", "spec.loadBalancerSourceRanges": ["10.0.0.0/8"]}, False),
        ({"spec.type": "LoadBalancer", "metadata.annotations": {"networking.gke.io/load-balancer-type": "Internal"}},
         False),
    ],
)  # fmt: skip
def test_a_service_at_a_load_balancer_leads_to_keys(change: dict[str, Any], wrong: bool) -> None:
    open_pods = changed(planned("service"), Flip("", "", DEPLOYMENT, "digits", {f"{CONTAINER}.env": []}))
    flip = Flip("route-authenticated", "", "kubernetes:core/v1:Service", "digits", change)
    resources = changed(open_pods, flip) if change else open_pods
    assert (names(kept(RULES[flip.rule], resources).wrong) == {"digits"}) is wrong


def test_an_ingress_leads_to_keys() -> None:
    rules = [{"http": {"paths": [{"backend": {"service": {"name": "digits"}}}]}}]
    about = {"name": "in", "namespace": "models"}
    way = made("kubernetes:networking.k8s.io/v1:Ingress", "in", {"metadata": about, "spec": {"rules": rules}})
    resources = [*planned("service"), way]
    assert kept(RULES["route-authenticated"], resources).wrong == []
    open_pods = changed(resources, Flip("", "", DEPLOYMENT, "digits", {f"{CONTAINER}.env": []}))
    assert names(kept(RULES["route-authenticated"], open_pods).wrong) == {"in"}


# -- what stays, and what it costs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "wrong"), [("it", False), ("a, it", False), ("i*", False), ("*::it", False), ("other", True), ("", True)]
)
@pytest.mark.parametrize("rule", ["cluster-not-replaced", "pool-not-replaced"])
def test_a_stacks_tag_lets_what_it_names_be_replaced(rule: str, named: str, wrong: bool) -> None:
    cluster = made("aws:eks/cluster:Cluster", "it", {})
    pool = made("aws:eks/nodeGroup:NodeGroup", "it", {})
    verdicts = judged([cluster, pool], rules=[RULES[rule]], tags={"modelport:replace": named})
    assert bool(verdicts.wrong) is wrong


@pytest.mark.parametrize("rule", ["cluster-not-replaced", "pool-not-replaced"])
def test_what_pulumi_protects_is_kept(rule: str) -> None:
    one = dataclasses.replace(made("aws:eks/cluster:Cluster", "it", {}), request={"protect": True})
    other = dataclasses.replace(made("aws:eks/nodeGroup:NodeGroup", "it", {}), request={"protect": True})
    assert kept(RULES[rule], [one, other]).wrong == []


def test_what_it_runs_is_told_without_the_registry() -> None:
    """A stack may keep where it pushes secret."""
    (verdict,) = after(FLIPS[0]).wrong
    shown = OTHER.rpartition("/")[2]
    assert verdict.text.startswith(f"it runs {shown}, which no ModelImage of this stack made, expected its reference; ")
    assert "registry.example.com" not in verdict.text


def test_a_thousand_services_are_judged_one_beside_another() -> None:
    """Each looks at what stands in its own namespace, and all are looked through once."""
    few = [each for each in planned("scaled") if each.type.startswith("kubernetes:")]
    many = [
        dataclasses.replace(each, inputs=_moved(each.inputs, f"space-{number}"))
        for number in range(1000)
        for each in few
    ]
    rules = [RULES["replicas-said-once"], RULES["route-authenticated"]]
    assert judged(many, rules=rules) == Verdicts()


def _moved(inputs: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**inputs, "metadata": {**inputs.get("metadata", {}), "namespace": namespace}}


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "3"])
def test_what_is_no_json_ends_no_preview(text: str) -> None:
    tasks = made("aws:ecs/taskDefinition:TaskDefinition", "tasks", {"containerDefinitions": text or None})
    build = made(BUILD, "digits", {"recipe": text, "digest": DIGEST})
    assert judged([tasks, build], rules=[RULES["model-image-built"]]).late == []
    assert names(judged([build], rules=[RULES["model-drop-bounded"]]).wrong) == {"digits"}
