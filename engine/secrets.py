"""The passphrase secrets provider: PBKDF2 for the key, AES-256-GCM for the values.

The key takes long to derive, by design, so it is derived in a thread (without the interpreter) and awaited only
where the first secret is read or written. The OpenSSL that `cryptography` brings takes half as long as many a Python's.
"""

import base64
import os
import secrets as random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.errors import WrongPassphrase
from engine.values import Crypter, b64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROUNDS: Final = 1_000_000
CHECK_WORD: Final = "pulumi"
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passphrase")
_LOCK = threading.Lock()
_KEYS: "dict[tuple[str, bytes], Future[AESGCM]]" = {}


def _cipher(passphrase: str, salt: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return AESGCM(PBKDF2HMAC(SHA256(), 32, salt, ROUNDS).derive(passphrase.encode()))


def _derive(passphrase: str, salt: bytes) -> "Future[AESGCM]":
    """The key, derived once in the life of this process."""
    with _LOCK:
        if (passphrase, salt) not in _KEYS:
            _KEYS[passphrase, salt] = _POOL.submit(_cipher, passphrase, salt)
        return _KEYS[passphrase, salt]


def _seal(cipher: "AESGCM", text: str) -> str:
    nonce = random.token_bytes(12)
    return f"v1:{b64(nonce)}:{b64(cipher.encrypt(nonce, text.encode(), None))}"


def _open(cipher: "AESGCM", text: str) -> str:
    from cryptography.exceptions import InvalidTag

    version, _, rest = text.partition(":")
    nonce, _, body = rest.partition(":")
    if version != "v1" or not body:
        raise WrongPassphrase("a secret of this stack is not in the form v1:NONCE:CIPHERTEXT")
    try:
        return cipher.decrypt(base64.b64decode(nonce), base64.b64decode(body), None).decode()
    except (InvalidTag, ValueError):
        raise WrongPassphrase("incorrect passphrase: a secret of this stack cannot be read with it") from None


class Passphrase(Crypter):
    """Encrypts and decrypts with the key that belongs to one salt; `salt` is v1:SALT:v1:NONCE:CHECK."""

    def __init__(
        self, salt: str, cipher: "Future[AESGCM]", *, checked: bool = False, otherwise: str | None = None
    ) -> None:
        self.salt = salt
        self._otherwise = otherwise
        self._future = cipher
        self._checked = checked

    @classmethod
    def open(cls, passphrase: str, salt: str, otherwise: str | None = None) -> "Passphrase":
        """Start deriving the key for a stack's salt; a wrong passphrase shows when the key is first used.

        otherwise: tried when `passphrase` is not the one.
        """
        version, _, rest = salt.partition(":")
        raw = rest.partition(":")[0]
        if version != "v1" or not raw:
            raise WrongPassphrase(f"the encryption salt is {salt[:20]!r}, expected v1:SALT:v1:NONCE:CHECK")
        return cls(salt, _derive(passphrase, base64.b64decode(raw)), otherwise=otherwise)

    @classmethod
    def create(cls, passphrase: str) -> "Passphrase":
        """A new salt, with the check value by which a wrong passphrase is told later."""
        raw = random.token_bytes(8)
        future = _derive(passphrase, raw)
        made = cls("", future, checked=True)
        made.salt = f"v1:{b64(raw)}:{_seal(future.result(), CHECK_WORD)}"
        return made

    @property
    def cipher(self) -> "AESGCM":
        if not self._checked:
            if not self._fits() and self._otherwise is not None:
                self._future = _derive(self._otherwise, base64.b64decode(self.salt.split(":")[1]))
            if not self._fits():
                raise WrongPassphrase(
                    "incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the one that this stack was made with"
                )
            self._checked = True
        return self._future.result()

    def _fits(self) -> bool:
        try:
            return _open(self._future.result(), self.salt.split(":", 2)[2]) == CHECK_WORD
        except (WrongPassphrase, IndexError):
            return False

    def ready(self) -> "Future[AESGCM]":
        """Done once the key is there; waiting for it blocks nothing else."""
        return self._future

    def encrypt(self, text: str) -> str:
        return _seal(self.cipher, text)

    def decrypt(self, text: str) -> str:
        return _open(self.cipher, text)


class Keyless(Crypter):
    """Stands in where a stack has no secrets provider; a secret in such a state cannot be read."""

    def decrypt(self, text: str) -> str:
        raise WrongPassphrase("the state holds a secret but names no secrets provider")

    def encrypt(self, text: str) -> str:
        raise WrongPassphrase("the state names no secrets provider, so a secret cannot be written")


def generated(stack: str, state_dir: Path) -> str | None:
    """The passphrase that was made up for the stack `local`, if it was."""
    kept = state_dir / "passphrase"
    return kept.read_text().strip() if stack == "local" and kept.exists() else None


def named() -> bool:
    """Whether one of Pulumi's own variables names a passphrase; an empty passphrase is one."""
    return "PULUMI_CONFIG_PASSPHRASE" in os.environ or bool(os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"))


def passphrase_for(stack: str, state_dir: Path, *, generate: bool) -> str | None:
    """Pulumi's own variables, then for the stack `local` a file that only its owner may read."""
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return os.environ["PULUMI_CONFIG_PASSPHRASE"]
    if file := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise WrongPassphrase(
                f"PULUMI_CONFIG_PASSPHRASE_FILE is {file}, which cannot be read: {error.strerror}"
            ) from None
    if stack != "local":
        return None
    kept = state_dir / "passphrase"
    if (word := generated(stack, state_dir)) or not generate:
        return word
    state_dir.mkdir(parents=True, exist_ok=True)
    word = random.token_urlsafe(24)
    made = kept.with_name(f".passphrase.{random.token_hex(6)}")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(word + "\n")
    try:
        kept.hardlink_to(made)
    except FileExistsError:
        word = kept.read_text().strip()  # another process was first
    made.unlink()
    return word
