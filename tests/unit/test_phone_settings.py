"""From the settings to the phone: every account with its key, every option with its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halodesk.engine.errors import SettingsError
from halodesk.protocol.phone_link import Account
from halodesk.runtime import settings as s
from halodesk.runtime.phone_settings import accounts_of, flow_agents_of, network_options, open_lines

ONE = s.SipAccount(uri="sip:1@x", registrar="x", password="p", transport="tls", srtp="required", stun=("st",))
TWO = s.SipAccount(uri="sip:2@y", name="Service", ice=True, turn="t:3478", turn_password="q")


def load(folder: Path, **given: object) -> s.Settings:
    path = folder / "settings.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    path.chmod(0o600)
    return s.load(path)


def test_every_field_of_an_account_reaches_the_phone() -> None:
    """A field added at one end only would be a setting that does nothing."""
    seats_own = {"flow_agent"}  # who answers is no business of the phone
    policys = {"key", "secured_only"}
    assert set(Account.__struct_fields__) - policys == set(s.SipAccount.__struct_fields__) - seats_own
    first, second = accounts_of(s.Settings(accounts=(ONE, TWO)))
    assert (first.key, first.transport, first.srtp, first.stun) == ("main", "tls", "required", ("st",))
    assert (second.key, second.name, second.turn) == ("sip:2@y", "Service", "t:3478")


def test_the_short_form_is_one_account() -> None:
    assert accounts_of(s.Settings(account=ONE)) == accounts_of(s.Settings(accounts=(ONE,)))
    assert accounts_of(s.Settings()) == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"account": {"uri": "sip:1@x"}, "accounts": [{"uri": "sip:2@x"}]}, "`account` and `accounts`"),
        ({"accounts": [{"uri": "sip:1@x"}, {"uri": "sip:1@x"}]}, "sip:1@x twice"),
        ({"accounts": [{"uri": f"sip:{n}@x"} for n in range(8)]}, "has 8 accounts"),
        ({"account": {"uri": "sip:1@x", "turn": "t"}}, "needs `ice`"),
        ({"account": {"uri": "sip:1@x", "transport": "sctp"}}, "transport"),
        ({"account": {"uri": "sip:1@x", "srtp": "maybe"}}, "srtp"),
        ({"account": {"uri": "sip:1@x", "keep_alive_s": -1}}, "keep_alive_s"),
        ({"network": {"dscp_sound": 64}}, "dscp_sound"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(tmp_path, **given)


def test_a_password_of_any_account_closes_the_file(tmp_path: Path) -> None:
    load(tmp_path, accounts=[{"uri": "sip:1@x"}, {"uri": "sip:2@x", "ice": True, "turn_password": "q"}])
    (tmp_path / "settings.json").chmod(0o644)
    with pytest.raises(SettingsError, match="holds passwords"):
        s.load(tmp_path / "settings.json")


def test_options_of_the_network() -> None:
    network = s.Network(rtp_port=40_000, rtp_ports=100, dscp_sound=0, trace=True)
    assert network_options(s.Settings(network=network)) == [
        *("--dscp-sound", "0", "--dscp-signalling", "24"),
        *("--rtp-port", "40000", "--rtp-ports", "100", "--trace"),
    ]
    assert "--trace" not in network_options(s.Settings())
    assert "--codecs" not in network_options(s.Settings())
    wide = s.Settings(network=s.Network(codecs=("g722", "pcma")))
    assert network_options(wide)[-2:] == ["--codecs", "g722,pcma"]


def test_policy_reaches_every_line_and_open_ones_are_named() -> None:
    open_one, encrypted = (
        s.SipAccount(uri="sip:1@pbx"),
        s.SipAccount(uri="sip:2@pbx", transport="tls", srtp="required"),
    )
    half = s.SipAccount(uri="sip:3@pbx", transport="tls", srtp="offered")
    settings = s.Settings(accounts=(open_one, encrypted, half))
    assert [account.secured_only for account in accounts_of(settings, secured_only=True)] == [True] * 3
    assert not any(account.secured_only for account in accounts_of(settings))
    assert open_lines(settings) == ("sip:1@pbx", "sip:3@pbx")


def test_which_flow_agent_answers_which_line() -> None:
    clinic = s.FlowAgentLine(answers="clinic")
    settings = s.Settings(
        accounts=(s.SipAccount(uri="sip:1@pbx"), s.SipAccount(uri="sip:2@pbx", flow_agent=clinic))
    )
    assert flow_agents_of(settings) == {"sip:2@pbx": clinic}
    assert flow_agents_of(s.Settings()) == {}
