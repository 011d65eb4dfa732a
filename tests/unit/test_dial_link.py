"""Links to telephones: what is taken, what is refused in words, and that nothing else can happen."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from halodesk.engine.dial_link import MOST, SCHEMES, is_emergency_somewhere, parse, shown
from halodesk.engine.errors import LinkError

CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]")


@pytest.mark.parametrize(
    ("text", "to", "note"),
    [
        ("tel:+1-201-555-0123", "+12015550123", ""),
        ("TEL:+1(202)555.0143", "+12025550143", ""),
        ("tel:+1%20202%20555%200143", "+12025550143", ""),
        ("tel:+1 202 555 0143", "+12025550143", ""),
        ("tel://+12025550143", "+12025550143", ""),
        ("tel:7042;phone-context=example.com", "7042", "A number within example.com."),
        ("tel:863-1234;phone-context=+1-914-555", None, ""),  # a prefix has no separators here
        ("tel:863-1234;phone-context=+1914555", "8631234", "A number within +1914555."),
        ("tel:+12025550143;ext=12-34", "+12025550143", "Extension 1234."),
        ("tel:+12025550143;postd=pp22#", "+12025550143", "After the answer: pp22#."),
        ("tel:+12025550143;isub=1411;x-odd=%7E", "+12025550143", ""),
        ("callto:+12025550143", "+12025550143", ""),
        ("callto://2025550143/", "2025550143", ""),
        ("callto:robin@example.com", "sip:robin@example.com", ""),
        ("sip:robin@example.com", "sip:robin@example.com", ""),
        ("sip:+12025550143@pbx.example.com:5080;user=phone", "sip:+12025550143@pbx.example.com:5080", ""),
        ("sips:robin@pbx.example.com;transport=TCP", "sips:robin@pbx.example.com;transport=tcp", ""),
        ("sip:robin@[2001:db8::1]:5060", "sip:robin@[2001:db8::1]:5060", ""),
        ("sip:1001", "1001", ""),
        ("sip:pbx.example.com", "sip:pbx.example.com", ""),
        ("sip:%72obin@example.com", "sip:robin@example.com", ""),
    ],
)
def test_a_plain_link_says_whom_to_call(text: str, to: str | None, note: str) -> None:
    if to is None:
        with pytest.raises(LinkError):
            parse(text)
        return
    found = parse(text)
    assert (found.to, found.note) == (to, note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025550143",
        "http://example.com",
        "javascript:alert(1)",
        "tel",
        "tel:",
        "tel:<script>alert(1)</script>",
        "tel:javascript:alert(1)",
        "tel:+",
        "tel:+1202$(reboot)",
        "tel:+12025550143;m-odd=1",
        "tel:+12025550143;ext=1;ext=2",
        "tel:+12025550143;ext=call-me",
        "tel:+12025550143;phone-context=a b",
        "tel:+١٢٣",
        "tel:+12025550143%0D%0AX-Evil:%201",
        "tel:+1202555%000143",
        "tel:+1202555%250D%250A",
        "tel:+1202555\u202e0143",
        "tel:" + "1" * (MOST + 1),
        "tel:+" + "1" * 21,
        "sip:robin@example.com?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2",
        "sip:robin@example.com?",
        "sip:robin:secret@example.com",
        "sip:robin@example.com;maddr=192.0.2.7",
        "sip:robin@example.com;method=BYE",
        "sip:robin@example.com;transport=ws",
        "sip:robin@example.com;lr",
        "sip:robin%0d%0a@example.com",
        "sip:robin%3Fsubject@example.com",
        "sip:ro bin@example.com",
        "sip:@example.com",
        "sip:robin@",
        "sip:robin@-example.com",
        "sip:robin@example.com:0",
        "sip:robin@example.com:70000",
        "sip:robin@example.com:",
        "sip:robin@exa%6Dple.com",
        "sip:robin@[::1]evil",
        "sip:a@b@example.com",
        "sip:%FF@example.com",
    ],
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(LinkError) as refused:
        parse(text)
    assert refused.value.message.strip().endswith((".", "?"))
    assert not CONTROL.search(str(refused.value).replace(" ", ""))
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    "text",
    ["tel:911", "tel:112", "callto:999", "sip:911@pbx.example.com", "tel:*21*2025550143%23", "tel:*06"],
)
def test_emergencies_and_commands_to_a_pbx_are_never_dialled_by_a_click_alone(text: str) -> None:
    assert not parse(text).may_dial


def test_an_ordinary_number_may_be_dialled() -> None:
    assert parse("tel:+12025550143").may_dial
    assert not is_emergency_somewhere("2025550143")
    assert is_emergency_somewhere("110"), "Germany, Japan, China"


def test_a_strangers_text_is_shown_short_and_plain() -> None:
    assert shown("a\r\nb\u202ec" + "x" * 100) == "a  b c" + "x" * 54 + "…"


ANY = st.text(max_size=80)
HOSTILE = st.sampled_from(
    ["%0d%0a", "%00", "?", ";maddr=1.2.3.4", "\r\n", "@", ":", "%25", "<", "\u202e", "+1"]
)


@given(st.sampled_from([*SCHEMES, "http"]), st.lists(ANY | HOSTILE | st.just("2025550143"), max_size=5))
@example("sip", ["robin@example.com", ";transport=udp;transport=tcp"])
def test_what_is_taken_is_plain_whatever_was_given(scheme: str, parts: list[str]) -> None:
    try:
        found = parse(f"{scheme}:{''.join(parts)}")
    except LinkError:
        return
    assert not re.search(r"[^\x21-\x7e]", found.to)
    assert not re.search(r"[?<>\"\\|]|%(?!23)", found.to)
    assert len(found.to) <= MOST
    assert found.to.startswith(("sip:", "sips:")) or re.fullmatch(r"\+?[0-9*#]+", found.to)


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True), st.sampled_from(["", "-", ".", " "]))
def test_every_global_number_comes_through_whatever_separates_it(number: str, separator: str) -> None:
    written = separator.join([number[:3], *number[3:]])
    assert parse(f"tel:{written}").to == number
    assert parse(f"tel:{quote(written, safe='+')}").to == number
