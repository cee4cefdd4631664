"""Sending: messages, broadcasts, notifications, and what is done to messages later (protocol.md 5, 6)."""

from __future__ import annotations

from msgspec import UNSET

from chat_protocol import packets
from chat_protocol.codec import encode_event
from chat_protocol.errors import ErrorCode
from chat_protocol.names import Kind
from chat_server.routing import access, events
from chat_server.routing.auditing import audit
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, User
from chat_server.routing.effects import Ask, Begin, Commit, Effect, Log, Step, refuse
from chat_server.routing.session import Session
from chat_server.store.base import Append, Audit, Located, PutConversation, PutMember

_EDITABLE = frozenset({"group_message", "private_message", "broadcast"})
_ERASABLE = _EDITABLE | {"notification"}
_REACTABLE = _ERASABLE | {"system_message"}


def post_group(context: Context, session: Session, post: packets.PostGroup) -> list[Effect]:
    """A message to a group."""
    user = context.directory.users[session.user]
    group = access.find_group(context.directory, user, post.group)
    if isinstance(group, access.Denied):
        return refuse(post.id, group.code, group.message, field="group")
    if session.refused and (refusal := _out_of_order(session, group, post.id, post.message_id)):
        return refusal
    return [Commit((Log(group, events.message(context, group, user, post), post.id),))]


def post_private(context: Context, session: Session, post: packets.PostPrivate) -> list[Effect]:
    """A message to one user; the first one makes the private chat."""
    directory = context.directory
    user = directory.users[session.user]
    peer = directory.user(post.to)
    if peer is None or peer.disabled:
        return refuse(post.id, ErrorCode.NOT_FOUND, "there is no such user", field="to")
    chat = directory.private(user.id, peer.id)
    if chat is not None:
        if session.refused and (refusal := _out_of_order(session, chat, post.id, post.message_id)):
            return refusal
        return [Commit((Log(chat, events.message(context, chat, user, post), post.id),))]

    def decide(known: Located | None) -> list[Effect]:
        if known is not None and directory.private(user.id, peer.id) is None:
            # a chat is made by a message, not by one that is refused
            message = "this message_id was used for something else: take a new one"
            return refuse(post.id, ErrorCode.CONFLICT, message, field="message_id")
        return _begin_private(context, user, peer, post)

    return [Ask(post.id, lambda reader: reader.locate(post.message_id), decide)]


def _begin_private(context: Context, user: User, peer: User, post: packets.PostPrivate) -> list[Effect]:
    """The first message between two users, unless another one was faster."""
    directory = context.directory
    chat = directory.private(user.id, peer.id)
    if chat is not None:
        return [Commit((Log(chat, events.message(context, chat, user, post), post.id),))]
    low, high = sorted((user.id, peer.id))
    chat = directory.new_conversation(Kind.PRIVATE, f"{low}:{high}", context.now_ms)
    steps: list[Step] = [PutConversation(chat.row())]
    for member in {user.id: user, peer.id: peer}.values():
        stay = directory.begin_stay(chat, member, "member", since_seq=1)
        steps += [PutMember(chat.member_row(member.id)), Begin(chat, member.id, stay)]
    return [Commit((*steps, Log(chat, events.message(context, chat, user, post), post.id)))]


def post_broadcast(context: Context, session: Session, post: packets.PostBroadcast) -> list[Effect]:
    """An announcement to everybody."""
    user = context.directory.users[session.user]
    if not access.may_on_server(user, "broadcast"):
        return refuse(post.id, ErrorCode.FORBIDDEN, "only an admin of the server can broadcast")
    log = context.directory.announcements
    if session.refused and (refusal := _out_of_order(session, log, post.id, post.message_id)):
        return refusal
    event = packets.Broadcast(
        conversation="",
        seq=0,
        message_id=post.message_id,
        sender=user.name,
        sender_name=user.display_name,
        timestamp=context.now_ms,
        content=post.content,
    )
    line = audit(context, user.id, "broadcast", if_appended=True, message_id=post.message_id)
    return [Commit((_log(context, log, user, event, events.digest(post.content), post.id), line))]


def post_notification(context: Context, session: Session, post: packets.PostNotification) -> list[Effect]:
    """A notification to one user."""
    user = context.directory.users[session.user]
    if not access.may_on_server(user, "notify"):
        return refuse(post.id, ErrorCode.FORBIDDEN, "only an admin or a bot can notify")
    to = context.directory.user(post.to)
    if to is None or to.disabled:
        return refuse(post.id, ErrorCode.NOT_FOUND, "there is no such user", field="to")
    log = to.notifications
    if log is not None and session.refused and (refusal := _out_of_order(session, log, post.id, post.message_id)):
        return refusal
    steps = events.notify(
        context,
        to,
        post.kind,
        post.content,
        about=post.about,
        about_seq=post.about_seq,
        sender=user,
        message_id=post.message_id,
        re=post.id,
    )
    return [Commit(tuple(steps))]


def _out_of_order(session: Session, conversation: Conversation, re: int, message_id: str) -> list[Effect]:
    """A refusal where an earlier send into ``conversation`` has to come again first, so that it is not overtaken."""
    waiting = session.refused.get(conversation.id)
    if waiting is None:
        return []
    if waiting == message_id:
        del session.refused[conversation.id]
        return []
    return refuse(re, ErrorCode.RETRY_ORDER, f"send {waiting} first: it was refused and may succeed now")


