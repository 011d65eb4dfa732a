"""Freezes a session of the sample for ever: `python -m tests.histories.make FOLDER`, once a release.

A frozen history is never made anew: when a test on it fails, the code has to learn to read it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.flow import dump
from halodesk.engine.session import Session
from halodesk.runtime.log import SessionLog
from halodesk.store.record import json_lines
from tests.fakes.order import ADDRESS, Run

FLOW_AGENT: tuple[e.FlowAgentFact, ...] = (
    e.FlowAgentBegan(conversation="c1", agent="clinic", document="ab" * 32, by="Ann Lee"),
    e.FlowAgentActed(conversation="c1", kind="node", name="greeting"),
    e.FlowAgentTalk(conversation="c1", who="agent", text="Good morning.", node="greeting"),
    e.FlowAgentTalk(conversation="c1", who="caller", text="1", node="greeting", keys=True),
    e.FlowAgentTalk(conversation="c1", who="whisper", text="Be brief.", node="greeting", by="Ann Lee"),
    e.FlowAgentActed(conversation="c1", kind="tool", name="look", arguments={"day": "Monday"}),
    e.FlowAgentActed(conversation="c1", kind="taken_over", name="Ann Lee"),
    e.FlowAgentEnded(conversation="c1", reason="human_ended", node="greeting", collected={"size": "small"}),
)


class _Steps:
    """A clock that goes one second a look."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def wall(self) -> float:
        self.now += 1.0
        return self.now

    def mono(self) -> float:
        return self.now - 1_799_999_000.0


def proposed(run: Run, accepted: bool, choice: str, because: str) -> c.SettleProposal:
    """A way on that a model proposed."""
    return c.SettleProposal(
        step=run.state.step,
        visit=run.state.visit,
        accepted=accepted,
        title="Yes" if accepted else "No",
        by="Ann Lee",
        source="openai/m-1",
        because=because,
        choice=choice,
    )


def order() -> Run:
    """Every kind of event at least once."""
    run = Run().to_offer()
    for objection in ("tell_me_more", "is_it_safe", "how_different", "already_take"):
        run.submit(f"offer_response={objection}").submit()
    run.do(c.RescueCall(sip_call_id="rescued@seat"))
    for fact in FLOW_AGENT:
        run.do(c.NoteFlowAgent(fact=fact))
    run.do(proposed(run, False, "offer_response=no", "I do not know"))
    run.do(proposed(run, True, "offer_response=yes", "all right then"))
    run.submit("journal=true").do(c.Back()).submit("journal=false")
    run.answer(billing_address=ADDRESS, delivery_note="Ring twice.").submit()
    run.refuse(c.AddNote(text="4242 4242 4242 4242"))
    run.mask().mask("lost", message="The PBX does not answer.", todo="Call IT.")
    run.secrets().submit().resolve("declined", reason="The number is wrong.")
    run.attempt("declined", 1)
    run.to_charge().resolve("unknown", reason="No answer.").resolve("declined", reason="No funds.")
    run.submit("retry_payment=true").resolve("ok", value=2)
    run.to_charge().resolve("ok", charge_id="ch_3", auth_code="A1")
    run.mask("none").do(c.AddNote(text="Wants a call back in May."))
    run.submit("read_back=true").do(c.LoseCall(reason="The caller hung up.", by="caller"))
    run.answer(disposition="sale").submit()
    run.do(
        c.KeepRecording(
            path="recordings/a.flac", sha256="00" * 32, sample_rate=8000, samples=960_000, windows=((1, 2),)
        )
    )
    return run


def main(folder: Path) -> None:
    """Writes the flow, the log and the state it leads to."""
    run = order()
    log = SessionLog(session="0123456789abcdef01234567", seat="seat-frozen", clock=_Steps())
    key, version = run.flow.key, run.flow.version
    rows = [row for event in run.events for row in log.stamp([event], flow=key, version=version)]
    (folder / "order.flow.json").write_bytes(dump(run.flow))
    (folder / "order.jsonl").write_text(json_lines(rows), encoding="utf-8")
    state: Session = run.state
    (folder / "order.state.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(state, order="sorted"), indent=1) + b"\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
