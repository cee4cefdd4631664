"""What stands in the panes and bars around the transcript, as rows made from the client's state. Pure."""

from collections.abc import Container, Iterable, Sequence
from typing import Final

import msgspec
from rich.cells import cell_len

from chat_client.core.language import tr, tr_n
from chat_client.core.state import ClientState, Conversation, LinkStatus, Person, Typist
from chat_client.core.terms import conversation_title, presence_word, role_word
from chat_client.tui.drawing import Piece, Row
from chat_client.tui.looks import Glyphs

__all__ = [
    "SECTION",
    "SERVER",
    "ServerMark",
    "badge",
    "banner_row",
    "header_row",
    "member_rows",
    "presence_mark",
    "room_rows",
    "row_width",
    "status_row",
    "window_title",
]

_ORDER: Final = {"online": 0, "away": 1, "dnd": 1, "unknown": 2, "offline": 2}
MAX_BADGE: Final = 999
MANY: Final = 100
"""Members from which on the pane has no room for words around their count."""
SECTION: Final = "section "
"""What the keys of titles begin with; no conversation is called so."""
SERVER: Final = "server "
"""What the keys of other accounts begin with."""


def presence_mark(person: Person | None, glyphs: Glyphs) -> Piece:
    """Return the sign of a user's presence: full, half, empty."""
    presence = person.presence if person is not None else "unknown"
    match presence:
        case "online":
            return glyphs.online, "success"
        case "away" | "dnd":
            return glyphs.away, "new"
        case _:
            return glyphs.offline, "dim"


# ---- Rooms ----------------------------------------------------------------------------------------------------------


class ServerMark(msgspec.Struct, frozen=True):
    """One of several accounts, as the list of conversations shows it."""

    key: str
    """``user@host:port``."""
    label: str
    status: LinkStatus
    unread: int = 0
    mentions: int = 0
    is_front: bool = False


def room_rows(
    state: ClientState, glyphs: Glyphs, servers: Sequence[ServerMark] = (), hidden: Container[str] = ()
) -> list[Row]:
    """Return the list of conversations: groups, private chats, what comes from the server; each in a fixed order.

    Args:
        state: What the client in front knows.
        glyphs: The signs.
        servers: All accounts, where there are several.
        hidden: Parts that are folded; what is unread in them is told by their titles.
    """
    entries = state.conversations.values()
    groups = sorted((e for e in entries if e.kind == "group" and (e.joined or e.name == state.current)), key=_by_name)
    chats = sorted((e for e in entries if e.kind == "private"), key=_by_name)
    server = sorted((e for e in entries if e.kind in ("announcements", "notifications")), key=_by_name)
    rows: list[Row] = []
    for part, title, section in (
        ("Groups", tr("Groups"), groups),
        ("Direct", tr("Direct"), chats),
        ("Server", tr("Server"), server),
    ):
        if not section:
            continue
        if rows:
            rows.append(Row())
        is_hidden = part in hidden
        sign = glyphs.folded if is_hidden else glyphs.more
        total = _total(section) if is_hidden else ()
        rows.append(Row(f"{SECTION}{part}", ((f"{sign}{title}", "dim"),), (*total, (" ", "dim"))))
        if not is_hidden:
            rows += [_room_row(state, entry, glyphs) for entry in section]
    if servers:
        rows += [Row(), Row(left=((f" {tr('Servers')}", "dim"),)), *(_server_row(mark, glyphs) for mark in servers)]
    return rows


def _total(section: Sequence[Conversation]) -> tuple[Piece, ...]:
    mentions = sum(entry.mentions for entry in section if not entry.muted)
    unread = sum(entry.unread for entry in section if not entry.muted)
    return _counted(mentions, unread)


def _counted(mentions: int, unread: int) -> tuple[Piece, ...]:
    if mentions:
        return ((f"@{min(mentions, MAX_BADGE)}", "mention"),)
    return ((str(min(unread, MAX_BADGE)), "badge"),) if unread else ()


def _server_row(mark: ServerMark, glyphs: Glyphs) -> Row:
    sign, role = {
        "online": (glyphs.online, "success"),
        "connecting": (glyphs.away, "new"),
    }.get(mark.status, (glyphs.offline, "error"))
    lead: Piece = (glyphs.cursor if mark.is_front else " ", "accent")
    name = (mark.label, "title" if mark.is_front else "text")
    badges = () if mark.is_front else _counted(mark.mentions, mark.unread)
    return Row(f"{SERVER}{mark.key}", (lead, (f"{sign} ", role), name), (*badges, (" ", "dim")))


def _by_name(entry: Conversation) -> str:
    return entry.name


