"""What the server writes to its log (docs/operating.md)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from structlog import DropEvent

from chat_server.log import Sparing
from tests.conftest import StartServer
from tests.support.server import environment

FAULT = """
import sys
import structlog
from chat_server import log

log.set_up("info", sys.argv[1])

def check(password):
    content = sys.argv[3]
    raise RuntimeError("a fault of the server's own")

try:
    check(sys.argv[2])
except RuntimeError as error:
    structlog.get_logger("test").error("failed", incident="42", address="::1\\x1b]2;title\\x07\\nnext", exc_info=error)
"""


def logged(log_format: str) -> str:
    """What a process writes to standard error when a request fails."""
    found = subprocess.run(
        [sys.executable, "-c", FAULT, log_format, "correct horse", "what somebody said"],
        env=environment(), capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    assert found.stdout == b""
    return found.stderr.decode("ascii" if log_format == "json" else "utf-8")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_faults_tell_no_variables(log_format: str) -> None:
    """A traceback in the log has the code and the error, never what the variables held: passwords and messages."""
    told = logged(log_format)

    assert "a fault of the server's own" in told
    assert "correct horse" not in told
    assert "what somebody said" not in told


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_fields_cannot_break_out(log_format: str) -> None:
    """A field that came from outside makes no line of its own and reaches no terminal."""
    told = logged(log_format)

    assert "\x1b]" not in told
    assert "\x07" not in told
    assert not [line for line in told.splitlines() if line.startswith("next")]


def test_json_is_one_event_a_line() -> None:
    """Where nobody looks, each event is one line of JSON."""
    lines = logged("json").splitlines()

    assert [json.loads(line)["event"] for line in lines] == ["failed"]


def test_strangers_do_not_fill_the_disk() -> None:
    """Of one event 20 lines a minute are written, and later how many were not; errors are all told."""
    now_s = [1000.0]
    sparing = Sparing(lambda: now_s[0])

    def told(event: str, count: int, level: str = "info") -> list[dict[str, object]]:
        lines: list[dict[str, object]] = []
        for _ in range(count):
            with suppress(DropEvent):
                lines.append(dict(sparing(None, level, {"event": event})))
        return lines

    first = told("no TLS", 70)
    assert len(first) == 20
    assert ["more" in line for line in first] == [False] * 19 + [True]
    assert len(told("another", 3)) == 3
    assert len(told("a fault", 70, "error")) == 70

    now_s[0] += 60
    assert told("no TLS", 2) == [{"event": "no TLS", "left_out": 50}, {"event": "no TLS"}]
    now_s[0] += 60
    assert told("no TLS", 1) == [{"event": "no TLS"}]


def test_strangers_on_the_wire(start_server: StartServer) -> None:
    """Whoever reaches the port can cause no more lines than that."""
    server = start_server(insecure=False)
    for _ in range(60):
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while connection.recv(4096):
                pass
    server.terminate()
    assert 20 <= server.log().count('"event": "no TLS"') <= 40  # a minute may have ended meanwhile


GOING_ON = """
import os
import structlog
import threading
from chat_server import log, server

log.set_up("info", "json")
threading.excepthook = server._die
for number in range(2_000):
    structlog.get_logger("test").error("something to tell", number=number)
os.write(1, b"went on")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
os.write(1, b" by half")
"""


def test_a_log_that_cannot_be_written() -> None:
    """On a full disk lines are lost and nothing else; a thread that dies still takes the process with it."""
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            [sys.executable, "-c", GOING_ON], env=environment(), stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert (found.stdout, found.returncode) == (b"went on", 70)
