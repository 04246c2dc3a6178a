"""No model answers to everybody: what leads in from the internet asks who calls."""

from collections.abc import Iterator
from typing import Any, Final

from pulumi_policy import Severity

from policies import gcp_armor
from policies.beside import beside, of
from policies.gcp_grants import INVOKERS, INVOKING, public
from policies.given import open_to_all, yes
from policies.kubernetes_beside import space
from policies.looking import Look
from policies.model_stack import all_model_pods, asks_for_keys, keyed
from policies.rules import Rule, StackRule, Whole

_INVOKERS: Final = (
    *INVOKERS,
    *(
        f"gcp:{module}/functionIam{kind}:FunctionIam{kind}"
        for module in ("cloudfunctions", "cloudfunctionsv2")
        for kind in ("Member", "Binding", "Policy")
    ),
)
_INVOKING: Final = (INVOKING, "roles/run.servicesInvoker", "roles/cloudfunctions.invoker")
_RUN_V1: Final = "gcp:cloudrun/service:Service"
_SERVICES: Final = ("gcp:cloudrunv2/service:Service", _RUN_V1)
_BACKENDS: Final = (
    "gcp:compute/backendService:BackendService",
    "gcp:compute/regionBackendService:RegionBackendService",
)
_EXTERNAL: Final = ("EXTERNAL", "EXTERNAL_MANAGED")
_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_OLD_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_SOURCES: Final = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
_BALANCERS: Final = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_LISTENERS: Final = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
_LISTENER_RULES: Final = ("aws:lb/listenerRule:ListenerRule", "aws:alb/listenerRule:ListenerRule")
_LOGIN: Final = ("authenticate-", "jwt-validation")
_INTERNAL: Final = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "Internal",
    "cloud.google.com/load-balancer-type": "Internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
_LEADING: Final = (
    "kubernetes:core/v1:Service",
    "kubernetes:networking.k8s.io/*:Ingress",
    "kubernetes:gateway.networking.k8s.io/*:HTTPRoute",
    "kubernetes:gateway.networking.k8s.io/*:GRPCRoute",
)


def _function_url(each: Look) -> Iterator[str]:
    kind = each.at("authorizationType")
    if kind != "AWS_IAM":
        yield f"authorizationType is {kind or 'not said'}, expected AWS_IAM"


def _method(each: Look) -> Iterator[str]:
    if each.type.endswith(":Api"):
        if each.told("target"):
            yield "target makes a route that asks nobody who calls, expected a Route with an authorizer"
        return
    version2 = each.type.startswith("aws:apigatewayv2/")
    kind = each.at("authorizationType" if version2 else "authorization", "NONE")
    if kind == "NONE" and each.at("apiKeyRequired") is not True and each.at("httpMethod") != "OPTIONS":
        yield "the method has neither an authorizer nor an API key, expected one of them"


def _invoked(whole: Whole, each: Look) -> Iterator[str]:
    if each.type in _SERVICES:
        if _unasked(each) and not _guarded(each):
            yield "who calls is not asked, as the check of invokers is off, expected callers to be asked who they are"
        return
    for role, member in public(each):
        name = str(each.at("name", each.at("service", each.at("cloudFunction")))).rpartition("/")[2]
        services = [one for one in whole.all(*_SERVICES) if one.at("name", one.name) == name]
        if role not in _INVOKING or not services or not all(map(_guarded, services)):
            yield f"{member} has {role} and may call, expected callers by name, or API keys that the server asks for"


def _unasked(service: Look) -> bool:
    """Whether Google's check of who calls is off."""
    if service.type == _RUN_V1:
        return yes(_annotated(service, "run.googleapis.com/invoker-iam-disabled"))
    return yes(service.at("invokerIamDisabled"))


def _annotated(service: Look, key: str) -> Any:
    """An annotation of a service of the first version; None without."""
    return service.keyed("metadata.annotations", key) if service.keys("metadata.annotations") else None


def _guarded(service: Look) -> bool:
    """Whether nobody comes in from outside but by a load balancer, which is judged itself, or the server has keys."""
    if str(service.at("ingress", "")).startswith("INGRESS_TRAFFIC_INTERNAL_"):
        return True
    if service.type == _RUN_V1 and str(_annotated(service, "run.googleapis.com/ingress")).startswith("internal"):
        return True
    path = "template.spec.containers" if service.type == _RUN_V1 else "template.containers"
    return any(asks_for_keys(one) for container in service.each(path) for one in container.each("envs"))


