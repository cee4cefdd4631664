"""The client that a face renders: one account at one server, online or not.

A face makes one :class:`ChatClient`, enters it, runs :meth:`ChatClient.run` as a task and draws what
:meth:`ChatClient.changes` yields. All methods are for the event loop's thread and none blocks it.

Methods come in three kinds. Plain methods act at once on the local state (open, shown, draft). ``async`` methods that write
(submit, edit, react, delete) return when the outbox has it on disk; the rest happens when there is a connection. All other
``async`` methods ask the server and raise :class:`~chat_client.core.errors.RequestError`, at once with code ``offline`` if
there is no connection.
"""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from chat_client.core.profile import Profile

from chat_client.core.accounts import Account, Credentials
from chat_client.core.answers import SearchPage
from chat_client.core.requests import Requests
from chat_client.core.state import ClientState, Gap, Member

__all__ = ["ChatClient"]


class ChatClient(Requests):
    """One account at one server. Enter it (``async with``) before anything else."""

    def __init__(
        self,
        account: Account,
        profile: Profile,
        *,
        credentials: Credentials | None = None,
        client_name: str = "chat-client/1.0",
        device: str = "",
    ) -> None:
        """Make a client; nothing is opened yet.

        Args:
            account: Whose client, where.
            profile: The directory that holds everything on disk.
            credentials: For the first login on this device; without them the profile's token is used.
            client_name: What ``hello`` tells the server, at most 64 characters.
            device: How this device is called in the list of devices; empty: the name of the machine.
        """

    async def __aenter__(self) -> Self:
        """Open the files and load the last known state: from here on :attr:`state` can be shown.

        Raises:
            ProfileInUse: Too many other processes work with this account.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is not written yet and close everything."""

    async def run(self) -> None:
        """Stay connected until :meth:`stop` or cancellation: connect, log in, catch up, and again after each loss.

        Waits between attempts grow from 0.5 s to 30 s, at random up to these; what the server asks for in
        ``retry_after_ms`` is waited at least. While :attr:`Link.status` is ``refused`` it waits for :meth:`sign_in`,
        :meth:`trust` or :meth:`retry_now`.
        """

    def stop(self) -> None:
        """Make :meth:`run` end soon. Nothing is lost: what is queued is on disk."""

    def retry_now(self) -> None:
        """Try to connect at once instead of waiting for the next attempt."""

    async def sign_in(self, credentials: Credentials) -> None:
        """Log in or register with these, now; returns when the session is open and its token is kept.

        Raises:
            RequestError: The server said no (``bad_credentials``, ``name_taken``, ``registration_closed``,
                ``bad_invite``, …), or there is no connection.
        """

    async def trust(self, fingerprint: str) -> None:
        """Pin the server's certificate and connect. ``fingerprint`` is the one that the user was shown and agreed to."""

    # ---- State ---------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> ClientState:
        """The newest state."""

    async def changes(self) -> AsyncIterator[ClientState]:
        """Yield the state now, and then again whenever it is another one.

        Changes are gathered: a burst of messages is one new state, and a slow reader gets the newest one only. Any
        number of readers.
        """

    def subscribe(self, callback: Callable[[ClientState], None]) -> Callable[[], None]:
        """Call ``callback`` with the new state once per turn of the event loop in which it changed.

        Returns:
            What to call to end it.
        """

    # ---- Acting on the local state ----------------------------------------------------------------------------------------

    def open(self, conversation: str) -> None:
        """Show this conversation: leaves the one that is open, sets the "n new" line, loads members and a first page.

        ``@user`` opens a private chat that does not exist yet.

        Raises:
            ValueError: It is no conversation, or not one of the user's.
        """

    def set_focus(self, focused: bool) -> None:
        """Tell whether the user is looking at the face at all; while not, what arrives goes below a "n new" line."""

    def shown(self, conversation: str, first_seq: int, last_seq: int) -> None:
        """Tell that the lines from ``first_seq`` to ``last_seq`` are, or were, on the screen and in focus.

        The read marker follows what was shown without a hole: nothing that was not shown is ever marked as read.
        """

    def mark_read(self, conversation: str) -> None:
        """Mark everything as read because the user said so (/read)."""

    def set_draft(self, conversation: str, text: str) -> None:
        """Keep a half-written text; it is on disk within 2 s."""

    def typing(self, conversation: str) -> None:
        """Tell the others that the user is typing; call it on every key, it is sent at most once in 3 s."""

    # ---- Writing -----------------------------------------------------------------------------------------------------------

    async def submit(self, conversation: str, text: str, *, reply_to: str | None = None) -> str:
        """Send a message, now or when there is a connection; it is shown as pending at once.

        Returns:
            Its ``message_id``, when the outbox has it on disk: from then on it is sent exactly once, in order, whatever
            happens to this process.

        Raises:
            RequestError: It cannot be sent at all: empty, too long, or no conversation to write to.
        """

    async def retry(self, message_id: str) -> None:
        """Send a failed message again, as the newest one of its conversation."""

    async def discard(self, message_id: str) -> None:
        """Throw away a message that failed or was never sent.

        Raises:
            RequestError: It is on its way or in the log already (``conflict``): delete it there.
        """

    async def edit(self, conversation: str, message_id: str, text: str) -> None:
        """Give one's own message another content."""

    async def delete(self, conversation: str, message_id: str) -> None:
        """Erase a message; one that was not sent yet is discarded."""

    async def react(self, conversation: str, message_id: str, emoji: str, *, removed: bool = False) -> None:
        """Add a reaction, or take one's own back."""

    # ---- Reading more --------------------------------------------------------------------------------------------------

    async def load_older(self, conversation: str, count: int = 100) -> bool:
        """Put up to ``count`` older events before the timeline, from the cache or the server.

        Returns:
            Whether there may be more. While it is asking, :attr:`Conversation.loading_older` is true; a second call
            meanwhile does nothing.
        """

    async def fill_gap(self, conversation: str, gap: Gap, *, newest_first: bool = True) -> None:
        """Load up to 200 events of a gap that is ``loadable``, from its newer or its older end."""

    async def load_around(self, conversation: str, seq: int) -> bool:
        """Load the events around ``seq`` (a search hit, a quoted message) with a gap between them and the others.

        Returns:
            Whether ``seq`` can be shown now.
        """

    async def load_members(self, conversation: str) -> tuple[Member, ...]:
        """Ask who is in a conversation and keep it in :attr:`Conversation.members`."""

    async def search(
        self,
        query: str,
        *,
        conversation: str | None = None,
        sender: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> SearchPage:
        """Find messages, newest first; without a connection, in what this device holds."""
