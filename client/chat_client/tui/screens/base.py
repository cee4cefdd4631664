"""What all dialogs share."""

from typing import Final, Generic, TypeVar

from textual.screen import ModalScreen

__all__ = ["LOW_ROWS", "Dialog"]

LOW_ROWS: Final = 12
"""Rows of a screen below which a dialog takes all of it."""
T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """A box above the screen that ends with a result."""

    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (LOW_ROWS, "-high")]  # noqa: RUF012 - Textual says so

    def finish(self, result: T) -> None:
        """Close with a result, soon."""
        _ = self.dismiss(result)
