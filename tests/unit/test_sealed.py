"""A sealed field in a session: the envelope is kept and nothing else; without holders no digit is taken."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from halodesk.crypto import envelope as envelopes
from halodesk.crypto import holders as h
from halodesk.crypto.envelope import Place
from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.engine.evolve import fold
from halodesk.engine.fields.encrypted import SEALED
from halodesk.engine.flow import Flow, content_hash, from_builtins
from halodesk.engine.page import KEPT, page
from halodesk.engine.rehearse import rehearse
from halodesk.engine.sealed import is_sealed, sealed_answers, simulated, value_of
from halodesk.engine.session import scope
from halodesk.engine.simulate import Begin, Fill, FunctionValue, Masked, begin, play
from halodesk.runtime.log import SessionLog
from halodesk.runtime.sealer import Sealer
from halodesk.runtime.secret_entry import SecretEntry, vault_handle
from halodesk.runtime.session import LiveSession
from halodesk.runtime.vault import Vault
from tests.fakes.gateway import FakeGateway
from tests.fakes.holders import NOW, SSN, Circle
from tests.fakes.order import Run
from tests.fakes.recorder import FakeRecorder
from tests.fakes.seat import Seat
from tests.fakes.store import FakeStore
from tests.unit.test_session_live import Heard, Still

DIGITS = SSN.decode()


def flow(**field: Any) -> Flow:
    """A page with a sealed SSN and a plain name, then an end."""
    ssn = {"name": "ssn", "label": "SSN", "type": "encrypted", "kind": "ssn", "retention": "sealed"}
    return from_builtins(
        {
            "schema": 1,
            "key": "ids",
            "name": "ids",
            "start": "ids",
            "steps": [
                {
                    "key": "ids",
                    "type": "mask_call",
                    "fields": [ssn | field, {"name": "name", "type": "text"}],
                    "functions": [{"target": "after", "expression": "1"}],
                    "fallback": "end",
                },
                {"key": "end", "type": "end"},
            ],
        }
    )


def typed(known: Flow | None = None) -> Run:
    return Run(known or flow()).mask().do(c.EnterSecret(field="ssn", handle="ids:ssn"))


# the engine


def test_a_submit_asks_for_envelopes_before_anything_else() -> None:
    known = flow()
    run = typed(known).submit()
    (ask,) = run.state.effects.values()
    assert ask.kind == "seal"
    assert ask.args == {
        "fields": [{"field": "ssn", "handle": "ids:ssn"}],
        "flow_hash": content_hash(known),
        "version": known.version,
    }
    assert page(known, run.state).waiting == "Sealing …"
    run.refuse(c.Submit())
    run.resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    assert [one.kind for one in run.state.effects.values()] == ["function"]
    assert run.state.secrets == {}
    assert run.state.values["ssn"] == value_of("RU5W", ["a", "b"])
    run.resolve("ok", value=1)
    assert run.at == "end"


def test_the_answer_is_the_envelope_and_stands_in_the_log_once() -> None:
    run = typed().submit().resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    answers = [event for event in run.events if isinstance(event, e.AnswerGiven)]
    assert [(event.field, event.value) for event in answers] == [("ssn", value_of("RU5W", ["a", "b"]))]
    (resolved,) = [event for event in run.events if isinstance(event, e.EffectResolved)]
    assert resolved.result == {"fields": ["ssn"], "holders": ["a", "b"]}


def test_texts_conditions_and_functions_never_see_an_envelope() -> None:
    run = typed().submit().resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    values = scope(run.state)
    assert "ssn" not in values
    assert "RU5W" not in json.dumps(values)


def test_the_page_says_that_it_is_sealed_and_takes_another() -> None:
    known = flow(required=True)
    run = typed(known).submit().resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    run.resolve("ok", value=1).do(c.Back())
    (field, _) = page(known, run.state).fields
    assert (field.filled, field.reads, field.value) == (True, KEPT, None)
    assert [(one.label, one.value) for one in page(known, run.state).answers] == [("SSN", SEALED)]
    run.mask().do(c.EnterSecret(field="ssn", handle="ids:ssn")).submit()
    run.resolve("ok", sealed={"ssn": "TkVX"}, holders=["a", "b"])
    assert run.state.values["ssn"] == value_of("TkVX", ["a", "b"])


def test_what_is_kept_need_not_be_typed_again() -> None:
    run = typed(flow(required=True)).submit().resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    run.resolve("ok", value=1).do(c.Back()).mask().submit()
    assert [one.kind for one in run.state.effects.values()] == ["function"]


@pytest.mark.parametrize(
    ("outcome", "result", "words"),
    [
        ("failed", {"reason": "No holders."}, "No holders."),
        ("unknown", {}, "could not be sealed"),
        ("ok", {}, "could not be sealed"),
        ("ok", {"sealed": {"other": "RU5W"}}, "could not be sealed"),
        ("ok", {"sealed": {"ssn": ""}}, "could not be sealed"),
        ("ok", {"sealed": "RU5W"}, "could not be sealed"),
    ],
)
def test_without_its_envelope_the_page_does_not_go_on(
    outcome: Any, result: dict[str, Any], words: str
) -> None:
    run = typed().submit().resolve(outcome, **result)
    assert run.at == "ids"
    assert words in run.state.problem
    assert "ssn" not in run.state.values
    assert run.state.secrets == {"ssn": "ids:ssn"}
    assert run.submit().state.effects, "it can be tried again"


def test_a_restart_while_it_is_sealed_asks_again() -> None:
    run = typed().submit().do(c.Restart())
    assert run.at == "ids"
    assert run.state.secrets == {}
    assert "restarted" in run.state.problem
    assert "charged" not in run.state.problem


def test_a_hang_up_while_it_is_sealed_keeps_the_envelope_and_ends_the_call() -> None:
    run = typed().submit().do(c.LoseCall(reason="hung up", by="caller"))
    assert run.at == "ids"
    run.resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    assert run.at == "end"
    assert is_sealed(run.state.values["ssn"])


def test_captured_digits_are_not_sealed() -> None:
    run = typed(flow(retention="capture")).submit()
    assert [one.kind for one in run.state.effects.values()] == ["function"]


def test_an_old_session_without_envelopes_folds_and_rehearses() -> None:
    """Recorded before fields were sealed: digits were submitted and nothing was kept."""
    known = flow()
    run = typed(known).submit()
    cut = [event for event in run.events if not isinstance(event, e.EffectRequested)]
    rest: list[e.AnyEvent] = [
        e.EffectRequested(
            id="ids.1.function.0",
            kind="function",
            step="ids",
            visit=1,
            args={"target": "after", "expression": "1", "timeout_ms": 200},
        ),
        e.EffectResolved(id="ids.1.function.0", outcome="ok", result={"value": 1}),
        e.VariableSet(name="after", value=1, source="function"),
        e.SecretsWiped(step="ids", reason="left"),
        e.StepEntered(step="end", visit=1, reason="fallback", came_from="ids"),
    ]
    assert fold([*cut, *rest]).step == "end"
    assert rehearse(known, known, [*cut, *rest], _one, now=NOW) is None


def test_a_session_with_envelopes_rehearses() -> None:
    known = flow()
    run = typed(known).submit().resolve("ok", sealed={"ssn": "RU5W"}, holders=["a", "b"])
    run.resolve("ok", value=1)
    assert rehearse(known, known, run.events, _one, now=NOW) is None


def test_a_simulation_seals_by_itself() -> None:
    known = flow()
    played = begin(known, Begin(), _one)
    played = play(known, played, Masked(phase="held"), _one)
    played = play(known, played, Fill(), _one)
    assert played.state.step == "end"
    assert played.state.values["ssn"] == value_of("simulated", simulated({})["holders"])


def _one(expression: str, variables: Any, limit: int, now: float) -> FunctionValue:
    return FunctionValue(value=1)


# the seat


class Wall:
    """A clock that stands where it is put."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return 0.0


