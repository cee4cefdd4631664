"""Every role on every path: what comes out of a group to whom, for each kind of group (protocol.md 6).

A group is set up with everybody who may stand to it in some way. Then something is said and done in it, and each of
them looks for it on each path. One test is one cell: this role sees this on this path, or it does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.conftest import Shared
from tests.support.people import People, catch_up, history, new_id, say, until_true
from tests.support.wire import Client, Frame

INSIDE: Final = ("owner", "moderator", "member", "late")
OUTSIDE: Final = ("kicked", "left", "invited", "outsider", "admin", "anon")
OLD: Final = "yesterwhile"
"""Was said before ``late`` joined and before ``kicked`` and ``left`` went."""
NEW: Final = "zanzibar"
"""Stands in whatever was said, set or told after that."""

KINDS: Final = [(visibility, kept) for visibility in ("public", "private") for kept in ("all", "since_join")]


class Stage:
    """A group, who stands how to it, and the messages in it."""

    def __init__(self, people: People, admin: Client, visibility: str, kept: str) -> None:
        self.people = people
        self.visibility = visibility
        self.kept = kept
        stems = ("owner", "moderator", "member", "late", "kicked", "left", "invited", "outsider")
        self.roles: dict[str, Client] = {stem: people.user(stem) for stem in stems}
        self.roles |= {"admin": admin, "anon": people.visitor()}
        owner = self.roles["owner"]
        early = [self.roles[stem] for stem in ("moderator", "member", "kicked", "left")]
        self.group = people.group(owner, *early, visibility=visibility, history=kept)
        self.conversation = f"#{self.group}"
        owner.request("set_role", group=self.group, user=self.roles["moderator"].user, role="moderator")
        self.old = say(owner, self.conversation, OLD)["message_id"]
        owner.request("kick", group=self.group, user=self.roles["kicked"].user)
        self.roles["left"].request("leave", group=self.group)
        owner.request("invite", group=self.group, user=self.roles["late"].user)
        owner.request("invite", group=self.group, user=self.roles["invited"].user)
        self.roles["late"].request("join", group=self.group)
        for client in self.roles.values():
            client.settle()
        self.new = self._act()
        self.pushed = self._take()

    def _act(self) -> str:
        """Do everything that can be pushed; the message's id."""
        owner = self.roles["owner"]
        owner.request("presence", state="dnd", text=f"status {NEW}")
        owner.send({"type": "typing", "conversation": self.conversation})
        owner.request("set_topic", group=self.group, text=f"topic {NEW}")
        owner.request("edit", message_id=new_id(), target=self.old, content=f"{OLD} changed")
        owner.request("react", message_id=new_id(), target=self.old, emoji="👍")
        return str(say(owner, self.conversation, f"message {NEW}")["message_id"])

    def _take(self) -> dict[str, list[Frame]]:
        """What was pushed to each; presence, which may take its time, has come to those inside."""
        owner = self.roles["owner"]
        awaited = {
            role: [self.roles[role].expect("presence", user=owner.user, text=f"status {NEW}")]
            for role in INSIDE
            if role != "owner"
        }
        return {role: awaited.get(role, []) + client.settle() for role, client in self.roles.items()}

    def again(self, role: str) -> Frame:
        """What a connection gets that syncs from the beginning, as one object; of this conversation alone."""
        client = self.roles[role]
        if role == "anon":
            return client.ask("sync", cursors={self.conversation: 0}, limit=None)
        new = self.people.again(client)
        synced = new.sync(cursors={self.conversation: 0, "!announcements": 2**53 - 1}, limit=None)
        known = [each for each in synced["conversations"] if each["conversation"] == self.conversation]
        if known and known[0]["last_seq"]:
            _, pushes = catch_up(
                self.people.again(client), self.conversation, cursors={self.conversation: 0}, limit=None
            )
        else:
            pushes = new.settle()
        return {"entry": known, "pushes": [each for each in pushes if each.get("conversation") == self.conversation]}


Probe = Callable[[Stage, str], bool]
"""Whether a role of the stage sees it."""


def told(frame: object, word: str) -> bool:
    """Whether a word stands anywhere in what was sent."""
    return word in json.dumps(frame, ensure_ascii=False)


def pushes(kind: str, word: str) -> Probe:
    """By a push of this type."""
    return lambda stage, role: any(told(each, word) for each in stage.pushed[role] if each["type"] == kind)


