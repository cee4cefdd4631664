"""The commands that ask once and end: send, list, history, search, stats."""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chat_client.core.answers import Recipient
from chat_client.core.config import load_config
from chat_client.core.errors import RequestError
from chat_client.core.events import Acked
from chat_client.core.language import tr, tr_n
from chat_client.core.state import ClientState, Conversation, Message, kind_of
from chat_client.core.terms import conversation_title
from chat_client.core.text import safe_line
from chat_client.line.codes import FAILED, NOT_YET, OK, UNREACHABLE, USAGE, CommandError
from chat_client.line.printer import Look, event_lines, line_lines, plain
from chat_client.line.reader import newest
from chat_client.line.script import PATIENCE_S, ScriptClient, connected
from chat_client.line.setup import profile_of, require_account
from chat_protocol.names import group_name, user_name

__all__ = ["conversation_named", "history", "known_conversation", "list_conversations", "search", "send", "stats"]

RECEIPT_PAUSE_S: Final = 0.25
_READ: Final = {"delivered": ("delivered", "read"), "read": ("read",)}


def conversation_named(text: str) -> str:
    """Return the conversation for a name as a script writes it; without a mark it is a group (a shell eats ``#``).

    Raises:
        CommandError: It is none.
    """
    name = text if text[:1] in ("#", "@", "!") else f"#{text}"
    try:
        kind = kind_of(name)
        if kind in ("group", "private"):
            return name[0] + (group_name(name[1:]) if kind == "group" else user_name(name[1:]))
    except ValueError as error:
        raise CommandError(
            USAGE, tr("{text!r} is no conversation: {error}").format(text=safe_line(text), error=error)
        ) from None
    return name


def known_conversation(state: ClientState, name: str) -> Conversation | None:
    """Return a conversation; None for a private chat that does not exist yet.

    Raises:
        CommandError: It is a group that is not one of the user's.
    """
    entry = state.conversations.get(name)
    if name.startswith("#") and (entry is None or entry.role is None):
        raise CommandError(
            FAILED,
            tr("{name} is not one of your groups: join it first (chat-cli, then /join {name})").format(name=name),
        )
    return entry


