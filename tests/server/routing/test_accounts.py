"""Accounts, logins, devices and invites (protocol.md 4, 6)."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from chat_protocol import packets
from chat_server.routing import effects
from chat_server.routing.context import Rules, secret_hash
from tests.server.routing.builders import NOW_MS, PASSWORD, World, answer_of, crew

BY_INVITE = Rules(registration="invite")
CLOSED = Rules(registration="closed")


def register(user: str = "nina", invite: str | None = None) -> packets.Register:
    """A registration."""
    return packets.Register(1, user, PASSWORD, invite=UNSET if invite is None else invite)


def opened(world: World, packet: packets.Register | packets.Login) -> packets.SessionOpened:
    """The session that a new connection gets for ``packet``."""
    found = world.answer(None, packet)
    assert isinstance(found, packets.SessionOpened), found
    return found


# ---- registration --------------------------------------------------------------------------------------------------


def test_first_user_is_admin() -> None:
    """The first user of a new server is its admin, the second is not (protocol.md 4)."""
    world = World()

    assert opened(world, register("root")).roles == ("admin",)
    assert opened(world, register("nina")).roles == ()


def test_register_also_logs_in() -> None:
    """``register`` answers with a session, whose token logs in from then on (protocol.md 4)."""
    world = World()
    session = world.session(None)
    first = world.answer(session, packets.Register(1, "Nina", PASSWORD, display_name="Nina B.", device="laptop"))
    assert isinstance(first, packets.SessionOpened)
    assert isinstance(first.token, str)
    again = opened(world, packets.Login(2, token=first.token))

    assert (first.user, first.display_name, first.epoch) == ("nina", "Nina B.", world.directory.epoch)
    assert session.user == world.who("nina").id
    assert (again.device_id, again.token) == (first.device_id, UNSET)


def test_display_name_is_the_name_as_written() -> None:
    """Without a display name it is the user name (protocol.md 4)."""
    assert opened(World(), register("nina")).display_name == "nina"


def test_secrets_are_stored_as_hashes() -> None:
    """Neither the password nor the token is stored (protocol.md 4)."""
    world = World()
    token = opened(world, register()).token
    snapshot = world.store.load()

    assert isinstance(token, str)
    assert snapshot.users[0].password_hash == f"hash of {PASSWORD}"
    assert snapshot.devices[0].token_hash == secret_hash(token)
    assert token not in repr(snapshot)


def test_opened_once_it_is_stored() -> None:
    """A session is told only when its account and token are stored (protocol.md 6)."""
    world = World()
    (compute,) = world.decide(None, register())
    assert isinstance(compute, effects.Compute)
    (commit,) = compute.then("hash")

    assert isinstance(commit, effects.Commit)
    assert [type(effect) for effect in commit.then] == [effects.Opened, effects.Reply]


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "ädmin", "admin", "Server"])
def test_bad_names(name: str) -> None:
    """A name against the rules, or a reserved one, is bad_name (protocol.md 2)."""
    refusal = World().refusal(None, register(name))

    assert (refusal.code, refusal.field, refusal.re) == ("bad_name", "user", 1)


@pytest.mark.parametrize("name", ["bob", "BOB", "b0b"])
def test_taken_names(name: str) -> None:
    """A name in use, or one that looks like it, is name_taken (protocol.md 1)."""
    refusal = World(("bob",)).refusal(None, register(name))

    assert (refusal.code, refusal.field) == ("name_taken", "user")


def test_group_and_user_names_are_apart() -> None:
    """Groups and users have namespaces of their own (protocol.md 2)."""
    assert crew().code(None, register("crew")) == "ok"


def test_two_want_the_same_name() -> None:
    """Who is slower to be hashed finds the name taken (protocol.md 1)."""
    world = World(("root",))
    (one,) = world.decide(None, register())
    (other,) = world.decide(None, register())
    world.settle([one])
    (late,) = world.settle([other])

    assert isinstance(late, effects.Reply)
    assert isinstance(late.packet, packets.Error)
    assert late.packet.code == "name_taken"
    assert len(world.directory.users) == 2


# ---- registration by invite ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "invite", "code"),
    [
        (BY_INVITE, "good", "ok"),
        (BY_INVITE, None, "registration_closed"),
        (BY_INVITE, "other", "bad_invite"),
        (BY_INVITE, "expired", "bad_invite"),
        (CLOSED, "good", "registration_closed"),
        (CLOSED, None, "registration_closed"),
    ],
)
def test_who_may_register(rules: Rules, invite: str | None, code: str) -> None:
    """Anybody, whoever has a good invite, or nobody can register (protocol.md 4)."""
    world = World(("root",), rules=rules)
    world.invite("good")
    world.invite("expired", expires_ms=NOW_MS)

    assert world.code(None, register(invite=invite)) == code


@pytest.mark.parametrize("rules", [BY_INVITE, CLOSED])
def test_first_user_needs_an_invite(rules: Rules) -> None:
    """Where registration is not open, not everybody can become the first user, who is admin (protocol.md 4)."""
    world = World(rules=rules)
    world.invite("first")

    assert world.code(None, register()) == "registration_closed"
    assert opened(world, register(invite="first")).roles == ("admin",)


def test_invites_are_used_up() -> None:
    """An invite is good for so many registrations, also after a restart (protocol.md 1)."""
    world = World(("root",), rules=BY_INVITE)
    world.invite("code", uses=2)

    assert world.code(None, register("anna", "code")) == "ok"
    assert world.store.load().invites[0].uses_left == 1
    assert world.code(None, register("beth", "code")) == "ok"
    assert world.store.load().invites == []
    assert world.code(None, register("cora", "code")) == "bad_invite"


def test_two_use_the_last_invite() -> None:
    """Of two who redeem the last use at once one wins (reliability.md 5)."""
    world = World(("root",), rules=BY_INVITE)
    world.invite("code")
    both = [world.decide(None, register(name, "code")) for name in ("anna", "beth")]
    codes = [getattr(effect.packet, "code", "ok") for found in both for effect in world.settle(found)[-1:]]  # type: ignore[union-attr]

    assert codes == ["ok", "bad_invite"]


def test_failed_registration_uses_nothing_up() -> None:
    """A registration that is refused leaves the invite as it is (protocol.md 1)."""
    world = World(("root",), rules=BY_INVITE)
    world.invite("code")

    assert world.code(None, register("root", "code")) == "name_taken"
    assert world.code(None, register("anna", "code")) == "ok"


def test_invite_to_a_group() -> None:
    """An invite that names a group also makes the user a member of it, even of a private one (protocol.md 4)."""
    world = crew("private")
    world.invite("code", group=world.group_ids["crew"])
    assert world.code(None, register(invite="code")) == "ok"

    assert world.who("nina").id in world.where("crew").members
    assert [event["type"] for event in world.log(world.where("crew").id)][-1] == "system_message"


def test_invite_to_a_group_that_is_gone() -> None:
    """An invite to a group that was deleted is still one to the server (protocol.md 4)."""
    world = crew()
    world.invite("code", group=world.group_ids["crew"])
    world.do("root", packets.AdminDeleteGroup(1, "crew"))

    assert world.code(None, register(invite="code")) == "ok"


def test_minted_invites_work() -> None:
    """The code that ``create_invite`` tells lets so many register until it expires (protocol.md 6)."""
    world = World(("mia",), admins=("root",), rules=BY_INVITE)
    code = world.ok("root", packets.CreateInvite(1, uses=1, expires_in_s=60)).invite
    assert isinstance(code, str)
    assert code not in repr(world.store.load())

    world.context.now_ms += 60_000
    assert world.code(None, register(invite=code)) == "bad_invite"
    world.context.now_ms -= 1
    assert world.code(None, register(invite=code)) == "ok"


# ---- login ---------------------------------------------------------------------------------------------------------


def test_unknown_user_and_wrong_password() -> None:
    """Both get the same answer after the same work (protocol.md 1, bad_credentials)."""
    world = World(("mia",))
    wrong = world.answer(None, packets.Login(1, user="mia", password="wrong password"))
    unknown = world.answer(None, packets.Login(1, user="nobody", password=PASSWORD))

    assert wrong == unknown
    assert isinstance(wrong, packets.Error)
    assert wrong.code == "bad_credentials"
    assert world.passwords.verified == [f"hash of {PASSWORD}", world.passwords.dummy]


def test_disabled_accounts_cannot_log_in() -> None:
    """A disabled account gets the answer of a wrong password, by password and by token (protocol.md 1)."""
    world = World()
    world.user("mia", disabled=True)

    for login in (packets.Login(1, user="mia", password=PASSWORD), packets.Login(1, token="token of mia")):
        assert world.code(None, login) == "bad_credentials"


def test_login_makes_a_device() -> None:
    """A login by password is a new device with a token of its own (protocol.md 4)."""
    world = World(("mia",))
    session = world.session(None)
    found = world.answer(session, packets.Login(1, user="MIA", password=PASSWORD, device="phone"))
    assert isinstance(found, packets.SessionOpened)
    devices = world.ok(session, packets.ListDevices(2)).devices

    assert isinstance(devices, list)
    assert {(each.device, each.current) for each in devices} == {("laptop", False), ("phone", True)}
    assert session.device == found.device_id
    assert not session.is_opening


def test_login_by_token() -> None:
    """A login by token is the device that the token was given to, seen now (protocol.md 4)."""
    world = World(("mia",))
    world.context.now_ms += 5
    found = opened(world, packets.Login(1, token="token of mia"))

    assert (found.user, found.device_id, found.token) == ("mia", "device-of-mia", UNSET)
    assert world.directory.devices["device-of-mia"].last_seen_ms == NOW_MS + 5


@pytest.mark.parametrize("token", ["", "token of nobody", "device-of-mia"])
def test_wrong_tokens(token: str) -> None:
    """A token that is none is bad_credentials (protocol.md 1)."""
    assert World(("mia",)).code(None, packets.Login(1, token=token)) == "bad_credentials"


@pytest.mark.parametrize(
    ("login", "field"),
    [
        (packets.Login(1), "user"),
        (packets.Login(1, password="x"), "user"),
        (packets.Login(1, user="mia"), "password"),
    ],
)
def test_incomplete_logins(login: packets.Login, field: str) -> None:
    """A login names a token, or a user and a password (protocol.md 4)."""
    refusal = World(("mia",)).refusal(None, login)

    assert (refusal.code, refusal.field) == ("bad_request", field)


def test_too_many_devices() -> None:
    """The device unseen for longest makes room for a new one, and its connections close (protocol.md 4)."""
    world = World(("mia",), rules=Rules(registration="open", max_devices_per_user=2))
    login = packets.Login(1, user="mia", password=PASSWORD)
    world.context.now_ms += 1
    world.do(None, login)
    found = world.do(None, login)

    assert [effect.device for effect in found if isinstance(effect, effects.Disconnect)] == ["device-of-mia"]
    assert len(world.directory.devices) == len(world.store.load().devices) == 2
    assert world.code(None, packets.Login(1, token="token of mia")) == "bad_credentials"


# ---- one's own account ---------------------------------------------------------------------------------------------


def test_display_name() -> None:
    """A display name can be changed, and is stored (protocol.md 6)."""
    world = World(("mia",))
    assert world.code("mia", packets.SetProfile(1, "Mia M.")) == "ok"
    assert world.store.load().users[0].display_name == "Mia M."


def test_password_is_changed() -> None:
    """The new password is good from now on, the old one is not, devices stay logged in (protocol.md 6)."""
    world = World(("mia",))
    assert world.code("mia", packets.SetPassword(1, PASSWORD, "another horse")) == "ok"

    assert world.code(None, packets.Login(1, user="mia", password="another horse")) == "ok"
    assert world.code(None, packets.Login(1, user="mia", password=PASSWORD)) == "bad_credentials"
    assert world.code(None, packets.Login(1, token="token of mia")) == "ok"


def test_password_needs_the_old_one() -> None:
    """Without the old password nothing changes (protocol.md 6)."""
    world = World(("mia",))
    refusal = world.refusal("mia", packets.SetPassword(1, "wrong password", "another horse"))

    assert (refusal.code, refusal.field) == ("bad_credentials", "old")
    assert world.code(None, packets.Login(1, user="mia", password=PASSWORD)) == "ok"


@pytest.mark.parametrize("meanwhile", ["reset", "disabled", "changed"])
def test_login_that_is_overtaken(meanwhile: str) -> None:
    """A login whose password is taken away while it is checked opens nothing (protocol.md 4, 6)."""
    world = World(("mia",), admins=("root",))
    login = world.decide(None, packets.Login(1, user="mia", password=PASSWORD))
    match meanwhile:
        case "reset":
            world.ok("root", packets.AdminResetPassword(2, "mia"))
        case "disabled":
            world.ok("root", packets.AdminDisableUser(2, "mia"))
        case _:
            world.ok("mia", packets.SetPassword(2, PASSWORD, "another horse"))
    answers = [answer_of(effect) for effect in world.settle(login)]

    assert [getattr(each, "code", "") for each in answers] == ["bad_credentials"]


@pytest.mark.parametrize("meanwhile", ["reset", "logged out", "disabled"])
def test_password_change_that_is_overtaken(meanwhile: str) -> None:
    """Who was thrown out while the new password was computed does not set it any more (protocol.md 6)."""
    world = World(("mia",), admins=("root",))
    change = world.decide("mia", packets.SetPassword(1, PASSWORD, "another horse"))
    match meanwhile:
        case "reset":
            world.ok("root", packets.AdminResetPassword(2, "mia"))
        case "logged out":
            world.ok("mia", packets.Logout(2))
        case _:
            world.ok("root", packets.AdminDisableUser(2, "mia"))
    world.settle(change)
    world.ok("root", packets.AdminDisableUser(3, "mia", disabled=False))

    assert world.code(None, packets.Login(4, user="mia", password="another horse")) == "bad_credentials"


def test_reset_that_is_overtaken() -> None:
    """Who lost the role while the new password was computed does not learn it (protocol.md 6)."""
    world = World(("mia",), admins=("root", "ruth"))
    reset = world.decide("ruth", packets.AdminResetPassword(1, "mia"))
    world.ok("root", packets.AdminSetRoles(2, "ruth", []))
    answers = [answer_of(effect) for effect in world.settle(reset)]

    assert [getattr(each, "code", "") for each in answers] == ["forbidden"]
    assert world.code(None, packets.Login(3, user="mia", password=PASSWORD)) == "ok"


def test_disabled_accounts_do_nothing_more() -> None:
    """From the moment in which an account is disabled nothing is taken from it any more (protocol.md 6)."""
    world = crew()
    world.ok("root", packets.AdminDisableUser(1, "mia"))

    assert world.code("mia", packets.PostGroup(2, "crew", "m1", "still here")) == "not_authenticated"
    assert world.code("mia", packets.History(3, "#crew")) == "not_authenticated"


@pytest.mark.parametrize("device", [UNSET, "device-of-mia"])
def test_logout(device: str) -> None:
    """A revoked token is bad, and the device's connections close after the answer (protocol.md 4)."""
    world = World(("mia",))
    found = world.do("mia", packets.Logout(1, device))

    assert [type(effect) for effect in found] == [effects.Reply, effects.Disconnect]
    assert world.store.load().devices == []
    assert world.code(None, packets.Login(1, token="token of mia")) == "bad_credentials"