def sealer(circle: Circle, clock: Wall | None = None) -> Sealer:
    made = Sealer(clock or Wall())
    made.use(circle.data, root=circle.root.public, tenant="main")
    return made


def test_the_seat_seals_to_the_pair_of_its_list() -> None:
    circle = Circle()
    with memoryview(SSN) as digits:
        made = sealer(circle).seal(digits, session="s1", field="ssn", flow_hash="ab" * 32, version=7)
    assert made.holders == circle.list.pair
    shares = [
        envelopes.open_share(made.envelope, circle.place, 1, keys.seal_private)
        for keys in (circle.anna, circle.bert)
    ]
    assert envelopes.combine(made.envelope, circle.place, *shares) == SSN


def test_the_seat_says_why_it_cannot_seal() -> None:
    circle, clock = Circle(), Wall()
    empty = Sealer(clock)
    assert "knows no key holders" in empty.why_not()
    made = sealer(circle, clock)
    assert made.why_not() == ""
    clock.now = circle.list.expires_at
    assert "has ended" in made.why_not()
    clock.now = NOW
    made.use(circle.data, root=Circle().root.public, tenant="main")
    assert "does not fit" in made.why_not()
    made.use(circle.data, root=circle.root.public, tenant="other")
    assert "another organisation" in made.why_not()
    circle.change(pair=())
    made.use(h.sign_list(circle.root, circle.list), root=circle.root.public, tenant="main")
    assert "No two key holders" in made.why_not()


