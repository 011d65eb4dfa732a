"""Each kind of place, with a canary planted in it; the sound of masked windows; the certificate."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from sqlalchemy import text

from halodesk.crypto.keystore import load_key
from halodesk.crypto.signing import SigningKey
from halodesk.engine.errors import DocumentError
from halodesk.engine.fields.encrypted import KINDS
from halodesk.selftest import leak_places as places
from halodesk.selftest.leak_certificate import Certificate, known, read
from halodesk.selftest.leak_memory import Memory, look
from halodesk.selftest.leak_scan import Canary, Scanner
from halodesk.selftest.leak_sound import Sound, measure
from halodesk.selftest.leak_test import luhn, new_canaries
from halodesk.server.database import open_database as open_server
from halodesk.server.dump import server_rows
from halodesk.store.database import open_database
from halodesk.store.dump import seat_rows
from halodesk.store.seat_store import SeatStore

CARD, SSN, CODE = "4000001234567899", "912873645", "739"
CANARIES = [
    Canary(kind="card_number", value=CARD),
    Canary(kind="ssn", value=SSN),
    Canary(kind="cvv", value=CODE),
]


@pytest.fixture
def scanner() -> Scanner:
    return Scanner(CANARIES)


def zipped(data: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.csv", data)
    return out.getvalue()


PLANTS: list[tuple[str, str, bytes]] = [
    ("logs", "seat/logs/seat.log", f'{{"event": "typed", "what": "{CARD}"}}\n'.encode()),
    ("logs", "seat/logs/seat.log.1", f"{SSN[:3]}-{SSN[3:5]}-{SSN[5:]}\n".encode()),
    ("logs", "seat/logs/phone.stderr", f'{{"cvv": "{CODE}"}}\n'.encode()),
    ("temporary files", "tmp/qt_temp.abc", CARD.encode("utf-16-le")),
    ("exports", "exports/session.jsonl", CARD.encode().hex().encode()),
    ("exports", "exports/session.html", f"<td>{CARD[:8]}<br>\n{CARD[8:]}</td>".encode()),
    ("exports", "exports/pack.zip", zipped(f"card,{CARD}\n")),
    ("write-ahead logs", "seat/seat.db-wal", b"\x00\x01" + CARD.encode() + b"\xff"),
    ("database files", "server/server.db", base64.b64encode(CARD.encode())),
    ("settings", "seat/settings.json", f'{{"agent": "{CARD[::-1]}"}}'.encode()),
    ("crash reports", "seat/crash/1.json", f'"{SSN}"'.encode()),
    ("recording files", "seat/recordings/1.flac", b"fLaC\x00" + CARD.encode()),
    ("other files", f"seat/{CARD}.bin", b"\x00"),
]


@pytest.mark.parametrize(("kind", "path", "data"), PLANTS, ids=[plant[1] for plant in PLANTS])
def test_a_planted_leak_is_found_in_each_kind_of_file(
    tmp_path: Path, scanner: Scanner, kind: str, path: str, data: bytes
) -> None:
    (tmp_path / "seat").mkdir()
    (tmp_path / "seat" / "clean.txt").write_text("nothing 739.5 here")
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    found = {place.name: place for place in places.files(scanner, tmp_path)}
    assert found[kind].finds, found
    assert sum(bool(place.finds) for place in found.values()) == 1
    assert sum(place.things for place in found.values()) == 2
    assert sum(place.size for place in found.values()) == scanner.bytes_seen > 0


def test_codes_are_not_looked_for_in_the_card_companys_books(tmp_path: Path, scanner: Scanner) -> None:
    books = tmp_path / "charges.jsonl"
    books.write_text(f"[{CODE}]")
    assert not places.files(scanner, tmp_path, no_codes=[books])[0].finds
    assert places.files(scanner, tmp_path)[0].finds


@pytest.mark.parametrize(
    "cell", [CARD, f"{SSN[:3]} {SSN[3:]}", f'{{"note": "{CODE}"}}', zipped(CARD), CARD.encode("utf-16-le")]
)
def test_a_row_of_the_seats_database_is_read_in_the_clear(
    tmp_path: Path, scanner: Scanner, cell: str | bytes
) -> None:
    store = SeatStore(tmp_path)
    store.seat()
    store.close()
    assert not places.table_rows(scanner, "rows", seat_rows(tmp_path)).finds
    key, _ = load_key(tmp_path)
    engine = open_database(tmp_path / "seat.db", key)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE planted (a, b)"))
        connection.execute(text("INSERT INTO planted VALUES (1, :cell)"), {"cell": cell})
    engine.dispose()
    assert CARD.encode() not in (tmp_path / "seat.db").read_bytes()
    found = places.table_rows(scanner, "rows", seat_rows(tmp_path))
    assert [find.where.split(" ›")[0] for find in found.finds] == ["rows, table planted"] * len(found.finds)
    assert found.finds
    assert found.things > 1


def test_a_row_of_the_servers_database_is_read(tmp_path: Path, scanner: Scanner) -> None:
    database = open_server(tmp_path)

    async def plant() -> None:
        await database.write(lambda connection: connection.execute(text("CREATE TABLE planted (a)")))
        insert = text("INSERT INTO planted VALUES (:cell)")
        await database.write(lambda connection: connection.execute(insert, {"cell": CARD}))

    asyncio.run(plant())
    database.close()
    (found,) = places.table_rows(scanner, "rows of the server", server_rows(tmp_path)).finds
    assert (found.where, found.kind) == ("rows of the server, table planted", "card_number")


RATE = 16_000


def call(path: Path, *, masked: tuple[float, float], inside: np.ndarray | None = None) -> Path:
    """Ten seconds with the marker on the caller's side, and silence in one window."""
    time = np.arange(10 * RATE) / RATE
    marker = 0.1 * np.sin(2 * np.pi * 2900 * time)
    sound = np.stack([np.zeros_like(marker), marker], axis=1)
    begin, end = (round(at * RATE) for at in masked)
    sound[begin:end] = 0
    if inside is not None:
        sound[begin + RATE : begin + RATE + len(inside), 0] += inside
    soundfile.write(path, sound, RATE)
    return path


