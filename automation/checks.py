"""What `doctor` looks at. Each check returns what it found, or raises Note or Wrong with what to do about it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automation.drivers import Choice, resolve
from automation.exits import Failure
from automation.projects import Target, has_spec

if TYPE_CHECKING:
    from model_build.recipe import Recipe
    from stacks.spec import StackSpec

OLDEST = (3, 11)
NEEDED = ("pulumi", "pydantic", "onnx", "onnxruntime", "cryptography", "numpy", "httpx", "pillow")
LEAST_FREE = 1_000_000_000
"""Bytes: base, wheels, two images unpacked and the layers they are made of."""


class Wrong(Exception):
    """`up` would fail on this."""

    def __init__(self, found: str, fix: str) -> None:
        self.found, self.fix = found, fix
        super().__init__(found)


class Note(Wrong):
    """Something to know that stops nothing."""


def python() -> str:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST:
        raise Wrong(f"{version}, expected 3.11 or newer", "install Python 3.11 and run make setup")
    return f"{version} at {sys.executable}"


def packages() -> str:
    missing: list[str] = []
    for name in NEEDED:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise Wrong(f"{', '.join(missing)} not installed", "run make setup, or pip install modelport")
    return f"pulumi {metadata.version('pulumi')}, onnxruntime {metadata.version('onnxruntime')}"


def virtualenv() -> str:
    if sys.prefix == sys.base_prefix:
        raise Note("none, the system's Python is used", "run make setup, then .venv/bin/modelport")
    return sys.prefix


def engine(choice: Choice) -> str:
    try:
        chosen = resolve(choice)
    except Failure as failure:
        raise Wrong(failure.messages[0], "install the Pulumi CLI, or --engine embedded") from None
    if chosen is Choice.EMBEDDED:
        why = "as asked" if choice is Choice.EMBEDDED else "no complete Pulumi CLI on PATH"
        return f"embedded ({why})"
    try:
        said = subprocess.run(["pulumi", "version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Wrong(f"pulumi is on PATH and does not run: {error}", "install it anew, or --engine embedded") from None
    return f"pulumi {said.stdout.strip()} at {shutil.which('pulumi')}"


def backend(root: Path) -> str:
    from engine.backend import choose
    from engine.errors import EngineError
    from engine.projects import load_project

    try:
        url = choose(load_project(root).backend_url)
    except EngineError as error:
        raise Wrong(str(error), "correct Pulumi.yaml") from None
    if not url.startswith("file://"):
        return url
    place = (root / Path(url.removeprefix("file://")).expanduser()).resolve()
    _writable(place, "PULUMI_BACKEND_URL")
    return f"file://{place}"


def _cache() -> Path:
    from model_build import folders

    return folders.cache()


def _data() -> Path:
    from model_build import folders

    return folders.data()


def _state() -> Path:
    from engine.backend import state_dir

    return state_dir()


FOLDERS: dict[str, Callable[[], Path]] = {"cache": _cache, "data": _data, "state": _state}


def folder(kind: str) -> str:
    place = FOLDERS[kind]()
    _writable(place, f"MODELPORT_{kind.upper()}_DIR")
    return str(place)


def _writable(place: Path, variable: str) -> None:
    """Try it in the nearest folder that exists: `up` makes the rest."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir():
        raise Wrong(f"{there} is a file, expected a folder", f"move it away, or set {variable} to a folder of yours")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise Wrong(f"{there} cannot be written: {error.strerror}", f"set {variable} to a folder of yours") from None


def disk() -> str:
    tightest = min((_free(look()), str(look())) for look in (_cache, _data))
    if tightest[0] < LEAST_FREE:
        raise Wrong(
            f"{tightest[0] / 1e9:.1f} GB free at {tightest[1]}, expected at least {LEAST_FREE / 1e9:.0f} GB",
            "make room, run modelport gc, or set MODELPORT_CACHE_DIR and MODELPORT_DATA_DIR",
        )
    return f"{tightest[0] / 1e9:.1f} GB free at {tightest[1]}"


