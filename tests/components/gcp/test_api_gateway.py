"""An API before a service of Cloud Run, as it would be registered."""

import base64
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp.api_gateway import GcpApiGateway, GcpApiGatewayArgs
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
URL = "https://digits-1a2b3c4d5e-ez.a.run.app"
MANAGED = "shop-0a1b2c3d4e5f6.apigateway.shop-prod.cloud.goog"
HERE: GcpApiGatewayArgs = {
    "project": "shop-prod",
    "region": "europe-west1",
    "backend": {"url": URL, "service": "digits", "region": "europe-west4"},
    "keys": ["web", "batch"],
}
JWT: dict[str, Any] = {"issuer": "https://accounts.example.com", "audiences": ["models", "https://models.example.com"]}
CALLER = "gateway@shop-prod.iam.gserviceaccount.com"
API, CONFIG, GATEWAY, KEY, ENABLED, ACCOUNT, CALLS = (
    "gcp:apigateway/api:Api",
    "gcp:apigateway/apiConfig:ApiConfig",
    "gcp:apigateway/gateway:Gateway",
    "gcp:projects/apiKey:ApiKey",
    "gcp:projects/service:Service",
    "gcp:serviceaccount/account:Account",
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
)
TOLD: dict[str, Callable[[Planned], dict[str, Any]]] = {
    API: lambda _: {"managedService": MANAGED},
    ACCOUNT: lambda made: {"email": f"{made.name}@shop-prod.iam.gserviceaccount.com"},
    GATEWAY: lambda _: {"defaultHostname": "shop-4d5e6f.ew.gateway.dev"},
}


def _id(made: Planned) -> str:
    if made.type == CONFIG:
        return f"projects/shop-prod/locations/global/apis/shop/configs/{made.inputs['apiConfigId']}"
    return f"projects/shop-prod/locations/global/keys/{made.name}" if made.type == KEY else f"{made.name}-id"


def planned(preview: bool = False, without: str = "", **changes: Any) -> Plan:
    given: Any = {key: value for key, value in {**HERE, **changes}.items() if key not in without.split()}
    return plan(lambda: GcpApiGateway("shop", given), preview=preview, outputs=TOLD, ids=_id)


def document(found: Plan) -> dict[str, Any]:
    """What the gateway is told."""
    (given,) = found.one(CONFIG).inputs["openapiDocuments"]
    assert given["document"]["path"] == "openapi.json"
    told: dict[str, Any] = json.loads(base64.b64decode(given["document"]["contents"]))
    return told


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview).holds(SNAPSHOTS / "api_gateway.txt")


def test_what_is_made() -> None:
    found = planned()
    labels = {"modelport-component": "shop"}
    assert found.one(API).inputs == {
        "project": "shop-prod",
        "apiId": "shop",
        "displayName": "shop",
        "labels": labels,
    }
    config = found.one(CONFIG).inputs
    assert config["gatewayConfig"] == {
        "backendConfig": {"googleServiceAccount": "shop@shop-prod.iam.gserviceaccount.com"}
    }
    assert (config["api"], config["labels"]) == ("shop", labels)
    assert found.one(GATEWAY).inputs == {
        "project": "shop-prod",
        "region": "europe-west1",
        "gatewayId": "shop",
        "displayName": "shop",
        "apiConfig": f"projects/shop-prod/locations/global/apis/shop/configs/{config['apiConfigId']}",
        "labels": labels,
    }


def test_the_gateway_may_call_its_service_and_nothing_else_and_may_before_it_is_there() -> None:
    found = planned()
    assert found.one(CALLS).inputs == {
        "project": "shop-prod",
        "location": "europe-west4",
        "name": "digits",
        "role": "roles/run.invoker",
        "member": "serviceAccount:shop@shop-prod.iam.gserviceaccount.com",
    }
    assert found.one(CALLS).urn in found.one(GATEWAY).request["dependencies"]
    roles = [each.inputs["role"] for each in found.resources if "role" in each.inputs]
    assert roles == ["roles/run.invoker"]


