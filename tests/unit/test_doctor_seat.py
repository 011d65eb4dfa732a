"""The doctor's lines about this computer, each with the thing it looks at broken for real."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine.errors import HaloDeskError
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.library import Library
from halodesk.selftest import children, doctor, seat
from halodesk.selftest.checks import Check
from halodesk.store.seat_store import FILE, SeatStore
from tests.e2e.small_disk import TmpfsDisk, may_mount, small_disk
from tests.fakes.flow_agent import sample_flow
from tests.sync.world import SAMPLE, recorder
from tests.unit.test_keystore import PlainRing, SafeRing, use

NAMES = [
    "program", "settings", "files", "disk", "store", "keyring", "crashes", "functions", "flows",
    "flow_agents", "holders",
    "phone", "devices", "sip_port", "rtp_ports", "pbx", "recorders", "gateway", "queues", "contacts",
    "tray", "hotkeys", "desktop_bus", "links", "server_port", "certificate", "server", "waiting", "clock",
]  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring and no passphrase."""
    monkeypatch.delenv("HALODESK_PASSPHRASE", raising=False)
    use(monkeypatch, PlainRing())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a session in it."""
    made = tmp_path / "seat"
    with recorder(made) as found:
        found.session(40)
        found.session(40)
    return made


def said(check: Check, state: str, *words: str) -> None:
    """The line has this state and these words, and what to do where somebody has to."""
    assert check.state == state, check
    for each in words:
        assert each in f"{check.message} {check.todo}", check
    assert check.todo or state in ("ok", "not_checked"), check


def test_each_thing_has_one_line_whose_name_is_kept(tmp_path: Path) -> None:
    """Monitoring reads this: names, states and keys are a promise."""
    done = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path / "none"), "--json"])
    answer = json.loads(done.stdout)
    assert set(answer) == {"version", "ok", "checks"}
    assert answer["version"] == 1
    assert [line["name"] for line in answer["checks"]] == NAMES
    for line in answer["checks"]:
        assert set(line) <= {"name", "state", "message", "todo"}
        assert line["state"] in ("ok", "warning", "problem", "not_checked")
        assert line["message"].endswith((".", "settings.json")) or line["name"] in ("program", "flows"), line
    problems = [line for line in answer["checks"] if line["state"] == "problem"]
    assert answer["ok"] is not bool(problems)
    assert done.exit_code == (1 if problems else 0)
    assert not (tmp_path / "none").exists(), "the doctor only looks"


def test_words_for_people_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{", encoding="utf-8")
    done = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)])
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("PROBLEM      settings"))
    assert "not JSON" in lines[at]
    assert lines[at + 1].strip().startswith("-> ")


def test_settings_that_others_can_read_are_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    s.save(file, s.Settings(account=s.SipAccount(uri="sip:1@x", password="secret")))
    said(seat.settings(tmp_path)[1], "ok", str(file))
    file.chmod(0o644)
    said(seat.settings(tmp_path)[1], "problem", "can be read by others", "chmod 600")


def test_files(folder: Path) -> None:
    said(seat.files(folder), "ok", "closed to others")
    (folder / "seat.key").chmod(0o640)
    said(seat.files(folder), "problem", "seat.key", "chmod 600")
    said(seat.keyring(folder), "problem", "seat.key", "chmod 600")
    folder.chmod(0o755)
    said(seat.files(folder), "problem", "Others can look into", "chmod 700")


@pytest.mark.skipif(not may_mount(), reason="no tmpfs can be mounted here")
def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with small_disk("tmpfs", tmp_path / "seat") as disk:
        with recorder(disk.folder) as found:
            found.session(5)
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        try:
            said(seat.files(disk.folder), "problem", "Nothing can be written", "Read-only")
            with pytest.raises(HaloDeskError) as caught:  # `examine` makes a line of it
                seat.store(disk.folder)
            assert caught.value.todo
        finally:
            subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)
        said(seat.files(disk.folder), "ok")
        said(seat.store(disk.folder), "ok", "1 sessions")


@pytest.mark.skipif(not may_mount(), reason="no tmpfs can be mounted here")
def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk("tmpfs", tmp_path / "seat") as disk:
        assert isinstance(disk, TmpfsDisk)
        with recorder(disk.folder) as found:
            found.session(5)
        disk.fill()
        said(seat.files(disk.folder), "problem", "No space left", "Free some space")
        said(seat.disk(disk.folder), "problem", "0 MB", "cannot be saved")
        disk.free()
        said(seat.files(disk.folder), "ok")
        said(seat.store(disk.folder), "ok", "1 sessions")


def test_room_on_the_disk_is_told_before_it_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said(seat.disk(tmp_path), "ok" if _free_mb(tmp_path) >= seat.SCARCE_MB else "warning")
    monkeypatch.setattr(seat, "SCARCE_MB", _free_mb(tmp_path) + 100_000)
    said(seat.disk(tmp_path), "warning", "recordings")


def _free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 2**20


def test_a_whole_store(folder: Path) -> None:
    said(seat.store(folder), "ok", "2 sessions", "encrypted and whole", "version 00")


def test_a_damaged_page_is_found(folder: Path) -> None:
    data = bytearray((folder / FILE).read_bytes())
    at = len(data) - 2048  # of the events, not of the tables' names: without those nothing opens
    data[at : at + 16] = b"somebody's bytes"
    (folder / FILE).write_bytes(bytes(data))
    said(seat.store(folder), "problem", "damaged", "tell IT")


def test_a_key_that_does_not_open_it(folder: Path, tmp_path: Path) -> None:
    with recorder(tmp_path / "other"):
        pass
    for name in ("seat.key", "seat.secret"):
        (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(HaloDeskError, match="does not open"):
        seat.store(folder)
    lines = _lines(folder)
    assert (lines["store"], lines["server"]) == ("problem", "not_checked")


def test_a_key_that_is_gone(folder: Path) -> None:
    (folder / "seat.key").unlink()
    lines = _lines(folder)
    assert (lines["store"], lines["keyring"]) == ("problem", "problem")


def test_a_database_that_is_not_encrypted(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE x (y)")
    connection.close()
    said(seat.store(tmp_path), "problem", "not encrypted")


def _sql(folder: Path, statement: str) -> None:
    store = SeatStore(folder)
    store._writer.submit(lambda connection: connection.exec_driver_sql(statement)).result(10)
    store.close()


@pytest.mark.parametrize(
    ("statement", "state", "words"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "problem", "newer HaloDesk"),
        ("UPDATE alembic_version SET version_num = '0001'", "warning", "Start HaloDesk"),
        ("UPDATE seat SET sessions = 5", "problem", "3 of 5 sessions are missing"),
    ],
)
def test_a_store_of_another_time(folder: Path, statement: str, state: str, words: str) -> None:
    _sql(folder, statement)
    said(seat.store(folder), state, words)
    said(seat.store(folder), state, words)  # looking changes nothing


def test_no_store_yet(tmp_path: Path) -> None:
    said(seat.store(tmp_path), "not_checked", "first start")
    assert list(tmp_path.iterdir()) == []


def test_a_keyring_of_the_wrong_kind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said(seat.keyring(tmp_path), "warning", "keyrings.alt.file", "HALODESK_PASSPHRASE")
    with recorder(tmp_path):
        pass
    said(seat.keyring(tmp_path), "warning", "keyrings.alt.file", "copy of the whole folder")
    use(monkeypatch, SafeRing())  # too late: the key stays where it is
    said(seat.keyring(tmp_path), "warning", "copy of the whole folder")


def test_a_keyring_that_encrypts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = SafeRing()
    use(monkeypatch, ring)
    said(seat.keyring(tmp_path), "ok", "SecretService")
    assert ring.kept == {}, "the doctor makes no key"
    with recorder(tmp_path):
        pass
    said(seat.keyring(tmp_path), "ok", "in the keyring (SecretService)")
    ring.locked = True
    with pytest.raises(HaloDeskError, match="does not give the seat's key"):
        seat.keyring(tmp_path)


def test_a_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_PASSPHRASE", "four words of a seat")
    said(seat.keyring(tmp_path), "ok", "passphrase")
    with recorder(tmp_path):
        pass
    said(seat.keyring(tmp_path), "ok", "passphrase")
    monkeypatch.setenv("HALODESK_PASSPHRASE", "other words")
    with pytest.raises(HaloDeskError, match="does not open with this passphrase"):
        seat.keyring(tmp_path)


def test_the_worker_for_functions() -> None:
    said(seat.functions(), "ok", "JavaScript")


def test_flows(tmp_path: Path) -> None:
    said(seat.flows(s.Settings()), "not_checked", "No flows")
    said(seat.flows(s.Settings(flows=(str(SAMPLE),))), "ok", " v")
    said(seat.flows(s.Settings(flows=(str(tmp_path),))), "problem", "no flow")
    (tmp_path / "bad.flow.json").write_text("{}", encoding="utf-8")
    with pytest.raises(HaloDeskError):
        seat.flows(s.Settings(flows=(str(tmp_path),)))


def test_a_look_that_fails_is_a_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied() -> Check:
        raise PermissionError(13, "Permission denied", "/x/seat.db")

    said(doctor._safely("store", denied), "problem", "/x/seat.db", "Permission denied")


def _lines(folder: Path) -> dict[str, str]:
    """The states of all lines, without the time a phone takes to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "probe", lambda *where: children.Probe())
        patch.setattr(children, "devices", children.Devices)
        return {check.name: check.state for check in doctor.examine(folder)}


def test_a_flow_agent_that_is_to_answer_is_there(folder: Path) -> None:
    account = s.SipAccount(uri="sip:1@pbx", flow_agent=s.FlowAgentLine(answers="test-agent"))
    settings = s.Settings(account=account)
    said(seat.flow_agents(folder, s.Settings()), "ok", "No flow agent answers")
    said(seat.flow_agents(folder, settings), "problem", "“test-agent” is to answer", "none")
    Library(folder).add(sample_flow())
    said(seat.flow_agents(folder, settings), "problem", "no model")
    settings = s.Settings(account=account, llm=({"provider": "openai", "model": "m"},))
    said(seat.flow_agents(folder, settings), "ok", "test-agent")
