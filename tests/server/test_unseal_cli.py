"""`halodesk unseal` over a real server: from a seat's uploaded session to the value on the asker's screen."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.crypto import holder_file
from halodesk.crypto.holder_list import HolderList
from halodesk.crypto.signing import SigningKey
from halodesk.protocol.sync import Receipt
from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import SystemClock
from halodesk.sync import address
from halodesk.sync.client import ServerClient
from halodesk.sync.service import credentials_of
from tests.fakes.holders import SSN, Circle
from tests.fakes.unsealing import sealed_session
from tests.server.pieces import Maker
from tests.sync.world import World, recorder

pytestmark = pytest.mark.slow  # the same way without its commands is quick, in test_unseal
CHEAP = 64


@pytest.fixture(scope="module", autouse=True)
def cheap_files() -> Iterator[None]:
    """Key stretching that takes no time; the real cost is proven in test_holder_file."""
    patch = pytest.MonkeyPatch()
    wrap, unwrap = holder_file.wrap, holder_file.unwrap
    patch.setattr(holder_file, "wrap", lambda *given: wrap(*given, memory_kib=CHEAP))
    patch.setattr(holder_file, "unwrap", lambda *given: unwrap(*given, floor_kib=CHEAP))
    yield
    patch.undo()


class Office:
    """A server, the folder of its root, two holders' files, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder)
        self.world.start()
        for name, owner in (("anna", "Anna Albers"), ("bert", "Bert Bauer")):
            (folder / f"{name}.txt").write_text(f"the passphrase of {name}\n", encoding="utf-8")
            self.run("keys", "new-holder", name, "--owner", owner, "--out", self.at(f"{name}.key"),
                     "--passphrase-file", self.at(f"{name}.txt"))  # fmt: skip
            self.run("keys", "admit-holder", self.at(f"{name}.key.pub"))
        self.run("keys", "new-asker", "tina", "--owner", "Tina Team")
        self.run("keys", "admit-asker", self.at("keys/tina.asker"))
        self.run("keys", "pair", "anna", "bert")
        self.run("server", "holders", self.at("keys/main.holders"), "--data", self.at("server"))

    def at(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, *arguments: str, code: int = 0) -> Any:
        env = {"HALODESK_KEYS": self.at("keys")}
        done = CliRunner().invoke(app, [*arguments, "--json"], env=env)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout.splitlines()[-1])

    def unseal(self, *arguments: str, holder: str = "", code: int = 0) -> Any:
        mine = ["--holder", self.at(f"{holder}.key"), "--passphrase-file", self.at(f"{holder}.txt")]
        return self.run(
            "unseal", *arguments, *(mine if holder else ()), "--server", self.world.url, code=code
        )

    def upload(self) -> str:
        """A session with an SSN that is sealed to the two holders, at the server."""
        listed = HolderList(self.world.keys, "main").current()
        assert listed is not None
        circle = Circle()
        circle.list = listed
        session = secrets.token_hex(12)
        with recorder(self.world.enrol(session)) as seat:
            log = SessionLog(session=session, seat=seat.seat, clock=SystemClock())
            rows = log.stamp(sealed_session(circle, session), flow="flow", version=3)
            maker = Maker(seat.seat)
            maker.key = SigningKey(seat.link.sign_seed)
            chunk, who = maker.chunk(rows, 1, len(rows)), credentials_of(seat.link, seat.seat)

        async def send() -> None:
            async with ServerClient(self.world.url, address.trusting(b""), who) as client:
                await client.post("/v1/ingest", chunk, Receipt)

        asyncio.run(send())
        return session


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("office"))
    yield made
    made.world.stop()


def test_the_ceremony_over_the_server(office: Office) -> None:
    session = office.upload()
    asked = office.unseal("request", session, "ssn", "--reason", "Refund 4711 of May", "--as", "tina")
    number = asked["id"]
    assert "1 of 2" not in office.unseal("open", number, "--as", "tina", code=1)["error"]
    (waiting,) = office.unseal("waiting", holder="anna")["requests"]
    assert (waiting["id"], waiting["owner"], waiting["reason"], waiting["session"]) == (
        number, "Tina Team", "Refund 4711 of May", session,
    )  # fmt: skip
    assert office.unseal("approve", number, "--yes", holder="anna")["approvals"] == 1
    assert "1 of 2" in office.unseal("open", number, "--as", "tina", code=1)["error"]
    again = office.unseal("approve", number, "--yes", holder="anna", code=1)
    assert "has approved already" in again["error"]
    assert office.unseal("approve", number, "--yes", holder="bert")["approvals"] == 2
    opened = office.unseal("open", number, "--as", "tina")
    assert opened == {"id": number, "field": "ssn", "value": SSN.decode()}
    told = office.unseal("open", number, "--as", "tina", code=1)
    assert "opened already" in told["error"]
    assert office.unseal("waiting", holder="bert")["requests"] == []
    rows = office.run("server", "audit", "--data", office.at("server"))
    acts = [row["action"] for row in rows["rows"] if row["subject"] == number]
    assert acts[:1] + acts[-1:] == ["unseal_request", "unseal_opened"]
    assert "unseal_refused" not in acts
    assert rows["ok"]
    for file in office.folder.rglob("*"):
        assert not file.is_file() or SSN not in file.read_bytes(), file


def test_what_the_server_cannot_give_is_said(office: Office) -> None:
    unknown = office.unseal(
        "request", "nothing-such", "ssn", "--reason", "Refund 4711", "--as", "tina", code=1
    )
    assert "no such session" in unknown["error"]
    none = office.unseal(
        "request", office.upload(), "card", "--reason", "Refund 4711", "--as", "tina", code=1
    )
    assert "no sealed value of card" in none["error"]
    gone = office.unseal("approve", "0" * 16, "--yes", holder="anna", code=1)
    assert "waits for you" in gone["error"]


def test_a_list_of_another_root_is_not_believed(office: Office, tmp_path: Path) -> None:
    """A server that was taken over passes on holders of its own choice."""
    foreign = tmp_path / "foreign.holders"
    foreign.write_bytes(Circle().data)
    told = office.unseal("waiting", "--list", str(foreign), holder="anna", code=1)
    assert "does not fit" in told["error"]
