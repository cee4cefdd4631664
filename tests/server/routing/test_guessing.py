"""Guessing passwords costs time, and nobody is locked out (protocol.md 4, SECURITY.md)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_protocol import packets
from chat_server.routing.context import Rules
from chat_server.routing.guessing import Guesses, network_of
from tests.server.routing.builders import NOW_MS, PASSWORD, World

FREE = 5
HOME, AWAY = "192.0.2.1", "198.51.100.7"


def fail(guesses: Guesses, account: str, network: str, times: int, now_ms: int = NOW_MS) -> list[int]:
    """So many attempts that fail, each as soon as it may be made; how long each had to wait."""
    waits = []
    for _ in range(times):
        wait_ms = guesses.begin(account, network, now_ms)
        waits.append(wait_ms)
        if wait_ms:
            now_ms += wait_ms
            assert guesses.begin(account, network, now_ms) == 0
    return waits


def test_the_wait_doubles_up_to_a_minute() -> None:
    """The first failures are free, then each wait is twice the one before, a minute at most."""
    waits = fail(Guesses(FREE), "ada", HOME, 14)

    assert waits == [0] * 5 + [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]


def test_a_success_ends_it() -> None:
    """Who gets it right begins anew."""
    guesses = Guesses(FREE)
    waits = fail(guesses, "ada", HOME, 7)
    guesses.succeed("ada", HOME, NOW_MS + 100_000)

    assert waits[-1] == 2000
    assert fail(guesses, "ada", HOME, 5, NOW_MS + 100_000) == [0] * 5


def test_others_do_not_wait() -> None:
    """One account's failures from one network delay neither another account there nor this one elsewhere."""
    guesses = Guesses(FREE)
    fail(guesses, "ada", AWAY, 10)

    assert guesses.begin("bob", AWAY, NOW_MS) == 0
    assert guesses.begin("ada", HOME, NOW_MS) == 0


def test_one_network_that_tries_many_accounts() -> None:
    """Spraying one password over many accounts is delayed, too."""
    guesses = Guesses(FREE)
    waits = [guesses.begin(f"user{number}", AWAY, NOW_MS) for number in range(100)]

    assert waits[:50] == [0] * 50
    assert all(waits[50:])
    assert guesses.begin("ada", HOME, NOW_MS) == 0


def test_many_networks_that_try_one_account() -> None:
    """A botnet is delayed; from where the owner has logged in before, they are not."""
    guesses = Guesses(FREE)
    guesses.begin("ada", HOME, NOW_MS)
    guesses.succeed("ada", HOME, NOW_MS)
    waits = [guesses.begin("ada", f"203.0.113.{number}", NOW_MS) for number in range(200)]

    assert waits[:100] == [0] * 100
    assert all(waits[100:])
    assert guesses.begin("ada", HOME, NOW_MS) == 0


def test_attempts_at_once_are_counted_at_once() -> None:
    """Many attempts that are checked at the same time are no way around the delay."""
    guesses = Guesses(FREE)

    assert [bool(guesses.begin("ada", HOME, NOW_MS)) for _ in range(8)] == [False] * 5 + [True] * 3


def test_failures_are_forgotten() -> None:
    """After a quarter of an hour without a failure the first ones are free again."""
    guesses = Guesses(FREE)
    fail(guesses, "ada", HOME, 12)

    assert fail(guesses, "ada", HOME, 5, NOW_MS + 3_600_000) == [0] * 5


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([HOME, AWAY]), st.integers(-100_000, 100_000))))
def test_no_wait_is_longer_than_a_minute(attempts: list[tuple[str, str, int]]) -> None:
    """Whatever the clock does, nobody waits longer than a minute: a lock-out would be a way to lock others out."""
    guesses = Guesses(1)
    for account, network, offset_ms in attempts:
        assert 0 <= guesses.begin(account, network, NOW_MS + offset_ms) <= 60_000


def test_memory_follows_who_tries() -> None:
    """Names that were tried long ago take no memory."""
    guesses = Guesses(FREE)
    for number in range(10_000):
        guesses.begin(f"user{number}", f"10.0.{number % 250}.{number // 250}", NOW_MS + number * 1000)

    assert len(guesses._failures) < 6_000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1:5000", "192.0.2.1"),
        ("::ffff:192.0.2.1:5000", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6:5000", "2001:db8:1:2::/64"),
        ("fe80::1%eth0:5000", "fe80::/64"),
        ("control", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    """An IPv4 address counts alone, of IPv6 a whole site."""
    assert network_of(address) == network


def test_logins() -> None:
    """After the free failures an attempt is told when to come again; unknown accounts alike, tokens never."""
    rules = Rules(registration="open", login_failures=FREE)
    for name in ("ada", "nobody"):
        world = World(("ada",), rules=rules)
        codes = [world.code(None, packets.Login(1, user=name, password="wrong horse")) for _ in range(FREE)]
        refusal = world.refusal(None, packets.Login(1, user=name.upper(), password=PASSWORD))

        assert codes == ["bad_credentials"] * FREE
        assert (refusal.code, refusal.retry_after_ms) == ("rate_limited", 1000)
        assert world.code(None, packets.Login(1, token="token of ada")) == "ok"
        world.context.now_ms += 1000
        expected = "ok" if name == "ada" else "bad_credentials"
        assert world.code(None, packets.Login(1, user=name, password=PASSWORD)) == expected


def test_old_passwords_are_guessed_no_faster() -> None:
    """Whoever sits at somebody's open session guesses the password no faster than anybody else."""
    world = World(("ada",), rules=Rules(login_failures=FREE))
    change = packets.SetPassword(1, "wrong horse", "another horse")

    assert [world.code("ada", change) for _ in range(FREE + 1)] == ["bad_credentials"] * FREE + ["rate_limited"]


def test_registrations_of_one_network() -> None:
    """Where everybody may register, one network makes so many accounts in an hour; others go on."""
    world = World(rules=Rules(registration="open", registrations_per_hour=3))
    sessions = [world.session(None) for _ in range(5)]
    for session in sessions[:4]:
        session.address = "192.0.2.1:5000"
    codes = [world.code(each, packets.Register(1, f"user{n}", PASSWORD)) for n, each in enumerate(sessions)]

    assert codes == ["ok", "ok", "ok", "rate_limited", "ok"]
