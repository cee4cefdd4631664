"""Whose client to start, and with what: command line, accounts of this device, else a form. Blocks for files."""

import os
from pathlib import Path
from typing import Final

import msgspec

from chat_client.core.accounts import Account, Credentials
from chat_client.core.addresses import ServerAddress, ServerLink, parse_link
from chat_client.core.config import ClientConfig
from chat_client.core.errors import ConfigError
from chat_client.core.files import read_private
from chat_client.core.language import tr
from chat_client.core.profile import Profile
from chat_protocol.names import user_name

__all__ = ["Start", "decide", "link_of", "password_from"]


MAX_WINDOWS: Final = 8
"""Accounts that run in one program."""


class Start(msgspec.Struct, frozen=True):
    """What is known before the screen is there."""

    account: Account | None = None
    """None: ask."""
    credentials: Credentials | None = None
    """For a device that has no token yet."""
    link: ServerLink | None = None
    """What the form is filled in with."""
    user: str = ""
    others: tuple[Account, ...] = ()
    """More accounts of this device, each with a window of its own."""


def link_of(text: str, *, insecure: bool) -> ServerLink:
    """Read an address or a link; ``insecure`` means in the clear, which is for this machine only.

    Raises:
        ConfigError: It cannot be understood, or would send in the clear over a network.
    """
    link = parse_link(text)
    if not insecure or not link.address.tls:
        return link
    address = ServerAddress(link.address.host, link.address.port, tls=False)
    if not address.is_loopback:
        raise ConfigError(
            tr("--insecure sends in the clear and is only for this machine, not for {host}: drop it").format(
                host=address.host
            )
        )
    return msgspec.structs.replace(link, address=address)


def password_from(named: str | None) -> str | None:
    """Return the first line of a password file, named by an option or by ``CHAT_PASSWORD_FILE``; None: no file.

    Raises:
        ConfigError: It cannot be read, others can read it, or it is empty.
    """
    named = named or os.environ.get("CHAT_PASSWORD_FILE")
    if not named:
        return None
    content = read_private(Path(named))
    if content is None:
        raise ConfigError(tr("there is no password file {named}: check the name").format(named=named))
    try:
        password = content.decode().partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ConfigError(tr("{named} is no text: put the password alone into it").format(named=named)) from None
    if not password:
        raise ConfigError(tr("{named} is empty: put the password into its first line").format(named=named))
    return password


def decide(
    profile: Profile,
    config: ClientConfig,
    *,
    server: str | None = None,
    user: str | None = None,
    new_user: str | None = None,
    password: str | None = None,
    insecure: bool = False,
) -> Start:
    """Put together what is known.

    Raises:
        ConfigError: An address, a name or a file of the profile cannot be understood.
    """
    link = link_of(server, insecure=insecure) if server else None
    name = _folded(new_user or user or (link.user if link is not None else ""))
    address = link.address if link is not None else None
    account = profile.accounts.find(name, address)
    if not server and not name and config.account:
        account = _configured(profile, config.account)
    if account is None and name and address is not None and (password or new_user):
        account = Account(address, name)
    if account is None:
        return Start(None, None, link, name)
    credentials = None
    if password is not None:
        invite = link.invite if link is not None else ""
        credentials = Credentials(password, register=new_user is not None, invite=invite)
    elif not profile.accounts.token(account):
        return Start(None, None, link or ServerLink(account.address), account.user)
    if link is not None and link.fingerprint:
        profile.prepare()
        profile.trust.trust(link.address, link.fingerprint)
    others: tuple[Account, ...] = ()
    if not server and not name:
        known = (other for other in profile.accounts.all() if other != account and profile.accounts.token(other))
        others = tuple(known)[: MAX_WINDOWS - 1]
    return Start(account, credentials, link, account.user, others)


def _folded(name: str) -> str:
    if not name:
        return ""
    try:
        return user_name(name.removeprefix("@"))
    except ValueError as error:
        raise ConfigError(tr("{name!r} is no user name: {error}").format(name=name, error=error)) from None


def _configured(profile: Profile, key: str) -> Account | None:
    for account in profile.accounts.all():
        if account.key == key:
            return account
    raise ConfigError(
        tr("account = {key!r} in the settings is not an account of this device: log in to it once").format(key=key)
    )
