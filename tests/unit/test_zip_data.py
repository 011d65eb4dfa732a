"""The tables that ship: complete, in step with each other, and right where we know better."""

from __future__ import annotations

import csv
import math
import re
import sqlite3
import zoneinfo
from decimal import Decimal

import pytest

from halodesk.connectors.zip import ZipBook, tax
from halodesk.runtime.paths import resources_dir
from tools.zip_canada import mended

FOLDER = resources_dir() / "zip"
STATES = set(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC "
    "ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY".split()
)
PROVINCES = set("AB BC MB NB NL NS NT NU ON PE QC SK YT".split())
TERRITORIES = set("AS FM GU MH MP PR PW VI".split())


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    return sqlite3.connect(f"{(FOLDER / 'zip.sqlite').as_uri()}?mode=ro&immutable=1", uri=True)


def one(table: sqlite3.Connection, query: str) -> int:
    found = table.execute(query).fetchone()[0]
    assert isinstance(found, int)
    return found


def test_the_table_is_complete_and_counts_itself_right(table: sqlite3.Connection) -> None:
    meta = dict(table.execute("SELECT key, value FROM meta"))
    assert one(table, "SELECT count(*) FROM place") >= 43_140
    assert int(meta["rows"]) == one(table, "SELECT count(*) FROM place")
    assert int(meta["us_rows"]) == one(table, "SELECT count(*) FROM place WHERE code < 'A'")
    assert int(meta["canada_rows"]) == one(table, "SELECT count(*) FROM place WHERE code >= 'A'") == 1620
    assert int(meta["counties"]) == one(table, "SELECT count(*) FROM county")
    assert int(meta["zones"]) == one(table, "SELECT count(*) FROM zone")
    assert int(meta["markets"]) == one(table, "SELECT count(*) FROM market") == 210
    assert int(meta["rows_with_market"]) == one(table, "SELECT count(market) FROM place")
    cities = sum(row[0].count("|") + 1 for row in table.execute("SELECT cities FROM place"))
    assert int(meta["cities"]) == cities
    assert "MIT" in meta["licences"]
    assert "BSD" in meta["licences"]


def test_the_table_is_small_and_without_rowid(table: sqlite3.Connection) -> None:
    assert (FOLDER / "zip.sqlite").stat().st_size < 2_500_000
    assert (
        "WITHOUT ROWID" in table.execute("SELECT sql FROM sqlite_master WHERE name = 'place'").fetchone()[0]
    )
    assert table.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_every_row_is_one_we_can_stand_for(table: sqlite3.Connection) -> None:
    zones = {row[0] for row in table.execute("SELECT name FROM zone")}
    assert zones <= zoneinfo.available_timezones()
    for code, cities, state, latitude, longitude in table.execute(
        "SELECT code, cities, state, latitude, longitude FROM place"
    ):
        assert re.fullmatch(r"\d{5}|[A-Z]\d[A-Z]", code), code
        names = cities.split("|")
        assert all(name and name == name.strip() for name in names), code
        assert len(names) == len(set(names)), code
        assert "(" not in names[0], code
        assert "\ufffd" not in cities, code
        known = PROVINCES if code[0].isalpha() else STATES | TERRITORIES | {"AA", "AE", "AP"}
        assert state in known, code
        assert (latitude is None) == (longitude is None), code
        if latitude is not None:
            assert -150_000 < latitude < 840_000, code
            assert latitude != 0, code


def test_all_states_and_provinces_are_there(table: sqlite3.Connection) -> None:
    found = {row[0] for row in table.execute("SELECT DISTINCT state FROM place")}
    assert found == STATES | PROVINCES | TERRITORIES | {"AA", "AE", "AP"}


@pytest.mark.parametrize(
    ("code", "city", "state", "zone"),
    [
        ("90210", "Beverly Hills", "CA", "America/Los_Angeles"),
        ("10001", "New York", "NY", "America/New_York"),
        ("00901", "San Juan", "PR", "America/Puerto_Rico"),
        ("09012", "APO", "AE", ""),
        ("34001", "DPO", "AA", ""),
        ("96323", "APO", "AP", ""),
        ("09905", "APO", "AE", ""),  # its source says NJ
        ("99634", "Napakiak", "AK", "America/Anchorage"),  # its source has the city for a zone
        ("T2P", "Calgary", "AB", "America/Edmonton"),
        ("K1A", "Ottawa", "ON", "America/Toronto"),
        ("K0C", "Stormont", "ON", "America/Toronto"),  # its source has a place for a province
        ("E1H", "Lakeville", "NB", "America/Moncton"),
        ("V0N", "North Island", "BC", "America/Vancouver"),
        ("P9N", "Kenora", "ON", "America/Winnipeg"),
        ("X1A", "Yellowknife", "NT", "America/Edmonton"),
        ("X0A", "Outer Nunavut", "NU", "America/Iqaluit"),
        ("J7Y", "Saint-Jérôme", "QC", "America/Toronto"),
        ("G6V", "Lévis", "QC", "America/Toronto"),
        ("M5V", "Toronto", "ON", "America/Toronto"),
        ("T9H", "Fort McMurray", "AB", "America/Edmonton"),
    ],
)
def test_known_places(code: str, city: str, state: str, zone: str) -> None:
    place = ZipBook().lookup(code)[0]
    assert (place.city, place.state, place.timezone) == (city, state, zone)


