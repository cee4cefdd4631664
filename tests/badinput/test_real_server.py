"""Whatever is sent to a real server: one answer with a known code or a closed connection, and nobody else suffers.

``make fuzz`` does the same for longer and with other seeds (CHAT_FUZZ_SEED, CHAT_FUZZ_ROUNDS).
"""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import time
from pathlib import Path

import pytest

from chat_protocol.errors import ErrorCode
from tests.badinput.garble import bent, packed, request
from tests.faults.loads import memory_kib
from tests.support.people import People, contents, history, new_id, refusal, say, until_closed
from tests.support.server import Server
from tests.support.wire import Client

SEED = os.environ.get("CHAT_FUZZ_SEED", "20261123")
ROUNDS = int(os.environ.get("CHAT_FUZZ_ROUNDS", "1"))
CODES = {code.value for code in ErrorCode}
ENDS_THE_USER = frozenset(
    ["set_password", "logout", "admin_disable_user", "admin_reset_password", "hello", "login", "register", "sync"]
)


def everything(client: Client) -> list[dict[str, object]]:
    """All frames until the server closes. With bent ids there may be two answers to one, so they are read as bytes."""
    data = bytearray()
    client.socket.settimeout(10)
    try:
        while received := client.socket.recv(65536):
            data += received
    except ConnectionError:
        pass  # closed with bytes of ours unread
    frames = []
    at = 0
    while at + 4 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 4 + length <= len(data):
            frames.append(json.loads(data[at + 4 : at + 4 + length]))
        at += 4 + length
    return frames


def check_answer(answer: dict[str, object]) -> None:
    """An error has a code of the specification, and is no fault of the server's own."""
    if answer["type"] == "error":
        assert answer["code"] in CODES, answer
        assert answer["code"] != "internal", answer
        assert not any(word in str(answer["message"]) for word in ("Traceback", "SELECT", "sqlite", "/home", ".py")), (
            answer
        )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(4))
