"""phone: stored as E.164 (ITU-T E.164), with an extension where one is given."""

from __future__ import annotations

from typing import Any

import phonenumbers

from halodesk.engine.fields.base import CARD_NUMBER, Plain, Problem, plain_text
from halodesk.engine.flow import Field
from halodesk.engine.pan import has_card_number


class Phone(Plain):
    """`config`: `region` (ISO country of numbers without one, "US")."""

    name = "phone"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """`+12025550143` or `+12025550143;ext=7` (RFC 3966)."""
        text = plain_text(raw, 40, one_line=True, cards=True)
        if not isinstance(text, str):
            return text
        try:
            number = phonenumbers.parse(text, str(field.config.get("region", "US")))
        except phonenumbers.NumberParseException:
            number = None
        # one in ten long international numbers has the check digit of a card
        certain = number is not None and text.startswith("+") and phonenumbers.is_valid_number(number)
        if has_card_number(text) and not certain:
            return CARD_NUMBER
        if number is None:
            return Problem("This is not a phone number. Example: (202) 555-0143.")
        if not phonenumbers.is_possible_number(number):
            return Problem("This phone number has too few or too many digits.")
        stored = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return f"{stored};ext={number.extension}" if number.extension else stored

    def show(self, field: Field, value: Any) -> str:
        """National form at home, international abroad."""
        region = str(field.config.get("region", "US"))
        try:
            number = phonenumbers.parse(str(value), region)
        except phonenumbers.NumberParseException:
            return str(value)
        home = phonenumbers.region_code_for_number(number) in (region, None) or number.country_code == 1
        style = (
            phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
        return phonenumbers.format_number(number, style)

    def schema(self, field: Field) -> dict[str, Any]:
        """A number with all its digits."""
        region = str(field.config.get("region", "US"))
        words = f"A phone number with all its digits; from outside {region} with + and the country code."
        return {"type": "string", "maxLength": 40, "description": words}


TYPE = Phone()
