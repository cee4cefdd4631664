"""Loss of power: what was not synced is gone, and nothing that was acknowledged (docs/protocol.md, section 5)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.crowd import Crowd
from tests.faults.power import LOSSES, Loss, Shim
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