def _put(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _put_json(value: Mapping[Any, Any]) -> None:
    _put(json.dumps(value))


# ---- send ----------------------------------------------------------------------------------------------------------


def send(arguments: Namespace) -> int:
    """Send a message and wait until it is on the server's disk, or farther."""
    conversation = conversation_named(arguments.conversation)
    if conversation[0] == "!":
        raise CommandError(
            USAGE, tr("{conversation} is for reading: send to a '#group' or a @user").format(conversation=conversation)
        )
    text = " ".join(arguments.text) if arguments.text else _standard_input()
    return asyncio.run(_send(arguments, conversation, text))


def _standard_input() -> str:
    if sys.stdin.isatty():
        sys.stderr.write(f"chat-cli send: {tr('type the text, ctrl-d on an empty line sends it')}\n")
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\r\n")


async def _send(arguments: Namespace, conversation: str, text: str) -> int:
    profile = profile_of(arguments)
    account = require_account(arguments, profile)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (PATIENCE_S if arguments.timeout is None else arguments.timeout)
    async with connected(account, profile) as client:
        try:
            message_id = await client.post(conversation, text, arguments.id)
        except RequestError as error:
            raise CommandError(FAILED, tr("nothing was sent: {reason}").format(reason=error.message)) from None
        ack = await acknowledged(client, conversation, message_id, arguments.timeout)
        if arguments.json:
            _put_json(_ack(ack))
        if arguments.wait == "stored":
            return OK
        return await _wait_for_recipients(client, ack, arguments.wait, deadline)


async def acknowledged(client: ScriptClient, conversation: str, message_id: str, timeout_s: float | None) -> Acked:
    """Wait until a posted message stands in the log, which means: on the server's disk.

    Raises:
        CommandError: It was refused and is thrown away, or there is no ack yet and it stays queued.
    """

    def find(state: ClientState) -> Message | None:
        entry = state.conversations.get(conversation)
        line = entry.timeline.by_id(message_id) if entry is not None else None
        return line if isinstance(line, Message) else None

    def is_settled(state: ClientState) -> bool:
        message = find(state)
        return message_id in client.acks or (message is not None and message.status != "pending")

    kept = tr("the message is queued and goes out with the next run of chat-cli or chat-tui")
    try:
        await client.ready(timeout_s)
    except CommandError as error:
        raise CommandError(error.code, f"{error}: {kept}") from None
    await client.wait_for(is_settled, PATIENCE_S if timeout_s is None else timeout_s)
    if message_id in client.acks:
        return client.acks[message_id]
    message = find(client.state)
    if message is None or message.status == "pending":
        why = f" ({message.reason})" if message is not None and message.reason else ""
        code = NOT_YET if client.state.link.synced else UNREACHABLE
        raise CommandError(code, tr("the server did not acknowledge in time{why}: {kept}").format(why=why, kept=kept))
    if message.status == "failed":
        await client.discard(message_id)
        raise CommandError(FAILED, tr("nothing was sent or kept: {reason}").format(reason=message.reason))
    # Its ack was lost with a connection; that it stands in the log is as good, but who has it was not told.
    return Acked(conversation, message_id, message.seq, message.timestamp_ms, "", 0, 0)


def _ack(ack: Acked) -> dict[str, Any]:
    is_told = bool(ack.result)
    return {
        "conversation": ack.conversation,
        "message_id": ack.message_id,
        "seq": ack.seq,
        "timestamp": ack.timestamp_ms,
        "result": ack.result or None,
        "delivered": ack.delivered if is_told else None,
        "stored": ack.stored if is_told else None,
    }


async def _wait_for_recipients(client: ScriptClient, ack: Acked, wanted: str, deadline: float) -> int:
    """Ask until all recipients have the message, or have read it."""
    loop = asyncio.get_running_loop()
    missing: list[Recipient] = []
    while True:
        try:
            recipients = await client.receipts(ack.conversation, ack.message_id)
            if not recipients:
                raise CommandError(
                    FAILED,
                    tr("the message is sent, but nobody else is in {conversation}").format(
                        conversation=ack.conversation
                    ),
                )
            missing = [recipient for recipient in recipients if recipient.state not in _READ[wanted]]
            if not missing:
                return OK
        except RequestError as error:
            if error.code not in ("offline", "connection_lost", "timeout", "rate_limited", "overloaded"):
                raise CommandError(
                    FAILED, tr("the message is sent, but who has it is not told: {reason}").format(reason=error.message)
                ) from None
        left = deadline - loop.time()
        if left <= 0:
            names = ", ".join(f"@{recipient.user} ({recipient.state})" for recipient in missing[:5])
            if len(missing) > 5:
                names = tr("{names} and {count} more").format(names=names, count=len(missing) - 5)
            text = tr("the message is sent")
            if names:
                not_read = tr("the message is sent, but not read yet by {names}")
                not_delivered = tr("the message is sent, but not delivered yet to {names}")
                text = safe_line((not_read if wanted == "read" else not_delivered).format(names=names))
            raise CommandError(NOT_YET, text)
        await asyncio.sleep(min(RECEIPT_PAUSE_S, left))


# ---- Questions -----------------------------------------------------------------------------------------------------


def list_conversations(arguments: Namespace) -> int:
    """Print the user's conversations, the most urgent first."""
    return asyncio.run(_list(arguments))


async def _list(arguments: Namespace) -> int:
    profile = profile_of(arguments)
    async with connected(require_account(arguments, profile), profile) as client:
        await client.ready(arguments.timeout)
        entries = sorted(client.state.conversations.values(), key=lambda entry: entry.sort_key)
        for entry in entries:
            is_left = entry.kind == "group" and entry.role is None
            if is_left or (arguments.unread and not entry.unread):
                continue
            if arguments.json:
                _put_json(_conversation(entry))
            else:
                _put(conversation_line(entry, client.state))
    return OK


def _conversation(entry: Conversation) -> dict[str, Any]:
    names = ("kind", "title", "topic", "role", "muted", "last_seq", "read_seq", "unread", "mentions")
    return {"conversation": entry.name, **{name: getattr(entry, name) for name in names}}


def conversation_line(entry: Conversation, state: ClientState) -> str:
    """Return a conversation with what is unread in it as one line."""
    unread = tr_n("{count} unread", "{count} unread", entry.unread) if entry.unread else ""
    mentions = tr_n("{count} mentions you", "{count} mention you", entry.mentions) if entry.mentions else ""
    marks = tr(", ").join(mark for mark in (unread, mentions, tr("muted") if entry.muted else "") if mark)
    title = conversation_title(entry, state)
    return "  ".join(part for part in (safe_line(entry.name), marks or tr("nothing new"), title) if part)


def history(arguments: Namespace) -> int:
    """Print the newest messages of a conversation as they stand now, oldest first."""
    return asyncio.run(_history(arguments, conversation_named(arguments.conversation)))


async def _history(arguments: Namespace, conversation: str) -> int:
    profile = profile_of(arguments)
    look = Look(time_format=f"%Y-%m-%d {load_config().time_format}")
    async with connected(require_account(arguments, profile), profile) as client:
        await client.ready(arguments.timeout)
        for event in await newest(client, conversation, arguments.n, lines_only=True):
            if arguments.json:
                _put_json(msgspec.to_builtins(event))
            else:
                for line in event_lines(event, look, me=client.state.me):
                    _put(plain(line))
    return OK


def search(arguments: Namespace) -> int:
    """Print the messages that a search finds, newest first."""
    where = conversation_named(arguments.where) if arguments.where else None
    return asyncio.run(_search(arguments, where))


async def _search(arguments: Namespace, where: str | None) -> int:
    profile = profile_of(arguments)
    look = Look(time_format=f"%Y-%m-%d {load_config().time_format}")
    left, before = arguments.n, None
    async with connected(require_account(arguments, profile), profile) as client:
        await client.ready(arguments.timeout)
        while left > 0:
            page = await client.search(
                " ".join(arguments.query),
                conversation=where,
                sender=arguments.sender,
                before=before,
                limit=min(left, 100),
            )
            if page.local:
                raise CommandError(UNREACHABLE, tr("the connection was lost before the server answered: try again"))
            for hit in page.hits:
                if arguments.json:
                    _put_json(_hit(hit.conversation, hit.message))
                else:
                    for line in line_lines(hit.message, look, place=safe_line(hit.conversation)):
                        _put(plain(line))
            left, before = left - len(page.hits), page.before
            if before is None or not page.hits:
                break
    return OK


def _hit(conversation: str, message: Message) -> dict[str, Any]:
    return {
        "conversation": conversation,
        "seq": message.seq,
        "message_id": message.message_id,
        "sender": message.sender,
        "sender_name": message.sender_name,
        "content": message.content,
        "timestamp": message.timestamp_ms,
        "edited_at": message.edited_at_ms,
    }


def stats(arguments: Namespace) -> int:
    """Print the server's route statistics, as JSON or one value a line."""
    return asyncio.run(_stats(arguments))


async def _stats(arguments: Namespace) -> int:
    profile = profile_of(arguments)
    async with connected(require_account(arguments, profile), profile) as client:
        await client.ready(arguments.timeout)
        values = await client.stats(reset=arguments.reset)
        if arguments.json:
            _put_json(values)
        else:
            _put_tree("", values)
    return OK


def _put_tree(prefix: str, value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _put_tree(f"{prefix}.{key}" if prefix else str(key), item)
    else:
        _put(f"{prefix} {safe_line(str(value))}")
