"""Commands about oneself, the program and the server."""

from chat_client.core.actions_groups import current_group
from chat_client.core.addresses import ServerLink
from chat_client.core.client import ChatClient
from chat_client.core.errors import RequestError
from chat_client.core.results import Listing, PasswordWanted, Quit, Result, Row, Told
from chat_client.core.table import ALIASES, COMMANDS, Argument, Arguments, Command, command
from chat_client.core.text import Safe, printable, safe_line

__all__: list[str] = []

STATUS = Argument("text", "text", required=False, rest=True)
WHERE = Argument("conversation", "conversation", required=False)


@command("away", STATUS, summary="Tell the others that you are away.", topic="yourself")
async def _away(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_presence("away", arguments["text"])
    return Told(Safe("you are away: /back when you are not"))


@command("dnd", STATUS, summary="Do not disturb: no bells for you.", topic="yourself")
async def _dnd(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_presence("dnd", arguments["text"])
    return Told(Safe("you will not be disturbed: /back ends that"))


@command("back", STATUS, summary="Tell the others that you are there.", topic="yourself")
async def _back(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_presence("online", arguments["text"])
    return Told(Safe("you are online"))


@command("nick", Argument("name", "text", rest=True), summary="Change your display name.", topic="yourself")
async def _nick(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_display_name(arguments["name"])
    return Told(safe_line(f"you are shown as {arguments['name']} now"))


@command("password", summary="Change your password; you are asked for it.", topic="yourself")
async def _password(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    return PasswordWanted()


@command("devices", summary="List your devices.", topic="yourself")
async def _devices(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    rows = tuple(
        Row((safe_line(device.device_id), device.device, Safe("this one" if device.current else "")))
        for device in await client.devices()
    )
    note = Safe("/logout ID logs one out")
    return Listing(Safe("Your devices"), (Safe("id"), Safe("device"), Safe("")), rows, note)


@command("logout", Argument("device", "word", required=False), summary="Log a device out; without one, this.",
         topic="yourself")  # fmt: skip
async def _logout(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.logout(arguments["device"] or None)
    return Told(Safe("logged out"))


def _target(conversation: str | None, arguments: Arguments) -> str:
    name = arguments["conversation"] or conversation
    if name is None:
        raise RequestError("usage", "name a conversation, or open one first")
    return name


@command("mute", WHERE, summary="No bells and no counting for a conversation.", topic="yourself")
async def _mute(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = _target(conversation, arguments)
    await client.mute(name, True)
    return Told(safe_line(f"{name} is muted"))


@command("unmute", WHERE, summary="Hear a conversation again.", topic="yourself")
async def _unmute(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = _target(conversation, arguments)
    await client.mute(name, False)
    return Told(safe_line(f"{name} is not muted"))


@command("reconnect", summary="Try to connect now.", topic="program")
async def _reconnect(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    client.retry_now()
    return None


@command("help", Argument("command", "command", required=False), summary="List the commands, or explain one.",
         topic="program", aliases=("commands",))  # fmt: skip
async def _help(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = arguments["command"].removeprefix("/").lower()
    if name:
        found = COMMANDS.get(ALIASES.get(name, name))
        if found is None:
            raise RequestError("usage", f"/{name} is no command: /help lists all")
        return Listing(safe_line(f"/{found.name}"), (Safe("usage"), Safe("what it does")), (_help_row(found),))
    shown = sorted(COMMANDS.values(), key=lambda entry: (entry.admin, entry.topic))
    rows = tuple(_help_row(entry) for entry in shown if client.state.is_admin or not entry.admin)
    note = Safe("//text sends /text; @name mentions, :tada: is an emoji")
    return Listing(Safe("Commands"), (Safe("usage"), Safe("what it does")), rows, note)


def _help_row(entry: Command) -> Row:
    also = f" (also {', '.join(f'/{alias}' for alias in entry.aliases)})" if entry.aliases else ""
    return Row((Safe(entry.usage), Safe(entry.summary + also)))


@command("quit", summary="End the program; what is not sent yet is kept.", topic="program", aliases=("exit", "q"))
async def _quit(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    return Quit()


@command(
    "invite-link",
    Argument("group", "group", required=False),
    Argument("uses", "number", required=False),
    summary="Make a link with which somebody can register (and join a group).",
    topic="administration",
)
async def _invite_link(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    uses = arguments["uses"] or "1"
    if not uses.isdecimal():
        raise RequestError("usage", f"{uses} is no number of uses")
    group = current_group(None, arguments) if arguments["group"] else None
    code = await client.create_invite(group, uses=int(uses))
    address = client.account.address
    return Told(safe_line(str(ServerLink(address, client.fingerprint, code))))


@command("broadcast", Argument("text", "text", rest=True), summary="Announce something to everybody.",
         topic="administration", admin=True)  # fmt: skip
async def _broadcast(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.broadcast(arguments["text"])
    return Told(Safe("it is announced"))


@command(
    "notify",
    Argument("user", "user"),
    Argument("text", "text", rest=True),
    summary="Put a notification into a user's !notifications.",
    topic="administration",
    admin=True,
)
async def _notify(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.notify(arguments["user"], arguments["text"])
    return Told(safe_line(f"{arguments['user']} is notified"))


@command("stats", Argument("reset", "word", required=False, choices=("reset",)),
         summary="Show the route statistics; reset: begin anew.", topic="administration", admin=True)  # fmt: skip
async def _stats(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    stats = await client.stats(reset=bool(arguments["reset"]))
    rows = tuple(_stat_rows("", stats))
    return Listing(Safe("Route statistics"), (Safe("what"), Safe("value")), rows)


def _stat_rows(prefix: str, values: object) -> list[Row]:
    if isinstance(values, dict):
        return [row for key, value in values.items() for row in _stat_rows(f"{prefix}.{key}" if prefix else key, value)]
    return [Row((safe_line(prefix), printable(str(values), multiline=False)))]
