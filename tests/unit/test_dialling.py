"""What may stand in a request, and what became of a transfer in words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.engine.errors import PhoneRefusedError
from halodesk.sip.phone.dialling import header_of, header_uri
from halodesk.sip.phone.reasons import transfer_words
from halodesk.sip.phone.states import transfer_ended
from tests.fakes.phone import ended


def test_headers_in_refer_to_are_escaped() -> None:
    assert header_uri("sip:1003@pbx", {}) == "<sip:1003@pbx>"
    found = header_uri("sip:1003@pbx", {"X-HaloDesk-Session": 'a&b>;"c'})
    assert found == "<sip:1003@pbx?X-HaloDesk-Session=a%26b%3E%3B%22c>"


@pytest.mark.parametrize("name", ["Via", "X-", "X-a b", "Refer-To"])
def test_headers_of_the_protocol_are_refused(name: str) -> None:
    with pytest.raises(PhoneRefusedError, match="cannot be sent"):
        header_of(name, "x")
    with pytest.raises(PhoneRefusedError, match="cannot be sent"):
        header_of("X-Good", "a\r\nVia: b")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (486, "1003 is busy."),
        (404, "1003 does not exist."),
        (408, "1003 did not answer."),
        (603, "1003 declined the call."),
        (499, "1003 could not be reached (499)."),
    ],
)
def test_why_nobody_took_the_caller(code: int, words: str) -> None:
    assert transfer_words("1003", code) == words


@pytest.mark.parametrize(
    ("given", "referred", "code", "transfer", "reason"),
    [
        ({"transfer": "asked"}, True, 0, "done", "Handed over to 1003."),
        ({"transfer": "asked"}, True, 202, "done", "Handed over to 1003."),
        ({"transfer": "asked"}, True, 503, "failed", "The caller hung up."),
        ({"transfer": "asked"}, False, 0, "failed", "The caller hung up."),
        ({"transfer": "done"}, True, 200, "done", "Handed over to 1003."),
        ({}, False, 0, "", "The caller hung up."),
    ],
)
def test_what_became_of_a_transfer_whose_call_has_ended(
    given: dict[str, Any], referred: bool, code: int, transfer: str, reason: str
) -> None:
    found = transfer_ended(replace(ended(), transfer_to="1003", **given), referred, code)
    assert (found.transfer, found.reason) == (transfer, reason)
