"""Importing a client's CSV file: what is taken, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from halodesk.connectors.zip import ZipBook, importing
from halodesk.connectors.zip.importing import import_file
from halodesk.connectors.zip.overlay import NAME
from halodesk.engine.errors import SettingsError

MAP = {"zip": "ZIP", "dma": "Market", "tax": "Rate"}


@pytest.fixture
def book(tmp_path: Path) -> ZipBook:
    return ZipBook(tmp_path / "seat")


def file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "client.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_clients_file_becomes_the_overlay(book: ZipBook, tmp_path: Path) -> None:
    done = import_file(
        book, file(tmp_path, "ZIP,Market,Rate,Other\r\n90210,West,9.5,x\r\n\r\nK1A 0B1,,13%,\r\n"), MAP
    )
    assert (done.rows, done.codes, done.passed_over) == (2, 2, 0)
    (place,) = book.lookup("90210")
    assert (place.dma, place.dma_source, place.tax_rate, place.tax_source) == (
        "West", "imported", Decimal("9.5"), "imported",
    )  # fmt: skip
    assert book.lookup("K1A")[0].tax_rate == 13
    assert book.overlay is not None
    meta = book.overlay.meta()
    assert (meta["file"], meta["rows"], meta["columns"]) == ("client.csv", "2", "dma=Market,tax=Rate,zip=ZIP")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_semicolons_tabs_a_mark_in_front_and_quotes(book: ZipBook, tmp_path: Path, mark: str) -> None:
    text = f'\ufeffZIP{mark}Market{mark}Rate\n90210{mark}"Los Angeles; CA, or so"{mark}\n'
    import_file(book, file(tmp_path, text), MAP)
    (place,) = book.lookup("90210")
    assert place.dma == "Los Angeles; CA, or so"
    assert place.tax_source == "state or province base rate"


def test_fractions_are_asked_for(book: ZipBook, tmp_path: Path) -> None:
    table = file(tmp_path, "ZIP,Market,Rate\n90210,,0.095\n")
    with pytest.raises(SettingsError, match="look like fractions") as caught:
        import_file(book, table, MAP)
    assert "--tax-unit fraction" in caught.value.todo
    import_file(book, table, MAP, tax_unit="fraction")
    assert book.lookup("90210")[0].tax_rate == Decimal("9.5")


def test_a_code_may_have_several_cities(book: ZipBook, tmp_path: Path) -> None:
    table = file(tmp_path, "ZIP,City\n90210,Alpha\n90210,Beta\n")
    import_file(book, table, {"zip": "ZIP", "city": "City"})
    assert [place.city for place in book.lookup("90210")] == ["Alpha", "Beta"]


def test_unknown_codes_without_a_city_are_passed_over_and_counted(book: ZipBook, tmp_path: Path) -> None:
    table = file(tmp_path, "ZIP,Market,C,S\n90210,West,,\n00000,East,,\n00002,East,Newtown,tx\n")
    done = import_file(book, table, {"zip": "ZIP", "dma": "Market", "city": "C", "state": "S"})
    assert (done.rows, done.passed_over, done.examples) == (2, 1, ("00000",))
    assert book.lookup("00002")[0].state == "TX"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"ZIP,Market,Rate\n90210,Qu\xe9bec,1\n", "not UTF-8: byte 24"),
        ("ZIP,Market,Rate\n90210,W,1\n".encode("utf-16"), "not UTF-8"),
        (b"ZIP,Market,Rate\n\0\0\0", "no text file"),
        ("", "column “ZIP” is not there"),
        ("Zip,Market,Rate\n90210,W,1\n", "column “ZIP” is not there"),
        ("ZIP,Market,Rate,Rate\n90210,W,1,2\n", "column “Rate” is twice"),
        ("ZIP,Market,Rate\n", "no row that can be used"),
        ("ZIP,Market,Rate\n00000,W,1\n", r"no row that can be used \(1 unknown codes\)"),
        ("ZIP,Market,Rate\n90210,W,1\nabc,W,1\n", "line 3: “abc” is no postal code"),
        ("ZIP,Market,Rate\n501,W,1\n", "line 2: “501” has lost its leading zeros"),
        ("ZIP,Market,Rate\n90210,W,1\n90210-1111,W,2\n", "line 3: 90210 already stands in line 2"),
        ("ZIP,Market,Rate\n90210,W\n", "line 2: 2 cells instead of 3"),
        ("ZIP,Market,Rate\n90210,A, B,9\n", "line 2: 4 cells instead of 3"),
        ('ZIP,Market,Rate\n90210,"W,1\n', "line [23]: unexpected end of data"),
        ("ZIP,Market,Rate\n90210,W,nine\n", "line 2: “nine” is no tax rate"),
        ("ZIP,Market,Rate\n90210,W,-1\n", "line 2: A tax rate of -1 cannot be"),
        ("ZIP,Market,Rate\n90210,W,95\n", "line 2: A tax rate of 95 cannot be"),
        ("ZIP,Market,Rate\n90210,W,NaN\n", "line 2: A tax rate of NaN cannot be"),
        ("ZIP,Market,Rate\n90210,W,sNaN\n", "line 2: A tax rate of sNaN cannot be"),
        ("ZIP,Market,Rate\n90210,W,1e400000\n", "line 2: A tax rate of 1e400000 cannot be"),
        ("ZIP,Market,Rate\n90210," + "W" * 300 + ",1\n", "line 2: The dma is too long"),
        ("ZIP,Market,Rate\n90210,W\x1b[2J,1\n", "line 2: The dma is too long or holds signs"),
        ("ZIP,Market,Rate\n90210," + "W" * 200_000 + ",1\n", "line 2: field larger than field limit"),
    ],
)
def test_a_bad_file_is_refused_in_words_and_the_old_overlay_stays(
    book: ZipBook, tmp_path: Path, content: str | bytes, words: str
) -> None:
    import_file(book, file(tmp_path, "ZIP,Market,Rate\n90210,Old,9\n"), MAP)
    kept = (tmp_path / "seat" / NAME).read_bytes()
    with pytest.raises(SettingsError, match=words) as caught:
        import_file(book, file(tmp_path, content), MAP)
    assert caught.value.todo
    assert (tmp_path / "seat" / NAME).read_bytes() == kept
    assert book.lookup("90210")[0].dma == "Old"


def test_a_bad_state_is_refused(book: ZipBook, tmp_path: Path) -> None:
    table = file(tmp_path, "ZIP,S\n90210,California\n")
    with pytest.raises(SettingsError, match="line 2: “CALIFORNIA” is no state"):
        import_file(book, table, {"zip": "ZIP", "state": "S"})


@pytest.mark.parametrize("columns", [{"dma": "Market"}, {"zip": "ZIP"}, {"zip": "ZIP", "colour": "Market"}])
def test_a_map_that_is_none_is_refused(book: ZipBook, tmp_path: Path, columns: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"map needs zip|cannot be mapped"):
        import_file(book, file(tmp_path, "ZIP,Market\n90210,W\n"), columns)


def test_a_huge_file_is_not_read(book: ZipBook, tmp_path: Path) -> None:
    table = tmp_path / "huge.csv"
    with table.open("wb") as out:
        out.truncate(importing.LARGEST_FILE + 1)
    with pytest.raises(SettingsError, match="at most 64 MB"):
        import_file(book, table, MAP)


def test_too_many_rows_are_refused(book: ZipBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_ROWS", 2)
    table = file(tmp_path, "ZIP,Market,Rate\n90210,A,1\n90211,A,1\n90212,A,1\n")
    with pytest.raises(SettingsError, match="more than 2 rows"):
        import_file(book, table, MAP)


def test_a_whole_country_is_imported(book: ZipBook, tmp_path: Path) -> None:
    codes = [f"{number:05d}" for number in range(100_000)]
    table = file(tmp_path, "ZIP,Market,Rate\n" + "".join(f"{code},Market {code},8\n" for code in codes))
    done = import_file(book, table, MAP)
    assert done.rows > 42_000
    assert done.rows + done.passed_over == 100_000
    assert book.lookup("10001")[0].dma == "Market 10001"


def test_a_book_without_a_folder_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no data folder"):
        import_file(ZipBook(), file(tmp_path, "ZIP,Market,Rate\n90210,W,1\n"), MAP)
