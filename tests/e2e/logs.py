"""The logs that are replayed: a small one of the project's own, and real ones where somebody has them."""

from __future__ import annotations

import os
from pathlib import Path

SMALL_LOG = Path(__file__).with_name("data") / "harbour.log"
"""A night in a harbour: several languages, odd nicks, pastes, bytes that are no UTF-8, controls, long lines."""
REAL_LOGS = sorted(Path(os.environ["CHAT_REPLAY_LOGS"]).glob("*.log")) if "CHAT_REPLAY_LOGS" in os.environ else []
"""``CHAT_REPLAY_LOGS`` names a directory with them; they are not part of the project."""
