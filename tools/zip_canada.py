"""Puts the Canadian rows of the npm package right, for `tools/build_zip_db.py`.

What is wrong with them, each rule below mends one:
- The file was split at every comma, quoted or not: nine rows carry a place in the province field
  and their latitude in the longitude. The province follows from the code's first letter (X alone
  is two territories, told apart by their own field); such coordinates are dropped.
- The bytes above ASCII were lost: U+FFFD stands for them. `ACCENTS` says what stood there.
- Words were capitalised at blanks only, and hyphens are sometimes followed by a blank.
- City text goes on with districts in brackets and with the point of the compass.
- H0H is a joke (Santa Claus) whose coordinates are the North Pole.
"""

from __future__ import annotations

import re
from typing import Any

PROVINCE_OF_LETTER = {
    **{"A": "NL", "B": "NS", "C": "PE", "E": "NB", "G": "QC", "H": "QC", "J": "QC", "K": "ON", "L": "ON"},
    **{"M": "ON", "N": "ON", "P": "ON", "R": "MB", "S": "SK", "T": "AB", "V": "BC", "Y": "YT"},
}
PROVINCE_OF_X = {"Northwest Territory": "NT", "Nunavut Territory": "NU"}
PROVINCE_NAMES = {
    *("Alberta", "British Columbia", "Manitoba", "New Brunswick", "Newfoundland and Labrador", "Nova Scotia"),
    *("Ontario", "Prince Edward Island", "Quebec", "Saskatchewan", "Yukon", *PROVINCE_OF_X),
}

ZONE_OF_PROVINCE = {
    **{"AB": "Edmonton", "BC": "Vancouver", "MB": "Winnipeg", "NB": "Moncton", "NL": "St_Johns"},
    **{"NS": "Halifax", "NT": "Edmonton", "ON": "Toronto", "PE": "Halifax", "QC": "Toronto"},
    **{"SK": "Regina", "YT": "Whitehorse"},
}
# Where a province has several zones: Labrador, the Rockies and the Peace River, Nunavut, Lloydminster.
ZONE_OF_CODE = {
    **dict.fromkeys(("A0P", "A0R", "A2V"), "Goose_Bay"),
    **dict.fromkeys(("V0A", "V0B", "V1A", "V1C"), "Edmonton"),
    **dict.fromkeys(("V0C", "V1G", "V1J"), "Dawson_Creek"),
    **{"X0A": "Iqaluit", "X0B": "Cambridge_Bay", "X0C": "Rankin_Inlet", "S9V": "Edmonton"},
}
WEST_ONTARIO = -90.0  # ON keeps Central Time west of this longitude

ACCENTS = {
    word.replace(lost, "\ufffd").lower(): word.lower()
    for lost, words in {
        "è": "Chaudière Jonquière Lanaudière Laterrière Rivière Rivières Geneviève Mère",
        "â": "Châteauguay Grâce",
        "ô": "Côte",
        "é": "Gaspé Gaspésie Hébertville Lévis Lamèque Québec Région Témiscamingue Bélair Dorothée Félicien "
        "Léonard Métabetchouan Pelé Émard Émile L'Épiphanie",
        "î": "Îles L'Île",
        "ç": "François",
    }.items()
    for word in words.lower().split()
}
# Two accents in one word, and words whose lost letter is not the one of their line above.
ACCENTS |= {
    "ad\ufffdle": "adèle",
    "j\ufffdr\ufffdme": "jérôme",
    "th\ufffdr\ufffdse": "thérèse",
    "mont\ufffdr\ufffdgie": "montérégie",
    "lam\ufffdque": "lamèque",
}

COMPASS = {
    *("North", "South", "East", "West", "Northeast", "Northwest", "Southeast", "Southwest", "Central"),
    *("Inner", "Outer", "And", "Northern", "&", "Extremities", "Outskirts"),
}
PARTICLES = {"a", "aux", "d", "de", "des", "du", "en", "la", "le", "les", "sur"}
# Codes of one institution: what their letters' address says.
OWN_NAME = {"K1A": "Ottawa", "M7A": "Toronto", "M7Y": "Toronto", "M5W": "Toronto"}
GOVERNMENT = re.compile(
    r" (Manitoba|Newfoundland & Labrador|New Brunswick|Nova Scotia|Saskatchewan|British Columbia|"
    r"Prince Edward Island) Provincial Government$"
)


def mended(code: str, row: dict[str, Any]) -> tuple[str, str, float | None, float | None, str]:
    """City, province, latitude, longitude and time zone of one row.

    Raises `ValueError` for a row that is wrong in a way no rule here knows.
    """
    shifted = row["state"] not in PROVINCE_NAMES
    province = PROVINCE_OF_X[row["state"]] if code[0] == "X" else PROVINCE_OF_LETTER[code[0]]
    if shifted or code == "H0H":
        return _city(code, row["city"]), province, None, None, _zone(code, province, None)
    latitude, longitude = float(row["latitude"]), float(row["longitude"])
    if not (41 < latitude < 84 and -142 < longitude < -52):
        raise ValueError(f"{code}: {latitude}, {longitude} is not in Canada")
    return _city(code, row["city"]), province, latitude, longitude, _zone(code, province, longitude)


def _zone(code: str, province: str, longitude: float | None) -> str:
    name = ZONE_OF_CODE.get(code) or ZONE_OF_PROVINCE[province]
    if province == "ON" and longitude is not None and longitude < WEST_ONTARIO:
        name = "Winnipeg"
    return f"America/{name}"


def _city(code: str, text: str) -> str:
    if code in OWN_NAME:
        return OWN_NAME[code]
    text = GOVERNMENT.sub("", text.split("(")[0].strip())
    words = re.sub(r"-\s+", "-", text).split()
    while len(words) > 1 and words[-1] in COMPASS:
        words.pop()
    if code[0] == "M" and words[-1] == "Toronto":
        return "Toronto"  # Downtown, Central, East and West Toronto
    city = "-".join(_spelled(part, inner=at > 0) for at, part in enumerate(" ".join(words).split("-")))
    if "\ufffd" in city:
        raise ValueError(f"{code}: {city} has a lost letter that ACCENTS does not know")
    return city


def _spelled(part: str, *, inner: bool) -> str:
    words = [ACCENTS.get(word.lower(), word) for word in part.split(" ")]
    return " ".join(word.lower() if inner and word.lower() in PARTICLES else _capital(word) for word in words)


def _capital(word: str) -> str:
    begun = word[:1].upper() + word[1:]
    return re.sub(r"^(L'|Mc|D')(\w)", lambda found: found[1] + found[2].upper(), begun)
