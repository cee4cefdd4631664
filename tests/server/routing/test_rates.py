"""Token buckets (protocol.md 1, rate_limited)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat_server.routing.rates import Rates


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.integers(0, 2000), max_size=60))
def test_never_faster_than_allowed(per_second: float, burst: int, pauses: list[int]) -> None:
    """Over any time no more is let through than the burst and what was gained (protocol.md 1)."""
    rates = Rates(per_second, burst)
    now = taken = 0
    for pause in pauses:
        now += pause
        taken += rates.take("key", now) == 0

    assert taken <= burst + now * per_second / 1000 + 1e-6


@given(st.floats(0.5, 50), st.integers(1, 20), st.integers(0, 10**12))
def test_advice_is_right(per_second: float, burst: int, start: int) -> None:
    """After the burst one is told to wait, and after that time may go on (protocol.md 1, retry_after_ms)."""
    rates = Rates(per_second, burst)
    assert [rates.take("key", start) for _ in range(burst)] == [0] * burst
    wait = rates.take("key", start)

    assert wait > 0
    assert rates.take("key", start + wait) == 0


def test_refused_costs_nothing() -> None:
    """Asking while one has to wait does not make the wait longer (protocol.md 1)."""
    rates = Rates(1, 1)
    rates.take("key", 0)

    assert [rates.take("key", now_ms) for now_ms in (100, 100, 200)] == [901, 901, 801]


def test_keys_are_apart() -> None:
    """One user's haste is not another's (protocol.md 1)."""
    rates = Rates(1, 1)

    assert (rates.take(1, 0), rates.take(2, 0)) == (0, 0)
    assert rates.take(1, 0) > 0


def test_clock_steps_back() -> None:
    """A clock that is set back neither gives tokens nor breaks (reliability.md I19)."""
    rates = Rates(1, 1)
    rates.take("key", 10_000)

    assert rates.take("key", 0) > 0
    assert rates.take("key", 5_000) == 0


def test_idle_buckets_are_forgotten() -> None:
    """Memory follows the active keys, and forgetting changes no answer (reliability.md I16)."""
    rates = Rates(1, 2)
    rates.take("old", 0)
    rates.take("new", 1_900)
    rates.forget_idle(2_500)
    rates.take("new", 2_500)

    assert rates.take("new", 2_500) > 0
    assert [rates.take("old", 2_500), rates.take("old", 2_500)] == [0, 0]
