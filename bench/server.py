"""Measure a server of this tree on this machine: acknowledgements, fan-out, catching up, logins, memory.

    python -m bench.server [--quick] [--json FILE]

Every number is of a fresh server with durable commits and no TLS. CPU is that of the server process. Machines are
noisy: compare runs of one sitting. The results are kept in .bench, and each run is set against the one before. The
load generator is Python, too, and needs a core of its own. Exit status 1: the server lost, repeated or reordered
something.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.links import Fault, Link, Sender, live, members, run
from bench.results import Result, Results
from tests.support.people import People
from tests.support.server import Server

_TICKS = os.sysconf("SC_CLK_TCK")


class Measured:
    """A running server, and what it has used so far (Linux; elsewhere 0)."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "data")
        self.server.start()
        self.people: list[People] = []
        self._folder = folder
        self._pid = self._read_pid()

    def _read_pid(self) -> int:
        return int((self._folder / "data" / "server.lock").read_text(encoding="ascii"))

    def restart(self) -> None:
        """End it and start it again on the same data."""
        self.server.restart()
        self._pid = self._read_pid()

    def crowd(self) -> People:
        """People to make connections with; their names run out after some hundreds, so ask again."""
        self.people.append(People(self.server.address))
        return self.people[-1]

    def cpu_s(self) -> float:
        """CPU time in seconds, of all threads."""
        try:
            fields = Path(f"/proc/{self._pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_kib(self) -> int:
        """Resident memory."""
        try:
            lines = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return 0
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@contextmanager
def fresh_server() -> Iterator[Measured]:
    """A server with an empty data directory."""
    with tempfile.TemporaryDirectory(prefix="chat-bench-") as folder:
        measured = Measured(Path(folder))
        try:
            yield measured
            for people in measured.people:
                people.close()
            measured.server.terminate()
        finally:
            measured.server.kill9()


def acknowledgements(window: int, count: int) -> Result:
    """One sender alone in a group, with ``window`` messages on their way: what durability costs."""
    with fresh_server() as measured:
        people = measured.crowd()
        owner = people.user("sender", sync=False)
        group = people.group(owner)
        link = Link(live(owner))
        sender = Sender(link, group, count, window, "ack")
        cpu_s = measured.cpu_s()
        sender.start()
        took_s = run([link], lambda: link.acks >= count)
        return {
            "name": f"ack, window {window}",
            "per_s": round(count / took_s),
            "cpu_us": round((measured.cpu_s() - cpu_s) / count * 1e6, 1),
            **_quantiles(sender.latencies_ms),
        }


def fan_out(receivers: int, senders: int, each: int) -> Result:
    """Some of the members of one group speak, all others hear it: who only listens checks every event."""
    with fresh_server() as measured:
        owner = measured.crowd().user("owner", sync=False)
        group = measured.people[-1].group(owner)
        links = members(measured.crowd, group, receivers)
        listening = links[senders:]
        wanted = [(link, link.events + senders * each) for link in listening]
        cpu_s = measured.cpu_s()
        for at, link in enumerate(links[:senders]):
            Sender(link, group, each, 64, f"fan{at}").start()
        took_s = run(links, lambda: all(link.events >= most for link, most in wanted))
        deliveries = senders * each * (receivers - 1)
        return {
            "name": f"fan-out, {senders} of {receivers} speak",
            "per_s": round(deliveries / took_s),
            "cpu_us": round((measured.cpu_s() - cpu_s) / deliveries * 1e6, 2),
        }


def catching_up(events: int) -> Result:
    """A device that was away asks for everything."""
    with fresh_server() as measured:
        people = measured.crowd()
        owner, away = people.user("owner", sync=False), people.user("away", sync=False)
        group = people.group(owner)
        away.request("join", group=group)
        link = Link(live(owner))
        Sender(link, group, events, 256, "missed").start()
        run([link], lambda: link.acks >= events)
        back = Link(away)
        cpu_s = measured.cpu_s()
        away.socket.setblocking(True)
        away.start("sync", limit=None)
        away.socket.setblocking(False)
        took_s = run([back], lambda: back.events >= events)
        return {
            "name": f"catching up on {events}",
            "per_s": round(events / took_s),
            "cpu_us": round((measured.cpu_s() - cpu_s) / events * 1e6, 2),
        }


def returning(connections: int, idle_s: float) -> Result:
    """The server was restarted: all come again at once, by their tokens, and then say nothing."""
    with fresh_server() as measured:
        measured.server.keep_port()
        tokens: list[str] = []
        while len(tokens) < connections:
            people = measured.crowd()
            tokens += [people.user("idle", sync=False).token for _ in range(min(200, connections - len(tokens)))]
        for people in measured.people:
            people.close()
        measured.people.clear()
        measured.restart()
        before_kib, cpu_s = measured.memory_kib(), measured.cpu_s()
        links = [_open(measured.crowd(), token) for token in tokens]
        took_s = run(links, lambda: all(link.is_synced for link in links))
        login_us = (measured.cpu_s() - cpu_s) / connections * 1e6
        cpu_s = measured.cpu_s()
        time.sleep(idle_s)
        return {
            "name": f"{connections} come back",
            "per_s": round(connections / took_s),
            "cpu_us": round(login_us, 1),
            "memory_kib_each": round((measured.memory_kib() - before_kib) / connections, 1),
            "idle_cpu_percent": round((measured.cpu_s() - cpu_s) / idle_s * 100, 2),
        }


def _open(people: People, token: str) -> Link:
    client = people.connect()
    client.start("hello", protocol=1, client="bench/1")
    client.start("login", token=token)
    client.start("sync")
    return Link(client)


def _quantiles(latencies_ms: list[float]) -> Result:
    ordered = sorted(latencies_ms)
    return {"p50_ms": round(ordered[len(ordered) // 2], 2), "p99_ms": round(ordered[len(ordered) * 99 // 100], 2)}


def loads(*, quick: bool) -> list[Callable[[], Result]]:
    """What is measured, in order."""
    part = 10 if quick else 1
    return [
        lambda: acknowledgements(1, 3_000 // part),
        lambda: acknowledgements(16, 20_000 // part),
        lambda: acknowledgements(256, 50_000 // part),
        lambda: fan_out(100, 1, 10_000 // part),
        lambda: fan_out(100, 10, 1_000 // part),
        lambda: catching_up(50_000 // part),
        lambda: returning(1_000 // part, 3.0 / part),
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure a server of this tree on this machine.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the load: to see that it works")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep the results there, to compare the next run with"
    )
    options = parser.parse_args()
    results = Results(options.json or Path(".bench", "server-quick.json" if options.quick else "server.json"))
    if results.has_before:
        print("(x1.00): as in the last run")
    for load in loads(quick=options.quick):
        try:
            print(results.add(load()), flush=True)
        except Fault as fault:
            print(f"fault: {fault}", file=sys.stderr)
            return 1
    results.keep()
    return 0


if __name__ == "__main__":
    sys.exit(main())
