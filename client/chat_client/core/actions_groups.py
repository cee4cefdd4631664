"""Commands about conversations and the people in them."""

from chat_client.core.client import ChatClient
from chat_client.core.errors import RequestError
from chat_client.core.language import mark, tr
from chat_client.core.results import Listing, Opened, Result, Row, Told
from chat_client.core.state import ClientState, Person
from chat_client.core.table import Argument, Arguments, command
from chat_client.core.terms import presence_word, role_word, visibility_word
from chat_client.core.text import Safe, safe_line
from chat_client.core.wording import expand_emoji

__all__: list[str] = []

GROUP = Argument("group", "group")
USER = Argument("user", "user")
IN_GROUP = Argument("group", "group", required=False)

_PRESENCE_ORDER = {"online": 0, "away": 1, "dnd": 2, "unknown": 3, "offline": 4}


def current_group(conversation: str | None, arguments: Arguments) -> str:
    """Return the group that is named, or the one that is open."""
    group = arguments.get("group") or conversation or ""
    if not group.startswith("#"):
        raise RequestError("usage", tr("this is for groups: name one, or open it first"))
    return group


def conversation_of(name: str, state: ClientState) -> str:
    """Return a conversation for a name as typed; without a mark it is one that is there, else a user."""
    name = name.lower()
    if name[:1] in ("#", "@", "!"):
        return name
    return next((found for mark_ in "@#!" if (found := f"{mark_}{name}") in state.conversations), f"@{name}")


@command("join", GROUP, summary=mark("Join a group and open it."), topic="conversations", aliases=("j",))
async def _join(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = await client.join(arguments["group"])
    client.state.conversations.get(name)
    return Opened(name)


@command("leave", IN_GROUP, summary=mark("Leave a group."), topic="conversations", aliases=("part",))
async def _leave(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    group = current_group(conversation, arguments)
    await client.leave(group)
    return Told(safe_line(tr("you left {group}").format(group=group)))


@command(
    "create",
    Argument("private", "flag", required=False),
    Argument("since-join", "flag", required=False),
    GROUP,
    Argument("title", "text", required=False, rest=True),
    summary=mark("Make a group; --private: by invitation only, --since-join: newcomers see nothing older."),
    topic="conversations",
)
async def _create(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = await client.create_group(
        arguments["group"],
        arguments["title"],
        private=bool(arguments["private"]),
        since_join=bool(arguments["since-join"]),
    )
    return Opened(name)


@command(
    "open",
    Argument("conversation", "conversation"),
    summary=mark("Open a conversation: #group, @user, !announcements or !notifications."),
    topic="conversations",
    aliases=("switch", "query"),
)
async def _open(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = conversation_of(arguments["conversation"], client.state)
    if name.startswith("#") and name not in client.state.conversations:
        raise RequestError("not_member", tr("{name} is not one of your groups: /join {name}").format(name=name))
    await _look_for(client, name)
    return Opened(name)


async def _look_for(client: ChatClient, name: str) -> None:
    """Refuse to begin a chat with somebody who is not there, as far as the server can be asked."""
    user = name[1:]
    if not name.startswith("@") or name in client.state.conversations or user in client.state.people:
        return
    try:
        if await client.load_person(user):
            return
    except RequestError:
        return  # without a connection the message waits, and is refused later
    told = tr("there is no user {user}; a group is opened by /join #{user}").format(user=user)
    raise RequestError("not_found", told)


@command(
    "msg",
    USER,
    Argument("text", "text", required=False, rest=True),
    summary=mark("Write to one user; without a text, open the chat."),
    topic="conversations",
    aliases=("dm",),
)
async def _msg(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    name = f"@{arguments['user'].removeprefix('@').lower()}"
    await _look_for(client, name)
    if arguments["text"]:
        await client.submit(name, expand_emoji(arguments["text"]))
    return Opened(name)


@command(
    "topic",
    Argument("text", "text", required=False, rest=True),
    summary=mark("Show or change what the group is about."),
    topic="conversations",
)
async def _topic(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    group = current_group(conversation, {})
    if not arguments["text"]:
        entry = client.state.conversations.get(group)
        none = safe_line(tr("{group} has no topic: /topic TEXT gives it one").format(group=group))
        return Told(entry.topic if entry and entry.topic else none)
    await client.set_topic(group, arguments["text"])
    return None


@command("title", Argument("text", "text", rest=True), summary=mark("Change the group's title."), topic="conversations")
async def _title(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_title(current_group(conversation, {}), arguments["text"])
    return None


@command("invite", USER, IN_GROUP, summary=mark("Invite a user to a group."), topic="conversations")
async def _invite(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    group = current_group(conversation, arguments)
    await client.invite(group, arguments["user"])
    return Told(safe_line(tr("{user} may join {group} now").format(user=arguments["user"], group=group)))


@command("kick", USER, IN_GROUP, summary=mark("Take a member out of a group."), topic="conversations")
async def _kick(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.kick(current_group(conversation, arguments), arguments["user"])
    return None


@command(
    "role",
    USER,
    Argument("role", "word", choices=("owner", "moderator", "member")),
    IN_GROUP,
    summary=mark("Give a member a role."),
    topic="conversations",
)
async def _role(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    await client.set_role(current_group(conversation, arguments), arguments["user"], arguments["role"])
    return None


@command("groups", Argument("query", "text", required=False, rest=True), summary=mark("List the groups."),
         topic="conversations", aliases=("list",))  # fmt: skip
async def _groups(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    found = await client.groups(arguments["query"], limit=1_000)
    rows = tuple(
        Row(
            (
                safe_line(f"#{group.group}"),
                Safe(str(group.members)),
                tr("joined") if group.joined else visibility_word(group.visibility),
                group.title,
                group.topic,
            ),
            f"#{group.group}",
        )
        for group in found
    )
    columns = (tr("group"), tr("members"), Safe(""), tr("title"), tr("topic"))
    note = tr("/join #group joins one") if rows else tr("there is none: /create #group makes one")
    return Listing(tr("Groups"), columns, rows, note)


def _person_row(person: Person, more: Safe) -> Row:
    presence = presence_word(person.presence)
    text = tr("{what}: {detail}").format(what=presence, detail=person.status_text) if person.status_text else presence
    cells = (safe_line(f"@{person.user}"), person.display_name, more, safe_line(text))
    return Row(cells, f"@{person.user}")


@command("who", IN_GROUP, summary=mark("List the members of a group."), topic="people", aliases=("members", "names"))
async def _who(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    group = arguments["group"] or conversation
    if group is None:
        raise RequestError("usage", tr("name a group, or open one first"))
    members = await client.load_members(group)
    people = client.state.people
    known = [(people.get(member.user) or Person(member.user, member.display_name), member) for member in members]
    known.sort(key=lambda pair: (_PRESENCE_ORDER.get(pair[0].presence, 3), pair[1].user))
    rows = tuple(_person_row(person, role_word(member.role)) for person, member in known)
    title = safe_line(tr("Members of {group}: {count}").format(group=group, count=len(rows)))
    return Listing(title, (tr("user"), tr("name"), tr("role"), tr("presence")), rows)


@command("users", Argument("query", "text", required=False, rest=True), summary=mark("List the users of the server."),
         topic="people")  # fmt: skip
async def _users(client: ChatClient, conversation: str | None, arguments: Arguments) -> Result:
    found = await client.users(arguments["query"], limit=1_000)
    rows = tuple(_person_row(person, Safe("")) for person in found)
    return Listing(tr("Users"), (tr("user"), tr("name"), Safe(""), tr("presence")), rows)
