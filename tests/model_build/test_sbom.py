"""The bill of materials of an image that was really baked, and of root folders that are odd."""

import hashlib
import io
import json
import re
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from model_build import bake, sbom
from model_build.bake.debian import read_lock
from model_build.bake.errors import BakeError
from model_build.bake.inputs import APP, wheels_lock
from model_build.bake.inside import parts
from model_build.bake.layout import LAYER, Layout
from tests.tools import models


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A layout and the digest of a small model's image in it."""
    folder = tmp_path_factory.mktemp("sbom")
    made = bake.bake(models.folder(folder / "model"), name="tiny", base="debian", layout=folder / "images")
    return folder / "images", made.digest


@pytest.fixture(scope="module")
def told(image: tuple[Path, str]) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(sbom.describe(*image))
    return found


def test_it_is_cyclonedx_as_its_own_schema_has_it(image: tuple[Path, str]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.describe(*image).decode()) is None


def test_it_names_every_package_of_both_locks(told: Mapping[str, Any]) -> None:
    purls = {str(each.get("purl", "")).partition("?")[0] for each in told["components"]}
    names = {purl.partition("@")[0] for purl in purls}
    assert {PackageURL("deb", "debian", package.name).to_string() for package in read_lock()} <= names
    lines = [line for line in wheels_lock().read_text().splitlines() if re.match(r"[a-z0-9]", line)]
    pinned = {f"pkg:pypi/{line.split()[0].replace('==', '@')}" for line in lines}
    python = {purl for purl in purls if purl.startswith("pkg:pypi/")}
    assert python <= pinned  # one package may be pinned once for each Python
    assert {purl.partition("@")[0] for purl in python} == {purl.partition("@")[0] for purl in pinned}


def test_it_is_of_the_image_and_knows_the_model_by_its_content(
    told: Mapping[str, Any], image: tuple[Path, str]
) -> None:
    layout, digest = image
    assert told["metadata"]["component"]["version"] == digest
    (model,) = [each for each in told["components"] if each["type"] == "machine-learning-model"]
    inside = parts(f"oci:{layout}@{digest}").model
    assert model["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256((inside / "model.onnx").read_bytes()).hexdigest()}
    ]


def test_the_same_image_is_described_in_the_same_bytes(image: tuple[Path, str]) -> None:
    assert sbom.describe(*image) == sbom.describe(*image)
    assert b"1970-01-01" in sbom.describe(*image)


def test_a_base_of_known_packages_is_not_called_incomplete(told: Mapping[str, Any]) -> None:
    assert "compositions" not in told


DIGEST = "sha256:" + "0" * 64
TINI = "Package: tini\nStatus: install ok installed\nVersion: 0.19\nArchitecture: amd64\n"


