"""Whether an INVITE asks to be answered by itself: the headers in use, and what only looks like them."""

from __future__ import annotations

import pytest

from halodesk.sip.phone.auto_answer import MOST_S, wanted_after


@pytest.mark.parametrize(
    ("name", "value", "after"),
    [
        ("Call-Info", "<sip:pbx>;answer-after=0", 0.0),
        ("Call-Info", r"\\;answer-after=2", 2.0),
        ("call-info", "<uri>; Answer-After = 5", 5.0),
        ("Call-Info", "<uri>;answer-after=9999", MOST_S),
        ("Alert-Info", "<http://127.0.0.1>;info=alert-autoanswer;delay=3", 3.0),
        ("Alert-Info", "info=alert-autoanswer", 0.0),
        ("Alert-Info", "<sip:x>;info=Auto Answer", 0.0),
        ("Alert-Info", "Ring Answer", 0.0),
        ("Alert-Info", "Auto Answer", 0.0),
        ("Alert-Info", "<x>;info=RingAnswer", 0.0),
        ("Answer-Mode", "Auto", 0.0),
        ("Priv-Answer-Mode", "Auto;require", 0.0),
        ("Answer-Mode", "Manual", None),
        ("Alert-Info", "<http://pbx/ring-answer.wav>", None),
        ("Alert-Info", "Bellcore-dr2", None),
        ("Call-Info", "<http://crm/answer-after=0>;purpose=info", None),
        ("X-Answer-After", "0", None),
    ],
)
def test_headers_in_use(name: str, value: str, after: float | None) -> None:
    assert wanted_after({name: value}) == after


def test_no_header_no_wish() -> None:
    assert wanted_after({}) is None
