"""The commands ``chat-server verify``, ``audit``, ``backup`` and ``restore``, which work on the data directory."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import structs

from chat_server.console.link import ConsoleError
from chat_server.store import chain
from chat_server.store.base import SERVER, AuditLine
from chat_server.store.copies import backup, restore
from chat_server.store.errors import StoreError
from chat_server.store.sqlite import DATABASE
from chat_server.store.verify import AuditLog, Flaw, read_audit, verify

EXIT_FLAWED: Final = 1


def add_verify(parser: argparse.ArgumentParser) -> None:
    """What ``verify`` may be told."""
    parser.add_argument("--json", action="store_true", help="one JSON object for each flaw")


def do_verify(data_path: Path, options: argparse.Namespace) -> int:
    """Print what is wrong with the store, a line for each flaw; 0 if nothing is."""
    _look(data_path)
    count = 0
    try:
        for flaw in verify(data_path):
            count += 1
            print(json.dumps(structs.asdict(flaw)) if options.json else _flaw_text(flaw))
    except StoreError as error:
        print(f"chat-server verify: the store cannot be read: {error}", file=sys.stderr)
        return EXIT_FLAWED
    if not options.json:
        print(
            f"{count} flaws" if count else "no flaw: every event and every line of the audit log is as it was written"
        )
    return EXIT_FLAWED if count else 0


def _flaw_text(flaw: Flaw) -> str:
    place = f"conversation {flaw.conversation} seq {flaw.seq}: " if flaw.conversation is not None else ""
    return f"{place}{flaw.what}"


def _look(data_path: Path) -> None:
    """See that there is a store that may be read, before SQLite has only "unable to open" for it.

    Raises:
        ConsoleError: there is none, or the rights are missing.
    """
    try:
        os.close(os.open(data_path / DATABASE, os.O_RDONLY | os.O_CLOEXEC))
    except (FileNotFoundError, NotADirectoryError):
        raise ConsoleError(f"there is no store in {data_path}") from None
    except OSError as error:
        raise ConsoleError(
            f"the store in {data_path} cannot be read: {error.strerror}; run this as the user that it belongs to"
        ) from None


def add_audit(parser: argparse.ArgumentParser) -> None:
    """What ``audit`` may be told."""
    parser.add_argument("--json", action="store_true", help="one JSON object for each line")
    parser.add_argument(
        "--since", metavar="HEAD", help="a head that was noted: it must still be there; print what is newer"
    )


def do_audit(data_path: Path, options: argparse.Namespace) -> int:
    """Print the audit log, then its head; flaws of its chain go to standard error, and the status is 1."""
    _look(data_path)
    noted = None if options.since is None else chain.parse(options.since)
    if options.since is not None and noted is None:
        raise ConsoleError("a head is what an earlier chat-server audit printed at its end, like 42:9f86...")
    try:
        found = read_audit(data_path, noted)
    except StoreError as error:
        print(f"chat-server audit: the audit log cannot be read: {error}", file=sys.stderr)
        return EXIT_FLAWED
    for line in found.lines:
        if noted is None or line.id > noted.id:
            print(json.dumps(_as_object(found, line), default=str) if options.json else _as_text(found, line))
    for flaw in found.flaws:
        print(f"chat-server audit: {flaw}", file=sys.stderr)
    if not options.json:
        print(f"head {found.head}")
    return EXIT_FLAWED if found.flaws else 0


def _actor(found: AuditLog, line: AuditLine) -> str:
    return "server" if line.actor == SERVER else found.names.get(line.actor, f"user {line.actor}")


def _as_object(found: AuditLog, line: AuditLine) -> dict[str, object]:
    return {**structs.asdict(line), "actor": _actor(found, line), "hash": line.hash.hex()}


def _as_text(found: AuditLog, line: AuditLine) -> str:
    try:
        at = f"{datetime.fromtimestamp(line.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (TypeError, ValueError, OverflowError, OSError):
        at = str(line.at_ms)
    text = f"{line.id:>6}  {at}  {_actor(found, line)}  {line.action}  {line.detail}"
    # what the server writes there is harmless; this may be what somebody else made of it
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def add_file(parser: argparse.ArgumentParser) -> None:
    """What ``backup`` and ``restore`` have to be told."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the backup")


def do_backup(data_path: Path, options: argparse.Namespace) -> int:
    """Write a backup of the store, running or not."""
    _look(data_path)
    return _done("backup", lambda: backup(data_path, options.file), f"{options.file} is written")


def do_restore(data_path: Path, options: argparse.Namespace) -> int:
    """Make a store from a backup and check it; flaws go to standard error, and the status is 1: the store is there."""
    told = f"{data_path} has the store of {options.file}"
    return _done("restore", lambda: restore(data_path, options.file), told) or _told_flaws(data_path, options.file)


def _told_flaws(data_path: Path, source: Path) -> int:
    count = 0
    try:
        for flaw in verify(data_path):
            count += 1
            print(f"chat-server restore: {_flaw_text(flaw)}", file=sys.stderr)
    except StoreError as error:
        count += 1
        print(f"chat-server restore: {error}", file=sys.stderr)
    if count:
        print(f"chat-server restore: {source} is damaged: take another one if there is one", file=sys.stderr)
    return EXIT_FLAWED if count else 0


def _done(name: str, work: Callable[[], None], told: str) -> int:
    try:
        work()
    except StoreError as error:
        print(f"chat-server {name}: {error}", file=sys.stderr)
        return EXIT_FLAWED
    print(told)
    return 0
