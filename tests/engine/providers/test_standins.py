"""The table of stand-ins is documented, and what is called computed is what the provider itself would say."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ProviderRefused
from engine.providers.iam_policy import policy_document
from engine.providers.standins import ask, entries, page

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_says_what_the_table_holds() -> None:
    assert (ROOT / "docs" / "stand-ins.md").read_text() == page(), "run python -m engine.providers.standins"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDKs warn of names of their own when imported
def test_every_answer_fits_the_sdk_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key of each answer is an output that the SDK's function knows."""
    pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
    pytest.importorskip("pulumi_gcp", reason="the SDK of Google Cloud is an extra (clouds)")
    import importlib
    import re

    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_PROJECT", "GOOGLE_REGION"):
        monkeypatch.delenv(name, raising=False)
    asked = {"default": True, "arn": "arn:aws:iam::1:role/x", "name": "/aws/service/eks/optimized-ami/1.33/x/image_id"}
    asked |= {"serviceName": "ec2", "filters": [{"name": "vpc-id", "values": ["vpc-00000000000000000"]}]}
    for token in entries():
        package, module, function = token.replace("/", ":").split(":")[0], *token.split(":")[1:]
        if package == "azure-native":
            continue
        folder, _, _ = module.partition("/")
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", function).lower()
        sdk = importlib.import_module(f"pulumi_{package}" + ("" if folder == "index" else f".{folder}"))
        answered = {**asked, "name": "us-east-1a"} if function == "getAvailabilityZone" else asked
        found = ask(token, {} if function == "getAvailabilityZones" else answered, {})
        assert found is not None, token
        result = importlib.import_module(f"{sdk.__name__}.{words}")
        known = set(vars(getattr(result, function[0].upper() + function[1:] + "Result")))
        keys = {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower() for key in found[0]} - {
            re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower() for key in asked
        }
        assert keys <= known, (token, keys - known)


def test_a_policy_document_is_written_as_the_provider_writes_it() -> None:
    """The first example of the data source's own documentation."""
    found = policy_document(
        {
            "statements": [
                {
                    "sid": "1",
                    "actions": ["s3:ListAllMyBuckets", "s3:GetBucketLocation"],
                    "resources": ["arn:aws:s3:::*"],
                },
                {
                    "actions": ["s3:ListBucket"],
                    "resources": ["arn:aws:s3:::mine"],
                    "conditions": [
                        {
                            "test": "StringLike",
                            "variable": "s3:prefix",
                            "values": ["", "home/", "home/&{aws:username}/"],
                        }
                    ],
                },
            ]
        }
    )
    assert found["json"] == (
        '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Sid": "1",\n      "Effect": "Allow",\n'
        '      "Action": [\n        "s3:ListAllMyBuckets",\n        "s3:GetBucketLocation"\n      ],\n'
        '      "Resource": "arn:aws:s3:::*"\n    },\n'
        '    {\n      "Effect": "Allow",\n      "Action": "s3:ListBucket",\n'
        '      "Resource": "arn:aws:s3:::mine",\n      "Condition": {\n        "StringLike": {\n'
        '          "s3:prefix": [\n            "",\n            "home/",\n            "home/${aws:username}/"\n'
        "          ]\n        }\n      }\n    }\n  ]\n}"
    )
    assert json.loads(found["minifiedJson"]) == json.loads(found["json"])


def statement(**more: Any) -> dict[str, Any]:
    return {"actions": ["s3:Get*"], "resources": ["*"], **more}


def test_documents_are_merged_by_the_ids_of_their_statements() -> None:
    source = policy_document({"statements": [statement(sid="a"), statement(sid="b")]})["json"]
    over = policy_document({"statements": [statement(sid="b", effect="Deny")]})["json"]
    own = [statement(sid="c"), statement()]
    asked = {"statements": own, "sourcePolicyDocuments": [source], "overridePolicyDocuments": [over]}
    found = json.loads(policy_document(asked)["json"])["Statement"]
    assert [(each.get("Sid"), each["Effect"]) for each in found] == [
        ("a", "Allow"),
        ("b", "Deny"),
        ("c", "Allow"),
        (None, "Allow"),
    ]


def test_principals_and_what_cannot_stand_together() -> None:
    def principals(*given: dict[str, Any]) -> Any:
        return json.loads(policy_document({"statements": [statement(principals=list(given))]})["json"])["Statement"][0]

    assert principals({"type": "*", "identifiers": ["*"]})["Principal"] == "*"
    assert principals({"type": "AWS", "identifiers": ["*"]})["Principal"] == {"AWS": "*"}
    with pytest.raises(ProviderRefused, match=r"duplicate Sid \(a\)"):
        policy_document({"statements": [statement(sid="a"), statement(sid="a")]})
    with pytest.raises(ProviderRefused, match="is no JSON"):
        policy_document({"sourcePolicyDocuments": ["{"]})


@pytest.mark.parametrize(
    ("config", "account"),
    [
        ({}, "123456789012"),
        ({"allowedAccountIds": '["111111111111"]'}, "111111111111"),
        ({"assumeRoles": [{"roleArn": "arn:aws:iam::222222222222:role/deploy"}]}, "222222222222"),
    ],
)
def test_the_account_is_the_one_that_the_provider_names(config: dict[str, Any], account: str) -> None:
    found = ask("aws:index/getCallerIdentity:getCallerIdentity", {}, config)
    assert found is not None
    assert found[0]["accountId"] == account


def test_what_nobody_can_know_stays_unknown() -> None:
    assert ask("aws:ec2/getVpc:getVpc", {"id": "vpc-1"}, {}) is None
    assert ask("aws:ssm/getParameter:getParameter", {"name": "/mine/password"}, {}) is None
    assert ask("acme:index:get", {}, {}) is None
