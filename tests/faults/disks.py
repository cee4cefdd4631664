"""Faults of the disk and of the clock, done by the shim."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from tests.faults.power import LOSSES
from tests.faults.stage import Report, Stage, fault
from tests.support.server import DEADLINE_S

EXIT_DISK_FAILED: Final = 70
WAL_LIMIT_BYTES: Final = 64 * 2**20
"""What the write-ahead log comes back to once nobody holds it (docs/operating.md)."""
GROWTH_S: Final = 120.0
"""Until it has grown beyond that under load, on a machine that does something else as well."""


@fault("power", quick=20, full=200)
def power(folder: Path, seed: str, count: int) -> Report:
    """Loss of power under load: what was not synced is gone, in three ways (X2)."""
    began = time.monotonic()
    with Stage(folder, seed, mirror=True) as stage, stage.crowd() as crowd:
        crowd.start()
        for number in range(count):
            crowd.talk_until(20)
            time.sleep(stage.wait(0.0, 0.2))
            stage.server.kill9()
            loss = LOSSES[number % len(LOSSES)]
            stage.shim.lose_power(loss, stage.random)
            crowd.fault(f"power: {loss}")
            stage.server.start()
        findings = crowd.finish()
    return Report(findings, {"losses": count, "acked": crowd.acked, "seconds": round(time.monotonic() - began)})


@fault("sync-error", quick=3, full=30)
def sync_error(folder: Path, seed: str, count: int) -> Report:
    """A failing fsync under load: no further ack, the server ends with status 70, then power is lost (X4)."""
    with Stage(folder, seed, mirror=True) as stage, stage.crowd() as crowd:
        crowd.start()
        for _ in range(count):
            crowd.talk_until(20)
            time.sleep(stage.wait(0.0, 0.1))
            stage.shim.set(sync_fails=True)
            crowd.fault("sync error")
            status = stage.server.wait(DEADLINE_S)
            assert status == EXIT_DISK_FAILED, f"status {status}\n{stage.server.log()}"
            stage.shim.set()
            stage.shim.lose_power("unsynced", stage.random)
            stage.server.start()
        findings = crowd.finish()
    return Report(findings, {"errors": count, "acked": crowd.acked})


@fault("full", quick=2, full=20)
def full(folder: Path, seed: str, count: int) -> Report:
    """The disk is full for a while, short or long, with the log on it: all goes on by itself without a restart (X5)."""
    refused = 0
    with Stage(folder, seed, "--retries", "1") as stage, stage.crowd() as crowd:
        crowd.start()
        pid = stage.server.pid
        for number in range(count):
            crowd.talk_until(50)
            stage.shim.set(full=True, log_full=True)
            crowd.fault("full")
            seen = len(crowd.history.notes)
            if number % 2:
                time.sleep(stage.wait(0.1, 0.5))  # a commit that is tried again finds room
            else:
                until = time.monotonic() + DEADLINE_S
                while not any(note.code == "storage" for note in crowd.history.notes[seen:]):
                    assert time.monotonic() < until, f"nobody was told that it is full\n{stage.server.log()}"
                    time.sleep(0.02)
                crowd.browse()  # what is stored can still be read
            refused += sum(note.code == "storage" for note in crowd.history.notes[seen:])
            stage.shim.set()
        crowd.talk_until(100)
        assert stage.server.pid == pid
        findings = crowd.finish()
    return Report(findings, {"times full": count, "refused": refused, "acked": crowd.acked})


@fault("clock", quick=6, full=40)
def clock(folder: Path, seed: str, count: int) -> Report:
    """The wall clock jumps a day ahead and back, and stands still (X12)."""
    day = 24 * 3600
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        for number in range(count):
            crowd.talk_until(50)
            jump = (day, -day, 0, 3 * day, stage.random.randint(-100, 100), -3650 * day)[number % 6]
            stage.shim.set(offset_s=jump, frozen=number % 6 == 2)
            crowd.fault(f"clock: {jump}")
            crowd.talk_until(50)
            if stage.random.random() < 0.3:
                stage.server.kill9()
                stage.server.start()
        findings = crowd.finish()
    return Report(findings, {"jumps": count, "acked": crowd.acked})


@fault("reader", quick=1, full=10)
def reader(folder: Path, seed: str, count: int) -> Report:
    """Somebody reads the store without an end while all talk: acks go on, and the WAL shrinks afterwards (X22)."""
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        wal = stage.server.data_dir / "chat.db-wal"
        largest = 0
        for number in range(count):
            crowd.talk_until(50)
            with held(stage.server.data_dir / "chat.db") as still:
                seen = still()
                crowd.fault("reader")
                until = time.monotonic() + GROWTH_S
                while wal.stat().st_size <= WAL_LIMIT_BYTES:
                    assert time.monotonic() < until, f"only {wal.stat().st_size} bytes\n{stage.server.log()}"
                    crowd.talk_until(200)
                if number % 2:
                    stage.server.kill9()
                    stage.server.start()
                    crowd.talk_until(200)
                assert still() == seen, "who reads sees what is written meanwhile"
                largest = max(largest, wal.stat().st_size)
            until = time.monotonic() + DEADLINE_S
            while wal.stat().st_size > WAL_LIMIT_BYTES:
                assert time.monotonic() < until, f"still {wal.stat().st_size} bytes\n{stage.server.log()}"
                crowd.talk_until(20)
        findings = crowd.finish()
    return Report(findings, {"readers": count, "WAL at most": f"{largest >> 20} MiB", "acked": crowd.acked})


@contextmanager
def held(path: Path) -> Iterator[Callable[[], int]]:
    """A transaction that reads ``path``, by another program, until the end; gives how many events it sees."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        yield lambda: int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