def test_what_answers_is_asked_with_a_token_that_is_for_it() -> None:
    assert document(planned())["x-google-backend"] == {
        "address": URL,
        "jwt_audience": URL,
        "path_translation": "APPEND_PATH_TO_ADDRESS",
        "deadline": 60.0,
    }
    assert document(planned(timeout=300))["x-google-backend"]["deadline"] == 300.0


def test_whoever_calls_has_a_key() -> None:
    told = document(planned())
    assert told["securityDefinitions"] == {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}
    assert told["security"] == [{"api_key": []}]
    assert told["x-google-allow"] == "configured", "what is not named would be served to everybody"
    operations = [each for path in told["paths"].values() for key, each in path.items() if key != "parameters"]
    assert not any("security" in each for each in operations), "each has that of all"


def test_keys_are_for_this_api_alone_once_that_is_enabled() -> None:
    found = planned()
    assert found.one(ENABLED).inputs == {"project": "shop-prod", "service": MANAGED, "disableOnDestroy": True}
    assert found.one(CONFIG).urn in found.one(ENABLED).request["dependencies"]
    assert [each.name for each in found.all(KEY)] == ["shop-web", "shop-batch"]
    assert found.one(KEY, "shop-web").inputs == {
        "project": "shop-prod",
        "displayName": "web, for shop",
        "restrictions": {"apiTargets": [{"service": MANAGED}]},
    }
    assert found.one(ENABLED).urn in found.one(KEY, "shop-web").request["dependencies"]


def test_the_value_of_a_key_is_a_secret_of_the_state() -> None:
    assert planned().one(KEY, "shop-web").request["additionalSecretOutputs"] == ["keyString"]


def test_keys_ask_no_more_than_is_said() -> None:
    told = document(planned(per_minute=100))
    assert told["x-google-management"] == {
        "metrics": [{"name": "requests", "displayName": "Requests", "valueType": "INT64", "metricKind": "DELTA"}],
        "quota": {
            "limits": [
                {
                    "name": "requests-per-minute",
                    "metric": "requests",
                    "unit": "1/min/{project}",
                    "values": {"STANDARD": 100},
                }
            ]
        },
    }
    for path in told["paths"].values():
        for method in set(path) - {"parameters"}:
            assert path[method]["x-google-quota"] == {"metricCosts": {"requests": 1}}
    assert document(planned())["x-google-management"]["quota"]["limits"][0]["values"] == {"STANDARD": 6000}


def test_tokens_of_an_issuer_are_taken_instead_of_keys() -> None:
    found = planned(without="keys", jwt={**JWT, "keys_url": "https://accounts.example.com/keys"})
    told = document(found)
    assert told["securityDefinitions"]["jwt"] == {
        "type": "oauth2",
        "flow": "implicit",
        "authorizationUrl": "https://accounts.example.com",
        "x-google-issuer": "https://accounts.example.com",
        "x-google-audiences": "models,https://models.example.com",
        "x-google-jwks_uri": "https://accounts.example.com/keys",
    }
    assert told["security"] == [{"jwt": []}]
    assert not found.all(KEY) + found.all(ENABLED)
    assert "x-google-management" not in told, "Google counts by keys"


def test_with_keys_and_tokens_whoever_calls_has_both() -> None:
    told = document(planned(jwt=JWT))
    assert told["security"] == [{"api_key": [], "jwt": []}]
    assert "x-google-jwks_uri" not in told["securityDefinitions"]["jwt"]


def test_everybody_is_answered_where_that_is_said() -> None:
    told = document(planned(without="keys", anonymous=True))
    assert not {"security", "securityDefinitions"} & set(told)


def test_an_account_that_is_there_is_used_as_it_is() -> None:
    found = planned(service_account=CALLER)
    assert not found.all(ACCOUNT)
    assert found.one(CALLS).inputs["member"] == f"serviceAccount:{CALLER}"
    config = found.one(CONFIG).inputs
    assert config["gatewayConfig"]["backendConfig"]["googleServiceAccount"] == CALLER


