"""Where a call may be sent on to: within the PBX, to its peers, and no weaker."""

from __future__ import annotations

import pytest

from halodesk.protocol.phone_link import Account
from halodesk.sip.phone.redirect import MOST, known_hosts, no_way

OPEN = Account(
    key="a",
    uri="sip:1001@example.test",
    registrar="pbx.example.test:5070",
    proxy="sbc.example.test",
    allowed_peers=("198.51.100.7", "[2001:db8::7]:5060"),
)
SECURE = Account(key="b", uri="sip:1001@example.test", registrar="example.test", transport="tls")


def test_the_hosts_of_an_account() -> None:
    assert known_hosts(OPEN) == {
        "example.test",
        "pbx.example.test",
        "sbc.example.test",
        "198.51.100.7",
        "2001:db8::7",
    }


@pytest.mark.parametrize(
    "uri",
    [
        "sip:1002@example.test",
        "<sip:1002@EXAMPLE.test:5080;transport=tcp>",
        "sip:example.test",
        "sip:1002@198.51.100.7",
        "sip:1002@[2001:db8::7]:5062",
    ],
)
def test_followed(uri: str) -> None:
    assert no_way(uri, OPEN, 0) == ""


@pytest.mark.parametrize(
    "uri",
    [
        "sip:900@203.0.113.9",
        "sip:900@example.test.evil.org",
        "tel:+19005550100",
        "sip:900@evil@example.org",
        "",
    ],
)
def test_not_followed(uri: str) -> None:
    assert "outside of the PBX" in no_way(uri, OPEN, 0)


def test_an_encrypted_account_stays_so() -> None:
    assert "open connection" in no_way("sip:1002@example.test", SECURE, 0)
    assert no_way("sip:1002@example.test;transport=TLS", SECURE, 0) == ""
    assert no_way("sips:1002@example.test", SECURE, 0) == ""


def test_not_for_ever() -> None:
    assert no_way("sip:1@example.test", OPEN, MOST - 1) == ""
    assert "again and again" in no_way("sip:1@example.test", OPEN, MOST)
