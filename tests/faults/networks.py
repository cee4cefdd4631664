"""Faults of the network, done by the proxy, and clients that say everything more than once."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tests.faults.proxy import Proxy, Weather
from tests.faults.stage import Report, Stage, fault
from tests.support.people import People, history, new_id, say, start_say
from tests.support.wire import Client

STORMS = (
    Weather(cut_at=(1, 3_000)),
    Weather(piece=(1, 3), cut_at=(500, 20_000)),
    Weather(piece=(1, 200), delay_s=(0.0, 0.02), cut_at=(1_000, 50_000)),
    Weather(delay_s=(0.02, 0.1), cut_at=(1_000, 100_000)),
    Weather(holes_up=True),
    Weather(holes_down=True),
    Weather(holes_up=True, holes_down=True),
)


@fault("network", quick=14, full=200)
def network(folder: Path, seed: str, count: int) -> Report:
    """Delays, pieces of a byte, resets at random bytes, silence in one direction or both (X9, X10)."""
    with (
        Stage(folder, seed) as stage,
        Proxy(lambda: stage.server.address, seed) as proxy,
        stage.crowd(lambda: proxy.address) as crowd,
    ):
        crowd.start()
        for number in range(count):
            crowd.talk_until(30)
            proxy.weather = STORMS[number % len(STORMS)]
            crowd.fault(f"network: {proxy.weather}")
            for talker in crowd.talkers:
                talker.hang_up.set()
            time.sleep(stage.wait(0.4, 1.0))
            proxy.calm()
        findings = crowd.finish()
    connections = sum(talker.connections for talker in crowd.talkers)
    return Report(findings, {"storms": count, "cut": proxy.cuts, "connections": connections, "acked": crowd.acked})


@fault("cut", quick=1, full=5)
def cut(folder: Path, seed: str, count: int) -> Report:
    """A session is cut at each of its bytes; what was not acknowledged is sent again, and stands there once (X10)."""
    cuts = 0
    findings: list[str] = []
    with Stage(folder, seed) as stage:
        people = People(stage.server.address)
        alice, bob = people.user("alice"), people.user("bob")
        with Proxy(lambda: stage.server.address, seed) as proxy:
            for _ in range(count):
                group = people.group(alice, bob)
                sent: list[str] = []
                byte = 1
                while True:
                    proxy.weather = Weather(cut_at=(byte, byte))
                    message_id = new_id()
                    sent.append(message_id)
                    is_through = _session(proxy.address, alice.token, group, message_id)
                    proxy.weather = Weather()
                    say(alice, f"#{group}", "through everything", message_id=message_id)
                    byte += 1
                    cuts += 1
                    if is_through:
                        break
                stored = [event["message_id"] for event in history(bob, f"#{group}") if event["sender"] == alice.user]
                if stored != sent:
                    findings.append(f"{len(sent)} were sent, {len(stored)} are stored")
        people.close()
    assert not findings, findings
    return Report([], {"cuts": cuts})


def _session(address: tuple[str, int], token: str, group: str, message_id: str) -> bool:
    """Say hello, log in, sync and send; True if the ack came before the cut."""
    with socket.create_connection(address, timeout=10) as connection:
        client = Client(connection)
        try:
            client.hello()
            client.login(token=token)
            client.sync(limit=0)
            request = start_say(client, f"#{group}", "through everything", message_id=message_id)
            return str(client.answer(request)["type"]) == "ack"
        except (EOFError, OSError):
            return False


@fault("replay", quick=3, full=30)
def replay(folder: Path, seed: str, count: int) -> Report:
    """Every frame of a send is written one to three times, through kills of the server (X11)."""
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        for number, talker in enumerate(crowd.talkers):
            talker.repeats = 1 + number % 3
        crowd.start()
        for _ in range(count):
            crowd.talk_until(300)
            stage.server.kill9()
            crowd.fault("kill")
            stage.server.start()
        findings = crowd.finish()
    return Report(findings, {"kills": count, "acked": crowd.acked})
