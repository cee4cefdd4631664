"""What one address, one user and one connection may take of a server; the limits are settings (configuration.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.test_bad_usage import check_one_line, run
from tests.conftest import StartServer
from tests.support.people import People, new_id, refusal, until_closed, until_true

STRICT = ("--rate-limit", "1000", "--rate-burst", "1000")


@pytest.fixture
def strict(start_server: StartServer, request: pytest.FixtureRequest) -> Iterator[People]:
    """People at a server whose limits are in force, with those that the test names."""
    people = People(start_server(*STRICT, *getattr(request, "param", ())).address)
    yield people
    people.close()


@pytest.mark.parametrize("strict", [("--login-failures", "3")], indirect=True)
def test_wrong_passwords_have_to_wait(strict: People) -> None:
    """After the free failures an attempt is told when to come again, for accounts that are not there, too."""
    ada = strict.user("ada")
    answers = {}
    for name in (ada.user, strict.name("nobody")):
        visitor = strict.visitor()
        codes = [refusal(visitor, "login", user=name, password="wrong horse") for _ in range(3)]
        last = visitor.ask("login", user=name, password="wrong horse")
        assert codes == ["bad_credentials"] * 3
        assert 0 < last["retry_after_ms"] <= 1000
        answers[name] = (last["code"], last["message"], last.get("field"))
    assert len(set(answers.values())) == 1
    assert strict.again(ada).request("devices")["devices"], "a token has to wait for passwords"


@pytest.mark.parametrize("strict", [("--max-strangers-per-address", "3")], indirect=True)
def test_strangers(strict: People) -> None:
    """Of one address so many connections wait for a login; one that logs in or goes makes room for another."""
    waiting = [strict.visitor() for _ in range(3)]
    assert until_closed(strict.connect()) == []
    waiting[0].register(strict.name("ada"))
    waiting[0].sync()
    fourth = strict.visitor()
    assert until_closed(strict.connect()) == []
    waiting[1].socket.close()

    def is_let_in() -> bool:
        try:
            return bool(strict.connect().hello())
        except (EOFError, ConnectionError):
            return False

    until_true(is_let_in, "who went still takes a place")
    assert fourth.request("ping")


@pytest.mark.parametrize("strict", [("--max-connections-per-user", "2")], indirect=True)
def test_connections_of_one_user(strict: People) -> None:
    """One more connection than a user may have is refused as ``quota``; the others stay."""
    ada = strict.user("ada")
    other = strict.again(ada)
    visitor = strict.visitor()
    assert refusal(visitor, "login", token=ada.token) == "quota"
    other.socket.close()
    until_true(lambda: visitor.ask("login", token=ada.token)["type"] == "session", "there is no room again")
    assert ada.request("ping")


@pytest.mark.parametrize("strict", [("--request-burst", "20", "--request-limit", "1")], indirect=True)
def test_requests_of_one_user(strict: People) -> None:
    """Who asks too fast is told when to ask again, on all connections together; others are not."""
    ada, bob = strict.users("ada", "bob")
    twin = strict.again(ada)
    requests = [client.start("users") for client in [ada, twin] * 15]
    answers = [client.answer(request) for client, request in zip([ada, twin] * 15, requests, strict=True)]
    limited = [answer for answer in answers if answer.get("code") == "rate_limited"]
    assert 8 <= len(limited) <= 10
    assert all(answer["retry_after_ms"] > 0 for answer in limited)
    assert bob.request("users")
    assert ada.request("ping")


@pytest.mark.parametrize("strict", [("--rate-burst", "5", "--rate-limit", "0.01")], indirect=True)
def test_changes_count_as_messages(strict: People) -> None:
    """Edits, reactions, topics and the like add to a log, so they are limited like messages."""
    ada = strict.user("ada")
    ada.request("create_group", group="ops")
    target = new_id()
    ada.request("group_message", group="ops", message_id=target, content="x")
    ada.request("edit", message_id=new_id(), target=target, content="y")
    ada.request("react", message_id=new_id(), target=target, emoji="x")
    ada.request("set_topic", group="ops", text="z")
    for kind, fields in (
        ("edit", {"message_id": new_id(), "target": target, "content": "z"}),
        ("set_title", {"group": "ops", "text": "z"}),
        ("leave", {"group": "ops"}),
    ):
        assert refusal(ada, kind, **fields) == "rate_limited"


@pytest.mark.parametrize("strict", [("--registrations-per-hour", "3")], indirect=True)
def test_registrations_of_one_address(strict: People) -> None:
    """Where everybody may register, one address makes so many accounts in an hour."""
    strict.users("a", "b", "c")
    visitor = strict.visitor()
    answer = visitor.ask("register", user=strict.name("d"), password="correct horse")
    assert (answer["code"], answer["retry_after_ms"] > 60_000) == ("rate_limited", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_root_is_refused(tmp_path: Path) -> None:
    """Root serves loopback only, unless it is said (operating.md)."""
    result = run("--data-dir", str(tmp_path / "data"), "--port", "0", "--host", "0.0.0.0")
    assert result.returncode == 78
    assert "--allow-root" in check_one_line(result)
    assert not (tmp_path / "data").exists()


def test_nobody_else_reads_what_is_kept(start_server: StartServer) -> None:
    """The data directory is for its owner alone, and so is every file in it, also what is made later (SECURITY.md)."""
    server = start_server(insecure=False)
    server.terminate()
    server.data_dir.chmod(0o755)
    server.start()
    kept = list(server.data_dir.rglob("*"))
    assert server.data_dir.stat().st_mode & 0o777 == 0o700
    assert len(kept) > 5
    assert [path.name for path in kept if path.stat().st_mode & 0o077] == []
