"""What could stand at the caret: users, conversations, emoji, commands and arguments. Pure, and fast with 5,000."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import msgspec

from chat_client.core import actions_admin, actions_groups, actions_messages, actions_self  # noqa: F401 - they fill the table
from chat_client.core.state import ClientState
from chat_client.core.table import ALIASES, COMMANDS, Argument
from chat_client.core.terms import conversation_title
from chat_client.core.text import Safe, safe_line

__all__ = ["Candidate", "Completion", "complete"]

MAX_CANDIDATES: Final = 8

_WORD = re.compile(r"\S*$")
_COMMON = ("thumbsup", "tada", "joy", "eyes", "rocket", "white_check_mark", "thumbsdown", "thinking", "pray", "clap",
           "fire", "wave", "smile", "cry", "100")  # fmt: skip
"""What people mean most of the time: offered before all others that fit."""
_EMOJI = re.compile(r"(?:^|(?<=[\s(\"']))(:[a-z0-9_+-]{2,})$", re.IGNORECASE)


class Candidate(msgspec.Struct, frozen=True):
    """One offer."""

    text: str
    """What takes the place of the typed part, with a blank behind it where one belongs."""
    label: Safe
    detail: Safe = Safe("")


class Completion(msgspec.Struct, frozen=True):
    """Offers for ``text[start:end]``, the best first; none: nothing to offer."""

    start: int
    end: int
    candidates: tuple[Candidate, ...] = ()


def complete(text: str, caret: int, state: ClientState, *, limit: int = MAX_CANDIDATES) -> Completion:
    """Return what could stand at ``caret`` (an index into ``text``) instead of the word before it."""
    before = text[:caret]
    match = _WORD.search(before)
    word = match.group() if match else ""
    start = caret - len(word)
    offers = _offers(before, word, start, state, limit)
    return Completion(start, caret, tuple(offers))


def _offers(before: str, word: str, start: int, state: ClientState, limit: int) -> list[Candidate]:
    if start == 0 and word.startswith("/") and not word.startswith("//"):
        return _commands(word[1:], state, limit)
    argument = _argument_at(before)
    if argument is not None:
        offers = _for_argument(argument, word, state, limit)
        if offers:
            return offers
    emoji = _EMOJI.search(before)
    if emoji is not None:
        return _emoji(emoji.group(1)[1:].lower(), limit)
    if word.startswith("@"):
        return _users(word[1:], state, limit)
    if word.startswith("#"):
        return _conversations(word, state, limit)
    return []


def _argument_at(before: str) -> Argument | None:
    """Return which argument of which command the caret stands in."""
    if not before.startswith("/") or before.startswith("//"):
        return None
    name, blank, rest = before[1:].partition(" ")
    command = COMMANDS.get(ALIASES.get(name.lower(), name.lower()))
    if command is None or not blank:
        return None
    words = rest.split(" ")
    place = len([word for word in words[:-1] if word and not word.startswith(("--", "^"))])
    arguments = [argument for argument in command.arguments if argument.kind not in ("flag", "message")]
    for index, argument in enumerate(arguments):
        if index == place or (argument.rest and index < place):
            return argument
    return None


def _for_argument(argument: Argument, word: str, state: ClientState, limit: int) -> list[Candidate]:
    if argument.choices:
        return _best(word, argument.choices, lambda choice: Candidate(f"{choice} ", Safe(choice)), limit)
    match argument.kind:
        case "user":
            return _users(word.removeprefix("@"), state, limit)
        case "group":
            return _conversations(f"#{word.removeprefix('#')}", state, limit)
        case "conversation":
            return _conversations(word, state, limit)
        case "command":
            return _commands(word.removeprefix("/"), state, limit)
        case "emoji":
            return _emoji(word.strip(":").lower(), limit) if word else []
        case _:
            return []


def _best(word: str, names: Iterable[str], make: Callable[[str], Candidate], limit: int) -> list[Candidate]:
    """Return the names that begin with ``word``, then those that hold it, each in their order."""
    first: list[str] = []
    later: list[str] = []
    for name in names:
        if name.startswith(word):
            first.append(name)
            if len(first) >= limit:
                break
        elif len(later) < limit and word in name:
            later.append(name)
    return [make(name) for name in [*first, *later][:limit]]


def _commands(word: str, state: ClientState, limit: int) -> list[Candidate]:
    def make(name: str) -> Candidate:
        entry = COMMANDS[ALIASES.get(name, name)]
        return Candidate(f"/{name} ", Safe(f"/{name}"), entry.summary)

    names = [name for name, entry in COMMANDS.items() if state.is_admin or not entry.admin]
    lower = word.lower()
    found = _best(lower, names, make, limit)
    return found or _best(lower, ALIASES, make, limit)


def _users(word: str, state: ClientState, limit: int) -> list[Candidate]:
    """Offer users by name or display name; members of the open group come first."""
    wanted = word.casefold()
    entry = state.conversations.get(state.current or "")
    members = {member.user for member in entry.members} if entry is not None and entry.members else set()
    found: list[tuple[int, str, Safe]] = []
    for user, person in state.people.items():
        if user == state.me:
            continue
        rank = _rank(wanted, user, person.display_name)
        if rank is not None:
            found.append((rank - 3 * (user in members), user, person.display_name))
    found.sort()
    return [Candidate(f"@{user} ", safe_line(f"@{user}"), name) for _, user, name in found[:limit]]


def _rank(wanted: str, user: str, display_name: str) -> int | None:
    if user.startswith(wanted):
        return 0
    shown = display_name.casefold()
    if shown.startswith(wanted):
        return 1
    return 2 if wanted in user or wanted in shown else None


def _conversations(word: str, state: ClientState, limit: int) -> list[Candidate]:
    def make(name: str) -> Candidate:
        entry = state.conversations[name]
        return Candidate(f"{name} ", safe_line(name), conversation_title(entry, state))

    newest = sorted(state.conversations.values(), key=lambda entry: (entry.role is None, -entry.last_timestamp_ms))
    names = [entry.name for entry in newest if not word.startswith("#") or entry.kind == "group"]
    return _best(word.lower(), names, make, limit)


def _emoji(word: str, limit: int) -> list[Candidate]:
    table = _emoji_table()
    return _best(word, table, lambda name: Candidate(f"{table[name]} ", Safe(f"{table[name]} :{name}:")), limit)


@lru_cache(maxsize=1)
def _emoji_table() -> dict[str, str]:
    """Return all short codes with their emoji, by name, common ones first; made at first use in some 20 ms."""
    import emoji

    table: dict[str, str] = {}
    for symbol, data in emoji.EMOJI_DATA.items():
        if data["status"] == emoji.STATUS["fully_qualified"]:
            for name in (data["en"], *data.get("alias", ())):
                table[name.strip(":").lower()] = symbol
    common = {name: table[name] for name in _COMMON}
    return common | dict(sorted(table.items(), key=lambda item: (len(item[0]), item[0])))
