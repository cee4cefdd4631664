"""The command line of ``chat-cli``. Imports nothing heavy before it knows what is wanted."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from chat_client.core import language
from chat_client.core.language import mark, tr
from chat_client.core.streams import fill_gaps
from chat_client.line.codes import FAILED, OK, OUTPUT_CLOSED, USAGE, CommandError

__all__ = ["COMMANDS", "main"]

_EPILOG: Final = mark("""\
commands (chat-cli COMMAND --help tells more):
  send      send a message; waits until it is on the server's disk
  tail      print events as they come, with a cursor to continue from
  ask       post a question, wait for an answer, tell it as exit code
  list      list conversations with what is unread
  history   print the newest messages of a conversation
  search    find messages
  stats     print the server's route statistics (admin)
  login     log in and keep the session
  register  make an account

CONVERSATION is '#group', @user, '!announcements' or '!notifications'. For commands a name without a mark is a group,
because a shell takes an unquoted # for a comment.

exit codes:
  0    ok
  1    refused or failed; the message says what happened, what was kept and what to do
  2    wrong usage
  3    not yet: the time is up
  69   the server cannot be reached; what was to be sent is queued and goes out with the next run
  77   not logged in
  141  whoever read the output went away
  ask: 0, 1, 2 are the choices, 70 is what 1 is elsewhere
""")

_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a write to standard output fails with, but for a reader who went away."""


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(USAGE, tr("{message}: see {program} --help").format(message=message, program=self.prog))


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10**7:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100_000:
        raise ValueError(text)
    return value


_seconds.__name__ = "number of seconds"
_count.__name__ = "number from 0 to 100000"


def _common() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False)
    group = parser.add_argument_group(tr("which account"))
    group.add_argument(
        "--server", metavar="HOST:PORT", help=tr("the server, also as a chat:// link; else the one used last")
    )
    group.add_argument("--user", metavar="NAME", help=tr("the account; else the one used last"))
    group.add_argument("--insecure", action="store_true", help=tr("connect in the clear; to this machine only"))
    group.add_argument(
        "--profile", metavar="DIR", help=tr("where everything is kept (default: CHAT_DATA_DIR, else the user's data)")
    )
    group.add_argument(
        "--fingerprint", metavar="SHA256", help=tr("trust this certificate of the server (login, register)")
    )
    group.add_argument("--password-file", metavar="FILE", help=tr("read the password from a file (login, register)"))
    return parser


VALUED: Final = frozenset(["--server", "--user", "--profile", "--fingerprint", "--password-file"])
"""Options that may stand before the command and take a value."""


def _parser(
    name: str,
    description: str,
    *,
    timeout: str = mark("how long to keep trying; else an unreachable server is told at once"),
) -> _Parser:
    parser = _Parser(prog=f"chat-cli {name}".rstrip(), description=description, parents=[_common()], allow_abbrev=False)
    parser.set_defaults(command=name)
    if timeout:
        parser.add_argument("--timeout", type=_seconds, metavar="S", help=tr(timeout))
    return parser


def _json(parser: _Parser) -> None:
    parser.add_argument("--json", action="store_true", help=tr("print JSON, one object a line"))


def _send(name: str) -> _Parser:
    parser = _parser(
        name, tr("Send a message: TEXT, or standard input. Ends when the message is on the server's disk.")
    )
    parser.add_argument("conversation", metavar="CONVERSATION")
    parser.add_argument("text", metavar="TEXT", nargs="*", default=[])
    parser.add_argument(
        "--wait",
        choices=("stored", "delivered", "read"),
        default="stored",
        help=tr("wait until all recipients have it, or have read it; exit code 3: not in time"),
    )
    parser.add_argument(
        "--id", metavar="ID", default="", help=tr("the message's id: a second send with it changes nothing")
    )
    _json(parser)
    return parser


def _tail(name: str) -> _Parser:
    parser = _parser(
        name, tr("Print events of conversations (none named: of all). With --json each has a cursor to continue from.")
    )
    parser.add_argument("conversations", metavar="CONVERSATION", nargs="*", default=[])
    parser.add_argument(
        "-n", type=_count, metavar="N", help=tr("begin with the newest N of each (10); not used with a cursor")
    )
    parser.add_argument("-f", "--follow", action="store_true", help=tr("go on with what comes"))
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--since", metavar="CURSOR", help=tr("begin behind the line that had this cursor"))
    start.add_argument(
        "--cursor-file",
        metavar="FILE",
        help=tr(
            "keep the cursor here: the next run continues without loss, and without repeat unless this"
            " one was killed or the machine went down"
        ),
    )
    _json(parser)
    return parser


