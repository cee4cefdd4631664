"""Starting a server from a script (protocol.md 7)."""

from __future__ import annotations

import hashlib
import socket
import ssl
from pathlib import Path

from tests.conftest import StartServer
from tests.support.people import People
from tests.support.wire import Client


def test_ready_line_of_tcp(start_server: StartServer) -> None:
    """``ready tcp HOST:PORT`` is printed once connections are accepted (protocol.md 7)."""
    server = start_server()
    word, kind, address = server.ready
    assert (word, kind) == ("ready", "tcp")
    assert address.startswith("127.0.0.1:")
    people = People(server.address)
    assert people.connect().hello()["type"] == "welcome"
    people.close()


def connect_tls(address: tuple[str, int]) -> tuple[Client, ssl.SSLSocket]:
    """A connection that accepts any certificate, so that the test can look at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secured = context.wrap_socket(socket.create_connection(address, timeout=10))
    return Client(secured), secured


def test_tls_by_default(start_server: StartServer) -> None:
    """Without ``--insecure``: TLS 1.3 with a key of its own, whose fingerprint the ready line tells (protocol.md 7)."""
    server = start_server(insecure=False)
    fingerprints = set()
    for _ in range(2):
        word, kind, _, fingerprint = server.ready
        assert (word, kind) == ("ready", "tls")
        client, secured = connect_tls(server.address)
        assert secured.version() == "TLSv1.3"
        certificate = secured.getpeercert(binary_form=True)
        assert certificate is not None
        assert fingerprint == f"sha256:{hashlib.sha256(certificate).hexdigest()}"
        fingerprints.add(fingerprint)
        assert client.hello()["type"] == "welcome"
        client.socket.close()
        server.restart()
    assert len(fingerprints) == 1


def test_conversation_over_tls(start_server: StartServer) -> None:
    """Large and many frames go through TLS like through TCP (protocol.md 1, 7)."""
    server = start_server(insecure=False)
    client, _ = connect_tls(server.address)
    client.hello()
    client.register("alice")
    client.sync()
    client.request("create_group", group="g")
    for _ in range(100):
        client.start("group_message", group="g", message_id=f"m{client.start('ping')}", content="漢" * 5000)
    client.settle()
    page = client.request("history", conversation="#g", limit=60)
    assert len(page["events"]) == 60
    client.socket.close()


def test_old_tls_is_refused(start_server: StartServer) -> None:
    """TLS below 1.3 is not spoken, and plain text to the TLS port harms nobody (protocol.md 7)."""
    server = start_server(insecure=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(server.address, timeout=10) as plain:
        try:
            context.wrap_socket(plain)
            raise AssertionError("TLS 1.2 was accepted")
        except (ssl.SSLError, ConnectionError):
            pass
    with socket.create_connection(server.address, timeout=10) as plain:
        plain.sendall(b"\x00\x00\x00\x10" + b'{"type":"hello"}')
        try:
            while plain.recv(4096):
                pass
        except ConnectionError:
            pass
    client, _ = connect_tls(server.address)
    assert client.hello()["type"] == "welcome"
    client.socket.close()


def test_stuck_handshake_holds_nobody_up(start_server: StartServer) -> None:
    """A connection that never begins its handshake keeps no other one waiting (protocol.md 1, 7)."""
    server = start_server(insecure=False)
    stuck = [socket.create_connection(server.address, timeout=10) for _ in range(5)]
    client, _ = connect_tls(server.address)
    assert client.hello()["type"] == "welcome"
    client.socket.close()
    for each in stuck:
        each.close()


def test_key_is_for_the_owner_only(start_server: StartServer) -> None:
    """What the server keeps, its key among it, nobody else on the machine can read (protocol.md 7)."""
    server = start_server(insecure=False)
    folder: Path = server.data_dir
    assert folder.stat().st_mode & 0o077 == 0 or all(
        path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*") if path.is_file()
    )
