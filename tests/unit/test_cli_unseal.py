"""The whole ceremony by commands and files, with real key files; what is refused leaves nothing behind."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from halodesk.cli import unseal as commands
from halodesk.cli.root import app
from halodesk.crypto import envelope as envelopes
from halodesk.crypto import holder_file, keystore
from halodesk.crypto.ceremony import LIFETIME_S, Request
from halodesk.crypto.envelope import Place
from halodesk.crypto.holder_list import HolderList
from halodesk.crypto.personal_keys import PersonalKeys
from halodesk.engine import events as e
from halodesk.engine.sealed import value_of
from halodesk.protocol import log_lines
from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import SystemClock
from tests.fakes.holders import SSN
from tests.server.pieces import some_events

CHEAP = 64
PASSPHRASES = {"anna": "correct horse battery", "bert": "staple battery horse"}


class Office:
    """A folder with everybody's files, and the commands of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = "5f0c2a9be41d77a3c6f21b08"

    def run(self, *arguments: str, code: int = 0, text: str | None = None) -> Any:
        keys = str(self.folder / "keys")
        done = CliRunner().invoke(app, [*arguments, "--json"], input=text, env={"HALODESK_KEYS": keys})
        assert done.exit_code == code, done.output
        lines = [line for line in done.stdout.splitlines() if line.startswith(("{", "["))]
        return json.loads(lines[-1]) if lines else {"error": done.output}

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def secret(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text + "\n", encoding="utf-8")
        return self.path(name)

    def found(self) -> None:
        """A root, two holders, someone who may ask, a pair."""
        self.run("keys", "new-publisher")
        for name, owner in (("anna", "Anna Albers"), ("bert", "Bert Bauer")):
            phrase = self.secret(f"{name}.txt", PASSPHRASES[name])
            self.run("keys", "new-holder", name, "--owner", owner, "--out", self.path(f"{name}.key"),
                     "--passphrase-file", phrase)  # fmt: skip
            self.run("keys", "admit-holder", self.path(f"{name}.key.pub"))
        self.run("keys", "new-asker", "tina", "--owner", "Tina Team")
        self.run("keys", "admit-asker", self.path("keys/tina.asker"))
        self.run("keys", "pair", "anna", "bert")

    def record(self) -> str:
        """An export of a session with a sealed SSN."""
        listed = HolderList(PersonalKeys(self.folder / "keys"), "main").current()
        assert listed is not None
        place = Place(tenant="main", session=self.session, field="ssn", flow_hash="ab" * 32, version=3)
        envelope = envelopes.seal(SSN, place, *listed.recipients())
        value = value_of(base64.b64encode(envelope).decode(), listed.pair)
        started, *rest = some_events(3, flow_hash=place.flow_hash)
        log = SessionLog(session=self.session, seat="seat-1", clock=SystemClock())
        answer = e.AnswerGiven(step="ids", field="ssn", value=value)
        rows = log.stamp([started, answer, *rest], flow="flow", version=3)
        (self.folder / "session.jsonl").write_bytes(log_lines.write(rows))
        return self.path("session.jsonl")

    def request(self, out: str = "F", field: str = "ssn", **more: Any) -> Any:
        return self.run("unseal", "request", self.session, field, "--reason", "Refund 4711 of May",
                        "--as", "tina", "--from", self.record(), "--out", self.path(out), **more)  # fmt: skip

    def approve(self, name: str, out: str, request: str = "F", **more: Any) -> Any:
        return self.run("unseal", "approve", self.path(request), "--holder", self.path(f"{name}.key"),
                        "--passphrase-file", self.path(f"{name}.txt"), "--out", self.path(out), "--yes",
                        **more)  # fmt: skip

    def open(self, *files: str, **more: Any) -> Any:
        return self.run("unseal", "open", *map(self.path, files), "--as", "tina", **more)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    made = Office(tmp_path_factory.mktemp("office"))
    made.found()
    return made


def test_the_ceremony_by_files(office: Office) -> None:
    asked = office.request()
    assert re.fullmatch(r"[0-9a-f]{16}", asked["id"])
    office.approve("anna", "G")
    office.approve("bert", "H")
    opened = office.open("F", "G", "H")
    assert opened == {"id": asked["id"], "field": "ssn", "value": SSN.decode()}
    assert (office.folder / "F.opened").exists()
    again = office.open("F", "G", "H", code=1)
    assert "opened once" in again["todo"]
    for file in office.folder.rglob("*"):
        assert not file.is_file() or SSN not in file.read_bytes(), file


def test_one_approval_opens_nothing_and_the_other_can_still_come(office: Office) -> None:
    office.request("F1")
    office.approve("anna", "G1", "F1")
    assert "1 of 2" in office.open("F1", "G1", code=1)["error"]
    assert "has approved already" in office.open("F1", "G1", "G1", code=1)["error"]
    office.approve("bert", "H1", "F1")
    assert office.open("F1", "G1", "H1")["value"] == SSN.decode()


