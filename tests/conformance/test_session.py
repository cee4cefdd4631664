"""From hello to logout (protocol.md 2 and 4)."""

from __future__ import annotations

import pytest

from tests.conftest import StartServer
from tests.support.people import People, refusal, say, until_closed, until_true
from tests.support.wire import Client, Refused

# ---- hello ---------------------------------------------------------------------------------------------------------


def test_welcome(people: People) -> None:
    """``welcome`` tells who answers, how one registers, the largest frame and the time (protocol.md 4)."""
    welcome = people.connect().hello()
    assert welcome["type"] == "welcome"
    assert welcome["protocol"] == 1
    assert isinstance(welcome["server"], str)
    assert isinstance(welcome["name"], str)
    assert welcome["registration"] == "open"
    assert welcome["max_frame"] == 4096
    assert welcome["time"] > 1_600_000_000_000


@pytest.mark.parametrize("version", [0, 2, 999])
def test_other_versions(people: People, version: int) -> None:
    """A version that the server does not speak is ``protocol_version`` and closes (protocol.md 1)."""
    client = people.connect()
    assert refusal(client, "hello", protocol=version, client="test/1") == "protocol_version"
    assert until_closed(client) == []


def test_second_hello_login_and_sync(people: People) -> None:
    """A second hello, login or sync on one connection is ``wrong_state``, and it stays (protocol.md 1)."""
    alice = people.user()
    assert refusal(alice, "hello", protocol=1, client="test/1") == "wrong_state"
    assert refusal(alice, "login", user=alice.user, password=alice.password) == "wrong_state"
    assert refusal(alice, "register", user=people.name("bob"), password=alice.password) == "wrong_state"
    assert refusal(alice, "sync", epoch=alice.epoch) == "wrong_state"
    alice.settle()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("sync", {}),
        ("groups", {}),
        ("history", {"conversation": "!announcements"}),
        ("group_message", {"group": "x", "message_id": "m", "content": "x"}),
        ("stats", {}),
    ],
)
def test_login_comes_first(people: People, kind: str, fields: dict[str, object]) -> None:
    """Before login every request is ``not_authenticated``, and the connection stays (protocol.md 1)."""
    visitor = people.visitor()
    assert refusal(visitor, kind, **fields) == "not_authenticated"
    visitor.register(people.name("alice"))


def test_pings(people: People) -> None:
    """A ping is answered by a pong, with its ``id`` as ``re`` if it has one (protocol.md 4)."""
    alice = people.user()
    alice.send({"type": "ping"})
    assert alice.expect("pong") == {"type": "pong"}
    assert alice.request("ping")["type"] == "pong"


# ---- register ------------------------------------------------------------------------------------------------------


def test_register_logs_in(people: People) -> None:
    """``register`` makes the account and opens its session (protocol.md 4)."""
    alice = people.visitor()
    name = people.name("alice")
    session = alice.register(name, display_name="Alice", device="laptop")
    assert session["type"] == "session"
    assert session["user"] == name
    assert session["roles"] == []
    assert session["max_frame"] == 64 * 1024
    for field in ("device_id", "token", "epoch"):
        assert isinstance(session[field], str)
        assert session[field]
    alice.request("groups")


def test_first_user_is_admin(start_server: StartServer) -> None:
    """The first user of a new server is its admin, the second is not, also after a restart (protocol.md 4)."""
    server = start_server()
    people = People(server.address)
    first, second = people.visitor(), people.visitor()
    assert first.register(people.name("first"))["roles"] == ["admin"]
    assert second.register(people.name("second"))["roles"] == []
    server.restart()
    people.address = server.address
    assert people.visitor().login(user=first.user, password=first.password)["roles"] == ["admin"]
    assert people.visitor().login(token=second.token)["roles"] == []
    assert people.visitor().register(people.name("third"))["roles"] == []
    people.close()


def test_epoch_is_the_servers(people: People) -> None:
    """All sessions of a server have one epoch (protocol.md 4)."""
    alice, bob = people.users("alice", "bob")
    assert alice.epoch == bob.epoch != ""


def test_names_are_folded(people: People) -> None:
    """A user name is folded to lower case, at registration, at login and where it is used (protocol.md 2)."""
    alice = people.visitor()
    name = people.name("alice")
    assert alice.register(name.upper())["user"] == name
    assert people.visitor().login(user=name.title(), password=alice.password)["user"] == name
    assert say(alice, f"@{name.upper()}", "note")["conversation"] == f"@{name}"
    assert refusal(people.visitor(), "register", user=name.upper(), password="correct horse") == "name_taken"
    assert refusal(people.visitor(), "register", user=name, password="correct horse") == "name_taken"


