"""The SIP trace: nothing secret in it, whatever the message, and never too long."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from halodesk.sip.phone.trace import Trace, redacted

NOTE = "TX 900 bytes Request msg INVITE/cseq=2 (tdta0x7f) to UDP 10.0.0.1:5060:\n"
INVITE = (
    NOTE
    + """INVITE sip:+4930123456@pbx.example;transport=tls SIP/2.0
Via: SIP/2.0/TLS 10.0.0.5:40001;branch=z9hG4bKabc
From: "Ann Example" <sip:1001@pbx.example>;tag=1
To: <sip:+4930123456@pbx.example>
P-Asserted-Identity: "Ann" <tel:+4930999888>
Diversion: <tel:+4930777666>;reason=no-answer
Authorization: Digest username="1001", nonce="n0nce",
 response="d1ge5t"
X-Session-Token: s3cr3t
CSeq: 2 INVITE
Content-Type: application/sdp

v=0
c=IN IP4 10.0.0.5
m=audio 4000 RTP/SAVP 8
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a2V5a2V5
a=ice-pwd:pa55
a=rtpmap:8 PCMA/8000
""".replace("\n", "\r\n")
)
INFO = """INFO sip:1001@pbx.example SIP/2.0
CSeq: 3 INFO
Content-Type: application/dtmf-relay

Signal=4
Duration=160
""".replace("\n", "\r\n")


def test_what_finds_a_fault_stays() -> None:
    text = redacted(INVITE)
    for kept in (
        "TX 900 bytes",
        "branch=z9hG4bKabc",
        "10.0.0.5:40001",
        "CSeq: 2 INVITE",
        "a=rtpmap:8 PCMA/8000",
    ):
        assert kept in text
    assert "m=audio 4000 RTP/SAVP 8" in text
    assert "sip:+********56@pbx.example" in text
    assert "(redacted)" in text


@pytest.mark.parametrize(
    "secret",
    ["n0nce", "d1ge5t", "s3cr3t", "a2V5a2V5", "pa55", "4930123456", "30999888", "30777666", "Ann", "1001"],
)
def test_what_is_secret_goes(secret: str) -> None:
    assert secret in INVITE
    assert secret not in redacted(INVITE)


@pytest.mark.parametrize(
    "message", [INFO, INFO.replace("INFO sip:1001@pbx.example SIP/2.0", "SIP/2.0 200 OK")]
)
def test_keypad_tones_are_not_in_it(message: str) -> None:
    assert "Signal=4" not in redacted(message)
    assert "characters redacted" in redacted(message)


def test_rubbish_is_survived() -> None:
    for rubbish in ("", "\r\n\r\n", "\udcff\udcfe INVITE", "a" * 100_000):
        redacted(rubbish)


def test_the_file_is_private_and_turned_over(tmp_path: Path) -> None:
    path = tmp_path / "sip-trace.log"
    trace = Trace(path, most_bytes=3_000)
    for _ in range(41):
        trace.write(INVITE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = [path, path.with_name("sip-trace.log.1")]
    assert sorted(tmp_path.iterdir()) == kept
    assert all(file.stat().st_size < 5_000 for file in kept)