def asking(kind: str, word: str, **fields: object) -> Probe:
    """By the answer to a request; ``GROUP``, ``#GROUP``, ``OLD`` and ``NEW`` stand for those of the stage."""

    def probe(stage: Stage, role: str) -> bool:
        return told(stage.roles[role].ask(kind, **filled_in(stage, fields)), word)

    return probe


def filled_in(stage: Stage, fields: dict[str, object], group: str | None = None) -> dict[str, object]:
    """``fields`` for this stage, or for another group's name on it."""
    name = group or stage.group
    known = {"GROUP": name, "#GROUP": f"#{name}", "OLD": stage.old, "NEW": stage.new}
    return {key: known.get(str(value), value) for key, value in fields.items()}


SEES_NEW: Final[dict[str, Probe]] = {
    "message push": pushes("group_message", NEW),
    "topic push": pushes("system_message", NEW),
    "edit push": pushes("edited", OLD),
    "reaction push": pushes("reaction", "👍"),
    "typing push": pushes("typing", "typing"),
    "presence push": pushes("presence", NEW),
    "backlog": lambda stage, role: told(stage.again(role), NEW),
    "history": asking("history", NEW, conversation="#GROUP"),
    "search": asking("search", NEW, query=NEW),
    "search in it": asking("search", NEW, query=NEW, conversation="#GROUP"),
    "receipts": asking("receipts", "recipients", conversation="#GROUP", target="NEW"),
    "members": asking("members", "presence", conversation="#GROUP"),
}
"""Paths on which those inside see what goes on, and nobody else."""

SEES_OLD: Final[dict[str, Probe]] = {
    "history": lambda stage, role: any(
        each["message_id"] == stage.old and told(each, OLD)
        for each in stage.roles[role].ask("history", conversation=stage.conversation, limit=200).get("events", [])
    ),
    "receipts": asking("receipts", "recipients", conversation="#GROUP", target="OLD"),
    "search": asking("search", OLD, query=OLD),
}
"""Paths on which those inside see what was said before, unless it was before their time in a group that hides that."""


@pytest.fixture(scope="module")
def stages(shared_server: Shared) -> Iterator[Callable[[str, str], Stage]]:
    """One group of each kind, made when it is first asked for."""
    made: dict[tuple[str, str], Stage] = {}
    casts: list[People] = []

    def stage(visibility: str, kept: str) -> Stage:
        if (visibility, kept) not in made:
            people = People(shared_server.address)
            casts.append(people)
            admin = people.visitor()
            admin.login(user=shared_server.admin[0], password=shared_server.admin[1], device="matrix")
            admin.sync(cursors={"!announcements": 2**53 - 1, "!notifications": 2**53 - 1}, limit=0)
            found = Stage(people, admin, visibility, kept)
            member = found.roles["member"]
            until_true(lambda: bool(member.request("search", query=NEW)["hits"]), "the message is not found")
            until_true(lambda: bool(member.request("search", query=OLD)["hits"]), "the older one is not found")
            made[visibility, kept] = found
        return made[visibility, kept]

    yield stage
    for people in casts:
        people.close()


@pytest.mark.parametrize("path", SEES_NEW)
@pytest.mark.parametrize("role", INSIDE + OUTSIDE)
@pytest.mark.parametrize(("visibility", "kept"), KINDS)
def test_what_goes_on(stages: Callable[[str, str], Stage], visibility: str, kept: str, role: str, path: str) -> None:
    """Those inside see it, on every path but that nothing comes back to who did it; all others on none (I11)."""
    stage = stages(visibility, kept)
    comes_back = path in ("topic push", "message push", "edit push", "reaction push", "typing push", "presence push")
    expected = role in INSIDE and not (role == "owner" and comes_back and path != "topic push")

    assert SEES_NEW[path](stage, role) is expected


@pytest.mark.parametrize("path", SEES_OLD)
@pytest.mark.parametrize("role", INSIDE + OUTSIDE)
@pytest.mark.parametrize(("visibility", "kept"), KINDS)
def test_what_was_before(stages: Callable[[str, str], Stage], visibility: str, kept: str, role: str, path: str) -> None:
    """Those inside see it, unless the group hides what was before one joined; who has gone sees it no more (I11)."""
    stage = stages(visibility, kept)
    expected = role in INSIDE and not (role == "late" and kept == "since_join")

    assert SEES_OLD[path](stage, role) is expected


