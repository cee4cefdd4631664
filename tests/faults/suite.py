"""All faults, and how to do one again."""

from __future__ import annotations

from typing import Final

from tests.faults import clients, copies, disks, ends, loads, members, networks

SEED: Final = 20261123
"""The seed of the quick profile; ``--seed`` gives another."""
MODULES: Final = (ends, disks, networks, loads, clients, copies, members)
"""Importing a module enters its faults."""


def repeat(name: str, seed: int, profile: str = "quick") -> str:
    """The command that does one fault again in the same way."""
    return f"python -m tests.faults --profile {profile} --seed {seed} --only {name}"