@pytest.mark.parametrize(
    "name",
    [
        "-x",
        ".x",
        "_x",
        "a b",
        " a",
        "a ",
        "a/b",
        "a@b",
        "@a",
        "a:b",
        "é",
        "ａ",
        "аlice",
        "\u212a",
        "a‍b",
        "漢",
        "a" * 33,
    ],
)
def test_bad_names(people: People, name: str) -> None:
    """A name against the rules is ``bad_name``, for users and for groups (protocol.md 2)."""
    assert refusal(people.visitor(), "register", user=name, password="correct horse") == "bad_name"
    assert refusal(people.user(), "create_group", group=name) == "bad_name"


@pytest.mark.parametrize("name", ["", "a" * 300])
def test_names_out_of_bounds(people: People, name: str) -> None:
    """An empty name and one that is far too long are refused as a name or as a field (protocol.md 1, 2)."""
    assert refusal(people.visitor(), "register", user=name, password="correct horse") in {"bad_name", "bad_request"}
    assert refusal(people.user(), "create_group", group=name) in {"bad_name", "bad_request"}


@pytest.mark.parametrize("name", ["server", "system", "admin", "me", "all", "here", "Admin", "ALL"])
def test_reserved_names(people: People, name: str) -> None:
    """Reserved names are ``bad_name``, in any case of letters, for users and for groups (protocol.md 2)."""
    assert refusal(people.visitor(), "register", user=name, password="correct horse") == "bad_name"
    assert refusal(people.user(), "create_group", group=name) == "bad_name"


def test_longest_name(people: People) -> None:
    """A name of 32 characters with every sign is allowed (protocol.md 2)."""
    name = (people.name("a_.-9") + "x" * 32)[:32]
    assert people.visitor().register(name)["user"] == name
    people.user().request("create_group", group=name)


def test_confusable_names(people: People) -> None:
    """A name that looks like one in use is ``name_taken`` (protocol.md 1)."""
    taken = people.visitor()
    taken.register(people.name("b0b"))
    lookalike = taken.user.replace("b0b", "bob")
    assert refusal(people.visitor(), "register", user=lookalike, password="correct horse") == "name_taken"


@pytest.mark.parametrize("password", ["", "seven77", "x" * 257, 12345678])
def test_bad_passwords(people: People, password: object) -> None:
    """A password has 8 to 256 characters (protocol.md 4)."""
    fields = {"user": people.name("alice"), "password": password}
    assert refusal(people.visitor(), "register", **fields) == "bad_request"


@pytest.mark.parametrize("password", ["x" * 8, "x" * 256, "pässwörter", "漢字漢字漢字漢字"])
def test_good_passwords(people: People, password: str) -> None:
    """8 and 256 characters of any script are a password (protocol.md 4)."""
    alice = people.user(password=password)
    assert people.device(alice).user == alice.user


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_bad_display_names(people: People, name: str) -> None:
    """A display name has 1 to 64 characters (protocol.md 2)."""
    fields = {"user": people.name("alice"), "password": "correct horse", "display_name": name}
    assert refusal(people.visitor(), "register", **fields) == "bad_request"


@pytest.mark.parametrize("name", ["x", "Ünï Çødé", "山田太郎", "x" * 64])
def test_display_names_of_any_script(people: People, name: str) -> None:
    """A display name is of any script and kept as it is (protocol.md 2)."""
    alice = people.user(display_name=name)
    found = alice.request("users", query=alice.user)["users"]
    assert [each["display_name"] for each in found] == [name]


# ---- login ---------------------------------------------------------------------------------------------------------


def test_bad_credentials_tell_nothing(people: People) -> None:
    """A wrong password, an unknown user and a wrong token have the same answer; one may try again (protocol.md 1)."""
    alice = people.user()
    visitor = people.visitor()
    answers = [
        visitor.ask("login", user=alice.user, password="wrong password"),
        visitor.ask("login", user=people.name("nobody"), password="wrong password"),
        visitor.ask("login", user=alice.user, password=""),
        visitor.ask("login", token="wrong"),
        visitor.ask("login", token=alice.token[:-1] + ("a" if alice.token[-1] != "a" else "b")),
    ]
    for answer in answers:
        del answer["re"]
    assert answers[0]["code"] == "bad_credentials"
    assert all(answer == answers[0] for answer in answers)
    assert visitor.login(user=alice.user, password=alice.password)["user"] == alice.user


def test_login_without_credentials(people: People) -> None:
    """A login needs a token, or a user and a password (protocol.md 4)."""
    visitor = people.visitor()
    assert refusal(visitor, "login") == "bad_request"
    assert refusal(visitor, "login", user=people.name("alice")) == "bad_request"


