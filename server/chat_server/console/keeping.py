"""The commands ``chat-server verify``, ``backup`` and ``restore``, which work on the data directory itself."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import structs

from chat_server.console.link import ConsoleError
from chat_server.store.base import StoreError
from chat_server.store.copies import backup, restore
from chat_server.store.sqlite import DATABASE
from chat_server.store.verify import verify

EXIT_FLAWED: Final = 1


def add_verify(parser: argparse.ArgumentParser) -> None:
    """What ``verify`` may be told."""
    parser.add_argument("--json", action="store_true", help="one JSON object for each flaw")


def do_verify(data_path: Path, options: argparse.Namespace) -> int:
    """Print what is wrong with the store, a line for each flaw; 0 if nothing is."""
    if not (data_path / DATABASE).exists():
        raise ConsoleError(f"there is no store in {data_path}")
    count = 0
    try:
        for flaw in verify(data_path):
            count += 1
            place = f"conversation {flaw.conversation} seq {flaw.seq}: " if flaw.conversation is not None else ""
            print(json.dumps(structs.asdict(flaw)) if options.json else f"{place}{flaw.what}")
    except StoreError as error:
        print(f"chat-server verify: the store cannot be read: {error}", file=sys.stderr)
        return EXIT_FLAWED
    if not options.json:
        print(f"{count} flaws" if count else "no flaw: every event is as it was written")
    return EXIT_FLAWED if count else 0


def add_file(parser: argparse.ArgumentParser) -> None:
    """What ``backup`` and ``restore`` have to be told."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the backup")


def do_backup(data_path: Path, options: argparse.Namespace) -> int:
    """Write a backup of the store, running or not."""
    if not (data_path / DATABASE).exists():
        raise ConsoleError(f"there is no store in {data_path}")
    return _done("backup", lambda: backup(data_path, options.file), f"{options.file} is written")


def do_restore(data_path: Path, options: argparse.Namespace) -> int:
    """Make a store from a backup."""
    return _done("restore", lambda: restore(data_path, options.file), f"{data_path} has the store of {options.file}")


def _done(name: str, work: Callable[[], None], told: str) -> int:
    try:
        work()
    except StoreError as error:
        print(f"chat-server {name}: {error}", file=sys.stderr)
        return EXIT_FLAWED
    print(told)
    return 0
