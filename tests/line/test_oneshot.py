"""The commands for scripts against the real server: what they print, when they end and with which code."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.line.conftest import DEADLINE_S, PASSWORD, Person, Register, environment, group
from tests.support.people import until_true
from tests.support.server import Server


def objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects of an output, one a line."""
    return [json.loads(line) for line in text.splitlines()]


def contents(text: str) -> list[str]:
    """What the messages in an output of JSON lines say."""
    return [each["content"] for each in objects(text) if each["type"] in ("group_message", "private_message")]


def test_send_means_stored(person: Register) -> None:
    """From arguments or standard input; the ack tells the place in the log; the peer has it in history and list."""
    alice, bob = person("alice"), person("bob")
    first = objects(alice.run("send", f"@{bob.name}", "hello", "there", "--json").stdout)[0]
    assert (first["seq"], first["result"], first["stored"]) == (1, "stored", 1)
    alice.run("send", f"@{bob.name}", typed="two\nlines 界\n")
    alice.run("send", f"@{bob.name}", "--", "-x")
    lines = bob.run("history", f"@{alice.name}").stdout.splitlines()
    assert [line.split("^", 1)[1] for line in lines if "^" in line] == [
        f"1 {alice.name}: hello there",
        f"2 {alice.name}: two",
        f"3 {alice.name}: -x",
    ]
    assert "      lines 界" in lines
    unread = objects(bob.run("list", "--unread", "--json").stdout)
    assert [(each["conversation"], each["unread"]) for each in unread] == [(f"@{alice.name}", 3)]
    assert f"@{alice.name}  3 unread" in bob.run("list").stdout


def test_the_locale_says_the_language(person: Register) -> None:
    """Help, results and refusals; what is for programs stays as it is."""
    alice = person("alice")
    chinese = {"LC_ALL": "zh_CN.UTF-8"}

    def run(*arguments: str) -> tuple[str, str]:
        process = alice.start(*arguments, **chinese)
        return process.communicate(timeout=DEADLINE_S)

    assert "为脚本运行一个命令" in run("--help")[0]
    refused = run("send", "@nobody-there", "x")[1]
    assert refused == "chat-cli send: 没有发送，也没有保留：找不到：there is no such user\n"
    assert objects(run("list", "--json")[0])[0]["kind"] == "announcements"


def test_an_id_is_sent_once(person: Register) -> None:
    """A script that does not know whether it sent may send again with the same id."""
    alice, bob = person("alice"), person("bob")
    acks = [
        objects(alice.run("send", f"@{bob.name}", "once", "--id", f"id-{alice.name}", "--json").stdout)[0]["seq"]
        for _ in range(2)
    ]
    assert acks == [1, 1]
    assert contents(bob.run("history", f"@{alice.name}", "--json").stdout) == ["once"]


def test_what_is_refused_exits_with_1(person: Register) -> None:
    """Not a member, no such user, empty, too long, no admin: one line that says so, and nothing is kept."""
    alice = person("alice")
    for arguments in (
        ["send", "nowhere", "hi"],
        ["send", "@nobody-here", "hi"],
        ["send", "@nobody-here", ""],
        ["send", "@nobody-here", "x" * 9000],
        ["history", "nowhere"],
        ["tail", "nowhere"],
        ["stats"],
    ):
        done = alice.run(*arguments, code=1)
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
    assert outbox(alice) == []


def test_wait_for_recipients(person: Register) -> None:
    """--wait ends with 0 when all have it, and with 3 when the time is up, naming who has not."""
    alice, bob = person("alice"), person("bob")
    late = alice.run("send", f"@{bob.name}", "hi", "--wait", "delivered", "--timeout", "0.5", code=3)
    assert f"@{bob.name} (stored)" in late.stderr
    waiting = alice.start("send", f"@{bob.name}", "hi again", "--wait", "read", "--timeout", "30")
    until_true(lambda: "hi again" in bob.run("history", f"@{alice.name}").stdout, "it was not sent")
    bob.run(f"@{alice.name}", typed="")  # opening the conversation shows it
    assert waiting.communicate(timeout=DEADLINE_S)[1] == ""
    assert waiting.returncode == 0


def test_search(person: Register) -> None:
    """Finds the newest content, narrowed by conversation and sender."""
    alice, bob = person("alice"), person("bob")
    room = group(alice, bob)
    alice.run("send", room, "the disk is full")
    bob.run("send", room, "which disk?")
    bob.run("send", f"@{alice.name}", "your disk")
    assert len(objects(alice.run("search", "disk", "--in", room, "--json").stdout)) == 2
    found = objects(alice.run("search", "disk", "--from", bob.name, "--json").stdout)
    assert {each["content"] for each in found} == {"which disk?", "your disk"}
    assert f"{room} ^" in alice.run("search", "full").stdout


