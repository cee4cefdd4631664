"""The only place where the client's state changes: one event in, the next state out. Pure: no clock, no I/O."""

from collections.abc import Iterable
from itertools import islice

from msgspec.structs import replace

from chat_client.core import conversations, events, reading
from chat_client.core.events import Event
from chat_client.core.state import MAX_NOTICES, ClientState, Conversation, Notice, NoticeKind, Person, PresenceState
from chat_client.core.text import Safe, safe_line

__all__ = ["reduce", "reduce_all"]

_NOBODY = Safe("")


def reduce_all(state: ClientState, happened: Iterable[Event]) -> ClientState:
    """Apply events in their order."""
    for event in happened:
        state = reduce(state, event)
    return state


def reduce(state: ClientState, event: Event) -> ClientState:
    """Return the state after ``event``; the same object where nothing changes."""
    match event:
        case events.Arrived():
            return _arrived(state, event)
        case events.MessageQueued() | events.DraftChanged() if event.conversation not in state.conversations:
            return reduce(_put(state, conversations.fresh(event.conversation)), event)
        case events.MessageQueued():
            more = event.message.status == "pending"
            return replace(_in_conversation(state, event), queued=state.queued + more)
        case events.Acked():
            before = state.conversations.get(event.conversation)
            after = _in_conversation(state, event)
            changed = after.conversations.get(event.conversation)
            is_settled = before and changed and len(changed.timeline.pending) < len(before.timeline.pending)
            return _count_queue(after) if is_settled else after
        case events.MessageWaits() | events.MessageFailed() | events.MessageDiscarded():
            return _count_queue(_in_conversation(state, event))
        case (
            events.Restored()
            | events.LinkChanged()
            | events.Welcomed()
            | events.SessionStarted()
            | events.EpochReplaced()
            | events.Synced()
            | events.EntryChanged()
        ):
            return _in_session(state, event)
        case (
            events.TypingExpired()
            | events.PresenceReceived()
            | events.PeopleListed()
            | events.ConversationOpened()
            | events.FocusChanged()
            | events.PresenceChosen()
            | events.DisplayNameChanged()
            | events.NoticeAdded()
        ):
            return _around(state, event)
        case _:
            return _in_conversation(state, event)


def _in_session(state: ClientState, event: events.SessionEvent) -> ClientState:
    """Events of the connection and the whole account."""
    match event:
        case events.Restored():
            return _restored(state, event)
        case events.LinkChanged(link):
            return _link(state, replace(state, link=link))
        case events.Welcomed(server_name, registration):
            return replace(state, server_name=server_name, registration=registration)
        case events.SessionStarted(user, display_name, roles):
            return replace(state, me=user, display_name=display_name, roles=roles)
        case events.EpochReplaced(epoch):
            kept = {name: conversations.emptied(entry) for name, entry in state.conversations.items()}
            return replace(state, epoch=epoch, conversations=kept)
        case events.Synced():
            return _synced(state, event)
        case events.EntryChanged(entry):
            known = state.conversations.get(entry.conversation)
            changed = conversations.from_entry(known, entry)
            return _with_peer(_put(state, changed), entry.conversation, entry.display_name)


def _around(state: ClientState, event: events.PersonalEvent) -> ClientState:
    """Events of people and of what the user does outside of one conversation."""
    match event:
        case events.TypingExpired(now_ms):
            return _expire(state, now_ms)
        case events.PresenceReceived(changed):
            return _presences(state, changed)
        case events.PeopleListed(people):
            return _people(state, people)
        case events.ConversationOpened(opened):
            return _opened(state, opened)
        case events.FocusChanged(focused):
            return state if focused == state.focused else replace(state, focused=focused)
        case events.PresenceChosen(presence, text):
            return replace(state, presence=presence, status_text=text)
        case events.DisplayNameChanged(name):
            return _people(replace(state, display_name=name), (Person(state.me, name, "online"),))
        case events.NoticeAdded(kind, text, name):
            return _notice(state, kind, text, name)


def _in_conversation(state: ClientState, event: events.ConversationEvent) -> ClientState:
    """Events of one conversation; nothing happens where it is not known."""
    before = state.conversations.get(event.conversation)
    if before is None:
        return state
    after = conversations.change(before, event, state.me)
    return state if after is before else _put(state, after)


# ---- The whole state ------------------------------------------------------------------------------------------------


def _restored(state: ClientState, event: events.Restored) -> ClientState:
    return _count_queue(
        replace(
            state,
            me=event.me,
            display_name=event.display_name,
            server_name=event.server_name,
            epoch=event.epoch,
            conversations={entry.name: entry for entry in event.conversations if not _is_blank(entry)},
            people={person.user: person for person in event.people},
        )
    )


def _is_blank(conversation: Conversation) -> bool:
    """Tell whether somebody only looked at a user, with whom nobody has written anything."""
    timeline = conversation.timeline
    is_empty = not (conversation.last_seq or conversation.draft or timeline.pending or len(timeline))
    return conversation.kind == "private" and is_empty


def _link(before: ClientState, state: ClientState) -> ClientState:
    """Forget, with the connection, what only a connection can tell."""
    if state.link.status == "online" or before.link.status != "online":
        return state
    people = {
        user: person if person.presence == "unknown" else replace(person, presence="unknown")
        for user, person in state.people.items()
    }
    return _expire(replace(state, people=people), None)


