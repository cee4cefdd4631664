"""A small world to decide in: real rules, a real directory from a snapshot, and the store in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import msgspec

from chat_protocol import packets
from chat_protocol.codec import decode_server
from chat_protocol.packets import ClientPacket, ServerPacket
from chat_server.routing import effects
from chat_server.routing.context import Context, Passwords, Rules, secret_hash
from chat_server.routing.directory import Conversation, Directory, User
from chat_server.routing.effects import Effect
from chat_server.routing.router import decide
from chat_server.routing.session import Session
from chat_server.store.base import (
    Append,
    Appended,
    Conflict,
    ConversationRow,
    DeviceRow,
    InvitationRow,
    InviteRow,
    MemberRow,
    PutConversation,
    PutDevice,
    PutInvitation,
    PutInvite,
    PutMember,
    PutUser,
    UserRow,
    Write,
)
from chat_server.store.memory import MemoryStore

NOW_MS = 1_790_000_000_000
PASSWORD = "correct horse"
NOT_REQUESTS = (effects.Synchronise, effects.Report, effects.TellReceipts, effects.TellTrace, effects.ListSessions)


class Hashing(Passwords):
    """Hashes that take no time; ``verified`` are the hashes that were compared with."""

    def __init__(self) -> None:
        self.verified: list[str] = []
        super().__init__(lambda password: f"hash of {password}", self._verify)

    def _verify(self, known: str, password: str) -> bool:
        self.verified.append(known)
        return known == f"hash of {password}"


class World:
    """Users, groups and what was said, before a test begins."""

    def __init__(self, users: Iterable[str] = (), admins: Iterable[str] = (), rules: Rules | None = None) -> None:
        self.store = MemoryStore()
        self._ids = count(1)
        self._conversations = count(2)
        self._messages = count(1)
        self.user_ids: dict[str, int] = {}
        self.group_ids: dict[str, int] = {}
        self._rules = rules or Rules(registration="open")
        self._context: Context | None = None
        self.passwords = Hashing()
        self.put(PutConversation(ConversationRow(1, "announcements", "")))
        for name in admins:
            self.user(name, "admin")
        for name in users:
            self.user(name)

    # ---- before

    def put(self, *writes: Write) -> list[Any]:
        """Store something as it was before the test."""
        return self.store.commit(list(writes))

    def user(self, name: str, *roles: str, disabled: bool = False) -> int:
        """An account with one device, ``device-of-<name>``, whose token is ``token of <name>``."""
        user = self.user_ids[name] = next(self._ids)
        row = UserRow(user, name, name.title(), f"hash of {PASSWORD}", roles, NOW_MS, disabled)
        device = DeviceRow(f"device-of-{name}", user, "laptop", secret_hash(f"token of {name}"), NOW_MS, NOW_MS)
        self.put(PutUser(row), PutDevice(device))
        return user

    def group(
        self,
        name: str,
        members: dict[str, str],
        *,
        visibility: str = "public",
        history: str = "all",
        invited: Sequence[str] = (),
    ) -> int:
        """A group; the members with their roles joined with the first event."""
        group = self.group_ids[name] = next(self._conversations)
        row = ConversationRow(group, "group", name, name.title(), "", visibility, history, NOW_MS)
        stays = [PutMember(MemberRow(group, self.user_ids[user], role, 1)) for user, role in members.items()]
        invitations = [PutInvitation(InvitationRow(group, self.user_ids[user], 1, NOW_MS)) for user in invited]
        self.put(PutConversation(row), *stays, *invitations)
        return group

    def said(self, conversation: int, sender: str, message_id: str = "", kind: str = "group_message") -> str:
        """An event that stands in a log already; its message id."""
        message_id = message_id or f"said-{next(self._messages)}"
        body = msgspec.json.encode(
            {
                "type": kind,
                "message_id": message_id,
                "sender": sender,
                "sender_name": sender.title(),
                "timestamp": NOW_MS,
                "content": f"said by {sender}",
                "mentions": [],
            }
        )[1:]
        sender_id = self.user_ids.get(sender, 0)
        outcomes = self.put(Append(conversation, kind, sender_id, message_id, NOW_MS, 0, body))
        assert isinstance(outcomes[0], Appended)
        return message_id

    def invite(self, code: str, *, uses: int = 1, expires_ms: int = NOW_MS + 1, group: int | None = None) -> None:
        """An invite to the server."""
        self.put(PutInvite(InviteRow(secret_hash(code), 1, group, uses, expires_ms)))

    # ---- the test

    @property
    def context(self) -> Context:
        """What rules are given; the directory is built when it is first asked for."""
        if self._context is None:
            directory = Directory(self.store.load())
            fresh = count(1)
            self._context = Context(
                directory,
                self._rules,
                self.passwords,
                new_id=lambda: f"fresh-{next(fresh)}",
                new_secret=lambda size: f"secret-{next(fresh)}",
            )
            self._context.now_ms = NOW_MS
        return self._context

    @property
    def directory(self) -> Directory:
        """Who is who now."""
        return self.context.directory

    def who(self, name: str) -> User:
        """The account of that name."""
        return self.directory.by_name[name]

    def where(self, group: str) -> Conversation:
        """The group of that name."""
        return self.directory.groups[group]

    def session(self, name: str | None) -> Session:
        """A connection that said hello, logged in as ``name`` or not."""
        session = Session(is_greeted=True)
        if name is not None:
            session.user, session.device = self.who(name).id, f"device-of-{name}"
        return session

    def decide(self, who: str | Session | None, packet: ClientPacket) -> list[Effect]:
        """What a request causes, not carried out."""
        session = who if isinstance(who, Session) else self.session(who)
        return decide(self.context, session, packet)

    def settle(self, found: list[Effect]) -> list[Effect]:
        """Carry effects out, and what follows from them; commits take longer than anything else."""
        seen: list[Effect] = []
        commits: deque[effects.Commit] = deque()
        waiting = deque(found)
        reader = self.store.reader()
        while waiting or commits:
            if not waiting:
                commit = commits.popleft()
                seen += self._commit(commit)
                waiting.extend(commit.then)
                continue
            effect = waiting.popleft()
            match effect:
                case effects.Commit():
                    commits.append(effect)
                case effects.Ask(read=read, then=then):
                    waiting.extend(then(read(reader)))
                case effects.Compute(work=work, then=then):
                    waiting.extend(then(work()))
                case _:
                    seen.append(effect)
        return seen

    def _commit(self, commit: effects.Commit) -> list[Effect]:
        """Store a commit, and let the directory know where it ended up, as the dispatcher does."""
        mine = (effects.Begin, effects.End, effects.Changed)
        writes = [
            step.append if isinstance(step, effects.Log) else step
            for step in commit.steps
            if not isinstance(step, mine)
        ]
        outcomes = iter(self.store.commit(writes))
        answers: list[Effect] = []
        for step in commit.steps:
            match step:
                case effects.Begin(conversation, _, stay):
                    if stay is not None and stay.since_seq < 0:
                        stay.since_seq = conversation.head + 1
                case effects.End(conversation, _, stay):
                    stay.until_seq = conversation.head
                case effects.Changed():
                    pass
                case effects.Log(conversation, append, re):
                    outcome = next(outcomes)
                    if isinstance(outcome, Appended) and not outcome.duplicate:
                        conversation.head = outcome.seq
                    if re is not None:
                        answers.append(effects.Reply(_answer(re, append, outcome)))
                case _:
                    next(outcomes)
        return answers

    def do(self, who: str | Session | None, packet: ClientPacket) -> list[Effect]:
        """What a request causes in the end."""
        return self.settle(self.decide(who, packet))

    def answer(self, who: str | Session | None, packet: ClientPacket) -> ServerPacket:
        """The one answer to a request."""
        answers = [each for each in map(answer_of, self.do(who, packet)) if each is not None]
        assert len(answers) == 1, answers
        return answers[0]

    def code(self, who: str | Session | None, packet: ClientPacket) -> str:
        """How a request ends: ``ok``, the code of its error, or ``-`` without an answer."""
        found = self.do(who, packet)
        answers = [each for each in map(answer_of, found) if each is not None]
        if not answers:
            return "ok" if any(isinstance(each, NOT_REQUESTS) for each in found) else "-"
        assert len(answers) == 1, answers
        first = answers[0]
        return first.code if isinstance(first, packets.Error) else "ok"

    def refusal(self, who: str | Session | None, packet: ClientPacket) -> packets.Error:
        """The error that a request ends with."""
        found = self.answer(who, packet)
        assert isinstance(found, packets.Error), found
        return found

    def ok(self, who: str | Session | None, packet: ClientPacket) -> packets.Ok:
        """The ``ok`` that a request ends with."""
        found = self.answer(who, packet)
        assert isinstance(found, packets.Ok), found
        return found

    def log(self, conversation: int) -> list[dict[str, Any]]:
        """All events of a conversation, as stored."""
        events = self.store.reader().events(conversation, 0, 2**53, 1000)
        return [msgspec.json.decode(b"{" + event.body) for event in events]


def _answer(re: int, append: Append, outcome: object) -> packets.Ack | packets.Error:
    if isinstance(outcome, Appended):
        return packets.Ack(
            re, append.message_id, "", outcome.seq, outcome.timestamp_ms, "stored", 0, 0, outcome.duplicate
        )
    code = "conflict" if isinstance(outcome, Conflict) else "not_found"
    return packets.Error(code, "as the dispatcher says", re=re)


def answer_of(effect: Effect) -> ServerPacket | None:
    """The packet that ``effect`` answers with, if it does."""
    match effect:
        case effects.Reply(packet) | effects.HangUp(packet):
            return decode_server(msgspec.json.encode(packet))
        case effects.ReplyRaw(payload):
            return decode_server(payload)
        case _:
            return None


def told(found: Iterable[Effect]) -> list[tuple[tuple[int, ...], Any]]:
    """Whom ``found`` tells what, without storing it."""
    return [(effect.users, effect.packet) for effect in found if isinstance(effect, effects.Tell)]


def crew(visibility: str = "public", history: str = "all") -> World:
    """The usual cast: who stands how to the group ``crew``.

    ``root`` administers the server, ``olga`` owns the group, ``mo`` moderates it, ``mia`` and ``karl`` are members,
    ``gina`` is invited, ``otto`` is neither, ``bot`` is a bot.
    """
    world = World(("olga", "mo", "mia", "karl", "gina", "otto"), admins=("root",))
    world.user("bot", "bot")
    members = {"olga": "owner", "mo": "moderator", "mia": "member", "karl": "member"}
    group = world.group("crew", members, visibility=visibility, history=history, invited=("gina",))
    for number, name in enumerate(members, start=1):
        world.said(group, name, f"by-{name}")
        assert len(world.log(group)) == number
    return world
