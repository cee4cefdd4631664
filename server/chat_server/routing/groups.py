"""Groups: who is in them, with which role, and what they are about (protocol.md 6)."""

from __future__ import annotations

from chat_protocol import names, packets
from chat_protocol.errors import ErrorCode
from chat_protocol.names import Kind
from chat_server.routing import access, events
from chat_server.routing.auditing import audit
from chat_server.routing.context import Context
from chat_server.routing.directory import Conversation, User
from chat_server.routing.effects import Begin, Changed, Commit, Effect, End, Log, Reply, Step, refuse
from chat_server.routing.session import Session
from chat_server.store.base import (
    AT_HEAD,
    DropInvitation,
    InvitationRow,
    MarkRead,
    MemberRow,
    PutConversation,
    PutInvitation,
    PutMember,
)


def create(context: Context, session: Session, request: packets.CreateGroup) -> list[Effect]:
    """Make a group with the asker as its owner."""
    user = context.directory.users[session.user]
    try:
        name = names.new_name(request.group.removeprefix("#"))
    except names.BadName as error:
        return refuse(request.id, ErrorCode.BAD_NAME, f"no name for a group: {error}", field="group")
    if not context.directory.is_group_name_free(name):
        message = f"#{name} is in use, or looks like one that is: choose another name"
        return refuse(request.id, ErrorCode.NAME_TAKEN, message, field="group")
    refusal = _is_in_too_many(context, user, request.id)
    if refusal:
        return refusal
    group = context.directory.new_conversation(Kind.GROUP, name, context.now_ms)
    group.title = request.title or name
    group.visibility = request.visibility
    group.history = request.history
    created = events.system(context, group, "created", user.name, f"{user.name} created the group")
    steps = [PutConversation(group.row()), *_enter(context, group, user, "owner", created)]
    return [Commit(tuple(steps), (_done(request.id, group),))]


def _is_in_too_many(context: Context, user: User, re: int) -> list[Effect]:
    """The refusal of one more group for ``user``."""
    count = sum(1 for each in user.conversations.values() if each.kind is Kind.GROUP)
    if count < context.rules.max_groups_per_user:
        return []
    return refuse(re, ErrorCode.QUOTA, f"you are in {count} groups already: leave one first")


def _is_full(context: Context, group: Conversation, re: int) -> list[Effect]:
    """The refusal of one more member of ``group``."""
    if len(group.members) < context.rules.max_members_per_group:
        return []
    return refuse(re, ErrorCode.QUOTA, f"#{group.key} has {len(group.members)} members, no more fit in", field="group")


def join(context: Context, session: Session, request: packets.Join) -> list[Effect]:
    """Become a member. Asking again changes nothing."""
    user = context.directory.users[session.user]
    group = context.directory.group(request.group)
    if group is None or not access.may_know(group, user):
        return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such group", field="group")
    if user.id in group.members:
        return [Commit((), (_done(request.id, group),))]
    refusal = _is_full(context, group, request.id) or _is_in_too_many(context, user, request.id)
    if refusal:
        return refusal
    return [Commit(tuple(enter(context, group, user)), (_done(request.id, group),))]


def enter(context: Context, group: Conversation, user: User) -> list[Step]:
    """The steps by which ``user`` joins ``group``; the first in an empty group owns it."""
    role = "member" if group.members else "owner"
    joined = events.system(context, group, "joined", user.name, f"{user.name} joined")
    was_invited = user.id in group.invited
    steps = _enter(context, group, user, role, joined)
    return [*steps, DropInvitation(group.id, user.id)] if was_invited else steps


def _enter(context: Context, group: Conversation, user: User, role: str, event: Log) -> list[Step]:
    stay = context.directory.begin_stay(group, user, role)
    row = MemberRow(group.id, user.id, stay.role, AT_HEAD, None, stay.muted)
    # the rows come after the event, so that AT_HEAD is the event's own seq; what was said before is nothing unread
    return [Begin(group, user.id, stay), event, PutMember(row), MarkRead(user.id, group.id, AT_HEAD, context.now_ms)]


