"""One cluster for all who test on this machine: the first starts it, the last ends it, however each of them ends.

Each user holds a shared lock on a file; a keeper process, apart from all of them, runs the cluster while anyone holds
it. The kernel lets go of a killed user's lock, so nothing is counted and nothing can be counted wrongly.
"""

import contextlib
import fcntl
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build.bake.cache import cache_dir, file_lock
from tests.cluster import hooks, kubernetes, node
from tests.cluster.control import ControlPlane, kubectl
from tests.cluster.network import NODES, Namespaces
from tests.cluster.node import Node, remove_cgroups
from tests.cluster.registry import Registry
from tests.tools import debian
from tests.tools.docker import mount_cgroups

_KINDS_GONE = 10
"""How often a kind may be taken away while all objects are asked for."""
_GRACE_SECONDS = 2  # between one worker's end and the next one's start the cluster stays


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    kubeconfig: Path
    programs: Path
    """The folder with kubectl."""
    locks: Path
    registry: str
    """A registry that this machine pushes to and pods have images from, by the same words: "127.0.0.1:PORT"."""
    node_addresses: Mapping[str, str]
    """Each node's address, which this machine reaches, with its pods' and services' addresses."""
    host_address: str
    """This machine, as pods reach it."""
    folder: Path | None
    """The cluster's own: log/ has what its parts say. None for a cluster that somebody else runs."""

    @property
    def node_address(self) -> str:
        """Where node ports answer."""
        return next(iter(self.node_addresses.values()))

    def answering(self, port: int, seconds: float = 60.0) -> int:
        """`port` of the first node once it lets in: a service is ready some time before kube-proxy knows of it."""
        until = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection((self.node_address, port), timeout=5).close()
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return port

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """What kubectl prints, with `text` on its standard input; an error with its words when it fails."""
        return kubectl(self.programs, self.kubeconfig, *arguments, text=text)

    def everything(self, *where: str, namespaced: bool, without: Collection[str]) -> list[str]:
        """The names of all objects there, as KIND/NAME, but for those of the kinds `without`.

        Other tests make kinds and take them away; one that went between both questions is asked for no more.
        """
        told: RuntimeError | None = None
        for _ in range(_KINDS_GONE + 1):
            kinds = self.kubectl("api-resources", "--verbs=list", f"--namespaced={namespaced}".lower(), "--output=name")
            plain = ",".join(kind for kind in kinds.split() if kind not in without)
            try:
                return self.kubectl("get", plain, *where, "--output=name", "--ignore-not-found").split()
            except RuntimeError as error:
                if "have a resource type" not in str(error) and "requested resource" not in str(error):
                    raise
                told = error
        raise RuntimeError(f"{_KINDS_GONE + 1} times a kind was taken away meanwhile") from told

    @contextlib.contextmanager
    def alone(self, name: str) -> Generator[None]:
        """Keep other test runs on this cluster from what `name` stands for."""
        with file_lock(self.locks / f"{name}.lock"):
            yield

    @contextlib.contextmanager
    def addon(self, name: str) -> Generator[None]:
        """Have an add-on that not every cluster has (hooks.py); it stays as long as the cluster does."""
        if self.folder is None:
            _look_for(self, name)
            yield
            return
        for each in hooks.in_order(name):
            hooks.find(each).programs(print)
        wanted = self.folder / "addons" / name
        ready, failed = wanted.with_suffix(".ready"), wanted.with_suffix(".failed")
        wanted.touch()
        while wanted.exists() or not ready.exists():
            if not self.folder.exists():
                raise RuntimeError(f"the cluster ended before {name} was ready, see {self.locks / 'keeper.log'}")
            if failed.exists() and not wanted.exists():
                raise RuntimeError(f"{name} did not start: {failed.read_text()}")
            time.sleep(0.1)
        yield


def reason_against() -> str:
    """Why there can be no cluster here, empty where there can.

    A simulated node would need no root, but it calls every pod ready, and pods that are not are what is tested here.
    """
    if os.geteuid() != 0:
        return "a cluster of the tests' own has a kubelet, and a kubelet needs root"
    missing = [name for name in ("setpriv", "unshare", "nsenter", "mount") if shutil.which(name) is None]
    if missing:
        return f"a cluster of the tests' own needs {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    return f"a cluster of the tests' own needs namespaces: {tried.stderr.strip()}" if tried.returncode else ""


