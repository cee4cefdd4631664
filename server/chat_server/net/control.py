"""The socket in the data directory by which the operator asks the server about itself.

Whoever may enter the data directory may ask: its mode is the permission.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from chat_server.net.loop import IoThread
from chat_server.net.strangers import Strangers

NAME = "control.sock"
_ANY_NUMBER = Strangers(None)
"""Operators are no strangers."""
_LONGEST = 100
"""Bytes that the path of a socket may have; longer ones go by way of the directory's descriptor."""


@contextlib.contextmanager
def control_address(data_path: Path) -> Iterator[str]:
    """How to name the socket of a data directory within this block.

    Raises:
        OSError: the directory cannot be entered.
    """
    path = str(data_path / NAME)
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    directory = os.open(data_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)


class ControlListener:
    """Accepts operators; watched by the first I/O thread. One server at a time holds the data directory."""

    def __init__(self, data_path: Path, thread: IoThread) -> None:
        self._thread = thread
        self._path = data_path / NAME
        self._path.unlink(missing_ok=True)  # of a server that was killed
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with control_address(data_path) as address:
            self._sock.bind(address)
        self._path.chmod(0o600)
        self._sock.listen(8)
        self._sock.setblocking(False)

    def start(self) -> None:
        """Accept from now on."""
        self._thread.watch(self._sock, self._accept)

    def stop(self) -> None:
        """Accept nothing more."""
        self._path.unlink(missing_ok=True)
        self._thread.unwatch(self._sock)

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except OSError:
            return  # it went away again, or no descriptor is left: the operator is told by the closed socket
        sock.setblocking(False)
        self._thread.adopt(sock, "control", _ANY_NUMBER, is_operator=True)
