"""Begins every Python of a case: what a stack's passphrase becomes is worked out by the first of them, for all.

To derive a key takes a third of a second of the processor, by design, and a case has a process for every operation.
"""

import hashlib
import os

_derive = hashlib.pbkdf2_hmac


def _once(name: str, password: bytes, salt: bytes, rounds: int, length: int | None = None) -> bytes:
    folder = os.path.join(os.path.dirname(os.environ["CASE_WORLD"]), "keys")
    place = os.path.join(folder, hashlib.sha256(repr((name, password, salt, rounds, length)).encode()).hexdigest())
    try:
        with open(place, "rb") as file:
            return file.read()
    except FileNotFoundError:
        key = _derive(name, password, salt, rounds, length)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(f"{place}.{os.getpid()}", "wb") as file:
        file.write(key)
    os.replace(file.name, place)
    return key


if "CASE_WORLD" in os.environ:
    hashlib.pbkdf2_hmac = _once