@pytest.mark.parametrize("device", ["device-of-karl", "nothing", ""])
def test_logout_of_others(device: str) -> None:
    """Another user's device is as one that does not exist (protocol.md 6)."""
    world = World(("mia", "karl"))
    refusal = world.refusal("mia", packets.Logout(1, device))

    assert (refusal.code, refusal.field) == ("not_found", "device_id")
    assert world.code(None, packets.Login(1, token="token of karl")) == "ok"


# ---- administration ------------------------------------------------------------------------------------------------


def test_disabling_an_account() -> None:
    """A disabled account is thrown out and cannot log in until it is let in again (protocol.md 6)."""
    world = World(("mia",), admins=("root",))
    found = world.do("root", packets.AdminDisableUser(1, "mia"))
    thrown = [(each.user, each.device) for each in found if isinstance(each, effects.Disconnect)]

    assert thrown == [(world.who("mia").id, None)]
    assert world.store.load().users[1].disabled
    assert world.code(None, packets.Login(1, token="token of mia")) == "bad_credentials"
    assert world.code("root", packets.PostPrivate(1, "mia", "m1", "hi")) == "not_found"
    assert world.code("root", packets.AdminDisableUser(2, "mia", False)) == "ok"
    assert world.code(None, packets.Login(1, token="token of mia")) == "ok"


