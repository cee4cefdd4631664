"""Decide what a client's packet causes. Pure: no socket, no clock, no lock.

One table of states and roles comes first, then each request's own rule; a refusal is a value like any other.
"""

from __future__ import annotations

from msgspec import UNSET

from chat_protocol import packets
from chat_protocol.errors import ErrorCode
from chat_protocol.packets import ClientPacket
from chat_server.routing import access, accounts, groups, posting, presence, reading
from chat_server.routing.auditing import audit
from chat_server.routing.context import Context
from chat_server.routing.effects import (
    Commit,
    Effect,
    End,
    ListSessions,
    Reply,
    Report,
    Step,
    Synchronise,
    refuse,
)
from chat_server.routing.session import Session
from chat_server.store.base import DropConversation, PutConversation

_ADMIN_ONLY = (
    packets.Stats,
    packets.Trace,
    packets.AdminDisableUser,
    packets.AdminResetPassword,
    packets.AdminSetRoles,
    packets.AdminSessions,
    packets.AdminDeleteGroup,
    packets.AdminAudit,
)


def decide(context: Context, session: Session, packet: ClientPacket) -> list[Effect]:
    """What ``packet``, come in over ``session``, causes."""
    if session.user:
        if not accounts.is_valid(context, session):
            return refuse(getattr(packet, "id", UNSET), ErrorCode.NOT_AUTHENTICATED, "this device was logged out")
        # the three that a busy server sees most come first
        if packet.__class__ is packets.Received:
            return reading.received(context, session, packet)
        if packet.__class__ is packets.PostGroup:
            return posting.post_group(context, session, packet)
        if packet.__class__ is packets.PostPrivate:
            return posting.post_private(context, session, packet)
        if isinstance(packet, _ADMIN_ONLY) and not access.is_admin(context.directory.users[session.user]):
            return refuse(packet.id, ErrorCode.FORBIDDEN, "only an admin of the server may do this")
        return _decide_known(context, session, packet)
    if session.is_operator:
        return _decide_operator(context, session, packet)
    return _decide_stranger(context, session, packet)


def _decide_operator(context: Context, session: Session, packet: ClientPacket) -> list[Effect]:
    """From the control socket: what the server tells of itself, and nothing else."""
    match packet:
        case packets.Stats():
            return [Report(packet.id, packet.reset)]
        case packets.Trace():
            return reading.trace(context, session, packet)
        case packets.AdminSessions():
            return [ListSessions(packet.id)]
        case packets.Ping():
            return [Reply(packets.Pong(re=packet.id))]
        case packets.Pong():
            return []
        case _:
            return refuse(getattr(packet, "id", UNSET), ErrorCode.FORBIDDEN, "not by the control socket")


def _decide_stranger(context: Context, session: Session, packet: ClientPacket) -> list[Effect]:
    """Before login."""
    match packet:
        case packets.Hello():
            if session.is_greeted:
                return refuse(packet.id, ErrorCode.WRONG_STATE, "hello was said already")
            return accounts.hello(context, session, packet)
        case packets.Register():
            return accounts.register(context, session, packet)
        case packets.Login():
            return accounts.login(context, session, packet)
        case packets.Ping():
            return [Reply(packets.Pong(re=packet.id))]
        case packets.Pong():
            return []
        case _:
            re = getattr(packet, "id", UNSET)
            return refuse(re, ErrorCode.NOT_AUTHENTICATED, "log in or register first")


