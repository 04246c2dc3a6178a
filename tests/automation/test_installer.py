"""The official installer of the Pulumi CLI, as `modelport doctor` offers it; a server here stands for its address."""

import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from automation.exits import Exit
from tests.automation.conftest import Project
from tests.automation.terminal import Terminal
from tests.tools import certificates

SCRIPT = """#!/bin/sh
env > "$HOME/environment"
echo 'making room for pulumi'
mkdir -p "$HOME/.pulumi/bin"
printf '#!/bin/sh\\necho v3.1.4\\n' > "$HOME/.pulumi/bin/pulumi"
chmod +x "$HOME/.pulumi/bin/pulumi"
"""
MISSING = "the Pulumi CLI is not here; its official installer: curl -fsSL "


class Server:
    """An https server whose answers a test writes: by path the body, or the address that it redirects to."""

    def __init__(self, folder: Path) -> None:
        self.bodies: dict[str, str] = {"/": SCRIPT}
        self.redirects: dict[str, str] = {}
        self.asked: list[str] = []
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                elsewhere = outer.redirects.get(self.path)
                body = outer.bodies.get(self.path, "").encode()
                self.send_response(302 if elsewhere else 200 if body else 404)
                if elsewhere:
                    self.send_header("Location", elsewhere)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is said of requests."""

        made = certificates.make(folder, "installer")
        self.certificate = made.certificate_file
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate_file, made.key_file)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


@pytest.fixture
def bare(make_project: Callable[[], Project], server: Server, tmp_path: Path) -> Project:
    """A project without stacks, in a home without the CLI, where the server stands for the installer's address."""
    project = make_project()
    (tmp_path / "home").mkdir()
    project.environment |= {
        "HOME": str(tmp_path / "home"),
        "MODELPORT_PULUMI_INSTALLER": server.url,
        "SSL_CERT_FILE": str(server.certificate),
        "AWS_SECRET_ACCESS_KEY": "hunter2-of-aws",
    }
    return project


def installed(project: Project) -> bool:
    return (Path(project.environment["HOME"]) / ".pulumi" / "bin" / "pulumi").exists()


def test_without_a_terminal_the_command_is_said_and_nothing_run(bare: Project, server: Server) -> None:
    done = bare.run("doctor")
    assert done.returncode == Exit.DONE
    line = next(line for line in done.stdout.splitlines() if " Pulumi CLI: " in line)
    assert line.startswith("note  Pulumi CLI: not here: the embedded engine does without")
    assert line.endswith(f"fix: curl -fsSL {server.url} | sh; modelport doctor --install runs that")
    assert (server.asked, installed(bare)) == ([], False)


def test_the_official_address_is_meant_where_no_other_is_set(bare: Project) -> None:
    del bare.environment["MODELPORT_PULUMI_INSTALLER"]
    assert "fix: curl -fsSL https://get.pulumi.com | sh; modelport" in bare.run("doctor").stdout


@pytest.mark.parametrize("keys", ["n\n", "\n", "\x03"])
def test_on_a_terminal_anything_but_yes_runs_nothing(bare: Project, server: Server, keys: str) -> None:
    with Terminal(bare, "doctor") as screen:
        screen.asks(f"{MISSING}{server.url} | sh\nrun it now? [y/N]")
        screen.press(keys)
        assert screen.end() == (Exit.INTERRUPTED if keys == "\x03" else Exit.DONE)
    assert (server.asked, installed(bare)) == ([], False)


def test_after_a_yes_it_is_shown_run_and_found(bare: Project, server: Server) -> None:
    with Terminal(bare, "doctor") as screen:
        screen.until("[y/N]")
        screen.press("y\n")
        assert screen.end() == Exit.DONE
    said = screen.text.partition("[y/N]")[2]
    assert f"official installer: curl -fsSL {server.url} | sh\n" in said
    assert f"installer: {server.url}, {len(SCRIPT)} bytes, sha256:" in said
    assert said.index("running: sh ") < said.index("making room for pulumi") < said.index("installed: ")
    assert f'export PATH={bare.environment["HOME"]}/.pulumi/bin:"$PATH"\n' in said
    assert installed(bare)


