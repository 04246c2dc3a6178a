"""Where Python packages come from: pip's settings, handed on to uv, which reads none of them.

Standard library alone: `scripts/setup.py` uses it before anything is installed.
"""

import configparser
import os
import sys
from pathlib import Path

SIGNING = "MODELPORT_SIGNING_"
"""How variables begin that a key for signatures is given by: for no process but the one that signs."""

_SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_SETTINGS = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}


def uv_environment() -> dict[str, str]:
    """This process's environment for a uv that takes packages from where pip would.

    The index, further indexes and certificates come from PIP_* variables or pip's configuration files, and do not
    override UV_* variables that are set.
    """
    kept = (key for key in os.environ if key not in ("PYTHONPATH", "VIRTUAL_ENV") and not key.startswith(SIGNING))
    environment = {key: os.environ[key] for key in kept}
    configured = _pip_settings()
    for setting, variable in _SETTINGS.items():
        chosen = os.environ.get("PIP_" + setting.upper().replace("-", "_")) or configured.get(setting)
        if chosen:
            environment.setdefault(variable, " ".join(chosen.split()))
    if any(Path(bundle).exists() for bundle in _SYSTEM_CERTIFICATES):
        # As pip does: a registry behind a company's proxy is known by the machine's certificates alone.
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    return environment


def _pip_settings() -> dict[str, str]:
    """pip's configuration files, the strongest last, in pip's own order."""
    if os.environ.get("PIP_CONFIG_FILE") == os.devnull:
        return {}
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  (Path.home() raises where there is no home; this does not)
    user = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        user / "pip" / "pip.conf",
    ]
    files += [Path(sys.prefix) / "pip.conf", Path(os.environ.get("PIP_CONFIG_FILE") or os.devnull)]
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(parser.items(section))
    return found
