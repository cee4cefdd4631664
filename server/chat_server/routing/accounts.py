"""Accounts, logins, devices and invites (protocol.md 4, 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from chat_protocol import names, packets
from chat_protocol.errors import ErrorCode
from chat_protocol.limits import PROTOCOL_VERSION
from chat_server.routing import access, groups
from chat_server.routing.auditing import audit
from chat_server.routing.context import Context, secret_hash
from chat_server.routing.directory import ADMIN, Conversation, User
from chat_server.routing.effects import (
    Commit,
    Compute,
    Disconnect,
    Effect,
    HangUp,
    Opened,
    Reply,
    Step,
    refuse,
)
from chat_server.routing.guessing import network_of
from chat_server.routing.session import Session
from chat_server.store.base import (
    AT_HEAD,
    Audit,
    DeviceRow,
    DropDevice,
    InviteRow,
    MarkRead,
    PutDevice,
    PutInvite,
    PutUser,
)

_TOKEN_BYTES: Final = 32
_INVITE_BYTES: Final = 16
_BAD_CREDENTIALS: Final = "the name and password, or the token, are not right"
_TOO_MANY_GUESSES: Final = "too many passwords were wrong: wait, then try again"


def hello(context: Context, session: Session, request: packets.Hello) -> list[Effect]:
    """Agree on the version."""
    if request.protocol != PROTOCOL_VERSION:
        return [
            HangUp(
                packets.Error(
                    code=ErrorCode.PROTOCOL_VERSION,
                    message=f"this server speaks version {PROTOCOL_VERSION} of the protocol, not {request.protocol}",
                    re=request.id,
                )
            )
        ]
    session.is_greeted = True
    session.client = request.client
    rules = context.rules
    welcome = packets.Welcome(
        re=request.id,
        protocol=PROTOCOL_VERSION,
        server=rules.server,
        name=rules.name,
        registration=rules.registration,
        max_frame=rules.max_frame_before_login,
        time=context.now_ms,
    )
    return [Reply(welcome)]


# ---- registration --------------------------------------------------------------------------------------------------


def register(context: Context, session: Session, request: packets.Register) -> list[Effect]:
    """Make an account and log in. All is checked twice.

    Before the slow hash, and after it, when another may have been faster.
    """
    refusal = _registration_refusal(context, request) or _register_rate(context, session, request.id)
    if refusal:
        return refusal
    session.is_opening = True
    password = request.password

    def made(password_hash: str) -> list[Effect]:
        session.is_opening = False
        return _registration_refusal(context, request) or _register(context, session, request, password_hash)

    return [Compute(request.id, lambda: context.passwords.hash(password), made)]


def _registration_refusal(context: Context, request: packets.Register) -> list[Effect]:
    directory = context.directory
    if context.rules.registration == "closed" and directory.users:
        message = "this server takes no new accounts: ask its admin"
        return refuse(request.id, ErrorCode.REGISTRATION_CLOSED, message)
    if context.rules.registration != "open" and _invite(context, request.invite) is None:
        if request.invite is UNSET:
            message = "an invite is needed to register: ask somebody on this server for one"
            return refuse(request.id, ErrorCode.REGISTRATION_CLOSED, message, field="invite")
        message = "the invite is unknown, used up or expired: ask for a new one"
        return refuse(request.id, ErrorCode.BAD_INVITE, message, field="invite")
    try:
        name = names.new_name(request.user)
    except names.BadName as error:
        return refuse(request.id, ErrorCode.BAD_NAME, str(error), field="user")
    if not directory.is_user_name_free(name):
        message = f"{name} is in use, or looks like a name that is: choose another"
        return refuse(request.id, ErrorCode.NAME_TAKEN, message, field="user")
    return []


def _register_rate(context: Context, session: Session, re: int) -> list[Effect]:
    """The refusal of one more account where everybody may make one: an invite is a limit of its own."""
    if context.rules.registration != "open" or context.registrations is None:
        return []
    wait_ms = context.registrations.take(network_of(session.address), context.now_ms)
    if not wait_ms:
        return []
    message = "too many accounts were made from your address: wait, then try again"
    return refuse(re, ErrorCode.RATE_LIMITED, message, retry_after_ms=wait_ms)


def _invite(context: Context, code: str | UnsetType) -> InviteRow | None:
    """The invite that ``code`` stands for, if it is still good."""
    if code is UNSET:
        return None
    invite = context.directory.invites.get(secret_hash(code))
    if invite is None or invite.uses_left < 1 or invite.expires_ms <= context.now_ms:
        return None
    return invite


def _register(context: Context, session: Session, request: packets.Register, password_hash: str) -> list[Effect]:
    directory = context.directory
    user = User(
        id=directory.next_user_id(),
        name=names.new_name(request.user),
        display_name=request.user if request.display_name is UNSET else request.display_name,
        password_hash=password_hash,
        roles=() if directory.users else (ADMIN,),
        created_ms=context.now_ms,
    )
    directory.add_user(user)
    steps: list[Step] = [
        PutUser(user.row()),
        MarkRead(user.id, directory.announcements.id, AT_HEAD, context.now_ms),
    ]
    invite = _invite(context, request.invite)
    if invite is not None:
        invite = replace(invite, uses_left=invite.uses_left - 1)
        directory.invites[invite.code_hash] = invite
        steps.append(PutInvite(invite))
        group = None if invite.group is None else directory.conversations.get(invite.group)
        if group is not None:
            steps += groups.enter(context, group, user)
        steps.append(_redeemed(context, user, invite, group))
    elif user.roles:
        steps.append(audit(context, user.id, "register", user=user.name, roles=ADMIN))
    return _open(context, session, user, request.id, request.device, steps)


def _redeemed(context: Context, user: User, invite: InviteRow, group: Conversation | None) -> Audit:
    maker = context.directory.users.get(invite.created_by)
    return audit(
        context,
        user.id,
        "register",
        user=user.name,
        invited_by="server" if maker is None else maker.name,
        roles=",".join(user.roles) or "-",
        group="-" if group is None else group.key,
    )


# ---- login ---------------------------------------------------------------------------------------------------------


def login(context: Context, session: Session, request: packets.Login) -> list[Effect]:
    """Log in by token or by password."""
    if request.token is not UNSET:
        return _login_by_token(context, session, request.id, request.token)
    if request.user is UNSET or request.password is UNSET:
        missing = "user" if request.user is UNSET else "password"
        message = "a login names a token, or a user and a password"
        return refuse(request.id, ErrorCode.BAD_REQUEST, message, field=missing)
    user = context.directory.user(request.user)
    account, network = request.user.lower() if user is None else user.name, network_of(session.address)
    wait_ms = context.guesses.begin(account, network, context.now_ms)
    if wait_ms:
        return refuse(request.id, ErrorCode.RATE_LIMITED, _TOO_MANY_GUESSES, retry_after_ms=wait_ms)
    session.is_opening = True
    password, known_hash = request.password, context.passwords.dummy if user is None else user.password_hash

    def verified(is_right: bool) -> list[Effect]:
        session.is_opening = False
        now = None if user is None else context.directory.users.get(user.id)
        # meanwhile the account may have been disabled, or the password taken away
        if not is_right or now is None or now.disabled or now.password_hash != known_hash:
            return refuse(request.id, ErrorCode.BAD_CREDENTIALS, _BAD_CREDENTIALS)
        context.guesses.succeed(account, network, context.now_ms)
        return _too_many(context, now, request.id) or _open(context, session, now, request.id, request.device, [])

    return [Compute(request.id, lambda: context.passwords.verify(known_hash, password), verified)]


def _login_by_token(context: Context, session: Session, re: int, token: str) -> list[Effect]:
    device = context.directory.tokens.get(secret_hash(token))
    user = None if device is None else context.directory.users[device.user]
    if device is None or user is None or user.disabled:
        return refuse(re, ErrorCode.BAD_CREDENTIALS, _BAD_CREDENTIALS)
    refusal = _too_many(context, user, re)
    if refusal:
        return refusal
    session.user, session.device = user.id, device.id
    seen = replace(device, last_seen_ms=context.now_ms)
    context.directory.put_device(seen)
    return [Opened(), Reply(_session_packet(context, user, re, device.id, UNSET))]


def _too_many(context: Context, user: User, re: int) -> list[Effect]:
    """The refusal of one more connection of ``user``."""
    if user.connections < context.rules.max_connections_per_user:
        return []
    message = f"you are connected {user.connections} times already: close one first"
    return refuse(re, ErrorCode.QUOTA, message)


def _open(context: Context, session: Session, user: User, re: int, device_name: str, steps: list[Step]) -> list[Effect]:
    """Log in as a new device; the answer is sent once the token is stored."""
    token = context.new_secret(_TOKEN_BYTES)
    device = DeviceRow(
        id=context.new_id(),
        user=user.id,
        name=device_name,
        token_hash=secret_hash(token),
        created_ms=context.now_ms,
        last_seen_ms=context.now_ms,
    )
    effects: list[Effect] = []
    known = context.directory.devices_of(user.id)
    for old in known[context.rules.max_devices_per_user - 1 :]:
        steps = [*steps, *_revoke(context, old.id)]
        effects.append(_disconnect(old, "the oldest of too many devices was logged out"))
    context.directory.put_device(device)
    session.user, session.device = user.id, device.id
    opened = Reply(_session_packet(context, user, re, device.id, token))
    return [Commit((*steps, PutDevice(device)), (Opened(), opened)), *effects]


def _session_packet(
    context: Context, user: User, re: int, device: str, token: str | UnsetType
) -> packets.SessionOpened:
    return packets.SessionOpened(
        re=re,
        user=user.name,
        display_name=user.display_name,
        device_id=device,
        roles=user.roles,
        epoch=context.directory.epoch,
        max_frame=context.rules.max_frame,
        token=token,
    )


def is_valid(context: Context, session: Session) -> bool:
    """Whether a session that was opened may still act: its device is not logged out and its user not disabled."""
    directory = context.directory
    return session.device in directory.devices and not directory.users[session.user].disabled


# ---- one's own account ---------------------------------------------------------------------------------------------


def set_profile(context: Context, session: Session, request: packets.SetProfile) -> list[Effect]:
    """Change one's display name."""
    user = context.directory.users[session.user]
    user.display_name = request.display_name
    return [Commit((PutUser(user.row()),), (Reply(packets.Ok(re=request.id)),))]


