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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from model_build.bake.attachments import SIGNATURE, referrers
from model_build.bake.errors import BakeError
from model_build.bake.layout import CONFIG, MANIFEST, Json, Layout, canonical
from model_build.errors import InputError, ModelBuildError

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
KEY, KEY_FILE, PASSWORD = "MODELPORT_SIGNING_KEY", "MODELPORT_SIGNING_KEY_FILE", "MODELPORT_SIGNING_PASSWORD"
_SAID = "cosign container image signature"
_MAKE = "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -out release.key"


class SigningKeyError(InputError):
    """A key that cannot be used, or that is not there."""


class SignatureError(ModelBuildError):
    """An image has no signature by the key that is asked for."""


def public(text: str, what: str = "signed_by") -> ec.EllipticCurvePublicKey:
    """A public key of PEM text. Raises SigningKeyError for anything but one on the curve P-256."""
    expected = "a public key on the curve P-256 as PEM; write it with openssl ec -pubout, or cosign public-key"
    try:
        found = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        got = "a private key" if "PRIVATE KEY" in text else "no public key"
        raise SigningKeyError(f"{what} holds {got}, expected {expected}") from None
    if not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, ec.SECP256R1):
        raise SigningKeyError(f"{what} holds a key of another kind, expected {expected}")
    return found


def spoken(key: ec.EllipticCurvePublicKey) -> str:
    """The key's PEM text, in one form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


@dataclass(frozen=True)
class Signer:
    """Whoever has the private key of a public one."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, signed_by: str) -> "Signer":
        """The private key of `signed_by`, from the environment. Raises SigningKeyError where that has none."""
        wanted, text, place = public(signed_by), os.environ.get(KEY, ""), KEY
        if not text and (file := os.environ.get(KEY_FILE)):
            place = KEY_FILE
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
        if spoken(found.public_key()) != spoken(wanted):
            raise SigningKeyError(
                f"{place} holds another key than that of signed_by, expected the private half of the key that the "
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
        got = f"encrypted, and {PASSWORD} is not set" if password is None else f"not encrypted, and {PASSWORD} is set"
        raise SigningKeyError(f"the key in {place} is {got}; set or unset it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyError(
            f"{place} holds no private key that opens"
            f"{' with ' + PASSWORD if password else ''}, expected PKCS#8 as PEM; make one with {_MAKE}"
        ) from None
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
    store = Layout(layout)
    subject = store.descriptor(digest)
    text = payload(name, digest)
    signed, size = store.add(text)
    config, config_size = store.add(
        canonical({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [signed]}})
    )
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": SIGNATURE,
        "config": {"mediaType": CONFIG, "digest": config, "size": config_size},
        "layers": [
            {"mediaType": PAYLOAD, "digest": signed, "size": size, "annotations": {ANNOTATION: signer.sign(text)}}
        ],
        "subject": {key: subject[key] for key in ("mediaType", "digest", "size")},
    }
    made, size = store.add(canonical(manifest))
    store.add_to_index({"mediaType": MANIFEST, "digest": made, "size": size, "artifactType": SIGNATURE})
    return made


def verify(store: Layout, digest: str, manifest: Json, signed_by: str) -> None:
    """Hold a signature's manifest, whose blobs `store` has, to the image and the key. Raises SignatureError."""
    key = public(signed_by)
    for layer in manifest.get("layers", []):
        signature = str((layer.get("annotations") or {}).get(ANNOTATION, ""))
        if layer.get("mediaType") != PAYLOAD or not signature:
            continue
        text = store.read(str(layer["digest"]))
        try:
            key.verify(base64.b64decode(signature, validate=True), text, ec.ECDSA(hashes.SHA256()))
            said: Any = json.loads(text)
            named = said["critical"]["image"]["docker-manifest-digest"], said["critical"]["type"]
        except (InvalidSignature, binascii.Error, ValueError, KeyError, TypeError):
            continue
        if named == (digest, _SAID):
            return
    raise SignatureError(
        f"image {digest[:19]} has no signature by the key of signed_by, expected one; sign it where its models are "
        "built, or do not run it"
    )


def good(store: Layout, image: str, digest: str, signed_by: str) -> bool:
    """Whether the manifest `digest`, whose blobs `store` has, is a signature of the image by the key."""
    try:
        verify(store, image, store.manifest(digest), signed_by)
    except (SignatureError, BakeError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def found(layout: Path, digest: str, signed_by: str) -> str:
    """The digest of a signature by this key that the image of a layout has already; empty where it has none."""
    store = Layout(layout)
    listed = [str(each["digest"]) for each in referrers(layout, digest) if each["artifactType"] == SIGNATURE]
    return next((each for each in listed if good(store, digest, each, signed_by)), "")
