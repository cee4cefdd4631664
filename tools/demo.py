"""A server on this machine with somebody on it, and the TUI in front: to look around, alone or in two terminals.

Everything lies in ``.demo/try`` (``CHAT_DEMO_DIR`` names another folder) and is made anew each time. The server ends
with the TUI, however that ends.
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

FOLDER = Path(os.environ.get("CHAT_DEMO_DIR", ROOT / ".demo" / "try"))
HOST, GUEST, GUIDE = "host", "guest", "guide"
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
    password = secrets.token_urlsafe(16)
    print("starting a server on this machine …", flush=True)
    try:
        with local_server(FOLDER / "data", "--name", "Demo", "--rate-limit", "off") as (host, port):
            furnish(host, port, password)
            for user in (HOST, GUEST):
                _log_in(user, f"{host}:{port}", password)
            status = _show()
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1
    print("The demo is over. A server that keeps what is said: make server")
    return status


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def furnish(host: str, port: int, password: str) -> None:
    """Make the three accounts, and a group in which the guide tells what there is to do."""
    with _connected(host, port) as you, _connected(host, port) as guide, _connected(host, port) as guest:
        you.register(HOST, password, display_name="Host")  # the first one: the admin
        guide.register(GUIDE, password, display_name="Guide")
        guest.register(GUEST, password, display_name="Guest")
        you.request("create_group", group=GROUP, title="Lobby")
        you.request("set_topic", group=GROUP, text="Try things out: nothing here is kept")
        for client in (guide, guest):
            client.request("join", group=GROUP)
        for number, text in enumerate(welcome(), start=1):
            guide.request("group_message", group=GROUP, message_id=f"demo-{number}", content=text)


def welcome() -> list[str]:
    """What the guide says."""
    return [
        "Welcome! You are the admin of this server. It runs on this machine only and ends when you leave.",
        "A second person joins from another terminal, in the folder of the project:\n```\nmake join\n```",
        "A line that begins with / is a command, /help lists them all. /quit leaves.",
    ]


@contextmanager
def _connected(host: str, port: int) -> Iterator[Client]:
    with socket.create_connection((host, port)) as connection:
        client = Client(connection)
        client.hello()
        yield client


def _log_in(user: str, address: str, password: str) -> None:
    """Leave a session of ``user`` in a profile of its own, so that a client there starts without a question."""
    arguments = [command("chat-cli"), "login", "--server", address, "--insecure", "--user", user]
    environment = os.environ | {"CHAT_DATA_DIR": str(FOLDER / user)}
    subprocess.run(arguments, env=environment, input=f"{password}\n", text=True, stdout=subprocess.DEVNULL, check=True)


def _show() -> int:
    """Run the TUI in this terminal until it ends; its exit status."""
    environment = os.environ | {"CHAT_DATA_DIR": str(FOLDER / HOST)}
    tui = subprocess.Popen([command("chat-tui")], env=environment, preexec_fn=end_with_parent)  # noqa: PLW1509 - one thread
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the TUI
    try:
        return tui.wait()
    finally:
        if tui.poll() is None:
            tui.terminate()  # it sets the terminal right
            tui.wait()


if __name__ == "__main__":
    sys.exit(main())
