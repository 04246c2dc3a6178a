"""A node: containerd, the kubelet, kube-proxy and what enforces network policies, in namespaces of the node's own.

Whatever they mount and start is in its mount and process namespaces, and goes with the first process of them: a killed
test run leaves no container and no mount behind, only empty control groups, which the next start takes away. Of the
network namespaces network.py tells.

As a module it is that first process: `python -m tests.cluster.node FOLDER`.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.cluster import kubernetes
from tests.cluster.control import ControlPlane
from tests.cluster.images import write_pause
from tests.cluster.network import Namespaces
from tests.tools import debian, golang
from tests.tools.docker import storage_driver
from tests.tools.processes import Server

PAUSE = "registry.k8s.io/pause:3.10"
DEBIAN = ("containerd", "runc", "containernetworking-plugins", "iptables", "ipset", "nftables", "conntrack")
_CGROUPS = Path("/sys/fs/cgroup")


def programs(say: kubernetes.Say) -> None:
    """Have all of a node's programs in the cache."""
    kubernetes.pause()
    for package in DEBIAN:
        debian.folder(package)
    _router(say)


def _router(say: kubernetes.Say) -> Path:
    """kube-router, of which only the firewall is used: it drops what a network policy does not let through."""
    return golang.parts(golang.KUBE_ROUTER, ("cmd/kube-router",), say=say) / "bin" / "kube-router"


class Node:
    """A node that is ready for pods; a root user's only."""

    def __init__(self, plane: ControlPlane, namespaces: Namespaces, name: str) -> None:
        self._plane, self._namespaces = plane, namespaces
        self.name = name
        self.folder = plane.folder / name
        self._cgroup = f"{plane.folder.name}/{name}"
        self._server: Server | None = None

    def begin(self) -> None:
        """Start what needs no API server; the kubelet follows once `proceed` is called."""
        self.folder.mkdir()
        _make_cgroups(self._cgroup)
        (self.folder / "driver").mkdir()
        driver = storage_driver(self.folder / "driver")
        (self.folder / "containerd.toml").write_text(self._containerd(overlay=driver == "overlay2"))
        registry = self.folder / "registries" / self._plane.registry
        registry.mkdir(parents=True)
        inside = f"http://{self._plane.node_address}:{self._plane.registry.rpartition(':')[2]}"
        (registry / "hosts.toml").write_text(f'server = "{inside}"\n[host."{inside}"]\n')
        (self.folder / "kubelet.yaml").write_text(yaml.safe_dump(self._kubelet()))
        (self.folder / "proxy.yaml").write_text(yaml.safe_dump(self._proxy()))
        (self.folder / "resolv.conf").touch()
        networks = self.folder / "networks"
        networks.mkdir()
        (networks / "10-pods.conflist").write_text(json.dumps(_network(self._plane.network.pods_of(self.name))))
        write_pause(PAUSE, self.folder / "pause.tar")
        spec = {
            "name": self.name,
            "address": self._plane.network.node(self.name),
            "containerd": str(debian.program("containerd", "containerd").path),
            "ctr": str(debian.program("containerd", "ctr").path),
            "kubelet": str(self._plane.programs / "kubelet"),
            "kubeconfig": str(self._plane.config(f"system:node:{self.name}")),
            "proxy": str(self._plane.programs / "kube-proxy"),
            "router": str(_router(lambda _: None)),
            "router-kubeconfig": str(self._plane.config("system:kube-router", "system:masters")),
            "services": self._plane.network.services,
        }
        (self.folder / "spec.json").write_text(json.dumps(spec))
        log = self._plane.folder / "log" / f"node-{self.name}.log"
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
        command = [*apart, sys.executable, "-m", "tests.cluster.node", str(self.folder)]
        self._server = self._plane.spawn([*self._namespaces.into(self.name), *command], log, self._environment())

    def proceed(self) -> None:
        """The API server answers: come back when the node is ready."""
        (self.folder / "api").touch()
        self._until(lambda: bool(self._found().get("status", {}).get("addresses")))
        (self.folder / "registered").touch()
        self._until(self._ready)

    def dead(self) -> str:
        """The logs of the node when it has ended, empty while it runs."""
        if self._server is None or self._server.process.poll() is None:
            return ""
        logs = sorted((self._plane.folder / "log").glob(f"*-{self.name}.log"))
        return f"node {self.name} ended:\n" + "\n".join(
            f"{log.stem}: {log.read_text(errors='replace')[-3000:]}" for log in logs
        )

    def stop(self) -> None:
        """End it and all its containers at once."""
        if self._server is not None:
            self._server.process.kill()
            self._server.process.wait()

    def _until(self, ready: Callable[[], bool]) -> None:
        def checked() -> bool:
            if ended := self.dead():
                raise RuntimeError(ended)
            return ready()

        self._plane.until(checked, self._server)

    def _found(self) -> dict[str, dict[str, list[dict[str, str]]]]:
        return self._plane.get(f"/api/v1/nodes/{self.name}") or {}

    def _ready(self) -> bool:
        found = self._found()
        conditions = found.get("status", {}).get("conditions", [])
        ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
        return ready and not found.get("spec", {}).get("taints")

    def _environment(self) -> dict[str, str]:
        """Every program's folder and libraries, and the commands under the names that others look for them by."""
        names = self.folder / "commands"
        names.mkdir()
        tables = debian.folder("iptables") / "usr" / "sbin" / "xtables-nft-multi"
        for family in ("iptables", "ip6tables"):
            for part in ("", "-save", "-restore"):
                (names / f"{family}{part}").symlink_to(tables)
        found = [debian.folder(package) for package in DEBIAN]
        folders = [str(names), *(f"{root}/usr/{part}" for root in found for part in ("bin", "sbin"))]
        libraries = [f"{root}/usr/lib{part}" for root in found for part in ("/x86_64-linux-gnu", "")]
        told = os.environ
        return {
            **told,
            "PATH": ":".join([*folders, told.get("PATH", ""), "/usr/sbin", "/sbin"]),
            "LD_LIBRARY_PATH": ":".join(libraries),
            "XTABLES_LIBDIR": f"{debian.folder('iptables')}/usr/lib/x86_64-linux-gnu/xtables",
        }

    def _containerd(self, *, overlay: bool) -> str:
        runc = debian.program("runc", "runc").path
        plugins = debian.folder("containernetworking-plugins") / "usr" / "lib" / "cni"
        return f"""version = 2
root = "{self.folder}/images"
state = "/run/containerd/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
max_concurrent_downloads = 6
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{self.folder}/registries"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{self.folder}/networks"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{"overlayfs" if overlay else "native"}"
discard_unpacked_layers = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""

    def _kubelet(self) -> dict[str, object]:
        key = self._plane.keys.file
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self._plane.network.node(self.name),
            "port": 10250,
            "healthzPort": 0,
            "clusterDNS": [self._plane.network.dns],
            "clusterDomain": "cluster.local",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": key("ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": key("server.crt"),
            "tlsPrivateKeyFile": key("server.key"),
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "resolvConf": f"{self.folder}/resolv.conf",
            "podLogsDir": "/var/log/pods",
            "volumePluginDir": f"{self.folder}/volumes",
            "staticPodPath": "",
            # A full disk or a busy machine is not what the tests are about.
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "nodeStatusUpdateFrequency": "10s",
            "maxPods": 250,
            "registerNode": True,
        }

    def _proxy(self) -> dict[str, object]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            # Tables of its own: what enforces network policies writes all of iptables' filter table at once.
            "mode": "nftables",
            "clientConnection": {"kubeconfig": str(self._plane.config("system:kube-proxy"))},
            "clusterCIDR": self._plane.network.pods,
            "hostnameOverride": self.name,
            "healthzBindAddress": f"{self._plane.network.node(self.name)}:10256",
            "metricsBindAddress": f"{self._plane.network.node(self.name)}:10249",
            # The kernel's own numbers: a namespace may not change what is the whole machine's.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }


def _network(subnet: str) -> dict[str, object]:
    """Each pod has a pair of interfaces with its node: nothing is left when its namespace is gone."""
    ranges = [[{"subnet": subnet}]]
    addresses = {"type": "host-local", "dataDir": "/run/addresses", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}]}


def _hierarchies() -> list[Path]:
    """Where control groups are made: version 2 has one place, version 1 one for each controller."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [place for place in _CGROUPS.iterdir() if place.is_dir() and os.path.ismount(place)]


