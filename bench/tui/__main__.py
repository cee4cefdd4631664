"""Measure chat-tui in a terminal on this machine: starting, typing, sending, idling, memory, 100,000 messages.

    python -m bench.tui [--quick] [--json FILE] [NAME ...]

Every number is of a fresh client and, where there is one, a fresh server on loopback with durable commits, both of this
tree. Machines are noisy: compare runs of one sitting.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import string
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.links import Link, Sender, live, run
from bench.tui import inside
from bench.tui.screen import Program
from chat_client.core import cache
from chat_client.core.accounts import Account
from chat_client.core.addresses import ServerAddress
from chat_client.core.database import Database
from chat_client.core.profile import Profile
from chat_client.core.state import Conversation
from chat_protocol import packets
from tests.support.people import People, say
from tests.support.server import Server

Result = dict[str, object]
PASSWORD = "correct horse"
START_MS = 1_795_424_400_000


class Scene:
    """A server, people on it, and a folder for the client's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Server(folder / "data")
        self.server.start()
        self.people = People(self.server.address)

    def start_client(self, user: str) -> Program:
        """Start chat-tui as a new user; returns when it is connected."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        host, port = self.server.address
        program = start(self.folder / "profile", "--server", f"{host}:{port}", "--insecure", "--new-user", user,
                        "--password-file", str(password))  # fmt: skip
        program.until(lambda text: "connected" in text)
        return program


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        made = Scene(Path(folder))
        try:
            yield made
            made.people.close()
        finally:
            made.server.kill9()


def start(profile: Path, *arguments: str) -> Program:
    """Start chat-tui in a terminal."""
    command = [sys.executable, "-m", "chat_client.tui.cli", "--profile", str(profile), *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "TEXTUAL"))}
    return Program(command, {**env, "CHAT_CLIENT_CONFIG": str(profile.with_name("none.toml"))})


def fill_cache(folder: Path, count: int) -> None:
    """Make the files of a client that has been in #general for ``count`` messages."""
    account = Account(ServerAddress("127.0.0.1", 1, tls=False), "ada")
    profile = Profile(folder)
    profile.prepare()
    profile.accounts.keep(account, "a token")
    slot = profile.open_slot(account)
    database = Database(slot.database)
    database.open()
    entry = Conversation("#general", "group", role="member", last_seq=count, cursor=count, read_seq=count)
    database.do(lambda connection: cache.put_facts(connection, {"me": "ada", "display_name": "Ada", "epoch": "e"}))
    for first in range(1, count + 1, 5_000):
        events = [
            packets.GroupMessage("#general", seq, f"m{seq}", f"user{seq % 9}", "User", START_MS + seq * 9_000,
                                 content=f"number {seq}: " + inside.content(seq))
            for seq in range(first, min(first + 5_000, count + 1))
        ]  # fmt: skip
        database.do(lambda connection, events=events: cache.put_events(connection, events)).result()  # type: ignore[misc]
    database.do(lambda connection: cache.put_conversations(connection, [entry])).result()
    database.do(lambda connection: connection.execute("UPDATE conversation SET floor = 1, complete = 1")).result()
    database.close()
    slot.close()


# ---- Measurements ---------------------------------------------------------------------------------------------------