def test_shifted_and_joke_coordinates_are_dropped() -> None:
    book = ZipBook()
    for code in ("V0N", "E1H", "E2E", "E2H", "E3C", "K0C", "K0H", "K0K", "P0M", "H0H", "09012"):
        assert book.lookup(code)[0].latitude is None, code


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"city": "Calgary", "state": "Alberta", "latitude": 0, "longitude": 0}, "not in Canada"),
        ({"city": "Xy\ufffdz", "state": "Alberta", "latitude": 51, "longitude": -114}, "lost letter"),
    ],
)
def test_a_new_kind_of_bad_row_stops_the_build(row: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mended("T2P", row)


def test_the_market_table_is_the_one_that_was_built_in(table: sqlite3.Connection) -> None:
    with (FOLDER / "dma_markets.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (r["name"], r["state"], float(r["latitude"]), float(r["longitude"])) for r in csv.DictReader(file)
        ]
    assert rows == table.execute("SELECT name, state, latitude, longitude FROM market ORDER BY id").fetchall()
    assert len({(name, state) for name, state, _, _ in rows}) == 210
    assert {row[1] for row in rows} == STATES - {"DE", "NH", "NJ"}  # these lie in their neighbours' markets


def test_each_market_centre_is_where_a_code_of_its_state_is(table: sqlite3.Connection) -> None:
    """A slip of the pen in a coordinate would move a market; 25 km is the width of a city."""
    for name, state, latitude, longitude in table.execute(
        "SELECT name, state, latitude, longitude FROM market"
    ):
        near = table.execute(
            "SELECT min((latitude/1e4 - ?)*(latitude/1e4 - ?)"
            " + (longitude/1e4 - ?)*(longitude/1e4 - ?)*?) FROM place WHERE state = ? AND code < 'A'",
            (latitude, latitude, longitude, longitude, math.cos(math.radians(latitude)) ** 2, state),
        ).fetchone()[0]
        assert math.sqrt(near) * 111 < 25, name


def test_each_market_centre_is_the_city_it_is_named_after(table: sqlite3.Connection) -> None:
    """The first city of a name lies within 15 km of the coordinates; four markets lie around another."""
    own = {"Champaign-Springfield-Decatur": "Decatur", "Minot-Bismarck-Dickinson": "Bismarck",
           "Chico-Redding": "Redding", "Monterey-Salinas": "Salinas",}  # fmt: skip
    for name, state, latitude, longitude in table.execute(
        "SELECT name, state, latitude, longitude FROM market"
    ):
        city = own.get(name, re.sub(r"^St\. ", "Saint ", re.split(r"(?<!Wilkes)-", name)[0]))
        wanted = re.sub(r"\W", "", city).lower()
        places = [
            (lat / 1e4, lon / 1e4)
            for cities, lat, lon in table.execute(
                "SELECT cities, latitude, longitude FROM place WHERE state = ? AND latitude IS NOT NULL",
                (state,),
            )
            if any(re.sub(r"\W", "", one).lower() == wanted for one in cities.split("|"))
        ]
        assert places, name
        apart = min(
            math.hypot(lat - latitude, (lon - longitude) * math.cos(math.radians(latitude)))
            for lat, lon in places
        )
        assert apart * 111 < 15, name


def test_markets_are_estimated_within_the_states_only(table: sqlite3.Connection) -> None:
    with_market = {
        row[0] for row in table.execute("SELECT DISTINCT state FROM place WHERE market IS NOT NULL")
    }
    assert with_market == STATES


# tax


def rates() -> dict[tuple[str, str], tax.TaxRate]:
    return tax.load(FOLDER / "tax_rates.toml")


def test_each_state_and_province_has_a_rate() -> None:
    found = rates()
    assert {region for country, region in found if country == "US"} == STATES
    assert {region for country, region in found if country == "CA"} == PROVINCES
    for row in found.values():
        assert 0 <= row.rate <= 16
        assert row.as_of.year >= 2025
        assert len(row.source) > 15, row.region
        assert "://" not in row.source
        names = {part.name for part in row.parts}
        assert names == {"sales tax"} if row.country == "US" else names & {"GST", "HST"}


def test_the_states_without_sales_tax() -> None:
    free = {row.region for row in rates().values() if row.rate == 0}
    assert free == {"AK", "DE", "MT", "NH", "OR"}


@pytest.mark.parametrize(
    ("country", "region", "rate", "words"),
    [
        ("US", "CA", "7.25", "sales tax 7.25 %"),
        ("US", "TX", "6.25", "Comptroller"),
        ("US", "NY", "4", "1105"),
        ("US", "LA", "5", "2024"),
        ("US", "NJ", "6.625", "New Jersey"),
        ("CA", "ON", "13", "HST 13 %"),
        ("CA", "NS", "14", "HST 14 %"),
        ("CA", "QC", "14.975", "GST 5 % + QST 9.975 %"),
        ("CA", "BC", "12", "GST 5 % + PST 7 %"),
        ("CA", "AB", "5", "GST 5 %"),
    ],
)
def test_known_rates(country: str, region: str, rate: str, words: str) -> None:
    row = rates()[country, region]
    assert row.rate == Decimal(rate)
    assert words in row.label
    assert "as of 2025-07-01" in row.label