def _make_cgroups(name: str) -> None:
    for place in _hierarchies():
        for part in Path(name).parts:
            with contextlib.suppress(OSError):  # one that takes no groups is one that the kubelet does not use
                (place / part).mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # a new group of version 1 has none, and takes no process
                with contextlib.suppress(OSError):
                    (place / part / setting).write_text((place / setting).read_text())
            place = place / part


def remove_cgroups(name: str) -> None:
    """Take the groups away when the last of their processes has gone."""
    until = time.monotonic() + 10
    for root in [place / name for place in _hierarchies()]:
        while root.exists():
            for folder, _, _ in os.walk(root, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
            if root.exists():
                if time.monotonic() > until:
                    break
                time.sleep(0.05)


def main(folder: Path) -> int:
    """The first process of the namespaces: start all, take in orphans, end when one of them ends."""
    spec = json.loads((folder / "spec.json").read_text())
    # Volumes are seen in the containers of a pod, and never outside of the namespace.
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    Path("/var/lib/kubelet").mkdir(exist_ok=True)  # its sockets are there, whatever its folder
    for place in ("/run", "/var/log", "/var/lib/kubelet"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    for place in ("/run/cni", "/run/containerd", "/run/lock"):
        Path(place).mkdir()
    name, logs = spec["name"], folder.parent / "log"
    begun: list[subprocess.Popen[bytes]] = []

    def spawn(part: str, command: list[str]) -> None:
        with (logs / f"{part}-{name}.log").open("wb") as out:
            begun.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT))

    def until(ready: Callable[[], bool]) -> None:
        while not ready():
            if any(each.poll() is not None for each in begun):
                sys.exit(1)
            time.sleep(0.05)

    spawn("containerd", [spec["containerd"], "--config", str(folder / "containerd.toml")])
    client = [spec["ctr"], "--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io"]
    until(Path("/run/containerd/containerd.sock").exists)
    until(lambda: subprocess.run([*client, "version"], capture_output=True, check=False).returncode == 0)
    subprocess.run([*client, "images", "import", str(folder / "pause.tar")], check=True)
    until((folder / "api").exists)
    command = [spec["kubelet"], f"--config={folder}/kubelet.yaml", f"--kubeconfig={spec['kubeconfig']}"]
    command += [f"--hostname-override={name}", f"--node-ip={spec['address']}"]
    spawn("kubelet", [*command, f"--root-dir={folder}/kubelet", f"--cert-dir={folder}/certificates"])
    until((folder / "registered").exists)
    spawn("proxy", [spec["proxy"], f"--config={folder}/proxy.yaml"])
    command = [spec["router"], "--run-firewall=true", "--run-router=false", "--run-service-proxy=false"]
    command += [f"--kubeconfig={spec['router-kubeconfig']}", f"--hostname-override={name}", "--health-port=0"]
    spawn("router", [*command, f"--service-cluster-ip-range={spec['services']}"])
    while True:
        dead, _ = os.wait()
        if dead in [each.pid for each in begun]:
            return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
