"""The cluster's network: a namespace of the kernel's for each node, joined by a bridge, and the host beside them.

The keeper itself lives in the first namespace, with the control plane, what serves add-ons, and node `one`; the second
belongs to node `two`. Only processes hold them, no name does: with the last process a namespace goes, and with it its
interfaces, routes and rules, and the host's end of the pair that joins it, and the host's routes over that. That is the
kernel's, in its own time, so an orderly end takes the host's end away itself.
"""

import ctypes
import ipaddress
import json
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.tools import debian

NODES = ("one", "two")

_NEW_NETWORK, _NEW_MOUNTS = 0x40000000, 0x00020000  # of unshare(2)
_KERNEL = {
    "ip_forward": 1,
    "conf/all/rp_filter": 0,
    # What a node forwards between its own pods and the others is no detour that the sender should be told of.
    "conf/all/send_redirects": 0,
    "conf/default/send_redirects": 0,
    # A killed process's last words to a node that is gone are not repeated for minutes: they would keep the namespace.
    "tcp_orphan_retries": 2,
}
_SLOTS = range(192, 248)  # the second byte of a cluster's addresses


@dataclass(frozen=True)
class Network:
    """The addresses of a cluster, all within one /16, so that several clusters fit on a machine."""

    slot: int

    @property
    def link(self) -> str:
        """The host's interface."""
        return f"mp{self.slot}"

    @property
    def all(self) -> str:
        """Every address of the cluster."""
        return f"10.{self.slot}.0.0/16"

    @property
    def services(self) -> str:
        """Where services have their addresses."""
        return f"10.{self.slot}.0.0/20"

    @property
    def pods(self) -> str:
        """Where pods have their addresses."""
        return f"10.{self.slot}.64.0/18"

    @property
    def api(self) -> str:
        """The service `kubernetes`."""
        return f"10.{self.slot}.0.1"

    @property
    def dns(self) -> str:
        """The service `kube-dns`."""
        return f"10.{self.slot}.0.10"

    @property
    def host(self) -> str:
        """The host, as nodes and pods see it."""
        return f"10.{self.slot}.255.254"

    def node(self, name: str) -> str:
        """A node's address."""
        return f"10.{self.slot}.255.{NODES.index(name) + 1}"

    def pods_of(self, name: str) -> str:
        """Where the pods of a node have their addresses."""
        return f"10.{self.slot}.{64 + 4 * NODES.index(name)}.0/22"


class Namespaces:
    """Both namespaces, made by the process that then lives in the first; open as long as it lives."""

    def __init__(self) -> None:
        self.host = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _unshare(_NEW_NETWORK | _NEW_MOUNTS)
        _run("mount", "--make-rprivate", "/")
        self.second = _another()
        self.network = self._join()
        outside = ["nsenter", f"--net={self._path(self.host)}"]
        (found,) = json.loads(_ip("-json", "link", "show", "dev", self.network.link, within=outside))
        self.mac = str(found["address"])
        """The host's interface's, by which it is told from a later one of the same name."""

    def into(self, name: str) -> list[str]:
        """What makes a command run in the namespace of a node."""
        return [] if name == NODES[0] else ["nsenter", f"--net={self._path(self.second)}"]

    def resolve(self, resolver: Path) -> None:
        """Have this process, and what it starts from now on, take `resolver` for its /etc/resolv.conf."""
        place = os.path.realpath("/etc/resolv.conf")
        if Path(place).is_file():
            _run("mount", "--bind", str(resolver), place)

    def leave(self) -> None:
        """Take the host's interface away, and with it the host's routes."""
        outside = ["nsenter", f"--net={self._path(self.host)}"]
        _ip("link", "delete", self.network.link, within=outside)

    def _join(self) -> Network:
        network = self._claim()
        one, two = (network.node(name) for name in NODES)
        _ip("link", "add", "nodes", "type", "bridge", "forward_delay", "0")
        _ip("link", "set", "host", "master", "nodes", "up")
        _ip("link", "add", "two", "type", "veth", "peer", "name", "eth0", "netns", self._path(self.second))
        _ip("link", "set", "two", "master", "nodes", "up")
        _ip("address", "add", f"{one}/24", "dev", "nodes")
        for name in ("lo", "nodes"):
            _ip("link", "set", name, "up")
        _ip("route", "add", network.pods_of("two"), "via", two)
        # What starts in a node's own namespace needs a way before kube-proxy's rules give it another goal.
        _ip("route", "add", network.services, "dev", "nodes")
        inside = ["nsenter", f"--net={self._path(self.second)}"]
        _ip("link", "set", "lo", "up", within=inside)
        _ip("address", "add", f"{two}/24", "dev", "eth0", within=inside)
        _ip("link", "set", "eth0", "up", within=inside)
        _ip("route", "add", network.pods_of("one"), "via", one, within=inside)
        _ip("route", "add", network.services, "dev", "eth0", within=inside)
        for within in ([], inside):
            script = "; ".join(f"echo {value} > /proc/sys/net/ipv4/{name}" for name, value in _KERNEL.items())
            _run(*within, "sh", "-ec", script)
        outside = ["nsenter", f"--net={self._path(self.host)}"]
        _ip("address", "add", f"{network.host}/24", "dev", network.link, within=outside)
        _ip("link", "set", network.link, "up", within=outside)
        for reached, by in ((network.services, one), *((network.pods_of(name), network.node(name)) for name in NODES)):
            _ip("route", "add", reached, "via", by, within=outside)
        return network

    def _claim(self) -> Network:
        """A network that nothing on the host has a route to; the interface's name keeps others from the same."""
        outside = ["nsenter", f"--net={self._path(self.host)}"]
        taken = _taken(json.loads(_ip("-json", "-4", "route", "show", "table", "all", within=outside)))
        told = ""
        for slot in _SLOTS:
            network = Network(slot)
            if any(ipaddress.ip_network(network.all).overlaps(other) for other in taken):
                continue
            command = ["link", "add", "host", "type", "veth", "peer", "name", network.link]
            try:
                _ip(*command, "netns", self._path(self.host))
            except RuntimeError as error:  # another cluster was quicker
                told = str(error)
                continue
            return network
        raise RuntimeError(f"no network of 10.{_SLOTS[0]}.0.0/16 to 10.{_SLOTS[-1]}.0.0/16 is free on this host {told}")

    def _path(self, handle: int) -> str:
        return f"/proc/{os.getpid()}/fd/{handle}"


def _taken(routes: list[dict[str, str]]) -> list[ipaddress.IPv4Network]:
    named = [route["dst"] for route in routes if route.get("type") not in ("unreachable", "blackhole")]
    return [ipaddress.IPv4Network(each, strict=False) for each in named if each != "default"]


def _another() -> int:
    """One more namespace: it is made by a thread, which is alone in it, and kept by the handle."""
    made: list[int] = []

    def make() -> None:
        _unshare(_NEW_NETWORK)
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise RuntimeError("this kernel gives no second network namespace")
    return made[0]


def _unshare(kinds: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(kinds):
        number = ctypes.get_errno()
        raise OSError(number, f"no namespace of its own: {os.strerror(number)}")


def _ip(*arguments: str, within: list[str] | None = None) -> str:
    return _run(*(within or []), str(debian.program("iproute2", "ip").path), *arguments)


def _run(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {ran.stderr.strip()}")
    return ran.stdout