def set_password(context: Context, session: Session, request: packets.SetPassword) -> list[Effect]:
    """Change one's password; other devices stay logged in."""
    user = context.directory.users[session.user]
    network = network_of(session.address)
    wait_ms = context.guesses.begin(user.name, network, context.now_ms)
    if wait_ms:
        return refuse(request.id, ErrorCode.RATE_LIMITED, _TOO_MANY_GUESSES, retry_after_ms=wait_ms)
    old_hash, old, new = user.password_hash, request.old, request.new

    def work() -> str | None:
        return context.passwords.hash(new) if context.passwords.verify(old_hash, old) else None

    def then(new_hash: str | None) -> list[Effect]:
        now = context.directory.users[session.user]
        if new_hash is None or now.password_hash != old_hash:
            return refuse(request.id, ErrorCode.BAD_CREDENTIALS, "the old password is not right", field="old")
        if not is_valid(context, session):
            return refuse(request.id, ErrorCode.NOT_AUTHENTICATED, "this device was logged out")
        context.guesses.succeed(now.name, network, context.now_ms)
        now.password_hash = new_hash
        line = audit(context, now.id, "set_password", user=now.name)
        return [Commit((PutUser(now.row()), line), (Reply(packets.Ok(re=request.id)),))]

    return [Compute(request.id, work, then)]