def test_admins_cannot_lock_themselves_out() -> None:
    """An admin cannot disable their own account (protocol.md 6)."""
    assert World(admins=("root",)).code("root", packets.AdminDisableUser(1, "root")) == "forbidden"


def test_server_keeps_an_admin() -> None:
    """The last admin's role cannot be taken away (protocol.md 6)."""
    world = World(("mia",), admins=("root",))
    assert world.code("root", packets.AdminSetRoles(1, "root", ["bot"])) == "forbidden"
    assert world.code("root", packets.AdminSetRoles(2, "mia", ["admin", "admin"])) == "ok"
    assert world.code("root", packets.AdminSetRoles(3, "root", [])) == "ok"

    assert [user.roles for user in world.store.load().users] == [(), ("admin",)]
    assert world.code("root", packets.AdminSessions(4)) == "forbidden"


def test_disabled_admins_do_not_count() -> None:
    """An admin who cannot log in is none that the server could keep (protocol.md 6)."""
    world = World(admins=("root", "rita"))
    world.do("root", packets.AdminDisableUser(1, "rita"))

    assert world.code("root", packets.AdminSetRoles(2, "root", [])) == "forbidden"


def test_password_reset() -> None:
    """A reset tells the new password once and logs all devices out (protocol.md 6)."""
    world = World(("mia",), admins=("root",))
    password = world.ok("root", packets.AdminResetPassword(1, "mia")).password

    assert isinstance(password, str)
    assert world.code(None, packets.Login(1, token="token of mia")) == "bad_credentials"
    assert world.code(None, packets.Login(1, user="mia", password=password)) == "ok"