def _balancer(whole: Whole, each: Look) -> Iterator[str]:
    if each.at("internal") is True or _all_keyed(whole) or _authenticated(whole, each):
        return
    if each.at("loadBalancerType", "application") == "network" and not each.told("securityGroups"):
        yield "it has no security group, so the internet may call it, and nothing asks who calls, expected networks"
        return
    # What a program makes from another of its resources is told by that, before any id is known.
    for group in whole.all(_GROUP):
        if whole.refers(each, "securityGroups", group) and any(map(_open, group.each("ingress"))):
            yield f"the internet may call it by {group.name}, and nothing asks who calls, expected networks or API keys"
    wide = list(_wide(whole))
    if not wide:
        return  # no group of this stack lets the internet in
    groups = each.values("securityGroups")
    for rule, group_id in wide:
        if group_id in groups and not whole.refers(each, "securityGroups", rule):
            yield f"the internet may call it by {rule.name}, and nothing asks who calls, expected networks or API keys"


def _open(rule: Look) -> bool:
    """Whether a rule lets everybody in, in each of the ways of writing it."""
    return any(open_to_all(cidr) for path in _SOURCES for cidr in rule.values(path))


def _wide(whole: Whole) -> Iterator[tuple[Look, Any]]:
    """What lets everybody in, with the id of its group."""
    for each in whole.all(_INGRESS, _OLD_RULE):
        if (each.type != _OLD_RULE or each.at("type") == "ingress") and _open(each):
            yield each, each.at("securityGroupId")
    for group in whole.all(_GROUP):
        if any(map(_open, group.each("ingress"))) and (known := group.at("id")) is not None:
            yield group, known


def _made_for(whole: Whole, each: Look, path: str, of: Look) -> bool:
    """Whether the ARN that stands at a path is that of a resource."""
    if made := whole.references.get(each.urn, {}).get(path):
        return of.urn in made
    return each.told(path) and each.at(path) == of.at("arn")


def _authenticated(whole: Whole, balancer: Look) -> bool:
    """Whether its listeners have callers log in, on every way to what answers."""
    listeners = [one for one in whole.all(*_LISTENERS) if _made_for(whole, one, "loadBalancerArn", balancer)]
    ways = [list(one.each("defaultActions")) for one in listeners]
    for rule in whole.all(*_LISTENER_RULES):
        if any(_made_for(whole, rule, "listenerArn", one) for one in listeners):
            ways.append(list(rule.each("actions")))
    kinds = [[str(action.at("type", "")) for action in way] for way in ways]
    leading = [way for way in kinds if "forward" in way]
    return bool(leading) and all(any(kind.startswith(_LOGIN) for kind in way) for way in leading)


def _all_keyed(whole: Whole) -> bool:
    """Whether there are pods that answer for models, and each of them asks for a key."""
    found = [pod for _, pod in whole.once(all_model_pods)]
    return bool(found) and all(map(keyed, found))


def _backend(whole: Whole, each: Look) -> Iterator[str]:
    default = "EXTERNAL" if each.type == _BACKENDS[0] else "INTERNAL"
    if each.at("loadBalancingScheme", default) not in _EXTERNAL:
        return
    if yes(each.at("iap.enabled")) or _all_keyed(whole) or _run_asks(whole):
        return
    if not each.told("securityPolicy"):
        yield "the internet may call it, and nothing asks who calls, expected a securityPolicy, IAP or API keys"
        return
    for policy in gcp_armor.of(whole, each):
        if gcp_armor.open_to_everybody(whole, policy):
            yield f"{policy.name} lets everybody in, and nothing asks who calls, expected networks or API keys"


def _run_asks(whole: Whole) -> bool:
    """Whether what answers is Cloud Run alone, where Google asks who calls."""
    groups = whole.all("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup")
    services = whole.all(*_SERVICES)
    if not groups or not services or not all(each.told("cloudRun") for each in groups):
        return False
    if any(map(_unasked, services)):
        return False
    return not any(True for each in whole.all(*_INVOKERS) for _ in public(each))


