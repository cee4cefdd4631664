"""Who may do what: every request, for everybody, in a public and in a private group (protocol.md 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

import pytest

from chat_protocol import packets
from chat_protocol.packets import ClientPacket
from chat_server.routing import effects
from chat_server.routing.session import Session
from tests.server.routing.builders import PASSWORD, crew

ACTORS: Final = {
    "anon": None,
    "outsider": "otto",
    "invited": "gina",
    "member": "mia",
    "moderator": "mo",
    "owner": "olga",
    "admin": "root",
}
CODES: Final = {
    "ok": "ok",
    "--": "-",
    "na": "not_authenticated",
    "nf": "not_found",
    "nm": "not_member",
    "fb": "forbidden",
    "ws": "wrong_state",
}
Row = tuple[ClientPacket, str, str]


def everybody(packet: ClientPacket) -> Row:
    """Whoever is logged in may."""
    return packet, "na ok ok ok ok ok ok", "na ok ok ok ok ok ok"


def admins(packet: ClientPacket) -> Row:
    """Admins of the server only."""
    return packet, "na fb fb fb fb fb ok", "na fb fb fb fb fb ok"


def inside(packet: ClientPacket, ranks: str) -> Row:
    """Within the group; outside it is not_member where it is public, and was never heard of where it is private."""
    return packet, f"na nm nm {ranks} nm", f"na nf nm {ranks} nf"


def on_a_message(packet: ClientPacket, ranks: str) -> Row:
    """About a message by its id, which nobody outside of the group can know."""
    return packet, f"na nf nf {ranks} nf", f"na nf nf {ranks} nf"


def silent(packet: ClientPacket) -> Row:
    """Without an answer once one is logged in."""
    return packet, "na -- -- -- -- -- --", "na -- -- -- -- -- --"


# who may, in the order of ACTORS: first for a public group, then for a private one
MATRIX: Final[tuple[Row, ...]] = (
    (packets.Hello(1, 1), "ws ws ws ws ws ws ws", "ws ws ws ws ws ws ws"),
    (packets.Register(1, "nina", PASSWORD), "ok ws ws ws ws ws ws", "ok ws ws ws ws ws ws"),
    (packets.Login(1, user="karl", password=PASSWORD), "ok ws ws ws ws ws ws", "ok ws ws ws ws ws ws"),
    everybody(packets.Sync(1)),
    silent(packets.Received("#crew", 1)),
    (packets.Ping(1), "ok ok ok ok ok ok ok", "ok ok ok ok ok ok ok"),
    (packets.Pong(), "-- -- -- -- -- -- --", "-- -- -- -- -- -- --"),
    inside(packets.PostGroup(1, "crew", "m1", "hi"), "ok ok ok"),
    everybody(packets.PostPrivate(1, "karl", "m1", "hi")),
    admins(packets.PostBroadcast(1, "m1", "hi")),
    admins(packets.PostNotification(1, "karl", "m1", "build", "done")),
    on_a_message(packets.Edit(1, "m1", "by-karl", "never"), "fb fb fb"),
    on_a_message(packets.Delete(1, "m1", "by-karl"), "fb ok ok"),
    on_a_message(packets.React(1, "m1", "by-karl", "👍"), "ok ok ok"),
    everybody(packets.CreateGroup(1, "other")),
    (packets.Join(1, "crew"), "na ok ok ok ok ok ok", "na nf ok ok ok ok nf"),
    inside(packets.Leave(1, "crew"), "ok ok ok"),
    (packets.Invite(1, "crew", "bot"), "na nm nm ok ok ok nm", "na nf nm fb ok ok nf"),
    inside(packets.Kick(1, "crew", "karl"), "fb ok ok"),
    inside(packets.SetRole(1, "crew", "karl", "moderator"), "fb fb ok"),
    inside(packets.SetTopic(1, "crew", "tea"), "fb ok ok"),
    inside(packets.SetTitle(1, "crew", "Tea"), "fb ok ok"),
    everybody(packets.ListGroups(1)),
    inside(packets.ListMembers(1, "#crew"), "ok ok ok"),
    everybody(packets.ListUsers(1)),
    inside(packets.History(1, "#crew"), "ok ok ok"),
    inside(packets.Search(1, "said", conversation="#crew"), "ok ok ok"),
    inside(packets.Read(1, "#crew", 1), "ok ok ok"),
    inside(packets.Receipts(1, "#crew", "by-karl"), "ok ok ok"),
    silent(packets.Typing("#crew")),
    everybody(packets.SetPresence(1, "away")),
    inside(packets.Mute(1, "#crew", True), "ok ok ok"),
    everybody(packets.SetProfile(1, "Somebody")),
    everybody(packets.SetPassword(1, PASSWORD, "another horse")),
    everybody(packets.ListDevices(1)),
    everybody(packets.Logout(1)),
    inside(packets.CreateInvite(1, "crew"), "fb ok ok"),
    admins(packets.CreateInvite(1)),
    admins(packets.Stats(1)),
    admins(packets.Trace(1, "by-karl")),
    admins(packets.AdminDisableUser(1, "karl")),
    admins(packets.AdminResetPassword(1, "karl")),
    admins(packets.AdminSetRoles(1, "karl", ["bot"])),
    admins(packets.AdminSessions(1)),
    admins(packets.AdminDeleteGroup(1, "crew")),
    admins(packets.AdminAudit(1)),
)
CASES: Final = [
    pytest.param(packet, visibility, actor, CODES[code], id=f"{type(packet).__name__}-{visibility}-{actor}")
    for packet, *rows in MATRIX
    for visibility, row in zip(("public", "private"), rows, strict=True)
    for actor, code in zip(ACTORS, row.split(), strict=True)
]


def test_matrix_is_complete() -> None:
    """No request is left out of the matrix (protocol.md 6)."""
    assert {type(packet) for packet, *_ in MATRIX} == set(get_args(packets.ClientPacket))


@pytest.mark.parametrize(("packet", "visibility", "actor", "code"), CASES)
def test_matrix(packet: ClientPacket, visibility: str, actor: str, code: str) -> None:
    """Each request, for each who may ask, ends as the matrix says (protocol.md 6)."""
    world = crew(visibility)

    assert world.code(ACTORS[actor], packet) == code


@pytest.mark.parametrize(("packet", "visibility", "actor", "code"), CASES)
def test_refused_means_nothing_happened(packet: ClientPacket, visibility: str, actor: str, code: str) -> None:
    """What is refused stores nothing and tells nobody (protocol.md 5, reliability.md I10)."""
    if code in {"ok", "-"}:
        return
    world = crew(visibility)
    before = world.store.state
    found = world.do(ACTORS[actor], packet)

    assert world.store.state is before
    assert [type(effect) for effect in found] == [effects.Reply]


# ---- as if it did not exist ----------------------------------------------------------------------------------------

Make = Callable[[str], ClientPacket]
BY_GROUP: Final[dict[str, Make]] = {
    "post": lambda name: packets.PostGroup(1, name, "m1", "hi"),
    "join": lambda name: packets.Join(1, name),
    "leave": lambda name: packets.Leave(1, name),
    "invite": lambda name: packets.Invite(1, name, "karl"),
    "kick": lambda name: packets.Kick(1, name, "karl"),
    "set_role": lambda name: packets.SetRole(1, name, "karl", "owner"),
    "set_topic": lambda name: packets.SetTopic(1, name, "x"),
    "set_title": lambda name: packets.SetTitle(1, name, "x"),
    "create_invite": lambda name: packets.CreateInvite(1, name),
    "members": lambda name: packets.ListMembers(1, f"#{name}"),
    "history": lambda name: packets.History(1, f"#{name}"),
    "search": lambda name: packets.Search(1, "said", conversation=f"#{name}"),
    "read": lambda name: packets.Read(1, f"#{name}", 1),
    "receipts": lambda name: packets.Receipts(1, f"#{name}", "by-karl"),
    "typing": lambda name: packets.Typing(f"#{name}"),
    "received": lambda name: packets.Received(f"#{name}", 1),
    "mute": lambda name: packets.Mute(1, f"#{name}", True),
}
BY_MESSAGE: Final[dict[str, Make]] = {
    "edit": lambda target: packets.Edit(1, "m1", target, "x"),
    "delete": lambda target: packets.Delete(1, "m1", target),
    "react": lambda target: packets.React(1, "m1", target, "x"),
    "receipts": lambda target: packets.Receipts(1, "@karl", target),
}


@pytest.mark.parametrize("make", BY_GROUP.values(), ids=BY_GROUP)
@pytest.mark.parametrize("actor", ["otto", "root"])
def test_private_groups_do_not_exist(make: Make, actor: str) -> None:
    """To those outside, a private group is exactly as one that does not exist (protocol.md 6)."""
    world = crew("private")

    assert world.do(actor, make("crew")) == world.do(actor, make("nothing"))


@pytest.mark.parametrize("make", BY_MESSAGE.values(), ids=BY_MESSAGE)
@pytest.mark.parametrize("actor", ["otto", "gina", "root"])
def test_private_messages_do_not_exist(make: Make, actor: str) -> None:
    """To those outside, a message is exactly as one that does not exist (protocol.md 6)."""
    world = crew("private")

    assert world.do(actor, make("by-karl")) == world.do(actor, make("by-nobody"))


@pytest.mark.parametrize("actor", ["otto", "root"])
def test_private_groups_are_not_listed(actor: str) -> None:
    """A private group is not in the lists of those outside, nor found by a search (protocol.md 6)."""
    world = crew("private")

    assert world.ok(actor, packets.ListGroups(1)).groups == []
    assert world.ok(actor, packets.Search(1, "said")).hits == []
    assert len(world.ok("mia", packets.ListGroups(1)).groups or ()) == 1
    assert len(world.ok("mia", packets.Search(1, "said")).hits or ()) == 4


def test_receipts_in_the_wrong_conversation() -> None:
    """A message is not found through another conversation than its own (protocol.md 6)."""
    world = crew()
    world.answer("mia", packets.PostPrivate(1, "karl", "m1", "hi"))

    assert world.refusal("mia", packets.Receipts(2, "@karl", "by-karl")) == world.refusal(
        "mia", packets.Receipts(2, "@karl", "nothing")
    )


# ---- states --------------------------------------------------------------------------------------------------------


def test_hello_comes_first() -> None:
    """``hello`` is answered by welcome, before or after the login, but once (protocol.md 4)."""
    world = crew()
    for name in (None, "mia"):
        session = world.session(name)
        session.is_greeted = False
        assert isinstance(world.answer(session, packets.Hello(1, 1, "test/1")), packets.Welcome)
        assert session.client == "test/1"
        assert world.code(session, packets.Hello(1, 1)) == "wrong_state"


def test_other_versions_are_turned_away() -> None:
    """A version that the server does not speak is protocol_version, and the end (protocol.md 4)."""
    found = crew().decide(Session(), packets.Hello(4, 2))

    assert isinstance(found[0], effects.HangUp)
    assert isinstance(found[0].packet, packets.Error)
    assert (found[0].packet.code, found[0].packet.re) == ("protocol_version", 4)


def test_second_sync() -> None:
    """A connection synchronises once (protocol.md 4)."""
    world = crew()
    session = world.session("mia")

    assert world.decide(session, packets.Sync(1, "e", {"#crew": 3}, None)) == [
        effects.Synchronise(1, "e", {"#crew": 3}, None)
    ]
    session.is_synced = True  # by the answer
    assert world.code(session, packets.Sync(2)) == "wrong_state"


@pytest.mark.parametrize("who", [None, "mia"])
def test_ping(who: str | None) -> None:
    """A ping is answered by a pong with the same id, at any time (protocol.md 4)."""
    world = crew()

    assert world.answer(who, packets.Ping(7)) == packets.Pong(7)
    assert world.answer(who, packets.Ping()) == packets.Pong()
    assert world.do(who, packets.Pong(7)) == []


# ---- deleting groups -----------------------------------------------------------------------------------------------


def test_admin_deletes_a_group() -> None:
    """An admin of the server deletes any group with its log; its name is not given again (protocol.md 3, 6)."""
    world = crew("private")
    group = world.where("crew")
    commit = world.decide("root", packets.AdminDeleteGroup(1, "#Crew"))[0]
    assert isinstance(commit, effects.Commit)
    assert {step.user for step in commit.steps if isinstance(step, effects.End)} == set(group.members)
    world.settle([commit])

    assert world.log(group.id) == []
    assert world.code("mia", packets.History(1, "#crew")) == "not_found"
    assert world.code("otto", packets.CreateGroup(1, "crew")) == "name_taken"
    assert world.code("root", packets.AdminDeleteGroup(1, "nothing")) == "not_found"


def test_deleting_is_audited() -> None:
    """What an admin does stands in the audit log (protocol.md 6, reliability.md I24)."""
    world = crew()
    world.do("root", packets.AdminDeleteGroup(1, "crew"))
    audit = world.ok("root", packets.AdminAudit(2)).audit

    assert isinstance(audit, list)
    assert [(line.actor, line.action, line.detail) for line in audit] == [("root", "admin_delete_group", "group=crew")]
