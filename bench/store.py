"""What the store costs: commits, pages, counts, the index and searches, on the disk that holds the given folder.

Run from the top of the tree:

    PYTHONPATH=protocol:server python bench/store.py --dir . commit --events 200000 --batch 256 --conversations 500

CPU is that of the whole process, user and system. Trust factors, not 20 %.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

from chat_server.store.base import (
    AT_HEAD,
    Advance,
    Append,
    ConversationRow,
    DeviceRow,
    PutConversation,
    PutDevice,
    Scope,
    Write,
)
from chat_server.store.sqlite import SqliteStore, open_store

_WORDS = ("the", "of", "and", "to", "deploy", "server", "client", "error", "build", "test", "main", "branch", "review")
_QUERIES = ("deploy", "deploy17", "deploy1 server2", '"the server"', "de", "deplo*", "zebra", "->", "the of and to")
_NOW_MS = 1_790_000_000_000


def main() -> None:
    """Read the command line and run one benchmark in a fresh store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(_BENCHMARKS))
    parser.add_argument("--dir", type=Path, default=Path("."), help="folder for the store: choose the disk with it")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=256, help="events in a commit")
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--chars", type=int, default=120, help="characters of a message")
    parser.add_argument("--contend", action="store_true", help="beside a thread that runs Python all the time")
    parser.add_argument("--ids", choices=("uuid7", "random"), default="uuid7")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=options.dir))
    store = open_store(folder)
    try:
        store.load()
        _BENCHMARKS[options.what](store, options)
    finally:
        store.close()
        size = sum(entry.stat().st_size for entry in folder.iterdir())
        shutil.rmtree(folder)
        print(f"files: {size / 2**20:.1f} MiB")


def _message_id(rng: random.Random, n: int, kind: str) -> str:
    stamp = _NOW_MS + n // 60 if kind == "uuid7" else rng.getrandbits(48)
    h = f"{stamp:012x}7{rng.getrandbits(12):03x}8{rng.getrandbits(60):015x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _appends(options: argparse.Namespace) -> list[Write]:
    rng = random.Random(1)
    common = [f"{rng.choice(_WORDS)}{rng.randrange(2000)}" for _ in range(5000)]
    writes: list[Write] = []
    for n in range(options.events):
        text = ""
        while len(text) < options.chars:
            text += f"{rng.choice(_WORDS if rng.random() < 0.4 else common)} "
        message_id = _message_id(rng, n, options.ids)
        content = text[: options.chars]
        body = (
            f'"type":"group_message","message_id":"{message_id}","sender":"alice","sender_name":"Alice",'
            f'"timestamp":{_NOW_MS},"content":"{content}"}}'
        )
        conversation = 1 + rng.randrange(options.conversations)
        writes.append(Append(conversation, "group_message", 1, message_id, _NOW_MS, n, body.encode()))
    return writes


def _prepare(store: SqliteStore, options: argparse.Namespace) -> list[Write]:
    rooms: list[Write] = [
        PutConversation(ConversationRow(1 + n, "group", f"room{n}")) for n in range(options.conversations)
    ]
    store.commit(rooms)
    return _appends(options)


def _report(name: str, count: int, work: Callable[[], None]) -> None:
    started, cpu = perf_counter(), process_time()
    work()
    elapsed, used = perf_counter() - started, process_time() - cpu
    print(f"{name}: {1e6 * elapsed / count:.2f} us each ({count / elapsed:,.0f}/s), CPU {1e6 * used / count:.2f} us")


def _commits(store: SqliteStore, writes: list[Write], size: int) -> list[float]:
    times = []
    for start in range(0, len(writes), size):
        started = perf_counter()
        store.commit(writes[start : start + size])
        times.append(perf_counter() - started)
    return sorted(times)


def _commit(store: SqliteStore, options: argparse.Namespace) -> None:
    writes = _prepare(store, options)
    stop = threading.Event()

    def spin() -> None:
        n = 0
        while not stop.is_set():
            n += 1

    if options.contend:
        threading.Thread(target=spin, daemon=True).start()
    times: list[float] = []
    _report("commit", len(writes), lambda: times.extend(_commits(store, writes, options.batch)))
    stop.set()
    print(
        f"commits of {options.batch}: p50 {1e3 * times[len(times) // 2]:.2f} ms,"
        f" p99 {1e3 * times[len(times) * 99 // 100]:.2f} ms, longest {1e3 * times[-1]:.2f} ms"
    )


def _fill(store: SqliteStore, options: argparse.Namespace) -> None:
    _commits(store, _prepare(store, options), 4096)


def _pages(store: SqliteStore, options: argparse.Namespace) -> None:
    _fill(store, options)
    reader = store.reader()
    head = options.events // options.conversations
    for limit in (50, 200, 512):
        rng = random.Random(2)
        starts = [(1 + rng.randrange(options.conversations), rng.randrange(max(1, head - limit))) for _ in range(500)]

        def read(starts: list[tuple[int, int]] = starts, limit: int = limit) -> None:
            for conversation, after in starts:
                reader.events(conversation, after, 2**53, limit)

        _report(f"page of {limit}", len(starts), read)
    reader.close()


def _counts(store: SqliteStore, options: argparse.Namespace) -> None:
    _fill(store, options)
    reader = store.reader()
    rooms = list(range(1, 1 + options.conversations))
    _report("standing, all unread, per event", options.events, lambda: _ask(reader.standings(2, "d", rooms)))
    store.commit([PutDevice(DeviceRow(f"device-{n:08}", n, "", b"", 0, 0)) for n in range(2, 1002)])
    moves: list[Write] = [Advance(f"device-{n:08}", n, 1, AT_HEAD, _NOW_MS) for n in range(2, 1002)]
    _report("advance, 1,000 in a commit", 1000, lambda: _ask(store.commit(moves)))
    _report("reach, of 1,000", 1000, lambda: _ask(reader.reach(1, list(range(2, 1002)))))
    reader.close()


def _ask(answer: object) -> None:
    assert answer is not None


def _search(store: SqliteStore, options: argparse.Namespace) -> None:
    _fill(store, options)
    slices: list[float] = []

    def index() -> None:
        has_more = True
        while has_more:
            started = perf_counter()
            has_more = store.tidy()
            slices.append(perf_counter() - started)

    _report("index", options.events, index)
    print(f"longest slice {1e3 * max(slices):.1f} ms")
    reader = store.reader()
    everywhere = [Scope(n, 1, 2**53) for n in range(1, 1 + options.conversations)]
    for query in _QUERIES:
        for scopes in (everywhere[:1], everywhere[:20], everywhere):
            started = perf_counter()
            hits = reader.search(query, scopes, sender=None, before=None, limit=50)
            elapsed = perf_counter() - started
            print(f"search {query!r} in {len(scopes)} conversations: {1e3 * elapsed:.2f} ms, {len(hits)} hits")
    reader.close()


_BENCHMARKS: dict[str, Callable[[SqliteStore, argparse.Namespace], None]] = {
    "commit": _commit,
    "pages": _pages,
    "counts": _counts,
    "search": _search,
}

if __name__ == "__main__":
    main()