def leave(context: Context, session: Session, request: packets.Leave) -> list[Effect]:
    """End one's membership; a group is never left without an owner while somebody is in it."""
    user = context.directory.users[session.user]
    group = access.find_group(context.directory, user, request.group)
    if isinstance(group, access.Denied):
        return refuse(request.id, group.code, group.message, field="group")
    steps = _exit(context, group, user, "left", f"{user.name} left")
    if group.members and not any(stay.role == "owner" for stay in group.members.values()):
        heir_id = max(group.members, key=lambda each: access.rank(group, each))
        heir = context.directory.users[heir_id]
        steps += _give_role(context, group, heir, "owner", f"{heir.name} is the owner now")
        steps.append(audit(context, user.id, "leave", group=group.key, owner=heir.name))
    return [Commit(tuple(steps), (_done(request.id, group),))]


def _exit(context: Context, group: Conversation, user: User, action: str, content: str) -> list[Step]:
    event = events.system(context, group, action, user.name, content)
    stay = context.directory.end_stay(group, user)
    row = MemberRow(group.id, user.id, stay.role, stay.since_seq, AT_HEAD, stay.muted)
    return [event, PutMember(row), End(group, user.id, stay)]


def invite(context: Context, session: Session, request: packets.Invite) -> list[Effect]:
    """Let a user join; in a private group that is up to its moderators."""
    user = context.directory.users[session.user]
    group = access.find_group(context.directory, user, request.group)
    if isinstance(group, access.Denied):
        return refuse(request.id, group.code, group.message, field="group")
    if not access.may(group, user, "invite_to_private" if group.visibility == "private" else "invite_to_public"):
        return refuse(request.id, ErrorCode.FORBIDDEN, "only a moderator can invite to a private group")
    guest = context.directory.user(request.user)
    if guest is None or guest.disabled:
        return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such user", field="user")
    if guest.id in group.members:
        message = f"{guest.name} is a member of #{group.key} already"
        return refuse(request.id, ErrorCode.CONFLICT, message, field="user")
    if guest.id in group.invited:
        return [Commit((), (_done(request.id, group),))]
    group.invited.add(guest.id)
    name = names.group_conversation(group.key)
    steps: list[Step] = [
        PutInvitation(InvitationRow(group.id, guest.id, user.id, context.now_ms)),
        events.system(context, group, "invited", guest.name, f"{user.name} invited {guest.name}"),
        *events.notify(context, guest, "invited", f"{user.name} invited you to {name}", about=name),
    ]
    if group.visibility == "private":
        steps.append(audit(context, user.id, "invite", group=group.key, user=guest.name))
    return [Commit(tuple(steps), (_done(request.id, group),))]


def kick(context: Context, session: Session, request: packets.Kick) -> list[Effect]:
    """End the membership of somebody of a lower rank."""
    user = context.directory.users[session.user]
    found = _member(context, user, request.id, request.group, request.user)
    if isinstance(found, list):
        return found
    group, target = found
    if not access.may_over(group, user, "kick", target.id):
        return refuse(request.id, ErrorCode.FORBIDDEN, f"you may not kick {target.name}")
    if target.id == user.id:
        return refuse(request.id, ErrorCode.FORBIDDEN, "to go, use leave")
    name = names.group_conversation(group.key)
    steps: list[Step] = [
        *_exit(context, group, target, "kicked", f"{user.name} kicked {target.name}"),
        *events.notify(context, target, "kicked", f"{user.name} kicked you from {name}", about=name),
        audit(context, user.id, "kick", group=group.key, user=target.name),
    ]
    return [Commit(tuple(steps), (_done(request.id, group),))]


