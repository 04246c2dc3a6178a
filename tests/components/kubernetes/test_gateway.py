"""What a gateway, API keys and a tenant are made of; the engine is a stand-in. Every manifest passes every check."""

import base64
import hashlib
import json
import pickle
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.kubernetes.api_keys import ApiKeyProvider, ApiKeys
from components.kubernetes.load_balancer import GatewayKind, IssuerKind, ModelGateway, ModelGatewayArgs
from components.kubernetes.service import AT_ONCE
from components.kubernetes.tenant import Tenant
from components.kubernetes.watched import WatchedProvider
from tests.cluster.shared import Cluster
from tests.components.kubernetes import checking

HOST = "digits.example.com"
GATEWAY_API = ("sigs.k8s.io/gateway-api", "v1.6.0", "config/crd/standard/*.yaml")
CERT_MANAGER = ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/*.yaml")


def args(**changed: Any) -> ModelGatewayArgs:
    base: Any = {"namespace": "shop", "service": "digits", "hostname": HOST, "class_name": "models", **changed}
    return base  # type: ignore[no-any-return]


def gateway(**changed: Any) -> Callable[[], object]:
    return lambda: ModelGateway("digits", args(**changed))


INGRESS = gateway(kind=GatewayKind.INGRESS, issuer="letsencrypt", annotations={"example.com/redirect": "true"})
TENANTS = gateway(issuer="ours", issuer_kind=IssuerKind.ISSUER, tenants={"red": "red.example.com"})


def keys(**changed: Any) -> Callable[[], object]:
    base: Any = {"namespace": "shop", "service": "digits", **changed}
    return lambda: ApiKeys("digits", base)


def tenant(**changed: Any) -> Callable[[], object]:
    routed = {"hostname": "red.example.com", "gateway": "digits", "gateway_namespace": "shop"}
    base: Any = {"service": "red", **routed, **changed}
    return lambda: Tenant("red", base)


def manifests(program: Callable[[], object]) -> dict[str, Any]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in checking.rendered(program)}


def children(program: Callable[[], object]) -> list[str]:
    return sorted(f"{each.typ} {each.name}" for each in checking.registered(program))


def test_names_of_the_children_of_a_gateway() -> None:
    """They are part of every stack's state: a renamed child is a replaced resource."""
    assert children(gateway()) == [
        "kubernetes:cert-manager.io/v1:Certificate digits",
        "kubernetes:cert-manager.io/v1:Certificate digits-ca",
        "kubernetes:cert-manager.io/v1:Issuer digits-ca-issuer",
        "kubernetes:cert-manager.io/v1:Issuer digits-self-signed",
        "kubernetes:gateway.networking.k8s.io/v1:Gateway digits",
        "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute digits",
        "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute digits-redirect",
        "modelport:index:ModelGateway digits",
        "pulumi-python:dynamic/modelport:IssuedSecret digits-ca",
        "pulumi-python:dynamic/modelport:IssuedSecret digits-tls",
        "pulumi-python:dynamic/modelport:Watched digits",
        "pulumi-python:dynamic/modelport:Watched digits-certificate",
    ]
    assert children(INGRESS) == [
        "kubernetes:cert-manager.io/v1:Certificate digits",
        "kubernetes:networking.k8s.io/v1:Ingress digits",
        "modelport:index:ModelGateway digits",
        "pulumi-python:dynamic/modelport:IssuedSecret digits-tls",
        "pulumi-python:dynamic/modelport:Watched digits",
        "pulumi-python:dynamic/modelport:Watched digits-certificate",
    ]


def test_names_of_the_children_of_keys_and_tenants() -> None:
    assert children(keys(generated=["shop", "desk"], given={"old": "k" * 20})) == [
        "kubernetes:core/v1:Secret digits",
        "modelport:index:ApiKeys digits",
        "pulumi-python:dynamic/modelport:ApiKey digits-desk",
        "pulumi-python:dynamic/modelport:ApiKey digits-shop",
    ]
    assert children(tenant()) == [
        "kubernetes:core/v1:LimitRange red",
        "kubernetes:core/v1:Namespace red",
        "kubernetes:core/v1:ResourceQuota red",
        "kubernetes:core/v1:Secret red",
        "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute red",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy red",
        "modelport:index:ApiKeys red",
        "modelport:index:ModelNamespace red",
        "modelport:index:Tenant red",
        "pulumi-python:dynamic/modelport:ApiKey red-default",
    ]


def test_tls_is_the_only_way_in() -> None:
    found = manifests(gateway())
    plain, secure = found["Gateway/digits"]["spec"]["listeners"]
    assert (plain["name"], plain["port"], plain["protocol"]) == ("http", 80, "HTTP")
    assert secure == {
        "name": "https",
        "hostname": HOST,
        "port": 443,
        "protocol": "HTTPS",
        "allowedRoutes": {"namespaces": {"from": "Same"}},
        "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": "digits-tls"}]},
    }
    away = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    assert found["HTTPRoute/digits-redirect"]["spec"] == {
        "parentRefs": [{"name": "digits", "sectionName": "http"}],
        "hostnames": [HOST],
        "rules": [{"filters": [away]}],
    }


def test_the_route_names_the_candidate_with_no_weight() -> None:
    route = manifests(gateway())["HTTPRoute/digits"]
    assert route["spec"] == {
        "parentRefs": [{"name": "digits", "sectionName": "https"}],
        "hostnames": [HOST],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
                "backendRefs": [
                    {"name": "digits", "port": 80, "weight": 100},
                    {"name": "digits-canary", "port": 80, "weight": 0},
                ],
            }
        ],
    }
    assert route["metadata"]["annotations"]["pulumi.com/patchForce"] == "true"


def test_a_certificate_is_signed_by_the_issuer_that_is_named() -> None:
    found = manifests(TENANTS)
    spec = found["Certificate/digits"]["spec"]
    assert spec["issuerRef"] == {"kind": "Issuer", "name": "ours", "group": "cert-manager.io"}
    assert (spec["dnsNames"], spec["secretName"]) == ([HOST, "red.example.com"], "digits-tls")
    assert not [name for name in found if name.startswith("Issuer/")]
    named = manifests(INGRESS)["Certificate/digits"]["spec"]["issuerRef"]
    assert named == {"kind": "ClusterIssuer", "name": "letsencrypt", "group": "cert-manager.io"}
    assert manifests(gateway())["Certificate/digits-ca"]["spec"]["isCA"] is True


def test_a_tenants_name_takes_routes_of_his_namespace_alone() -> None:
    *_, listener = manifests(TENANTS)["Gateway/digits"]["spec"]["listeners"]
    only = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "red"}}}
    assert (listener["name"], listener["hostname"]) == ("https-red", "red.example.com")
    assert listener["allowedRoutes"] == {"namespaces": only}
    route = manifests(tenant())["HTTPRoute/red"]
    assert route["metadata"]["namespace"] == "red"
    assert route["spec"]["parentRefs"] == [{"name": "digits", "namespace": "shop", "sectionName": "https-red"}]


def test_an_ingress_names_service_host_and_certificate() -> None:
    found = manifests(INGRESS)["Ingress/digits"]
    assert found["metadata"]["annotations"] == {"example.com/redirect": "true", **AT_ONCE}
    backend = {"service": {"name": "digits", "port": {"name": "http"}}}
    assert found["spec"] == {
        "ingressClassName": "models",
        "tls": [{"hosts": [HOST], "secretName": "digits-tls"}],
        "rules": [{"host": HOST, "http": {"paths": [{"path": "/v2", "pathType": "Prefix", "backend": backend}]}}],
    }


def test_tenants_behind_an_ingress_are_refused() -> None:
    with pytest.raises(ValueError, match="tenants is \\['red'\\] with an Ingress, expected the Gateway API"):
        checking.registered(gateway(kind=GatewayKind.INGRESS, tenants={"red": "red.example.com"}))


def test_outputs_of_a_gateway() -> None:
    known: dict[str, Any] = {}

    def program() -> None:
        made = ModelGateway("digits", args())
        outs = {key: getattr(made, key) for key in ("url", "hostname", "address", "gateway", "route", "tls_secret")}
        pulumi.Output.all(**outs).apply(known.update)

    checking.registered(program)
    assert known.pop("gateway")
    assert known == {
        "url": f"https://{HOST}",
        "hostname": HOST,
        "address": "",
        "route": "digits",
        "tls_secret": "digits-tls",
    }


def test_only_the_hash_of_a_key_goes_to_the_cluster() -> None:
    key = "a key from elsewhere"
    (secret,) = checking.rendered(keys(given={"shop": pulumi.Output.secret(f"{key}\n")}))
    assert secret["metadata"]["name"] == "digits-keys"
    assert secret["stringData"] == {"shop": hashlib.sha256(key.encode()).hexdigest()}


def test_a_key_is_made_once() -> None:
    provider = ApiKeyProvider()
    first, second = provider.create({"label": "a"}), provider.create({"label": "a"})
    assert first.outs is not None and second.outs is not None
    assert first.outs["key"] != second.outs["key"]
    assert len(first.outs["key"]) == 46 and first.outs["key"].startswith("mp_")
    assert first.outs["sha256"] == hashlib.sha256(first.outs["key"].encode()).hexdigest()
    assert provider.diff("id", first.outs, {"label": "b"}).changes is False


def test_the_provider_in_the_state_is_a_reference() -> None:
    found = next(each for each in checking.registered(keys(generated=["shop"])) if "ApiKey" in each.typ and each.inputs)
    pickled = base64.b64decode(found.inputs["__provider"])
    assert len(pickled) < 100 and b"components.kubernetes.api_keys" in pickled
    assert type(pickle.loads(pickled)) is ApiKeyProvider


def test_what_a_gateway_is_waited_for_with_changes_with_what_its_controllers_look_at() -> None:
    def waits(**changed: Any) -> dict[str, dict[str, Any]]:
        found = [each for each in checking.registered(gateway(**changed)) if each.typ.endswith(":Watched")]
        return {each.name: each.inputs for each in found}

    before, moved = waits(issuer="a"), waits(issuer="a", class_name="others", annotations={"a": "b"})
    assert type(pickle.loads(base64.b64decode(before["digits"].pop("__provider")))) is WatchedProvider
    assert {"kind": "gateways", "object": "digits", "namespace": "shop"}.items() <= before["digits"].items()
    assert {"kind": "certificates", "object": "digits"}.items() <= before["digits-certificate"].items()
    diff = WatchedProvider().diff
    assert diff("", before["digits"], waits(issuer="a")["digits"]).changes is False
    assert diff("", before["digits"], moved["digits"]).changes is True
    assert diff("", before["digits-certificate"], moved["digits-certificate"]).changes is False
    by_ingress = waits(issuer="a", kind=GatewayKind.INGRESS)
    assert diff("", before["digits"], by_ingress["digits"]).replaces == ["kind"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"generated": ["Shop"]}, "the API key is called 'Shop', expected lower-case letters, digits and hyphens"),
        (
            {"given": {"shop": "short"}},
            "the API key 'shop' has 5 characters, expected at least 16; let one be generated",
        ),
        (
            {"given": {"shop": "k" * 20}, "generated": ["shop"]},
            "the API key 'shop' is generated and given, expected one of them; rename one",
        ),
    ],
)
def test_a_mistake_in_keys_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match="API key") as caught:
        checking.registered(keys(**given))
    assert said in str(caught.value)


def test_half_a_route_of_a_tenant_is_refused() -> None:
    with pytest.raises(ValueError, match="tenant 'red' has a part of a route, expected hostname, gateway and"):
        checking.registered(lambda: Tenant("red", {"service": "red", "hostname": "red.example.com"}))


def all_manifests() -> list[checking.Manifest]:
    programs = (gateway(), TENANTS, INGRESS, keys(given={"shop": "k" * 20}), tenant(keys=[]))
    return [each for program in programs for each in checking.rendered(program)]


def test_every_manifest_passes_every_check() -> None:
    found = all_manifests()
    assert checking.violations(found, GATEWAY_API, CERT_MANAGER) == []
    assert checking.checkov(found) == []


def test_the_schemas_see_a_mistake() -> None:
    (route,) = [each for each in checking.rendered(gateway()) if each["metadata"]["name"] == "digits-redirect"]
    wrong = json.loads(json.dumps(route).replace('"scheme"', '"skeme"'))
    assert checking.violations([route], GATEWAY_API) == []
    assert "skeme" in "\n".join(checking.violations([wrong], GATEWAY_API))


def test_the_api_server_takes_them(cluster: Cluster) -> None:
    with cluster.addon("gateway"), cluster.addon("cert_manager"):
        found = [each for each in all_manifests() if each["kind"] != "Namespace"]
        assert checking.refused(cluster, found) == []
