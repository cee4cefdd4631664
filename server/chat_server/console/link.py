"""A connection to the server that runs on a data directory, by the socket in it. Blocking, for one thread."""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType
from typing import Final

from chat_protocol.connection import ClientConnection
from chat_protocol.errors import ProtocolError
from chat_protocol.packets import Error, Ok, Request
from chat_server.net.control import control_address

_PATIENCE_S: Final = 10.0


class ConsoleError(Exception):
    """It was not answered; the text says why and what to do."""


class Link:
    """Asks a running server.

    Raises:
        ConsoleError: there is none on this data directory, or it is somebody else's.
    """

    def __init__(self, data_path: Path) -> None:
        self._connection = ClientConnection()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_PATIENCE_S)
        try:
            with control_address(data_path) as address:
                self._socket.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            self._socket.close()
            raise ConsoleError(
                f"no server runs on {data_path}: start it, or name its data directory with --data-dir"
            ) from None
        except OSError as error:
            self._socket.close()
            raise ConsoleError(f"the server on {data_path} cannot be reached: {error.strerror}") from None

    def ask(self, request: Request) -> Ok:
        """The answer to a request.

        Raises:
            ConsoleError: it was refused, or the server is gone.
        """
        try:
            self._socket.sendall(self._connection.send(request))
            while data := self._socket.recv(65_536):
                for packet in self._connection.receive_data(data):
                    if isinstance(packet, Ok) and packet.re == request.id:
                        return packet
                    if isinstance(packet, Error):
                        raise ConsoleError(packet.message)
        except (OSError, ProtocolError) as error:
            raise ConsoleError(f"the server does not answer any more: {error}") from None
        raise ConsoleError("the server has ended the connection: it is stopping")

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()