def test_token_is_the_device(people: People) -> None:
    """A login with a token is the same device; one with the password is a new one (protocol.md 4)."""
    alice = people.user()
    same, other = people.again(alice), people.device(alice)
    assert same.device_id == alice.device_id
    assert other.device_id != alice.device_id
    assert other.token != alice.token
    assert same.epoch == other.epoch == alice.epoch


# ---- Devices and logout --------------------------------------------------------------------------------------------


def test_devices(people: People) -> None:
    """``devices`` lists the tokens of the user, and which one asks (protocol.md 4, 6)."""
    alice = people.user()
    other = people.device(alice)
    devices = other.request("devices")["devices"]
    assert {each["device_id"]: (each["device"], each["current"]) for each in devices} == {
        alice.device_id: ("first", False),
        other.device_id: ("second", True),
    }
    assert all(each["last_seen"] > 1_600_000_000_000 for each in devices)


def test_logout_of_another_device(people: People) -> None:
    """``logout`` revokes a token and closes its live connections (protocol.md 4)."""
    alice = people.user()
    lost = people.device(alice)
    lost_too = people.again(lost)
    alice.request("logout", device_id=lost.device_id)
    until_closed(lost)
    until_closed(lost_too)
    assert refusal(people.visitor(), "login", token=lost.token) == "bad_credentials"
    assert [each["device_id"] for each in alice.request("devices")["devices"]] == [alice.device_id]
    people.again(alice)


def test_logout_of_this_device(people: People) -> None:
    """``logout`` without ``device_id`` is answered and closes; the password still works (protocol.md 6)."""
    alice = people.user()
    other = people.device(alice)
    assert alice.request("logout")["type"] == "ok"
    until_closed(alice)
    assert refusal(people.visitor(), "login", token=alice.token) == "bad_credentials"
    other.settle()
    people.device(alice)


def test_logout_of_a_foreign_device(people: People) -> None:
    """Nobody can revoke, or learn of, another user's device (protocol.md 6)."""
    alice, bob = people.users("alice", "bob")
    assert refusal(alice, "logout", device_id=bob.device_id) == "not_found"
    assert refusal(alice, "logout", device_id="nowhere") == "not_found"
    bob.settle()
    people.again(bob)


# ---- Registration --------------------------------------------------------------------------------------------------


def _restarted(start_server: StartServer, registration: str) -> tuple[People, Client]:
    """A server with an admin, started again with another mode of registration."""
    server = start_server()
    people = People(server.address)
    admin = people.user("boss")
    server.registration = registration
    server.restart()
    people.address = server.address
    return people, people.again(admin)


def test_registration_closed(start_server: StartServer) -> None:
    """Where registration is closed, ``welcome`` says so and nobody registers (protocol.md 1, 4)."""
    people, _ = _restarted(start_server, "closed")
    visitor = people.connect()
    assert visitor.hello()["registration"] == "closed"
    name = people.name("alice")
    assert refusal(visitor, "register", user=name, password="correct horse") == "registration_closed"
    people.close()


def test_registration_by_invite(start_server: StartServer) -> None:
    """Where registration is by invite, an invite works as often as it says and not once more (protocol.md 1, 4, 6)."""
    people, admin = _restarted(start_server, "invite")
    visitor = people.connect()
    assert visitor.hello()["registration"] == "invite"
    new = {"user": people.name("alice"), "password": "correct horse"}
    assert refusal(visitor, "register", **new) in {"registration_closed", "bad_invite"}
    assert refusal(visitor, "register", **new, invite="wrong") == "bad_invite"
    invite = admin.request("create_invite", uses=2, expires_in_s=3600)["invite"]
    visitor.register(people.name("alice"), invite=invite)
    people.user("bob", invite=invite)
    assert refusal(people.visitor(), "register", **new, invite=invite) == "bad_invite"
    people.close()


def test_taken_name_does_not_use_up_an_invite(start_server: StartServer) -> None:
    """A registration that fails leaves the invite as it was (protocol.md 6)."""
    people, admin = _restarted(start_server, "invite")
    invite = admin.request("create_invite", uses=1, expires_in_s=3600)["invite"]
    visitor = people.visitor()
    assert refusal(visitor, "register", user=admin.user, password="correct horse", invite=invite) == "name_taken"
    assert refusal(visitor, "register", user="-", password="correct horse", invite=invite) == "bad_name"
    visitor.register(people.name("alice"), invite=invite)
    people.close()


def test_invite_expires(start_server: StartServer) -> None:
    """An invite that has expired is ``bad_invite`` (protocol.md 1)."""
    people, admin = _restarted(start_server, "invite")
    invite = admin.request("create_invite", uses=10_000, expires_in_s=1)["invite"]

    def has_expired() -> bool:
        try:
            people.visitor().register(people.name("user"), invite=invite)
        except Refused as refused:
            return refused.code == "bad_invite"
        return False

    until_true(has_expired, "the invite does not expire")
    people.close()
