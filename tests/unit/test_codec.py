"""Events and envelopes as bytes: canonical, and the same again."""

from __future__ import annotations

from typing import get_args

import pytest

from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.engine.evolve import _FOLDS
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import Envelope
from tests.fakes.order import Run

FROZEN_TAGS = """session_started step_entered answer_given secret_entered secrets_wiped submitted sent_back
variable_set cart_changed effect_requested effect_resolved mask_changed note_added incident call_left
recording_kept session_ended call_rescued flow_agent_began flow_agent_talk flow_agent_acted
flow_agent_ended proposal_settled""".split()


def test_the_tags_are_frozen() -> None:
    """They are on disk: one that is renamed orphans every session recorded before."""
    assert [kind.__struct_config__.tag for kind in get_args(e.AnyEvent)] == FROZEN_TAGS


def test_every_event_has_a_fold() -> None:
    assert set(get_args(e.AnyEvent)) == set(_FOLDS)


def test_a_session_goes_to_bytes_and_back() -> None:
    run = Run().to_payment().attempt("ok", 1)
    for event in run.events:
        assert codec.decode(codec.encode(event)) == event


def test_bytes_are_canonical() -> None:
    event = e.VariableSet(name="x", value={"b": 1, "a": [1, {"d": None, "c": 2}]}, source="function")
    data = b'{"event":"variable_set","name":"x","source":"function","value":{"a":[1,{"c":2,"d":null}],"b":1}}'
    assert codec.encode(event) == data
    assert codec.decode(data) == event


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"event":"from_the_future"}', b'{"event":"note_added"}', b"\xff", b"[]"]
)
def test_what_is_no_event_is_said(data: bytes) -> None:
    with pytest.raises(SessionFileError, match="cannot be read"):
        codec.decode(data)


def test_keys_of_a_newer_version_are_no_error() -> None:
    assert codec.decode(b'{"event":"note_added","text":"a","mood":"new"}') == e.NoteAdded(text="a")


def test_envelopes() -> None:
    stamped = Envelope(
        session="s", seq=1, id="i", seat="t", wall=1.5, mono=2.25, flow="f", version=3, event="note_added"
    )
    data = envelopes.encode(stamped)
    assert data.startswith(b'{"event":"note_added","flow":"f","id":"i","mono":2.25,')
    assert envelopes.decode(data) == stamped
    with pytest.raises(SessionFileError, match="damaged"):
        envelopes.decode(b"{}")