def destination(context: Context, session: Session, post: packets.Post) -> Conversation | None:
    """Where ``post`` would go, if there is such a place yet: for refusals that come before any rule."""
    directory = context.directory
    match post:
        case packets.PostGroup():
            return directory.group(post.group)
        case packets.PostPrivate():
            peer = directory.user(post.to)
            return None if peer is None else directory.private(session.user, peer.id)
        case packets.PostBroadcast():
            return directory.announcements
        case packets.PostNotification():
            to = directory.user(post.to)
            return None if to is None else to.notifications


# ---- what is done to a message later -------------------------------------------------------------------------------


def change(context: Context, session: Session, request: packets.Edit | packets.Delete | packets.React) -> list[Effect]:
    """Edit, delete or react: first find where the target stands, then decide."""

    def decide(target: Located | None) -> list[Effect]:
        return _change_located(context, session, request, target)

    target = request.target
    return [Ask(request.id, lambda reader: reader.locate(target), decide)]


def _change_located(
    context: Context,
    session: Session,
    request: packets.Edit | packets.Delete | packets.React,
    target: Located | None,
) -> list[Effect]:
    missing = refuse(request.id, ErrorCode.NOT_FOUND, "there is no such message", field="target")
    user = context.directory.users[session.user]
    conversation = None if target is None else context.directory.conversations.get(target.conversation)
    if target is None or conversation is None or not access.may_read(conversation, user, target.seq):
        return missing
    match request:
        case packets.Edit():
            if target.kind not in _EDITABLE or target.sender != user.id:
                return refuse(request.id, ErrorCode.FORBIDDEN, "only one's own messages can be edited")
            if conversation.kind is Kind.ANNOUNCEMENTS and not access.may_on_server(user, "broadcast"):
                return refuse(request.id, ErrorCode.FORBIDDEN, "only an admin of the server speaks to everybody")
        case packets.Delete():
            if target.kind not in _ERASABLE or not _may_delete(conversation, user, target):
                return refuse(request.id, ErrorCode.FORBIDDEN, "you may not delete this message")
        case packets.React():
            if target.kind not in _REACTABLE:
                return refuse(request.id, ErrorCode.FORBIDDEN, "one can only react to messages")
    log = _change_log(context, conversation, user, request)
    line = _change_line(context, conversation, user, request, target)
    return [Commit((log,) if line is None else (log, line))]


def _change_line(
    context: Context,
    conversation: Conversation,
    user: User,
    request: packets.Edit | packets.Delete | packets.React,
    target: Located,
) -> Audit | None:
    """What the audit log tells of a change that takes a right which not everybody has."""
    is_announcement = conversation.kind is Kind.ANNOUNCEMENTS
    match request:
        case packets.Edit() if is_announcement:
            return audit(context, user.id, "edit", if_appended=True, message_id=request.target)
        case packets.Delete() if is_announcement or (conversation.kind is Kind.GROUP and target.sender != user.id):
            author = context.directory.users.get(target.sender)
            return audit(
                context,
                user.id,
                "delete",
                if_appended=True,
                group="-" if is_announcement else conversation.key,
                user="-" if author is None else author.name,
                message_id=request.target,
            )
        case _:
            return None


def _may_delete(conversation: Conversation, user: User, target: Located) -> bool:
    if target.sender == user.id:
        return True
    match conversation.kind:
        case Kind.GROUP:
            return access.may_over(conversation, user, "delete_message", target.sender)
        case Kind.ANNOUNCEMENTS:
            return access.may_on_server(user, "broadcast")
        case Kind.NOTIFICATIONS:
            return True
        case Kind.PRIVATE:
            return False


def _change_log(
    context: Context,
    conversation: Conversation,
    user: User,
    request: packets.Edit | packets.Delete | packets.React,
) -> Log:
    common = {
        "conversation": "",
        "seq": 0,
        "message_id": request.message_id,
        "sender": user.name,
        "sender_name": user.display_name,
        "timestamp": context.now_ms,
        "target": request.target,
    }
    match request:
        case packets.Edit():
            mentions = events.find_mentions(context, conversation, request.content)
            edited = packets.Edited(
                **common,  # type: ignore[arg-type]
                content=request.content,
                mentions=tuple(each.name for each in mentions),
            )
            check = events.digest("edit", request.target, request.content)
            ids = tuple(each.id for each in mentions)
            return _log(context, conversation, user, edited, check, request.id, ids)
        case packets.Delete():
            deleted = packets.Deleted(**common)  # type: ignore[arg-type]
            return _log(context, conversation, user, deleted, events.digest("delete", request.target), request.id)
        case packets.React():
            reaction = packets.Reaction(
                **common,  # type: ignore[arg-type]
                emoji=request.emoji,
                removed=request.removed,
            )
            check = events.digest("react", request.target, request.emoji, request.removed)
            return _log(context, conversation, user, reaction, check, request.id)


def _log(
    context: Context,
    conversation: Conversation,
    user: User,
    event: packets.Broadcast | packets.Edited | packets.Deleted | packets.Reaction,
    check: int,
    re: int,
    mentions: tuple[int, ...] = (),
) -> Log:
    target = getattr(event, "target", UNSET)
    append = Append(
        conversation=conversation.id,
        kind=str(type(event).__struct_config__.tag),
        sender=user.id,
        message_id=event.message_id,
        timestamp_ms=context.now_ms,
        digest=check,
        body=encode_event(event),
        mentions=mentions,
        target=None if target is UNSET else target,
    )
    return Log(conversation, append, re)
