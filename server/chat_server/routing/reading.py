"""Looking things up: history, search, lists, markers, receipts (protocol.md 6)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import UNSET

from chat_protocol import codec, packets
from chat_protocol.errors import ErrorCode
from chat_protocol.limits import MAX_INT
from chat_protocol.names import Kind, kind_of, private_conversation
from chat_server.routing import access
from chat_server.routing.auditing import audit
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, User
from chat_server.routing.effects import (
    Advanced,
    Ask,
    Commit,
    Effect,
    Reply,
    ReplyRaw,
    Tell,
    TellMembers,
    TellReceipts,
    TellTrace,
    refuse,
)
from chat_server.routing.session import Session
from chat_server.store.base import Hit, Located, MarkRead, Reader, StoredEvent
from chat_server.store.errors import BadQuery

T = TypeVar("T")

_MEMBERS_OF_ALL = 1_000
"""How many users ``members`` lists of a conversation that everybody is in."""
_HIT_BYTES = 2_048
"""What a hit has besides its event: the conversation's name and the snippet."""


def history(context: Context, session: Session, request: packets.History) -> list[Effect]:
    """A page of a log."""
    user = context.directory.users[session.user]
    found = access.find(context.directory, user, request.conversation)
    if isinstance(found, access.Denied):
        return refuse(request.id, found.code, found.message, field="conversation")
    if found is None:
        return [Reply(packets.Ok(re=request.id, events=[], more=False))]
    conversation = found
    name = context.directory.name_for(conversation, user.id)
    newest = request.after is UNSET
    after = access.first_visible(conversation, user) - 1
    if request.after is not UNSET:
        after = max(after, request.after)
    before = MAX_INT if request.before is UNSET else request.before
    limit = request.limit

    def page(events: list[StoredEvent]) -> list[Effect]:
        # the asker may have been thrown out since, and what was read may have been said after that
        asker = context.directory.users[session.user]
        still = access.find(context.directory, asker, request.conversation)
        if isinstance(still, access.Denied):
            return refuse(request.id, still.code, still.message, field="conversation")
        events = [each for each in events if still is not None and access.may_read(still, asker, each.seq)]
        more = len(events) > limit
        if more:
            events = events[1:] if newest else events[:-1]
        nearest_first = reversed(events) if newest else iter(events)
        fitting = codec.fitting(codec.event_size(name, event.body) for event in nearest_first)
        if fitting < len(events):
            more = True
            events = events[-fitting:] if newest else events[:fitting]
        return [ReplyRaw(codec.encode_history(request.id, name, [event.body for event in events], more=more))]

    return [
        Ask(request.id, lambda reader: reader.events(conversation.id, after, before, limit + 1, newest=newest), page)
    ]


def search(context: Context, session: Session, request: packets.Search) -> list[Effect]:
    """Messages by their content, within what the asker may read."""
    directory = context.directory
    user = directory.users[session.user]
    if request.conversation is UNSET:
        scopes = access.scopes(directory, user)
    else:
        found = access.find(directory, user, request.conversation)
        if isinstance(found, access.Denied):
            return refuse(request.id, found.code, found.message, field="conversation")
        scopes = [] if found is None else [access.scope(found, user)]
    sender: int | None = None
    if request.sender is not UNSET:
        wanted = directory.user(request.sender)
        if wanted is None:
            return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such user", field="sender")
        sender = wanted.id
    before = None if request.before is UNSET else request.before
    limit = request.limit

    def read(reader: Reader) -> list[Hit] | BadQuery:
        try:
            return reader.search(request.query, scopes, sender=sender, before=before, limit=limit)
        except BadQuery as error:
            return error

    def answer(hits: list[Hit] | BadQuery) -> list[Effect]:
        if isinstance(hits, BadQuery):
            return refuse(request.id, ErrorCode.BAD_QUERY, str(hits), field="query")
        directory = context.directory
        asker = directory.users[session.user]
        fitting = codec.fitting(codec.event_size("", hit.body) + _HIT_BYTES for hit in hits)
        next_ = hits[:fitting][-1].position if len(hits) == limit or fitting < len(hits) else None
        shown = (
            (directory.name_for(found, asker.id), hit.body, hit.snippet)
            for hit in hits[:fitting]
            if (found := directory.conversations.get(hit.conversation)) and access.may_read(found, asker, hit.seq)
        )
        return [ReplyRaw(codec.encode_hits(request.id, shown, next_))]

    return [Ask(request.id, read, answer)]