def _free(place: Path) -> int:
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return shutil.disk_usage(there).free


def containers() -> str:
    from components.local.containers import answers

    found = [tool for tool in ("docker", "podman") if answers(tool)]
    if not found:
        raise Note(
            "neither docker nor podman answers: images are built without, and run as processes from their own layers",
            "install either to run them in containers",
        )
    return f"{found[0]} answers"


def stack_file(target: Target) -> "StackSpec | None":
    """The stack file, checked; None where the project's stacks are not Modelport's own."""
    if not has_spec(target.root):
        return None
    from stacks.spec import SpecError, StackSpec

    try:
        return StackSpec.from_file(target.file)
    except SpecError as error:
        raise Wrong("; ".join(error.lines), "correct the stack file") from None


def frameworks(model: "Recipe", root: Path) -> str:
    """What the model is built with. A stack that is promoted to, or previewed, does without."""
    from model_build import extras
    from model_build.errors import InputError

    try:
        found = extras.lacking(json.loads(model.canonical()), root)
    except InputError as error:
        raise Wrong(*_halves(str(error))) from None
    if not found:
        return "all that the model is built with is installed"
    missing = ", ".join(name for names in found.values() for name in names)
    raise Wrong(
        f"{missing} not installed, which the model is built with", f"pip install 'modelport[{','.join(found)}]'"
    )


def _halves(message: str) -> tuple[str, str]:
    found, _, fix = message.partition("; ")
    return found, fix or "correct the stack file"


def passphrase(stack: str) -> str:
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        if name in os.environ:
            return f"from {name}"
    if stack == "local":
        return "made up by the first up, and kept"
    # No failure: a backend that keeps its own keys needs none.
    raise Note("none is set", "export PULUMI_CONFIG_PASSPHRASE, which encrypts the secrets in the stack's state")


def port(number: int, stack: str) -> str:
    from components.local.errors import LocalError
    from components.local.ports import holder, require_free

    try:
        require_free(number)
    except LocalError as error:
        holds = holder(number)
        if holds.startswith("the endpoint "):
            return f"{number} is answered by {holds}"
        raise Wrong(error.message, f"set modelport:endpoint.port in Pulumi.{stack}.yaml, or stop it") from None
    return f"{number} is free"


def base(name: str) -> str:
    if name != "debian":
        return name
    from model_build.bake.apt import require_apt
    from model_build.errors import ModelBuildError

    try:
        require_apt()
    except ModelBuildError as error:
        raise Wrong(str(error), "install apt, or set modelport:model.base to an image") from None
    return "debian, from locked packages through apt"


def registry(destination: str) -> str:
    from model_build.errors import ModelBuildError
    from model_build.push import exists

    host = destination.partition("/")[0]
    try:
        # any digest will do: the question is whether the registry answers and lets us in
        exists(f"{destination.partition('@')[0]}@sha256:{'0' * 64}")
    except ModelBuildError as error:
        raise Wrong(str(error), f"start it, or docker login {host}") from None
    return f"{host} answers"


