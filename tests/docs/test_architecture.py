"""docs/architecture.md and docs/operating.md tell what a running server is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chat_server import cli
from tests.docs import spec

LIST_THREADS = """
import sys, threading
from chat_server.config import Config
from chat_server.server import ChatServer

config = Config(data_dir=sys.argv[1], port=0, insecure=True, log_level="error", argon2_memory_kib=8, argon2_time_cost=1)
with ChatServer(config):
    print("\\n".join(thread.name for thread in threading.enumerate()))
"""


def test_threads_are_described(tmp_path: Path) -> None:
    """A running server has the threads of the table, and no others."""
    run = [sys.executable, "-c", LIST_THREADS, str(tmp_path / "data")]
    names = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    kinds = {name.rstrip("0123456789") for name in names}
    described = {
        row[0].strip("`").removesuffix("N") for row in spec.table(spec.ROOT / "docs/architecture.md", "thread")
    }

    assert kinds == described


def test_exit_statuses_are_described() -> None:
    """Every status that the command can end with stands in the table."""
    described = {int(row[0]) for row in spec.table(spec.ROOT / "docs" / "operating.md", "status")}
    known = {value for name, value in vars(cli).items() if name.startswith("EXIT_")}

    assert known <= described
