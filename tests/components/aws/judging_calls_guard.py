"""Which calls make what guards an account: budgets, secrets, and who may come in from elsewhere."""

from collections.abc import Mapping
from typing import Any, Final

from tests.components.aws.judging_call import Call, Made, Row


def _filters(given: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {each["name"]: each["values"] for each in given}


def _alerts(given: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    words = {"subscriberSnsTopicArns": "SNS", "subscriberEmailAddresses": "EMAIL"}
    return [
        {
            "Notification": {
                "NotificationType": each["notificationType"],
                "ComparisonOperator": each["comparisonOperator"],
                "Threshold": each["threshold"],
                "ThresholdType": each["thresholdType"],
            },
            "Subscribers": [
                {"SubscriptionType": kind, "Address": address}
                for word, kind in words.items()
                for address in each.get(word, [])
            ],
        }
        for each in given
    ]


GUARD: Final[dict[str, Row]] = {
    "aws:budgets/budget:Budget": Made(
        (
            Call(
                "budgets",
                "CreateBudget",
                takes={
                    "name": "Budget.BudgetName",
                    "budgetType": "Budget.BudgetType",
                    "timeUnit": "Budget.TimeUnit",
                    "limitAmount": "Budget.BudgetLimit.Amount",
                    "limitUnit": "Budget.BudgetLimit.Unit",
                    "costFilters": "Budget.CostFilters",
                    "costTypes": "Budget.CostTypes",
                    "notifications": "NotificationsWithSubscribers",
                    "tags": "ResourceTags",
                },
                told={"costFilters": _filters, "notifications": _alerts},
            ),
        ),
        gone=(Call("budgets", "DeleteBudget", fixed={"AccountId": "{accountId}", "BudgetName": "{name}"}),),
    ),
    "aws:budgets/budgetAction:BudgetAction": Made(
        (
            Call(
                "budgets",
                "CreateBudgetAction",
                takes={
                    "tags": "ResourceTags",
                },
                gives={"id": "ActionId"},
            ),
        ),
        gone=(
            Call(
                "budgets",
                "DeleteBudgetAction",
                fixed={"AccountId": "{accountId}", "BudgetName": "{budgetName}", "ActionId": "{id}"},
            ),
        ),
    ),
    "aws:secretsmanager/secret:Secret": Made(
        (Call("secretsmanager", "CreateSecret", gives={"id": "ARN", "arn": "ARN"}),),
        gone=(
            Call(
                "secretsmanager",
                "DeleteSecret",
                fixed={"SecretId": "{arn}", "ForceDeleteWithoutRecovery": True},
            ),
        ),
        apart=frozenset({"recoveryWindowInDays"}),
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": Made(
        (
            Call(
                "secretsmanager",
                "PutResourcePolicy",
                takes={"secretArn": "SecretId", "policy": "ResourcePolicy"},
            ),
        ),
        gone=(Call("secretsmanager", "DeleteResourcePolicy", fixed={"SecretId": "{secretArn}"}),),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Made(
        (Call("secretsmanager", "PutSecretValue"),),
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": Made(
        (Call("secretsmanager", "RotateSecret", takes={"rotationLambdaArn": "RotationLambdaARN"}),),
        gone=(Call("secretsmanager", "CancelRotateSecret", fixed={"SecretId": "{secretId}"}),),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Made(
        (
            Call(
                "iam",
                "CreateOpenIDConnectProvider",
                takes={"clientIdLists": "ClientIDList"},
                gives={"arn": "OpenIDConnectProviderArn", "id": "OpenIDConnectProviderArn"},
            ),
        ),
        gone=(Call("iam", "DeleteOpenIDConnectProvider", fixed={"OpenIDConnectProviderArn": "{arn}"}),),
    ),
}