def test_a_wrong_passphrase_leaves_no_approval(office: Office) -> None:
    office.request("F2")
    office.secret("anna.txt", "wrong horse battery")
    try:
        told = office.approve("anna", "G2", "F2", code=1)
    finally:
        office.secret("anna.txt", PASSPHRASES["anna"])
    assert "not that of this file" in told["error"]
    assert not (office.folder / "G2").exists()


def test_what_is_asked_for_must_be_there(office: Office) -> None:
    told = office.request("F3", field="card", code=1)
    assert "no sealed value of card" in told["error"]
    assert "ssn" in told["todo"]
    assert not (office.folder / "F3").exists()


def test_a_request_that_is_late_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.request("F4")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + LIFETIME_S)
    assert "has ended" in office.approve("anna", "G4", "F4", code=1)["error"]
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    assert "set back" in office.approve("anna", "G4", "F4", code=1)["error"]
    assert not (office.folder / "G4").exists()


def test_a_request_goes_one_way(office: Office) -> None:
    told = office.run("unseal", "request", "s", "ssn", "--reason", "long enough", code=1)
    assert "server or into a file" in told["error"]


def test_escrow_and_restore(office: Office) -> None:
    copy = office.run("keys", "escrow", office.path("anna.key"), "--out", office.path("copy"),
                      "--passphrase-file", office.path("anna.txt"))  # fmt: skip
    restored = office.run(
        "keys", "restore", office.path("copy"), "--out", office.path("again.key"),
        "--code-file", office.secret("code.txt", copy["code"].lower()),
        "--passphrase-file", office.secret("again.txt", "another passphrase"),
    )  # fmt: skip
    assert restored["kid"] == copy["kid"]
    told = office.run("keys", "restore", office.path("copy"), "--out", office.path("again.key"),
                      "--code-file", office.path("code.txt"), "--passphrase-file",
                      office.path("again.txt"), code=1)  # fmt: skip
    assert "already" in told["error"]


def test_the_list_refuses_one_person_as_a_pair(office: Office) -> None:
    assert "same key" in office.run("keys", "pair", "anna", "anna", code=1)["error"]


def test_a_seat_takes_a_list_of_its_root_only(office: Office, tmp_path: Path) -> None:
    seat, listed = ("--data", str(tmp_path)), office.path("keys/main.holders")
    assert "knows no key holders" in office.run("seat", "holders", *seat, code=1)["problem"]
    assert "If that is yours" in office.run("seat", "holders", listed, *seat, code=1)["todo"]
    root = office.run("keys", "holders")["root"]
    taken = office.run("seat", "holders", listed, "--root", root, *seat)
    assert taken["sealed_to"] == ["anna (Anna Albers)", "bert (Bert Bauer)"]
    old = tmp_path / "old.holders"
    old.write_bytes(Path(listed).read_bytes())
    office.run("keys", "pair", "bert", "anna")
    newer = office.run("seat", "holders", listed, *seat)
    assert newer["version"] == taken["version"] + 1
    assert "older than list" in office.run("seat", "holders", str(old), *seat, code=1)["error"]


# what a person sees


class Screen:
    """Standard output that says it is a terminal."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def isatty(self) -> bool:
        return True


def test_the_value_leaves_the_screen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    slept: list[float] = []
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(time, "sleep", slept.append)
    place = Place(tenant="main", session="s1", field="ssn", flow_hash="", version=1)
    asked = _request(place)
    commands._reveal(asked, bytearray(SSN), 60.0, as_json=False)
    assert slept == [60.0]
    before, shown = screen.written.index("\x1b[?1049h"), screen.written.index(SSN.decode())
    assert before < shown < screen.written.index("\x1b[?1049l")
    assert SSN.decode() not in screen.written[screen.written.index("\x1b[?1049l") :]


def _request(place: Place) -> Any:
    return Request(
        id="0" * 16, place=place, envelope=b"", reason="", suite=1, one_time=b"", at=0.0, expires_at=0.0
    )


def test_a_value_is_not_written_into_a_pipe(office: Office) -> None:
    keys = str(office.folder / "keys")
    done = CliRunner().invoke(app, ["unseal", "open", "F"], env={"HALODESK_KEYS": keys})
    assert done.exit_code == 1
    assert "only shown on a screen" in done.output


@pytest.fixture(scope="module", autouse=True)
def cheap_files() -> Any:
    """Key stretching that takes no time; the real cost is proven in test_holder_file."""
    patch = pytest.MonkeyPatch()
    wrap, unwrap = holder_file.wrap, holder_file.unwrap
    patch.setattr(holder_file, "wrap", lambda *given: wrap(*given, memory_kib=CHEAP))
    patch.setattr(holder_file, "unwrap", lambda *given: unwrap(*given, floor_kib=CHEAP))
    patch.setattr(keystore, "_stretch", lambda phrase, salt: hashlib.sha256(phrase + salt).digest())
    yield
    patch.undo()