def _ask(name: str) -> _Parser:
    parser = _parser(
        name,
        tr(
            "Post a question and wait until somebody answers with one of the choices. Prints it; the"
            " exit code is its index."
        ),
        timeout=mark("how long to wait; else for ever"),
    )
    parser.add_argument("conversation", metavar="CONVERSATION")
    parser.add_argument("question", metavar="QUESTION")
    parser.add_argument("--choices", metavar="A,B[,C]", default="yes,no", help=tr("what counts as an answer (yes,no)"))
    parser.add_argument("--from", dest="sender", metavar="USER", help=tr("only this user's answer counts"))
    _json(parser)
    return parser


def _list(name: str) -> _Parser:
    parser = _parser(name, tr("List conversations with what is unread, the most urgent first."))
    parser.add_argument("--unread", action="store_true", help=tr("only those with something unread"))
    _json(parser)
    return parser


def _history(name: str) -> _Parser:
    parser = _parser(name, tr("Print the newest messages of a conversation as they stand now, oldest first."))
    parser.add_argument("conversation", metavar="CONVERSATION")
    parser.add_argument("-n", type=_count, metavar="N", default=50, help=tr("how many (50)"))
    _json(parser)
    return parser


def _search(name: str) -> _Parser:
    parser = _parser(name, tr("Find messages, newest first."))
    parser.add_argument("query", metavar="QUERY", nargs="+")
    parser.add_argument("--in", dest="where", metavar="CONVERSATION", help=tr("only there"))
    parser.add_argument("--from", dest="sender", metavar="USER", help=tr("only this user's"))
    parser.add_argument("-n", type=_count, metavar="N", default=50, help=tr("how many at most (50)"))
    _json(parser)
    return parser


def _stats(name: str) -> _Parser:
    parser = _parser(name, tr("Print the server's route statistics; for admins."))
    parser.add_argument("--reset", action="store_true", help=tr("begin anew after that"))
    _json(parser)
    return parser


def _login(name: str) -> _Parser:
    return _parser(
        name,
        tr(
            "Log in and keep the session. The password is asked for, or the first line of standard"
            " input or of --password-file."
        ),
        timeout="",
    )


def _register(name: str) -> _Parser:
    parser = _parser(
        name,
        tr(
            "Make an account and keep the session. The password is asked for, or the first line of"
            " standard input or of --password-file."
        ),
        timeout="",
    )
    parser.add_argument("--display-name", metavar="NAME", help=tr("how others see you, 1 to 64 characters"))
    parser.add_argument("--invite", metavar="CODE", help=tr("where the server asks for one"))
    return parser


def _trust(name: str) -> _Parser:
    parser = _parser(
        name,
        tr(
            "Trust a server's certificate, also in the place of another one. Give the fingerprint that"
            " the server's admin tells you, not the one that a connection shows."
        ),
        timeout="",
    )
    parser.add_argument(
        "address", metavar="ADDRESS", help=tr("HOST:PORT, or a chat:// link that names the fingerprint")
    )
    parser.add_argument("sha256", metavar="FINGERPRINT", nargs="?", default="", help=tr("sha256: and 64 hex digits"))
    return parser


def _chat(name: str) -> _Parser:
    parser = _parser(name, tr("Chat line by line, or run a command for a script."), timeout="")
    parser.prog = "chat-cli"
    parser.usage = "chat-cli [OPTIONS] [CONVERSATION]\n       chat-cli COMMAND [ARGUMENTS]"
    parser.epilog = tr(_EPILOG)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("conversation", metavar="CONVERSATION", nargs="?")
    parser.add_argument(
        "--plain",
        action="store_true",
        help=tr("plain lines: no colour, nothing moves; also with TERM=dumb and in pipes"),
    )
    parser.add_argument("--version", action="store_true", help=tr("print the version"))
    return parser