@pytest.mark.parametrize(
    "changes",
    [
        {"timeout": 30},
        {"per_minute": 7},
        {"jwt": JWT},
        {"service_account": CALLER},
        {"backend": {**HERE["backend"], "url": URL.replace("digits", "words")}},
    ],
)
def test_another_config_has_another_name_as_none_can_be_changed(changes: dict[str, Any]) -> None:
    before, after = planned().one(CONFIG).inputs, planned(**changes).one(CONFIG).inputs
    assert before["apiConfigId"] != after["apiConfigId"]
    assert not planned(**changes).one(CONFIG).request.get("deleteBeforeReplace"), "the old one serves until then"


@pytest.mark.parametrize("changes", [{}, {"labels": {"team": "ml"}}, {"keys": ["web", "batch", "more"]}])
def test_a_config_that_says_the_same_has_the_same_name(changes: dict[str, Any]) -> None:
    assert planned(**changes).one(CONFIG).inputs["apiConfigId"] == planned().one(CONFIG).inputs["apiConfigId"]


def test_a_config_s_name_is_one() -> None:
    given: Any = HERE
    found = plan(lambda: GcpApiGateway("s" * 22, given), preview=False, outputs=TOLD, ids=_id)
    assert len(found.one(CONFIG).inputs["apiConfigId"]) == 31


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True)
    assert document(found)["x-google-backend"]["address"] == URL
    assert found.one(CONFIG).inputs["apiConfigId"] == UNKNOWN, "which account it is, is not known yet"
    given = planned(preview=True, service_account=CALLER)
    assert given.one(CONFIG).inputs["apiConfigId"] == planned(service_account=CALLER).one(CONFIG).inputs["apiConfigId"]


def test_what_a_service_is_called_may_be_its_whole_name_and_known_late() -> None:
    whole = "projects/shop-prod/locations/europe-west4/services/digits"
    backend = {**HERE["backend"], "service": pulumi.Output.from_input(whole), "url": pulumi.Output.from_input(URL)}
    found = planned(backend=backend)
    assert found.one(CALLS).inputs["name"] == "digits"
    assert document(found) == document(planned())


def test_outputs_and_labels() -> None:
    known: dict[str, Any] = {}

    def program() -> None:
        made = GcpApiGateway("shop", {**HERE, "labels": {"team": "ml"}})
        for each in ("url", "api_id", "gateway_id", "managed_service", "key_ids"):
            getattr(made, each).apply(partial(known.__setitem__, each))

    found = plan(program, preview=False, outputs=TOLD, ids=_id)
    assert known == {
        "url": "https://shop-4d5e6f.ew.gateway.dev",
        "api_id": "shop",
        "gateway_id": "shop",
        "managed_service": MANAGED,
        "key_ids": {
            "web": "projects/shop-prod/locations/global/keys/shop-web",
            "batch": "projects/shop-prod/locations/global/keys/shop-batch",
        },
    }
    labelled = [each.inputs["labels"] for each in found.resources if "labels" in each.inputs]
    assert labelled == [{"team": "ml", "modelport-component": "shop"}] * 3


