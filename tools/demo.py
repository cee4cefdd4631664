"""A server on this machine with somebody on it, and the TUI in front: to look around, alone or in two terminals.

Everything lies in ``.demo/try`` and is made anew each time. The server ends with the TUI, however that ends.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.support.wire import Client
from tools.local_server import ROOT, NoServer, command, end_with_parent, local_server

FOLDER = ROOT / ".demo" / "try"
YOU, GUEST, GUIDE = "you", "guest", "guide"
GROUP = "lobby"


def main() -> int:
    """Run the demo until the TUI ends; its exit status."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("the demo needs a terminal; without one, start chat-server and use chat-cli", file=sys.stderr)
        return 2
    end_with_parent()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    password_file = FOLDER / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(16) + "\n", encoding="utf-8")
    try:
        with local_server(FOLDER / "data", "--name", "Demo", "--rate-limit", "off") as (host, port):
            furnish(host, port, password_file.read_text(encoding="utf-8").strip())
            status = _show(f"tcp://{host}:{port}", password_file)
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1
    print("The demo is over. A server that keeps what is said: make server")
    return status


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def face(name: str, user: str, address: str, password_file: Path) -> list[str]:
    """The command that opens ``chat-tui`` or ``chat-cli`` as ``user``, as short as it can be typed in this folder."""
    return [name, "--server", address, "--user", user, "--password-file", str(password_file)]


def furnish(host: str, port: int, password: str) -> None:
    """Make the three accounts and a group in which the guide tells what there is to do."""
    with _connected(host, port) as guide, _connected(host, port) as you, _connected(host, port) as guest:
        you.register(YOU, password, display_name="You")
        guide.register(GUIDE, password, display_name="Guide")
        guest.register(GUEST, password, display_name="Guest")
        you.request("create_group", group=GROUP, title="Lobby")
        for client in (guide, guest):
            client.request("join", group=GROUP)
        you.request("set_topic", group=GROUP, text="Try things out: nothing here is kept")
        for number, text in enumerate(welcome(f"tcp://{host}:{port}"), start=1):
            guide.request("group_message", group=GROUP, message_id=f"demo-{number}", content=text)


def welcome(address: str) -> list[str]:
    """What the guide says."""
    relative = Path(command("chat-tui")).relative_to(ROOT), (FOLDER / "password").relative_to(ROOT)
    join = " ".join(face(str(relative[0]), GUEST, address, relative[1]))
    return [
        "Welcome! You are the admin of this server, which runs on your machine only and ends when you leave.",
        f"To join from a second terminal, in this folder:\n```\n{join}\n```",
        "/help lists the commands. Enter sends, /quit leaves.",
    ]


@contextmanager
def _connected(host: str, port: int) -> Iterator[Client]:
    with socket.create_connection((host, port)) as connection:
        client = Client(connection)
        client.hello()
        yield client


def _show(address: str, password_file: Path) -> int:
    """Run the TUI in this terminal until it ends."""
    environment = os.environ | {"CHAT_DATA_DIR": str(FOLDER / YOU)}
    arguments = face(command("chat-tui"), YOU, address, password_file)
    tui = subprocess.Popen(arguments, env=environment, preexec_fn=_in_tui)  # noqa: PLW1509 - this process has one thread
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the TUI
    try:
        return tui.wait()
    finally:
        if tui.poll() is None:
            tui.terminate()  # it sets the terminal right
            tui.wait()


def _in_tui() -> None:
    end_with_parent()


if __name__ == "__main__":
    sys.exit(main())
