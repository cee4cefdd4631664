"""Memberships that end under load: nothing of what comes later reaches who has left, on any path."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from tests.faults.checker import Finding, Run, Stored, check
from tests.faults.crowd import Crowd
from tests.faults.history import History
from tests.faults.stage import Report, Stage, fault
from tests.support.people import People, contents, events_in, history, read_up_to, refusal, start_say, until_true
from tests.support.wire import Client, Frame

AROUND: Final = 10
"""Messages that are on their way before the end of a membership, and as many behind it."""
WORD: Final = "of-round"
KINDS: Final = (("public", "since_join"), ("private", "since_join"), ("public", "all"), ("private", "all"))
Seen = dict[str, list[Frame]]
"""The events that somebody got, by the path on which they came."""


@fault("members", quick=4, full=40)
def members(folder: Path, seed: str, count: int) -> Report:
    """Members are kicked, leave and join again amid the talk, through kills; their groups are deleted (I11)."""
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        crowd.start()
        findings = end_memberships(stage, crowd, count)
        findings += crowd.finish()
    return Report(findings, {"memberships ended": count, "acked": crowd.acked})


def end_memberships(stage: Stage, crowd: Crowd, count: int) -> list[Finding]:
    """End so many, in groups of all kinds, and look on every path for what came later."""
    with closing(People(stage.server.address)) as people:
        return _end(stage, crowd, people, count)


def _end(stage: Stage, crowd: Crowd, people: People, count: int) -> list[Finding]:
    notes = History()
    stored: list[Stored] = []
    owner, guest = people.users("owner", "guest")
    for number in range(count):
        crowd.talk_until(50)
        visibility, kept = KINDS[number % len(KINDS)]
        conversation = f"#{people.group(owner, guest, visibility=visibility, history=kept)}"
        away = _end_amid_talk(owner, guest, conversation, is_kick=number % 4 in (0, 3))
        seen = {"push": events_in(guest.settle(), conversation)}
        assert seen["push"], "nothing was pushed before the end"
        if number % 4 > 1:
            stage.server.kill9()
            crowd.fault("kill")
            stage.server.start()
            people.address = stage.server.address
            owner = people.again(owner)
            owner.sync(limit=0)
        guest = people.again(guest)
        guest.sync()
        outside = _ask(owner, guest, conversation, away)
        _join_again(owner, guest, conversation, is_private=visibility == "private")
        inside = _ask(owner, guest, conversation, history(owner, conversation)[-1]["seq"])
        assert all(inside.values()), f"who is a member again sees nothing by {[p for p, e in inside.items() if not e]}"
        log = history(owner, conversation)
        if kept == "all":
            for path in ("history", "search"):
                assert set(contents(inside[path])) >= {f"{WORD} {n} late" for n in range(AROUND)}, path
            seen |= outside
        else:
            seen |= outside | {f"{path} again": events for path, events in inside.items()}
        _note(notes, guest.user, conversation, log, seen)
        stored += [Stored(conversation, event["seq"], event["message_id"], "") for event in log]
        _delete(people.again(crowd.asker), conversation)  # who came first is an admin
        for client in (owner, guest):
            assert refusal(client, "history", conversation=conversation) == "not_found"
            assert not _found(client, conversation)
    return check(Run(notes.notes, stored))


def _end_amid_talk(owner: Client, guest: Client, conversation: str, *, is_kick: bool) -> int:
    """End the guest's membership between messages that do not wait for it, the guest's own among them; tell where."""
    group = conversation[1:]
    early = [start_say(owner, conversation, f"{WORD} {number}") for number in range(AROUND)]
    own = [start_say(guest, conversation, f"own {number}") for number in range(AROUND)]
    end = owner.start("kick", group=group, user=guest.user) if is_kick else guest.start("leave", group=group)
    own += [start_say(guest, conversation, f"own {number} late") for number in range(AROUND)]
    if not is_kick:
        assert guest.answer(end)["type"] == "ok"
    late = [start_say(owner, conversation, f"{WORD} {number} late") for number in range(AROUND)]
    if is_kick:
        assert owner.answer(end)["type"] == "ok"
    assert {owner.answer(request)["type"] for request in early + late} == {"ack"}
    answers = [guest.answer(request) for request in own]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert {answer["code"] for answer in refused} <= {"not_member", "not_found"}, refused
    log = history(owner, conversation)
    away = next(e["seq"] for e in log if e.get("action") in ("kicked", "left") and e["subject"] == guest.user)
    assert all(answer["seq"] < away for answer in answers if answer["type"] == "ack"), "said after the end"
    if not is_kick:
        assert [answer["type"] for answer in answers] == ["ack"] * AROUND + ["error"] * AROUND
    return int(away)


def _join_again(owner: Client, guest: Client, conversation: str, *, is_private: bool) -> None:
    """Be a member once more, and be told something."""
    group = conversation[1:]
    if is_private:
        assert refusal(guest, "join", group=group) == "not_found"
        owner.request("invite", group=group, user=guest.user)
    guest.request("join", group=group)
    for number in range(AROUND):
        owner.answer(start_say(owner, conversation, f"{WORD} {number} back"))


def _ask(owner: Client, guest: Client, conversation: str, end: int) -> Seen:
    """What the guest, who may see it up to ``end``, gets in all ways of asking, once the owner finds all of it."""
    log = [event for event in history(owner, conversation) if WORD in event.get("content", "")]
    until_true(lambda: len(_found(owner, conversation)) == len(log), "the owner does not find everything")
    pushes = read_up_to(guest, conversation, end) + guest.settle()
    answer = guest.ask("history", conversation=conversation, after=0, limit=200)
    return {
        "backlog": events_in(pushes, conversation),
        "history": answer.get("events", []),
        "search": _found(guest, conversation),
    }


def _found(client: Client, conversation: str) -> list[Frame]:
    """The events that a search everywhere finds in a conversation, in the log's order."""
    hits = client.request("search", query=WORD, limit=100)["hits"]
    events = [hit["event"] for hit in hits if hit["event"]["conversation"] == conversation]
    return sorted(events, key=lambda event: int(event["seq"]))


def _note(notes: History, user: str, conversation: str, log: list[Frame], seen: Seen) -> None:
    """Note what the guest saw, each path as a connection of its own, and between which events it was away."""
    mine = [event for event in log if event["type"] == "system_message" and event["subject"] == user]
    away = next(event["seq"] for event in mine if event["action"] in ("kicked", "left"))
    back = next(event["seq"] for event in mine if event["action"] == "joined" and event["seq"] > away)
    assert back - away > 1, "nothing was said meanwhile"
    notes.add("left", user=user, conversation=conversation, seq=away, to_seq=back)
    for path, events in seen.items():
        for event in events:
            notes.add(
                "recv", device=path, user=user, conversation=conversation, seq=event["seq"],
                message_id=event["message_id"],
            )  # fmt: skip


def _delete(admin: Client, conversation: str) -> None:
    admin.request("admin_delete_group", group=conversation[1:])
    admin.socket.close()
