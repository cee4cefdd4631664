"""Which certificate belongs to which server: pinned at first use, by a link, or by the user's word."""

from pathlib import Path

import msgspec

from chat_client.core.addresses import ServerAddress, fingerprint_of
from chat_client.core.errors import ConfigError
from chat_client.core.files import locked, read_private, write_private

__all__ = ["TrustStore"]


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
        """Pin a server's certificate; takes the place of an older pin.

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
            raise ConfigError(f"{self._path} cannot be understood: {error}: move it away to start anew") from None

    def _write(self, pins: dict[str, str]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(pins), indent=2))
