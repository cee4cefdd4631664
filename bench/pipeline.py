"""What one message costs in each part of the router, in one thread and without sockets: µs of CPU per message.

    python bench/pipeline.py [--messages N] [--batch N] [--profile]

The parts run one after the other on batches, as the threads of a server would: decode, decide (rules and job), store
(SQLite, in a temporary directory), complete (ack, publish, push). Figures are minima over the rounds, so that other
load on the machine shows less.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

from chat_protocol.connection import ServerConnection
from chat_protocol.frames import encode_frame
from chat_server.dispatch.bounds import Bounds
from chat_server.dispatch.dispatcher import Dispatcher
from chat_server.dispatch.peer import Order, Peer
from chat_server.dispatch.writer import Committed
from chat_server.passwords import make_passwords
from chat_server.routing.context import Context, Rules
from chat_server.routing.directory import Directory, User
from chat_server.routing.session import Session
from chat_server.store.base import DeviceRow, PutUser
from chat_server.store.sqlite import open_store

PAIRS = 200


class Sink:
    """An I/O thread that drops everything."""

    def post(self, orders: list[Order]) -> None:
        """Drop ``orders``."""


class Pipeline:
    """A dispatcher whose threads are not started; its parts are called in turn."""

    def __init__(self, directory: Path) -> None:
        self.store = open_store(directory)
        self.context = Context(
            Directory(self.store.load()),
            Rules(),
            make_passwords(64, 1),
            lambda: secrets.token_hex(12),
            secrets.token_urlsafe,
        )
        self.context.now_ms = 1_790_000_000_000
        self.dispatcher = Dispatcher(self.context, self.store, Bounds(), 1, 1, lambda: None)
        self.dispatcher.writer.push = lambda jobs: self.jobs.extend(job for _, _, job in jobs)  # type: ignore[method-assign]
        self.jobs: list[object] = []
        self.sink = Sink()
        self.peers = [self._user(number) for number in range(2 * PAIRS)]
        self.number = 0
        self._open_chats()

    def _open_chats(self) -> None:
        """Say something in each chat: the first message of all is looked up first."""
        reader = self.store.reader()
        readers = self.dispatcher.readers
        readers.put = lambda ticket: ticket.then(ticket.work(reader), None)  # type: ignore[method-assign]
        self.decide(self.decode(self.frames(PAIRS)))
        reader.close()
        self.commit()
        self.complete()

    def _user(self, number: int) -> Peer:
        user = User(number + 1, f"u{number:06}", f"User {number}", "", (), 0)
        self.context.directory.add_user(user)
        self.store.commit([PutUser(user.row())])
        self.context.directory.put_device(DeviceRow(f"d{number}", user.id, "bench", b"%d" % number, 0, 0))
        peer = Peer(self.sink, Session(user=user.id, device=f"d{number}", is_synced=True))
        self.dispatcher._connections.all.add(peer)
        self.dispatcher._connections.open(peer)
        return peer

    def frames(self, count: int) -> list[tuple[Peer, ServerConnection, bytes]]:
        """``count`` private messages, each from another connection."""
        made = []
        for _ in range(count):
            self.number += 1
            sender = self.number % PAIRS
            payload = (
                b'{"type":"private_message","id":%d,"to":"u%06d","message_id":"0197aaaa-bbbb-7ccc-8ddd-%012x","content":"%s"}'
                % (self.number, sender + PAIRS, self.number, b"x" * 120)
            )
            made.append((self.peers[sender], ServerConnection(65536), encode_frame(payload)))
        return made

    def decode(self, frames: list[tuple[Peer, ServerConnection, bytes]]) -> list[tuple[Peer, list[object]]]:
        """The I/O thread's part of the way in."""
        return [(peer, connection.receive_data(frame)) for peer, connection, frame in frames]  # type: ignore[misc]

    def decide(self, received: list[tuple[Peer, list[object]]]) -> None:
        """The router's part before the commit."""
        for peer, packets in received:
            self.dispatcher._intake.receive(peer, packets)  # type: ignore[arg-type]
        while self.dispatcher._intake.has_more:
            self.dispatcher._intake.serve()
        self.dispatcher._flush()

    def commit(self) -> None:
        """The writer's part."""
        writes = [write for job in self.jobs for write in job.writes]  # type: ignore[attr-defined]
        outcomes = self.store.commit(writes)
        at = 0
        for job in self.jobs:
            end = at + len(job.writes)  # type: ignore[attr-defined]
            job.outcomes = outcomes[at:end]  # type: ignore[attr-defined]
            at = end

    def complete(self) -> None:
        """The router's part after the commit."""
        jobs, self.jobs = self.jobs, []
        self.dispatcher._take_committed(Committed(jobs, 0.0, 0.0, 1))  # type: ignore[arg-type]
        self.dispatcher._flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--profile", choices=["decode", "decide", "commit", "complete"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(Path(folder))
        best: dict[str, float] = {}
        profile = cProfile.Profile()

        def timed(name: str, work: Callable[[], object]) -> object:
            started = process_time()
            result = profile.runcall(work) if options.profile == name else work()
            spent = (process_time() - started) * 1e6 / options.batch
            best[name] = min(best.get(name, spent), spent)
            return result

        for _ in range(options.messages // options.batch):
            frames = pipeline.frames(options.batch)
            received = timed("decode", lambda frames=frames: pipeline.decode(frames))  # type: ignore[misc]
            timed("decide", lambda received=received: pipeline.decide(received))  # type: ignore[misc]
            timed("commit", pipeline.commit)
            timed("complete", pipeline.complete)
        pipeline.store.close()
    for name, spent in best.items():
        print(f"{name:10} {spent:6.2f} µs")
    print(f"{'all':10} {sum(best.values()):6.2f} µs")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
