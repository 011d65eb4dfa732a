"""An SSN on a real call, in the real window: kept as an envelope that two people open, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from halodesk.crypto import envelope as envelopes
from halodesk.crypto.envelope import Place
from halodesk.engine import codec
from halodesk.engine.fields.encrypted import SEALED
from halodesk.engine.sealed import sealed_answers
from tests.e2e import leak_scan
from tests.e2e.caller import Caller
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import desk_seat
from tests.fakes.holders import Circle
from tests.lab.pbx import Pbx

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

USER = "1007"
SSN = "219099999"
"""Nine digits that are given to nobody."""
SECURE_BOX = "field:ssn"


def ssn_flow(target: Path) -> Path:
    """A page that takes a social security number, between a greeting and an end."""
    ssn = {
        "name": "ssn", "label": "Social security number", "type": "encrypted", "kind": "ssn",
        "retention": "sealed", "required": True,
    }  # fmt: skip
    flow = {
        "schema": 1,
        "key": "ssn",
        "name": "Identity",
        "version": 4,
        "start": "start",
        "steps": [
            {"key": "start", "type": "start", "title": "Greeting", "fallback": "ids"},
            {
                "key": "ids", "type": "mask_call", "title": "Identity", "fields": [ssn], "fallback": "check",
                "config": {"max_seconds": 300, "on_failure": "check", "body": "Ask for the number."},
            },
            {"key": "check", "type": "script", "title": "Check", "fallback": "end"},
            {"key": "end", "type": "end", "title": "End"},
        ],
    }  # fmt: skip
    target.write_text(json.dumps(flow), encoding="utf-8")
    return target


def test_a_social_security_number_is_sealed_on_a_call(
    qtbot: QtBot, tmp_path: Path, pbx: Pbx, caller: Caller
) -> None:
    circle, folder = Circle(), tmp_path / "seat"
    settings = seat_settings(pbx, USER, "http://127.0.0.1:1", flow=ssn_flow(tmp_path / "ssn.flow.json"))
    with desk_seat(qtbot, settings, folder) as desk:
        desk.registered()
        caller.ring(pbx, f"9{USER}")
        desk.answer()
        desk.hands.click("choice:")
        desk.at("ids")
        desk.until("the mask", lambda: not desk.box("ssn").locked)
        desk.until("the reason", lambda: "knows no key holders" in desk.words())
        desk.hands.type(SECURE_BOX, SSN)
        assert desk.typed("ssn") == 0, "a seat that cannot keep a number takes none"
        assert "knows no key holders" in desk.words()
        desk.hands.grab("no-holders")
        desk.seat.store.holders.install(
            circle.data, root=circle.root.public, tenant="main", now=circle.list.issued_at
        )
        desk.seat._sealer.use(circle.data, root=circle.root.public, tenant="main")
        desk.hands.type(SECURE_BOX, SSN)
        assert desk.typed("ssn") == len(SSN)
        assert SSN not in desk.words()
        desk.hands.click("choice:")
        desk.at("check")
        shown = {answer.label: answer.value for answer in desk.page.answers}
        assert shown == {"Social security number": SEALED}
        assert SEALED in desk.words()
        desk.hands.grab("sealed")
        desk.hands.click("choice:")
        desk.at("end")
        desk.hands.click("choice:")
        desk.until("the end", lambda: desk.page.ended)
        record = desk.records.record()
        found = sealed_answers(codec.encode(event) for event in record.events)
    (value,) = found
    place = Place(
        tenant="main",
        session=record.row.id,
        field="ssn",
        flow_hash=value.flow_hash,
        version=value.version,
    )
    shares = [
        envelopes.open_share(value.envelope, place, 1, keys.seal_private)
        for keys in (circle.anna, circle.bert)
    ]
    assert envelopes.combine(value.envelope, place, *shares) == SSN.encode()
    assert value.version == 4
    files, leaks = leak_scan.scan([folder], cards=[SSN], cvvs=[])
    assert files > 5
    assert leaks == []
    assert leak_scan.scan_rows(folder, cards=[SSN]) == []
