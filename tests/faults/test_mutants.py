"""Servers with one promise broken each: the harness has to catch every one, and finds nothing in the real one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.checker import Finding
from tests.faults.members import end_memberships
from tests.faults.mutants import MUTANTS
from tests.faults.stage import Stage

CAUGHT_BY = {
    "ack_before_commit": ("kill", "I1"),
    "synchronous_normal": ("power", "I1"),
    "seq_outside_commit": ("full", "I3"),
    "dedup_in_memory": ("kill", "I2"),
    "push_before_commit": ("dead", "I8"),
    "filter_after_paging": ("kill", "I5"),
    "push_goes_on": ("members", "I11"),
    "history_of_all": ("members", "I11"),
    "past_members_search": ("members", "I11"),
}
MOST_ATTEMPTS = 60
"""Faults until a mutant has to be caught; most need one or two."""


def attempt(stage: Stage, what: str) -> list[Finding]:
    """One fault under load; what the history and the store tell at that moment."""
    with stage.crowd() as crowd:
        crowd.start()
        crowd.talk_until(200)
        if what == "members":
            return end_memberships(stage, crowd, 1)
        if what == "full":
            stage.shim.set(full=True)
            time.sleep(0.3)
            stage.shim.set()
            crowd.talk_until(50)
        else:
            stage.server.kill9()
            if what == "power":
                stage.shim.lose_power("unsynced", stage.random)
            if what in ("power", "dead"):  # before anybody sends again what is not stored
                return crowd.check({})
            stage.server.start()
        return crowd.finish()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_caught(tmp_path: Path, mutant: str) -> None:
    """Each mutant breaks its promise where the checker sees it, by the fault that is made for it."""
    what, invariant = CAUGHT_BY[mutant]
    for number in range(MOST_ATTEMPTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Stage(folder, f"{mutant} {number}", mirror=what == "power", mutant=mutant) as stage:
            stage.server.restart()
            if {finding.invariant for finding in attempt(stage, what)} & set(invariant.split()):
                return
    pytest.fail(f"{mutant} was not caught")


@pytest.mark.parametrize("what", ["power", "dead"])
def test_the_real_server_under_the_same_loss(tmp_path: Path, what: str) -> None:
    """What catches servers that acknowledge or push too early finds nothing in the real one: I1 and I8 are kept."""
    with Stage(tmp_path, "real", mirror=what == "power") as stage:
        stage.server.restart()
        found = {finding.invariant for finding in attempt(stage, what)}
    assert found <= {"I5"}  # devices that the kill left behind
