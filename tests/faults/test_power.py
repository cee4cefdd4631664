"""Loss of power: what was not synced is gone, and nothing that was acknowledged (docs/protocol.md, section 5)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.faults.clients import Headless
from tests.faults.crowd import Crowd
from tests.faults.power import LOSSES, Loss, Shim
from tests.support.people import People
from tests.support.server import Server


@pytest.mark.parametrize("loss", LOSSES)
def test_a_new_server_survives(tmp_path: Path, loss: Loss) -> None:
    """The first minute of a server's life is as safe as any other: its directories are on the disk, too."""
    root = tmp_path / "disk"
    root.mkdir()
    shim = Shim(root, mirror=True)
    server = Server(root / "new" / "data", log_dir=tmp_path)
    server.variables = shim.variables
    server.start()
    server.keep_port()
    try:
        with Crowd(server, f"first {loss}") as crowd:
            crowd.start()
            crowd.talk_until(50)
            server.kill9()
            shim.lose_power(loss, random.Random(f"first {loss}"))
            crowd.fault(loss)
            server.start()
            assert crowd.finish() == []
    finally:
        server.kill9()


def test_a_new_certificate_survives(tmp_path: Path) -> None:
    """The certificate that clients pinned in the first minute is the server's after a loss of power, too."""
    root = tmp_path / "disk"
    root.mkdir()
    shim = Shim(root, mirror=True)
    server = Server(root / "data", insecure=False, log_dir=tmp_path)
    server.variables = shim.variables
    try:
        server.start()
        pinned = server.ready[3]
        server.kill9()
        shim.lose_power("entries", random.Random(1))
        server.start()
        assert server.ready[3] == pinned
        server.terminate()
    finally:
        server.kill9()


def test_a_new_outbox_survives(tmp_path: Path, start_server: StartServer) -> None:
    """What a client says it keeps is kept, also where its directories are new: messages and the device's token."""
    server = start_server()
    people = People(server.address)
    alice, bob = people.users("alice", "bob")
    people.close()
    root = tmp_path / "disk"
    root.mkdir()
    shim = Shim(root, mirror=True)
    client = Headless(root, server.address, bob.user, bob.password)
    client.variables = shim.variables
    client.start()
    server.kill9()
    client.write(f"@{alice.user}", "written in the dark")
    client.wait_kept()
    client.kill()
    shim.lose_power("entries", random.Random(1))
    assert client.unsent() == 1
    (accounts,) = root.glob("profile/accounts.json")
    assert json.loads(accounts.read_text())["accounts"][0]["token"]
