"""Too many at once: readers that have stopped, herds that come back, storms of logins, no descriptors left."""

from __future__ import annotations

import resource
import socket
import struct
import threading
import time
from pathlib import Path

from tests.faults.stage import Report, Stage, fault
from tests.support.people import People, contents, events_in, history, say, start_say
from tests.support.server import Server
from tests.support.wire import Client


def memory_kib(server: Server) -> int:
    """The resident memory of the server."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def cpu_ticks(server: Server) -> int:
    """The CPU that the server has used."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@fault("stopped", quick=50, full=200)
def stopped(folder: Path, seed: str, count: int) -> Report:
    """Readers that log in, sync and read nothing more: the others' acks come, and memory is bounded (X15)."""
    with Stage(folder, seed, "--max-connections-per-user", "1000", "--max-devices-per-user", "1000") as stage:
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        stuck = []
        for _ in range(count):
            client = people.connect(receive_buffer_bytes=4096)
            client.hello()
            client.login(user=bob.user, password=bob.password, device="stuck")
            client.sync(limit=0)
            stuck.append(client)
        conversation = f"@{bob.user}"
        before = memory_kib(stage.server)
        slowest = 0.0
        sent = 0
        until = time.monotonic() + 20
        while sent < 2_000 and time.monotonic() < until:
            requests = [start_say(alice, conversation, "x" * 4_000) for _ in range(50)]
            began = time.monotonic()
            assert all(alice.answer(request)["type"] == "ack" for request in requests)
            slowest = max(slowest, time.monotonic() - began)
            bob.settle()
            sent += len(requests)
        grown = memory_kib(stage.server) - before
        # 256 KiB may lie unsent for each, a page more, and the cache of recent events
        assert grown < 64 * 1024 + count * 1024, f"{grown} KiB more"
        assert len(history(alice, conversation)) == sent
        people.close()
    return Report(
        [], {"readers": count, "messages": sent, "KiB more": grown, "slowest 50 acks in s": round(slowest, 3)}
    )


@fault("herd", quick=300, full=1000)
def herd(folder: Path, seed: str, count: int) -> Report:
    """Everybody comes back by token at once after a kill, with a backlog (X16)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * count)), hard))
    with Stage(folder, seed, "--max-connections-per-user", "100000", "--max-devices-per-user", "100000") as stage:
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        tokens = []
        for _ in range(count):
            client = people.device(bob, sync=False)
            tokens.append(client.token)
            client.socket.close()
        for number in range(100):
            say(alice, f"@{bob.user}", f"{number}")
        stage.server.kill9()
        stage.server.start()
        began = time.monotonic()
        clients = [Client(socket.create_connection(stage.server.address, timeout=15), 15) for _ in tokens]
        opening = [(client, client.start("hello", protocol=1, client="herd/1")) for client in clients]
        assert all(client.answer(request)["type"] == "welcome" for client, request in opening)
        opening = [(client, client.start("login", token=token)) for client, token in zip(clients, tokens, strict=True)]
        sessions = [client.answer(request) for client, request in opening]
        assert all(session["type"] == "session" for session in sessions), sessions[0]
        opening = [(client, client.start("sync", epoch=sessions[0]["epoch"], limit=None)) for client in clients]
        for client, request in opening:
            assert client.answer(request)["type"] == "synced"
        for client in clients:
            while len(contents(events_in(client.pushes, f"@{alice.user}"))) < 100:
                client.receive()
            client.socket.close()
        took = time.monotonic() - began
        people.close()
    return Report([], {"clients": count, "seconds until all have all": round(took, 1)})


@fault("logins", quick=100, full=200)
def logins(folder: Path, seed: str, count: int) -> Report:
    """A storm of logins by password: each is answered, and the acks of others come meanwhile (X17)."""
    with Stage(folder, seed, "--max-devices-per-user", "100000", "--max-connections-per-user", "100000") as stage:
        stage.server.kill9()
        stage.server.variables |= {"CHAT_SERVER_ARGON2_MEMORY_KIB": "19456", "CHAT_SERVER_ARGON2_TIME_COST": "2"}
        stage.server.start()
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        visitors = [people.visitor() for _ in range(count)]
        for visitor in visitors:
            visitor.deadline_s = 40.0
        storm = [
            (visitor, visitor.start("login", user=bob.user, password=bob.password, device="storm"))
            for visitor in visitors
        ]
        acks = 0
        answers: list[str] = []

        def collect() -> None:
            for visitor, request in storm:
                answers.append(visitor.answer(request)["type"])

        collector = threading.Thread(target=collect)
        collector.start()
        while collector.is_alive():
            say(alice, f"@{bob.user}", "meanwhile")
            acks += 1
            collector.join(0.02)
        assert len(answers) == count
        assert acks > 1
        people.close()
    return Report([], {"logins": answers.count("session"), "refused": answers.count("error"), "acks meanwhile": acks})


@fault("descriptors", quick=1, full=5)
def descriptors(folder: Path, seed: str, count: int) -> Report:
    """No file descriptor is left: who is connected goes on, nothing spins, and all is well when some are free (X13)."""
    busy = 0.0
    with Stage(folder, seed) as stage:
        pid = stage.server.pid
        assert pid is not None
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64))
        people = People(stage.server.address)
        alice, bob = people.users("alice", "bob")
        for _ in range(count):
            crowd = [socket.create_connection(stage.server.address, timeout=5) for _ in range(200)]
            for number in range(20):
                say(alice, f"@{bob.user}", f"{number}")
            before, began = cpu_ticks(stage.server), time.monotonic()
            bob.settle()
            time.sleep(0.5)
            busy = max(busy, (cpu_ticks(stage.server) - before) / 100 / (time.monotonic() - began))
            assert history(bob, f"@{alice.user}")
            for each in crowd:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.close()
            people.user("later")
        people.close()
    assert busy < 0.5, f"{busy:.0%} of a CPU while nothing can be accepted"
    return Report([], {"times": count, "CPU while none is free": f"{busy:.0%}"})
