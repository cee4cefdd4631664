"""Which account a command is for; logging in and registering. Asks on the terminal, or takes what scripts hand over."""

import asyncio
import getpass
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress, ServerLink, parse_link
from chat_client.core.config import load_config
from chat_client.core.errors import RequestError
from chat_client.core.language import mark, tr
from chat_client.core.profile import Profile
from chat_client.core.text import safe_line
from chat_client.core.trust import changed_certificate
from chat_client.line.codes import FAILED, NOT_LOGGED_IN, OK, UNREACHABLE, USAGE, CommandError
from chat_client.line.script import ScriptClient, connected
from chat_protocol.names import user_name

__all__ = ["account_for", "first_run", "link_of", "log_in", "log_in_command", "profile_of", "require_account", "trust"]

ATTEMPTS: Final = 3
_NO_ACCOUNT: Final = mark(
    "no account is known here: run chat-cli login, or chat-cli register, with --server HOST:PORT --user NAME"
)


def profile_of(arguments: Namespace) -> Profile:
    """Return the directory with everything on disk."""
    return Profile(Path(arguments.profile)) if arguments.profile else Profile.default()


def link_of(arguments: Namespace) -> ServerLink | None:
    """Return the server that was named; None if none was.

    Raises:
        ConfigError: It cannot be understood, or would send in the clear over a network.
    """
    if not arguments.server:
        return None
    text = arguments.server
    if arguments.insecure and "://" not in text:
        text = f"tcp://{text}"
    return parse_link(text)


def account_for(arguments: Namespace, profile: Profile) -> Account | None:
    """Return the known account that fits ``--server`` and ``--user``, else the settings, else the one used last."""
    link = link_of(arguments)
    if link is not None and link.fingerprint and profile.trust.pin(link.address) not in ("", link.fingerprint):
        raise changed_certificate(link.address, link.fingerprint)
    user = _user(arguments.user or (link.user if link else ""))
    known = profile.accounts.all()
    if link is None and not user:
        wanted = load_config().account
        if wanted:
            known = [account for account in known if account.key == wanted.lower()]
    for account in known:
        if user in ("", account.user) and (link is None or link.address.key == account.address.key):
            return account
    return None


def require_account(arguments: Namespace, profile: Profile) -> Account:
    """Return the account for a command that cannot ask.

    Raises:
        CommandError: There is none that fits.
    """
    account = account_for(arguments, profile)
    if account is None:
        raise CommandError(NOT_LOGGED_IN, tr(_NO_ACCOUNT))
    return account


def _user(text: str) -> str:
    if not text:
        return ""
    try:
        return user_name(text.removeprefix("@"))
    except ValueError as error:
        raise CommandError(
            USAGE, tr("{text} is no name of a user: {error}").format(text=safe_line(text), error=error)
        ) from None


def _ask(question: str, default: str = "") -> str:
    """Ask on the terminal; standard error carries the question, so that output stays clean."""
    if not sys.stdin.isatty():
        return default
    shown = f"{question} [{default}]: " if default else f"{question}: "
    print(shown, end="", file=sys.stderr, flush=True)  # noqa: T201 - a question on the terminal
    line = sys.stdin.readline()
    if not line:
        raise CommandError(FAILED, tr("nothing was changed"))
    return line.strip() or default


