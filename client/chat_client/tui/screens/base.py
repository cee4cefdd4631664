"""What all dialogs share."""

from typing import Generic, TypeVar

from textual.screen import ModalScreen

__all__ = ["Dialog"]

T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """A box above the screen that ends with a result."""

    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (16, "-high")]  # noqa: RUF012 - Textual says so

    def finish(self, result: T) -> None:
        """Close with a result, soon."""
        _ = self.dismiss(result)