def starting(count: int, repeat: int) -> Result:
    """From the start of the process to the newest message on the screen: ``count`` messages cached, no server."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        fill_cache(Path(folder) / "profile", count)
        newest, form, memory = [], [], 0.0
        for _ in range(repeat):
            program = start(Path(folder) / "profile")
            form.append(program.until(lambda text: "#general" in text) - program.began)
            newest.append(program.until(lambda text: f"number {count}: " in text) - program.began)
            memory = program.memory_mib()
            program.close()
        imports = time.perf_counter()
        os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", "import chat_client.tui.app"])
        imports = time.perf_counter() - imports
        return {"name": f"start, {count:,} messages cached, no server", "first paint s": round(median(form), 2),
                "newest message s": round(median(newest), 2), "of it imports s": round(imports, 2),
                "MiB": round(memory)}  # fmt: skip


def typing(rate: int, keys: int) -> Result:
    """From a key to its letter on the screen, while ``rate`` messages a second come into the open group."""
    with scene() as made:
        guest = made.people.user("guest")
        group = made.people.group(guest)
        program = made.start_client(made.people.name("you"))
        program.type(f"/join #{group}\r")
        program.until(lambda text: "Members 2 of 2" in text)
        stop = threading.Event()
        sent = 0

        def flood() -> None:
            nonlocal sent
            began = time.perf_counter()
            while not stop.is_set():
                say(guest, f"#{group}", f"flood {sent} with some more words behind it")
                sent += 1
                ahead_s = sent / rate - (time.perf_counter() - began)
                if ahead_s > 0:
                    stop.wait(ahead_s)

        thread = threading.Thread(target=flood)
        began = time.perf_counter()
        if rate:
            thread.start()
            program.drain(2.0)
        took = []
        for number in range(keys):
            place = number % len(string.ascii_letters)
            if number and not place:
                program.type("\x15")  # ctrl+u: an empty line again, so that each letter is seen to come
                program.until(lambda text: string.ascii_letters[:10] not in text)
            wanted = string.ascii_letters[: place + 1]
            at = time.perf_counter()
            program.type(wanted[-1])
            took.append((program.until(lambda text, wanted=wanted: f"│ {wanted}" in text) - at) * 1000)  # type: ignore[misc]
            program.drain(0.05)
        stop.set()
        if rate:
            thread.join()
        reached = sent / (time.perf_counter() - began)
        program.close()
        return {"name": f"key to screen, {rate} messages/s", "reached/s": round(reached), **spread(took)}


def sending(count: int) -> Result:
    """From Enter to the message on the screen, and to its pending mark gone: written here, committed there, told back.

    A message whose ack comes before the next picture is never seen pending; ``seen pending`` tells how many were.
    """
    with scene() as made:
        program = made.start_client(made.people.name("you"))
        program.type("/create #bench\r")
        program.until(lambda text: "This is the beginning of #bench" in text)
        shown, acked, pending = [], [], 0
        for number in range(count):
            text = f"sent {number:04}"
            row = re.compile(f"│ .*(?P<mark>.)│ {text}")  # list of conversations │ time, name, mark│ words
            program.type(text)
            program.until(lambda screen, text=text: text in screen)  # type: ignore[misc]
            program.drain(0.1)
            at = time.perf_counter()
            program.type("\r")
            shown.append((program.until(lambda screen, row=row: row.search(screen)) - at) * 1000)  # type: ignore[misc]
            pending += _mark(row, program.screen.text) != " "
            acked.append((program.until(lambda screen, row=row: _mark(row, screen) == " ") - at) * 1000)  # type: ignore[misc]
            program.drain(0.1)
        program.close()
        return {"name": "Enter to ack mark", **spread(acked), "shown p50 ms": round(median(shown), 1),
                "seen pending": f"{pending} of {count}"}  # fmt: skip


def _mark(row: re.Pattern[str], screen: str) -> str | None:
    found = row.search(screen)
    return found["mark"] if found is not None else None


def idling(seconds: float) -> Result:
    """CPU of a client that is connected and has nothing to do."""
    with scene() as made:
        program = made.start_client(made.people.name("you"))
        program.type("/create #bench\r")
        program.until(lambda text: "This is the beginning of #bench" in text)
        program.drain(3.0)
        cpu_s, written = program.cpu_s(), program.written
        program.drain(seconds)
        used = (program.cpu_s() - cpu_s) / seconds * 100
        result: Result = {"name": f"idle for {seconds:g} s", "CPU %": round(used, 2),
                          "bytes written": program.written - written, "MiB": round(program.memory_mib())}  # fmt: skip
        program.close()
        return result


def receiving(count: int) -> Result:
    """Memory and time of a client into whose open group ``count`` messages come, as fast as the server tells them."""
    with scene() as made:
        owner = made.people.user("owner", sync=False)
        group = made.people.group(owner)
        program = made.start_client(made.people.name("you"))
        program.type(f"/join #{group}\r")
        program.until(lambda text: "Members 2 of 2" in text)
        before = program.memory_mib()
        link = Link(live(owner))
        sender = Sender(link, group, count, 64, "b")
        stop = threading.Event()
        reader = threading.Thread(target=_keep_reading, args=(program, stop))
        reader.start()
        cpu_s, began = program.cpu_s(), time.perf_counter()
        sender.start()
        run([link], lambda: link.acks >= count)
        sent_s = time.perf_counter() - began
        say_last = f"the last of {count}"
        stop.set()
        reader.join()
        owner.socket.setblocking(True)
        owner.start("group_message", group=group, message_id="0197aaaa-bbbb-7ccc-8ddd-00000000ffff", content=say_last)
        program.until(lambda text: say_last in text, 600)
        took_s = time.perf_counter() - began
        program.drain(3.0)
        result: Result = {
            "name": f"{count:,} messages arrive", "sent in s": round(sent_s, 1), "shown in s": round(took_s, 1),
            "CPU µs each": round((program.cpu_s() - cpu_s) / count * 1e6), "MiB before": round(before),
            "MiB": round(program.memory_mib()),
        }  # fmt: skip
        program.close()
        return result


def _keep_reading(program: Program, stop: threading.Event) -> None:
    while not stop.is_set():
        program.read(0.1)


def spread(took_ms: list[float]) -> Result:
    """Median, 95 % and the worst."""
    ordered = sorted(took_ms)
    return {"p50 ms": round(median(ordered), 1), "p95 ms": round(ordered[int(len(ordered) * 0.95)], 1),
            "max ms": round(ordered[-1], 1)}  # fmt: skip


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the load")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there, too")
    parser.add_argument("names", nargs="*", metavar="NAME", help="start, typing, sending, idle, arrive, inside")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    todo: dict[str, list[Callable[[], Result | list[Result]]]] = {
        "start": [lambda: starting(100, 5), lambda: starting(100_000 // part, 5)],
        "typing": [lambda: typing(0, 200 // part), lambda: typing(200, 200 // part)],
        "sending": [lambda: sending(100 // part)],
        "idle": [lambda: idling(30 / part)],
        "arrive": [lambda: receiving(100_000 // part)],
        "inside": [lambda: inside.measure(100_000 // part)],
    }
    results: list[Result] = []
    for name, measurements in todo.items():
        if options.names and name not in options.names:
            continue
        for measure in measurements:
            made = measure()
            for result in made if isinstance(made, list) else [made]:
                results.append(result)
                line = "  ".join(f"{key} {value}" for key, value in result.items() if key != "name")
                print(f"{result['name']:<44} {line}", flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