@pytest.mark.parametrize("role", INSIDE + OUTSIDE)
@pytest.mark.parametrize(("visibility", "kept"), KINDS)
def test_counts(stages: Callable[[str, str], Stage], visibility: str, kept: str, role: str) -> None:
    """How much was said is told to those inside; who has gone is told of nothing after the end (protocol.md 4)."""
    stage = stages(visibility, kept)
    found = stage.again(role)
    entries = found.get("entry", [])
    last = history(stage.roles["owner"], stage.conversation)[-1]["seq"]

    if role in INSIDE:
        assert [(each["last_seq"], each["role"] is None) for each in entries] == [(last, False)]
    elif role in ("kicked", "left"):
        assert all(each["role"] is None and each["last_seq"] < last - 3 for each in entries)
    else:
        assert entries == []
        assert not told(found, stage.group)


@pytest.mark.parametrize("role", INSIDE + OUTSIDE)
@pytest.mark.parametrize(("visibility", "kept"), KINDS)
def test_lists(stages: Callable[[str, str], Stage], visibility: str, kept: str, role: str) -> None:
    """A public group is listed to everybody on the server, a private one to its members and the invited."""
    stage = stages(visibility, kept)
    answer = stage.roles[role].ask("groups", query=stage.group)
    expected = role != "anon" and (visibility == "public" or role in INSIDE or role == "invited")

    assert told(answer.get("groups", []), stage.group) is expected


REQUESTS: Final[dict[str, dict[str, object]]] = {
    "history": {"conversation": "#GROUP"},
    "search": {"conversation": "#GROUP", "query": NEW},
    "members": {"conversation": "#GROUP"},
    "receipts": {"conversation": "#GROUP", "target": "NEW"},
    "read": {"conversation": "#GROUP", "seq": 1},
    "mute": {"conversation": "#GROUP", "muted": True},
    "group_message": {"group": "GROUP", "message_id": "not-to-be-stored", "content": "x"},
    "leave": {"group": "GROUP"},
    "invite": {"group": "GROUP", "user": "nobody"},
    "kick": {"group": "GROUP", "user": "nobody"},
    "set_role": {"group": "GROUP", "user": "nobody", "role": "owner"},
    "set_topic": {"group": "GROUP", "text": "x"},
    "set_title": {"group": "GROUP", "text": "x"},
    "create_invite": {"group": "GROUP", "uses": 1, "expires_in_s": 60},
    "admin_delete_group": {"group": "GROUP"},
}
"""Requests that name a group; nobody outside may do one of them, but for an admin the last."""
ABOUT_A_MESSAGE: Final[dict[str, dict[str, object]]] = {
    "edit": {"message_id": "not-to-be-stored", "target": "NEW", "content": "x"},
    "delete": {"message_id": "not-to-be-stored", "target": "NEW"},
    "react": {"message_id": "not-to-be-stored", "target": "NEW", "emoji": "x"},
}


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("role", OUTSIDE)
@pytest.mark.parametrize(("visibility", "kept"), KINDS)
def test_refusals(stages: Callable[[str, str], Stage], visibility: str, kept: str, role: str, kind: str) -> None:
    """Outside everything is refused; what is secret looks to the letter like what does not exist (protocol.md 6)."""
    if (kind, role) == ("admin_delete_group", "admin"):
        return  # the one thing that an admin may
    stage = stages(visibility, kept)
    client = stage.roles[role]
    real = client.ask(kind, **filled_in(stage, REQUESTS[kind]))
    other = client.ask(kind, **filled_in(stage, REQUESTS[kind], group="nothing"))

    assert real["type"] == "error"
    assert not told(real, NEW)
    if visibility == "private" and role != "invited":
        assert without_id(real) == without_id(other)
    if role != "anon" and kind != "admin_delete_group":
        knows = visibility == "public" or role == "invited"
        assert real["code"] == ("not_member" if knows else "not_found")


@pytest.mark.parametrize("kind", ABOUT_A_MESSAGE)
@pytest.mark.parametrize("role", OUTSIDE)
@pytest.mark.parametrize(("visibility", "kept"), KINDS)
def test_foreign_messages(
    stages: Callable[[str, str], Stage], visibility: str, kept: str, role: str, kind: str
) -> None:
    """To those outside, a message in the group is as one that does not exist (protocol.md 6)."""
    stage = stages(visibility, kept)
    fields = filled_in(stage, ABOUT_A_MESSAGE[kind])
    real = stage.roles[role].ask(kind, **fields)
    other = stage.roles[role].ask(kind, **{**fields, "target": new_id()})

    assert without_id(real) == without_id(other)
    assert real["code"] == ("not_authenticated" if role == "anon" else "not_found")


def without_id(answer: Frame) -> Frame:
    """An answer but for the request that it belongs to."""
    return {key: value for key, value in answer.items() if key != "re"}