def root(folder: Path, status: str, release: str = "ID=debian\nVERSION_ID=12\n") -> Path:
    """A root folder with dpkg's database and os-release."""
    for name, text in (("var/lib/dpkg/status", status), ("etc/os-release", release)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def purls(folder: Path) -> list[str]:
    return [str(each.purl) for each in sbom.debian_packages(folder)[0]]


@pytest.mark.parametrize("link", ["var/lib/dpkg/status", "var/lib/dpkg/status.d", "var/lib/dpkg", "etc/os-release"])
def test_no_link_of_the_image_leads_to_files_of_this_machine(tmp_path: Path, link: str) -> None:
    host = root(tmp_path / "host", "Package: host\nVersion: 1\n", "ID=host\n")
    (host / "var/lib/dpkg/status.d").mkdir()
    (host / "var/lib/dpkg/status.d/host").write_text("Package: host-alone\nVersion: 1\n")
    image = root(tmp_path / "image", TINI)
    place = image / link
    if place.is_dir():
        place.rename(image / "away")
    place.unlink(missing_ok=True)
    place.symlink_to("../" * (link.count("/") + 1) + f"host/{link}")
    assert (place / "host" if link.endswith(".d") else place).exists()  # as a program of this machine follows it
    assert "host" not in " ".join(purls(image))


def test_links_are_followed_inside_the_image(tmp_path: Path) -> None:
    image = root(tmp_path, TINI)
    (image / "usr/lib").mkdir(parents=True)
    (image / "etc/os-release").rename(image / "usr/lib/os-release")
    (image / "etc/os-release").symlink_to("/usr/lib/os-release")
    assert purls(image) == ["pkg:deb/debian/tini@0.19?arch=amd64&distro=debian-12"]


@pytest.mark.parametrize("target", ["status", "a" * 300])
def test_links_to_nowhere_are_no_database(tmp_path: Path, target: str) -> None:
    image = root(tmp_path, TINI)
    (image / "var/lib/dpkg/status").unlink()
    (image / "var/lib/dpkg/status").symlink_to(target)
    assert sbom.debian_packages(image) == ([], False)


def test_a_database_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    image = root(tmp_path, TINI)
    (image / "var/lib/dpkg/status.d").mkdir()
    (image / "var/lib/dpkg/status.d/base").write_text("Package: base\nVersion: 1\n")
    with (image / "var/lib/dpkg/status").open("ab") as file:
        file.truncate(65 << 20)
    found, complete = sbom.debian_packages(image)
    assert ([each.name for each in found], complete) == (["base"], False)


@pytest.mark.parametrize(
    "record",
    [
        "Package: \nVersion: 1",
        "Package:   \nVersion: 1",
        "Package: /\nVersion: 1",
        "Package: a",
        "Package: a\nVersion: ",
        f"Package: a\nVersion: {'1' * 1025}",
    ],
)
def test_a_record_that_names_no_package_is_left_out_and_said(tmp_path: Path, record: str) -> None:
    found, complete = sbom.debian_packages(root(tmp_path, f"{record}\n\n{TINI}"))
    assert ([each.name for each in found], complete) == (["tini"], False)


@pytest.mark.parametrize(
    "status", ["install ok not-installed", "install ok half-installed", "deinstall ok config-files"]
)
def test_what_is_not_installed_is_not_told(tmp_path: Path, status: str) -> None:
    image = root(tmp_path, f"Package: gone\nStatus: {status}\nVersion: 1\n\n{TINI}")
    assert ([each.name for each in sbom.debian_packages(image)[0]], sbom.debian_packages(image)[1]) == (["tini"], True)


@pytest.mark.parametrize("between", ["\n", " \n", "\t \n\n", "\r\n \r\n"])
def test_a_line_of_blanks_parts_two_packages(tmp_path: Path, between: str) -> None:
    image = root(tmp_path, f"Package: a\nVersion: 1\n{between}Package: b\nVersion: 2\n")
    assert [(each.name, each.version) for each in sbom.debian_packages(image)[0]] == [("a", "1"), ("b", "2")]


def test_fields_are_read_in_any_case_and_after_any_blanks(tmp_path: Path) -> None:
    image = root(tmp_path, "package:tini\nSTATUS:\tinstall ok installed\nVersion:\t0.19 \narchitecture: amd64\n")
    assert purls(image) == ["pkg:deb/debian/tini@0.19?arch=amd64&distro=debian-12"]


@pytest.mark.parametrize(
    "release", ["ID='ubuntu'\nVERSION_ID='24.04'", 'ID="ubuntu"\nVERSION_ID=24.04', "ID='ubuntu\n VERSION_ID=24.04"]
)
def test_values_of_os_release_lose_their_quotes(tmp_path: Path, release: str) -> None:
    image = root(tmp_path, TINI, release)
    assert purls(image) == ["pkg:deb/ubuntu/tini@0.19?arch=amd64&distro=ubuntu-24.04"]


def test_a_base_without_a_database_of_dpkg_is_called_incomplete(tmp_path: Path) -> None:
    (tmp_path / "lib/apk/db").mkdir(parents=True)
    (tmp_path / "lib/apk/db/installed").write_text("P:musl\nV:1.2.5-r0\n")
    found, complete = sbom.debian_packages(tmp_path)
    text = sbom.document(DIGEST, "tiny", [*found, sbom.program(tmp_path)], complete=complete)
    assert json.loads(text)["compositions"] == [
        {"aggregate": "incomplete", "assemblies": [DIGEST], "dependencies": [DIGEST]}
    ]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode()) is None


