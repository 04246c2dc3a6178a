"""The section `function`: the account, and all that the target `aws-lambda` makes in it around the model."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.aws_common import AccountSpec, CertificateSpec, Days
from stacks.specs.gateway import Hostname
from stacks.specs.part import Part
from stacks.specs.words import Line, Network


class FunctionUrlSpec(Part):
    """A URL of the function itself, which answers whoever IAM lets call."""

    caller_arns: tuple[Line, ...] = ()
    """ARNs of roles, users or accounts that may call. Default: whoever is allowed to by IAM in this account."""
    anonymous: StrictBool = False
    """Whether everybody on the internet is answered. Default: no, callers sign their requests (SigV4)."""


class FunctionPlanSpec(Part):
    """What each of some API keys may ask for."""

    keys: Annotated[tuple[Line, ...], Field(min_length=1)]
    """Names of the keys, one for each caller. AWS makes the keys themselves."""
    rate: Annotated[float, Field(gt=0)] = 50.0
    """Requests in a second, for each key."""
    burst: Annotated[StrictInt, Field(ge=1)] = 100
    """Requests at once, for each key."""
    per_day: Annotated[StrictInt | None, Field(ge=1)] = None
    """Requests in a day, for each key. Default: as many as come."""


class FunctionDomainSpec(Part):
    """A name that callers use; the API's own is then closed."""

    hostname: Hostname
    """DNS name that callers use."""
    zone_name: Hostname
    """Zone of Route 53 that the name is in, as `example.com`."""
    hosted_zone_id: Line
    """Id of that zone."""
    certificate: CertificateSpec | None = None
    """A certificate that is there. Default: one is made, and proven by DNS."""


class FunctionApiSpec(Part):
    """An API before the function: keys, how often each may call, a name of one's own."""

    plans: dict[str, FunctionPlanSpec] = Field(default_factory=dict[str, FunctionPlanSpec])
    """Who may call with an API key and how much, by what the plan is called. Without one there is `iam` or
    `anonymous`."""
    iam: StrictBool = False
    """Whether callers sign their requests (SigV4), beside or instead of keys."""
    anonymous: StrictBool = False
    """Whether everybody on the internet is answered."""
    client_cidrs: tuple[Network, ...] = ()
    """Networks that callers are in. Default: any, with what else they need to be answered."""
    rate: Annotated[float, Field(gt=0)] = 100.0
    """Requests in a second of all callers together."""
    burst: Annotated[StrictInt, Field(ge=1)] = 200
    """Requests at once of all callers together."""
    domain: FunctionDomainSpec | None = None
    """A name that callers use. Default: the API's own."""
    web_acl_arn: Line | None = None
    """Web ACL of AWS WAF before the API."""
    account_may_log: StrictBool = False
    """Whether this account's API Gateway may write logs in this region already. Default: it is let to, and stays so."""


class FunctionAlarmsSpec(Part):
    """What rolls a canary back."""

    error_percent: Annotated[float, Field(ge=0, le=100)] = 1
    """Percent of the answers that may be errors by the server's fault, of all and of the new version's own."""
    latency: Annotated[float | None, Field(gt=0, le=900)] = None
    """Seconds within which 99 of 100 answers must come. Default: that is not looked at."""
    names: tuple[Line, ...] = ()
    """Names of alarms of your own."""
    topic_arns: tuple[Line, ...] = ()
    """SNS topics that hear of alarms."""


class FunctionSpec(AccountSpec):
    """The account, and all that is made in it around the model."""

    memory: Annotated[StrictInt, Field(ge=128)] = 2048
    """MB of memory, and of CPU with it: 1769 are one core. `auto`: as `modelport size` chose for `load`."""
    timeout: Annotated[StrictInt, Field(ge=1)] = 29
    """Seconds within which an answer must come, the start of an environment among them."""
    disk_mb: Annotated[StrictInt, Field(ge=512)] = 512
    """MB of /tmp."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Environment of the server, beside its own."""
    reserved_concurrency: Annotated[StrictInt | None, Field(ge=1)] = None
    """The most requests at once; further ones are refused. Default: what the account has left."""
    provisioned_concurrency: Annotated[StrictInt | None, Field(ge=1)] = None
    """Environments that are started before requests come, and paid for all the time. Default: none."""
    url: FunctionUrlSpec | None = None
    """A URL of the function. Default: one where there is no `api`."""
    api: FunctionApiSpec | None = None
    """An API before the function. Default: none."""
    alarms: FunctionAlarmsSpec = FunctionAlarmsSpec()
    """What rolls a canary back."""
    log_days: Days = 365
    """Days for which logs are kept."""

    @property
    def has_url(self) -> bool:
        """Whether the function has a URL."""
        return self.url is not None or self.api is None

    @model_validator(mode="after")
    def _waited_for(self) -> Self:
        if self.api is not None and self.timeout > 29:
            raise ValueError(
                f"timeout is {self.timeout} beside api, expected at most 29, as an API waits no longer; write 29"
            )
        return self
