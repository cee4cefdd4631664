"""Which certificate belongs to which server: pinned at first use, by a link, or by the user's word."""

from pathlib import Path

import msgspec

from chat_client.core.addresses import ServerAddress, fingerprint_of
from chat_client.core.errors import ConfigError, ConnectError
from chat_client.core.files import locked, read_private, write_private
from chat_client.core.language import tr

__all__ = ["TrustStore", "changed_certificate"]


def changed_certificate(address: ServerAddress, fingerprint: str) -> ConnectError:
    """Return the full stop for a server that shows, or a link that names, another certificate than the pinned one."""
    return ConnectError(
        "wrong_fingerprint",
        tr(
            "the certificate of {address} is not the one trusted before, but {fingerprint}. Somebody"
            " may be in between, so nothing is sent. Ask the server's admin; if it was changed on"
            " purpose, run: chat-cli trust {address} and the fingerprint that the admin tells you"
        ).format(address=address.key, fingerprint=fingerprint),
        fingerprint=fingerprint,
        is_final=True,
    )


class TrustStore:
    """The file. Every method reads it anew, so several programs may use it at once. Blocks for a disk access."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pin(self, address: ServerAddress) -> str:
        """Return the fingerprint pinned for a server, ``sha256:`` and 64 hex digits; empty if there is none.

        Raises:
            ConfigError: The file cannot be understood, or others can read it.
        """
        return self._read().get(address.key, "")

    def trust(self, address: ServerAddress, fingerprint: str) -> None:
        """Pin the certificate of a server that has none yet; nothing where it is pinned already.

        Raises:
            ConnectError: ``wrong_fingerprint``: another certificate is pinned. Only :meth:`replace` lifts that.
            ConfigError: It is no fingerprint, or the file cannot be written.
        """
        fingerprint = fingerprint_of(fingerprint)
        with locked(self._lock):
            pins = self._read()
            if pins.get(address.key, fingerprint) != fingerprint:
                raise changed_certificate(address, fingerprint)
            self._write({**pins, address.key: fingerprint})

    def replace(self, address: ServerAddress, fingerprint: str) -> None:
        """Pin another certificate than before: for a command that the user gives for nothing else.

        Raises:
            ConfigError: It is no fingerprint, or the file cannot be written.
        """
        with locked(self._lock):
            self._write({**self._read(), address.key: fingerprint_of(fingerprint)})

    def forget(self, address: ServerAddress) -> None:
        """Forget a pin: the next connection asks again."""
        with locked(self._lock):
            pins = self._read()
            pins.pop(address.key, None)
            self._write(pins)

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")

    def _read(self) -> dict[str, str]:
        content = read_private(self._path)
        if content is None:
            return {}
        try:
            return msgspec.json.decode(content, type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                tr("{path} cannot be understood: {error}: move it away to start anew").format(
                    path=self._path, error=error
                )
            ) from None

    def _write(self, pins: dict[str, str]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(pins), indent=2))
