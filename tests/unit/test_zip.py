"""Looking postal codes up, with and without an overlay."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from halodesk.connectors.zip import ZipBook, ZipPlace, lookup, tax
from halodesk.connectors.zip.overlay import NAME, OverlayRow
from halodesk.connectors.zip.place import key_of
from halodesk.engine.errors import SettingsError
from halodesk.runtime.paths import resources_dir

FOLDER = resources_dir() / "zip"


@pytest.fixture
def book(tmp_path: Path) -> ZipBook:
    return ZipBook(tmp_path)


def put(book: ZipBook, *rows: OverlayRow) -> None:
    assert book.overlay is not None
    book.overlay.replace(rows, {"file": "made.csv"})


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("90210", "90210"),
        (" 90210-1234 ", "90210"),
        ("902101234", "90210"),
        ("9 0 2 1 0", "90210"),
        ("K1A 0B1", "K1A"),
        ("k1a0b1", "K1A"),
        ("k1a-0b1", "K1A"),
        ("t2p", "T2P"),
        ("00501", "00501"),
    ],
)
def test_codes_are_read_as_people_write_them(written: str, key: str) -> None:
    assert key_of(written) == key


@pytest.mark.parametrize(
    "written",
    ["", " ", "9021", "902100", "90210-", "90210-12", "D1A", "W1A", "K1D", "K1A 0B", "K1A 0O1", "SW1A 1AA",
     "٩٠٢١٠", "90210'; DROP TABLE place", "1" * 10_000, "90210\n10001"],
)  # fmt: skip
def test_what_is_no_code_is_said_to_be_none(written: str) -> None:
    with pytest.raises(SettingsError, match="no postal code") as caught:
        key_of(written)
    assert len(str(caught.value)) < 250
    assert "90210-1234" in caught.value.todo


def test_a_place_says_where_market_and_tax_come_from(book: ZipBook) -> None:
    (place,) = book.lookup("90210-4321")
    assert place == ZipPlace(
        code="90210",
        city="Beverly Hills",
        state="CA",
        county="Los Angeles County",
        country="US",
        latitude=34.0901,
        longitude=-118.4065,
        timezone="America/Los_Angeles",
        dma="Los Angeles",
        dma_source="estimated",
        tax_rate=Decimal("7.25"),
        tax_source="state or province base rate",
        tax_label=place.tax_label,
    )
    assert "Department of Tax and Fee Administration" in place.tax_label


def test_a_canadian_place_has_gst_or_hst_and_no_market(book: ZipBook) -> None:
    (place,) = book.lookup("H3Z 2Y7")
    assert (place.code, place.state, place.country, place.dma, place.dma_source) == (
        "H3Z",
        "QC",
        "CA",
        "",
        "",
    )
    assert place.tax_rate == Decimal("14.975")


def test_several_places_of_one_code_are_kept_the_usual_one_first(book: ZipBook) -> None:
    places = book.lookup("00901")
    assert [place.city for place in places] == ["San Juan", "Old San Juan", "Viejo San Juan", "Viejo Sn Juan"]
    assert {place.code for place in places} == {"00901"}


def test_forces_and_territories_have_no_base_rate(book: ZipBook) -> None:
    for code in ("09012", "00901", "96910"):
        place = book.lookup(code)[0]
        assert (place.tax_rate, place.tax_source, place.tax_label) == (None, "", "")
        assert (place.dma, place.dma_source) == ("", "")


def test_a_code_nobody_knows_gives_no_place(book: ZipBook) -> None:
    assert book.lookup("00000") == ()
    assert book.lookup("Y9Z 9Z9") == ()


def test_a_place_becomes_plain_values(book: ZipBook) -> None:
    plain = msgspec.to_builtins(book.lookup("T2P")[0])
    assert plain["tax_rate"] == "5"
    assert plain["city"] == "Calgary"


def test_the_overlay_wins_value_by_value(book: ZipBook) -> None:
    put(book, OverlayRow(code="90210", dma="West Side"), OverlayRow(code="10001", tax=Decimal("8.875")))
    (hills,) = book.lookup("90210")
    assert (hills.dma, hills.dma_source, hills.city) == ("West Side", "imported", "Beverly Hills")
    assert hills.tax_source == "state or province base rate"
    (york,) = book.lookup("10001")
    assert (york.tax_rate, york.tax_source, york.tax_label) == (
        Decimal("8.875"),
        "imported",
        "8.875 %, imported",
    )
    assert york.dma_source == "estimated"


def test_an_imported_rate_of_nothing_is_a_rate(book: ZipBook) -> None:
    put(book, OverlayRow(code="90210", tax=Decimal(0)))
    assert book.lookup("90210")[0].tax_rate == 0
    assert book.lookup("90210")[0].tax_source == "imported"


def test_imported_cities_replace_the_places(book: ZipBook) -> None:
    put(book, OverlayRow(code="00901", city="San Juan", dma="A"), OverlayRow(code="00901", city="Condado"))
    assert [(place.city, place.dma) for place in book.lookup("00901")] == [("Condado", ""), ("San Juan", "A")]


def test_an_imported_code_that_does_not_ship(book: ZipBook) -> None:
    put(book, OverlayRow(code="00000", city="Newtown", state="TX"), OverlayRow(code="00002", dma="Nowhere"))
    (place,) = book.lookup("00000")
    assert (place.city, place.state, place.tax_rate, place.latitude) == (
        "Newtown",
        "TX",
        Decimal("6.25"),
        None,
    )
    assert book.lookup("00002") == ()


def test_an_overlay_comes_changes_and_goes_while_the_book_is_open(book: ZipBook) -> None:
    assert book.lookup("90210")[0].dma == "Los Angeles"
    for name in ("One", "Two", "Three"):
        put(book, OverlayRow(code="90210", dma=name))
        assert book.lookup("90210")[0].dma == name
    assert book.overlay is not None
    assert book.overlay.remove()
    assert book.lookup("90210")[0].dma == "Los Angeles"
    assert not book.overlay.remove()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(4096)])
def test_a_damaged_overlay_is_said_to_be_damaged(book: ZipBook, tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    for _ in range(2):
        with pytest.raises(SettingsError, match="damaged") as caught:
            book.lookup("90210")
        assert "halodesk zip remove-overlay" in caught.value.todo
    put(book, OverlayRow(code="90210", dma="Again"))
    assert book.lookup("90210")[0].dma == "Again"


def test_a_failed_replace_leaves_the_old_overlay(
    book: ZipBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(book, OverlayRow(code="90210", dma="Old"))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        put(book, OverlayRow(code="90210", dma="New"))
    assert book.lookup("90210")[0].dma == "Old"
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_lookups_from_many_threads_while_overlays_are_replaced(book: ZipBook) -> None:
    codes = ["90210", "10001", "T2P", "00901", "K1A"]
    wanted = {code: [place.city for place in book.lookup(code)] for code in codes}
    stop = threading.Event()

    def look() -> int:
        count = 0
        while not stop.is_set():
            for code in codes:
                assert [place.city for place in book.lookup(code)] == wanted[code]
            assert book.lookup("10001")[0].dma in {"New York", "A", "B"}
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(look) for _ in range(4)]
        for turn in range(30):
            put(book, OverlayRow(code="10001", dma="AB"[turn % 2]))
        stop.set()
        assert all(one.result(30) for one in running)


def test_the_shipped_table_is_opened_immutable(tmp_path: Path) -> None:
    for name in ("zip.sqlite", "tax_rates.toml"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    before = (tmp_path / "zip.sqlite").read_bytes()
    book = ZipBook(resources=tmp_path)
    assert book.lookup("90210")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tax_rates.toml", "zip.sqlite"]
    book.close()
    assert (tmp_path / "zip.sqlite").read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"no database at all"])
def test_a_missing_or_damaged_table_is_said(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "zip.sqlite").write_bytes(content)
    with pytest.raises(SettingsError, match=r"zip\.sqlite (is missing|cannot be read)"):
        ZipBook(resources=tmp_path)


ROW = """
country = "US"
region = "CA"
rate = "7"
parts = [{ name = "t", rate = "%s" }]
as_of = 2025-01-01
source = "s"
"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[[rate]]\n" + ROW % "6", "CA"),
        (("[[rate]]\n" + ROW % "7") * 2, "twice"),
        ("[[rate]]\nregion = 3\n", "cannot be read"),
        ("no toml", "cannot be read"),
    ],
)
def test_a_tax_table_that_contradicts_itself_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "tax_rates.toml").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=words):
        tax.load(tmp_path / "tax_rates.toml")


def test_the_plain_function_uses_the_seats_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_DATA", str(tmp_path / "seat"))
    assert lookup("90210")[0].dma == "Los Angeles"
    assert not (tmp_path / "seat").exists(), "looking leaves nothing behind"
    put(ZipBook(tmp_path / "seat"), OverlayRow(code="90210", dma="Own"))
    assert lookup("90210")[0].dma == "Own"
