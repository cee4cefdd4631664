"""Keys and certificates of the server: its own ones, those of an administrator, and links that name them."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.test_bad_usage import check_one_line, run
from tests.conformance.test_starting import connect_tls
from tests.conftest import StartServer
from tests.support.certificates import make_certificate
from tests.support.people import People, until_true
from tests.support.server import Server
from tests.support.wire import Client


@contextmanager
def visit(server: Server) -> Iterator[tuple[Client, str]]:
    """A connection that said hello, and the fingerprint of the certificate that it saw."""
    client, secured = connect_tls(server.address)
    try:
        client.hello()
        certificate = secured.getpeercert(binary_form=True)
        assert certificate is not None
        yield client, "sha256:" + hashlib.sha256(certificate).hexdigest()
    finally:
        client.socket.close()


def shown(server: Server) -> str:
    """The fingerprint that a new connection sees."""
    with visit(server) as (_, fingerprint):
        return fingerprint


def hang_up(server: Server) -> None:
    """Send SIGHUP."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGHUP)


def test_own_certificate(start_server: StartServer, tmp_path: Path) -> None:
    """A PEM file of one's own, with the key in it and other text around, is what clients see (protocol.md 7)."""
    pem = tmp_path / "own.pem"
    fingerprint = make_certificate(pem)
    server = start_server("--tls-cert", str(pem), insecure=False)
    assert server.ready[3] == shown(server) == fingerprint


def test_renewed_certificate(start_server: StartServer, tmp_path: Path) -> None:
    """After SIGHUP new connections see the new certificate, and those that are there go on (operating.md)."""
    pem = tmp_path / "own.pem"
    make_certificate(pem)
    server = start_server("--tls-cert", str(pem), insecure=False)
    with visit(server) as (early, _):
        renewed = make_certificate(pem)
        hang_up(server)
        until_true(lambda: shown(server) == renewed, "the new certificate is not shown")
        assert early.request("ping")["type"] == "pong"
    server.terminate()


def test_broken_renewal(start_server: StartServer, tmp_path: Path) -> None:
    """A certificate that cannot be used is told in the log and changes nothing (operating.md)."""
    pem = tmp_path / "own.pem"
    fingerprint = make_certificate(pem)
    server = start_server("--tls-cert", str(pem), insecure=False)
    pem.write_text("nothing of use")
    hang_up(server)
    until_true(lambda: "certificate not reloaded" in server.log(), "the log does not tell it")
    assert shown(server) == fingerprint


def test_encrypted_key(tmp_path: Path) -> None:
    """A key with a passphrase is refused in one line: nobody is asked for it (protocol.md 7)."""
    pem = tmp_path / "own.pem"
    make_certificate(pem, passphrase=b"correct horse")
    result = run("--data-dir", str(tmp_path / "data"), "--port", "0", "--tls-cert", str(pem))
    assert result.returncode == 1
    assert "passphrase" in check_one_line(result)


def test_file_without_a_certificate(tmp_path: Path) -> None:
    """What is no certificate is told in one line, without a traceback (protocol.md 7)."""
    pem = tmp_path / "own.pem"
    pem.write_bytes(b"\xff\xfe nothing")
    result = run("--data-dir", str(tmp_path / "data"), "--port", "0", "--tls-cert", str(pem))
    assert result.returncode == 1
    assert "cannot be used" in check_one_line(result)


def test_key_that_lost_its_mode(start_server: StartServer) -> None:
    """A key that others could read after it was put back is private again after the next start (SECURITY.md)."""
    server = start_server(insecure=False)
    server.terminate()
    key = server.data_dir / "tls" / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    server.start()
    assert key.stat().st_mode & 0o777 == 0o600


def link_in(server: Server) -> str:
    """The newest link that the server printed."""
    return str(re.findall(r"'(\S+://\S+)'", server.log())[-1])


def test_first_invite(start_server: StartServer) -> None:
    """A new server prints one link that makes the admin; it names address and certificate (operating.md)."""
    server = start_server(insecure=False, registration="invite")
    host, port = server.address
    found = re.fullmatch(r"chat://(.+):(\d+)/\?invite=([\w-]+)&fp=(sha256:[0-9a-f]{64})", link_in(server))
    assert found is not None
    assert (found[1], int(found[2]), found[4]) == (host, port, server.ready[3])
    assert found[3] not in server.ready
    with visit(server) as (client, _):
        assert client.register("ada", invite=found[3])["roles"] == ["admin"]
    said = server.log().count("invite")
    server.restart()
    assert server.log().count("invite") == said, "it is printed again although there is an admin"


def test_first_invite_of_an_earlier_start(start_server: StartServer) -> None:
    """Of the invites that were printed at starts without an account, the newest alone is good (operating.md)."""
    server = start_server(registration="invite")
    old = link_in(server)
    server.restart()
    new = link_in(server)
    codes = [link.partition("invite=")[2] for link in (old, new)]
    assert old.startswith("tcp://127.0.0.1:")
    people = People(server.address)
    client = people.visitor()
    assert client.ask("register", user="eve", password="correct horse", invite=codes[0])["code"] == "bad_invite"
    assert client.register("ada", invite=codes[1])["roles"] == ["admin"]
    people.close()


def test_secrets_do_not_show_in_the_log(start_server: StartServer) -> None:
    """Nothing that is said and no secret stands in the log, even at the level for finding faults (SECURITY.md)."""
    server = start_server("--log-level", "debug", insecure=False)
    with visit(server) as (client, _):
        session = client.register("ada", password="a password of mine")
        client.sync()
        client.request("private_message", to="ada", message_id="m1", content="words of mine")
        client.ask("login", token=session["token"])
        client.ask("search", query="words of mine", limit=-1)
        client.ask("set_password", old="a password of mine", new="a new secret of mine")
    with visit(server) as (client, _):
        client.ask("login", user="ada", password="a wrong guess of mine")
    server.terminate()
    told = server.log()
    for secret in ("of mine", session["token"]):
        assert secret not in told


def test_tickets_are_not_given(start_server: StartServer) -> None:
    """No session ticket: whoever comes again shows the token of the device, which can be revoked (SECURITY.md)."""
    server = start_server(insecure=False)
    client, secured = connect_tls(server.address)
    client.hello()
    assert isinstance(secured, ssl.SSLSocket)
    assert secured.session is None or not secured.session.has_ticket
    client.socket.close()
