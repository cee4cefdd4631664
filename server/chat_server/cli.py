"""The command ``chat-server``."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn, TextIO

import msgspec

from chat_server import __version__, log
from chat_server.config import Config, ConfigError, is_loopback, load
from chat_server.console import commands
from chat_server.links import invite_link
from chat_server.store.errors import StoreError

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNAVAILABLE: Final = 69
EXIT_CONFIG: Final = 78
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What the server listens to: the end, the end, and new certificates."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line that says what to do, exit code 2."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chat-server",
        description="Chat for people who live in terminals: the server.",
        epilog="Every option is also a key of the TOML file and an environment variable CHAT_SERVER_<KEY>."
        " chat-server stats, top and trace ask a running server about itself; verify, audit, backup and restore are"
        " about its data: chat-server stats --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chat-server {__version__}")
    parser.add_argument("--config", metavar="FILE", type=Path, help="read settings from this TOML file")
    for field in msgspec.structs.fields(Config):
        flag = "--" + field.name.replace("_", "-")
        default = "" if field.default in ("", None) else f" (default: {field.default})"
        if field.type is bool:
            parser.add_argument(flag, dest=field.name, action="store_const", const=True, help=HELP[field.name])
        else:
            parser.add_argument(flag, dest=field.name, metavar="VALUE", help=HELP[field.name] + default)
    return parser


HELP: Final = {
    "data_dir": "where everything is kept (default: the user's data directory)",
    "host": "address to listen on",
    "port": "port to listen on, 0 for any free one",
    "insecure": "plain TCP instead of TLS; on loopback only",
    "tls_cert": "own certificate, a PEM file (default: a self-signed one made at first start)",
    "tls_key": "key of the own certificate, a PEM file",
    "allow_root": "run as root, and listen on more than loopback",
    "name": "the server's title for people",
    "registration": "who may register: open, invite or closed",
    "rate_limit": "messages per second of one user, or off",
    "rate_burst": "messages that a user may send at once",
    "request_limit": "other requests per second of one user",
    "request_burst": "other requests that a user may send at once",
    "login_failures": "wrong passwords before each further attempt has to wait",
    "registrations_per_hour": "accounts that one address may make where registration is open",
    "max_connections_per_user": "connections of one user at most",
    "max_strangers_per_address": "connections of one address at most that are not logged in",
    "max_groups_per_user": "groups that a user may be in",
    "max_members_per_group": "members of a group at most",
    "max_devices_per_user": "devices of one user; one more logs the oldest out",
    "max_frame": "longest frame of a client after login, in bytes",
    "retries": "attempts after 2, 4, 8... s on a push or a store write that fails, before it is given up",
    "max_connections": "connections at most",
    "io_threads": "threads that read and write connections",
    "reader_threads": "threads that read the store",
    "hashing_threads": "threads that check passwords",
    "argon2_memory_kib": "memory of one password hash, in KiB",
    "argon2_time_cost": "passes of one password hash",
    "cache_mib": "recent events kept in memory, in MiB",
    "log_level": "debug, info, warning or error",
    "log_format": "auto, json or console",
}
"""What each setting is, for ``--help`` and docs/configuration.md."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until SIGTERM or SIGINT, or one of the other commands; the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.umask(0o077)
    _fill_gaps()
    if arguments and arguments[0] in commands.COMMANDS:
        return commands.run(arguments)
    options = vars(_make_parser().parse_args(arguments))
    path = options.pop("config")
    flags = {key: value for key, value in options.items() if value is not None}
    try:
        config = load(path, os.environ, flags)
    except ConfigError as error:
        print(f"chat-server: {error}", file=sys.stderr)
        return EXIT_USAGE if error.is_option else EXIT_CONFIG
    if os.geteuid() == 0 and not config.allow_root and not is_loopback(config.host):
        print(
            "chat-server: a fault in what the network reaches would have all the rights of root: run it as a user of"
            " its own, or say --allow-root",
            file=sys.stderr,
        )
        return EXIT_CONFIG
    log.set_up(config.log_level, config.log_format)
    return _serve(config)


def _serve(config: Config) -> int:
    from chat_server.net.tls import TlsError
    from chat_server.server import ChatServer

    # Blocked before the first thread is born, so in all of them, and taken by sigwait alone: a handler would run when
    # the main thread wakes, which it does not for a signal that another thread took or that came just before the wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    has_terminal = _has_terminal()
    try:
        server = ChatServer(config)
    except (StoreError, TlsError) as error:
        print(f"chat-server: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except ConfigError as error:
        print(f"chat-server: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            print("chat-server: there are too few file descriptors: raise ulimit -n", file=sys.stderr)
            return EXIT_FAILURE
        print(f"chat-server: cannot listen on {config.host}:{config.port}: {error.strerror}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    with server:
        host, port = server.address
        shown = f"[{host}]" if ":" in host else host
        if server.first_invite is not None:
            link = invite_link(host, port, server.fingerprint, server.first_invite)
            _tell(
                f"no account yet: register the first one, the admin, with the invite {server.first_invite}\n"
                f"or with this link, which also names the certificate: chat-tui --server '{link}'",
                sys.stderr,
            )
        if server.fingerprint is None:
            _tell(f"ready tcp {shown}:{port}", sys.stdout)
        else:
            _tell(f"ready tls {shown}:{port} sha256:{server.fingerprint}", sys.stdout)
        while signal.sigwait(SIGNALS) == signal.SIGHUP and not (has_terminal and not _has_terminal()):
            server.reload()
    return 0


def _fill_gaps() -> None:
    """Give standard input, output and error that were closed a place, or a file of the store's would get their number.

    What is written to a database as standard error destroys it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _tell(text: str, file: TextIO) -> None:
    """Write a line; where it cannot be written it is lost, as one of the log is, and the server serves."""
    try:
        print(text, file=file, flush=True)
    except OSError:
        if file is sys.stdout:  # nothing else goes there: what is held back would be an error at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _has_terminal() -> bool:
    """Whether somebody runs this by hand; SIGHUP then means that their terminal is gone."""
    return any(os.isatty(descriptor) for descriptor in (0, 1, 2))


if __name__ == "__main__":
    sys.exit(main())
