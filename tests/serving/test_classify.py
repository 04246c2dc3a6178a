"""Pictures in, labels out."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from serving.core import manifest
from serving.core.images import Classifier
from serving.core.model import Model
from serving.errors import StartError
from tests.serving import models
from tests.serving.support import Server

Echo = Callable[..., list[float]]


def stripe(row: int, size: int = 8, mode: str = "L") -> Image.Image:
    """Dark, with one bright row of eight."""
    values = np.zeros((8, 8), dtype=np.uint8)
    values[row] = 255
    return Image.fromarray(values).resize((size, size), Image.Resampling.BOX).convert(mode)


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, kind, **options)
    return encoded.getvalue()


def classify(server: Server, http: httpx.Client, content: bytes, query: str = "", **headers: str) -> httpx.Response:
    return http.post(f"{server.url}/v2/models/digits/classify{query}", content=content, headers=headers)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [8, 64, 200])
def test_a_picture_gets_its_label(digits: Server, http: httpx.Client, kind: str, size: int) -> None:
    answer = classify(digits, http, encode(stripe(5, size, "RGB"), kind)).json()
    assert (answer["model_name"], answer["model_version"], answer["label"]) == ("digits", "1", "5")
    predictions = answer["predictions"]
    assert predictions[0] == {"label": "5", "confidence": answer["confidence"]}
    assert sorted(each["label"] for each in predictions) == models.LABELS
    confidences = [each["confidence"] for each in predictions]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1.0, abs=1e-5)


def test_a_form_field_and_a_raw_body_are_the_same(digits: Server, http: httpx.Client) -> None:
    picture = encode(stripe(3))
    raw = classify(digits, http, picture, **{"Content-Type": "image/png"}).json()
    assert classify(digits, http, picture, **{"Content-Type": "application/x-www-form-urlencoded"}).json() == raw
    address = f"{digits.url}/v2/models/digits/classify"
    form = http.post(address, files={"image": ("x.png", picture, "image/png")}, data={"note": "before"})
    assert form.json() == raw


def test_top_says_how_many(digits: Server, http: httpx.Client) -> None:
    picture = encode(stripe(3))
    assert len(classify(digits, http, picture, "?top=3").json()["predictions"]) == 3
    assert len(classify(digits, http, picture, "?top=99").json()["predictions"]) == 10
    for wrong in ("0", "-1", "x", ""):
        answer = classify(digits, http, picture, f"?top={wrong}")
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": f"top is '{wrong}', expected how many labels, from 1"},
        )


def huge_png(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        (b"", {}, 400, "the body is empty, expected a PNG or JPEG"),
        (b"hello", {"Content-Type": "text/plain"}, 415, "the body is no PNG or JPEG (it begins with b'hello')"),
        (encode(stripe(1), "GIF"), {}, 415, "the body is no PNG or JPEG (it begins with b'GIF8"),
        (encode(stripe(1))[:50], {}, 400, "the picture is broken: "),
        (encode(stripe(1, 100), "JPEG")[:300], {}, 400, "the picture is broken: "),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), {}, 400, "the picture is broken: "),
        (huge_png(301, 300), {}, 413, "the picture has 301 x 300 pixels, at most 90000 are taken; scale it down"),
        (huge_png(60_000, 60_000), {}, 413, "the picture has 60000 x 60000 pixels, at most 90000 are taken"),
        (huge_png(200, 200), {}, 400, "the picture is broken: "),
        (
            b"--x",
            {"Content-Type": "multipart/form-data"},
            400,
            "content-type is multipart/form-data without a boundary",
        ),
        (b"--x", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "the multipart form ends before its last"),
        (b"nonsense", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "the multipart form is broken: "),
    ],
    ids=[
        "empty",
        "text",
        "gif",
        "cut png",
        "cut jpeg",
        "random",
        "large",
        "bomb",
        "short",
        "bare",
        "cut form",
        "no form",
    ],
)
def test_what_is_no_picture_is_refused(
    digits: Server, http: httpx.Client, content: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    answer = classify(digits, http, content, **headers)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(said)


def test_a_form_without_the_field_says_which_it_found(digits: Server, http: httpx.Client) -> None:
    answer = http.post(f"{digits.url}/v2/models/digits/classify", files={"picture": encode(stripe(3))})
    said = "the form has no field 'image' (found 'picture'); send -F image=@picture.png"
    assert (answer.status_code, answer.json()) == (400, {"error": said})


def test_a_model_without_labels_takes_no_pictures(mixed: Server, http: httpx.Client) -> None:
    answer = http.post(f"{mixed.url}/v2/models/tiny/classify", content=encode(stripe(3)))
    said = "model 'tiny' takes no pictures: its recipe has no classify section; use /infer"
    assert (answer.status_code, answer.json()) == (404, {"error": said})


@pytest.fixture
def echo(tmp_path: Path) -> Callable[..., list[float]]:
    """What the model sees of a picture: the confidences of a model that gives its input back."""

    def run(picture: Image.Image | bytes, **preprocess: Any) -> list[float]:
        spec = {"width": 2, "height": 2, "mode": "L", "layout": "flat", "resize": "box", **preprocess}
        channels = {"L": 1, "RGB": 3}[spec["mode"]]
        shape = {"flat": (1, 4 * channels), "NCHW": (1, channels, 2, 2), "NHWC": (1, 2, 2, channels)}[spec["layout"]]
        labels = [str(each) for each in range(4 * channels)]
        classify = {"input": "x", "output": "y", "labels": labels, "preprocess": spec}
        found = manifest.read(models.identity(tmp_path / "echo", "FP32", shape, classify=classify))
        assert found.classify is not None
        classifier = Classifier(Model(found, threads=1), found.classify, max_pixels=10**6)
        predictions, _ = classifier.classify(picture if isinstance(picture, bytes) else encode(picture), None)
        by_label = {each.label: each.confidence for each in predictions}
        return [by_label[label] for label in labels]

    return run


GREYS = Image.fromarray(np.array([[0, 51], [102, 255]], dtype=np.uint8))


def test_scale_mean_std_and_invert(echo: Echo) -> None:
    assert echo(GREYS, scale=1 / 255) == pytest.approx([0.0, 0.2, 0.4, 1.0])
    assert echo(GREYS, scale=1 / 255, invert=True) == pytest.approx([1.0, 0.8, 0.6, 0.0])
    assert echo(GREYS, scale=1 / 255, mean=[-0.1], std=[2.0]) == pytest.approx([0.05, 0.15, 0.25, 0.55])


def test_layouts(echo: Echo) -> None:
    colours = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 10)
    by_pixel = [each * 10 / 255 for each in range(12)]
    assert echo(colours, mode="RGB", layout="NHWC", scale=1 / 255) == pytest.approx(by_pixel)
    assert echo(colours, mode="RGB", layout="flat", scale=1 / 255) == pytest.approx(by_pixel)
    by_channel = [by_pixel[pixel * 3 + channel] for channel in range(3) for pixel in range(4)]
    assert echo(colours, mode="RGB", layout="NCHW", scale=1 / 255) == pytest.approx(by_channel)


def test_transparent_is_white_and_16_bits_keep_their_range(echo: Echo) -> None:
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert echo(clear, scale=1 / 255) == pytest.approx([1.0] * 4)
    deep = Image.fromarray(np.array([[0, 65535], [32768, 257]], dtype=np.uint16))
    assert echo(deep, scale=1 / 255) == pytest.approx([0.0, 1.0, 0.5, 1 / 255], abs=0.003)


def test_a_photo_that_lies_on_its_side_is_turned(echo: Echo) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    upside_down = Image.fromarray(np.array([[0, 0], [255, 255]], dtype=np.uint8)).resize((16, 16), Image.Resampling.BOX)
    turned = echo(encode(upside_down, "JPEG", exif=exif, quality=100), scale=1 / 255)
    assert turned == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=0.02)


def test_scores_beyond_0_to_1_go_through_softmax(echo: Echo) -> None:
    found = echo(GREYS, scale=1 / 51)
    assert sum(found) == pytest.approx(1.0)
    assert found[3] == pytest.approx(np.exp(5) / np.exp([0, 1, 2, 5]).sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": "x"}, "classify.input is 'x', expected one of image"),
        ({"output": "x"}, "classify.output is 'x', expected one of probabilities, label"),
        ({"labels": ["a", "b"]}, "classify does not work with this model: output 'probabilities' has 10 numbers"),
        (
            {"preprocess": {"width": 9, "height": 8, "mode": "L", "layout": "flat"}},
            "classify.preprocess does not fit the model: input 'image': shape is [1, 72], expected [-1, 64]",
        ),
    ],
)
def test_a_classify_section_that_does_not_fit_stops_the_start(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = models.digits(tmp_path / "m")
    content = json.loads((folder / "model.json").read_text())
    content["classify"].update(change)
    (folder / "model.json").write_text(json.dumps(content))
    found = manifest.read(folder)
    assert found.classify is not None
    with pytest.raises(StartError) as caught:
        Classifier(Model(found, threads=1), found.classify, max_pixels=100).warm_up()
    assert str(caught.value).startswith(said)


def test_the_same_answer_from_a_uint8_model(tmp_path: Path, http: httpx.Client) -> None:
    spec = {"width": 2, "height": 2, "mode": "L", "layout": "flat", "resize": "nearest", "scale": 1 / 255}
    classifier = {"input": "x", "output": "y", "labels": list("abcd"), "preprocess": spec}
    folder = models.identity(tmp_path / "m", "UINT8", (1, 4), classify=classifier)
    with closing(Server(tmp_path, folder, "--workers", "1")) as server:
        picture = encode(Image.fromarray(np.array([[0, 0], [255, 0]], dtype=np.uint8)))
        answer = http.post(f"{server.url}/v2/models/tiny/classify?top=1", content=picture).json()
    assert answer["predictions"] == [{"label": "c", "confidence": 1.0}]
