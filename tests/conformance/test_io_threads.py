"""Connections on several I/O threads: everything holds as on one (protocol.md 3, 4)."""

from __future__ import annotations

from tests.conftest import StartServer
from tests.support.people import People, contents, events_in, history, read_up_to, start_say


def test_all_speak_at_once_on_three_threads(start_server: StartServer) -> None:
    """Whoever is on whichever thread sees the same log; what is one's own comes as acks."""
    people = People(start_server("--io-threads", "3").address)
    speakers = people.users(*[f"speaker{number}" for number in range(7)])
    conversation = f"#{people.group(*speakers)}"
    first = read_up_to(speakers[0], conversation, 0)
    assert first == []
    joined = history(speakers[0], conversation)[-1]["seq"]
    asked = {
        speaker.user: [start_say(speaker, conversation, f"{speaker.user} {number}") for number in range(40)]
        for speaker in speakers
    }
    acks = {speaker.user: [speaker.answer(request) for request in asked[speaker.user]] for speaker in speakers}
    last = joined + 7 * 40
    assert sorted(ack["seq"] for each in acks.values() for ack in each) == list(range(joined + 1, last + 1))
    log = [event["content"] for event in history(speakers[0], conversation) if event["seq"] > joined]
    for speaker in speakers:
        own = {ack["seq"] for ack in acks[speaker.user]}
        assert [log[seq - joined - 1] for seq in sorted(own)] == [f"{speaker.user} {number}" for number in range(40)]
        newest_of_others = max(seq for seq in range(joined + 1, last + 1) if seq not in own)
        seen = events_in(read_up_to(speaker, conversation, newest_of_others), conversation)
        pushed = [event for event in seen if event["seq"] > joined]
        assert [event["seq"] for event in pushed] == [seq for seq in range(joined + 1, last + 1) if seq not in own]
        assert contents(pushed) == [log[event["seq"] - joined - 1] for event in pushed]
    people.close()
