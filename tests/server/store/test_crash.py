"""A writer that is killed at any moment: what it acknowledged is there (reliability I1 to I3, X1)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from chat_server.store.sqlite import open_store
from chat_server.store.verify import verify
from tests.support.store import DEV, OPS, contents, found, tidy

WRITER = """
import sys
from pathlib import Path
from chat_server.store.base import Appended
from chat_server.store.sqlite import open_store
from tests.support.store import DEV, OPS, delete, edit, post, rooms

store = open_store(Path(sys.argv[1]))
heads = store.load().heads
if not heads:
    store.commit([*rooms()])
run = sys.argv[2]
for n in range(100_000):
    batch = [post(f"word {n} {k}", id=f"{run}-{n}-{k}", to=OPS if k % 3 else DEV) for k in range(1 + n % 40)]
    if n % 5 == 4:
        batch.append(edit(f"{run}-{n - 1}-1", "edited word", id=f"{run}-{n}-e"))
        batch.append(delete(f"{run}-{n - 2}-1", id=f"{run}-{n}-d"))
    for write, outcome in zip(batch, store.commit(batch), strict=True):
        if isinstance(outcome, Appended):
            print(write.conversation, outcome.seq, write.message_id)
    sys.stdout.flush()
    store.tidy()
"""


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """Kill -9 in the middle of commits, again and again; then: all acks hold, no holes, no damage, search works."""
    rng = random.Random(3)
    acked: dict[str, tuple[int, int]] = {}
    for run in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path / "data", str(run)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if len(lines) > rng.randrange(50, 3000):
                break
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        for line in lines:
            if line.endswith("\n"):
                *place, message_id = line.split()
                acked[message_id] = (int(place[0]), int(place[1]))
        assert list(verify_after(tmp_path / "data")) == []
    assert len(acked) > 400
    store = open_store(tmp_path / "data")
    store.load()
    reader = store.reader()
    for message_id, expected in acked.items():
        located = reader.locate(message_id)
        assert located is not None, message_id
        assert (located.conversation, located.seq) == expected
    for conversation in (OPS, DEV):
        seqs = list(contents(reader, conversation))
        assert seqs == list(range(1, len(seqs) + 1))
    tidy(store)
    assert found(reader, "edited")
    reader.close()
    store.close()


def verify_after(folder: Path) -> list[object]:
    """The flaws of a store that was killed, opened once so that its write-ahead log is taken up."""
    store = open_store(folder)
    flaws: list[object] = [*verify(folder)]
    store.close()
    return flaws
