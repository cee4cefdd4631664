"""The people of a test: accounts of their own on a server that may be shared, and what they do all the time."""

from __future__ import annotations

import secrets
import socket
import time
import uuid
from collections.abc import Callable

from tests.support.wire import Client, Frame

EVENTS = frozenset(
    ["group_message", "private_message", "system_message", "broadcast", "notification", "edited", "deleted", "reaction"]
)
"""The types of events (protocol.md 3)."""

ENTRY = frozenset(["conversation", "title", "last_seq", "cursor", "read_seq", "unread", "mentions", "role", "muted"])
"""The fields of an entry of ``synced`` (protocol.md 4)."""


class People:
    """Connections of one test to one server; all are closed at its end."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self._tag = "".join(secrets.choice("bcdfghjkpq") for _ in range(8))  # no two of these look alike
        self._count = 0
        self._clients: list[Client] = []

    def name(self, stem: str) -> str:
        """A name that nobody has."""
        self._count += 1
        letters = (chr(ord("a") + self._count // power % 26) for power in (26 * 26, 26, 1))
        return f"{stem}-{self._tag}{''.join(letters)}"

    def connect(self, receive_buffer_bytes: int | None = None) -> Client:
        """A connection on which nothing was said yet."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        connection.connect(self.address)
        client = Client(connection)
        self._clients.append(client)
        return client

    def visitor(self) -> Client:
        """A connection that has said hello and is not logged in."""
        client = self.connect()
        client.hello()
        return client

    def user(
        self, stem: str = "user", *, sync: bool = True, password: str = "correct horse", **fields: object
    ) -> Client:
        """A new user, logged in and, unless told otherwise, synced."""
        client = self.visitor()
        client.register(self.name(stem), password, **{"device": "first", **fields})
        if sync:
            client.sync()
        return client

    def users(self, *stems: str) -> list[Client]:
        """New users, synced."""
        return [self.user(stem) for stem in stems]

    def device(self, of: Client, *, sync: bool = True) -> Client:
        """A new device of a user, by password."""
        client = self.visitor()
        client.login(user=of.user, password=of.password, device="second")
        if sync:
            client.sync()
        return client

    def again(self, client: Client) -> Client:
        """A new connection of the same device, by token; not synced, the old one is left as it is."""
        new = self.visitor()
        new.login(token=client.token)
        new.password = client.password
        return new

    def group(self, owner: Client, *members: Client, stem: str = "group", **options: object) -> str:
        """A group with these members. Their connections have settled: what this caused was pushed and taken."""
        name = self.name(stem)
        owner.request("create_group", **{"group": name, "visibility": "public", "history": "all", **options})
        for member in members:
            if options.get("visibility") == "private":
                owner.request("invite", group=name, user=member.user)
            member.request("join", group=name)
        for member in (owner, *members):
            member.settle()
        return name

    def leave_connection(self, client: Client, witness: Client) -> None:
        """Close a user's only connection and wait until the server shows them as offline to ``witness``."""
        client.socket.close()
        until_true(lambda: presence(witness, client.user) == "offline", "the user is still not offline")

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.socket.close()


def until_true(condition: Callable[[], bool], otherwise: str, deadline_s: float = 10.0) -> None:
    """Ask again and again over the protocol, until it is so; for what the contract promises without saying when."""
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, otherwise


def presence(asker: Client, user: str) -> str:
    """How ``user`` is shown in the list of users."""
    found = asker.request("users", query=user)["users"]
    return next(str(each["presence"]) for each in found if each["user"] == user)


def new_id() -> str:
    """A ``message_id`` that nobody has used."""
    return str(uuid.uuid4())


def start_say(client: Client, conversation: str, content: str, **fields: object) -> int:
    """Post to ``#group`` or ``@user`` without waiting for the ack."""
    place = {"group" if conversation[0] == "#" else "to": conversation[1:]}
    kind = "group_message" if conversation[0] == "#" else "private_message"
    return client.start(kind, **{**place, "message_id": new_id(), "content": content, **fields})


def say(client: Client, conversation: str, content: str, **fields: object) -> Frame:
    """Post to ``#group`` or ``@user``; returns the ack."""
    ack = client.answer(start_say(client, conversation, content, **fields))
    assert ack["type"] == "ack", ack
    return ack