def test_reset_of_ones_own_password() -> None:
    """An admin who resets their own password is told it before the connection closes (protocol.md 6)."""
    world = World(admins=("root",))
    found = world.settle(world.decide("root", packets.AdminResetPassword(1, "root")))

    assert [type(effect) for effect in found] == [effects.Reply, effects.Disconnect]


@pytest.mark.parametrize(
    "packet",
    [
        packets.AdminDisableUser(1, "nobody"),
        packets.AdminResetPassword(1, "nobody"),
        packets.AdminSetRoles(1, "nobody", []),
    ],
)
def test_nobody_to_administer(packet: packets.ClientPacket) -> None:
    """A user who does not exist is not_found (protocol.md 1)."""
    refusal = World(admins=("root",)).refusal("root", packet)

    assert (refusal.code, refusal.field) == ("not_found", "user")


def test_administration_is_audited() -> None:
    """Every action of an admin stands in the audit log, without any secret (reliability.md I24)."""
    world = World(("mia",), admins=("root",))
    for packet in (
        packets.AdminDisableUser(1, "mia"),
        packets.AdminSetRoles(2, "mia", ["bot"]),
        packets.AdminResetPassword(3, "mia"),
        packets.CreateInvite(4),
    ):
        world.answer("root", packet)
    audit = world.ok("root", packets.AdminAudit(5)).audit

    assert isinstance(audit, list)
    assert [line.actor for line in audit] == ["root"] * 4
    assert "secret" not in repr(audit)
