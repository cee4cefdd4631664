"""``chat-server top``: the routing as it happens. Textual draws it; what is drawn is made by ``figures``."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static

from chat_protocol.packets import Stats
from chat_server.console.figures import top_lines
from chat_server.console.link import ConsoleError, Link

PERIOD_S = 1.0
"""How often the server is asked."""


class Top(App[int]):
    """Lanes, rates, times, threads, connections and retries of the server on a data directory."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #title { height: 1; background: $primary 20%; }
    #body { padding: 1 1 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("r", "reset", "count anew"),
        Binding("space", "pause", "pause"),
    ]

    def __init__(self, data_path: Path) -> None:
        super().__init__()
        self.title = "chat-server top"
        self._data_path = data_path
        self._number = 0
        self._before: tuple[float, dict[str, object]] | None = None
        self._is_paused = False
        self._is_resetting = False
        self._is_asking = False

    def compose(self) -> ComposeResult:
        """One line of title, the figures, the keys."""
        yield Static(f" chat-server on {self._data_path}", id="title", markup=False)
        with VerticalScroll():
            yield Static("asking …", id="body", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Ask at once and then every second."""
        self._ask()
        self.set_interval(PERIOD_S, self._ask)

    def action_reset(self) -> None:
        """Have the server count anew."""
        self._is_resetting = True
        self._ask()

    def action_pause(self) -> None:
        """Leave on the screen what is there, or go on."""
        self._is_paused = not self._is_paused

    def _ask(self) -> None:
        if not self._is_asking and not self._is_paused:
            self._is_asking = True
            reset, self._is_resetting = self._is_resetting, False
            self._look(reset)

    @work(thread=True)
    def _look(self, reset: bool) -> None:
        """Ask in a thread: a server that does not answer must not freeze the screen."""
        self._number += 1
        try:
            with Link(self._data_path) as link:
                answer = link.ask(Stats(self._number, reset)).stats
        except ConsoleError as error:
            self.call_from_thread(self._show_problem, str(error))
        else:
            self.call_from_thread(self._show, answer, reset)

    def _show(self, stats: dict[str, object], reset: bool) -> None:
        self._is_asking = False
        now, before = monotonic(), self._before
        self._before = None if reset else (now, stats)
        if before is not None:
            lines = top_lines(stats, before[1], max(0.1, now - before[0]))
            self.query_one("#body", Static).update("\n".join(lines))

    def _show_problem(self, text: str) -> None:
        self._is_asking = False
        self._before = None
        self.query_one("#body", Static).update(f"{text}\n\nIt is asked again every second.")