@contextlib.contextmanager
def use(say: kubernetes.Say = print, *, bare: bool = False) -> Generator[Cluster]:
    """The cluster, which runs at least as long as the context is held; `bare`: without add-ons if this starts it."""
    home = _home()
    with file_lock(home / "start.lock"):
        # A keeper that is ending holds the lock for itself until it has ended.
        users = _open(home / "users.lock", fcntl.LOCK_SH)
        try:
            if not _kept(home):
                fetch(say)
                _start(home, say, bare)
        except BaseException:
            os.close(users)
            raise
    try:
        known = json.loads((home / "keeper.json").read_text())
        _no_proxy(known["network"])
        kubeconfig, programs = Path(known["kubeconfig"]), Path(known["programs"])
        yield Cluster(
            kubeconfig, programs, home, known["registry"], known["nodes"], known["host"], Path(known["folder"])
        )
    finally:
        os.close(users)
        _leave(home)


def given(kubeconfig: Path, registry: str) -> Cluster:
    """A cluster that somebody else runs, such as kind's or k3d's, with kubectl on PATH."""
    found = shutil.which("kubectl")
    if found is None:
        raise RuntimeError("kubectl is not on PATH, expected one beside MODELPORT_TEST_KUBECONFIG; install it")
    programs = Path(found).parent
    nodes = json.loads(kubectl(programs, kubeconfig, "get", "nodes", "-o", "json"))["items"]
    addresses = {
        item["metadata"]["name"]: address["address"]
        for item in nodes
        for address in item["status"]["addresses"]
        if address["type"] == "InternalIP"
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((next(iter(addresses.values())), 9))  # no packet goes out: it finds the way there
        host = str(probe.getsockname()[0])
    return Cluster(kubeconfig, programs, _home(), registry, addresses, host, None)


def _look_for(cluster: Cluster, name: str) -> None:
    """Skip where somebody else's cluster lacks an add-on."""
    import pytest

    for each in hooks.in_order(name):
        shown = hooks.find(each).SHOWN_BY
        if not shown:
            pytest.skip(f"this cluster has no {each} of the tests' own")
        try:
            cluster.kubectl("get", *shown.split())
        except RuntimeError as error:
            pytest.skip(f"this cluster has no {each}: {error}")


def _no_proxy(network: str) -> None:
    """What this process and its children send to the cluster goes there, whatever proxy the user has."""
    for name in ("NO_PROXY", "no_proxy"):
        told = [each for each in os.environ.get(name, "").split(",") if each]
        os.environ[name] = ",".join([*told, network]) if network not in told else ",".join(told)


def keep(*, bare: bool = False) -> int:
    """Run the cluster while anyone uses it; the work of the keeper's process."""
    home = _home()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    lock = _own(home)
    note = home / "keeper.json"
    if note.exists():
        _clear(json.loads(note.read_text()))
    mount_cgroups()
    folder = Path(tempfile.mkdtemp(prefix="mp-cluster-"))
    known: dict[str, Any] = {"pid": os.getpid(), "folder": str(folder)}
    _write(note, known)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, lock)
        stack.callback(_remove, folder)
        stack.callback(note.unlink, missing_ok=True)
        registry = Registry(folder / "registry")
        stack.callback(registry.outside().process.kill)
        # From here on this process is in the cluster's network, and what it starts too.
        namespaces = Namespaces()
        stack.callback(namespaces.leave)
        network = namespaces.network
        for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
            del os.environ[name]  # none is to be reached from there
        (folder / "resolv.conf").write_text(f"nameserver {network.dns}\nsearch svc.cluster.local cluster.local\n")
        namespaces.resolve(folder / "resolv.conf")
        plane = ControlPlane(folder, kubernetes.programs(), network, registry.host)
        stack.callback(plane.stop)
        known |= {"data": str(plane.data), "kubeconfig": str(plane.kubeconfig), "programs": str(plane.programs)}
        known |= {"registry": registry.host, "host": network.host, "link": network.link, "mac": namespaces.mac}
        known |= {"network": network.all, "nodes": {name: network.node(name) for name in NODES}}
        _write(note, known)
        stack.callback(remove_cgroups, folder.name)
        stack.callback(registry.inside(network.node("one")).process.kill)
        nodes = [Node(plane, namespaces, name) for name in NODES]
        for each in nodes:
            stack.callback(each.stop)
            each.begin()
        _note("its programs are begun")
        plane.start()
        _note("the control plane is ready")
        addons = hooks.Addons(plane)
        stack.callback(addons.stop)
        begun = [] if bare else [addons.start(name) for name in hooks.WITH_THE_CLUSTER]
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(Node.proceed, nodes))
        _note("the nodes are ready")
        for name, future in zip(hooks.WITH_THE_CLUSTER, begun, strict=False):
            future.result()
            _note(f"{name} is ready")
        (folder / "addons").mkdir()
        _write(note, known | {"ready": True})
        _watch(home, plane, nodes, addons)
    return 0


