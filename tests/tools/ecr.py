"""Amazon ECR as far as a push goes: a registry under ECR's name, and a simulated AWS that hands out its password."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tools import aws, certificates, registries
from tests.tools.tunnels import tunnel

REGION = "eu-central-1"
HOST = f"{aws.ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
PASSWORD = f"{aws.ACCOUNT}-auth-token"
"""What moto's GetAuthorizationToken gives, for the user AWS."""
_HASHES = {
    PASSWORD: "$2b$04$modelportmodelportmoeeiwyR0tHIgF2rL63DQFLBFrnzmzUhmA6",
    "": "$2b$04$modelportmodelportmoee4kzkmotc3A.kZMY8TKIXKBYPEp/Ymna",
}


@dataclass(frozen=True)
class Ecr:
    """`environment`: what leads a program here, AWS credentials among it."""

    registry: registries.Registry
    simulated: aws.Simulated
    environment: dict[str, str]

    def expire(self, expired: bool = True) -> None:
        """Let the registry refuse the password that was good so far, as ECR does after twelve hours."""
        (self.registry.folder / "htpasswd").write_text(f"AWS:{_HASHES['' if expired else PASSWORD]}\n")


@contextmanager
def start(folder: Path) -> Iterator[Ecr]:
    """Start one whose files lie in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    signed = certificates.make(folder, "ecr", HOST)
    registry = registries.start(folder / "registry", htpasswd=f"AWS:{_HASHES[PASSWORD]}", tls=signed)
    try:
        simulated = aws.start(folder)
        try:
            with tunnel({HOST: registry.host}) as proxy:
                leads = {
                    "HTTPS_PROXY": proxy,
                    "NO_PROXY": "127.0.0.1,localhost",
                    "SSL_CERT_FILE": str(signed.certificate_file),
                }
                yield Ecr(registry, simulated, {**simulated.environment, **leads})
        finally:
            simulated.server.stop()
    finally:
        registry.server.stop()