def entry(why: str) -> tuple[SecretEntry, LiveSession]:
    run = Run(flow())
    log = SessionLog(session="s1", seat="seat", clock=Still())
    session = LiveSession(run.flow, log, FakeStore(), Heard())
    session.restore(run.events, {})
    vault = Vault(lambda: 0.0)
    session.do(c.ReportMask(lease=session.state.mask.lease, phase="held"))
    vault.unlock()
    return SecretEntry(vault, lambda: date(2026, 6, 15), lambda: why), session


def test_without_holders_the_field_takes_no_digit_and_says_why() -> None:
    made, session = entry("No holders here.")
    assert made.view(session, "ssn").problem == "No holders here."
    for digit in DIGITS:
        view = made.type(session, "ssn", digit)
    assert (view.length, view.problem) == (0, "No holders here.")
    assert session.state.secrets == {}
    allowed, session = entry("")
    for digit in DIGITS:
        view = allowed.type(session, "ssn", digit)
    assert view.complete
    assert session.state.secrets == {"ssn": "ids:ssn"}


@contextmanager
def a_seat(port: Sealer) -> Iterator[Seat]:
    seat = Seat(FakeStore(), FakeRecorder(), FakeGateway(), flow(), sealer=port)
    yield seat
    seat.io.close()


def test_digits_go_into_the_envelope_and_nowhere_else() -> None:
    """The whole way at a seat: typed, sealed on submit, wiped; the log opens with both keys only."""
    circle = Circle()
    with a_seat(sealer(circle)) as seat:
        seat.take()
        seat.until(lambda: seat.desk.page and seat.desk.page.mask.phase == "held")
        for digit in DIGITS:
            view = seat.desk.type_secret("ssn", digit)
        assert view.complete
        seat.do(c.Submit())
        seat.until(lambda: seat.at == "end")
        payloads = [row.payload or b"" for row in seat.store.rows]
        assert all(SSN not in payload for payload in payloads)
        (found,) = sealed_answers(payloads)
        session = seat.store.rows[0].session
        assert seat.vault.length(_handle(session)) == 0
    place = Place(
        tenant="main", session=session, field="ssn", flow_hash=found.flow_hash, version=found.version
    )
    shares = [
        envelopes.open_share(found.envelope, place, 1, keys.seal_private)
        for keys in (circle.anna, circle.bert)
    ]
    assert envelopes.combine(found.envelope, place, *shares) == SSN
    assert found.holders == circle.list.pair


def test_a_seat_that_cannot_seal_keeps_the_page_and_the_digits() -> None:
    with a_seat(Sealer(Wall())) as seat:
        seat.take()
        seat.until(lambda: seat.desk.page and seat.desk.page.mask.phase == "held")
        for digit in DIGITS:
            seat.desk.type_secret("ssn", digit)
        seat.do(c.Submit())
        seat.until(lambda: seat.desk.page and seat.desk.page.problem)
        assert seat.desk.page is not None
        assert "knows no key holders" in seat.desk.page.problem
        assert seat.at == "ids"
        assert seat.vault.length(_handle(seat.store.rows[0].session)) == len(DIGITS)


def _handle(session: str) -> Any:
    return vault_handle(session, "ids:ssn")


# reading them back


def _stored(*values: Any) -> list[bytes]:
    started = Run(flow()).events[0]
    answers = [e.AnswerGiven(step="ids", field="ssn", value=value) for value in values]
    return [codec.encode(event) for event in (started, *answers)]


def test_the_newest_envelope_comes_first() -> None:
    values = [value_of(base64.b64encode(data).decode(), ["a", "b"]) for data in (b"old", b"new")]
    found = sealed_answers(_stored("plain", *values, None))
    assert [one.envelope for one in found] == [b"new", b"old"]
    assert found[0].holders == ("a", "b")


@pytest.mark.parametrize("envelope", ["not base64!", 7, None])
def test_an_envelope_that_cannot_be_read_is_told(envelope: Any) -> None:
    with pytest.raises(SessionFileError, match="cannot be read"):
        sealed_answers(_stored({"hdx2": envelope, "holders": []}))
