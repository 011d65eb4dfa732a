"""The manager interface as bytes: framing, bounds, forged headers, injection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami_wire import (
    MAX_HEADERS,
    MAX_LINE_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_SENT_LINE_BYTES,
    AmiMessage,
    AmiParser,
    encode,
)

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
# As Asterisk 22.10.1 sent it.
MUTE_EVENT = (
    b"Event: MixMonitorMute\r\nPrivilege: call,all\r\nChannel: Local/611@lab-00000000;2\r\n"
    b"CallerIDName: <unknown>\r\nAccountCode: \r\nUniqueid: 1795239129.1\r\nLinkedid: 1795239129.0\r\n"
    b"Direction: both\r\nState: 1\r\n\r\n"
)


def parse(data: bytes) -> list[AmiMessage]:
    return AmiParser().feed(GREETING + data)


def test_an_event_of_asterisk() -> None:
    parser = AmiParser()
    (event,) = parser.feed(GREETING + MUTE_EVENT)
    assert parser.greeting == "Asterisk Call Manager/11.0.0"
    assert event.event == "MixMonitorMute"
    assert not event.success
    assert (event.get("uniqueid"), event.get("Direction"), event.get("STATE")) == (
        "1795239129.1",
        "both",
        "1",
    )
    assert event.get("AccountCode") == ""
    assert event.get("Missing") == ""


@given(st.lists(st.integers(1, 40), max_size=30))
def test_where_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    stream = GREETING + MUTE_EVENT + b"\r\n" + b"Response: Success\r\nActionID: 7\r\n\r\n"
    parser, messages, at = AmiParser(), [], 0
    for cut in [*cuts, len(stream)]:
        messages += parser.feed(stream[at : at + cut])
        at += cut
    assert messages == parse(stream.removeprefix(GREETING))
    assert [message.success for message in messages] == [False, True]


def test_a_header_that_occurs_twice_has_no_value() -> None:
    (event,) = parse(b"Event: X\r\nState: 0\r\nstate: 1\r\n\r\n")
    assert event.get("State") == ""


def test_a_bare_line_feed_does_not_end_a_line() -> None:
    (event,) = parse(b"Event: X\r\nCallerIDName: a\nState: 1\r\n\r\n")
    assert event.get("State") == ""
    assert event.get("CallerIDName") == "a\nState: 1"


def test_bytes_that_are_no_text_do_not_raise() -> None:
    (event,) = parse(b"Event: X\r\nChannel: PJSIP/\xff\xfe\r\nno colon here\r\n\r\n")
    assert event.get("Channel") == "PJSIP/��"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        GREETING + b"x" * (MAX_LINE_BYTES + 1),
        GREETING + b"x" * (MAX_LINE_BYTES + 1) + b"\r\n",
        GREETING + b"a: b\r\n" * (MAX_HEADERS + 1),
        GREETING + (b"a: " + b"x" * 8000 + b"\r\n") * (MAX_MESSAGE_BYTES // 8000 + 1),
    ],
    ids=["another protocol", "endless line", "long line", "many headers", "large message"],
)
def test_what_is_out_of_bounds_is_refused(data: bytes) -> None:
    with pytest.raises(RecorderError):
        AmiParser().feed(data)


@given(st.binary(max_size=300))
def test_no_input_does_anything_but_parse_or_refuse(data: bytes) -> None:
    parser = AmiParser()
    parser.feed(GREETING)
    for message in parser.feed(data):
        assert message.headers


def test_an_action() -> None:
    data = encode("MixMonitorMute", "1", [("Channel", "PJSIP/1001-00000001"), ("State", "1")])
    expected = b"Action: MixMonitorMute\r\nActionID: 1\r\nChannel: PJSIP/1001-00000001\r\nState: 1\r\n\r\n"
    assert data == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Channel", "x\r\nAction: Command"),
        ("Channel", "x\nState: 0"),
        ("Channel", "x\r"),
        ("Channel", "x\0"),
        ("Chan nel", "x"),
        ("Channel:", "x"),
        ("", "x"),
        ("Channel", "x" * MAX_SENT_LINE_BYTES),
    ],
)
def test_what_could_forge_a_header_is_not_sent(name: str, value: str) -> None:
    with pytest.raises(RecorderError) as refused:
        encode("Getvar", "1", [(name, value)])
    assert value not in str(refused.value) or len(value) < 2
