"""Makes resources/zip/zip.sqlite from two packages and the market table. Same input, same bytes.

    .venv/bin/python -m tools.build_zip_db [--out FILE]

- United States: the Python package `zipcodes`, a locked development dependency. Its data is
  compiled in, so what is pinned here is the hash of the data itself: the same on every platform.
- Canada: the npm package `zipcodes` (npm must be installed), pinned by the hash of its archive.
  Only its Canadian table is used, mended by `tools/zip_canada.py`.
- Markets: resources/zip/dma_markets.csv. Each US code gets the nearest centre: an estimate.

The built file is committed: nobody needs to run this but who changes the data.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import sqlite3
import subprocess
import tarfile
import tempfile
import zoneinfo
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zipcodes

from tools.zip_canada import mended

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "zip"
US_VERSION = "3.0.0"
US_SHA256 = "2cad2b5dc72748131fb5c15d595acaa50f90a77d25a0605ea1bc8f60b95d3813"
CANADA_VERSION = "8.0.0"
CANADA_SHA512 = (
    "57c36894568986c3da986782bf9949764eb443b24189723a7bef090e4b0f0b53"
    "49599d2dee0d4e15fa952d96f635cd85e6399ff494dd61d589067221181bed6c"
)
LEAST_ROWS = 43_140
# An SQLite header names the library that wrote the file last (bytes 96 to 99): made the same everywhere.
WRITER_AT, WRITER = 96, (3_040_000).to_bytes(4, "big")

SCHEMA = """
PRAGMA page_size = 4096;
PRAGMA encoding = 'UTF-8';
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE county (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE zone (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE market (id INTEGER PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL,
                     latitude REAL NOT NULL, longitude REAL NOT NULL);
CREATE TABLE place (code TEXT PRIMARY KEY, cities TEXT NOT NULL, state TEXT NOT NULL, county INTEGER,
                    zone INTEGER, market INTEGER, latitude INTEGER, longitude INTEGER) WITHOUT ROWID;
"""
META = {
    "built_from": f"Python package zipcodes {US_VERSION}; npm package zipcodes {CANADA_VERSION}; "
    "dma_markets.csv",
    "licences": "zipcodes (Python): MIT; zipcodes (npm): BSD; GeoNames coordinates: CC BY 4.0; "
    "dma_markets.csv: own work. Texts: LICENCES.md beside this file.",
    "us_source": "Python package zipcodes: USPS ZIP Locale Detail, GeoNames, unitedstateszipcodes.org",
    "canada_source": "npm package zipcodes: forward sortation areas, AggData sample",
    "dma_source": "estimated: nearest of the market centres in dma_markets.csv",
    "coordinates": "degrees times 10,000",
}


class Place(NamedTuple):
    """One row. The cities are the usual one first, then those that are accepted too."""

    code: str
    cities: tuple[str, ...]
    state: str
    county: str
    zone: str
    latitude: float | None
    longitude: float | None


class Market(NamedTuple):
    """One market centre."""

    name: str
    state: str
    latitude: float
    longitude: float


def main() -> None:
    """Fetch, mend, write."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--out", type=Path, default=FOLDER / "zip.sqlite")
    out: Path = options.parse_args().out
    places = sorted([*us_places(), *canada_places()])
    if len(places) < LEAST_ROWS or len({place.code for place in places}) != len(places):
        raise SystemExit(f"{len(places)} rows: too few, or one code twice")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "zip.sqlite"
        write(fresh, places, markets())
        content = bytearray(fresh.read_bytes())
    content[WRITER_AT : WRITER_AT + 4] = WRITER
    out.write_bytes(content)
    print(f"{out}: {len(places)} rows, {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def us_places() -> Iterator[Place]:
    """The United States, its territories and the military codes."""
    rows: list[dict[str, Any]] = zipcodes.list_all()  # type: ignore[no-untyped-call]  # its wrapper has no types
    found = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    if zipcodes.__version__ != US_VERSION or found != US_SHA256:
        raise SystemExit(f"zipcodes {zipcodes.__version__} with data {found}: not what is pinned here")
    known_zones = zoneinfo.available_timezones()
    zones = _zones_of_counties(rows, known_zones)
    for row in rows:
        latitude, longitude = float(row["lat"]), float(row["long"])
        known = (latitude, longitude) != (0.0, 0.0)
        city, others = row["city"], [name for name in row["acceptable_cities"] if name != row["city"]]
        state, county, zone = row["state"], row["county"], row["timezone"]
        if city in {"Apo", "Fpo", "Dpo"}:
            # Post of the forces. A few rows of Europe say NJ: the first two digits decide.
            city, county, zone = city.upper(), "", ""
            state, known = {"09": "AE", "34": "AA"}.get(row["zip_code"][:2], "AP"), False
        if zone and zone not in known_zones:
            zone = zones[state, county]
        yield Place(
            code=row["zip_code"],
            cities=(city, *others),
            state=state,
            county=county,
            zone=zone,
            latitude=latitude if known else None,
            longitude=longitude if known else None,
        )


def _zones_of_counties(rows: list[dict[str, Any]], known: set[str]) -> dict[tuple[str, str], str]:
    """The time zone most codes of a county have: one row has a city's name there."""
    seen: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["timezone"] in known:
            seen[row["state"], row["county"]][row["timezone"]] += 1
    return {county: zones.most_common(1)[0][0] for county, zones in seen.items()}


def canada_places() -> Iterator[Place]:
    """The forward sortation areas: the first three signs of a postal code."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", folder, f"zipcodes@{CANADA_VERSION}"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        archive = next(Path(folder).glob("*.tgz"))
        found = hashlib.sha512(archive.read_bytes()).hexdigest()
        if found != CANADA_SHA512:
            raise SystemExit(
                f"npm package zipcodes {CANADA_VERSION} has hash {found}: not what is pinned here"
            )
        with tarfile.open(archive) as files:
            script = files.extractfile("package/lib/codesCanada.js")
            if script is None:
                raise SystemExit("the npm package has no Canadian table")
            text = script.read().decode()
    table: dict[str, dict[str, Any]] = json.loads(
        text.split("\n")[0].removeprefix("exports.codes = ").rstrip(";")
    )
    for code, row in table.items():
        city, province, latitude, longitude, zone = mended(code, row)
        yield Place(code, (city,), province, "", zone, latitude, longitude)


def markets() -> list[Market]:
    """The market centres, in the order of the table."""
    with (FOLDER / "dma_markets.csv").open(encoding="utf-8", newline="") as file:
        return [
            Market(row["name"], row["state"], float(row["latitude"]), float(row["longitude"]))
            for row in csv.DictReader(file)
        ]


def nearest(place: Place, centres: list[Market]) -> int | None:
    """Number (from 1) of the nearest market, None outside the fifty states or without coordinates."""
    if place.latitude is None or place.longitude is None or place.code[0].isalpha():
        return None
    if place.state in {"AS", "FM", "GU", "MH", "MP", "PR", "PW", "VI"}:
        return None  # the territories are in no market
    here = (place.latitude, place.longitude)
    return min(range(len(centres)), key=lambda at: _apart(here, centres[at])) + 1


def _apart(here: tuple[float, float], there: Market) -> float:
    """Haversine, without the Earth's radius: only compared."""
    latitude, longitude = math.radians(here[0]), math.radians(here[1])
    other = math.radians(there.latitude)
    half = math.sin((other - latitude) / 2) ** 2
    return half + math.cos(latitude) * math.cos(other) * (
        math.sin((math.radians(there.longitude) - longitude) / 2) ** 2
    )


def write(file: Path, places: list[Place], centres: list[Market]) -> None:
    """The database. Its bytes depend on the rows alone."""
    counties = {name: at for at, name in enumerate(sorted({p.county for p in places if p.county}), 1)}
    zones = {name: at for at, name in enumerate(sorted({p.zone for p in places if p.zone}), 1)}
    us = sum(place.code[0].isdigit() for place in places)
    rows = [
        (
            *(place.code, "|".join(place.cities), place.state),
            *(counties.get(place.county), zones.get(place.zone), nearest(place, centres)),
            *(_whole(place.latitude), _whole(place.longitude)),
        )
        for place in places
    ]
    meta = META | {
        "rows": str(len(rows)),
        "us_rows": str(us),
        "canada_rows": str(len(rows) - us),
        "cities": str(sum(len(place.cities) for place in places)),
        "counties": str(len(counties)),
        "zones": str(len(zones)),
        "markets": str(len(centres)),
        "rows_with_market": str(sum(row[5] is not None for row in rows)),
    }
    base = sqlite3.connect(file)
    base.executescript(SCHEMA)
    with base:
        base.executemany("INSERT INTO meta VALUES (?, ?)", sorted(meta.items()))
        base.executemany("INSERT INTO county VALUES (?, ?)", [(at, name) for name, at in counties.items()])
        base.executemany("INSERT INTO zone VALUES (?, ?)", [(at, name) for name, at in zones.items()])
        base.executemany(
            "INSERT INTO market VALUES (?, ?, ?, ?, ?)", [(at, *one) for at, one in enumerate(centres, 1)]
        )
        base.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    base.execute("VACUUM")
    base.close()


def _whole(degrees: float | None) -> int | None:
    return None if degrees is None else round(degrees * 10_000)


if __name__ == "__main__":
    main()