def _decide_known(context: Context, session: Session, packet: ClientPacket) -> list[Effect]:  # noqa: PLR0912, C901
    """After login. One arm per frame: mypy names the one that was forgotten."""
    match packet:
        case packets.Received():
            return reading.received(context, session, packet)
        case packets.PostGroup():
            return posting.post_group(context, session, packet)
        case packets.PostPrivate():
            return posting.post_private(context, session, packet)
        case packets.PostBroadcast():
            return posting.post_broadcast(context, session, packet)
        case packets.PostNotification():
            return posting.post_notification(context, session, packet)
        case packets.Edit() | packets.Delete() | packets.React():
            return posting.change(context, session, packet)
        case packets.Hello() if not session.is_greeted:
            return accounts.hello(context, session, packet)
        case packets.Hello() | packets.Register() | packets.Login():
            return refuse(packet.id, ErrorCode.WRONG_STATE, "this connection is logged in already")
        case packets.Sync():
            if session.is_synced:
                return refuse(packet.id, ErrorCode.WRONG_STATE, "this connection is synced already")
            return [Synchronise(packet.id, packet.epoch, packet.cursors, packet.limit)]
        case packets.Ping():
            return [Reply(packets.Pong(re=packet.id))]
        case packets.Pong():
            return []
        case packets.CreateGroup():
            return groups.create(context, session, packet)
        case packets.Join():
            return groups.join(context, session, packet)
        case packets.Leave():
            return groups.leave(context, session, packet)
        case packets.Invite():
            return groups.invite(context, session, packet)
        case packets.Kick():
            return groups.kick(context, session, packet)
        case packets.SetRole():
            return groups.set_role(context, session, packet)
        case packets.SetTopic():
            return groups.set_topic(context, session, packet)
        case packets.SetTitle():
            return groups.set_title(context, session, packet)
        case packets.Mute():
            return groups.mute(context, session, packet)
        case packets.ListGroups():
            return reading.list_groups(context, session, packet)
        case packets.ListMembers():
            return reading.list_members(context, session, packet)
        case packets.ListUsers():
            return reading.list_users(context, session, packet)
        case packets.History():
            return reading.history(context, session, packet)
        case packets.Search():
            return reading.search(context, session, packet)
        case packets.Read():
            return reading.read(context, session, packet)
        case packets.Receipts():
            return reading.receipts(context, session, packet)
        case packets.Typing():
            return reading.typing(context, session, packet)
        case packets.SetPresence():
            return presence.set_presence(context, session, packet)
        case packets.SetProfile():
            return accounts.set_profile(context, session, packet)
        case packets.SetPassword():
            return accounts.set_password(context, session, packet)
        case packets.ListDevices():
            return accounts.devices(context, session, packet)
        case packets.Logout():
            return accounts.logout(context, session, packet)
        case packets.CreateInvite():
            return accounts.create_invite(context, session, packet)
        case packets.Stats():
            return _report(context, session, packet)
        case packets.Trace():
            return reading.trace(context, session, packet)
        case packets.AdminDisableUser():
            return accounts.admin_disable_user(context, session, packet)
        case packets.AdminResetPassword():
            return accounts.admin_reset_password(context, session, packet)
        case packets.AdminSetRoles():
            return accounts.admin_set_roles(context, session, packet)
        case packets.AdminSessions():
            line = audit(context, session.user, "admin_sessions")
            return [Commit((line,), (ListSessions(packet.id),))]
        case packets.AdminDeleteGroup():
            return _delete_group(context, session, packet)
        case packets.AdminAudit():
            return reading.admin_audit(context, session, packet)


def _report(context: Context, session: Session, request: packets.Stats) -> list[Effect]:
    """The statistics; to set them back takes away what others wanted to see, so it is audited."""
    report = Report(request.id, request.reset)
    return [Commit((audit(context, session.user, "stats", reset="yes"),), (report,))] if request.reset else [report]


def _delete_group(context: Context, session: Session, request: packets.AdminDeleteGroup) -> list[Effect]:
    """Delete a group with its log; an admin may do that to any, by name, without seeing into it."""
    group = context.directory.group(request.group)
    if group is None:
        return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such group", field="group")
    steps: list[Step] = [End(group, user, stay) for user, stay in group.members.items()]
    grave = context.directory.drop_group(group)
    steps += [
        DropConversation(group.id),
        PutConversation(grave.row()),
        audit(context, session.user, "admin_delete_group", group=group.key),
    ]
    return [Commit(tuple(steps), (Reply(packets.Ok(re=request.id)),))]