def set_role(context: Context, session: Session, request: packets.SetRole) -> list[Effect]:
    """Give a member another role; up to the owners, of whom one must remain."""
    user = context.directory.users[session.user]
    found = _member(context, user, request.id, request.group, request.user)
    if isinstance(found, list):
        return found
    group, target = found
    if not access.may(group, user, "give_role"):
        return refuse(request.id, ErrorCode.FORBIDDEN, "only an owner of the group gives roles")
    stay = group.members[target.id]
    if stay.role == request.role:
        return [Commit((), (_done(request.id, group),))]
    owners = sum(1 for each in group.members.values() if each.role == "owner")
    if stay.role == "owner" and owners == 1:
        return refuse(request.id, ErrorCode.FORBIDDEN, "a group needs an owner: make somebody else one first")
    content = f"{user.name} made {target.name} {_with_article(request.role)}"
    steps = _give_role(context, group, target, request.role, content)
    if target.id != user.id:
        name = names.group_conversation(group.key)
        told = f"{user.name} made you {_with_article(request.role)} of {name}"
        steps += events.notify(context, target, "role", told, about=name)
    steps.append(audit(context, user.id, "set_role", group=group.key, user=target.name, role=request.role))
    return [Commit(tuple(steps), (_done(request.id, group),))]


def _with_article(role: str) -> str:
    return f"an {role}" if role == "owner" else f"a {role}"


def _give_role(context: Context, group: Conversation, target: User, role: str, content: str) -> list[Step]:
    group.members[target.id].role = role
    return [
        PutMember(group.member_row(target.id)),
        events.system(context, group, "role", target.name, content),
        Changed(group, (target.id,)),
    ]


def set_topic(context: Context, session: Session, request: packets.SetTopic) -> list[Effect]:
    """Say what the group is about now."""
    return _describe(context, session, request, "topic")


def set_title(context: Context, session: Session, request: packets.SetTitle) -> list[Effect]:
    """Give the group another title."""
    return _describe(context, session, request, "title")


def _describe(
    context: Context, session: Session, request: packets.SetTopic | packets.SetTitle, what: str
) -> list[Effect]:
    user = context.directory.users[session.user]
    group = access.find_group(context.directory, user, request.group)
    if isinstance(group, access.Denied):
        return refuse(request.id, group.code, group.message, field="group")
    if not access.may(group, user, "describe"):
        return refuse(request.id, ErrorCode.FORBIDDEN, f"only a moderator can change the {what}")
    if what == "topic":
        group.topic = request.text
    else:
        group.title = request.text or group.key
    content = f"{user.name} set the {what}: {request.text}" if request.text else f"{user.name} removed the {what}"
    event = events.system(context, group, what, user.name, content)
    line = audit(context, user.id, "set_topic" if what == "topic" else "set_title", group=group.key)
    return [Commit((PutConversation(group.row()), event, Changed(group), line), (_done(request.id, group),))]


def mute(context: Context, session: Session, request: packets.Mute) -> list[Effect]:
    """Mute a conversation for oneself."""
    user = context.directory.users[session.user]
    found = access.find(context.directory, user, request.conversation)
    if isinstance(found, access.Denied):
        return refuse(request.id, found.code, found.message, field="conversation")
    if found is None:
        message = "a conversation can be muted once something was said in it"
        return refuse(request.id, ErrorCode.FORBIDDEN, message, field="conversation")
    stay = found.members.get(user.id)
    if stay is None:
        (found.muted.add if request.muted else found.muted.discard)(user.id)
        row = MemberRow(found.id, user.id, "member", 0, 0, request.muted)
    else:
        stay.muted = request.muted
        row = found.member_row(user.id)
    steps: tuple[Step, ...] = (PutMember(row), Changed(found, (user.id,)))
    return [Commit(steps, (Reply(packets.Ok(re=request.id)),))]


def _member(
    context: Context, user: User, re: int, group_name: str, user_name: str
) -> tuple[Conversation, User] | list[Effect]:
    """The asker's group and another member of it, or the refusal."""
    group = access.find_group(context.directory, user, group_name)
    if isinstance(group, access.Denied):
        return refuse(re, group.code, group.message, field="group")
    target = context.directory.user(user_name)
    if target is None or target.id not in group.members:
        return refuse(re, ErrorCode.NOT_FOUND, f"there is no such member in #{group.key}", field="user")
    return group, target


def _done(re: int, group: Conversation) -> Reply:
    return Reply(packets.Ok(re=re, conversation=names.group_conversation(group.key)))
