"""Begins every Python of a case: what a stack's passphrase becomes is worked out by the first of them, for all.

To derive a key takes a third of a second of the processor, by design, and a case has a process for every operation.
"""

import hashlib
import os
import sys
from types import ModuleType

MODULE = "cryptography.hazmat.primitives.kdf.pbkdf2"
"""Where the engine has it from; most of a case's Pythons never ask for it, and to load it takes long, too."""


class PBKDF2HMAC:
    def __init__(self, algorithm: object, length: int, salt: bytes, rounds: int) -> None:
        self._how = (str(getattr(algorithm, "name")), length, salt, rounds)  # noqa: B009

    def derive(self, password: bytes) -> bytes:
        name, length, salt, rounds = self._how
        folder = os.path.join(os.path.dirname(os.environ["CASE_WORLD"]), "keys")
        place = os.path.join(folder, hashlib.sha256(repr((password, self._how)).encode()).hexdigest())
        try:
            with open(place, "rb") as file:
                return file.read()
        except FileNotFoundError:
            key = hashlib.pbkdf2_hmac(name, password, salt, rounds, length)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(f"{place}.{os.getpid()}", "wb") as file:
            file.write(key)
        os.replace(file.name, place)
        return key


if "CASE_WORLD" in os.environ:
    sys.modules[MODULE] = ModuleType(MODULE)
    setattr(sys.modules[MODULE], "PBKDF2HMAC", PBKDF2HMAC)  # noqa: B010
