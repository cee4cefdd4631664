"""What the protocol's own words are called on the screen. Pure; a word that is not known is shown as it came.

In English they are shown as they are, and what the server says about a group is shown in its own words.
"""

from typing import Final

from chat_client.core.language import language, mark, tr
from chat_client.core.state import ClientState, Conversation
from chat_client.core.text import Safe, safe_line

__all__ = [
    "action_sentence",
    "conversation_title",
    "notification_word",
    "presence_word",
    "refusal_sentence",
    "role_word",
    "visibility_word",
]

_PRESENCES: Final = {
    "online": mark("online"),
    "away": mark("away"),
    "dnd": mark("dnd"),
    "offline": mark("offline"),
    "unknown": mark("unknown"),
}
_ROLES: Final = {"owner": mark("owner"), "moderator": mark("moderator"), "member": mark("member")}
_VISIBILITIES: Final = {"public": mark("public"), "private": mark("private")}
_TITLES: Final = {"announcements": mark("Announcements"), "notifications": mark("Notifications")}
_NOTIFICATIONS: Final = {"invited": mark("invited"), "kicked": mark("kicked"), "role": mark("role")}
_ACTIONS: Final = {
    "created": mark("{user} created the group"),
    "joined": mark("{user} joined"),
    "left": mark("{user} left"),
    "invited": mark("{user} was invited ({said})"),
    "kicked": mark("{user} was removed ({said})"),
    "role": mark("{user} has another role now ({said})"),
    "topic": mark("{user} changed the topic ({said})"),
    "title": mark("{user} changed the title ({said})"),
}
_REFUSALS: Final = {
    "bad_frame": mark("the server did not understand this client"),
    "bad_json": mark("the server did not understand this client"),
    "bad_request": mark("the server does not take this request"),
    "bad_text": mark("this text holds characters that cannot be sent"),
    "bad_query": mark("this cannot be searched for"),
    "unknown_type": mark("the server does not know this request"),
    "wrong_state": mark("the server does not expect this request now"),
    "too_many_errors": mark("too many requests were wrong"),
    "protocol_version": mark("the server speaks another version of the protocol"),
    "not_authenticated": mark("this device is not logged in"),
    "bad_credentials": mark("user name or password is not right"),
    "name_taken": mark("this name is taken"),
    "bad_name": mark("this is no name that can be given"),
    "registration_closed": mark("nobody can register on this server"),
    "bad_invite": mark("this invite does not hold"),
    "not_found": mark("there is no such thing"),
    "not_member": mark("you are not a member of this group"),
    "forbidden": mark("you may not do this"),
    "too_long": mark("this is too long"),
    "conflict": mark("this does not fit to what is there"),
    "quota": mark("no more of this is allowed"),
    "rate_limited": mark("too much in too short a time"),
    "overloaded": mark("the server has too much to do"),
    "storage": mark("the server cannot write to its disk"),
    "retry_order": mark("an earlier message has to be sent first"),
    "going_away": mark("the server is going down"),
    "slow_consumer": mark("this client was too slow for the server"),
    "internal": mark("the server made a mistake of its own"),
}


def presence_word(presence: str) -> Safe:
    """Return a presence as it is shown."""
    return _word(_PRESENCES, presence)


def role_word(role: str) -> Safe:
    """Return a role in a group as it is shown."""
    return _word(_ROLES, role)


def visibility_word(visibility: str) -> Safe:
    """Return who sees a group, as it is shown."""
    return _word(_VISIBILITIES, visibility)


def conversation_title(conversation: Conversation, state: ClientState) -> Safe:
    """Return what a conversation is called beside its name: a display name, a group's title, or our own word."""
    if conversation.kind == "private":
        return state.name_of(conversation.name[1:])
    known = _TITLES.get(conversation.kind)
    return conversation.title if known is None or language() == "en" else tr(known)


def notification_word(kind: str) -> Safe:
    """Return the kind of a notification as it is shown: one of the server's own, or what a bot calls it."""
    return _word(_NOTIFICATIONS, kind)


def action_sentence(action: str, subject: str, content: str) -> Safe:
    """Return what happened to a group: in English what the server says, else our own sentence and that behind it."""
    said = content or f"{subject} {action}"
    known = _ACTIONS.get(action)
    return safe_line(said if known is None or language() == "en" else tr(known).format(user=subject, said=said))


def refusal_sentence(code: str) -> Safe:
    """Return what a server's error code means; empty: the code is not known, or the server's English will do."""
    known = _REFUSALS.get(code)
    return Safe("") if known is None or language() == "en" else tr(known)


def _word(table: dict[str, str], word: str) -> Safe:
    known = table.get(word)
    return safe_line(word) if known is None else tr(known)