def test_the_work_grows_as_the_number_of_packages(tmp_path: Path) -> None:
    def calls(packages: int) -> int:
        records = "\n".join(f"Package: p{number}\nVersion: 1\n" for number in range(packages))
        found, complete = sbom.debian_packages(root(tmp_path, records))
        made = 0

        def count(frame: FrameType, event: str, of: object) -> None:
            nonlocal made
            made += event == "call"

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            sbom.document(DIGEST, "tiny", found, complete=complete)
        finally:
            sys.setprofile(before)
        return made

    calls(1)  # what is made but once
    few, some, many = calls(50), calls(100), calls(200)
    assert many - some < 2.2 * (some - few)


def test_the_same_package_twice_is_told_once(tmp_path: Path) -> None:
    found, complete = sbom.debian_packages(root(tmp_path, f"{TINI}\n{TINI}"))
    told = json.loads(sbom.document(DIGEST, "tiny", found, complete=complete))
    assert [each["name"] for each in told["components"]] == ["tini"]


def test_the_digest_of_the_program_is_not_of_files_that_links_lead_to(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        (tmp_path / "host.py").write_text(text)
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder/more.py").write_text(text)
        return str(sbom.program(tmp_path / "app").hashes[0].content)

    (tmp_path / "app").mkdir()
    bare = digest("1")
    (tmp_path / "app/linked.py").symlink_to("../host.py")
    (tmp_path / "app/folder").symlink_to("../folder")
    assert digest("1") == digest("2") != bare


@pytest.mark.parametrize("metadata", ["Version: 1\n", "Name: \nVersion: 1\n", f"Name: a\nVersion: {'1' * 1025}\n"])
def test_a_distribution_without_a_name_is_left_out_and_said(tmp_path: Path, metadata: str) -> None:
    for name, text in (("odd", metadata), ("good", "Name: Good_One\nVersion: 1.0\n")):
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info/METADATA").write_text(text)
    found, complete = sbom.python_packages(tmp_path)
    assert ([str(each.purl) for each in found], complete) == (["pkg:pypi/good-one@1.0"], False)


def test_an_image_whose_program_is_a_link_to_this_machine_is_none_of_ours(
    tmp_path: Path, image: tuple[Path, str]
) -> None:
    (tmp_path / "serving").mkdir()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        link = tarfile.TarInfo(APP)
        link.type, link.linkname = tarfile.SYMTYPE, "../" * 40 + str(tmp_path).lstrip("/")
        archive.addfile(link)
    store = Layout(image[0])
    manifest = store.manifest(image[1])
    config = json.loads(store.read(manifest["config"]["digest"]))
    digest, size = store.add(tar.getvalue())
    config["rootfs"]["diff_ids"][-2] = digest
    manifest["layers"][-2] = {"mediaType": LAYER, "digest": digest, "size": size}
    digest, size = store.add(json.dumps(config).encode())
    manifest["config"].update(digest=digest, size=size)
    with pytest.raises(BakeError, match="has links where"):
        sbom.describe(image[0], store.add(json.dumps(manifest).encode())[0])


@pytest.mark.parametrize(("name", "says"), [("model.json", "names no model"), ("model.onnx", "expected a file")])
def test_a_model_that_is_a_link_out_of_its_folder_is_one_clear_error(tmp_path: Path, name: str, says: str) -> None:
    folder = models.folder(tmp_path / "models/model")
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(f"../../{name}")
    assert (folder / name).is_file()
    with pytest.raises(BakeError, match=says):
        sbom.model(folder)
