"""The list of offers beside the word that is being typed. It never takes the focus."""

from rich.cells import cell_len
from textual.geometry import Offset

from chat_client.core.completion import Candidate, Completion
from chat_client.tui.drawing import Row
from chat_client.tui.looks import Looks
from chat_client.tui.panes import row_width
from chat_client.tui.widgets.rows import RowList

__all__ = ["CompletionPopup"]


class CompletionPopup(RowList):
    """Offers for a word; the composer moves its cursor."""

    DEFAULT_CSS = """
    CompletionPopup {
        overlay: screen;
        constrain: inside inside;
        display: none;
        background: $panel;
        scrollbar-size-vertical: 0;
    }
    """

    def __init__(self, looks: Looks, *, id: str | None = None) -> None:  # noqa: A002 - Textual calls it so
        super().__init__(looks, id=id, can_focus=False)
        self._completion = Completion(0, 0)
        self.was_moved = False
        """Whether the user has moved the cursor since the offers came: then Enter takes one."""

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose from."""
        return bool(self.display)

    @property
    def completion(self) -> Completion:
        """What is offered."""
        return self._completion

    @property
    def choice(self) -> int:
        """The place of the offer under the cursor."""
        return int(self.highlighted or 0)

    def open(self, completion: Completion, at: Offset) -> None:
        """Show offers above the cell ``at`` of the screen, or close where there are none."""
        if not completion.candidates:
            self.close()
            return
        labels = max(cell_len(offer.label) for offer in completion.candidates)
        rows = [
            Row(str(place), ((f" {offer.label}", "text"), (_detail(offer, labels), "dim")))
            for place, offer in enumerate(completion.candidates)
        ]
        is_same = self.is_open and completion.start == self._completion.start
        if not is_same:
            self.was_moved = False
        self._completion = completion
        width = min(max(max(row_width(row) for row in rows) + 2, 16), 72, self.app.size.width)
        self.set_rows(rows)
        if not self.was_moved:
            self.to_first()
        height = max(min(len(rows), at.y), 1)  # never over what is being written
        self.styles.width, self.styles.height = width, height
        self.absolute_offset = Offset(max(min(at.x - 1, self.app.size.width - width), 0), max(at.y - height, 0))
        self.display = True
        self.refresh(layout=True)

    def close(self) -> bool:
        """Offer nothing; return whether something was offered."""
        was_open = self.is_open
        self.display = False
        self.was_moved = False
        return was_open


def _detail(offer: Candidate, labels: int) -> str:
    """Return what is told of an offer, in a column of its own."""
    return f"{' ' * (labels - cell_len(offer.label))}  {offer.detail} " if offer.detail else ""