def _leading(whole: Whole, each: Look) -> Iterator[str]:
    if each.type.endswith(":Service"):
        if each.at("spec.type", "ClusterIP") != "LoadBalancer" or _internal(each):
            return
        targets = [each]
    else:
        names = set(_leads_to(each))
        targets = [
            one
            for one in whole.all("kubernetes:core/v1:Service")
            if one.at("metadata.name") in names and space(one) == space(each)
        ]
    for target in targets:
        for owner, pod in whole.once(all_model_pods):
            if space(owner) == space(target) and _taken(target, pod) and not keyed(pod):
                yield f"it leads to the pods of {owner.name}, which ask for no API key, expected a Secret with keys"


def _taken(service: Look, pod: Look) -> bool:
    wanted = service.keys("spec.selector")
    return bool(wanted) and all(
        pod.keyed("metadata.labels", key) == service.keyed("spec.selector", key) for key in wanted
    )


def _internal(service: Look) -> bool:
    annotations = service.keys("metadata.annotations")
    if any(key in annotations and service.keyed("metadata.annotations", key) == _INTERNAL[key] for key in _INTERNAL):
        return True
    ranges = service.values("spec.loadBalancerSourceRanges")
    return bool(ranges) and not any(map(open_to_all, ranges))


def _leads_to(each: Look) -> Iterator[str]:
    """Names of the Services that a route leads to."""
    yield str(each.at("spec.defaultBackend.service.name", ""))
    for rule in each.each("spec.rules"):
        for path in rule.each("http.paths"):
            yield str(path.at("backend.service.name", ""))
        for backend in rule.each("backendRefs"):
            yield str(backend.at("name", ""))


RULES: Final = (
    Rule(
        name="function-url-authenticated",
        title="The address of a function asks who calls",
        why="Anybody may have it compute, at your cost",
        fix="write authorizationType: AWS_IAM, or put an API with keys in front",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_258",),
        links=("https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",),
        types=("aws:lambda/functionUrl:FunctionUrl",),
        look=_function_url,
    ),
    Rule(
        name="api-method-authenticated",
        title="Every method of an API asks who calls",
        why="Anybody may have the model compute, at your cost",
        fix="write apiKeyRequired: true, or an authorizer",
        severity=Severity.HIGH,
        ids=("CKV_AWS_59", "CKV_AWS_309"),
        links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html",),
        types=("aws:apigateway/method:Method", "aws:apigatewayv2/route:Route", "aws:apigatewayv2/api:Api"),
        look=_method,
    ),
    StackRule(
        name="cloud-run-authenticated",
        title="A service or function of Cloud Run asks who calls",
        why="Anybody may have it compute, at your cost",
        fix="name the callers as members of roles/run.invoker",
        severity=Severity.CRITICAL,
        ids=("CKV_GCP_102",),
        links=("https://cloud.google.com/run/docs/authenticating/overview",),
        **beside(of(*_INVOKERS, *_SERVICES), _invoked),
    ),
    StackRule(
        name="load-balancer-authenticated",
        title="What the internet reaches by a load balancer on AWS asks who calls",
        why="Anybody may have the model compute, at your cost",
        fix="name the networks that may call, or put API keys into the server or a login onto the listener",
        severity=Severity.HIGH,
        links=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html",),
        **beside(of(*_BALANCERS), _balancer),
    ),
    StackRule(
        name="backend-authenticated",
        title="What the internet reaches by a load balancer of Google Cloud asks who calls",
        why="Anybody may have the model compute, at your cost",
        fix="write a securityPolicy that names networks, or put API keys into the server or IAP in front",
        severity=Severity.HIGH,
        links=("https://cloud.google.com/armor/docs/security-policy-overview",),
        **beside(of(*_BACKENDS), _backend),
    ),
    StackRule(
        name="route-authenticated",
        title="What leads into a cluster leads to models that ask for API keys",
        why="Anybody who reaches the gateway may have the model compute, at your cost",
        fix="give the service keys: keys_secret of a ModelService",
        severity=Severity.HIGH,
        links=("https://gateway-api.sigs.k8s.io/concepts/security/",),
        **beside(of(*_LEADING), _leading),
    ),
)
