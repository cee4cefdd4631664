"""Memberships that end under load: nothing of what comes later reaches who has left, on any path."""

from __future__ import annotations

from pathlib import Path

from tests.faults.checker import Run, Stored, check
from tests.faults.history import History
from tests.faults.stage import Report, Stage, fault
from tests.support.people import People, events_in, history, refusal, start_say, until_true
from tests.support.wire import Client, Frame

AROUND = 10
"""Messages that are on their way before the end of a membership, and as many behind it."""


@fault("members", quick=4, full=40)
def members(folder: Path, seed: str, count: int) -> Report:
    """Members are kicked, leave and join again amid the talk, through kills; their groups are deleted (I11)."""
    notes = History()
    stored: list[Stored] = []
    with Stage(folder, seed) as stage, stage.crowd() as crowd:
        people = People(stage.server.address)
        owner, guest = people.users("owner", "guest")
        crowd.start()
        for number in range(count):
            crowd.talk_until(50)
            conversation = f"#{people.group(owner, guest, history='since_join')}"
            _end_amid_talk(owner, guest, conversation, is_kick=number % 2 == 0)
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
            seen |= _ask(owner, guest, conversation, "of-round")
            guest.request("join", group=conversation[1:])
            seen |= {f"{path} again": events for path, events in _ask(owner, guest, conversation, "of-round").items()}
            log = history(owner, conversation)
            _note(notes, guest.user, conversation, log, seen)
            stored += [Stored(conversation, event["seq"], event["message_id"], "") for event in log]
            admin = people.again(crowd.asker)  # who came first
            admin.request("admin_delete_group", group=conversation[1:])
            admin.socket.close()
            for client in (owner, guest):
                assert refusal(client, "history", conversation=conversation) == "not_found"
                assert not _found(client, "of-round", conversation)
        people.close()
        findings = crowd.finish()
    findings += check(Run(notes.notes, stored))
    return Report(findings, {"memberships ended": count, "acked": crowd.acked})


def _end_amid_talk(owner: Client, guest: Client, conversation: str, *, is_kick: bool) -> None:
    """End the guest's membership between messages that do not wait for it."""
    requests = [start_say(owner, conversation, f"of-round {number}") for number in range(AROUND)]
    if is_kick:
        requests.append(owner.start("kick", group=conversation[1:], user=guest.user))
    else:
        guest.request("leave", group=conversation[1:])
    requests += [start_say(owner, conversation, f"of-round {number} late") for number in range(AROUND)]
    assert not [answer for answer in map(owner.answer, requests) if answer["type"] == "error"]


def _ask(owner: Client, guest: Client, conversation: str, word: str) -> dict[str, list[Frame]]:
    """What the guest gets of a conversation in all ways of asking, once the owner finds all of it."""
    until_true(lambda: len(_found(owner, word, conversation)) == 2 * AROUND, "the owner does not find everything")
    pushes = guest.settle()
    answer = guest.ask("history", conversation=conversation, after=0, limit=200)
    return {
        "backlog": events_in(pushes, conversation),
        "history": answer.get("events", []),
        "search": _found(guest, word, conversation),
    }


def _found(client: Client, word: str, conversation: str) -> list[Frame]:
    """The events that a search everywhere finds in a conversation, in the log's order."""
    hits = client.request("search", query=word, limit=100)["hits"]
    events = [hit["event"] for hit in hits if hit["event"]["conversation"] == conversation]
    return sorted(events, key=lambda event: int(event["seq"]))


def _note(notes: History, user: str, conversation: str, log: list[Frame], seen: dict[str, list[Frame]]) -> None:
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
