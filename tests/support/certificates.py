"""Certificates as an administrator brings them: PEM files, with the key before or behind the certificate."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make_certificate(path: Path, *, passphrase: bytes | None = None) -> str:
    """Write one file with text, a key and a certificate, as tools write them; the fingerprint that clients pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chat.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    kept: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        kept = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
    draft = path.with_suffix(".draft")
    draft.write_bytes("friendlyName: Bücher\n".encode() + pem + made.public_bytes(serialization.Encoding.PEM))
    draft.chmod(0o600)
    draft.replace(path)
    return "sha256:" + hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()
