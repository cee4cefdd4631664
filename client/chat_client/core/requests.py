"""Asking the server: one method for each request of protocol.md 6. What comes back is safe to show."""

from abc import ABC, abstractmethod
from typing import Any, cast

from msgspec import UNSET

from chat_client.core import answers
from chat_client.core.answers import Device, Group, Recipient
from chat_client.core.errors import RequestError
from chat_client.core.language import tr
from chat_client.core.state import ClientState, Person, PresenceState
from chat_client.core.text import Safe, safe_line
from chat_protocol import packets
from chat_protocol.names import group_name, user_name

__all__ = ["Requests"]


def _group(name: str) -> str:
    try:
        return group_name(name)
    except ValueError as error:
        raise RequestError(
            "bad_name", tr("#{name} is no name of a group: {error}").format(name=name.removeprefix("#"), error=error)
        ) from None


def _user(name: str) -> str:
    try:
        return user_name(name.removeprefix("@"))
    except ValueError as error:
        raise RequestError(
            "bad_name", tr("@{name} is no name of a user: {error}").format(name=name.removeprefix("@"), error=error)
        ) from None


class Requests(ABC):
    """The methods of a client that ask and wait for the answer.

    All raise :class:`~chat_client.core.errors.RequestError`; names are taken with or without ``#`` and ``@``.
    """

    @abstractmethod
    async def ask(self, request: type[packets.Request], /, **fields: Any) -> packets.Packet:
        """Send a request and return the answer.

        Raises:
            RequestError: The server refused, the answer did not come in time, or there is no connection.
        """

    async def _ok(self, request: type[packets.Request], /, **fields: Any) -> packets.Ok:
        return cast(packets.Ok, await self.ask(request, **fields))

    # ---- Groups -----------------------------------------------------------------------------------------------------

    async def create_group(
        self, group: str, title: str = "", *, private: bool = False, since_join: bool = False
    ) -> str:
        """Make a group and return its conversation; ``since_join``: new members see nothing from before they joined."""
        name = _group(group)
        await self._ok(
            packets.CreateGroup,
            group=name,
            title=title,
            visibility="private" if private else "public",
            history="since_join" if since_join else "all",
        )
        return f"#{name}"

    async def join(self, group: str) -> str:
        """Join a group and return its conversation."""
        name = _group(group)
        await self._ok(packets.Join, group=name)
        return f"#{name}"

    async def leave(self, group: str) -> None:
        """Leave a group."""
        await self._ok(packets.Leave, group=_group(group))

    async def invite(self, group: str, user: str) -> None:
        """Allow a user to join a private group."""
        await self._ok(packets.Invite, group=_group(group), user=_user(user))

    async def kick(self, group: str, user: str) -> None:
        """Take a member out of a group."""
        await self._ok(packets.Kick, group=_group(group), user=_user(user))

    async def set_role(self, group: str, user: str, role: str) -> None:
        """Make a member ``owner``, ``moderator`` or ``member``."""
        if role not in ("owner", "moderator", "member"):
            raise RequestError(
                "bad_request", tr("{role} is no role: expected owner, moderator or member").format(role=role)
            )
        await self._ok(packets.SetRole, group=_group(group), user=_user(user), role=role)

    async def set_topic(self, group: str, text: str) -> None:
        """Say what a group is about now; empty: nothing."""
        await self._ok(packets.SetTopic, group=_group(group), text=text)

    async def set_title(self, group: str, text: str) -> None:
        """Give a group another title."""
        await self._ok(packets.SetTitle, group=_group(group), text=text)

    async def groups(self, query: str = "", *, after: str = "", limit: int = 100) -> list[Group]:
        """List the groups that one may see, by name, after ``after``; at most 1,000 at once."""
        answer = await self._ok(packets.ListGroups, query=query, after=after, limit=limit)
        return [answers.group(info) for info in answer.groups or ()]

    async def users(self, query: str = "", *, after: str = "", limit: int = 100) -> list[Person]:
        """List the users of the server, by name, after ``after``; at most 1,000 at once."""
        answer = await self._ok(packets.ListUsers, query=query, after=after, limit=limit)
        return [answers.person(info) for info in answer.users or ()]

    # ---- Messages ---------------------------------------------------------------------------------------------------

    async def receipts(self, conversation: str, message_id: str) -> list[Recipient]:
        """Tell for each recipient of one's own message how far it got."""
        answer = await self._ok(packets.Receipts, conversation=conversation, target=message_id)
        return [answers.recipient(info) for info in answer.recipients or ()]

    async def mute(self, conversation: str, muted: bool = True) -> None:
        """Mute a conversation on all of the user's devices, or not any more."""
        await self._ok(packets.Mute, conversation=conversation, muted=muted)
        self._muted(conversation, muted)

    async def broadcast(self, text: str) -> None:
        """Announce something to everybody (admin)."""
        await self.ask(packets.PostBroadcast, message_id=self.new_id(), content=text)

    async def notify(self, user: str, text: str, kind: str = "note") -> None:
        """Put a notification into somebody's ``!notifications`` (admin, bot)."""
        await self.ask(packets.PostNotification, to=_user(user), message_id=self.new_id(), kind=kind, content=text)

    # ---- Oneself ----------------------------------------------------------------------------------------------------

    async def set_presence(self, state: PresenceState, text: str = "") -> None:
        """Tell the others ``online``, ``away`` or ``dnd``, with a few words; told again after each reconnection.

        It holds here at once: what comes together with the answer rings no bell any more.
        """
        presence, words = self.state.presence, self.state.status_text
        self._presence_chosen(state, text)
        try:
            await self._ok(packets.SetPresence, state=state, text=text)
        except BaseException:
            self._presence_chosen(presence, words)
            raise

    async def set_display_name(self, name: str) -> None:
        """Change one's display name, 1 to 64 characters of any script."""
        await self._ok(packets.SetProfile, display_name=name)
        self._renamed(safe_line(name))

    async def set_password(self, old: str, new: str) -> None:
        """Change one's password."""
        await self._ok(packets.SetPassword, old=old, new=new)

    async def devices(self) -> list[Device]:
        """List one's own devices."""
        answer = await self._ok(packets.ListDevices)
        return [answers.device(info) for info in answer.devices or ()]

    async def logout(self, device_id: str | None = None) -> None:
        """Revoke the token of a device; without one, this device's: the link is refused from then on."""
        await self._ok(packets.Logout, device_id=UNSET if device_id is None else device_id)
        if device_id is None:
            await self._logged_out()

    # ---- Administration ---------------------------------------------------------------------------------------------

    async def create_invite(self, group: str | None = None, *, uses: int = 1, expires_in_s: int = 604_800) -> str:
        """Make an invite code for this server, and for ``group`` if named."""
        answer = await self._ok(
            packets.CreateInvite,
            group=UNSET if group is None else _group(group),
            uses=uses,
            expires_in_s=expires_in_s,
        )
        return str(safe_line(answer.invite or ""))

    async def stats(self, *, reset: bool = False) -> dict[Safe, Any]:
        """Return the server's route statistics (admin)."""
        answer = await self._ok(packets.Stats, reset=reset)
        return cast(dict[Safe, Any], answers.safe_tree(answer.stats or {}))

    async def lock_out(self, user: str, locked: bool = True) -> None:
        """Lock an account out, or let it in again (admin)."""
        await self._ok(packets.AdminDisableUser, user=_user(user), disabled=locked)

    async def reset_password(self, user: str) -> Safe:
        """Give an account a new password, log its devices out, and return it: it is told only here (admin)."""
        answer = await self._ok(packets.AdminResetPassword, user=_user(user))
        return safe_line(answer.password or "")

    async def set_roles(self, user: str, roles: list[str]) -> None:
        """Give an account all the roles that it has from now on, of ``admin`` and ``bot`` (admin)."""
        await self._ok(packets.AdminSetRoles, user=_user(user), roles=roles)

    async def delete_group(self, group: str) -> None:
        """Delete a group with its log; it cannot be undone (admin)."""
        await self._ok(packets.AdminDeleteGroup, group=_group(group))

    async def sessions(self) -> list[packets.SessionInfo]:
        """List the connections that are logged in (admin). Their texts are as the server sent them."""
        return (await self._ok(packets.AdminSessions)).sessions or []

    async def audit(self, *, limit: int = 100) -> list[packets.AuditEntry]:
        """List the newest lines of the audit log (admin), at most 1,000. Their texts are as the server sent them."""
        return (await self._ok(packets.AdminAudit, limit=limit)).audit or []

    # ---- What the client does besides -------------------------------------------------------------------------------

    @abstractmethod
    def new_id(self) -> str:
        """Return a new message id (UUIDv7)."""

    @abstractmethod
    def _muted(self, conversation: str, muted: bool) -> None: ...

    @property
    @abstractmethod
    def state(self) -> ClientState:
        """What is known now."""

    @abstractmethod
    def _presence_chosen(self, state: PresenceState, text: str) -> None: ...

    @abstractmethod
    def _renamed(self, name: Safe) -> None: ...

    @abstractmethod
    async def _logged_out(self) -> None: ...
