"""Who to be at Amazon ECR, and what is peculiar about it there.

ECR takes no password that lasts: whoever has AWS's credentials is given a token for twelve hours. It is asked for when
a registry wants a login and is kept in memory alone, so that no state, report or identity changes with it.
"""

import importlib
import re
from typing import Any, NamedTuple

from model_build.push.credentials import Credential
from model_build.push.errors import LoginError, RegistryDown

SOURCE = "AWS's credentials"
_HOST = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?P<fips>-fips)?\.(?P<region>[a-z]{2}(-[a-z]+)+-[0-9])"
    r"\.(amazonaws\.com|amazonaws\.com\.cn|on\.aws|on\.amazonwebservices\.com\.cn)"
)
_SECONDS = 20


class Place(NamedTuple):
    """Where a registry of ECR's is."""

    region: str
    fips: bool


def place(host: str) -> Place | None:
    """Where the registry `host` is; None for one that is not ECR's, which is never shown a token."""
    found = _HOST.fullmatch(host)
    return Place(found["region"], bool(found["fips"])) if found else None


def tag(digest: str) -> str:
    """The tag of an image that was given none: ECR's lifecycle rules clear away what has no tag, in use or not.

    It is made of the digest, as ECR's repositories commonly refuse to move a tag to another image.
    """
    return f"image-{digest.removeprefix('sha256:')[:16]}"


def find(host: str) -> Credential:
    """The credential for a registry of ECR's, by the AWS credentials of the environment.

    AWS's own library finds those, as it does for every other program: variables, profiles, single sign-on, the role of
    a pod, task or machine. Raises LoginError where there are none, or they may not; RegistryDown where AWS does not
    answer.
    """
    where = place(host)
    assert where is not None
    try:
        # Typed by nobody, and of use to those alone who push to AWS.
        session: Any = importlib.import_module("botocore.session")
        config: Any = importlib.import_module("botocore.config")
        errors: Any = importlib.import_module("botocore.exceptions")
    except ImportError:
        raise LoginError(
            f"{host}: wants a login, and what asks AWS for one is not installed, expected the extra aws; "
            f"run `pip install 'modelport[aws]'`, or {_by_hand(host, where)}"
        ) from None
    limits = config.Config(
        connect_timeout=_SECONDS,
        read_timeout=_SECONDS,
        retries={"mode": "standard", "max_attempts": 3},
        use_fips_endpoint=where.fips or None,
    )
    try:
        client = session.Session().create_client("ecr", region_name=where.region, config=limits)
        answer = client.get_authorization_token()
    except (errors.NoCredentialsError, errors.PartialCredentialsError):
        raise LoginError(
            f"{host}: wants a login, and there are no AWS credentials to ask for one with, expected them as the AWS "
            f"command line has them; set AWS_PROFILE or run `aws configure`, or {_by_hand(host, where)}"
        ) from None
    except (errors.ConnectionError, errors.HTTPClientError) as error:
        raise RegistryDown(
            f"{host}: AWS gave no login ({_one_line(error)}), expected an answer of its API ecr in {where.region}; "
            "look at the way there, or at AWS_ENDPOINT_URL"
        ) from None
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise LoginError(
            f"{host}: AWS gave no login ({_one_line(error)}), expected credentials that may "
            f"ecr:GetAuthorizationToken; take others, or {_by_hand(host, where)}"
        ) from None
    user, password = _read(host, answer)
    return Credential(user, password, source=SOURCE, again="look at the account, or take other AWS credentials")


def _read(host: str, answer: Any) -> tuple[str, str]:
    import base64
    import binascii

    try:
        user, _, password = (
            base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().partition(":")
        )
    except (KeyError, IndexError, TypeError, binascii.Error, UnicodeDecodeError):
        user = password = ""
    if not user or not password:
        raise LoginError(f"{host}: AWS answered without a login, expected a token; look at AWS_ENDPOINT_URL")
    return user, password


def _by_hand(host: str, where: Place) -> str:
    return (
        f"log in by hand: `aws ecr get-login-password --region {where.region} | docker login -u AWS --password-stdin "
        f"{host}`"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
