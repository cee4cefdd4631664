"""Commands of a server's admins, beside those that speak to everybody: accounts, groups, who is there, who did what."""

import time

from chat_client.core.client import ChatClient
from chat_client.core.language import mark, tr
from chat_client.core.results import Listing, Result, Row, Told
from chat_client.core.table import Argument, Arguments, command
from chat_client.core.text import Safe, safe_line

__all__: list[str] = []

USER = Argument("user", "user")


@command("lock", USER, summary=mark("Lock an account out, at once and on all devices."), topic="administration",
         admin=True)  # fmt: skip
async def _lock(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.lock_out(arguments["user"])
    return Told(safe_line(tr("{user} is locked out: /unlock lets them in again").format(user=arguments["user"])))


@command("unlock", USER, summary=mark("Let an account in again."), topic="administration", admin=True)
async def _unlock(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.lock_out(arguments["user"], False)
    return Told(safe_line(tr("{user} may log in again").format(user=arguments["user"])))


@command(
    "reset-password",
    USER,
    summary=mark("Give an account a new password and log its devices out; it is shown once."),
    topic="administration",
    admin=True,
)
async def _reset_password(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    password = await client.reset_password(arguments["user"])
    told = tr("the new password of {user}, shown only now: {password}")
    return Told(safe_line(told.format(user=arguments["user"], password=password)), password)


@command("roles", USER, Argument("roles", "word", choices=("none", "admin", "bot", "admin,bot")),
         summary=mark("Give an account its roles on this server."), topic="administration", admin=True)  # fmt: skip
async def _roles(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    roles = arguments["roles"]
    await client.set_roles(arguments["user"], [] if roles == "none" else roles.split(","))
    return Told(safe_line(tr("the roles of {user} are now: {roles}").format(user=arguments["user"], roles=roles)))


@command(
    "delete-group",
    Argument("group", "group"),
    Argument("sure", "word", choices=("forever",)),
    summary=mark("Delete a group with all that was said in it."),
    topic="administration",
    admin=True,
)
async def _delete_group(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.delete_group(arguments["group"])
    return Told(safe_line(tr("{group} is deleted").format(group=arguments["group"])))


@command("sessions", summary=mark("Show who is connected, and from where."), topic="administration", admin=True)
async def _sessions(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    columns = (tr("user"), tr("device"), tr("address"), tr("since"), tr("program"))
    rows = tuple(
        Row(tuple(safe_line(text) for text in (each.user, each.device, each.address, _at(each.since), each.client)))
        for each in await client.sessions()
    )
    return Listing(tr("Connections"), columns, rows)


@command("audit", summary=mark("Show what admins and moderators did, the newest first."), topic="administration",
         admin=True)  # fmt: skip
async def _audit(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    columns = (tr("when"), tr("who"), tr("what"), tr("to whom"))
    rows = tuple(
        Row(tuple(safe_line(text) for text in (_at(line.at), line.actor, line.action, line.detail)))
        for line in await client.audit()
    )
    return Listing(tr("Audit log"), columns, rows)


def _at(at_ms: int) -> Safe:
    return safe_line(time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000)))
