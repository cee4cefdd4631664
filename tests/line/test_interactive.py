"""The interactive client on real terminals and in pipes: two people talk, the server goes away, the program is left."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.line.conftest import Open, Person, Register, group
from tests.line.test_oneshot import contents, line_of
from tests.support.server import Server


def test_two_people_talk(person: Register, terminal: Open) -> None:
    """A line of one appears above the half-typed line of the other, which stays; Enter then sends it whole."""
    alice, bob = person("alice"), person("bob")
    room = group(alice, bob)
    at_alice, at_bob = terminal(alice, room), terminal(bob)
    at_alice.expect(f"{bob.name} joined")
    at_bob.expect("/help lists the commands")
    at_alice.type("half ty")
    at_alice.expect("half ty")
    at_bob.type(f"{room}\r")
    at_bob.expect(f"{bob.name} joined")
    at_bob.type("hello alice\r")
    at_bob.expect("you: hello alice")
    at_alice.expect(f"{bob.name}: hello alice")
    at_alice.expect("half ty")
    at_alice.type("ped\x0asecond\x1b\rthird\r")
    at_alice.expect("you: half typed")
    at_bob.expect(f"{alice.name}: half typed")
    at_bob.expect("      third")
    at_bob.type(f"@{alice.name}\rpsst\r")
    at_alice.expect(f"@{bob.name} ^1 {bob.name}: psst")
    at_alice.expect(f"[@{bob.name} 1]>")
    assert contents(alice.run("history", room, "--json").stdout)[-1] == "half typed\nsecond\nthird"


def test_keys(person: Register, terminal: Open) -> None:
    """Tab completes, ctrl-c clears, up brings the last line back, ctrl-d leaves."""
    alice = person("alice")
    room = group(alice)
    screen = terminal(alice, room)
    screen.expect("created the group")
    screen.expect(">")
    screen.type("nonsense\x03")
    screen.type("/unr\t")
    screen.expect("ead")  # what was typed may have been drawn before
    screen.type("\r")
    screen.expect("nothing new")
    screen.type("kept\r")
    screen.expect("you: kept")
    screen.type("\x1b[A")
    screen.type(" twice\r")
    screen.expect("you: kept twice")
    screen.type("\x03")
    screen.expect("ctrl-d or /quit")
    screen.type("\x04")
    assert screen.end() == 0
    assert "nonsense" not in alice.run("history", room).stdout


def test_enter_sends_while_lines_print(person: Register, terminal: Open) -> None:
    """Enter that is pressed in the moment in which a line prints sends, and does not begin a line."""
    alice, bob = person("alice"), person("bob")
    screen = terminal(alice, f"@{bob.name}")
    screen.expect("nothing was said here yet")
    screen.expect(">")
    bob.run(f"@{alice.name}", typed="".join(f"line {number:02}\n" for number in range(20)))
    for number in range(20):
        screen.expect(f"line {number:02}")
        screen.type(f"answer {number:02}\r")
    screen.expect("you: answer 19")
    history = contents(alice.run("history", f"@{bob.name}", "-n", "100", "--json").stdout)
    assert [text for text in history if text.startswith("answer")] == [f"answer {number:02}" for number in range(20)]


def test_typed_before_the_prompt(person: Register, terminal: Open) -> None:
    """Lines that are typed while the program starts are sent like any other; the beginning of one is not lost."""
    alice, bob = person("alice"), person("bob")
    screen = terminal(alice, f"@{bob.name}")
    screen.type("one\rtwo\rthr")
    screen.expect("you: two")
    screen.expect(">")
    screen.type("ee\r")
    screen.expect("you: three")
    assert contents(alice.run("history", f"@{bob.name}", "--json").stdout) == ["one", "two", "three"]


def test_hostile_text_on_the_terminal(person: Register, terminal: Open) -> None:
    """What a message and a display name hold acts on nothing: no escape sequence of theirs comes out."""
    alice, bob = person("alice"), person("bob")
    bob.run(typed="/nick B[red]b\n")
    screen = terminal(alice, f"@{bob.name}")
    screen.expect(">")
    bob.run("send", f"@{alice.name}", "\u202etxt.exe [@click=quit]x[/] 界 end-of-it")
    told = screen.expect("end-of-it")
    assert "\u202e" not in told
    assert f"B[red]b (@{bob.name})" in told


def test_offline_and_back(own_server: Server, tmp_path: Path, terminal: Open) -> None:
    """What is written without a server waits, in words, and is sent when it is back; the prompt tells how many."""
    alice, bob = (Person(name, tmp_path / name, own_server.address).register() for name in ("alice", "bob"))
    screen = terminal(alice, "@bob")
    screen.expect("@bob")
    screen.type("hi\r")
    screen.expect("you: hi")
    own_server.kill9()
    screen.expect("— offline: ")
    screen.type("later\r")
    screen.expect("you, not sent yet (waiting for a connection): later")
    screen.expect("(offline, 1 queued)")
    own_server.start()
    screen.type("/reconnect\r")
    screen.expect("— online again")
    screen.expect("you, sent now: later")
    assert contents(bob.run("history", "@alice", "--json").stdout) == ["hi", "later"]


@pytest.mark.parametrize("arguments", [(), ("--plain",)], ids=["prompt", "plain"])
def test_the_terminal_goes_away(arguments: tuple[str, ...], own_server: Server, tmp_path: Path, terminal: Open) -> None:
    """When its window is closed the program ends, too; what could not be sent yet is sent by the next run."""
    alice, bob = (Person(name, tmp_path / name, own_server.address).register() for name in ("alice", "bob"))
    screen = terminal(alice, *arguments, "@bob")
    screen.expect("nothing was said here yet")
    own_server.kill9()
    screen.expect("— offline: ")
    screen.type("later\r")
    screen.expect("you, not sent yet (waiting for a connection): later")
    screen.hang_up()
    own_server.start()
    alice.run("list")
    assert contents(bob.run("history", "@alice", "--json").stdout) == ["later"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(number: int, person: Register, terminal: Open) -> None:
    """Asked to end it takes the prompt away and keeps what is half written."""
    alice, bob = person("alice"), person("bob")
    screen = terminal(alice, f"@{bob.name}")
    screen.expect(">")
    screen.type("half wr")
    screen.expect("half wr")
    screen.signal(number)
    assert screen.end() == 0
    screen = terminal(alice, f"@{bob.name}")
    screen.expect("half wr")


def test_what_was_missed(person: Register, terminal: Open) -> None:
    """At the start: how many are new where, and above which line in the conversation that is opened."""
    alice, bob = person("alice"), person("bob")
    room = group(alice, bob)
    alice.run(room, typed="seen\n")
    for text in ("one", f"two @{alice.name}"):
        bob.run("send", room, text)
    elsewhere = alice.run(f"@{bob.name}", typed="").stdout
    assert f"— 2 new in {room} since you left, 1 of them mentions you —" in elsewhere
    screen = terminal(alice, room)
    screen.expect("— 2 new —")
    screen.expect("mentions you: two")
    screen.type("/quit\r")
    assert screen.end() == 0
    assert "2 new" not in alice.run(f"@{bob.name}", typed="").stdout


def test_plain_output_moves_nothing(person: Register, terminal: Open) -> None:
    """--plain, TERM=dumb and pipes: no escape sequence, one event a line."""
    alice, bob = person("alice"), person("bob")
    room = group(alice, bob)
    bob.run("send", room, "hi 界")
    for screen in (terminal(alice, "--plain", room), terminal(alice, room, term="dumb")):
        screen.expect("hi 界")
        screen.type("/quit\r")
        assert screen.end() == 0
        assert b"\x1b" not in screen.raw
    piped = alice.run(room, typed="").stdout
    assert "\x1b" not in piped
    assert re.search(r"^\d\d:\d\d \^3 .*: hi 界$", piped, re.MULTILINE)


def test_no_colour(person: Register, terminal: Open) -> None:
    """NO_COLOR leaves the prompt where it is and takes the colours."""
    screen = terminal(person("alice"), NO_COLOR="1")
    screen.expect("/help lists the commands")
    screen.expect(">")
    assert b"\x1b[0" in screen.raw
    assert not re.search(rb"\x1b\[[0-9;]*(3[0-7]|9[0-7])[0-9;]*m", screen.raw)


def test_pipes(person: Register) -> None:
    """Lines of a pipe are sent in order and acknowledged before the end; commands and mistakes are answered."""
    alice, bob = person("alice"), person("bob")
    listening = bob.start(f"@{alice.name}")
    assert f"@{alice.name}" in line_of(listening)
    lines = "".join(f"line {number}\n" for number in range(100))
    out = alice.run(f"@{bob.name}", typed=f"{lines}//slash\n/nonsense\n/help open\n").stdout
    assert "you: line 99" in out
    assert "/nonsense is no command, nothing was sent" in out
    assert "/open #conversation" in out or "/open conversation" in out
    seen = contents(bob.run("history", f"@{alice.name}", "-n", "200", "--json").stdout)
    assert seen == [*(f"line {number}" for number in range(100)), "/slash"]
    assert listening.stdin is not None
    listening.stdin.close()
    listening.stdin = None
    told = listening.communicate()[0]
    assert told.index(": line 0\n") < told.index(": line 99\n")
    assert "nowhere is not one of your groups" in alice.run("#nowhere", typed="x\n", code=1).stderr


def test_a_pipe_without_a_server(own_server: Server, tmp_path: Path) -> None:
    """What could not be sent is told at the end, with exit code 69, and goes out with the next run."""
    alice, bob = (Person(name, tmp_path / name, own_server.address).register() for name in ("alice", "bob"))
    own_server.kill9()
    done = alice.run("@bob", typed="later\n", code=69)
    assert "not sent yet" in done.stdout
    assert "go out with the next run" in done.stderr
    own_server.start()
    alice.run("list")
    assert contents(bob.run("history", "@alice", "--json").stdout) == ["later"]


def test_first_run_on_a_terminal(own_server: Server, tmp_path: Path, terminal: Open) -> None:
    """Without an account it asks for what is missing, registers, and goes on; the second start asks nothing."""
    alice = Person("alice", tmp_path / "alice", own_server.address)
    screen = terminal(alice, "--server", alice.server, "--insecure")
    screen.expect("(login/register)")
    screen.type("register\r")
    screen.expect("User name")
    screen.type("alice\r")
    screen.expect("Password:")
    screen.type("correct horse\r")
    screen.expect("Again:")
    screen.type("correct horse\r")
    screen.expect("/help lists the commands")
    screen.expect(">")
    screen.type("\x04")
    assert screen.end() == 0
    again = terminal(alice)
    again.expect("/help lists the commands")


def test_password(own_server: Server, tmp_path: Path, terminal: Open) -> None:
    """/password asks three times without showing what is typed."""
    alice = Person("alice", tmp_path / "alice", own_server.address).register()
    screen = terminal(alice)
    screen.expect("/help lists the commands")
    screen.type("/password\r")
    told = ""
    for question, answer in (("Old", "correct horse"), ("New", "battery staple"), ("Once more", "battery staple")):
        told += screen.expect(question)
        screen.type(f"{answer}\r")
    told += screen.expect("the password is changed")
    assert "horse" not in told
    assert "staple" not in told
    where = ["--server", alice.server, "--insecure", "--user", "alice"]
    alice.run("login", *where, typed="battery staple\n")
