"""Who hears of whose presence (protocol.md 6)."""

from __future__ import annotations

from chat_protocol import packets
from chat_protocol.names import Kind
from chat_server.routing.context import Context
from chat_server.routing.directory import SMALL_GROUP, Directory, User
from chat_server.routing.effects import Effect, PresenceChanged, Reply
from chat_server.routing.session import Session


def set_presence(context: Context, session: Session, request: packets.SetPresence) -> list[Effect]:
    """Say whether one is there."""
    user = context.directory.users[session.user]
    if (user.presence, user.status) == (request.state, request.text):
        return [Reply(packets.Ok(re=request.id))]
    user.presence, user.status = request.state, request.text
    return [Reply(packets.Ok(re=request.id)), PresenceChanged(user.id)]


def audience(directory: Directory, user: User) -> set[int]:
    """The users who may hear of ``user``'s presence: those who share a private chat or a small group."""
    heard: set[int] = set()
    for conversation in user.conversations.values():
        if conversation.kind is Kind.PRIVATE or len(conversation.members) <= SMALL_GROUP:
            heard.update(conversation.members)
    heard.discard(user.id)
    return heard


def presence_packet(user: User) -> packets.PresenceNow:
    """What others are told of ``user``."""
    return packets.PresenceNow(user=user.name, state=user.shown_presence, text=user.status)
