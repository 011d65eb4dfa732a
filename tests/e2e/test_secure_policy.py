"""Policy that wants TLS and SRTP where card data is taken: a seat as settings, flows and policy build it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from halodesk.app.parts import refused_flow, secured_only, takes_cards
from halodesk.engine import flow as flows
from halodesk.protocol.sync import Policy
from halodesk.runtime.settings import Settings, SipAccount
from tests.e2e.conftest import FLOW
from tests.e2e.desk_seat import desk_seat
from tests.e2e.test_unconfirmed_policy import link
from tests.sync.world import recorder

pytestmark = [pytest.mark.e2e]

SECURE = b'{"secure_payments": true}'
OPEN = SipAccount(uri="sip:1001@127.0.0.1")
ENCRYPTED = SipAccount(uri="sip:1002@127.0.0.1", transport="tls", srtp="required")
REFUSED = "this seat takes card data, and policy allows no line without TLS and SRTP"


def plain_flow(folder: Path) -> Path:
    """A flow on which nothing secret is typed."""
    steps = [
        {"key": "start", "type": "script", "title": "Hello", "fallback": "end"},
        {"key": "end", "type": "end", "title": "End"},
    ]
    path = folder / "plain.flow.json"
    path.write_text(
        json.dumps({"key": "plain", "name": "Plain", "version": 1, "start": "start", "steps": steps})
    )
    return path


def seat(folder: Path, flow: Path, policy: bytes) -> Settings:
    """Settings of a seat with an open and an encrypted line, enrolled with a policy."""
    folder.mkdir(mode=0o700)
    with recorder(folder) as one:
        one.store.sync.save_link(link(policy)).result(10)
    sound = msgspec.structs.replace(Settings().sound, devices="none")
    return Settings(accounts=(OPEN, ENCRYPTED), flows=(str(flow),), sound=sound, sip_bind="127.0.0.1")


@pytest.mark.parametrize(
    ("policy", "cards", "refused"),
    [(SECURE, True, True), (SECURE, False, False)],
    ids=["cards", "no cards"],
)
def test_an_open_line_is_refused_in_words_where_card_data_is_taken(
    policy: bytes, cards: bool, refused: bool, qtbot: QtBot, tmp_path: Path
) -> None:
    settings = seat(tmp_path / "seat", FLOW if cards else plain_flow(tmp_path), policy)
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:

        def lines() -> dict[str, tuple[str, str]]:
            return {found.name: (found.state, found.message) for found in desk.seat.keeper.registrations}

        desk.until("both lines", lambda: len(lines()) == 2)
        state, message = lines()["1001@127.0.0.1"]
        assert (state, message) == (("failed", REFUSED) if refused else ("unregistered", "direct calls only"))
        assert lines()["1002@127.0.0.1"][0] != "failed"
        if refused:
            desk.until("the words", lambda: REFUSED in desk.words())


def test_which_seats_policy_means() -> None:
    cards = flows.load(FLOW.read_bytes())
    assert takes_cards(cards)
    assert secured_only(Policy(secure_payments=True), [cards])
    assert not secured_only(Policy(secure_payments=True), [])
    assert not secured_only(Policy(), [cards])
    both = Settings(accounts=(OPEN, ENCRYPTED))
    assert refused_flow(cards, both, Policy()) is None
    assert refused_flow(cards, Settings(accounts=(ENCRYPTED,)), Policy(secure_payments=True)) is None


def test_a_payment_flow_that_comes_to_open_lines_is_not_offered(qtbot: QtBot, tmp_path: Path) -> None:
    settings = seat(tmp_path / "seat", plain_flow(tmp_path), SECURE)
    came = flows.load(FLOW.read_bytes())
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        desk.seat._flow_came(came)
        assert list(desk.seat.desk._campaigns._flows) == ["plain"]
        assert "Not encrypted: sip:1001@127.0.0.1." in desk.words()
