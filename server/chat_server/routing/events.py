"""Events as the rules make them: what goes into a log, encoded once."""

from __future__ import annotations

from zlib import crc32

from msgspec import UNSET, UnsetType

from chat_protocol import packets
from chat_protocol.codec import encode_event
from chat_protocol.names import Kind, mentioned
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, User
from chat_server.routing.effects import Begin, Log, Step
from chat_server.store.base import SERVER, Append, PutConversation

SERVER_NAME = "server"


def digest(*parts: str | int | bool | UnsetType) -> int:
    """A checksum of what a sender asked for, to tell a repeat from a conflict.

    Only guards senders against their own mistakes.
    """
    return crc32("\0".join(map(str, parts)).encode())


def find_mentions(context: Context, conversation: Conversation, content: str) -> tuple[User, ...]:
    """The members of ``conversation`` that ``content`` mentions."""
    if "@" not in content:
        return ()
    by_name = context.directory.by_name
    found = (by_name.get(name) for name in mentioned(content))
    return tuple(user for user in found if user is not None and user.id in conversation.members)


def message(
    context: Context,
    conversation: Conversation,
    sender: User,
    post: packets.PostGroup | packets.PostPrivate,
) -> Append:
    """A message in a group or private chat."""
    content = post.content
    mentions = find_mentions(context, conversation, content) if "@" in content else ()
    is_group = conversation.kind is Kind.GROUP
    shape = packets.GroupMessage if is_group else packets.PrivateMessage
    event = shape(
        conversation="",
        seq=0,
        message_id=post.message_id,
        sender=sender.name,
        sender_name=sender.display_name,
        timestamp=context.now_ms,
        content=content,
        reply_to=post.reply_to,
        mentions=tuple(user.name for user in mentions) if mentions else (),
    )
    return Append(
        conversation=conversation.id,
        kind="group_message" if is_group else "private_message",
        sender=sender.id,
        message_id=post.message_id,
        timestamp_ms=context.now_ms,
        digest=crc32(content.encode()) if post.reply_to is UNSET else digest(content, post.reply_to),
        body=encode_event(event),
        mentions=tuple(user.id for user in mentions) if mentions else (),
    )


def system(context: Context, group: Conversation, action: str, subject: str, content: str) -> Log:
    """What happened to a group, as its log tells it."""
    message_id = context.new_id()
    event = packets.SystemMessage(
        conversation="",
        seq=0,
        message_id=message_id,
        sender=SERVER_NAME,
        sender_name=SERVER_NAME,
        timestamp=context.now_ms,
        action=action,
        subject=subject,
        content=content,
    )
    append = Append(
        conversation=group.id,
        kind="system_message",
        sender=SERVER,
        message_id=message_id,
        timestamp_ms=context.now_ms,
        digest=0,
        body=encode_event(event),
    )
    return Log(group, append)


def notify(
    context: Context,
    to: User,
    kind: str,
    content: str,
    *,
    about: str | UnsetType = UNSET,
    about_seq: int | UnsetType = UNSET,
    sender: User | None = None,
    message_id: str | None = None,
    re: int | None = None,
) -> list[Step]:
    """The steps that notify ``to``: by the server, or by ``sender``."""
    conversation = to.notifications
    steps: list[Step] = []
    if conversation is None:
        conversation = context.directory.new_conversation(Kind.NOTIFICATIONS, str(to.id), context.now_ms)
        steps += [PutConversation(conversation.row()), Begin(conversation, to.id)]
    chosen = message_id or context.new_id()
    event = packets.Notification(
        conversation="",
        seq=0,
        message_id=chosen,
        sender=sender.name if sender else SERVER_NAME,
        sender_name=sender.display_name if sender else SERVER_NAME,
        timestamp=context.now_ms,
        kind=kind,
        content=content,
        about=about,
        about_seq=about_seq,
    )
    append = Append(
        conversation=conversation.id,
        kind="notification",
        sender=sender.id if sender else SERVER,
        message_id=chosen,
        timestamp_ms=context.now_ms,
        digest=digest(kind, content, about, about_seq),
        body=encode_event(event),
    )
    return [*steps, Log(conversation, append, re)]