def _synced(state: ClientState, event: events.Synced) -> ClientState:
    known = dict(state.conversations)
    named = set()
    for entry in event.entries:
        named.add(entry.conversation)
        known[entry.conversation] = conversations.from_entry(known.get(entry.conversation), entry)
    for name, conversation in known.items():
        if name not in named and conversation.kind == "group" and conversation.role is not None:
            known[name] = replace(conversation, role=None)
    shown = known.get(state.current or "")
    if shown is not None and shown.unread and shown.cursor < shown.last_seq:
        before = state.conversations.get(shown.name, shown)
        # What was missed is new, although nobody turned to it now.
        known[shown.name] = reading.arrived_unseen(shown, before.unread)
    state = replace(state, epoch=event.epoch, conversations=known, link=replace(state.link, synced=True))
    for entry in event.entries:
        state = _with_peer(state, entry.conversation, entry.display_name)
    return state


def _with_peer(state: ClientState, name: str, display_name: object) -> ClientState:
    """Remember the display name of a private chat's peer, which its entry tells."""
    if not name.startswith("@") or not isinstance(display_name, str):
        return state
    user = str(safe_line(name[1:]))
    known = state.people.get(user)
    shown = safe_line(display_name)
    if known is not None and known.display_name == shown:
        return state
    person = Person(user, shown) if known is None else replace(known, display_name=shown)
    return replace(state, people={**state.people, user: person})


def _put(state: ClientState, conversation: Conversation) -> ClientState:
    return replace(state, conversations={**state.conversations, conversation.name: conversation})


def _count_queue(state: ClientState) -> ClientState:
    queued = sum(
        1 for entry in state.conversations.values() for message in entry.timeline.pending if message.status == "pending"
    )
    return state if queued == state.queued else replace(state, queued=queued)


def _arrived(state: ClientState, event: events.Arrived) -> ClientState:
    before = state.conversations.get(event.conversation) or conversations.fresh(event.conversation)
    after = conversations.arrived(before, event, state.me)
    looking = state.current == event.conversation and state.focused
    if state.current == event.conversation and not state.focused:
        after = reading.arrived_unseen(after, before.unread)
    elif after.visit_read_seq is not None and after.new_from is None:
        after = reading.place_line(after)  # the visit began before what is new was here
    state = _put(state, after)
    gone = len(before.timeline.pending) - len(after.timeline.pending)
    if gone:
        state = replace(state, queued=state.queued - _pending_among(before, event, gone))
    if not looking and not after.muted and state.presence != "dnd":
        for kind, line in conversations.alerts(before, after):
            state = _notice(state, kind, line.content, after.name, line.seq, line.sender_name)
    return _names(state, event)


def _pending_among(before: Conversation, event: events.Arrived, gone: int) -> int:
    """Return how many of the ``gone`` own messages that arrived counted as queued; the first ones, as a rule."""
    ids = {entry.message_id for entry in event.events}
    found = (message for message in before.timeline.pending if message.message_id in ids)
    return sum(message.status == "pending" for message in islice(found, gone))


def _names(state: ClientState, event: events.Arrived) -> ClientState:
    """Learn how the senders call themselves now."""
    heard = {safe_line(entry.sender): entry.sender_name for entry in event.events if entry.sender != "server"}
    changed: dict[str, Person] = {}
    for user, name in heard.items():
        known = state.people.get(user)
        shown = safe_line(name)
        if known is None:
            changed[user] = Person(user, shown)
        elif known.display_name != shown:
            changed[user] = replace(known, display_name=shown)
    return replace(state, people={**state.people, **changed}) if changed else state


def _expire(state: ClientState, now_ms: int | None) -> ClientState:
    changed = {}
    for name, entry in state.conversations.items():
        if entry.typing:
            left = tuple(typist for typist in entry.typing if now_ms is not None and typist.until_ms > now_ms)
            if len(left) != len(entry.typing):
                changed[name] = replace(entry, typing=left)
    return replace(state, conversations={**state.conversations, **changed}) if changed else state


def _presences(state: ClientState, changed: tuple[tuple[str, PresenceState, Safe], ...]) -> ClientState:
    people = dict(state.people)
    for user, presence, text in changed:
        name = safe_line(user)
        known = people.get(name) or Person(name, name)
        people[name] = replace(known, presence=presence, status_text=text)
    return replace(state, people=people)


def _people(state: ClientState, people: tuple[Person, ...]) -> ClientState:
    changed = {person.user: person for person in people if state.people.get(person.user) != person}
    return replace(state, people={**state.people, **changed}) if changed else state


def _opened(state: ClientState, name: str | None) -> ClientState:
    if name == state.current:
        return state
    known = dict(state.conversations)
    if state.current is not None and state.current in known:
        known[state.current] = reading.leave(known[state.current])
    if name is not None:
        known[name] = reading.enter(known.get(name) or conversations.fresh(name))
    return replace(state, conversations=known, current=name)


def _notice(
    state: ClientState, kind: NoticeKind, text: Safe, conversation: str, seq: int = 0, sender_name: Safe = _NOBODY
) -> ClientState:
    notice = Notice(state.last_notice + 1, kind, text, conversation, seq, sender_name)
    return replace(state, notices=(*state.notices[1 - MAX_NOTICES :], notice), last_notice=notice.number)
