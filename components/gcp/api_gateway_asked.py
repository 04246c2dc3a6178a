"""What a GcpApiGateway is asked for, checked."""

from collections.abc import Sequence
from functools import partial
from typing import Final, NotRequired, TypedDict

import pulumi

from components import checks
from components.gcp import checks as gcp
from components.gcp.api_gateway_document import Asked as Document
from components.gcp.api_gateway_document import Jwt

WHAT: Final = "GcpApiGateway"
LONGEST: Final = 22
"""Characters of a name: an account is called so too, of 30 characters with Pulumi's suffix, and a key that is called by
32 more has 63."""
REGIONS: Final = (
    *("asia-northeast1", "australia-southeast1", "europe-west1", "europe-west2", "us-central1", "us-east1", "us-east4"),
    *("us-west2", "us-west3", "us-west4"),
)
"""Where there are gateways ("API Gateway deployment model", 2026-11-22)."""
TIMEOUT: Final = (1, 3600)
"""Seconds for which an answer is waited for; those of Cloud Run, behind which nothing answers later."""
KEYS: Final = 100
"""API keys of one API that stay within what a project has, 300, for others' sake."""
PER_MINUTE: Final = (1, 6_000_000)
"""Requests in a minute: a project's gateways have 10 000 000 in a hundred seconds ("Quotas and limits" of API Gateway,
2026-11-22)."""
TIMEOUT_USUAL, PER_MINUTE_USUAL = 60, 6000
KEY: Final = r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?"
_URL = r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?"
URL: Final = rf"{_URL}(/[\w.~%/-]*)?"


class GcpApiBackend(TypedDict):
    """The service of Cloud Run that answers: outputs of a CloudRunService, or of a CloudFunction."""

    url: pulumi.Input[str]
    """Its URL, `https://...run.app`: what is asked, and whom the gateway's tokens are for."""
    service: pulumi.Input[str]
    """Its name: the gateway may call it, and nothing else."""
    region: str
    """Its region, which may be another one than the gateway's, as `europe-west4`. It has to let in requests of the
    internet (`CloudRunIngress.ALL`): a gateway comes from there, with a token."""


class GcpApiJwt(TypedDict):
    """Tokens (JWT) that callers show in `Authorization: Bearer`."""

    issuer: str
    """Who issues them, as `https://accounts.example.com`: the claim `iss`, letter by letter."""
    audiences: Sequence[str]
    """Whom they are for: the claim `aud`, one of these."""
    keys_url: NotRequired[str]
    """Where the issuer's keys (JWKS) are. Default: where it says itself, by OpenID Connect's discovery."""


class GcpApiGatewayArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    region: str
    """Region of the gateway, as `europe-west1`: not every region has some."""
    backend: GcpApiBackend
    """The service that answers."""
    keys: NotRequired[Sequence[str]]
    """Names of API keys, one for each caller, which is shown in `X-Api-Key`. Google makes the keys themselves, and they
    are for this API alone. Without one there is `jwt` or `anonymous`."""
    jwt: NotRequired[GcpApiJwt]
    """Tokens that callers have, beside or instead of keys. Default: none."""
    anonymous: NotRequired[bool]
    """Whether everybody on the internet is answered. Default: no."""
    per_minute: NotRequired[int]
    """Requests in a minute of all keys of a project together, so of all `keys`: Google counts by project. For keys
    alone. Default: 6000."""
    timeout: NotRequired[float]
    """Seconds for which an answer is waited for, 1 to 3600. Default: 60."""
    service_account: NotRequired[pulumi.Input[str]]
    """Address of what the gateway is to the service. Default: an account that may do nothing but call that."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: GcpApiGatewayArgs) -> None:
        """Raises ArgsError."""
        checks.given(WHAT, args, GcpApiGatewayArgs)
        gcp.named(WHAT, name, LONGEST)
        gcp.project(f"{WHAT}.project", args["project"])
        self.project, self.region = args["project"], args["region"]
        if self.region not in REGIONS:
            expected = "a region that has gateways, which what answers need not be in"
            raise checks.wrong(f"{WHAT}.region", self.region, expected, f"take of {', '.join(REGIONS)}")
        self._backend(args["backend"])
        self.keys = _keys(args.get("keys") or [])
        jwt = _jwt(args.get("jwt"))
        self.anonymous = args.get("anonymous", False)
        self._known(jwt)
        per_minute = None
        if self.keys:
            per_minute = args.get("per_minute", PER_MINUTE_USUAL)
            per_minute = checks.whole(f"{WHAT}.per_minute", per_minute, *PER_MINUTE, "requests in a minute")
        elif args.get("per_minute") is not None:
            expected = "none without keys, by which Google counts"
            raise checks.wrong(f"{WHAT}.per_minute", args.get("per_minute"), expected, "write keys, or leave it out")
        timeout = args.get("timeout", TIMEOUT_USUAL)
        checks.within(f"{WHAT}.timeout", timeout, *TIMEOUT, "seconds")
        self.account = args.get("service_account")
        if self.account is not None:
            self.account = checks.asked(self.account, partial(gcp.account, f"{WHAT}.service_account"))
        self.document = Document(name, bool(self.keys), jwt, per_minute, float(timeout))

    def _backend(self, given: GcpApiBackend) -> None:
        what = f"{WHAT}.backend"
        checks.given(what, given, GcpApiBackend)
        gcp.region(f"{what}.region", given["region"])
        self.url = checks.asked(
            given["url"],
            lambda known: checks.fits(
                f"{what}.url", known, _URL, "the URL of a service, without a path", "https://digits-1a2b3c-ez.a.run.app"
            ),
        )
        expected = "the name of a service of Cloud Run"
        self.service = checks.asked(
            given["service"],
            lambda known: checks.fits(f"{what}.service", _last(known), r"[a-z][a-z0-9-]{0,62}", expected, "digits"),
        )
        self.where = given["region"]

    def _known(self, jwt: Jwt | None) -> None:
        """Hold who may call to somebody who is known, or to being told that nobody is."""
        if not (self.keys or jwt or self.anonymous):
            raise checks.wrong(
                f"{WHAT}.keys",
                [],
                "a name for each caller, as everybody could call",
                "write [shop], or jwt, or anonymous: True for everybody",
            )
        for key, there in (("keys", self.keys), ("jwt", jwt)):
            if self.anonymous and there:
                expected = f"no {key} beside it, as nobody would be asked"
                raise checks.wrong(f"{WHAT}.anonymous", True, expected, "leave anonymous out")


def _last(name: object) -> object:
    """A service's own name, of that or of its whole name."""
    return name.rpartition("/")[2] if isinstance(name, str) else name


def _keys(given: Sequence[str]) -> list[str]:
    what = f"{WHAT}.keys"
    if isinstance(given, str):
        raise checks.wrong(what, given, "a list of names", f"write ['{given}']")
    for at, each in enumerate(given):
        checks.fits(f"{what}[{at}]", each, KEY, "1 to 32 of a-z, 0-9 and -, a letter first", "shop")
    if len(set(given)) != len(given):
        raise checks.wrong(what, list(given), "each name once", f"write {sorted(set(given))}")
    if len(given) > KEYS:
        raise checks.wrong(what, f"{len(given)} keys", f"at most {KEYS}", "make another API")
    return list(given)


def _jwt(given: GcpApiJwt | None) -> Jwt | None:
    if given is None:
        return None
    what = f"{WHAT}.jwt"
    checks.given(what, given, GcpApiJwt)
    checks.fits(f"{what}.issuer", given["issuer"], URL, "an issuer as a URL of https", "https://accounts.example.com")
    audiences = given["audiences"]
    if isinstance(audiences, str):
        raise checks.wrong(f"{what}.audiences", audiences, "a list of audiences", f"write ['{audiences}']")
    if not audiences:
        expected = "one at least, as a token that is for somebody else would be taken"
        raise checks.wrong(f"{what}.audiences", [], expected, "write ['models']")
    for at, each in enumerate(audiences):
        expected = "an audience, without commas and spaces"
        checks.fits(f"{what}.audiences[{at}]", each, r"[^\s,]{1,255}", expected, "models")
    keys = given.get("keys_url")
    if keys is not None:
        example = "https://accounts.example.com/keys"
        checks.fits(f"{what}.keys_url", keys, URL, "a URL of https", example)
    return Jwt(given["issuer"], list(audiences), keys)
