"""How much of the CPU each thread of this process has used. Linux tells; elsewhere there is nothing to tell."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_TASKS = Path("/proc/self/task")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


def cpu_seconds() -> dict[str, float]:
    """Seconds of CPU by the thread's name. Any thread."""
    found: dict[str, float] = {}
    for thread in threading.enumerate():
        try:
            stat = (_TASKS / str(thread.native_id) / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        found[thread.name] = round((int(fields[11]) + int(fields[12])) * _TICK_S, 2)
    return found