def devices(context: Context, session: Session, request: packets.ListDevices) -> list[Effect]:
    """One's own devices."""
    found = [
        packets.DeviceInfo(row.id, row.name, row.last_seen_ms, row.id == session.device)
        for row in context.directory.devices_of(session.user)
    ]
    return [Reply(packets.Ok(re=request.id, devices=found))]


def logout(context: Context, session: Session, request: packets.Logout) -> list[Effect]:
    """Revoke a device; its connections close once that is stored."""
    device_id = session.device if request.device_id is UNSET else request.device_id
    device = context.directory.devices.get(device_id)
    if device is None or device.user != session.user:
        return refuse(request.id, ErrorCode.NOT_FOUND, "there is no such device", field="device_id")
    steps = _revoke(context, device.id)
    return [Commit(tuple(steps), (Reply(packets.Ok(re=request.id)), _disconnect(device, "this device was logged out")))]


def _revoke(context: Context, device_id: str) -> list[Step]:
    context.directory.drop_device(device_id)
    return [DropDevice(device_id)]


def _disconnect(device: DeviceRow, message: str) -> Disconnect:
    return Disconnect(device.user, device.id, ErrorCode.BAD_CREDENTIALS, message)


def create_invite(context: Context, session: Session, request: packets.CreateInvite) -> list[Effect]:
    """Make an invite: an admin to the server, a group's moderator to the server and that group."""
    user = context.directory.users[session.user]
    group_id: int | None = None
    group_name = "-"
    if request.group is UNSET:
        if not access.may_on_server(user, "create_invite"):
            return refuse(request.id, ErrorCode.FORBIDDEN, "only an admin of the server makes invites to no group")
    else:
        group = access.find_group(context.directory, user, request.group)
        if isinstance(group, access.Denied):
            return refuse(request.id, group.code, group.message, field="group")
        if not access.may(group, user, "create_invite"):
            return refuse(request.id, ErrorCode.FORBIDDEN, "only a moderator makes invites to a group", field="group")
        group_id, group_name = group.id, group.key
    code, step = mint_invite(context, user.id, group_id, request.uses, request.expires_in_s)
    line = audit(context, user.id, "create_invite", group=group_name, uses=request.uses)
    return [Commit((step, line), (Reply(packets.Ok(re=request.id, invite=code)),))]


