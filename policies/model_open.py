"""No model answers to everybody: what leads in from the internet asks who calls."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.beside import beside, of
from policies.kubernetes_beside import space
from policies.looking import Look
from policies.model_stack import all_model_pods, keyed
from policies.rules import Rule, StackRule, Whole

_EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")
_INVOKERS: Final = (
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
    "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding",
    "gcp:cloudrun/iamMember:IamMember",
    "gcp:cloudrun/iamBinding:IamBinding",
    "gcp:cloudfunctionsv2/functionIamMember:FunctionIamMember",
    "gcp:cloudfunctionsv2/functionIamBinding:FunctionIamBinding",
)
_INVOKING: Final = ("roles/run.invoker", "roles/cloudfunctions.invoker")
_SERVICES: Final = ("gcp:cloudrunv2/service:Service", "gcp:cloudrun/service:Service")
_EXTERNAL: Final = ("EXTERNAL", "EXTERNAL_MANAGED")
_WORLD: Final = ("0.0.0.0/0", "::/0")
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
)


def _function_url(each: Look) -> Iterator[str]:
    kind = each.at("authorizationType")
    if kind != "AWS_IAM":
        yield f"authorizationType is {kind or 'not said'}, expected AWS_IAM"


def _method(each: Look) -> Iterator[str]:
    version2 = each.type.startswith("aws:apigatewayv2/")
    kind = each.at("authorizationType" if version2 else "authorization", "NONE")
    if kind == "NONE" and each.at("apiKeyRequired") is not True and each.at("httpMethod") != "OPTIONS":
        yield "the method has neither an authorizer nor an API key, expected one of them"


def _invoked(whole: Whole, each: Look) -> Iterator[str]:
    if each.type in _SERVICES:
        if each.at("invokerIamDisabled") is True and not _guarded(each):
            yield "invokerIamDisabled is true, expected callers to be asked who they are"
        return
    if each.at("role") not in _INVOKING:
        return
    open_to = [one for one in (*each.values("member"), *each.values("members")) if one in _EVERYBODY]
    if not open_to:
        return
    name = each.at("name", each.at("service", each.at("cloudFunction")))
    services = [one for one in whole.all(*_SERVICES) if one.at("name", one.name) == name]
    if not services or not all(map(_guarded, services)):
        yield f"{open_to[0]} may call, expected callers by name, or API keys that the server asks for"


def _guarded(service: Look) -> bool:
    """Whether nobody comes in from outside but by a load balancer, which is judged itself, or the server has keys."""
    if str(service.at("ingress", "")).startswith("INGRESS_TRAFFIC_INTERNAL_"):
        return True
    return any(
        one.at("name") == "MODELPORT_API_KEYS"
        for container in service.each("template.containers")
        for one in container.each("envs")
    )


def _balancer(whole: Whole, each: Look) -> Iterator[str]:
    if each.at("internal") is True or _all_keyed(whole) or _authenticated(whole):
        return
    wide = list(_wide(whole))
    if not wide:
        return  # no group of this stack lets the internet in
    groups = each.values("securityGroups")
    for rule in wide:
        if rule.at("securityGroupId") in groups:
            yield f"the internet may call it by {rule.name}, and nothing asks who calls, expected networks or API keys"


def _wide(whole: Whole) -> Iterator[Look]:
    """The rules of this stack that let everybody in."""
    for each in whole.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        if each.at("cidrIpv4") in _WORLD or each.at("cidrIpv6") in _WORLD:
            yield each


def _authenticated(whole: Whole) -> bool:
    """Whether listeners of load balancers have callers log in."""
    for each in whole.all("aws:lb/listener:Listener", "aws:lb/listenerRule:ListenerRule"):
        for action in (*each.each("defaultActions"), *each.each("actions")):
            if str(action.at("type", "")).startswith(("authenticate-", "jwt-validation")):
                return True
    return False


def _all_keyed(whole: Whole) -> bool:
    """Whether there are pods that answer for models, and each of them asks for a key."""
    found = [pod for _, pod in whole.once(all_model_pods)]
    return bool(found) and all(map(keyed, found))


def _backend(whole: Whole, each: Look) -> Iterator[str]:
    if each.at("loadBalancingScheme", "EXTERNAL") not in _EXTERNAL:
        return
    if each.at("iap.enabled") is True or _all_keyed(whole) or _run_asks(whole):
        return
    if not each.told("securityPolicy"):
        yield "the internet may call it, and nothing asks who calls, expected a securityPolicy, IAP or API keys"
        return
    for policy in whole.all("gcp:compute/securityPolicy:SecurityPolicy"):
        for rule in policy.each("rules"):
            if rule.at("action") == "allow" and "*" in rule.values("match.config.srcIpRanges"):
                yield f"{policy.name} lets everybody in, and nothing asks who calls, expected networks or API keys"


def _run_asks(whole: Whole) -> bool:
    """Whether what answers is Cloud Run alone, where Google asks who calls."""
    groups = whole.all("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup")
    services = whole.all(*_SERVICES)
    if not groups or not services or not all(each.told("cloudRun") for each in groups):
        return False
    if any(each.at("invokerIamDisabled") is True for each in services):
        return False
    members = (one for each in whole.all(*_INVOKERS) for one in (*each.values("member"), *each.values("members")))
    return not any(one in _EVERYBODY for one in members)


def _leading(whole: Whole, each: Look) -> Iterator[str]:
    if each.type.endswith(":Service"):
        if each.at("spec.type", "ClusterIP") != "LoadBalancer" or _internal(each):
            return
        targets = [each]
    else:
        names = set(_backends(each))
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
    return bool(ranges) and not any(one in _WORLD for one in ranges)


def _backends(each: Look) -> Iterator[str]:
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
        types=("aws:apigateway/method:Method", "aws:apigatewayv2/route:Route"),
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
        **beside(of("aws:lb/loadBalancer:LoadBalancer"), _balancer),
    ),
    StackRule(
        name="backend-authenticated",
        title="What the internet reaches by a load balancer of Google Cloud asks who calls",
        why="Anybody may have the model compute, at your cost",
        fix="write a securityPolicy that names networks, or put API keys into the server or IAP in front",
        severity=Severity.HIGH,
        links=("https://cloud.google.com/armor/docs/security-policy-overview",),
        **beside(of("gcp:compute/backendService:BackendService"), _backend),
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
