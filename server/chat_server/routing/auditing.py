"""What stands in the audit log: each use of a right that not every user has, by whom and to whom.

Never what anybody says, nor a secret: names, roles, counts and message ids. Pure.
"""

from __future__ import annotations

from typing import Final, Literal

from chat_server.routing.context import Context
from chat_server.store.base import Audit

Action = Literal[
    "admin_delete_group",
    "admin_disable_user",
    "admin_reset_password",
    "admin_sessions",
    "admin_set_roles",
    "broadcast",
    "create_invite",
    "delete",
    "edit",
    "invite",
    "kick",
    "leave",
    "register",
    "set_password",
    "set_role",
    "set_title",
    "set_topic",
    "stats",
    "trace",
]
"""The request that did it."""

ACTIONS: Final[dict[Action, str]] = {
    "admin_delete_group": "an admin deleted a group",
    "admin_disable_user": "an admin locked an account out, or let it in again",
    "admin_reset_password": "an admin gave an account a new password",
    "admin_sessions": "an admin looked at who is connected, and from where",
    "admin_set_roles": "an admin gave an account its roles",
    "broadcast": "an admin spoke to everybody",
    "create_invite": "an admin, a moderator or the new server itself made an invite",
    "delete": "a moderator deleted a message of somebody else, or an admin an announcement",
    "edit": "an admin changed an announcement",
    "invite": "a moderator invited somebody to a private group",
    "kick": "a moderator ended a membership",
    "leave": "the last owner left, and somebody else owns the group now",
    "register": "an account was made with an invite, or is the first one and the admin",
    "set_password": "somebody changed their own password",
    "set_role": "an owner gave a member another role",
    "set_title": "a moderator changed a group's title",
    "set_topic": "a moderator changed a group's topic",
    "stats": "an admin set the statistics back",
    "trace": "an admin looked at the way of one message",
}
"""What each action means, for docs/operating.md."""


def audit(context: Context, actor: int, action: Action, *, if_appended: bool = False, **about: str | int) -> Audit:
    """The line that tells of ``action``, in the same commit as the action itself.

    ``if_appended`` where the write before it may turn out to be a repeat (:class:`~chat_server.store.base.Audit`).
    """
    detail = " ".join(f"{name}={value}" for name, value in about.items())
    return Audit(context.now_ms, actor, action, detail, if_appended)
