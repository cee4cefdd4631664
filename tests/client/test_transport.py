"""Connecting: pins, addresses in the clear, dead peers."""

import asyncio
import datetime
import errno
import hashlib
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chat_client.core.addresses import ServerAddress
from chat_client.core.errors import ConnectError
from chat_client.core.handshake import probe
from chat_client.core.transport import Transport
from chat_protocol import packets
from tests.client.fake_server import FakeServer, until


def certificate(directory: Path) -> tuple[ssl.SSLContext, str]:
    """A key and a certificate as a server makes them for itself, and the fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(path)
    return context, "sha256:" + hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[FakeServer, str]]:
    """A fake server with TLS, and its fingerprint."""
    context, fingerprint = certificate(tmp_path)
    fake = FakeServer()
    await fake.start(context)
    yield fake, fingerprint
    await fake.stop()


async def test_pinned_server_is_connected(secure: tuple[FakeServer, str]) -> None:
    """The pinned fingerprint opens the connection."""
    server, fingerprint = secure
    info = await probe(ServerAddress("127.0.0.1", server.port), fingerprint)
    assert (info.name, info.registration, info.fingerprint) == ("Test chat", "open", fingerprint)


@pytest.mark.parametrize(("pin", "code"), [("", "untrusted"), ("sha256:" + "0" * 64, "wrong_fingerprint")])
async def test_other_certificates_get_no_byte(secure: tuple[FakeServer, str], pin: str, code: str) -> None:
    """An unknown or another certificate ends it before anything is sent; the error tells what came."""
    server, fingerprint = secure
    with pytest.raises(ConnectError) as caught:
        await Transport.connect(ServerAddress("127.0.0.1", server.port), pin)
    assert (caught.value.code, caught.value.fingerprint, caught.value.is_final) == (code, fingerprint, True)
    await until(lambda: not server.connections)
    assert server.received == []


async def test_clear_text_is_for_this_machine_only() -> None:
    """Nothing is sent in the clear over a network."""
    with pytest.raises(ConnectError, match="in the clear"):
        await Transport.connect(ServerAddress("192.0.2.1", 7443, tls=False), "")


async def test_nobody_there(server: FakeServer) -> None:
    """A refused connection says so and may be tried again."""
    await server.stop()
    with pytest.raises(ConnectError) as caught:
        await Transport.connect(ServerAddress("127.0.0.1", server.port, tls=False), "")
    assert str(caught.value) == f"127.0.0.1:{server.port} cannot be reached: {os.strerror(errno.ECONNREFUSED)}"
    assert not caught.value.is_final


async def test_plain_port_for_a_tls_client(server: FakeServer) -> None:
    """A server without TLS is told from one that is not there."""
    with pytest.raises(ConnectError):
        await Transport.connect(ServerAddress("127.0.0.1", server.port), "", timeout_s=2)


async def test_silent_peer_is_pinged_and_then_given_up() -> None:
    """A peer that does not answer pings is gone (protocol.md 4)."""
    received = bytearray()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1_000):
                received.extend(data)
        except OSError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    address = ServerAddress("127.0.0.1", port, tls=False)
    transport = await Transport.connect(address, "", ping_s=0.06, dead_s=0.2)
    with pytest.raises(ConnectError) as caught:
        await transport.receive()
    assert caught.value.code == "connection_lost"
    await until(lambda: b'"ping"' in received)
    listener.close()
    await listener.wait_closed()


async def test_answered_pings_keep_it_open(server: FakeServer) -> None:
    """A peer that answers stays, however quiet it is."""
    transport = await Transport.connect(
        ServerAddress("127.0.0.1", server.port, tls=False), "", ping_s=0.03, dead_s=0.09
    )
    pongs = 0
    while pongs < 5:
        pongs += sum(isinstance(packet, packets.Pong) for packet in await transport.receive())
    await transport.close()


async def test_no_chat_server_at_all() -> None:
    """Something else on that port is told from a chat server."""

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(web, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(ConnectError, match="no packet"):
        await probe(ServerAddress("127.0.0.1", port, tls=False), "")
    listener.close()
    await listener.wait_closed()