def test_tail_continues_without_loss_or_repeat(person: Register, tmp_path: Path) -> None:
    """From the cursor of a line, and from a file; edits, reactions and system events are events, too."""
    alice, bob = person("alice"), person("bob")
    room = group(alice, bob)
    cursor_file = str(tmp_path / "cursor")
    begun = objects(bob.run("tail", room, "--json", "--cursor-file", cursor_file).stdout)
    assert [each["action"] for each in begun] == ["created", "joined"]
    alice.run(room, typed="one\ntwo\n/edit three\n/react ^3 👍\n")
    events = objects(bob.run("tail", room, "--json", "--since", begun[-1]["cursor"]).stdout)
    assert [each["type"] for each in events] == ["group_message", "group_message", "edited", "reaction"]
    assert [each["seq"] for each in events] == [3, 4, 5, 6]
    again = objects(bob.run("tail", room, "--json", "--since", events[1]["cursor"]).stdout)
    assert [each["seq"] for each in again] == [5, 6]
    assert objects(bob.run("tail", room, "--json", "--cursor-file", cursor_file).stdout) == events
    assert bob.run("tail", room, "--json", "--cursor-file", cursor_file).stdout == ""


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line of a running command."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_tail_follows_and_is_terminated_cleanly(person: Register, tmp_path: Path) -> None:
    """With -f what comes is printed at once, also from conversations that did not exist before; SIGTERM ends with 0."""
    alice, bob = person("alice"), person("bob")
    cursor_file = str(tmp_path / "cursor")
    following = bob.start("tail", "-f", "-n", "0", "--json", "--cursor-file", cursor_file)
    until_true(Path(cursor_file).exists, "tail did not start")
    for number in range(3):
        alice.run("send", f"@{bob.name}", f"{number}")
        assert contents(line_of(following)) == [f"{number}"]
    following.send_signal(signal.SIGTERM)
    assert following.communicate(timeout=DEADLINE_S) == ("", "")
    assert following.returncode == 0
    alice.run("send", f"@{bob.name}", "3")
    assert contents(bob.run("tail", "--json", "--cursor-file", cursor_file).stdout) == ["3"]


def test_tail_of_a_reader_that_went_away(person: Register, tmp_path: Path) -> None:
    """A broken pipe ends it without a word, and the line that nobody took comes again."""
    alice, bob = person("alice"), person("bob")
    cursor_file = str(tmp_path / "cursor")
    following = bob.start("tail", "-f", "-n", "0", "--json", "--cursor-file", cursor_file)
    until_true(Path(cursor_file).exists, "tail did not start")
    assert following.stdout is not None
    assert following.stderr is not None
    following.stdout.close()
    alice.run("send", f"@{bob.name}", "lost?")
    assert following.wait(DEADLINE_S) == 141
    assert following.stderr.read() == ""
    following.stderr.close()
    assert following.stdin is not None
    following.stdin.close()
    assert contents(bob.run("tail", "--json", "--cursor-file", cursor_file).stdout) == ["lost?"]


def test_ask(person: Register) -> None:
    """The first answer that is one of the choices counts; its index is the exit code."""
    alice, bob = person("alice"), person("bob")
    room = group(alice, bob)
    asking = alice.start("ask", room, "deploy?", "--choices", "yes,no", "--timeout", "30")
    until_true(lambda: "deploy? (yes / no)" in bob.run("history", room).stdout, "the question was not asked")
    bob.run(room, typed=f"maybe\n@{alice.name}: No.\nyes\n")
    assert asking.communicate(timeout=DEADLINE_S) == ("no\n", "")
    assert asking.returncode == 1
    late = alice.run("ask", room, "and now?", "--timeout", "0.5", code=3)
    assert late.stdout == ""
    assert "in time" in late.stderr
    assert alice.run("ask", "nowhere", "?", code=70).stdout == ""


