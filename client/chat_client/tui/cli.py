"""The command ``chat-tui``. Textual is imported only when the screen is really wanted, so that --help is fast."""

import argparse
import asyncio
import gc
import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from chat_client.core import language
from chat_client.core.language import tr
from chat_client.core.streams import fill_gaps

if TYPE_CHECKING:
    from chat_client.tui.app import ChatApp

__all__ = ["main"]

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONFIG: Final = 78
"""A mistake in the settings."""
SETTLED_S: Final = 1.0
"""When the first screen stands, in seconds after the program began to run."""
PICTURES: Final = "240"
"""A second, at most: a picture waits 2 ms for its turn on average, not 8, and up to 4 more behind another one. How many
there are is for the publisher to say.
"""
COLLECT: Final = (10_000, 20, 50)
"""``gc.set_threshold``: what is drawn lives long enough that the usual 700 finds next to nothing each time."""


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to look."""
        self.exit(
            EXIT_USAGE,
            f"chat-tui: {tr('{message}; chat-tui --help tells what can be given').format(message=message)}\n",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the full-screen client and return its exit status.

    0: ended by the user; 1: a failure; 2: a wrong call; 78: a mistake in the settings; 129, 143: ended by a signal.
    """
    fill_gaps()
    given = sys.argv[1:] if arguments is None else list(arguments)
    language.choose()
    if given[:1] == ["config"]:
        return _config(given[1:])
    if given[:1] == ["serve"]:
        return _serve(given[1:])
    options = _parser().parse_args(given)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chat-tui",
        description=tr("Chat in the terminal, on the whole screen."),
        epilog=tr(
            "Without options it starts with the accounts of this device, or asks. A password is never"
            " an option: it is asked for, or read from a file that only you can read (--password-file"
            " or CHAT_PASSWORD_FILE). chat-tui config --help tells about the file of settings,"
            " chat-tui serve --help about the browser."
        ),
    )
    parser.add_argument("--server", metavar="HOST:PORT", help=tr("the server: host:port, or a chat:// link"))
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--user", metavar="NAME", help=tr("the user to be"))
    who.add_argument("--new-user", metavar="NAME", help=tr("the same, and register it at the first start"))
    parser.add_argument(
        "--password-file", metavar="FILE", help=tr("where the password is, for a device that has none yet")
    )
    parser.add_argument("--profile", "--data-dir", metavar="DIR", help=tr("where this client keeps its files"))
    parser.add_argument("--insecure", action="store_true", help=tr("no TLS; only to a server on this machine"))
    parser.add_argument("--ascii", action="store_true", help=tr("draw with ASCII alone"))
    parser.add_argument("--version", action="version", version=f"chat-tui {_version()}")
    return parser


def _config(arguments: Sequence[str]) -> int:
    """Do what ``chat-tui config`` says."""
    parser = _Parser(prog="chat-tui config", description=tr("The file of settings."))
    parser.add_argument(
        "what", choices=["init", "check", "path"], help=tr("write one, look for mistakes, say where it is")
    )
    parser.add_argument("--force", action="store_true", help=tr("with init: write over a file that is there"))
    parser.add_argument("--print", action="store_true", dest="only_print", help=tr("with init: print it instead"))
    options = parser.parse_args(arguments)
    from chat_client.core.errors import ConfigError
    from chat_client.tui.settings import run

    try:
        return run(options.what, force=options.force, only_print=options.only_print)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG if options.what == "check" else EXIT_FAILURE


def _serve(arguments: Sequence[str]) -> int:
    """Do what ``chat-tui serve`` says."""
    parser = _Parser(
        prog="chat-tui serve",
        description=tr("Have the screen in a browser on this machine. Prints an address that opens it once."),
        epilog=tr("Other options are those of chat-tui: chat-tui serve --profile DIR."),
    )
    parser.add_argument("--port", type=int, default=0, help=tr("of 127.0.0.1; 0, the default: any that is free"))
    options, others = parser.parse_known_args(arguments)
    if not 0 <= options.port < 1 << 16:
        parser.error(tr("--port is a number from 0 to 65535"))
    _parser().parse_args(others)  # a mistake is told here, not on a page
    from chat_client.tui.serve import run

    return run(options.port, others)


