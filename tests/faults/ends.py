"""Faults of the server's process: it is killed, stopped, frozen, started again, all under load."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final

from tests.faults.checker import Finding
from tests.faults.stage import Report, Stage, fault

LOOKS: Final = 6
"""How often ``kill`` looks at the store as the kill left it."""
_AT_ONCE: Final = frozenset({"I1", "I4", "I8"})
"""What holds at every moment; the rest holds when all have caught up."""


@fault("kill", quick=60, full=500)
def kill(folder: Path, seed: str, count: int) -> Report:
    """SIGKILL of the server at random moments under load, and a start on what is there (X1).

    A few times what everybody saw is compared with the store before it is started again: later nobody can tell what
    was shown too early from what was sent again.
    """
    began = time.monotonic()
    findings: list[Finding] = []
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        for number in range(count):
            time.sleep(stage.wait(0.02, 0.25))
            stage.server.kill9()
            crowd.fault("kill")
            if number % (count // LOOKS) == 0:
                findings += [finding for finding in crowd.check({}) if finding.invariant in _AT_ONCE]
            stage.server.start()
        findings += crowd.finish()
    return Report(findings, {"kills": count, "acked": crowd.acked, "seconds": round(time.monotonic() - began)})


@fault("restart", quick=5, full=50)
def restart(folder: Path, seed: str, count: int) -> Report:
    """SIGTERM under load, and a start: everybody is told, and comes back (X19)."""
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        for _ in range(count):
            crowd.talk_until(50)
            crowd.fault("restart")
            stage.server.restart()
        findings = crowd.finish()
    return Report(findings, {"restarts": count, "acked": crowd.acked})


@fault("freeze", quick=3, full=50)
def freeze(folder: Path, seed: str, count: int) -> Report:
    """SIGSTOP of the server, and of clients, for a while (X8)."""
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        for number in range(count):
            crowd.talk_until(50)
            crowd.fault("freeze")
            if number % 2:
                pid = stage.server.pid
                assert pid is not None
                os.kill(pid, signal.SIGSTOP)
                time.sleep(stage.wait(0.2, 1.5))
                os.kill(pid, signal.SIGCONT)
            else:
                frozen = stage.random.sample(crowd.talkers, 2)
                for talker in frozen:
                    talker.frozen.set()
                crowd.talk_until(100)  # the others go on
                for talker in frozen:
                    talker.frozen.clear()
        findings = crowd.finish()
    return Report(findings, {"times": count, "acked": crowd.acked})
