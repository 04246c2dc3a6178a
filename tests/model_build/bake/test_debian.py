"""The Debian base: made of what the lock says and of nothing else."""

import dataclasses
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake import apt, debian
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BakeError
from model_build.bake.inputs import DEBIAN_LOCKS
from tests.model_build.bake.conftest import Baked

# Of the tar of the base. It changes with the lock; when it changes without, raise inputs.FORMAT.
_AGREED = "sha256:e57c019fda53846649b533cb1c2238fab6f9e41b1ea54ed5122a3c78ee60ed68"


def test_the_base_has_the_digest_that_was_agreed(baked: Baked) -> None:
    assert baked.image.layers[0].diff_id == _AGREED


def test_a_package_whose_hash_differs_is_refused_and_not_kept(tmp_path: Path) -> None:
    package = next(entry for entry in debian.read_lock() if entry.name == "libuuid1")
    wrong = dataclasses.replace(package, sha256="0" * 64)
    with pytest.raises(BakeError, match=r"could not fetch libuuid1 .*Hash Sum mismatch") as raised:
        apt.fetch([wrong], tmp_path / "debs")
    assert "python -m model_build.bake.debian lock" in str(raised.value)
    assert list((tmp_path / "debs").iterdir()) == []


def test_a_version_that_has_left_the_mirror_is_named_with_the_fix(tmp_path: Path) -> None:
    package = next(entry for entry in debian.read_lock() if entry.name == "libuuid1")
    gone = dataclasses.replace(
        package, version="1.0-1", sha256="1" * 64, filename="pool/main/u/util-linux/libuuid1_1.0-1_amd64.deb"
    )
    with pytest.raises(BakeError, match=r"could not fetch libuuid1 1\.0-1 .*have left it run `python -m model_build"):
        apt.fetch([gone], tmp_path / "debs")


def test_a_machine_without_apt_is_told_what_else_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BakeError, match=r"no apt.*name a base image"):
        apt.fetch(debian.read_lock(), tmp_path / "debs")


def test_a_mirror_named_by_hand_is_used_and_its_password_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODELPORT_DEBIAN_MIRRORS", "http://me:hunter2@127.0.0.1:9/debian")
    with pytest.raises(BakeError, match=r"http://127\.0\.0\.1:9/debian") as raised:
        apt.fetch(debian.read_lock()[:1], tmp_path / "debs")
    assert "hunter2" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to show that root is not needed")
def test_a_user_without_rights_fetches_with_an_empty_cache(baked: Baked) -> None:
    home = Path(tempfile.mkdtemp(prefix="modelport-nobody-", dir="/tmp"))
    try:
        # This test's own Python may lie where nobody else may read; the image's is anywhere.
        launcher = bake.launcher(bake.extract(baked.layout, baked.image.digest, home / "root"))
        shutil.copytree(Path(apt.__file__).parents[1], home / "app/model_build")
        program = (
            "from pathlib import Path; from model_build.bake import apt, debian\n"
            f"apt.fetch([p for p in debian.read_lock() if p.name == 'zlib1g'], Path({str(home)!r}) / 'debs')"
        )
        environment = {**launcher.env, "PYTHONPATH": str(home / "app"), "MODELPORT_CACHE_DIR": str(home / "cache")}
        for place in (home, home / "app"):
            os.chown(place, 65534, 65534)
        ran = subprocess.run(
            [*launcher.argv, "-c", program],
            user=65534,
            group=65534,
            extra_groups=[],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert [path.suffix for path in (home / "debs").iterdir()] == [".deb"]
    finally:
        shutil.rmtree(home)


def test_users_certificates_and_merged_folders_are_there(rootfs: Path) -> None:
    assert "nonroot:x:65532:65532:nonroot:/home/nonroot:" in (rootfs / "etc/passwd").read_text()
    assert "nonroot:x:65532:" in (rootfs / "etc/group").read_text()
    bundle = (rootfs / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") == bundle.count("END CERTIFICATE") > 100
    assert [str((rootfs / name).readlink()) for name in ("bin", "lib", "lib64")] == ["usr/bin", "usr/lib", "usr/lib64"]
    assert (rootfs / "etc/os-release").read_text().startswith("PRETTY_NAME=")


def test_nothing_is_setuid_and_the_only_program_is_python(rootfs: Path) -> None:
    files = [path for path in rootfs.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)] == []
    assert sorted(path.name for path in (rootfs / "usr/bin").iterdir()) == ["python3.11"]


def test_no_link_in_the_image_leads_nowhere(rootfs: Path) -> None:
    broken = [str(path.relative_to(rootfs)) for path in rootfs.rglob("*") if path.is_symlink() and not path.exists()]
    assert broken == []


def test_every_module_of_the_standard_library_that_is_there_imports(rootfs: Path) -> None:
    launcher = bake.launcher(rootfs)
    program = (
        "import importlib, os, sysconfig\n"
        "folder = os.path.join(sysconfig.get_path('stdlib'), 'lib-dynload')\n"
        "for name in sorted(os.listdir(folder)): importlib.import_module(name.split('.')[0])\n"
        "import asyncio, concurrent.futures, email, http.server, json, logging.config, multiprocessing, ssl, uuid, "
        "zoneinfo"
    )
    ran = subprocess.run([*launcher.argv, "-c", program], env=launcher.env, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_scanners_find_every_locked_package(rootfs: Path) -> None:
    listed = {path.name for path in (rootfs / "var/lib/dpkg/status.d").iterdir()}
    assert listed == {package.name for package in debian.read_lock()} == set(debian.PACKAGES)


@pytest.mark.parametrize("platform", DEBIAN_LOCKS)
def test_locking_finds_every_package_and_changes_no_file(platform: str) -> None:
    before = DEBIAN_LOCKS[platform].read_bytes()
    found = debian.lock(platform)
    assert [package.name for package in found] == list(debian.PACKAGES)
    assert all(len(package.sha256) == 64 and package.filename.startswith("pool/") for package in found)
    assert {Path(package.filename).stem.rpartition("_")[2] for package in found} <= {platform[6:], "all"}
    assert DEBIAN_LOCKS[platform].read_bytes() == before


def test_the_cache_keeps_packages_under_their_hash() -> None:
    paths = apt.fetch(debian.read_lock(), cache_dir() / "debs")
    assert {path.stem for path in paths.values()} == {package.sha256 for package in debian.read_lock()}
