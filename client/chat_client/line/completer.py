"""What Tab offers: the core's candidates and this client's own commands."""

from collections.abc import Callable, Iterable
from typing import Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from chat_client.core.completion import complete
from chat_client.core.state import ClientState
from chat_client.line.talk import LOCAL_COMMANDS

__all__ = ["CoreCompleter"]

MAX_OFFERS: Final = 50


class CoreCompleter(Completer):
    """Asks the core. ``state`` is called for each question; nothing here waits."""

    def __init__(self, state: Callable[[], ClientState]) -> None:
        self._state = state

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield offers for the word before the caret, the best first."""
        text, caret = document.text, document.cursor_position
        if text.startswith("/go "):
            text, caret = f"/open{text[3:]}", caret + 2
        found = complete(text, caret, self._state(), limit=MAX_OFFERS)
        for offer in found.candidates:
            yield Completion(offer.text, found.start - caret, display=offer.label, display_meta=offer.detail)
        word = text[:caret]
        if word.startswith("/") and " " not in word:
            for name, summary in LOCAL_COMMANDS.items():
                if name.startswith(word[1:]):
                    yield Completion(f"/{name} ", -len(word), display=f"/{name}", display_meta=summary)