# ---- markers and receipts ------------------------------------------------------------------------------------------


def received(context: Context, session: Session, packet: packets.Received) -> list[Effect]:
    """A device's cursor; without an answer, so what it may not name is ignored."""
    user = context.directory.users[session.user]
    found = access.find(context.directory, user, packet.conversation)
    if isinstance(found, Conversation):
        return [Advanced(found, packet.seq)]
    group = context.directory.group(packet.conversation)
    # what was missed of a stay that is over is still told as received
    if group is not None and group.id in user.ended:
        return [Advanced(group, packet.seq)]
    return []


def read(context: Context, session: Session, request: packets.Read) -> list[Effect]:
    """The user's read marker, told to their other devices and to the peer of a private chat."""
    directory = context.directory
    user = directory.users[session.user]
    found = access.find(directory, user, request.conversation)
    if isinstance(found, access.Denied):
        return refuse(request.id, found.code, found.message, field="conversation")
    if found is None:
        return [Reply(packets.Ok(re=request.id))]
    seq = min(request.seq, found.head)
    if seq <= directory.read_marks.get((user.id, found.id), -1):
        return [Reply(packets.Ok(re=request.id))]
    directory.read_marks[user.id, found.id] = seq
    name = directory.name_for(found, user.id)
    told: list[Effect] = [
        Reply(packets.Ok(re=request.id)),
        Tell((user.id,), packets.ReadMoved(name, user.name, seq)),
    ]
    if found.kind is Kind.PRIVATE and (peer := directory.peer_of(found, user.id)) != user.id:
        told.append(Tell((peer,), packets.ReadMoved(directory.name_for(found, peer), user.name, seq)))
    return [Commit((MarkRead(user.id, found.id, seq, context.now_ms),), tuple(told))]


def receipts(context: Context, session: Session, request: packets.Receipts) -> list[Effect]:
    """How far a message got at each recipient; for those who may read the message."""
    directory = context.directory
    user = directory.users[session.user]
    found = access.find(directory, user, request.conversation)
    if isinstance(found, access.Denied):
        return refuse(request.id, found.code, found.message, field="conversation")

    def answer(target: Located | None) -> list[Effect]:
        asker = context.directory.users[session.user]
        visible = (
            target is not None
            and found is not None
            and found.id in context.directory.conversations
            and target.conversation == found.id
            and access.may_read(found, asker, target.seq)
        )
        if target is None or found is None or not visible:
            return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such message", field="target")
        return [TellReceipts(request.id, found, target.seq, _recipients(context, found, target))]

    return [Ask(request.id, lambda reader: reader.locate(request.target), answer)]


def trace(context: Context, session: Session, request: packets.Trace) -> list[Effect]:
    """The way of a message through the server, for its admin: times and recipients, never what it says."""

    def answer(target: Located | None) -> list[Effect]:
        found = None if target is None else context.directory.conversations.get(target.conversation)
        if target is None or found is None:
            return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such message", field="target")
        told = TellTrace(request.id, request.target, found, target, _recipients(context, found, target))
        if session.is_operator:
            return [told]
        return [Commit((audit(context, session.user, "trace", message_id=request.target),), (told,))]

    return [Ask(request.id, lambda reader: reader.locate(request.target), answer)]


def _recipients(context: Context, conversation: Conversation, target: Located) -> tuple[int, ...]:
    return tuple(
        each.id
        for each in _belonging(context, conversation)
        if each.id != target.sender and _was_there(conversation, each, target.seq)
    )


def _was_there(conversation: Conversation, user: User, seq: int) -> bool:
    stay = conversation.members.get(user.id)
    return stay is None or stay.since_seq <= seq


def _belonging(context: Context, conversation: Conversation) -> Iterable[User]:
    users = context.directory.users
    match conversation.kind:
        case Kind.ANNOUNCEMENTS:
            return users.values()
        case Kind.NOTIFICATIONS:
            return [users[int(conversation.key)]]
        case Kind.GROUP | Kind.PRIVATE:
            return [users[each] for each in conversation.members]