def _room_row(state: ClientState, entry: Conversation, glyphs: Glyphs) -> Row:
    is_current = entry.name == state.current
    role = "dim" if entry.muted else "strong" if entry.unread else "text"
    lead: Piece = (glyphs.cursor if is_current else " ", "accent")
    left = (lead, *_room_name(state, entry, "title" if is_current else role, glyphs))
    right: list[Piece] = []
    if entry.draft and not is_current:
        right.append((f"{glyphs.draft} ", "dim"))
    right += badge(entry)
    return Row(entry.name, left, (*right, (" ", "dim")))


def _room_name(state: ClientState, entry: Conversation, role: str, glyphs: Glyphs) -> tuple[Piece, ...]:
    match entry.kind:
        case "group":
            return ("# ", "dim"), (entry.name[1:], role)
        case "private":
            mark = presence_mark(state.people.get(entry.name[1:]), glyphs)
            return (f"{mark[0]} ", mark[1]), (entry.name[1:], role)
        case _:
            return ("! ", "dim"), (entry.name[1:], role)


def badge(entry: Conversation) -> list[Piece]:
    """Return the count of unread messages: ``@2`` if the user is named, else ``7``; muted ones in brackets."""
    if entry.mentions and not entry.muted:
        return [(f"@{min(entry.mentions, MAX_BADGE)}", "mention")]
    if entry.unread:
        count = f"{MAX_BADGE}+" if entry.unread > MAX_BADGE else str(entry.unread)
        return [(f"({count})", "dim")] if entry.muted else [(count, "badge")]
    return []


# ---- Members --------------------------------------------------------------------------------------------------------


def member_rows(state: ClientState, entry: Conversation | None, glyphs: Glyphs) -> list[Row]:
    """Return who is in a conversation: who is there first, then by name."""
    if entry is None:
        return []
    if entry.kind == "private":
        return _peer_rows(state, entry, glyphs)
    if entry.members is None:
        return [Row(left=((f" {tr('Members')}", "dim"),))] if entry.kind == "group" else []
    people = state.people
    ranked = sorted((_rank(people.get(member.user)), member.user, member) for member in entry.members)
    present = sum(rank < 2 for rank, _, _ in ranked)
    absent = len(ranked) - present
    here = f" {tr('of {count} here').format(count=len(ranked))}" if len(ranked) < MANY else f"/{len(ranked)}"
    rows = [Row(left=((f" {tr('Members')} ", "dim"), (f"{present}", "text"), (here, "dim")))]
    for number, (rank, user, member) in enumerate(ranked):
        if rank == 2 and (number == 0 or ranked[number - 1][0] < 2) and present:
            rows += [Row(), Row(left=((f" {presence_word('offline')} ", "dim"), (f"{absent}", "dim")))]
        mark = presence_mark(people.get(user), glyphs)
        name = "me" if user == state.me else "dim" if rank == 2 else f"nick:{user}"
        right: list[Piece] = [] if member.role == "member" else [(f"{role_word(member.role)} ", "dim")]
        if rank == 1:
            right.append((f"{presence_word(people[user].presence)} ", "new"))
        rows.append(Row(f"@{user}", ((" ", "dim"), (f"{mark[0]} ", mark[1]), (user, name)), tuple(right)))
    return rows


def _rank(person: Person | None) -> int:
    return _ORDER[person.presence if person is not None else "unknown"]


def _peer_rows(state: ClientState, entry: Conversation, glyphs: Glyphs) -> list[Row]:
    user = entry.name[1:]
    person = state.people.get(user) or Person(user, state.name_of(user))
    mark = presence_mark(person, glyphs)
    rows = [
        Row(left=((f" {person.display_name}", "strong"),)),
        Row(left=((" ", "dim"), (f"{mark[0]} ", mark[1]), (presence_word(person.presence), "dim"))),
    ]
    if person.status_text:
        rows.append(Row(left=((f" {person.status_text}", "dim"),)))
    return rows


# ---- Bars -----------------------------------------------------------------------------------------------------------


def header_row(state: ClientState, glyphs: Glyphs, *, is_alone: bool = False) -> Row:
    """Return what is open, what it is about, how many are there, and how the connection stands.

    Args:
        state: What the client knows.
        glyphs: The signs.
        is_alone: Whether neither the conversations nor the status row are there to tell what waits elsewhere.
    """
    entry = state.conversations.get(state.current or "")
    link = _link_piece(state, glyphs)
    if entry is None:
        return Row(left=((f" {state.server_name or 'chat'}", "title"),), right=(link, (" ", "dim")))
    left: list[Piece] = [(f" {entry.name}", "title")]
    title = conversation_title(entry, state)
    if title and title != entry.name[1:]:
        left.append((f"  {title}", "text"))
    if entry.kind == "group" and entry.role is None:
        left.append((f"  {tr('you are not a member any more')}", "new"))
    elif entry.topic:
        left.append((f"  {entry.topic}", "dim"))
    right: list[Piece] = []
    if entry.muted:
        right.append((f"{tr('muted')}  ", "dim"))
    if entry.kind == "group" and entry.members is not None:
        count = len(entry.members)
        right.append((f"{tr_n('{count} member', '{count} members', count)}  ", "dim"))
    elsewhere = _elsewhere(state) if is_alone else ()
    if elsewhere and state.link.status == "online":
        link = (f"{link[0][0]} ", link[1])  # the sign is enough where there is little room
    return Row(left=tuple(left), right=(*right, link, *elsewhere, (" ", "dim")))