BACKEND = HERE["backend"]
WHAT = "GcpApiGateway"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": "Shop"}, f"{WHAT}.project is 'Shop', expected the id of a project"),
        ({"region": "europe-west4"}, f"{WHAT}.region is 'europe-west4', expected a region that has gateways, which"),
        ({"region": 4}, f"{WHAT}.region is 4, expected a region that has gateways, which what answers need not be in; "
         "take of asia-northeast1, australia-southeast1, europe-west1"),
        ({"backend": {**BACKEND, "url": "http://digits.a.run.app"}}, f"{WHAT}.backend.url is 'http://digits.a.run.app'"
         ", expected the URL of a service, without a path"),
        ({"backend": {**BACKEND, "url": URL + "/v2"}}, f"{WHAT}.backend.url is '{URL}/v2', expected the URL of a"),
        ({"backend": {**BACKEND, "service": "Digits"}}, f"{WHAT}.backend.service is 'Digits', expected the name of"),
        ({"backend": {**BACKEND, "region": "mars"}}, f"{WHAT}.backend.region is 'mars', expected one of africa"),
        ({"backend": {"url": URL}}, f"{WHAT}.backend.service is missing"),
        ({"keys": []}, f"{WHAT}.keys is [], expected a name for each caller, as everybody could call; write [shop], "
         "or jwt, or anonymous: True for everybody"),
        ({"keys": "shop"}, f"{WHAT}.keys is 'shop', expected a list of names; write ['shop']"),
        ({"keys": ["Shop"]}, f"{WHAT}.keys[0] is 'Shop', expected 1 to 32 of a-z, 0-9 and -, a letter first"),
        ({"keys": ["a", "a"]}, f"{WHAT}.keys is ['a', 'a'], expected each name once; write ['a']"),
        ({"keys": [f"k{at}" for at in range(101)]}, f"{WHAT}.keys is '101 keys', expected at most 100"),
        ({"anonymous": True}, f"{WHAT}.anonymous is True, expected no keys beside it, as nobody would be asked"),
        ({"keys": [], "anonymous": True, "jwt": JWT}, f"{WHAT}.anonymous is True, expected no jwt beside it"),
        ({"keys": [], "jwt": JWT, "per_minute": 5}, f"{WHAT}.per_minute is 5, expected none without keys, by which"),
        ({"per_minute": 0}, f"{WHAT}.per_minute is 0, expected 1 to 6e+06 requests in a minute; write 1"),
        ({"per_minute": 2.5}, f"{WHAT}.per_minute is 2.5, expected a whole number; write 2"),
        ({"timeout": 0}, f"{WHAT}.timeout is 0, expected 1 to 3600 seconds; write 1"),
        ({"jwt": {**JWT, "audiences": []}}, f"{WHAT}.jwt.audiences is [], expected one at least, as a token that is "
         "for somebody else would be taken; write ['models']"),
        ({"jwt": {**JWT, "audiences": "models"}}, f"{WHAT}.jwt.audiences is 'models', expected a list of audiences"),
        ({"jwt": {**JWT, "audiences": ["a,b"]}}, f"{WHAT}.jwt.audiences[0] is 'a,b', expected an audience, without "
         "commas and spaces"),
        ({"jwt": {**JWT, "issuer": "accounts.example.com"}}, f"{WHAT}.jwt.issuer is 'accounts.example.com', expected "
         "an issuer as a URL of https"),
        ({"jwt": {**JWT, "keys_url": "http://a.example.com"}}, f"{WHAT}.jwt.keys_url is 'http://a.example.com', "
         "expected a URL of https"),
        ({"jwt": {"issuer": JWT["issuer"]}}, f"{WHAT}.jwt.audiences is missing"),
        ({"service_account": "gateway"}, f"{WHAT}.service_account is 'gateway', expected the address of a service"),
        ({"labels": {"Team": "x"}}, f"a key of {WHAT}.labels is 'Team'"),
        ({"domain": "models.example.com"}, f"{WHAT} has no argument 'domain'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**HERE, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GcpApiGateway("shop", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_name_that_leaves_no_room_for_its_account_is_refused() -> None:
    given: Any = HERE
    with pytest.raises(ArgsError, match="the name of GcpApiGateway is"):
        plan(lambda: GcpApiGateway("s" * 23, given))


def test_what_is_known_late_is_asked_then() -> None:
    late: Any = pulumi.Output.from_input("http://digits.a.run.app")
    with pytest.raises(ValueError, match=r"GcpApiGateway\.backend\.url is 'http://digits\.a\.run\.app'"):
        planned(backend={**BACKEND, "url": late})