def test_a_silent_window_is_proven_by_what_is_heard_beside_it(tmp_path: Path) -> None:
    found = measure(call(tmp_path / "a.flac", masked=(3.0, 6.0)), [(3.0, 6.0)], 2900)
    assert (found.loud_frames, found.dtmf_frames, found.unproven) == (0, 0, 0)
    assert (found.windows, found.frames, found.masked_s) == (1, 300, 3.0)
    wider = measure(tmp_path / "a.flac", [(2.5, 6.0)], 2900)
    assert wider.loud_frames >= 24, "the marker itself"
    quiet = measure(tmp_path / "a.flac", [(4.0, 5.0)], 2900)
    assert quiet.unproven == 1, "silence all around proves nothing"


def test_a_key_and_a_whisper_in_a_masked_window_are_found(tmp_path: Path) -> None:
    time = np.arange(RATE // 10) / RATE
    key = 0.01 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1336 * time))
    found = measure(call(tmp_path / "a.flac", masked=(3.0, 6.0), inside=key), [(3.0, 6.0)], 2900)
    assert found.loud_frames == found.dtmf_frames == 5
    whisper = 0.0005 * np.random.default_rng(1).standard_normal(RATE // 10)
    found = measure(call(tmp_path / "b.flac", masked=(3.0, 6.0), inside=whisper), [(3.0, 6.0)], 2900)
    assert found.loud_frames == 5


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_memory_of_a_process_is_looked_at() -> None:
    held = (
        f"import sys; kept = {CARD[:8]!r} + sys.stdin.readline().strip(); print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(CARD[8:] + "\n")
    process.stdin.flush()
    process.stdout.readline()
    found = look([process.pid, 2**22 + 1], CANARIES)
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
    assert found.found >= 1
    assert (found.processes, found.unreadable) == (2, 1)
    assert found.size > 2**20


def certificate() -> Certificate:
    salt = os.urandom(16)
    sound = Sound(
        windows=1, masked_s=1.0, frames=50, loud_frames=0, dtmf_frames=0, loudest_db=-200.0, unproven=0
    )
    return Certificate(
        ok=True, made_at="2026-01-01T00:00:00+00:00", program="HaloDesk", seat="seat-1", session="s",
        salt=salt.hex(), canaries=tuple(known(canary, salt) for canary in CANARIES), bytes_scanned=1,
        findings=0, places=(places.Place(name="logs", things=1, size=1),), recording=sound,
        memory=Memory(), moments=("answered",),
    ).signed(SigningKey.new())  # fmt: skip


def test_a_certificate_is_signed_and_holds_no_canary() -> None:
    made = certificate()
    data = msgspec.json.format(msgspec.json.encode(made), indent=2)
    again = read(data)
    assert again == made
    assert again.is_genuine()
    assert Scanner(CANARIES).scan(data, "certificate") == []
    for changed in (
        msgspec.structs.replace(again, findings=1),
        msgspec.structs.replace(again, public_key=SigningKey.new().public.hex()),
        msgspec.structs.replace(again, signature="00"),
        msgspec.structs.replace(again, signature="x"),
    ):
        assert not changed.is_genuine()
    with pytest.raises(DocumentError):
        read(b"{}")


def test_canaries_are_good_numbers_of_nobody() -> None:
    made = new_canaries()
    assert set(KINDS) <= set(made)
    assert made["card_1"].value.startswith("400000")
    for name in ("card_1", "card_2", "card_number", "typed_wrong"):
        assert luhn(made[name].value[:-1]) == made[name].value
    assert made["ssn"].value[0] == "9", "no such number was ever given out"
    values = [canary.value for canary in made.values() if len(canary.value) > 5]
    assert not any(a != b and a in b for a in values for b in values)
