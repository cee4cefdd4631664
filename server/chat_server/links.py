"""The link to a server that an invite is handed out with: address, certificate and code in one word."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import quote


def invite_link(host: str, port: int, fingerprint: str | None, code: str) -> str:
    """``chat://host:port/?invite=…&fp=sha256:…``, or ``tcp://…`` without a fingerprint, which is for loopback.

    A client that opens it knows the certificate before it sends its first byte. Where the server listens on all
    addresses, the link names the machine. It holds the invite, so it is a secret while that is valid.
    """
    host = reachable(host)
    shown = f"[{host}]" if ":" in host else host
    if fingerprint is None:
        return f"tcp://{shown}:{port}/?invite={quote(code, safe='')}"
    return f"chat://{shown}:{port}/?invite={quote(code, safe='')}&fp=sha256:{fingerprint}"


def reachable(host: str) -> str:
    """A name by which others reach what listens on ``host``."""
    try:
        return socket.gethostname() if ip_address(host).is_unspecified else host
    except ValueError:
        return host
