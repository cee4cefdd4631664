"""A whole log through real clients: everybody has every message, once, unaltered and in order, whatever happens.

With ``CHAT_REPLAY_LOGS`` naming a directory of real logs, each of them is replayed, too; that takes minutes.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chat_client.core.text import printable
from tests.conftest import Shared
from tests.e2e.logs import REAL_LOGS, SMALL_LOG
from tests.support.server import ROOT
from tools.replaying.checker import Kind, Run, check
from tools.replaying.irclog import Names, parse
from tools.replaying.play import Figures, Settings, play
from tools.replaying.serving import ServerProcess, python_path

UTTERANCES = parse(SMALL_LOG.read_bytes(), Names())
SPEAKERS = 21


async def replay(folder: Path, settings: Settings) -> tuple[Run, Figures]:
    """Replay the small log on a server of its own, which ends in good order."""
    server = ServerProcess(folder)
    await server.start()
    try:
        run, figures = await play(UTTERANCES, settings, folder, server, print)
        assert await server.stop() == 0, server.log()
    finally:
        await server.kill()
    assert server.log() == "", "the server has something to complain about"
    return run, figures


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``python -m tools.replay`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tools.replay", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": python_path()},
        check=False,
    )


async def test_members_who_come_and_go_miss_nothing(tmp_path: Path) -> None:
    """Half of them are away for a while, several times, offline or closed."""
    run, figures = await replay(tmp_path, Settings(offline_share=0.5))
    assert check(run, as_shown=printable) == []
    assert len(run.log) == 1 + (figures.members - 1) + len(UTTERANCES)
    assert (figures.speakers, figures.members, figures.messages) == (SPEAKERS, SPEAKERS + 3 + 2, len(UTTERANCES))
    assert figures.absences > SPEAKERS
    assert len(run.views) == 3 * (SPEAKERS + 3) + 2


async def test_a_killed_server_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """Twice, while messages are on their way and others are written; the clients come back by themselves."""
    run, figures = await replay(tmp_path, Settings(kill_server_at=(0.3, 0.7)))
    assert check(run, as_shown=printable) == []
    (first, _), (second, _) = figures.at_kills
    assert 0 < first < second, "nothing was acknowledged before the kills"
    assert figures.reconnects >= figures.members


async def test_a_killed_client_sends_what_was_queued_once_and_in_order(tmp_path: Path) -> None:
    """Killed with messages in its outbox, and once more with one on its way."""
    run, figures = await replay(tmp_path, Settings(kill_client_at=(0.2,), kill_server_at=(0.5,)))
    assert check(run, as_shown=printable) == []
    assert (figures.client_kills, len(figures.at_kills)) == (2, 1)


async def test_what_waits_for_the_ack_before_it_stands_in_the_order_of_the_file(tmp_path: Path) -> None:
    """The whole log, over a kill of the server and of a client."""
    settings = Settings(ordered=True, kill_client_at=(0.2,), kill_server_at=(0.5,))
    run, _ = await replay(tmp_path, settings)
    assert check(run, ordered=True, as_shown=printable) == []
    said = [(event.sender, event.content) for event in run.log if event.sender != "server"]
    assert said == [(each.user, each.content) for each in UTTERANCES]

    run.views[7] = dataclasses.replace(run.views[7], events=run.views[7].events[:-1])
    assert {fault.kind for fault in check(run, ordered=True, as_shown=printable)} == {Kind.LOST}


def test_a_log_is_replayed_on_a_server_that_runs_and_again(shared_server: Shared) -> None:
    """Two runs on one server do not meet; at a hundred times the log's pace the messages come one by one."""
    server = "{}:{}".format(*shared_server.address)
    options = ("--server", server, "--limit", "20", "--silent", "1")
    for speed in ("max", "1000"):
        done = command(SMALL_LOG, *options, "--speed", speed)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^20 messages of \d+ speakers to \d+ members", done.stdout, re.MULTILINE)
        assert re.search(r"^ok: \d+ views of the log compared, 0 faults$", done.stdout, re.MULTILINE)
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["no-such-file"], "cannot be read: No such file"),
        ([os.devnull], "holds no line of the form"),
        ([SMALL_LOG, "--offline-share", "2"], "2 is not between 0 and 1"),
        ([SMALL_LOG, "--speed", "nan"], "nan is not real, max or a factor above 0"),
        ([SMALL_LOG, "--server", "here"], "here is not HOST:PORT"),
        ([SMALL_LOG, "--server", "h:1", "--kill-server-at", "0.5"], "needs a server of its own"),
        ([], "the following arguments are required: LOG"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(arguments: list[str | Path], expected: str) -> None:
    """And ends with 2."""
    done = command(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


if REAL_LOGS:

    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("log", REAL_LOGS, ids=lambda log: log.stem)
    def test_a_real_log_over_a_kill_of_the_server_and_of_a_client(log: Path) -> None:
        """Hundreds of people, each with a client, some away, the server killed in the middle."""
        done = command(log, "--kill-server-at", "0.5", "--kill-client-at", "0.3")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("ok: ")
        assert done.stderr == ""
