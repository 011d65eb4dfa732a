"""address: a structured postal address."""

from __future__ import annotations

import re
from typing import Any

from halodesk.engine.fields.base import Plain, Problem, plain_text
from halodesk.engine.flow import Field

PARTS = ("line1", "line2", "city", "region", "postal_code", "country")
_REQUIRED = {
    "line1": "street",
    "city": "city",
    "region": "state or province",
    "postal_code": "ZIP or postal code",
}
_POSTAL = {
    "US": (re.compile(r"\d{5}(-\d{4})?"), "a ZIP code such as 94107 or 94107-1234"),
    "CA": (
        re.compile(r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d"),
        "a postal code such as K1A 0B1",
    ),
}


class Address(Plain):
    """`config`: `countries` (ISO codes, ["US", "CA"])."""

    name = "address"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """Object of the parts, the country as ISO code, region and postal code in capitals."""
        if raw is None:
            return None
        if not isinstance(raw, dict):
            return Problem("An address has a street, a city, a state and a ZIP code.")
        value: dict[str, str] = {}
        for part in PARTS:
            text = plain_text(raw.get(part), 120, one_line=True)
            if isinstance(text, Problem):
                return text
            value[part] = text or ""
        if not any(value[part] for part in PARTS if part != "country"):
            return None
        countries = _countries(field)
        value["country"] = value["country"].upper() or countries[0]
        if value["country"] not in countries:
            return Problem(f"We send to {', '.join(countries)} only.")
        missing = [words for part, words in _REQUIRED.items() if not value[part]]
        if missing:
            return Problem(f"The {missing[0]} is missing.")
        value["region"] = value["region"].upper()
        value["postal_code"] = value["postal_code"].upper()
        shape = _POSTAL.get(value["country"])
        if shape is not None:
            if value["country"] == "CA":
                packed = value["postal_code"].replace(" ", "")
                value["postal_code"] = f"{packed[:3]} {packed[3:]}"
            if not shape[0].fullmatch(value["postal_code"]):
                return Problem(f"This is not {shape[1]}.")
        return value

    def show(self, field: Field, value: Any) -> str:
        """One line."""
        if not isinstance(value, dict):  # set by a function of the flow, not by this type
            return str(value)
        part = {name: str(value.get(name) or "") for name in PARTS}
        place = " ".join(filter(None, (part["region"], part["postal_code"])))
        return ", ".join(filter(None, (part["line1"], part["line2"], part["city"], place, part["country"])))

    def schema(self, field: Field) -> dict[str, Any]:
        """Its parts."""
        parts: dict[str, Any] = {part: {"type": "string", "maxLength": 120} for part in PARTS}
        parts["line1"]["description"] = "House number and street."
        parts["line2"]["description"] = "Apartment or suite, if there is one."
        parts["region"]["description"] = "State or province, two letters."
        parts["postal_code"]["description"] = "ZIP or postal code."
        parts["country"] = {"type": "string", "enum": _countries(field)}
        return {"type": "object", "properties": parts, "required": list(_REQUIRED)}


def _countries(field: Field) -> list[str]:
    given = field.config.get("countries")
    return [str(code) for code in given] if isinstance(given, list) and given else ["US", "CA"]


TYPE = Address()