def refusal(client: Client, kind: str, /, **fields: object) -> str:
    """Send a request that has to be refused; returns the code."""
    answer = client.ask(kind, **fields)
    assert answer["type"] == "error", f"not refused: {answer}"
    assert isinstance(answer["message"], str)
    assert answer["message"]
    return str(answer["code"])


def until_closed(client: Client) -> list[Frame]:
    """Read until the server closes; returns the frames that came before."""
    frames = []
    until = time.monotonic() + client.deadline_s
    while True:
        try:
            frames.append(client.receive(until))
        except EOFError:
            return frames


def history(client: Client, conversation: str) -> list[Frame]:
    """Everything in a log that the asker may read, page by page from the start."""
    events: list[Frame] = []
    while True:
        after = events[-1]["seq"] if events else 0
        page = client.request("history", conversation=conversation, after=after, limit=200)
        events += page["events"]
        if not page["more"]:
            return events


def events_in(pushes: list[Frame], conversation: str) -> list[Frame]:
    """The events of a conversation among pushes, live and in pages, in the order in which they came."""
    found = []
    for push in pushes:
        if push.get("conversation") == conversation:
            if push["type"] == "backlog":
                found += push["events"]
            elif push["type"] in EVENTS:
                found.append(push)
    return found


def read_up_to(client: Client, conversation: str, seq: int) -> list[Frame]:
    """Read until ``seq`` of a conversation is there or was skipped; takes and returns the conversation's pushes."""
    taken: list[Frame] = []
    until = time.monotonic() + client.deadline_s
    while True:
        taken += [push for push in client.pushes if push.get("conversation") == conversation]
        client.pushes = [push for push in client.pushes if push.get("conversation") != conversation]
        if _reached(taken) >= seq:
            return taken
        client.receive(until)


def _reached(pushes: list[Frame]) -> int:
    reached = [0]
    for push in pushes:
        match push["type"]:
            case "backlog":
                reached += [event["seq"] for event in push["events"]]
            case "skip":
                reached.append(push["to"])
            case kind if kind in EVENTS:
                reached.append(push["seq"])
            case _:
                pass
    return max(reached)


def seqs(events: list[Frame]) -> list[int]:
    """The positions of events."""
    return [event["seq"] for event in events]


def contents(events: list[Frame]) -> list[str]:
    """What messages say, without the other events."""
    return [event["content"] for event in events if event["type"] in {"group_message", "private_message"}]


def entry(synced: Frame, conversation: str) -> Frame:
    """The entry of a conversation in ``synced``."""
    found = [each for each in synced["conversations"] if each["conversation"] == conversation]
    assert len(found) == 1, f"{conversation} is told {len(found)} times in {synced}"
    return dict(found[0])


def walk(cursor: int, pushes: list[Frame]) -> list[Frame]:
    """The events of one conversation's pushes: from ``cursor`` on, in order, every hole announced (protocol.md 4)."""
    events: list[Frame] = []
    for push in pushes:
        match push["type"]:
            case "skip":
                assert push["from"] == cursor + 1, f"{push} after {cursor}"
                assert push["to"] >= push["from"], push
                assert push["reason"] in {"limit", "not_visible", "retention"}, push
                cursor = push["to"]
                continue
            case "backlog":
                page = push["events"]
                assert 1 <= len(page) <= 100, f"{len(page)} events in a page"
            case kind if kind in EVENTS:
                page = [push]
            case _:
                continue
        for event in page:
            assert event["seq"] == cursor + 1, f"{event} after {cursor}"
            cursor += 1
        events += page
    return events


def filled(people: People, owner: Client, *others: Client, messages: int) -> tuple[str, int]:
    """A group with so many messages of its owner; its conversation and last seq."""
    conversation = f"#{people.group(owner, *others)}"
    requests = [start_say(owner, conversation, f"{number}") for number in range(messages)]
    last = [owner.answer(request)["seq"] for request in requests][-1]
    for client in (owner, *others):
        client.settle()
    return conversation, last


def catch_up(client: Client, conversation: str, **fields: object) -> tuple[Frame, list[Frame]]:
    """Sync; the conversation's entry and its pushes up to the end of the log."""
    told = entry(client.sync(**fields), conversation)
    return told, read_up_to(client, conversation, told["last_seq"]) if told["cursor"] < told["last_seq"] else []
