"""The control plane: etcd, the API server, the controllers and the scheduler, in the cluster's first namespace."""

import base64
import contextlib
import hashlib
import json
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.images import Files, Image
from tests.cluster.keys import USERS, Keys
from tests.cluster.network import NODES, Network
from tests.tools import debian
from tests.tools.processes import Server

_SECONDS = 180  # a machine that builds and tests at the same time is slow
_PORT = 6443


class ControlPlane:
    """A running control plane; everything of its lies in `folder`, save etcd's data, which is kept in memory.

    A disk that others keep busy makes etcd lose its own election. Add-ons get one of these: see hooks.py.
    """

    def __init__(self, folder: Path, programs: Path, network: Network, registry: str) -> None:
        self.folder, self.programs, self.network = folder, programs, network
        self.registry = registry
        """The registry's address, as in references: the same on the host and in pods."""
        self.node_address, self.host_address = network.node("one"), network.host
        self.address = f"https://{self.node_address}:{_PORT}"
        service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
        self.keys = Keys(folder / "keys", [*NODES, *map(network.node, NODES), network.api, *service])
        self.kubeconfig = self.config("admin")
        memory = Path("/dev/shm")
        self.data = Path(tempfile.mkdtemp(prefix="mp-etcd-", dir=memory if memory.is_dir() else folder))
        self._servers: list[tuple[str, Server]] = []
        self._owner = ContextVar("owner", default="")
        self._beginning: set[str] = set()
        self._starter = ThreadPoolExecutor(1)
        (self.folder / "log").mkdir()

    def start(self) -> None:
        """Start all, and come back when the API server is ready and pods can be made."""
        self._start(self._etcd())
        api = self._start(self._api())
        self.until(lambda: self.get("/readyz?exclude=none", text=True) is not None, api)
        manager = self._start(self._manager())
        self._start(self._scheduler())
        # The first pod needs it.
        self.until(lambda: self.get("/api/v1/namespaces/default/serviceaccounts/default") is not None, manager)

    def dead(self) -> str:
        """The log of a part that has ended, empty while all run; an add-on's are its own affair until it is ready."""
        for owner, server in list(self._servers):
            if server.process.poll() is not None and (owner not in self._beginning or owner == self._owner.get()):
                return f"{server.process.args!r} ended:\n{server.log.read_text(errors='replace')[-4000:]}"
        return ""

    @contextlib.contextmanager
    def owned(self, name: str) -> Generator[None]:
        """Processes started within are an add-on's; they are ended when it does not come up, and the cluster stays."""
        shown = self._owner.set(name)
        self._beginning.add(name)
        try:
            yield
        except BaseException:
            for each in [each for each in self._servers if each[0] == name]:
                each[1].process.kill()
                each[1].process.wait()
                self._servers.remove(each)
            raise
        finally:
            self._beginning.discard(name)
            self._owner.reset(shown)

    def stop(self) -> None:
        """End all at once: nothing of it is kept."""
        for _, server in reversed(self._servers):
            server.process.kill()
            server.process.wait()
        self._starter.shutdown()
        shutil.rmtree(self.data, ignore_errors=True)

    def config(self, user: str, *groups: str) -> Path:
        """A kubeconfig for a user, who need not be known: then he shows a certificate that says his groups."""
        shown: dict[str, str]
        if user in USERS and not groups:
            shown = {"token": self.keys.tokens[user]}
        else:
            name = "user-" + hashlib.sha256("\0".join((user, *groups)).encode()).hexdigest()[:12]
            self.keys.sign(name, *groups, user=user)
            shown = {"client-certificate": self.keys.file(f"{name}.crt"), "client-key": self.keys.file(f"{name}.key")}
        authority = base64.b64encode((self.keys.folder / "ca.crt").read_bytes()).decode()
        known = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {"name": "test", "cluster": {"server": self.address, "certificate-authority-data": authority}}
            ],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "users": [{"name": user, "user": shown}],
        }
        place = self.folder / ("kubeconfig" if user == "admin" else f"{user.replace(':', '-')}.kubeconfig")
        place.touch(mode=0o600)
        place.write_text(yaml.safe_dump(known))
        return place

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> Server:
        """A process in the first namespace, its log at log/NAME.log; the cluster ends when it does, and shows it."""
        environment = debian.program("etcd-server", "etcd").env if env is None else env
        server = self.spawn(command, self.folder / "log" / f"{name}.log", environment)
        self._servers.append((self._owner.get(), server))
        return server

    def spawn(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> Server:
        """A process that is killed when this one ends, however that happens; asked politely servers take a minute.

        The kernel means the thread that starts it, so one that does nothing else starts them all.
        """
        whole = ["setpriv", "--pdeathsig", "KILL", *command]
        return self._starter.submit(lambda: Server(whole, log, env)).result()

    def until(self, ready: Callable[[], bool], server: Server | None = None) -> None:
        """Wait until `ready`; the end of a part, or three minutes without it, are an error with the log in it."""
        wait(ready, self.dead, server.log if server else None)

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """What kubectl prints, as the administrator."""
        return kubectl(self.programs, self.kubeconfig, *arguments, text=text)

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Have the objects as given, whatever is there."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=listed)

    def load_image(
        self,
        name: str,
        files: Files,
        entrypoint: Sequence[str],
        *,
        user: str = "65532:65532",
        env: Mapping[str, str] | None = None,
        workdir: str = "/",
    ) -> str:
        """The reference, by digest, of an image with these files, which the registry then has (images.py: Files)."""
        port = self.registry.rpartition(":")[2]
        image = Image(files, entrypoint, user, env or {}, workdir)
        return f"{self.registry}/{name}@{image.push(f'{self.node_address}:{port}', name)}"

    def get(self, path: str, *, text: bool = False) -> Any:
        """What the API server answers, None while it does not."""
        context = ssl.create_default_context(cafile=self.keys.file("ca.crt"))
        headers = {"Authorization": f"Bearer {self.keys.tokens['admin']}"}
        request = urllib.request.Request(f"{self.address}{path}", headers=headers)
        here = urllib.request.ProxyHandler({})  # no proxy reaches the cluster
        opener = urllib.request.build_opener(here, urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=10) as answer:
                body = answer.read()
        except OSError:
            return None
        return body.decode() if text else json.loads(body)

    def _start(self, command: list[str]) -> Server:
        return self.run(Path(command[0]).name, command)

    def _etcd(self) -> list[str]:
        program = debian.program("etcd-server", "etcd")
        client, peer = (f"https://127.0.0.1:{port}" for port in (2379, 2380))  # no other has this loopback
        command = [str(program.path), "--name=one", f"--data-dir={self.data}"]
        command += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        command += [f"--initial-cluster=one={peer}", "--log-level=warn", "--logger=zap"]
        for part in ("", "peer-"):
            command += [f"--{part}client-cert-auth", f"--{part}trusted-ca-file={self.keys.file('ca.crt')}"]
            command += [f"--{part}cert-file={self.keys.file('server.crt')}"]
            command += [f"--{part}key-file={self.keys.file('server.key')}"]
        return command

    def _api(self) -> list[str]:
        key = self.keys.file
        return [
            str(self.programs / "kube-apiserver"),
            f"--bind-address={self.node_address}",
            f"--advertise-address={self.node_address}",
            f"--secure-port={_PORT}",
            "--etcd-servers=https://127.0.0.1:2379",
            f"--etcd-cafile={key('ca.crt')}",
            f"--etcd-certfile={key('server.crt')}",
            f"--etcd-keyfile={key('server.key')}",
            f"--tls-cert-file={key('server.crt')}",
            f"--tls-private-key-file={key('server.key')}",
            f"--client-ca-file={key('ca.crt')}",
            f"--kubelet-client-certificate={key('apiserver-client.crt')}",
            f"--kubelet-client-key={key('apiserver-client.key')}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={key('ca.crt')}",
            f"--token-auth-file={key('tokens.csv')}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key('accounts.key')}",
            f"--service-account-signing-key-file={key('accounts.key')}",
            f"--service-cluster-ip-range={self.network.services}",
            "--allow-privileged=true",
            # Other API servers, such as that of the metrics, are asked through this one, at their own addresses.
            f"--requestheader-client-ca-file={key('ca.crt')}",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={key('front-proxy.crt')}",
            f"--proxy-client-key-file={key('front-proxy.key')}",
            "--enable-aggregator-routing=true",
            "--profiling=false",
        ]

    def _manager(self) -> list[str]:
        key = self.keys.file
        return [
            str(self.programs / "kube-controller-manager"),
            f"--kubeconfig={self.config('system:kube-controller-manager')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={key('accounts.key')}",
            f"--root-ca-file={key('ca.crt')}",
            f"--cluster-signing-cert-file={key('ca.crt')}",
            f"--cluster-signing-key-file={key('ca.key')}",
            "--enable-hostpath-provisioner=true",  # volumes of the class kubernetes.io/host-path are made on demand
            # Replicas follow the load within seconds: what is tested is that they do.
            "--horizontal-pod-autoscaler-sync-period=2s",
            "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
            "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
            "--profiling=false",
        ]

    def _scheduler(self) -> list[str]:
        return [
            str(self.programs / "kube-scheduler"),
            f"--kubeconfig={self.config('system:kube-scheduler')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--profiling=false",
        ]


def wait(ready: Callable[[], bool], dead: Callable[[], str], log: Path | None) -> None:
    """Wait until `ready`; the end of a part or three minutes without it are an error with the log in it."""
    until = time.monotonic() + _SECONDS
    while not ready():
        if ended := dead():
            raise RuntimeError(ended)
        if time.monotonic() > until:
            told = f":\n{log.read_text(errors='replace')[-4000:]}" if log else ""
            raise RuntimeError(f"not ready after {_SECONDS} seconds{told}")
        time.sleep(0.1)


def kubectl(programs: Path, kubeconfig: Path, *arguments: str, text: str | None = None) -> str:
    """What kubectl prints, with `text` on its standard input; an error with its words when it fails."""
    command = [str(programs / "kubectl"), "--kubeconfig", str(kubeconfig), *arguments]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if ran.returncode:
        raise RuntimeError(f"kubectl {' '.join(arguments)} failed: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout
