"""SIP messages of the watcher: whole, in pieces, torn and absurd; and the digest."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.errors import SipFormError
from halodesk.sip.watch import digest
from halodesk.sip.watch.message import MAX_BODY, Framer, decode, encode

NOTIFY = (
    b"NOTIFY sip:1006@127.0.0.1:5060 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\n"
    b"f: <sip:1001@pbx;x=1>;tag=abc\r\n"
    b'To: "A; tag=no" <sip:1006@pbx>;tag=def\r\n'
    b"Call-ID: one@two\r\n"
    b"CSeq: 7 NOTIFY\r\n"
    b"Subscription-State: active;\r\n expires=99\r\n"
    b"l: 4\r\n\r\nbody"
)


def test_a_message_is_read() -> None:
    found = decode(NOTIFY)
    assert (found.method, found.cseq, found.status, found.body) == ("NOTIFY", 7, 0, b"body")
    assert (found.tag("from"), found.tag("to")) == ("abc", "def")
    assert found.get("subscription-state") == "active; expires=99"
    assert found.uri("from") == "sip:1001@pbx;x=1"
    assert found.get("via").endswith("z9hG4bKx")


def test_a_response_names_its_request() -> None:
    found = decode(b"SIP/2.0 200 OK\r\nCSeq: 3 SUBSCRIBE\r\nContact: <sip:a@b>;q=1\r\n\r\n")
    assert (found.status, found.method, found.cseq, found.uri("contact")) == (200, "SUBSCRIBE", 3, "sip:a@b")


def test_what_occurs_twice_has_no_value() -> None:
    found = decode(b"SIP/2.0 200 OK\r\nCall-ID: a\r\nCall-ID: b\r\nCSeq: x SUBSCRIBE\r\n\r\n")
    assert (found.get("call-id"), found.cseq) == ("", -1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SIP/2.0 999 No\r\n\r\n",
        b"NOTIFY sip:a SIP/2.0\r\nno header\r\n\r\n",
        b"NOTIFY sip:a SIP/2.0\r\n: empty\r\n\r\n",
        b"NOTIFY sip:a SIP/2.0\r\nl: 9\r\n\r\nshort",
        b"NOTIFY sip:a SIP/2.0\r\nl: -1\r\n\r\n",
        b"NOTIFY sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\nab",
        b"NOTIFY sip:a SIP/2.0\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"NOTIFY sip:a SIP/2.0\r\na: " + b"x" * 20_000 + b"\r\n\r\n",
        b"NOTIFY sip:a SIP/2.0\r\n\r\n" + b"x" * (MAX_BODY + 1),
    ],
)
def test_what_is_no_sip_is_refused(data: bytes) -> None:
    with pytest.raises(SipFormError):
        decode(data)


@given(st.binary(max_size=300), st.integers(0, len(NOTIFY)))
def test_whatever_comes_is_a_message_or_a_refusal(junk: bytes, cut: int) -> None:
    for data in (junk, NOTIFY[:cut] + junk, NOTIFY[:cut] + junk + NOTIFY[cut:]):
        for read in (decode, Framer().feed):
            with contextlib.suppress(SipFormError):
                read(data)


@given(st.lists(st.integers(1, 40), max_size=60))
def test_a_stream_is_cut_wherever_the_pieces_end(sizes: list[int]) -> None:
    whole = NOTIFY + b"\r\n\r\n" + NOTIFY + b"\r\n" + NOTIFY
    framer, found, at = Framer(), 0, 0
    for size in (*sizes, len(whole)):
        found += len(framer.feed(whole[at : at + size]))
        at += size
    assert found == 3


@pytest.mark.parametrize(
    "data",
    [b"NOTIFY sip:a SIP/2.0\r\na: b\r\n\r\n", b"x" * 20_000, b"NOTIFY sip:a SIP/2.0\r\nl: 99999\r\n\r\n"],
)
def test_a_stream_that_cannot_be_cut_ends(data: bytes) -> None:
    with pytest.raises(SipFormError):
        Framer().feed(data)


def test_what_we_send_is_what_we_read() -> None:
    data = encode("SUBSCRIBE sip:1001@pbx SIP/2.0", [("Call-ID", "x"), ("CSeq", "1 SUBSCRIBE")], b"hi")
    found = decode(data)
    assert (found.method, found.get("call-id"), found.body) == ("SUBSCRIBE", "x", b"hi")
    with pytest.raises(SipFormError):
        encode("SUBSCRIBE sip:1001@pbx SIP/2.0", [("To", "a\r\nEvil: b")])


def test_the_digest_of_the_rfc() -> None:
    """RFC 7616, 3.9.1 (the method and the algorithms are HTTP's; the sum is the same)."""
    common = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    expected = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, response in expected.items():
        challenge = digest.read_challenge([f"{common}, algorithm={algorithm}"], proxy=False)
        assert challenge is not None
        name, value = digest.answer(
            challenge,
            user="Mufasa",
            password="Circle of Life",
            method="GET",
            uri="/dir/index.html",
            count=1,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        assert name == "Authorization"
        assert f'response="{response}"' in value


def test_the_strongest_challenge_is_answered() -> None:
    found = digest.read_challenge(
        [
            'Digest realm="a", nonce="1", algorithm=MD5',
            'Digest realm="a", nonce="2", algorithm=SHA-256, stale=TRUE',
            'Digest realm="a", nonce="3", algorithm=SHA-512-256',
            'Digest realm="a", nonce="4", qop="auth-int"',
            "Basic realm=x",
        ],
        proxy=True,
    )
    assert found is not None
    assert (found.nonce, found.stale, found.proxy, found.qop) == ("2", True, True, False)
    assert digest.read_challenge(["Basic realm=x"], proxy=False) is None