def test_requests_that_are_nearly_right(cast: People, server: Server, part: int) -> None:
    """Each request of a user, and of an admin, has one answer, whatever its fields hold (protocol.md 1)."""
    chance = random.Random(f"{SEED} requests {part}")
    alice, bob = cast.users("alice", "bob")
    group = cast.group(alice, bob)
    told = say(alice, f"#{group}", "something to be wrong about")["message_id"]
    known = [group, f"#{group}", bob.user, f"@{bob.user}", alice.user, told, bob.device_id, "owner", "online", "public"]
    for number in range(ROUNDS):
        client = cast.visitor()
        if (part + number) % 2:
            client.login(user="root", password="correct horse", device=f"d{number}")
        else:
            client = cast.again(bob)
        client.sync()
        for index in range(400):
            frame = request(chance, 1000 + index, known, leave_out=ENDS_THE_USER)
            client.send(frame)
            if index % 15 == 14:  # before the limit of errors closes the connection, which it may do
                try:
                    client.settle()
                except EOFError:
                    break
        for answer in client.answers.values():
            check_answer(answer)
        client.socket.close()
    assert say(alice, f"@{bob.user}", "still here")["seq"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_in", [False, True], ids=["before login", "after login"])
def test_bent_bytes(cast: People, is_in: bool) -> None:
    """Frames with changed bytes are answered with an error, or close the connection; nobody else notices."""
    chance = random.Random(f"{SEED} bytes {is_in}")
    alice, bob = cast.users("alice", "bob")
    for number in range(120 * ROUNDS):
        client = cast.again(bob) if is_in else cast.connect()
        for _ in range(5):
            frame = request(chance, number + 1, [f"@{alice.user}"], leave_out=frozenset(["logout", "set_password"]))
            client.send_bytes(bent(chance, frame))
        client.socket.shutdown(socket.SHUT_WR)
        for answer in everything(client):
            check_answer(answer)
        client.socket.close()
    assert say(alice, f"@{bob.user}", "still here")["seq"]


def test_a_frame_that_ends_early(cast: People) -> None:
    """Half a frame and the end of the connection: no event, no answer (B3)."""
    alice, bob = cast.users("alice", "bob")
    whole = packed(
        json.dumps(
            {"type": "private_message", "id": 9, "to": bob.user, "message_id": new_id(), "content": "half"}
        ).encode()
    )
    for length in range(1, len(whole), 7):
        client = cast.again(alice)
        client.send_bytes(whole[:length])
        client.socket.shutdown(socket.SHUT_WR)
        assert until_closed(client) == []
    say(alice, f"@{bob.user}", "whole")
    assert contents(history(alice, f"@{bob.user}")) == ["whole"]


def test_memory_before_login(cast: People, server: Server) -> None:
    """200 strangers that promise long frames, send a byte of them, or all but one, cost next to nothing (B2, B5)."""
    before = memory_kib(server)
    strangers = [cast.connect() for _ in range(200)]
    for number, stranger in enumerate(strangers):
        if number % 2:
            stranger.send_bytes(struct.pack(">I", 4096) + b"{" * 4095)
        else:
            stranger.send_bytes(struct.pack(">I", 0xFFFFFFFF) + b"x" * 1000)
    witness = cast.user()
    began = time.monotonic()
    witness.settle()
    assert time.monotonic() - began < 5
    assert memory_kib(server) - before < 200 * 16 + 4096


def test_deep_and_wide_json(cast: People) -> None:
    """JSON of 60 KiB that is as deep or as wide as can be is refused; others are answered meanwhile (B10, B16)."""
    alice = cast.user("alice")
    for payload in (
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"type":"ping","id":1,"x":[' + b",".join([b"{}"] * 20_000) + b"]}",
        b'{"type":"ping","id":1,"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"type":"search","id":1,"query":"' + b"\\u0000" * 9_000 + b'"}',
    ):
        client = cast.again(alice)
        client.send_bytes(packed(payload))
        client.socket.shutdown(socket.SHUT_WR)
        for frame in until_closed(client):
            check_answer(frame)
    alice.settle()


def test_forged_fields(cast: People) -> None:
    """Who sends, where in the log and when is the server's to say, whatever a client writes (B32)."""
    alice, bob, carol = cast.users("alice", "bob", "carol")
    ack = say(
        alice,
        f"@{bob.user}",
        "mine",
        sender=carol.user,
        sender_name="Carol",
        seq=77,
        timestamp=1,
        epoch="x",
        deleted=True,
    )
    (event,) = history(bob, f"@{alice.user}")
    assert (event["sender"], event["seq"], event["content"]) == (alice.user, ack["seq"], "mine")
    assert event["timestamp"] > 10**12
    for kind, fields in (
        ("edit", {"content": "not mine"}),
        ("delete", {}),
        ("react", {"emoji": "+1"}),
    ):
        code = refusal(carol, kind, message_id=new_id(), target=ack["message_id"], **fields)
        assert code == refusal(carol, kind, message_id=new_id(), target=new_id(), **fields) == "not_found"
    assert refusal(carol, "private_message", to=bob.user, message_id=ack["message_id"], content="mine") == "conflict"


def test_receipts_beyond_the_end(cast: People) -> None:
    """Positions beyond the log, in logs of others and of nobody, change nothing for anybody (B35)."""
    alice, bob, carol = cast.users("alice", "bob", "carol")
    conversation = f"#{cast.group(alice, bob, visibility='private')}"
    ack = say(alice, conversation, "hello")
    for seq in (2**53 - 1, 0, -1, 10**6):
        carol.send({"type": "received", "conversation": conversation, "seq": seq})
        bob.send({"type": "received", "conversation": conversation, "seq": seq})
        bob.send({"type": "received", "conversation": "#nowhere", "seq": seq})
    carol.settle()
    bob.settle()
    assert refusal(carol, "read", conversation=conversation, seq=1) == "not_found"
    again = cast.again(bob)
    synced = again.sync()
    (entry,) = [each for each in synced["conversations"] if each["conversation"] == conversation]
    assert entry["cursor"] <= entry["last_seq"] == ack["seq"]


def test_nothing_written_gets_into_the_log(cast: People, log_path: Path) -> None:
    """What people send does not stand in the server's log, and no line of it can be forged (B30)."""
    alice, bob = cast.users("alice", "bob")
    secret = "the-secret-of-this-test"
    say(alice, f"@{bob.user}", secret)
    for text in (f'{secret}\n{{"event":"forged"}}', f"{secret}\x1b[2J"):
        alice.ask("create_group", group=text, visibility="public", history="all")
        alice.ask("search", query=text)
        alice.ask(text)
    stranger = cast.connect()
    stranger.send_bytes(b"GET /the-secret-of-this-test HTTP/1.1\r\n\r\n")
    until_closed(stranger)
    log = log_path.read_text()
    assert secret not in log
    assert "forged" not in log
    assert all(json.loads(line) for line in log.splitlines())


def test_the_server_had_no_fault_of_its_own(cast: People, log_path: Path) -> None:
    """After all of this the log tells of no incident."""
    cast.user().settle()
    lines = [json.loads(line) for line in log_path.read_text().splitlines()]
    assert [line for line in lines if line["level"] in ("error", "critical")] == []


def test_clients_of_other_protocols(cast: People) -> None:
    """A browser, TLS, SSH and a port scanner are closed, with an error at most (B6)."""
    for first in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n",
        b"\r\n\r\n\r\n",
    ):
        client: Client = cast.connect()
        client.send_bytes(first)
        client.socket.shutdown(socket.SHUT_WR)
        assert [frame["code"] for frame in until_closed(client)] in ([], ["bad_frame"])