COMMANDS: Final[dict[str, Callable[[str], _Parser]]] = {
    "send": _send,
    "tail": _tail,
    "ask": _ask,
    "list": _list,
    "history": _history,
    "search": _search,
    "stats": _stats,
    "login": _login,
    "register": _register,
    "trust": _trust,
}
"""The commands for scripts, each with what makes its parser."""


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Find the command, which may stand behind options, and parse the rest for it."""
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in VALUED else 1
    word = argv[at] if at < len(argv) else ""
    if word in COMMANDS:
        rest = [*argv[:at], *argv[at + 1 :]]
        # Options may stand between the arguments of a command; a text that begins with - comes after --.
        return COMMANDS[word](word).parse_intermixed_args(rest)
    arguments = _chat("").parse_args(argv)
    named = arguments.conversation
    if named is not None and (named[:1] not in ("#", "@", "!") or len(named) < 2):
        raise CommandError(
            USAGE,
            tr("{named!a} is no command and no conversation ('#group' or @user): see chat-cli --help").format(
                named=named
            ),
        )
    return arguments


def _run(arguments: argparse.Namespace) -> int:
    """Import what the command needs, and do it."""
    match arguments.command:
        case "send" | "list" | "history" | "search" | "stats":
            from chat_client.line import oneshot

            functions = {"send": oneshot.send, "list": oneshot.list_conversations, "history": oneshot.history,
                         "search": oneshot.search, "stats": oneshot.stats}  # fmt: skip
            return functions[arguments.command](arguments)
        case "tail":
            from chat_client.line.tail import tail

            return tail(arguments)
        case "ask":
            from chat_client.line.ask import ask

            return ask(arguments)
        case "login" | "register":
            from chat_client.line.setup import log_in_command

            return log_in_command(arguments)
        case "trust":
            from chat_client.line.setup import trust

            return trust(arguments)
        case _:
            from chat_client.line.talk import chat

            return chat(arguments)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("chat-suite")
    except PackageNotFoundError:
        return "unknown"


def _speak() -> None:
    """Take the language that the settings name; a mistake in them is told by whoever needs the rest."""
    from chat_client.core.config import load_config
    from chat_client.core.errors import ConfigError

    try:
        language.choose(load_config().language)
    except ConfigError:
        return


def _prepare_output() -> None:
    """Whole lines, and never an error because a terminal's encoding lacks a character."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", line_buffering=True)


def _output_is_gone() -> int:
    """Keep the interpreter from complaining at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OUTPUT_CLOSED


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``chat-cli`` and return its exit code; a user never sees a traceback."""
    fill_gaps()
    _prepare_output()
    name = "chat-cli"
    try:
        language.choose()
        arguments = _parse(sys.argv[1:] if argv is None else argv)
        if getattr(arguments, "version", False):
            print(f"chat-cli {_version()}")
            return OK
        name = f"chat-cli {arguments.command}".rstrip()
        _speak()
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _output_is_gone()
    except CommandError as error:
        return _tell(name, str(error), error.code)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            return _unexpected(name, error)
        _output_is_gone()
        return _tell(name, tr("{path} cannot be written: {error}").format(path="stdout", error=error.strerror), FAILED)
    except Exception as error:  # noqa: BLE001 - the last net: a user gets one line
        return _unexpected(name, error)


def _unexpected(name: str, error: Exception) -> int:
    """Say what the core says; what nobody expected is named, and shown whole to who asks with CHAT_CLIENT_DEBUG."""
    from chat_client.core.errors import ClientError

    if isinstance(error, ClientError):
        return _tell(name, str(error), FAILED)
    if os.environ.get("CHAT_CLIENT_DEBUG"):
        raise error
    from chat_client.core.text import safe_line

    text = safe_line(f"{type(error).__name__}: {error}")
    return _tell(
        name,
        tr("an error of the program itself ({text}): CHAT_CLIENT_DEBUG=1 shows all of it, please report it").format(
            text=text
        ),
        FAILED,
    )


def _tell(name: str, text: str, code: int) -> int:
    try:
        print(f"{name}: {text}", file=sys.stderr)
    except OSError:
        pass  # nobody reads it: the pipe is broken, or the terminal gone
    return code


if __name__ == "__main__":
    sys.exit(main())