def _version() -> str:
    try:
        return version("chat-suite")
    except PackageNotFoundError:
        return "(not installed)"


def _run(options: argparse.Namespace) -> int:
    os.environ.setdefault("TEXTUAL_FPS", PICTURES)  # Textual reads it when it is imported
    from chat_client.core.config import config_path
    from chat_client.core.errors import ConfigError
    from chat_client.core.profile import Profile
    from chat_client.tui.serve import BROWSER_DRIVER
    from chat_client.tui.settings import check, suited
    from chat_client.tui.start import decide, password_from

    profile = Profile(Path(options.profile)) if options.profile else Profile.default()
    try:
        config = suited(check(), ascii_only=options.ascii)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    language.choose(config.language)
    try:
        start = decide(
            profile,
            config,
            server=options.server,
            user=options.user,
            new_user=options.new_user,
            password=password_from(options.password_file),
            insecure=options.insecure,
        )
        if options.new_user and start.account is None:
            raise ConfigError(tr("--new-user needs --server and --password-file"))
        if os.environ.get("TEXTUAL_DRIVER") != BROWSER_DRIVER:
            _need_terminal()
        profile.prepare()
        log_path = _start_log(profile.directory)
    except ConfigError as error:
        print(f"chat-tui: {error}", file=sys.stderr)
        return EXIT_USAGE

    gc.disable()  # until the first screen stands: everything that is made so far stays
    from chat_client.tui.app import ChatApp
    from chat_client.tui.compat import read_alt_keys

    read_alt_keys()
    if isinstance(sys.__stderr__, io.TextIOWrapper):
        sys.__stderr__.reconfigure(errors="replace")  # a sign that the terminal does not have must not end the program
    app = ChatApp(
        profile,
        config,
        start,
        insecure=options.insecure,
        log_path=log_path,
        settings_path=config_path(),
        always_ascii=options.ascii,
    )
    return asyncio.run(_show(app, mouse=config.mouse))


def _need_terminal() -> None:
    from chat_client.core.errors import ConfigError

    if os.environ.get("TERM") in ("dumb", "unknown"):
        raise ConfigError(tr("this terminal cannot place its cursor (TERM=dumb): use chat-cli here"))
    if not (sys.stdin.isatty() and sys.__stderr__ is not None and sys.__stderr__.isatty()):
        raise ConfigError(
            tr("the screen needs a terminal on standard input and standard error: use chat-cli in scripts")
        )


async def _show(app: "ChatApp", *, mouse: bool) -> int:
    """Run the program, and close its files when the terminal is as it was."""
    from chat_client.core.errors import ClientError

    settled = asyncio.get_running_loop().call_later(SETTLED_S, _collect_from_now_on)
    try:
        status = await app.run_async(mouse=mouse)
    except ClientError as error:
        print(f"chat-tui: {error}", file=sys.stderr)
        return EXIT_FAILURE
    finally:
        settled.cancel()
        gc.enable()
        await app.close_client()
    return status or app.return_code or 0


def _collect_from_now_on() -> None:
    """Have the garbage collector look at new objects only, and seldom at all of them.

    Else, while much arrives, it goes through all modules, classes and rows about once a second: 80 ms without a key.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT)
    gc.enable()


def _start_log(directory: Path) -> Path:
    """Have everything that is logged go to a file, never to the screen; no message of anybody is logged."""
    path = directory / "chat-tui.log"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        from chat_client.core.errors import ConfigError

        raise ConfigError(tr("{path} cannot be written: {error}").format(path=path, error=error.strerror)) from None
    os.close(handle)
    level = logging.getLevelNamesMapping().get(os.environ.get("CHAT_LOG_LEVEL", "WARNING").upper(), logging.WARNING)
    logging.basicConfig(
        filename=path,
        level=level,
        format="%(asctime)s %(process)d %(levelname)s %(name)s %(message)s",
        encoding="utf-8",
    )
    return path


if __name__ == "__main__":
    sys.exit(main())
