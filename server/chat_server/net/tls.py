"""TLS 1.3 on memory buffers: bytes in, bytes out, never a socket (so that nothing can go out in the clear by mistake).

The key and a self-signed certificate are made at first start; clients pin the certificate's SHA-256 fingerprint.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import ssl
from hashlib import sha256
from pathlib import Path
from typing import Final

from chat_server.store.folder import sync_folder

_VALID_DAYS: Final = 3650
_READ_BYTES: Final = 64 * 1024
_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_OTHERS: Final = 0o077


class TlsError(Exception):
    """The certificate or key cannot be used; the text says why."""


class Credentials:
    """A server's TLS context with its certificate's fingerprint, used by all I/O threads.

    Raises:
        TlsError: the files cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context, self.fingerprint = self._load()
        """The context of the connections that come from now on, and SHA-256 of the certificate, in hex."""

    def reload(self) -> None:
        """Read the files again: connections that come from now on see the new certificate, the others keep theirs.

        Any thread, one at a time.

        Raises:
            TlsError: they cannot be used; the old ones stay in force.
        """
        self.context, self.fingerprint = self._load()

    def _load(self) -> tuple[ssl.SSLContext, str]:
        certificate, key = self._certificate, self._key
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0  # a reconnecting client logs in by token; a ticket would only be more to keep
        try:
            # without the callback OpenSSL would ask on the terminal
            context.load_cert_chain(certificate, key, password=_refuse_passphrase)
            found = _CERTIFICATE.search(certificate.read_text(encoding="utf-8", errors="replace"))
            if found is None:
                raise ValueError("there is no certificate in it")
            der = ssl.PEM_cert_to_DER_cert(found.group())
        except (OSError, ValueError) as error:
            raise TlsError(f"the certificate {certificate} with the key {key} cannot be used: {error}") from None
        return context, sha256(der).hexdigest()


def _refuse_passphrase() -> str:
    raise ValueError("the key is encrypted: the server could not start by itself, give it a key without a passphrase")


def open_credentials(data_dir: Path, host: str) -> Credentials:
    """The credentials kept in ``data_dir``; a key (mode 0600) and certificate are made where there are none.

    Raises:
        TlsError: they are there and cannot be used.
    """
    directory = data_dir / "tls"
    certificate, key = directory / "cert.pem", directory / "key.pem"
    try:
        if not key.exists():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(certificate, key, host)
            sync_folder(directory)  # after a loss of power another key would be a full stop for every client
            sync_folder(data_dir)
        elif key.stat().st_mode & _OTHERS:
            key.chmod(0o600)  # a copy that was put back may have lost its mode
    except OSError as error:
        raise TlsError(f"the key in {directory} cannot be used: {error.strerror}") from None
    return Credentials(certificate, key)


def _make(certificate: Path, key: Path, host: str) -> None:
    # imported here: it takes a tenth of a second and is needed once in a server's life
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chat-server")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [x509.DNSName("localhost")]
    try:
        alternatives.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        alternatives.append(x509.DNSName(host))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clients' clocks may be behind
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(private, hashes.SHA256())
    )
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))
    # the key last: where it is, both are
    _write(
        key,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _write(path: Path, content: bytes) -> None:
    """Write a private file whole or not at all."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class TlsLayer:
    """One connection's TLS. Its I/O thread alone (OpenSSL allows one thread per connection at a time)."""

    __slots__ = ("_incoming", "_is_ready", "_object", "_outgoing")

    def __init__(self, credentials: Credentials) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = credentials.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_ready = False

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what came from the socket: the plain bytes in it, and what TLS itself has to send.

        Raises:
            ssl.SSLError: this is no TLS, or not as it should be: close.
        """
        self._incoming.write(data)
        if not self._is_ready:
            try:
                self._object.do_handshake()
                self._is_ready = True
            except ssl.SSLWantReadError:
                return b"", self._outgoing.read()
        plain: list[bytes] = []
        try:
            while piece := self._object.read(_READ_BYTES):
                plain.append(piece)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return b"".join(plain), self._outgoing.read()

    def encrypt(self, data: bytes) -> bytes:
        """``data`` as it goes out; only after the handshake, before which nothing is sent."""
        self._object.write(data)
        return self._outgoing.read()

    @property
    def is_ready(self) -> bool:
        """Whether the handshake is done."""
        return self._is_ready