def _note(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)  # into keeper.log


def _own(home: Path) -> int:
    """The lock that says that a keeper lives; who asks whether one does has it for an instant."""
    until = time.monotonic() + 2
    while True:
        try:
            return _open(home / "keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class _Ended(Exception):
    """The keeper is to end."""


def _end(*_: object) -> None:
    raise _Ended


def _watch(home: Path, plane: ControlPlane, nodes: list[Node], addons: hooks.Addons) -> None:
    """Come back when nobody uses the cluster, with the lock held so that nobody begins; raises when a part has died.

    A user who wants an add-on says so by a file with its name.
    """
    unused = 0.0
    wanted = plane.folder / "addons"
    while True:
        time.sleep(0.2)
        if told := plane.dead() or "".join(each.dead() for each in nodes):
            raise RuntimeError(told)
        for request in [each for each in wanted.iterdir() if not each.suffix]:
            request.unlink()
            for old in ("ready", "failed"):
                request.with_suffix(f".{old}").unlink(missing_ok=True)
            addons.start(request.name).add_done_callback(functools.partial(_say, request))
        handle = os.open(home / "users.lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            unused = 0.0
            continue
        unused = unused or time.monotonic()
        if time.monotonic() - unused >= _GRACE_SECONDS:
            return
        os.close(handle)


def _say(request: Path, done: "Future[None]") -> None:
    failed = done.exception()
    fresh = request.with_suffix(".new")
    fresh.write_text(f"{type(failed).__name__}: {failed}" if failed else "")
    fresh.replace(request.with_suffix(".failed" if failed else ".ready"))


def _start(home: Path, say: kubernetes.Say, bare: bool) -> None:
    """Start the keeper, and come back when the cluster is ready."""
    say("starting Kubernetes")
    began = time.monotonic()
    log = home / "keeper.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", "keep", *(["--bare"] if bare else [])],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for its users, the last of which it outlives by a moment
        )
    while not _ready(home, process.pid):
        if process.poll() is not None:
            raise RuntimeError(f"the cluster did not start:\n{log.read_text(errors='replace')[-6000:]}")
        time.sleep(0.1)
    process.returncode = 0  # it is not waited for: another may be the last who uses it
    say(f"Kubernetes is ready after {time.monotonic() - began:.0f} s")


def fetch(say: kubernetes.Say, *, everything: bool = False) -> None:
    """Have every program here before the keeper asks for it, where the user sees how far it is.

    everything: what is started only when a test asks for it, too.
    """
    kubernetes.programs(say)
    node.programs(say)
    for package in ("etcd-server", "docker-registry", "iproute2"):
        debian.folder(package)
    for name in hooks.in_order(*(hooks.ADDONS if everything else hooks.WITH_THE_CLUSTER)):
        hooks.find(name).programs(say)


def ended(cluster: Cluster) -> bool:
    """Whether the cluster has gone while somebody uses it."""
    return not (cluster.kubeconfig.exists() and _kept(cluster.locks))


def _leave(home: Path) -> None:
    """The last user waits for the cluster's end."""
    until = time.monotonic() + 60
    while time.monotonic() < until and _kept(home):
        if _is_used(home) and (home / "keeper.json").exists():
            return
        time.sleep(0.1)


def _is_used(home: Path) -> bool:
    """Whether another user holds the users' lock; the keeper, which tries it now and then, is none."""
    for _ in range(3):
        handle = os.open(home / "users.lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False  # the keeper has it for itself
        else:
            return False
        finally:
            os.close(handle)
        time.sleep(0.07)
    return True


def _kept(home: Path) -> bool:
    """Whether a keeper lives."""
    handle = os.open(home / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _ready(home: Path, pid: int) -> bool:
    try:
        known = json.loads((home / "keeper.json").read_text())
    except OSError:
        return False
    return bool(known["pid"] == pid and known.get("ready"))


def _clear(known: dict[str, Any]) -> None:
    """What a killed keeper left: its processes went with it."""
    remove_cgroups(Path(known["folder"]).name)
    for place in ("data", "folder"):
        if place in known:
            _remove(Path(known[place]))


def _remove(folder: Path) -> None:
    for _ in range(50):  # the last processes may still be on their way out
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _open(place: Path, kind: int) -> int:
    handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, kind)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle


def _write(place: Path, known: dict[str, Any]) -> None:
    fresh = place.with_suffix(".new")
    fresh.write_text(json.dumps(known))
    fresh.replace(place)


def _home() -> Path:
    home = cache_dir() / "cluster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home