def _elsewhere(state: ClientState) -> tuple[Piece, ...]:
    return _total([entry for entry in state.conversations.values() if entry.name != state.current])


def _link_piece(state: ClientState, glyphs: Glyphs) -> Piece:
    match state.link.status:
        case "online":
            if state.link.synced:
                return f"{glyphs.online} {tr('connected')}", "success"
            return f"{glyphs.away} {tr('syncing')}", "new"
        case "connecting":
            return f"{glyphs.away} {tr('connecting')}", "new"
        case _:
            return f"{glyphs.offline} {tr('offline')}", "error"


def banner_row(state: ClientState, now_ms: int, glyphs: Glyphs, retry_key: str) -> Row:
    """Return why there is no connection and what happens next; empty while there is one."""
    link = state.link
    if link.status == "online":
        return Row()
    queued: tuple[Piece, ...] = (
        ((f"{tr('queued: {count}').format(count=state.queued)} ", "banner"),) if state.queued else ()
    )
    if link.status == "connecting":
        return Row(left=((f" {glyphs.away} {tr('connecting')}{glyphs.ellipsis}", "banner"),), right=queued)
    detail = link.detail or tr("there is no connection")
    text = f" {glyphs.warning} {tr('offline: {detail}').format(detail=detail)}"
    if link.retry_at_ms is not None:
        left_s = max(-(-(link.retry_at_ms - now_ms) // 1000), 0)
        next_try = tr("retry in {seconds} s, {key} now").format(seconds=left_s, key=retry_key)
    else:
        next_try = tr("{key} to try again").format(key=retry_key)
    # Where there is no room for both, what waits is left out: it is marked where it stands.
    return Row(left=((text, "banner"),), right=(*queued, (f"{next_try} ", "banner")))


def status_row(state: ClientState, glyphs: Glyphs, unread_key: str) -> Row:
    """Return who is typing, and where something waits to be read."""
    entry = state.conversations.get(state.current or "")
    left: tuple[Piece, ...] = ()
    if entry is not None and entry.typing:
        left = ((f" {_typing(entry.typing)}{glyphs.ellipsis}", "italic"),)
    elif state.queued and state.link.status == "online":
        left = ((f" {tr('sending {count}').format(count=state.queued)}{glyphs.ellipsis}", "dim"),)
    return Row(left=left, right=_waiting(state, glyphs, unread_key))


def _typing(typing: Iterable[Typist]) -> str:
    users = [typist.user for typist in typing]
    match users:
        case [one]:
            return tr("{one} is typing").format(one=one)
        case [one, two]:
            return tr("{one} and {two} are typing").format(one=one, two=two)
        case _:
            return tr_n("{count} person is typing", "{count} people are typing", len(users))


def _waiting(state: ClientState, glyphs: Glyphs, unread_key: str) -> tuple[Piece, ...]:
    others = [entry for entry in state.conversations.values() if entry.name != state.current and not entry.muted]
    named = [entry for entry in others if entry.mentions]
    if named:
        count = sum(entry.mentions for entry in named)
        where = named[0].name if len(named) == 1 else tr_n("{count} room", "{count} rooms", len(named))
        told = tr_n("{count} mention in {where}", "{count} mentions in {where}", count, where=where)
        return (told, "mention"), (f" {glyphs.dot} {unread_key} ", "dim")
    count = sum(entry.unread for entry in others)
    if count:
        told = tr_n("{count} unread elsewhere", "{count} unread elsewhere", count)
        return ((f"{told} {glyphs.dot} {unread_key} ", "dim"),)
    return ()


def window_title(state: ClientState, others: Sequence[ClientState] = ()) -> str:
    """Return what the terminal's title says: counts and a name that the protocol keeps to plain characters."""
    everywhere = (state, *others)
    count = sum(each.mentions for each in everywhere) or sum(each.unread for each in everywhere)
    name = state.current or "chat"
    text = f"({count}) chat: {name}" if count else f"chat: {name}"
    return "".join(character for character in text if character.isascii() and character.isprintable())


def row_width(row: Row) -> int:
    """Return how many cells a row would like to have."""
    return sum(cell_len(text) for text, _ in (*row.left, *row.right)) + (1 if row.right else 0)