def test_by_flag_it_runs_without_a_question_and_once(bare: Project, server: Server) -> None:
    done = bare.run("doctor", "--install", "--json")
    assert done.returncode == Exit.DONE
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["Pulumi CLI"]["found"].endswith("without its language host for Python")
    assert "making room for pulumi" in done.stderr
    again = bare.run("doctor", "--install")
    assert again.stdout.startswith("the Pulumi CLI is here already: ")
    assert server.asked == ["/"]


def test_the_installer_gets_no_credentials(bare: Project) -> None:
    assert bare.run("doctor", "--install").returncode == Exit.DONE
    handed = (Path(bare.environment["HOME"]) / "environment").read_text()
    assert f"HOME={bare.environment['HOME']}\n" in handed
    assert "hunter2" not in handed and "PASSPHRASE" not in handed


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "file:///etc/passwd", "https://me:hunter2@127.0.0.1/", "x"])
def test_an_address_that_is_not_https_is_refused(bare: Project, address: str) -> None:
    done = bare.run("doctor", "--install", env={"MODELPORT_PULUMI_INSTALLER": address})
    assert (done.returncode, done.stderr.count("\n")) == (Exit.BAD_INPUT, 1)
    assert done.stderr.startswith("error: MODELPORT_PULUMI_INSTALLER is no plain https address")
    assert "hunter2" not in done.stdout + done.stderr


def test_without_the_flag_an_address_that_is_not_https_is_a_check_that_failed(bare: Project) -> None:
    done = bare.run("doctor", "--json", env={"MODELPORT_PULUMI_INSTALLER": "http://127.0.0.1:1/"})
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, found["Pulumi CLI"]["status"]) == (Exit.MISSING, "fail")
    assert found["Pulumi CLI"]["fix"] == "correct or unset MODELPORT_PULUMI_INSTALLER"


def test_a_server_that_nobody_vouches_for_is_refused(bare: Project) -> None:
    del bare.environment["SSL_CERT_FILE"]
    done = bare.run("doctor", "--install")
    assert (done.returncode, installed(bare)) == (Exit.FAILED, False)
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_a_redirect_is_followed_over_https_alone(bare: Project, server: Server) -> None:
    server.bodies["/install.sh"] = SCRIPT
    server.redirects["/"] = "/install.sh"
    assert bare.run("doctor", "--install").returncode == Exit.DONE
    (Path(bare.environment["HOME"]) / ".pulumi" / "bin" / "pulumi").unlink()
    server.redirects["/"] = "http://127.0.0.1:1/install.sh"
    done = bare.run("doctor", "--install")
    assert (done.returncode, installed(bare)) == (Exit.BAD_INPUT, False)
    server.redirects["/"] = "/"
    assert "redirects without end" in bare.run("doctor", "--install").stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>come in</html>", "is no script, expected one that begins with #!"),
        ("", "answers 404, expected the installer"),
        ("#!/bin/sh\n" + "#" * (1 << 20), "gives more than 1,048,576 bytes, expected an installer"),
        ("#!/bin/sh\nexit 3\n", "the installer of the Pulumi CLI ended with 3, expected 0"),
        ("#!/bin/sh\n:\n", "the installer ended, and there is no pulumi on PATH or in "),
    ],
)
def test_what_installs_nothing_is_told_in_one_line(bare: Project, server: Server, body: str, said: str) -> None:
    server.bodies["/"] = body
    done = bare.run("doctor", "--install")
    assert (done.returncode, done.stderr.count("\n")) == (Exit.FAILED, 1)
    assert said in done.stderr
    assert not installed(bare)


def test_who_has_chosen_the_embedded_engine_is_not_asked(bare: Project, server: Server) -> None:
    with Terminal(bare, "doctor", "--engine", "embedded") as screen:
        assert screen.end() == Exit.DONE
    assert "run it now?" not in screen.text and server.asked == []
    assert os.environ.get("MODELPORT_PULUMI_INSTALLER") is None