def outbox(of: Person) -> list[str]:
    """What waits on a person's disk to be sent."""
    waiting = []
    for path in of.data.glob("*/slot-*/chat.sqlite3"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            waiting += [body.decode() for (body,) in connection.execute("SELECT body FROM outbox")]
        connection.close()
    return waiting


def test_without_a_server_it_stays_queued(own_server: Server, tmp_path: Path) -> None:
    """Exit code 69 says that the message is queued; it goes out with the next run of any command, once."""
    alice, bob = (Person(name, tmp_path / name, own_server.address).register() for name in ("alice", "bob"))
    own_server.kill9()
    for text in ("first", "second"):
        assert "queued" in alice.run("send", "@bob", text, code=69).stderr
    assert "cannot be reached" in alice.run("list", code=69).stderr
    assert alice.run("ask", "@bob", "?", code=69).stdout == ""
    assert len(outbox(alice)) == 2
    own_server.start()
    alice.run("list")
    assert outbox(alice) == []
    assert contents(bob.run("history", "@alice", "--json").stdout) == ["first", "second"]


def test_send_killed_in_between_is_sent_once(own_server: Server, tmp_path: Path) -> None:
    """Kill -9 after the outbox has it and before the ack: the next run sends it, and it stands in the log once."""
    alice, bob = (Person(name, tmp_path / name, own_server.address).register() for name in ("alice", "bob"))
    alice.run("send", "@bob", "before")
    process = own_server._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    sending = alice.start("send", "@bob", "killed", "--timeout", "30")
    until_true(lambda: len(outbox(alice)) == 1, "it is not in the outbox", DEADLINE_S)
    sending.kill()
    sending.communicate()
    process.send_signal(signal.SIGCONT)
    alice.run("send", "@bob", "after")
    until_true(lambda: outbox(alice) == [], "it is still in the outbox")
    assert sorted(contents(bob.run("history", "@alice", "--json").stdout)) == ["after", "before", "killed"]


def test_many_at_once(person: Register) -> None:
    """More senders at a time than there are slots: all get through, each once."""
    alice, bob = person("alice"), person("bob")
    senders = [alice.start("send", f"@{bob.name}", f"{number}") for number in range(24)]
    for sender in senders:
        assert sender.communicate(timeout=DEADLINE_S * 2)[1] == ""
        assert sender.returncode == 0
    seen = contents(bob.run("history", f"@{alice.name}", "--json").stdout)
    assert sorted(seen, key=int) == [str(number) for number in range(24)]


def test_login(own_server: Server, tmp_path: Path) -> None:
    """A wrong password is 77, also from a file; a right one keeps the session; logging out ends it."""
    alice = Person("alice", tmp_path / "alice", own_server.address).register()
    where = ["--server", alice.server, "--insecure", "--user", "alice"]
    second = Person("alice", tmp_path / "second", own_server.address)
    assert "password" in second.run("login", *where, typed="wrong horse\n", code=77).stderr
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    second.run("login", *where, "--password-file", str(secret))
    second.run("list")
    assert "in use" in second.run("register", *where, typed=f"{PASSWORD}\n", code=1).stderr
    second.run(typed="/logout\n", code=None)
    second.run("list", code=77)
    assert objects(alice.run("stats", "--json").stdout)


def test_certificates(start_server: StartServer, tmp_path: Path) -> None:
    """An unknown certificate is shown and not trusted; the fingerprint or a link with it is what it takes."""
    server = start_server(insecure=False)
    alice = Person("alice", tmp_path / "alice", server.address)
    fingerprint = server.ready[3]
    where = ["--server", alice.server, "--user", "alice"]
    assert fingerprint in alice.run("register", *where, typed=f"{PASSWORD}\n", code=1).stderr
    alice.run("register", *where, "--fingerprint", fingerprint, typed=f"{PASSWORD}\n")
    alice.run("send", "@alice", "note")
    other = Person("alice", tmp_path / "other", server.address)
    link = f"chat://{alice.server}/?fp={fingerprint}&user=alice"
    other.run("login", "--server", link, typed=f"{PASSWORD}\n")
    wrong = f"chat://{alice.server}/?fp=sha256:{'0' * 64}&user=alice"
    assert "not the one trusted before" in other.run("login", "--server", wrong, typed=f"{PASSWORD}\n", code=1).stderr
    assert "not the one trusted before" in other.run("send", "--server", wrong, "@alice", "x", code=1).stderr


def test_a_changed_certificate_is_a_full_stop(start_server: StartServer, tmp_path: Path) -> None:
    """Nothing is sent to a server that shows another certificate, until a command of its own takes the new one."""
    server = start_server(insecure=False)
    alice = Person("alice", tmp_path / "alice", server.address)
    link = f"chat://{alice.server}/?fp={server.ready[3]}&user=alice"
    alice.run("register", "--server", link, typed=f"{PASSWORD}\n")
    server.keep_port()
    server.terminate()
    shutil.rmtree(server.data_dir / "tls")
    server.start()
    for command in (("send", "@alice", "secret"), ("login", "--server", alice.server, "--user", "alice"), ("list",)):
        told = alice.run(*command, typed=f"{PASSWORD}\nyes\n", code=1).stderr
        assert f"chat-cli trust {alice.server}" in told
        assert server.ready[3] in told
    assert "fingerprint" in alice.run("trust", alice.server, code=2).stderr
    assert "64 hex digits" in alice.run("trust", alice.server, "sha256:12", code=1).stderr
    assert "no longer sha256:" in alice.run("trust", alice.server, server.ready[3]).stdout
    alice.run("list")


def redirected(person: Person, redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run chat-cli as a shell does that redirects its streams."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "chat_client.line.cli", *arguments]
    return subprocess.run(
        command, env=environment(person.data), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        encoding="utf-8", timeout=DEADLINE_S, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(redirection: str, person: Register) -> None:
    """Whatever a caller closed, the message is sent once and the exit code says so; the cache stays whole."""
    alice, bob = person("alice"), person("bob")
    done = redirected(alice, redirection, "send", f"@{bob.name}", "hello")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(bob.run("history", f"@{alice.name}", "--json").stdout) == ["hello"]
    assert contents(alice.run("history", f"@{bob.name}", "--json").stdout) == ["hello"]


def test_an_output_that_is_full(person: Register) -> None:
    """What cannot be printed is told in one line that says why, with exit code 1."""
    alice, bob = person("alice"), person("bob")
    alice.run("send", f"@{bob.name}", "hello")
    done = redirected(alice, ">/dev/full", "history", f"@{bob.name}")
    assert done.returncode == 1
    assert done.stderr == "chat-cli history: stdout cannot be written: No space left on device\n"
