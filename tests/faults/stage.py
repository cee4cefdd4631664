"""What every fault needs: a directory that stands for a disk, a server on it, the shim, and how much of it is done."""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.faults.checker import Finding
from tests.faults.crowd import Crowd
from tests.faults.power import Shim
from tests.support.server import ROOT, Server, command


class Report(Struct):
    """What came of a fault: what was found, and figures for people."""

    findings: list[Finding]
    figures: dict[str, int | float | str]


class Fault(Struct, frozen=True):
    """A kind of fault that can be done a number of times. ``run`` takes an empty directory, a seed and that number."""

    name: str
    what: str
    quick: int
    full: int
    run: Callable[[Path, str, int], Report]


FAULTS: Final[dict[str, Fault]] = {}
"""All faults by their names, in the order of their definition."""


def fault(name: str, quick: int, full: int) -> Callable[[Callable[[Path, str, int], Report]], Fault]:
    """Enter a function as a fault; the first line of its docstring tells people what is done."""

    def enter(run: Callable[[Path, str, int], Report]) -> Fault:
        FAULTS[name] = Fault(name, (run.__doc__ or "").splitlines()[0], quick, full, run)
        return FAULTS[name]

    return enter


class Stage:
    """A disk with one server. ``mirror`` lets it lose power; ``mutant`` runs a server with a promise broken."""

    def __init__(self, folder: Path, seed: str, *flags: str, mirror: bool = False, mutant: str = "") -> None:
        self.seed = seed
        self.random = random.Random(zlib.crc32(seed.encode()))
        root = folder / "disk"
        root.mkdir()
        self.shim = Shim(root, mirror=mirror)
        self.server = Server(root / "data", *flags, log_dir=folder)
        path = os.pathsep.join(str(ROOT / part) for part in ("", "protocol", "server"))
        self.server.variables = {**self.shim.variables, "PYTHONPATH": path}
        if mutant:
            self.server.program = [*command(module="tests.faults.mutants"), mutant]

    def __enter__(self) -> Stage:
        self.server.start()
        self.server.keep_port()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.kill9()

    def crowd(self, find: Callable[[], tuple[str, int]] | None = None) -> Crowd:
        """People on this server."""
        return Crowd(self.server, self.seed, find)

    def wait(self, low_s: float, high_s: float) -> float:
        """A random time between the two."""
        return self.random.uniform(low_s, high_s)
