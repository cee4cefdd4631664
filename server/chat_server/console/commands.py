"""The commands that ``chat-server`` has beside running a server."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from chat_protocol.packets import Stats, Trace
from chat_server.config import ConfigError, load
from chat_server.console import keeping
from chat_server.console.figures import stats_lines, trace_lines
from chat_server.console.link import ConsoleError, Link

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_CONFIG: Final = 78


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line that says what to do, exit code 2."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(arguments: Sequence[str]) -> int:
    """Do one of :data:`COMMANDS`; the exit code."""
    name = arguments[0]
    summary, add, do = COMMANDS[name]
    parser = _Parser(prog=f"chat-server {name}", description=f"{summary}.", allow_abbrev=False)
    parser.add_argument("--config", metavar="FILE", type=Path, help="the settings of the server")
    parser.add_argument("--data-dir", metavar="DIR", help="the data directory of the server")
    add(parser)
    options = parser.parse_args(arguments[1:])
    flags = {} if options.data_dir is None else {"data_dir": options.data_dir}
    try:
        data_path = load(options.config, os.environ, flags).data_path
        status = do(data_path, options)
        sys.stdout.flush()
        return status
    except ConfigError as error:
        print(f"chat-server {name}: {error}", file=sys.stderr)
        return EXIT_USAGE if error.is_option else EXIT_CONFIG
    except ConsoleError as error:
        print(f"chat-server {name}: {error}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    except OSError as error:  # of the output: whoever read it may have seen enough, as head has
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still held back goes there, not to a second error
        if not isinstance(error, BrokenPipeError):
            print(f"chat-server {name}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILURE


def _stats(data_path: Path, options: argparse.Namespace) -> int:
    with Link(data_path) as link:
        stats = link.ask(Stats(1, options.reset)).stats
    _print(stats, stats_lines, as_json=options.json)
    return 0


def _trace(data_path: Path, options: argparse.Namespace) -> int:
    with Link(data_path) as link:
        trace = link.ask(Trace(1, options.message_id)).trace
    _print(trace, trace_lines, as_json=options.json)
    return 0


def _print(answer: object, draw: Callable[..., list[str]], *, as_json: bool) -> None:
    print(json.dumps(answer, ensure_ascii=False) if as_json else "\n".join(draw(answer)))


def _top(data_path: Path, options: argparse.Namespace) -> int:
    if not sys.stdout.isatty():
        raise ConsoleError("top needs a terminal: chat-server stats prints the same once")
    with Link(data_path):
        pass  # say that there is no server before the screen is taken
    try:
        from chat_server.console.top import Top
    except ModuleNotFoundError as error:  # of the clients' libraries it is the one that a server can do without
        raise ConsoleError(f"top needs {error.name}: pip install textual, or see chat-server stats") from None

    return Top(data_path).run() or 0


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs: the answer as it came")


def _add_stats(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument("--reset", action="store_true", help="begin to count anew afterwards")


def _add_trace(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument("message_id", metavar="ID", help="the message_id, as chat-cli send --json tells it")


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    pass


COMMANDS: Final = {
    "stats": ("Print what the running server counted: messages, lanes, times, retries", _add_stats, _stats),
    "top": ("Show the routing as it happens, until q is pressed", _add_nothing, _top),
    "trace": ("Tell the way of one message through the running server", _add_trace, _trace),
    "verify": ("Check every stored event against its checksum", keeping.add_verify, keeping.do_verify),
    "audit": ("Print the audit log and check its chain", keeping.add_audit, keeping.do_audit),
    "backup": ("Write a backup of the store, while the server runs or not", keeping.add_file, keeping.do_backup),
    "restore": ("Make a store from a backup, in a data directory without one", keeping.add_file, keeping.do_restore),
}
"""Each command: what it does, what it adds to the options, how it is done."""