def _password(arguments: Namespace, *, twice: bool) -> str:
    """Return the password from a file, the terminal or standard input; never from the arguments."""
    if arguments.password_file:
        try:
            text = Path(arguments.password_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or tr("it is not UTF-8")
            raise CommandError(
                FAILED, tr("{path} cannot be read: {reason}").format(path=arguments.password_file, reason=reason)
            ) from None
        return text.split("\n", 1)[0].removesuffix("\r")
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(tr("Password: "))
    if twice and getpass.getpass(tr("Again: ")) != password:
        raise CommandError(FAILED, tr("the two passwords differ: nothing was changed"))
    return password


def _account(arguments: Namespace) -> tuple[Account, ServerLink]:
    """Return whom to log in where, asking for what was not given."""
    if not arguments.server:
        arguments.server = _ask(tr("Server (HOST:PORT or chat://…)"))
    link = link_of(arguments)
    if link is None:
        raise CommandError(USAGE, tr("name the server: --server HOST:PORT"))
    name = arguments.user or link.user or _ask(tr("User name"), getpass.getuser() if sys.stdin.isatty() else "")
    if not name:
        raise CommandError(USAGE, tr("name the user: --user NAME"))
    return Account(link.address, _user(name)), link


def log_in_command(arguments: Namespace) -> int:
    """``login`` and ``register``: open a session and keep its token."""
    profile = profile_of(arguments)
    account = log_in(arguments, profile, register=arguments.command == "register")
    print(tr("logged in as {account}").format(account=account.key))  # noqa: T201 - the command's output
    return OK


def log_in(arguments: Namespace, profile: Profile, *, register: bool) -> Account:
    """Ask for what is missing, log in or register, and keep the token in the profile.

    Raises:
        CommandError: It failed; nothing was kept but a certificate that the user trusts.
    """
    account, link = _account(arguments)
    profile.prepare()
    _pin(arguments, profile, link)
    credentials = Credentials(
        _password(arguments, twice=register),
        register=register,
        display_name=getattr(arguments, "display_name", None) or "",
        invite=getattr(arguments, "invite", None) or link.invite,
    )
    asyncio.run(_sign_in(account, profile, credentials))
    return account


def _pin(arguments: Namespace, profile: Profile, link: ServerLink) -> None:
    """Pin the certificate that the user or the link names; a link alone never takes the place of a pin."""
    if arguments.fingerprint:
        profile.trust.replace(link.address, arguments.fingerprint)
    elif link.fingerprint:
        profile.trust.trust(link.address, link.fingerprint)


def trust(arguments: Namespace) -> int:
    """``trust``: take a server's certificate, also in the place of another one."""
    profile = profile_of(arguments)
    link = parse_link(arguments.address)
    fingerprint = arguments.sha256 or link.fingerprint
    if not fingerprint:
        raise CommandError(USAGE, tr("name the fingerprint, sha256: and 64 hex digits, as the server's admin tells it"))
    profile.prepare()
    before = profile.trust.pin(link.address)
    profile.trust.replace(link.address, fingerprint)
    now = profile.trust.pin(link.address)
    if before == now:
        print(tr("{address} is trusted with this certificate already").format(address=link.address.key))  # noqa: T201 - the command's output
    else:
        trusted = (
            tr("{address} is trusted with {now}, no longer {before}")
            if before
            else tr("{address} is trusted with {now}")
        )
        print(trusted.format(address=link.address.key, now=now, before=before))  # noqa: T201 - the command's output
    return OK


async def _sign_in(account: Account, profile: Profile, credentials: Credentials) -> None:
    async with connected(account, profile) as client:
        try:
            await client.sign_in(credentials)
        except RequestError as error:
            if error.code == "untrusted" and await _trusts(client, account.address):
                await client.sign_in(credentials)
                return
            raise CommandError(_code_of(error), error.message) from None


async def _trusts(client: ScriptClient, address: ServerAddress) -> bool:
    """Show the server's fingerprint and pin it if the user agrees."""
    fingerprint = client.state.link.fingerprint
    if not sys.stdin.isatty():
        raise CommandError(
            FAILED,
            tr(
                "{address} is not known yet: compare this with what the server printed, then add"
                " --fingerprint {fingerprint}"
            ).format(address=address.key, fingerprint=fingerprint),
        )
    known = tr("{address} is not known yet. Its certificate is").format(address=address.key)
    print(f"{known}\n  {fingerprint}", file=sys.stderr)  # noqa: T201 - on the terminal, before the question
    if not _ask(tr("Is that what the server printed when it started? (yes/no)"), "no").lower().startswith("y"):
        raise CommandError(FAILED, tr("nothing was sent and nothing is kept"))
    await client.trust(fingerprint)
    return True


def _code_of(error: RequestError) -> int:
    if error.code in ("bad_credentials", "no_credentials"):
        return NOT_LOGGED_IN
    return UNREACHABLE if error.code in ("unreachable", "timeout", "connection_lost", "going_away") else FAILED


def first_run(arguments: Namespace, profile: Profile) -> Account:
    """Return the account for an interactive start: a known one, or one that is made now.

    Raises:
        CommandError: There is none, and nobody to ask.
    """
    account = account_for(arguments, profile)
    if account is not None and profile.accounts.token(account):
        return account
    if not sys.stdin.isatty():
        raise CommandError(NOT_LOGGED_IN, tr(_NO_ACCOUNT))
    if account is not None and not arguments.server:
        arguments.server, arguments.user = str(account.address), account.user
    answer = (
        "login" if account is not None else _ask(tr("Log in, or register a new account? (login/register)"), "login")
    )
    for attempt in range(ATTEMPTS):
        try:
            return log_in(arguments, profile, register=answer.lower().startswith("r"))
        except CommandError as error:
            if error.code != NOT_LOGGED_IN or attempt == ATTEMPTS - 1:
                raise
            print(error, file=sys.stderr)  # noqa: T201 - on the terminal, before the next question
    raise AssertionError("unreachable")
