"""What an AwsApiGateway is asked for, checked."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, TypedDict, cast

import pulumi

from components import checks, front
from components.aws import checks as aws
from components.aws import nodes
from components.aws.load_balancer import AwsExistingCertificate

# "Quotas for configuring and running a REST API in API Gateway" in its guide, 2026-11-22.
RATE: Final = 10_000
"""Requests in a second that an account has in a region."""
BURST: Final = 5_000
"""Requests at once that it has beside that."""
TIMEOUT: Final = (0.05, 29)
"""Seconds for which an answer of a function is waited for."""
KEYS: Final = 500
"""API keys of one API that stay within what an account's region has, 10 000, for others' sake."""
CIDRS: Final = 100
"""Networks that fit into a resource policy of 8192 characters."""
QUOTA: Final = 1_000_000_000
RATE_USUAL, BURST_USUAL, LOG_DAYS = 100.0, 200, 365
WORD: Final = r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?"


class AwsApiFunction(TypedDict):
    """The function that answers: outputs of a LambdaService."""

    arn: pulumi.Input[str]
    """ARN of the alias that is called, and nothing else of it."""
    invoke_arn: pulumi.Input[str]
    """What API Gateway calls that alias by."""


class AwsUsagePlan(TypedDict):
    """What those who have some API keys may ask for."""

    name: str
    """What it is called."""
    keys: Sequence[str]
    """Names of its API keys, one for each caller. AWS makes the keys themselves."""
    rate: NotRequired[float]
    """Requests in a second, for each key. Default: 50."""
    burst: NotRequired[int]
    """Requests at once, for each key. Default: 100."""
    per_day: NotRequired[int]
    """Requests in a day, for each key. Default: as many as come."""


class AwsApiDomain(TypedDict):
    """A name that callers use."""

    hostname: str
    """DNS name, as `models.example.com`."""
    zone_name: str
    """Zone of Route 53 that the name is in."""
    hosted_zone_id: pulumi.Input[str]
    """Id of that zone."""
    certificate: NotRequired[AwsExistingCertificate]
    """A certificate that is there. Default: one is made for the name and validated by a record in the zone."""


class AwsApiGatewayArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    function: AwsApiFunction
    """The function that answers: outputs of a LambdaService."""
    plans: NotRequired[Sequence[AwsUsagePlan]]
    """Who may call with an API key, and how much. Without one there is `iam` or `anonymous`."""
    iam: NotRequired[bool]
    """Whether callers sign their requests (SigV4) and IAM says who may, beside or instead of keys. Default: no."""
    anonymous: NotRequired[bool]
    """Whether everybody on the internet is answered. Default: no."""
    client_cidrs: NotRequired[Sequence[str]]
    """Networks that callers are in. Default: any, with what else they need to be answered."""
    rate: NotRequired[float]
    """Requests in a second of all callers together. Default: 100."""
    burst: NotRequired[int]
    """Requests at once of all callers together. Default: 200."""
    timeout: NotRequired[float]
    """Seconds for which an answer is waited for. Default: 29."""
    domain: NotRequired[AwsApiDomain]
    """A name that callers use; the API's own is then closed. Default: the API's own."""
    web_acl_arn: NotRequired[pulumi.Input[str]]
    """ARN of a web ACL of AWS WAF that every request passes first. Default: none."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of logs. Default: one made for them, which rotates."""
    log_days: NotRequired[int]
    """Days for which logs are kept. Default: 365."""
    account_may_log: NotRequired[bool]
    """Whether this account's API Gateway may write logs in this region already. Default: no, and it is let to; that is
    left when all else goes, as other APIs log by it too."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class Plan:
    """A usage plan, checked."""

    def __init__(self, what: str, given: AwsUsagePlan) -> None:
        """Raises ArgsError."""
        checks.given(what, given, AwsUsagePlan)
        self.name, self.keys = given["name"], list(given["keys"])
        words = "1 to 32 of a-z, 0-9 and -, a letter first"
        checks.fits(f"{what}.name", self.name, WORD, words, "partners")
        if not self.keys:
            raise checks.wrong(f"{what}.keys", [], "a name for each caller", "write [shop]")
        for at, each in enumerate(self.keys):
            checks.fits(f"{what}.keys[{at}]", each, WORD, words, "shop")
        self.rate, self.burst = given.get("rate", 50), given.get("burst", 100)
        checks.within(f"{what}.rate", self.rate, 0.1, RATE, "requests in a second")
        checks.whole(f"{what}.burst", self.burst, 1, BURST, "requests at once")
        self.per_day = given.get("per_day")
        if self.per_day is not None:
            checks.whole(f"{what}.per_day", self.per_day, 1, QUOTA, "requests in a day")


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: AwsApiGatewayArgs) -> None:
        """Raises ArgsError."""
        checks.given("AwsApiGateway", args, AwsApiGatewayArgs)
        # A role's name has 64 characters, and `-logs` with Pulumi's suffix takes 13 of them.
        aws.named("AwsApiGateway", name, 48)
        aws.account("AwsApiGateway.account_id", args["account_id"])
        aws.region("AwsApiGateway.region", args["region"])
        self.function = args["function"]
        checks.given("AwsApiGateway.function", self.function, AwsApiFunction)
        self.plans = [Plan(f"AwsApiGateway.plans[{at}]", each) for at, each in enumerate(args.get("plans") or [])]
        self.iam, self.anonymous = args.get("iam", False), args.get("anonymous", False)
        self._known()
        self.cidrs = list(args.get("client_cidrs") or [])
        for at, each in enumerate(self.cidrs):
            checks.network(f"AwsApiGateway.client_cidrs[{at}]", each, largest=0, smallest=32)
        if len(self.cidrs) > CIDRS:
            expected = f"at most {CIDRS}, as a policy holds no more"
            raise checks.wrong("AwsApiGateway.client_cidrs", f"{len(self.cidrs)} networks", expected, "join some")
        self.rate, self.burst = args.get("rate", RATE_USUAL), args.get("burst", BURST_USUAL)
        checks.within("AwsApiGateway.rate", self.rate, 0.1, RATE, "requests in a second")
        checks.whole("AwsApiGateway.burst", self.burst, 1, BURST, "requests at once")
        self.timeout = args.get("timeout", TIMEOUT[1])
        checks.within("AwsApiGateway.timeout", self.timeout, *TIMEOUT, "seconds")
        self.domain = args.get("domain")
        if self.domain is not None:
            _domain(self.domain, args["region"], args["account_id"])
        self.firewall = args.get("web_acl_arn")
        if self.firewall is not None:
            here = partial(_firewall, region=args["region"], account=args["account_id"])
            self.firewall = checks.asked(self.firewall, here)
        self.key = nodes.key("AwsApiGateway.key_arn", args.get("key_arn"), args["region"])
        self.log_days = args.get("log_days", LOG_DAYS)
        aws.log_days("AwsApiGateway.log_days", self.log_days)
        self.may_log = args.get("account_may_log", False)

    def _known(self) -> None:
        """Hold who may call to somebody who is known, or to being told that nobody is."""
        if not (self.plans or self.iam or self.anonymous):
            raise checks.wrong(
                "AwsApiGateway.plans",
                [],
                "a plan with API keys, as everybody could call",
                "write plans, or iam: True, or anonymous: True for everybody",
            )
        for key, there in (("plans", self.plans), ("iam", self.iam)):
            if self.anonymous and there:
                expected = f"no {key} beside it, as nobody would be asked"
                raise checks.wrong("AwsApiGateway.anonymous", True, expected, "leave anonymous out")
        names = [each.name for each in self.plans]
        if len(set(names)) != len(names):
            raise checks.wrong("AwsApiGateway.plans", names, "each name once", "call one otherwise")
        keys = [key for each in self.plans for key in each.keys]
        if len(set(keys)) != len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            expected = "each key in one plan, once"
            raise checks.wrong("AwsApiGateway.plans", keys, expected, f"leave {twice} out of one")
        called = [f"{each.name}-{key}" for each in self.plans for key in each.keys]
        if alike := next((each for each in called if called.count(each) > 1), None):
            expected = f"plans and keys whose names joined are each there once, and {alike} is not"
            raise checks.wrong("AwsApiGateway.plans", names, expected, "call a plan or a key otherwise")
        if len(keys) > KEYS:
            raise checks.wrong("AwsApiGateway.plans", f"{len(keys)} keys", f"at most {KEYS}", "make another API")


def _domain(given: AwsApiDomain, region: str, account: str) -> None:
    what = "AwsApiGateway.domain"
    checks.given(what, given, AwsApiDomain)
    front.zone(f"{what}.zone_name", given["zone_name"], "hosted zone")
    front.hostname(f"{what}.hostname", given["hostname"], given["zone_name"], front.COMMON_NAME)
    if not isinstance(given["hosted_zone_id"], pulumi.Output):
        expected = "the id of a hosted zone"
        checks.fits(f"{what}.hosted_zone_id", given["hosted_zone_id"], r"Z[A-Z0-9]{1,31}", expected, "Z0123456789ABC")
    there = given.get("certificate")
    if there is None:
        return
    checks.given(f"{what}.certificate", there, AwsExistingCertificate)
    arn, names = cast("Mapping[str, Any]", there)["arn"], there["names"]
    if isinstance(arn, str):
        example = "certificate/12345678-1234-1234-1234-123456789012"
        aws.arn(f"{what}.certificate.arn", arn, "acm", r"certificate/[\w-]+", example)
        aws.here(f"{what}.certificate.arn", arn, region)
        aws.ours(f"{what}.certificate.arn", arn, account)
    if not isinstance(names, pulumi.Output) and all(isinstance(each, str) for each in cast("Sequence[Any]", names)):
        front.covers(f"{what}.certificate.names", cast("Sequence[str]", names), [given["hostname"]])


def _firewall(known: str, region: str, account: str) -> None:
    what = "AwsApiGateway.web_acl_arn"
    aws.arn(what, known, "wafv2", r"regional/webacl/[\w-]+/[\w-]+", "regional/webacl/shop/1234abcd-12ab-34cd")
    aws.here(what, known, region)
    aws.ours(what, known, account)
