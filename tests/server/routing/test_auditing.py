"""Each use of a right that not every user has stands in the audit log, without what was said (reliability I24)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from chat_protocol import packets
from chat_protocol.packets import ClientPacket
from chat_server.routing.auditing import ACTIONS
from chat_server.routing.context import Rules
from chat_server.store.base import Audit, AuditLine, Outcome, Write
from tests.server.routing.builders import PASSWORD, World, crew
from tests.server.routing.test_router import ACTORS, CASES

SECRET: Final = "zanzibar"
"""Stands in every text and every password of these tests."""

Case = tuple[str | None, ClientPacket, str]

CASES_BY_ACTION: Final[dict[str, Case]] = {
    "admin_delete_group": ("root", packets.AdminDeleteGroup(1, "crew"), "group=crew"),
    "admin_disable_user": ("root", packets.AdminDisableUser(1, "mia"), "user=mia disabled=yes"),
    "admin_reset_password": ("root", packets.AdminResetPassword(1, "mia"), "user=mia"),
    "admin_sessions": ("root", packets.AdminSessions(1), ""),
    "admin_set_roles": ("root", packets.AdminSetRoles(1, "mia", ["admin", "bot"]), "user=mia roles=admin,bot"),
    "broadcast": ("root", packets.PostBroadcast(1, "m1", SECRET), "message_id=m1"),
    "create_invite": ("mo", packets.CreateInvite(1, "#Crew", 3), "group=crew uses=3"),
    "delete": ("mo", packets.Delete(1, "m1", "by-karl"), "group=crew user=karl message_id=by-karl"),
    "edit": ("root", packets.Edit(1, "m1", "told", SECRET), "message_id=told"),
    "invite": ("mo", packets.Invite(1, "crew", "otto"), "group=crew user=otto"),
    "kick": ("mo", packets.Kick(1, "crew", "karl"), "group=crew user=karl"),
    "leave": ("olga", packets.Leave(1, "crew"), "group=crew owner=mo"),
    "register": (
        None,
        packets.Register(1, "nina", SECRET, invite="welcome"),
        "user=nina invited_by=root roles=- group=crew",
    ),
    "set_password": ("mia", packets.SetPassword(1, PASSWORD, SECRET), "user=mia"),
    "set_role": ("olga", packets.SetRole(1, "crew", "mia", "moderator"), "group=crew user=mia role=moderator"),
    "set_title": ("mo", packets.SetTitle(1, "crew", SECRET), "group=crew"),
    "set_topic": ("mo", packets.SetTopic(1, "crew", SECRET), "group=crew"),
    "stats": ("root", packets.Stats(1, True), "reset=yes"),
    "trace": ("root", packets.Trace(1, "by-karl"), "message_id=by-karl"),
}
READS: Final = (packets.Stats, packets.AdminAudit)
"""Only admins may, but they learn nothing about people that would have to be told."""
SAID: Final = (packets.PostNotification,)
"""Stands in its own log, for good and with its sender; bots send many."""


def stage(visibility: str = "private") -> World:
    """The usual cast, with an announcement and an invite to the group."""
    world = crew(visibility)
    world.invite("welcome", group=world.group_ids["crew"])
    world.said(1, "root", "told", "broadcast")
    return world


def lines(world: World) -> Sequence[AuditLine]:
    """The audit log, newest line first."""
    return world.store.state.audit[::-1]


def test_every_action_is_tested() -> None:
    """None that the audit log knows is left out."""
    assert set(CASES_BY_ACTION) == set(ACTIONS)


@pytest.mark.parametrize("action", CASES_BY_ACTION)
def test_action(action: str) -> None:
    """It makes one line, in the commit of the action itself: by whom and to whom, no message text, no secret."""
    who, packet, detail = CASES_BY_ACTION[action]
    world = stage()
    assert world.code(who, packet) == "ok"
    actor = world.directory.by_name["nina" if who is None else who].id

    assert [(line.actor, line.action, line.detail) for line in lines(world)] == [(actor, action, detail)]
    assert SECRET not in repr(lines(world))
    assert "secret" not in repr(lines(world))


@pytest.mark.parametrize("action", CASES_BY_ACTION)
def test_action_and_line_are_one_commit(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the action stores is in the one commit that holds its line: neither is ever there without the other."""
    who, packet, _ = CASES_BY_ACTION[action]
    world = stage()
    found = world.decide(who, packet)
    batches: list[list[Write]] = []
    commit = world.store.commit

    def noted(batch: list[Write]) -> list[Outcome | None]:
        batches.append(batch)
        return commit(batch)

    monkeypatch.setattr(world.store, "commit", noted)
    world.settle(found)

    assert len(batches) == 1
    assert [write.action for write in batches[0] if isinstance(write, Audit)] == [action]


@pytest.mark.parametrize(("packet", "visibility", "actor", "code"), CASES)
def test_matrix(packet: ClientPacket, visibility: str, actor: str, code: str) -> None:
    """What is granted to somebody and refused to a member leaves a line; what is refused leaves none."""
    world = crew(visibility)
    plain = crew(visibility).code("mia", packet)
    world.do(ACTORS[actor], packet)

    if code != "ok":
        assert lines(world) == []
    elif plain in ("forbidden", "not_found") and not isinstance(packet, READS + SAID):
        assert len(lines(world)) == 1
        assert lines(world)[0].actor == world.who(str(ACTORS[actor])).id


@pytest.mark.parametrize("action", ["broadcast", "edit", "delete"])
def test_a_repeat_makes_no_line(action: str) -> None:
    """What is sent again under its ``message_id`` was done once (protocol.md 5)."""
    who, packet, _ = CASES_BY_ACTION[action]
    world = stage()
    for _ in range(3):
        world.do(who, packet)

    assert [line.action for line in lines(world)] == [action]


def test_what_everybody_may_makes_no_line() -> None:
    """Deleting one's own message, inviting to a public group, leaving one that keeps an owner."""
    world = stage("public")
    for who, packet in (
        ("mia", packets.Delete(1, "m1", "by-mia")),
        ("karl", packets.Edit(1, "m2", "by-karl", SECRET)),
        ("mia", packets.Invite(1, "crew", "otto")),
        ("mo", packets.Leave(1, "crew")),
        ("root", packets.Stats(1)),
    ):
        assert world.code(who, packet) == "ok"

    assert lines(world) == []


def test_the_first_account() -> None:
    """That it is made an admin stands in the log."""
    world = World(rules=Rules(registration="open"))
    world.answer(None, packets.Register(1, "anna", PASSWORD))
    world.answer(None, packets.Register(1, "berta", PASSWORD))

    assert [(line.action, line.detail) for line in lines(world)] == [("register", "user=anna roles=admin")]


def test_the_control_socket_makes_no_line() -> None:
    """Whoever may open it may read the store as well, and nobody is there to name (docs/adr/0014)."""
    world = stage()
    session = world.session(None)
    session.is_operator = True
    for packet in (packets.Stats(1, True), packets.Trace(1, "by-karl"), packets.AdminSessions(1)):
        assert world.code(session, packet) == "ok"

    assert lines(world) == []
