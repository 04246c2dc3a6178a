"""The data plane by itself: HAProxy and nginx as plain processes, small servers behind them."""

import http.client
import http.server
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.gateway import haproxy
from tests.cluster.gateway.proxy import Proxy
from tests.cluster.gateway.table import Backend, Change, Match, Mirror, Redirect, Rule, Table
from tests.ports import free_port
from tests.tools import debian
from tests.tools.processes import Server

PATIENCE = 60.0


class Behind(http.server.ThreadingHTTPServer):
    """A server that tells its name and what it was asked; `heard` has the paths."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str) -> None:
        self.name, self.heard = name, list[str]()
        self.mirrored = threading.Semaphore(0)
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that the proxy has closed is no error."""

    def __exit__(self, *ended: object) -> None:
        self.shutdown()
        super().__exit__(*ended)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Behind)
        sent = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.server.heard.append(sent)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"name": self.server.name, "path": self.path, "headers": headers, "sent": sent}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.mirrored.release()

    do_GET = do_POST  # the name that http.server asks for

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Plane:
    """The proxy, a port to ask it on, and two servers."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.port, *inside = (free_port() for _ in range(4))
        program = debian.program("haproxy", "haproxy")
        self.proxy = Proxy(folder, program.path, program.env, haproxy.Inside(*inside))
        self.proxy.begin()
        command = [str(program.path), "-W", "-S", f"{folder}/master.sock", "-f", f"{folder}/haproxy.cfg"]
        self.server = Server(command, folder / "haproxy.log", program.env)
        stack.callback(self.server.stop)
        self.server.wait_for((folder / "master.sock").exists)
        nginx = debian.program("nginx", "nginx")
        (folder / "nginx.conf").write_text(haproxy.nginx(haproxy.Inside(*inside)).replace("/tmp/", f"{folder}/"))
        command = [str(nginx.path), "-e", "stderr", "-c", f"{folder}/nginx.conf"]
        mirror = Server(command, folder / "nginx.log", nginx.env)
        stack.callback(mirror.stop)
        mirror.wait_for(lambda: _listens(inside[0]))
        self.one, self.two = (stack.enter_context(Behind(name)) for name in ("one", "two"))
        self.backends = tuple(Backend("ns", each.name, 80, (each.endpoint,)) for each in (self.one, self.two))

    def rule(self, *weights: int, host: str = "", match: Match | None = None) -> Rule:
        """A rule with the two backends, or the one."""
        pairs = tuple(zip(self.backends, weights, strict=False))
        return Rule(self.port, False, host, match or Match(), pairs)

    def apply(self, *rules: Rule) -> None:
        self.proxy.apply(Table(list(rules), ports={self.port}))

    def ask(self, path: str = "/", host: str = "a.test", method: str = "GET", **headers: str) -> dict[str, object]:
        status, _, body = self.raw(path, host, method, **headers)
        assert status == 200, (status, body)
        found: dict[str, object] = json.loads(body)
        return found

    def raw(
        self, path: str = "/", host: str = "a.test", method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with ExitStack() as stack:
        yield Plane(tmp_path_factory.mktemp("gateway"), stack)


def test_requests_are_split_as_the_weights_say(plane: Plane) -> None:
    plane.apply(plane.rule(80, 20))
    names = Counter(str(plane.ask()["name"]) for _ in range(500))
    # Twelve standard deviations: what fails here is no chance.
    assert names["one"] + names["two"] == 500
    assert 300 < names["one"] < 495
    plane.apply(plane.rule(100, 0))
    assert {plane.ask()["name"] for _ in range(50)} == {"one"}
    revision = plane.proxy.revision
    plane.apply(plane.rule(0, 1))
    assert {plane.ask()["name"] for _ in range(50)} == {"two"}
    plane.apply(plane.rule(0, 0))
    assert plane.raw()[0] == 500
    assert plane.proxy.revision == revision


@pytest.mark.parametrize(
    ("match", "right", "wrong"),
    [
        (Match("Exact", "/a"), {"path": "/a?x=1"}, {"path": "/a/"}),
        (Match("PathPrefix", "/a/"), {"path": "/a"}, {"path": "/ab"}),
        (Match("PathPrefix", "/a.b"), {"path": "/a.b/c"}, {"path": "/axb/c"}),
        (Match("RegularExpression", "/v[0-9]+/.*"), {"path": "/v2/x"}, {"path": "/vx/x"}),
        (Match(method="POST"), {"method": "POST"}, {"method": "GET"}),
        (Match(headers=(("Exact", "X-Who", "it's, me"),)), {"X-Who": "it's, me"}, {"X-Who": "me"}),
        (
            Match(headers=(("RegularExpression", "Cookie", r"(^|;\s*)track=canary(;|$)"),)),
            {"Cookie": "a=b; track=canary"},
            {"Cookie": "a=b; track=canary2"},
        ),
        (Match(queries=(("Exact", "v", "2"),)), {"path": "/?v=2"}, {"path": "/?v=3"}),
    ],
)
def test_the_most_particular_rule_takes_a_request(
    plane: Plane, match: Match, right: dict[str, str], wrong: dict[str, str]
) -> None:
    plane.apply(plane.rule(1), plane.rule(0, 1, match=match))
    assert (plane.ask(**right)["name"], plane.ask(**wrong)["name"]) == ("two", "one")


def test_hosts_are_told_apart(plane: Plane) -> None:
    plane.apply(plane.rule(1, host="*.test"), plane.rule(0, 1, host="a.test"))
    assert [plane.ask(host=host)["name"] for host in ("A.test:80", "b.test")] == ["two", "one"]
    assert plane.raw(host="elsewhere")[0] == 404


def test_what_leads_nowhere_is_an_error_of_the_gateway(plane: Plane) -> None:
    plane.apply(Rule(plane.port, False, "", Match()), replace(plane.rule(1), host="a.test"))
    assert [plane.raw(host=host)[0] for host in ("b.test", "a.test")] == [500, 200]


def test_headers_are_changed_on_the_way(plane: Plane) -> None:
    request = (Change("set", "X-Set", "50% 'sure'"), Change("del", "X-Away"))
    plane.apply(replace(plane.rule(1), request=request, response=(Change("set", "X-Back", "yes"),)))
    status, headers, body = plane.raw(**{"X-Set": "no", "X-Away": "1"})
    heard = json.loads(body)["headers"]
    assert (status, headers["x-back"], heard["x-set"], "x-away" in heard) == (200, "yes", "50% 'sure'", False)
    assert heard["x-forwarded-proto"] == "http"


def test_a_redirect_keeps_host_path_and_query(plane: Plane) -> None:
    plane.apply(replace(plane.rule(), redirect=Redirect(301, "https")))
    status, headers, _ = plane.raw("/v2/models?x=1", host="a.test:8080")
    assert (status, headers["location"]) == (301, "https://a.test/v2/models?x=1")


def test_a_mirror_hears_all_and_says_nothing(plane: Plane) -> None:
    plane.apply(replace(plane.rule(1), mirror=Mirror(plane.backends[1])))
    plane.two.heard.clear()
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=PATIENCE)
    while plane.two.mirrored.acquire(blocking=False):
        pass
    for number in range(20):
        connection.request("POST", "/v2", f"body {number}", {"Host": "a.test"})
        answer = json.loads(connection.getresponse().read())
        assert (answer["name"], answer["sent"]) == ("one", f"body {number}")
        assert not [name for name in answer["headers"] if name.startswith("x-gateway")]
    connection.close()
    for _ in range(20):
        assert plane.two.mirrored.acquire(timeout=PATIENCE)
    assert sorted(plane.two.heard) == sorted(f"body {number}" for number in range(20))


def test_an_endpoint_that_goes_is_left_without_a_new_configuration(plane: Plane) -> None:
    both = Backend("ns", "both", 80, (plane.one.endpoint, plane.two.endpoint))
    only = replace(both, endpoints=(plane.two.endpoint,))
    plane.apply(Rule(plane.port, False, "", Match(), ((both, 1),)))
    revision = plane.proxy.revision
    assert {plane.ask()["name"] for _ in range(20)} == {"one", "two"}
    plane.apply(Rule(plane.port, False, "", Match(), ((only, 1),)))
    assert {plane.ask()["name"] for _ in range(20)} == {"two"}
    plane.apply(Rule(plane.port, False, "", Match(), ((replace(both, endpoints=()), 1),)))
    assert plane.raw()[0] == 503
    plane.apply(Rule(plane.port, False, "", Match(), ((both, 1),)))
    assert {plane.ask()["name"] for _ in range(20)} == {"one", "two"}
    assert plane.proxy.revision == revision


@pytest.mark.parametrize("fresh", [False, True], ids=["kept connections", "fresh connections"])
def test_a_new_configuration_under_load_drops_nothing(plane: Plane, fresh: bool) -> None:
    plane.apply(plane.rule(100, 0))
    stop = threading.Event()
    failures: list[str] = []
    answered = Counter[str]()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=PATIENCE)
        while not stop.is_set():
            try:
                connection.request("POST", "/", b"x" * 3000, {"Host": "a.test"})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    answered[json.loads(body)["name"]] += 1
                else:
                    failures.append(f"{answer.status} {body[:100]!r}")
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
            if fresh or failures:
                connection.close()
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(4)]
    for each in clients:
        each.start()
    try:
        for number, canary in enumerate((1, 5, 10, 25, 50, 75, 90, 100) * 3):
            plane.apply(plane.rule(100 - canary, canary), plane.rule(1, host=f"{number // 2}.test"))
    finally:
        stop.set()
        for each in clients:
            each.join(PATIENCE)
    assert failures == []
    assert min(answered["one"], answered["two"]) > 0


def test_a_mistake_leaves_what_runs(plane: Plane) -> None:
    plane.apply(plane.rule(1))
    with pytest.raises(RuntimeError, match="HAProxy does not take this configuration"):
        plane.apply(plane.rule(0, 1, match=Match("RegularExpression", "(")))
    assert plane.ask()["name"] == "one"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
