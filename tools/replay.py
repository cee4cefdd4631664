"""Replay an IRC log through real clients, with people coming and going, and check that nobody missed anything.

    python -m tools.replay LOG [--server HOST:PORT] [--speed real|max|N] [--ordered] [--offline-share 0.3]
                               [--kill-server-at 0.5] [--kill-client-at 0.5] [--seed N] [--limit N]

Every speaker of the log is a user with a client of the project's own, with its own files, and all are in one group with
some who only listen. Some go offline or close their client and come back, several times. At the end the server's log
and what every client was pushed, shows and has on disk are compared with what was sent. The exit status is 0 where all
is there once, unaltered and in order, 1 where it is not, 2 where the command was not understood.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from chat_client.core.text import printable
from tools.local_server import NoServer, end_with_parent
from tools.replaying.checker import check
from tools.replaying.irclog import Names, Utterance, parse
from tools.replaying.member import Stuck
from tools.replaying.play import Settings, play
from tools.replaying.serving import ServerProcess

MAX_SHOWN = 20


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line that says what to do."""
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _speed(text: str) -> float:
    value = {"max": 0.0, "real": 1.0}.get(text)
    if value is None:
        value = float(text)
    if value < 0 or value != value:
        raise argparse.ArgumentTypeError(f"{text} is not real, max or a factor above 0")
    return value


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is not HOST:PORT")
    return host, int(port)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="replay", description="Replay an IRC log through real clients and check what everybody has.")
    add = parser.add_argument
    add("logs", nargs="+", type=Path, metavar="LOG", help="a log to replay; several are replayed one after the other")
    add("--server", type=_address, metavar="HOST:PORT", help="a running server: plain TCP, open registration, no rate"
        " limit (default: one of its own)")  # fmt: skip
    add("--speed", type=_speed, default=0.0, metavar="real|max|N", help="the log's own pace, N times it, or as fast as"
        " possible (default: max)")  # fmt: skip
    add("--ordered", action="store_true", help="write each message only when the one before it is acknowledged")
    add("--offline-share", type=_share, default=0.3, metavar="SHARE", help="how many members come and go, 0 to 1"
        " (default: %(default)s)")  # fmt: skip
    add("--silent", type=_count, default=3, metavar="N", help="members who only listen (default: %(default)s)")
    add("--kill-server-at", type=_share, action="append", default=[], metavar="SHARE", help="kill -9 of the server at"
        " this part of the log, 0 to 1; may be given again")  # fmt: skip
    add("--kill-client-at", type=_share, action="append", default=[], metavar="SHARE", help="kill -9 of the busiest"
        " client with messages in its queue; may be given again")  # fmt: skip
    add("--seed", type=int, default=1, metavar="N", help="another schedule of absences (default: %(default)s)")
    add("--limit", type=_count, metavar="N", help="the first N messages only")
    add("--work-dir", type=Path, metavar="DIR", help="keep the files of server and clients in DIR, which must be new")
    return parser


async def _replay(
    utterances: list[Utterance], settings: Settings, folder: Path, address: tuple[str, int] | None
) -> int:
    """One log; the number of faults found."""
    server = ServerProcess(folder)
    if address is None:
        await server.start()
    try:
        run, figures = await play(utterances, settings, folder, address or server, print)
        if address is None and (code := await server.stop()) != 0:
            run.ending.append(f"the server ended with {code}:\n{server.log()}")
    finally:
        await server.kill()
    faults = check(run, ordered=settings.ordered, as_shown=printable)
    print(figures)
    for fault in faults[:MAX_SHOWN]:
        print(fault)
    if len(faults) > MAX_SHOWN:
        print(f"… and {len(faults) - MAX_SHOWN} more")
    views = len(run.views)
    print(f"{'FAILED' if faults else 'ok'}: {views} views of the log compared, {len(faults)} faults")
    return len(faults)


def _one(path: Path, options: argparse.Namespace, folder: Path) -> int:
    """Replay one log; the exit status."""
    tag = f"-{secrets.token_hex(2)}" if options.server else ""
    try:
        utterances = parse(path.read_bytes(), Names(tag))[: options.limit]
    except OSError as error:
        print(f"replay: {path} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    if not utterances:
        print(f"replay: {path} holds no line of the form '[HH:MM] <nick> text'", file=sys.stderr)
        return 2
    settings = Settings(
        group=f"replay{tag}",
        tag=tag,
        speed=options.speed,
        ordered=options.ordered,
        offline_share=options.offline_share,
        silent=options.silent,
        kill_server_at=tuple(options.kill_server_at),
        kill_client_at=tuple(options.kill_client_at),
        seed=options.seed,
    )
    folder.mkdir(parents=True)
    try:
        return 1 if asyncio.run(_replay(utterances, settings, folder, options.server)) else 0
    except (Stuck, NoServer) as problem:
        print(f"FAILED: {problem}")
        return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = _make_parser()
    options = parser.parse_args(arguments)
    if options.server and options.kill_server_at:
        parser.error("--kill-server-at needs a server of its own: leave out --server")
    if options.work_dir and options.work_dir.exists():
        parser.error(f"--work-dir {options.work_dir} is there already: name a new directory")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    end_with_parent()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a client holds some ten files, and there are hundreds
    status = 0
    with tempfile.TemporaryDirectory(prefix="chat-replay-") as temporary:
        for number, path in enumerate(options.logs, 1):
            print(f"{path.name}:")
            status = max(status, _one(path, options, (options.work_dir or Path(temporary)) / f"{number}"))
    return status


if __name__ == "__main__":
    sys.exit(main())
