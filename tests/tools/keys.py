"""Keys as OpenSSL makes them."""

import subprocess
from pathlib import Path

_MAKE = "openssl ecparam -name {} -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out {}"


def key(folder: Path, name: str = "release", curve: str = "prime256v1") -> tuple[Path, str]:
    """A private key's file, and the public key's text."""
    place = folder / f"{name}.key"
    subprocess.run(_MAKE.format(curve, place), shell=True, check=True, capture_output=True)
    done = subprocess.run(["openssl", "ec", "-in", place, "-pubout"], capture_output=True, text=True, check=True)
    return place, done.stdout
