"""Wakes a selector from another thread."""

from __future__ import annotations

import os
import socket


class Waker:
    """A readable file descriptor that other threads make ready.

    ``wake`` may be called from any thread, the rest by the loop.
    """

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def fileno(self) -> int:
        """For the selector."""
        return self._reading.fileno()

    def wake(self) -> None:
        """Make it ready; never blocks. One that is full is ready enough."""
        try:
            self._writing.send(b"\0")
        except BlockingIOError:
            pass

    def clear(self) -> None:
        """Make it wait for the next ``wake``."""
        try:
            while len(self._reading.recv(4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Release both ends."""
        self._reading.close()
        self._writing.close()


if hasattr(os, "eventfd"):  # Linux: one descriptor and one system call less

    class _EventWaker(Waker):
        def __init__(self) -> None:
            self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

        def fileno(self) -> int:
            return self._fd

        def wake(self) -> None:
            os.eventfd_write(self._fd, 1)

        def clear(self) -> None:
            try:
                os.eventfd_read(self._fd)
            except BlockingIOError:
                pass

        def close(self) -> None:
            os.close(self._fd)


def make_waker() -> Waker:
    """The best waker of this system."""
    return _EventWaker() if hasattr(os, "eventfd") else Waker()
