"""Each fault some times (the quick profile); ``make faults-full`` does them more often."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.stage import FAULTS
from tests.faults.suite import SEED, repeat


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", FAULTS)
def test_fault(tmp_path: Path, name: str) -> None:
    """Whatever is done to it, every promise of docs/reliability.md is kept."""
    report = FAULTS[name].run(tmp_path, f"{SEED} {name}", FAULTS[name].quick)
    assert not report.findings, f"again: {repeat(name, SEED)}\n" + "\n".join(map(str, report.findings))
