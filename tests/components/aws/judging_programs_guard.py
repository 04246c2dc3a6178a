"""What guards an account, as programs: budgets, secrets, and who may come in from elsewhere."""

from pulumi import Output

from components.aws.budget import AwsBudget
from components.aws.ecs_monitoring import EcsMonitoring
from components.aws.github import GithubOidcRole
from components.aws.gitlab import GitlabOidcRole
from components.aws.secrets import AwsSecrets
from tests.components.aws.judging import ACCOUNT, REGION


def budget() -> None:
    AwsBudget(
        "spend",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "monthly_usd": 500,
            "cost_tag": {"key": "team", "values": ["ml"]},
            "emails": ["ops@example.com"],
            "action": {"policy_arn": f"arn:aws:iam::{ACCOUNT}:policy/stop-spending", "role_names": ["deployer"]},
        },
    )


def tasks_watched() -> None:
    EcsMonitoring(
        "watch",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "cluster_name": "shop",
            "service_name": "digits",
            "load_balancer": {
                "arn_suffix": "app/shop/0123456789abcdef",
                "target_group_arn_suffixes": [
                    "targetgroup/shop/0123456789abcdef",
                    "targetgroup/shop-b/0123456789abcdef",
                ],
            },
            "emails": ["ops@example.com"],
        },
    )


def secrets() -> None:
    AwsSecrets(
        "shop",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "secrets": {
                "api": {"value": Output.secret("only for tests")},
                "database": {
                    "rotation": {
                        "function_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate",
                        "days": 7,
                        "window_hours": 2,
                    }
                },
            },
            "writer_role_arns": [f"arn:aws:iam::{ACCOUNT}:role/deployer"],
            "reader_role_arns": [f"arn:aws:iam::{ACCOUNT}:role/digits"],
        },
    )


def github() -> None:
    GithubOidcRole(
        "ci",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "repository": "example/models",
            "owner_id": "123456",
            "repository_id": "456789",
            "branches": ["main"],
            "environments": ["production"],
            "permissions_boundary_arn": f"arn:aws:iam::{ACCOUNT}:policy/bounds",
            "statements": [
                {
                    "actions": ["ecs:UpdateService"],
                    "resources": [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/digits"],
                }
            ],
            "preview_statements": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::shop-state/*"]}],
        },
    )


def github_of_an_organisation() -> None:
    GithubOidcRole(
        "any",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "any_repository_of_organisation": "example",
            "owner_id": "123456",
            "branches": ["main"],
            "without_permissions_boundary": True,
            "provider_arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",
        },
    )


def gitlab() -> None:
    GitlabOidcRole(
        "ci",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "gitlab_project": "example/shop/models",
            "gitlab_project_id": "456789",
            "branches": ["main"],
            "tiers": ["production"],
            "permissions_boundary_arn": f"arn:aws:iam::{ACCOUNT}:policy/bounds",
            "statements": [
                {
                    "actions": ["ecs:UpdateService"],
                    "resources": [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/digits"],
                }
            ],
        },
    )
    GitlabOidcRole(
        "review",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "gitlab_project": "example/shop/models",
            "by_path_alone": True,
            "any_branch": True,
            "issuer": "https://code.example.com",
            "without_permissions_boundary": True,
        },
    )
