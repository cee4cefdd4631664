"""Commands about oneself, the program and the server."""

from chat_client.core.actions_groups import current_group
from chat_client.core.addresses import ServerLink
from chat_client.core.client import ChatClient
from chat_client.core.errors import RequestError
from chat_client.core.language import mark, tr
from chat_client.core.results import Listing, PasswordWanted, Quit, Result, Row, Told
from chat_client.core.table import ALIASES, COMMANDS, Argument, Arguments, Command, command
from chat_client.core.text import Safe, printable, safe_line

__all__: list[str] = []

STATUS = Argument("text", "text", required=False, rest=True)
WHERE = Argument("conversation", "conversation", required=False)


@command("away", STATUS, summary=mark("Tell the others that you are away."), topic="yourself")
async def _away(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_presence("away", arguments["text"])
    return Told(tr("you are away: /back when you are not"))


@command("dnd", STATUS, summary=mark("Do not disturb: no bells for you."), topic="yourself")
async def _dnd(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_presence("dnd", arguments["text"])
    return Told(tr("you will not be disturbed: /back ends that"))


@command("back", STATUS, summary=mark("Tell the others that you are there."), topic="yourself")
async def _back(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_presence("online", arguments["text"])
    return Told(tr("you are online"))


@command("nick", Argument("name", "text", rest=True), summary=mark("Change your display name."), topic="yourself")
async def _nick(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_display_name(arguments["name"])
    return Told(safe_line(tr("you are shown as {name} now").format(name=arguments["name"])))


@command("password", summary=mark("Change your password; you are asked for it."), topic="yourself")
async def _password(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    return PasswordWanted()


@command("devices", summary=mark("List your devices."), topic="yourself")
async def _devices(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    rows = tuple(
        Row((safe_line(device.device_id), device.device, tr("this one") if device.current else Safe("")))
        for device in await client.devices()
    )
    note = tr("/logout ID logs one out")
    return Listing(tr("Your devices"), (Safe("id"), tr("device"), Safe("")), rows, note)


@command("logout", Argument("device", "word", required=False), summary=mark("Log a device out; without one, this."),
         topic="yourself")  # fmt: skip
async def _logout(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.logout(arguments["device"] or None)
    return Told(tr("logged out"))


def _target(conversation: str | None, arguments: Arguments) -> str:
    name = arguments["conversation"] or conversation
    if name is None:
        raise RequestError("usage", tr("name a conversation, or open one first"))
    return name


@command("mute", WHERE, summary=mark("No bells and no counting for a conversation."), topic="yourself")
async def _mute(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = _target(conversation, arguments)
    await client.mute(name, True)
    return Told(safe_line(tr("{name} is muted").format(name=name)))


@command("unmute", WHERE, summary=mark("Hear a conversation again."), topic="yourself")
async def _unmute(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = _target(conversation, arguments)
    await client.mute(name, False)
    return Told(safe_line(tr("{name} is not muted").format(name=name)))


@command("reconnect", summary=mark("Try to connect now."), topic="program")
async def _reconnect(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    client.retry_now()
    return None


@command("help", Argument("command", "command", required=False), summary=mark("List the commands, or explain one."),
         topic="program", aliases=("commands",))  # fmt: skip
async def _help(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = arguments["command"].removeprefix("/").lower()
    if name:
        found = COMMANDS.get(ALIASES.get(name, name))
        if found is None:
            raise RequestError("usage", tr("/{name} is no command: /help lists all").format(name=name))
        return Listing(safe_line(f"/{found.name}"), (tr("usage"), tr("what it does")), (_help_row(found),))
    shown = sorted(COMMANDS.values(), key=lambda entry: (entry.admin, entry.topic))
    rows = tuple(_help_row(entry) for entry in shown if client.state.is_admin or not entry.admin)
    note = tr("//text sends /text; @name mentions, :tada: is an emoji")
    return Listing(tr("Commands"), (tr("usage"), tr("what it does")), rows, note)


def _help_row(entry: Command) -> Row:
    names = ", ".join(f"/{alias}" for alias in entry.aliases)
    also = f" {tr('(also {names})').format(names=names)}" if names else ""
    return Row((Safe(entry.usage), Safe(entry.summary + also)))


@command("quit", summary=mark("End the program; what is not sent yet is kept."), topic="program", aliases=("exit", "q"))
async def _quit(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    return Quit()


@command(
    "invite-link",
    Argument("group", "group", required=False),
    Argument("uses", "number", required=False),
    summary=mark("Make a link with which somebody can register (and join a group)."),
    topic="administration",
)
async def _invite_link(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    uses = arguments["uses"] or "1"
    if not uses.isdecimal():
        raise RequestError("usage", tr("{uses} is no number of uses").format(uses=uses))
    group = current_group(None, arguments) if arguments["group"] else None
    code = await client.create_invite(group, uses=int(uses))
    address = client.account.address
    link = str(ServerLink(address, client.fingerprint, code))
    return Told(safe_line(link), link)


@command("broadcast", Argument("text", "text", rest=True), summary=mark("Announce something to everybody."),
         topic="administration", admin=True)  # fmt: skip
async def _broadcast(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.broadcast(arguments["text"])
    return Told(tr("it is announced"))


@command(
    "notify",
    Argument("user", "user"),
    Argument("text", "text", rest=True),
    summary=mark("Put a notification into a user's !notifications."),
    topic="administration",
    admin=True,
)
async def _notify(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.notify(arguments["user"], arguments["text"])
    return Told(safe_line(tr("{user} is notified").format(user=arguments["user"])))


@command("stats", Argument("reset", "word", required=False, choices=("reset",)),
         summary=mark("Show the route statistics; reset: begin anew."), topic="administration", admin=True)  # fmt: skip
async def _stats(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    stats = await client.stats(reset=bool(arguments["reset"]))
    rows = tuple(_stat_rows("", stats))
    return Listing(tr("Route statistics"), (tr("what"), tr("value")), rows)


def _stat_rows(prefix: str, values: object) -> list[Row]:
    if isinstance(values, dict):
        return [row for key, value in values.items() for row in _stat_rows(f"{prefix}.{key}" if prefix else key, value)]
    return [Row((safe_line(prefix), printable(str(values), multiline=False)))]