def signing_key(file: Path) -> str:
    """Whether this machine can sign images by the public key in `file`. Raises Wrong."""
    from model_build.signing import KEY, KEY_FILE, Signer, SigningKeyError

    try:
        Signer.of(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = (getattr(error, "strerror", None) or "it is no text").lower()
        raise Wrong(f"{file}: {why}", "name the file of the public key in image.signed_by") from None
    except SigningKeyError as error:
        found, _, fix = str(error).rpartition("; ")
        # Whoever only looks, or brings up what is signed already, needs none.
        kind = Wrong if any(os.environ.get(each) for each in (KEY, KEY_FILE)) else Note
        raise kind(found, fix) from None
    return f"the private key of {file.name} is here"


def cloud_provider(root: Path, choice: Choice, cloud: str) -> str:
    """The plugin that an `up` wants for `aws`, `gcp` or `docker`, under either engine."""
    from engine.errors import EngineError
    from engine.projects import load_project
    from engine.providers import discovery, plan_only

    try:
        chosen, version = resolve(choice), metadata.version(f"pulumi-{cloud}")
        if chosen is Choice.PULUMI:
            return f"pulumi gets the plugin {cloud} {version} where it has not"
        project = load_project(root)
        found = discovery.find(cloud, version, project.plugins, project.root)
    except Failure as failure:
        raise Wrong(failure.messages[0], "install the Pulumi CLI, or --engine embedded") from None
    except metadata.PackageNotFoundError:
        raise Wrong(f"pulumi-{cloud} is not installed", f"pip install 'modelport[{cloud}]'") from None
    except EngineError as error:
        raise Wrong(str(error), "correct Pulumi.yaml") from None
    if found is None:
        raise Wrong(f"no plugin {cloud} {version}: `preview` plans, `up` is refused", plan_only.install(cloud, version))
    return f"plugin at {found.file}" if found.file else f"a provider that listens on port {found.port}"


def aws_credentials() -> str:
    """Whether AWS's own library finds credentials; who they are of is asked of nobody."""
    try:
        session: Any = import_module("botocore.session")
        errors: Any = import_module("botocore.exceptions")
    except ImportError:
        raise Wrong("what asks AWS for a login is not installed", "pip install 'modelport[aws]'") from None
    try:
        found = session.Session().get_credentials()
    except errors.BotoCoreError as error:
        raise Wrong(str(error), "correct AWS_PROFILE, or run aws configure") from None
    if found is None:
        raise Wrong("none are found", "set AWS_PROFILE, or run aws configure or aws sso login")
    return f"from {found.method}"


def aws_command() -> str:
    """The AWS command line, by which a kubeconfig of EKS gets its tokens."""
    found = shutil.which("aws")
    if found is None:
        raise Wrong(
            "aws is not on PATH", "install the AWS command line: the cluster's kubeconfig gets its tokens by it"
        )
    return found


def google_credentials() -> str:
    """Whether Google's own library finds credentials; who they are of is asked of nobody."""
    try:
        auth: Any = import_module("google.auth")
        errors: Any = import_module("google.auth.exceptions")
    except ImportError:
        raise Wrong("what asks Google for a login is not installed", "pip install 'modelport[gcp]'") from None
    try:
        with _elsewhere(), warnings.catch_warnings():
            # That a person's credentials name no project to bill is of no account here.
            warnings.simplefilter("ignore", UserWarning)
            found, _ = auth.default()
    except errors.GoogleAuthError as error:
        if "were not found" in str(error):
            raise Wrong("none are found", "gcloud auth application-default login") from None
        raise Wrong(" ".join(str(error).split()), "correct GOOGLE_APPLICATION_CREDENTIALS") from None
    return f"by {type(found).__module__}"


@contextmanager
def _elsewhere() -> Generator[None, None, None]:
    """Within, a machine that is none of Google's is not asked for nine seconds whether it is one."""
    product = Path("/sys/class/dmi/id/product_name")
    if "NO_GCE_CHECK" in os.environ or (product.is_file() and "Google" in product.read_text(errors="replace")):
        yield
        return
    os.environ["NO_GCE_CHECK"] = "true"
    try:
        yield
    finally:
        del os.environ["NO_GCE_CHECK"]


def google_command() -> str:
    """What a kubeconfig of GKE gets its tokens by."""
    found = shutil.which("gke-gcloud-auth-plugin")
    if found is None:
        raise Wrong(
            "gke-gcloud-auth-plugin is not on PATH",
            "gcloud components install gke-gcloud-auth-plugin: the cluster's kubeconfig gets its tokens by it",
        )
    return found
