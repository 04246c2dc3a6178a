"""Signatures of images, as cosign makes and checks them with keys of one's own.

What is signed is a small JSON text that names the image's digest ("simple signing"); the signature stands in an
annotation of a manifest that the registry has beside the image, under a tag made of the digest and as its referrer, so
that either way of looking finds it. The public key stands in the stack; the private one never does: whoever builds has
it in the environment.
"""

import base64
import binascii
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from model_build.bake.attachments import SIGNATURE, attach_as_cosign, referrers
from model_build.bake.errors import BakeError
from model_build.bake.layout import Json, Layout, canonical
from model_build.errors import InputError, ModelBuildError

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
KEY, KEY_FILE, PASSWORD = "MODELPORT_SIGNING_KEY", "MODELPORT_SIGNING_KEY_FILE", "MODELPORT_SIGNING_PASSWORD"
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_BEGIN = re.compile(r"-----BEGIN ")
_SAID = "cosign container image signature"
_MAKE = "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -out new.key"


_MOST, _LONGEST = 64, 64 * 1024
"""Signatures of one manifest, and bytes of what is signed, that are looked at."""
_NO_SIGNATURE = (
    BakeError, binascii.Error, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What something is raised with that whoever may push has put beside an image."""


class SigningKeyError(InputError):
    """A key that cannot be used, or that is not there."""


class SignatureError(ModelBuildError):
    """An image has no signature by the key that is asked for."""


def public(text: str, what: str = "signed_by") -> list[ec.EllipticCurvePublicKey]:
    """The public keys of PEM text: the first signs, a signature by any of them counts.

    Raises SigningKeyError for anything but keys on the curve P-256.
    """
    expected = "a public key on the curve P-256 as PEM; write it with openssl ec -pubout, or cosign public-key"
    if "PRIVATE KEY" in text:
        raise SigningKeyError(f"{what} holds a private key, expected {expected}")
    if not (blocks := _PUBLIC.findall(text)) or _BEGIN.search(_PUBLIC.sub("", text)):
        raise SigningKeyError(f"{what} {'holds no public key' if text.strip() else 'is empty'}, expected {expected}")
    found: list[ec.EllipticCurvePublicKey] = []
    for block in blocks:
        try:
            key = serialization.load_pem_public_key(block.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise SigningKeyError(f"{what} holds no public key, expected {expected}") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SigningKeyError(f"{what} holds a key of another kind, expected {expected}")
        found.append(key)
    return found


def spoken(*keys: ec.EllipticCurvePublicKey) -> str:
    """The keys' PEM text, in one form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return "".join(key.public_bytes(serialization.Encoding.PEM, form).decode() for key in keys)


@dataclass(frozen=True)
class Signer:
    """Whoever has the private key of a public one, the first of those that a stack names."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, signed_by: str) -> "Signer":
        """The private key of `signed_by`, from the environment. Raises SigningKeyError where that has none."""
        wanted, text, place = public(signed_by), os.environ.get(KEY, ""), KEY
        if not text and (file := os.environ.get(KEY_FILE)):
            place = KEY_FILE
            if _BEGIN.search(file):  # and so it is not repeated
                raise SigningKeyError(
                    f"{KEY_FILE} holds a key, expected the name of its file; set {KEY} to the key, or this to its file"
                )
            try:
                text = Path(file).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is no text"
                raise SigningKeyError(
                    f"{KEY_FILE} is {file!r}, which cannot be read: {why}; name the key's file"
                ) from None
        if not text:
            raise SigningKeyError(
                f"neither {KEY} nor {KEY_FILE} is set, expected the private key of signed_by, with which the image is "
                "signed; set one of them where models are built"
            )
        found = _private(text, place)
        if spoken(found.public_key()) != spoken(wanted[0]):
            which = "the first key" if len(wanted) > 1 else "the key"
            raise SigningKeyError(
                f"{place} holds another key than that of signed_by, expected the private half of {which} that the "
                "stack names; set that one, or change image.signed_by"
            )
        return cls(found)

    def sign(self, payload: bytes) -> str:
        """The signature in base64; the same for the same payload, so that signing an image again changes nothing."""
        scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return base64.b64encode(self._key.sign(payload, scheme)).decode()


def _private(text: str, place: str) -> ec.EllipticCurvePrivateKey:
    password = os.environ.get(PASSWORD) or None
    if "SIGSTORE PRIVATE KEY" in text or "COSIGN PRIVATE KEY" in text:
        raise SigningKeyError(
            f"{place} holds a key in cosign's own form, expected PKCS#8, which openssl writes; make one with {_MAKE}, "
            "and give it to cosign by cosign import-key-pair"
        )
    try:
        found = serialization.load_pem_private_key(text.encode(), password.encode() if password else None)
    except TypeError:
        if password is None:
            raise SigningKeyError(f"the key in {place} is encrypted, and {PASSWORD} is not set; set it") from None
        raise SigningKeyError(f"the key in {place} is not encrypted, and {PASSWORD} is set; unset it") from None
    except (ValueError, UnsupportedAlgorithm):
        if password and "ENCRYPTED" in text:
            raise SigningKeyError(
                f"{place} holds no private key that opens with {PASSWORD}, expected its password; correct it, or bring "
                "the key's file back if that is damaged"
            ) from None
        raise SigningKeyError(f"{place} holds no private key, expected PKCS#8 as PEM; make one with {_MAKE}") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise SigningKeyError(
            f"{place} holds a key of another kind, expected one on the curve P-256; make one with {_MAKE}"
        )
    return found


def payload(name: str, digest: str) -> bytes:
    """What is signed of the image `digest`, which `name` is deployed from."""
    return canonical(
        {
            "critical": {
                "identity": {"docker-reference": name},
                "image": {"docker-manifest-digest": digest},
                "type": _SAID,
            },
            "optional": None,
        }
    )


def attach(layout: Path, digest: str, name: str, signer: Signer) -> str:
    """Sign the image `digest` of `layout`; the digest of the manifest that holds the signature."""
    text = payload(name, digest)
    return attach_as_cosign(layout, digest, SIGNATURE, text, PAYLOAD, {ANNOTATION: signer.sign(text)})


def verify(store: Layout, digest: str, manifest: Json, signed_by: str) -> None:
    """Hold a signature's manifest, whose blobs `store` has, to the image and the key. Raises SignatureError."""
    keys = public(signed_by)
    for layer in manifest.get("layers", [])[:_MOST]:
        try:
            if layer["mediaType"] != PAYLOAD or int(layer["size"]) > _LONGEST:
                continue
            text = store.read(str(layer["digest"]))
            signature = base64.b64decode(str(layer["annotations"][ANNOTATION]), validate=True)
            said: Any = json.loads(text)
            named = said["critical"]["image"]["docker-manifest-digest"], said["critical"]["type"]
        except _NO_SIGNATURE:
            continue
        if named == (digest, _SAID) and any(by(key, signature, text) for key in keys):
            return
    raise SignatureError(
        f"image {digest[:19]} has no signature by the key of signed_by, expected one; sign it where its models are "
        "built, or do not run it"
    )


def by(key: ec.EllipticCurvePublicKey, signature: bytes, text: bytes) -> bool:
    """Whether the signature of the text is one by the key."""
    try:
        key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def good(store: Layout, image: str, digest: str, signed_by: str) -> bool:
    """Whether the manifest `digest`, whose blobs `store` has, is a signature of the image by the key."""
    try:
        verify(store, image, store.manifest(digest), signed_by)
    except (SignatureError, *_NO_SIGNATURE):
        return False
    return True


def found(layout: Path, digest: str, signed_by: str) -> str:
    """The digest of a signature by the first of the keys that the image of a layout has; empty where it has none."""
    store, first = Layout(layout), spoken(public(signed_by)[0])
    listed = [str(each["digest"]) for each in referrers(layout, digest) if each["artifactType"] == SIGNATURE]
    return next((each for each in listed if good(store, digest, each, first)), "")