def typing(context: Context, session: Session, packet: packets.Typing) -> list[Effect]:
    """Tell the live others, at most once in 3 s; without an answer."""
    directory = context.directory
    user = directory.users[session.user]
    found = access.find(directory, user, packet.conversation)
    kind = kind_of(packet.conversation)
    if kind is Kind.GROUP and isinstance(found, Conversation):
        name = directory.name_for(found, user.id)
        if context.may_type(user.id, name):
            return [TellMembers(found, packets.TypingNow(name, user.name))]
    elif kind is Kind.PRIVATE and not isinstance(found, access.Denied):
        # also where nothing was said yet
        peer = directory.user(packet.conversation[1:])
        if peer is not None and peer is not user and context.may_type(user.id, private_conversation(peer.name)):
            return [Tell((peer.id,), packets.TypingNow(private_conversation(user.name), user.name))]
    return []


# ---- lists ---------------------------------------------------------------------------------------------------------


def list_groups(context: Context, session: Session, request: packets.ListGroups) -> list[Effect]:
    """The groups that the asker may know of, by name."""
    user = context.directory.users[session.user]
    known = (each for each in context.directory.groups.values() if access.may_know(each, user))
    page = _page(known, attrgetter("key"), attrgetter("title"), request)
    infos = [
        packets.GroupInfo(
            group=each.key,
            title=each.title,
            topic=each.topic,
            members=len(each.members),
            joined=user.id in each.members,
            visibility=each.visibility,
        )
        for each in page
    ]
    return [Reply(packets.Ok(re=request.id, groups=_fit(infos)))]


def list_users(context: Context, session: Session, request: packets.ListUsers) -> list[Effect]:
    """The users of this server, by name."""
    known = (each for each in context.directory.users.values() if not each.disabled)
    page = _page(known, attrgetter("name"), attrgetter("display_name"), request)
    infos = [packets.UserInfo(each.name, each.display_name, each.shown_presence, each.status) for each in page]
    return [Reply(packets.Ok(re=request.id, users=_fit(infos)))]


def _fit(infos: list[T]) -> list[T]:
    """As many as one frame holds, from the first on."""
    return infos[: codec.fitting(len(codec.encode(info)) for info in infos)]


def _page(items: Iterable[Any], key: Any, title: Any, request: packets.ListGroups | packets.ListUsers) -> list[Any]:
    query = request.query.casefold()
    after = request.after.lower()
    matching = (
        each
        for each in items
        if (not after or key(each) > after) and (not query or query in key(each) or query in title(each).casefold())
    )
    return sorted(matching, key=key)[: request.limit]


def list_members(context: Context, session: Session, request: packets.ListMembers) -> list[Effect]:
    """Who is in a conversation that the asker is in."""
    directory = context.directory
    user = directory.users[session.user]
    found = access.find(directory, user, request.conversation)
    if isinstance(found, access.Denied):
        return refuse(request.id, found.code, found.message, field="conversation")
    if found is None:
        peer = directory.user(request.conversation[1:])
        belonging: Iterable[User] = [user] if peer is None or peer is user else [user, peer]
    else:
        belonging = islice(_belonging(context, found), _MEMBERS_OF_ALL)
    infos = [
        packets.MemberInfo(
            user=each.name,
            display_name=each.display_name,
            role="member" if found is None or each.id not in found.members else found.members[each.id].role,
            presence=each.shown_presence,
            text=each.status,
        )
        for each in belonging
    ]
    return [Reply(packets.Ok(re=request.id, members=_fit(sorted(infos, key=attrgetter("user")))))]


def admin_audit(context: Context, session: Session, request: packets.AdminAudit) -> list[Effect]:
    """The audit log."""
    users = context.directory.users
    before = None if request.before is UNSET else request.before

    def answer(lines: list[Any]) -> list[Effect]:
        entries = [
            packets.AuditEntry(
                id=line.id,
                at=line.at_ms,
                actor=users[line.actor].name if line.actor in users else "server",
                action=line.action,
                detail=line.detail,
                hash=line.hash.hex(),
            )
            for line in lines
        ]
        return [Reply(packets.Ok(re=request.id, audit=_fit(entries)))]

    return [Ask(request.id, lambda reader: reader.audit(before, request.limit), answer)]