def mint_invite(context: Context, user: int, group: int | None, uses: int, expires_in_s: int) -> tuple[str, PutInvite]:
    """A new invite: its code, told once, and the step that stores it."""
    code = context.new_secret(_INVITE_BYTES)
    row = InviteRow(secret_hash(code), user, group, uses, context.now_ms + expires_in_s * 1000)
    context.directory.invites[row.code_hash] = row
    return code, PutInvite(row)


def void_invites(context: Context, user: int) -> list[PutInvite]:
    """Make all invites of ``user`` worthless; the steps that store it."""
    invites = context.directory.invites
    void = [replace(each, uses_left=0) for each in invites.values() if each.created_by == user]
    for each in void:
        del invites[each.code_hash]
    return [PutInvite(each) for each in void]


# ---- administration ------------------------------------------------------------------------------------------------


def admin_disable_user(context: Context, session: Session, request: packets.AdminDisableUser) -> list[Effect]:
    """Lock an account out, or let it in again."""

    def change(user: User) -> list[Effect]:
        if user.id == session.user:
            return refuse(request.id, ErrorCode.FORBIDDEN, "you cannot lock yourself out", field="user")
        user.disabled = request.disabled
        message = "this account is disabled: ask the admin of this server"
        out = (Disconnect(user.id, None, ErrorCode.BAD_CREDENTIALS, message),) if request.disabled else ()
        disabled = "yes" if request.disabled else "no"
        line = audit(context, session.user, "admin_disable_user", user=user.name, disabled=disabled)
        return _administered(request.id, user, line, out)

    return _for_user(context, request.id, request.user, change)


def admin_set_roles(context: Context, session: Session, request: packets.AdminSetRoles) -> list[Effect]:
    """Give an account its server roles; one admin must remain."""

    def change(user: User) -> list[Effect]:
        others = (each for each in context.directory.users.values() if each is not user and not each.disabled)
        if access.is_admin(user) and ADMIN not in request.roles and not any(map(access.is_admin, others)):
            return refuse(request.id, ErrorCode.FORBIDDEN, "a server needs an admin: make somebody else one first")
        user.roles = tuple(dict.fromkeys(request.roles))
        roles = ",".join(user.roles) or "-"
        line = audit(context, session.user, "admin_set_roles", user=user.name, roles=roles)
        return _administered(request.id, user, line)

    return _for_user(context, request.id, request.user, change)


def admin_reset_password(context: Context, session: Session, request: packets.AdminResetPassword) -> list[Effect]:
    """Give an account a new password, told once, and log its devices out."""

    def change(user: User) -> list[Effect]:
        password = context.new_secret(_INVITE_BYTES)

        def then(password_hash: str) -> list[Effect]:
            if not is_valid(context, session) or not access.is_admin(context.directory.users[session.user]):
                return refuse(request.id, ErrorCode.FORBIDDEN, "only an admin of the server may do this")
            now = context.directory.users[user.id]
            now.password_hash = password_hash
            steps: list[Step] = [PutUser(now.row())]
            for device in context.directory.devices_of(now.id):
                steps += _revoke(context, device.id)
            steps.append(audit(context, session.user, "admin_reset_password", user=now.name))
            message = "the password of this account was reset: log in with the new one"
            told = Reply(packets.Ok(re=request.id, password=password))
            # Told first: whoever resets their own password is among the disconnected.
            return [Commit(tuple(steps), (told, Disconnect(now.id, None, ErrorCode.BAD_CREDENTIALS, message)))]

        return [Compute(request.id, lambda: context.passwords.hash(password), then)]

    return _for_user(context, request.id, request.user, change)


def _for_user(context: Context, re: int, name: str, change: Callable[[User], list[Effect]]) -> list[Effect]:
    user = context.directory.user(name)
    if user is None:
        return refuse(re, ErrorCode.NOT_FOUND, "there is no such user", field="user")
    return change(user)


def _administered(re: int, user: User, line: Audit, out: tuple[Disconnect, ...] = ()) -> list[Effect]:
    return [Commit((PutUser(user.row()), line), (Reply(packets.Ok(re=re)), *out))]
