"""The co-pilot: listens to the call in hand while the human talks, and proposes what to do on the page.

Rules:
- It never speaks, types or presses: a proposal is done when the agent accepts it, by the engine's rules
  for what is typed (`commands.SettleProposal`). What the engine would refuse is not shown.
- A model (`copilot_model`) is asked for the newest transcript; an answer to an older one, or for a page
  that was left, counts for nothing but its cost.
- Nothing is proposed for what the agent has typed on this visit, nor again what was turned down.
- On a sensitive page, while a mask is held and while the call is held, nothing is heard and nothing asked.
- A model that is away, slow or talks nonsense is one quiet line; what the words alone say is proposed
  without it.
- Main thread; the ears and the completions run on the io loop and post here, by number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from datetime import date
from functools import partial
from typing import Protocol

import msgspec
import structlog

from halodesk.engine import commands as c
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.data import spoken
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.page import Page
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.call_hearing import CallHearing
from halodesk.runtime.flow_agent import copilot_ear as ear
from halodesk.runtime.flow_agent.copilot_ask import ideas_of
from halodesk.runtime.flow_agent.copilot_model import Adviser
from halodesk.runtime.flow_agent.page_words import certain, expected_on
from halodesk.runtime.flow_agent.proposals import ProposalDesk, Proposals
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.live_agent_port import CopilotView, LiveView, Utterance
from halodesk.runtime.ports import DeskNotice, Topic, Unsubscribe
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("copilot")

SURE = 0.35
"""What a recogniser must be worth for its words alone to be proposed. It has refused what it doubts already,
and a human looks: less than a flow agent would need."""
_KEPT = 60
"""Utterances kept of a call."""
_STARTS = 3
"""How often listening to a call is begun by itself."""


class CopilotDesk(ProposalDesk, Protocol):
    """What the co-pilot needs of the desk."""

    @property
    def call(self) -> CallInfo | None: ...

    @property
    def session_id(self) -> str: ...

    @property
    def phone_problem(self) -> DeskNotice | None: ...

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe: ...


class Copilot:
    """The part of `live_agent_port.LivePort` that advises, with a view of its own. `close` it before io."""

    def __init__(
        self,
        desk: CopilotDesk,
        *,
        io: IoThread,
        post: Post,
        hearing: Callable[[str, bool], CallHearing],
        open_ear: ear.OpenEar,
        open_models: Callable[[], Sequence[ChatLLM]] = tuple,
        has_models: bool = False,
        manner: Manner | None = None,
        always: bool = False,
        free: Callable[[], bool] = lambda: True,
        today: Callable[[], date] = date.today,
    ) -> None:
        """`hearing`: listens to the call of that key, and to the agent where the second is true.

        It, `open_ear` and `open_models` are called on the io loop. `always`: start with each call.
        `free`: no flow agent holds the call.
        """
        self._desk, self._io, self._post = desk, io, post
        self._hearing, self._open_ear, self._open_models = hearing, open_ear, open_models
        self._has_models, self._manner = has_models, manner or Manner()
        self._adviser: Adviser | None = None
        self._always, self._free, self._today = always, free, today
        self.view = LiveView()
        self._listeners: list[Callable[[], None]] = []
        self._by_hand: dict[str, bool] = {}
        """Calls on which somebody has put it, or from which it was sent."""
        self._starts: dict[str, int] = {}
        self._number = 0
        self._listening: Future[None] | None = None
        self._ears: ear.Listener | None = None
        self._paused, self._pauses = "", 0
        self._place: tuple[str, str, int] | None = None
        self._expected: object = None
        self._proposals = Proposals(desk)
        self._ear_said = ""
        self._ear_cost, self._ear_cost_before = 0.0, 0.0
        self._leave = desk.subscribe(self._changed)
        self.look()

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Told after each change of the view."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Listen no more."""
        self._leave()
        self._stop()

    # wishes

    def assist(self, agent: str = "") -> None:
        """Listen to the call in hand, along the page in front."""
        call = self._call()
        if agent:
            self._say_why_not("The co-pilot follows the page of the flow; it is not led by a flow agent.")
        elif call is not None and self._listening is None:
            self._by_hand[call.key] = True
            self._starts.pop(call.key, None)
            self._say_why_not("")
            self.look()

    def stop(self) -> bool:
        """Listen no more to this call; whether it was listened to."""
        if self._listening is None:
            return False
        self._by_hand[self.view.call] = False
        self._stop()
        self.look()
        return True

    def accept(self, proposal: int) -> c.Refused | None:
        """Do what is proposed. One that is gone, or for a field the agent types into, does nothing."""
        refused = self._proposals.settle(proposal, accepted=True)
        self.look()
        return refused

    def turn_down(self, proposal: int) -> None:
        """Do not show it again."""
        self._proposals.settle(proposal, accepted=False)
        self.look()

    def typed(self, field: str) -> None:
        """The agent types into this field."""
        if self._proposals.typed(field):
            self._show()

    # the desk

    def _changed(self, topic: Topic) -> None:
        if topic in ("call", "session", "parking", "registration"):
            self.look()

    def _call(self) -> CallInfo | None:
        """The call it could listen to now."""
        call, page = self._desk.call, self._desk.page
        if call is None or call.state != "active" or call.emergency:
            return None
        if page is None or page.ended or page.call_left:
            return None
        return call

    def look(self) -> None:
        """How things stand; what follows from it."""
        if self._desk.call is None:
            self._by_hand.clear()
            self._starts.clear()
        call = self._call()
        key = call.key if call is not None else ""
        if self._listening is not None and (key != self.view.call or not self._free()):
            self._stop()
        if self._listening is None and call is not None and self._wanted(key):
            self._start(key)
        page = self._desk.page
        if self._listening is not None and call is not None and page is not None:
            self._pause(_why_deaf(call, page))
            self._follow(page)
        possible = call is not None and self._free()
        if self.view.copilot.possible != possible:
            remark = self.view.copilot.remark if possible else ""
            self._change(copilot=msgspec.structs.replace(self.view.copilot, possible=possible, remark=remark))

    def _wanted(self, key: str) -> bool:
        wanted = self._by_hand.get(key, self._always)
        tried = self._starts.get(key, 0)
        return wanted and self._free() and self._desk.phone_problem is None and tried < _STARTS

    def _pause(self, why: str) -> None:
        if why != self._paused:
            if bool(why) != bool(self._paused):
                self._pauses += bool(why)
                self._drop_question()
                if self._ears is not None:
                    self._io.call(self._ears.pause, bool(why))
            self._paused = why
            self._show()

    def _follow(self, page: Page) -> None:
        """The page as it is now."""
        place = (self._desk.session_id, page.step, page.visit)
        entered = place != self._place
        self._place = place
        self._proposals.follow(page, entered=entered)
        if entered:
            self._drop_question()
        if not self._paused:
            expected = expected_on(page, free=self._has_models)
            if expected != self._expected and self._ears is not None:
                self._expected = expected
                self._io.call(self._ears.expect, expected)
            if entered:
                self._ask(page)  # what was said before may answer this page, too
        self._show()

    # listening

    def _start(self, key: str) -> None:
        self._number += 1
        number = self._number
        self._starts[key] = self._starts.get(key, 0) + 1
        self._paused, self._pauses, self._place, self._expected = "", 0, None, None
        self._ear_said = ""
        self._ears = ear.Listener(
            partial(self._hearing, key, self._has_models),
            self._open_ear,
            lambda told: self._post(partial(self._told, number, told)),
            near=self._has_models,
        )
        self._ear_cost_before = self._ear_cost
        if self.view.call != key:
            self._ear_cost = self._ear_cost_before = 0.0
            self._adviser = None
            self.view = LiveView()
        if self._has_models and self._adviser is None:
            self._adviser = self._new_adviser()
        self.view = msgspec.structs.replace(
            self.view, mode="copilot", call=key, copilot=CopilotView(on=True, possible=True)
        )
        _log.info("copilot_started")
        self._listening = self._io.submit(self._listen(self._ears, self._adviser))
        self._tell()

    def _new_adviser(self) -> Adviser:
        return Adviser(
            io=self._io,
            post=self._post,
            open_models=self._open_models,
            manner=self._manner,
            today=self._today,
            answered=self._advised,
            changed=self._show,
        )

    def _stop(self) -> None:
        if self._listening is None:
            return
        self._number += 1
        self._drop_question()
        self._listening.cancel()
        self._listening = self._ears = None
        self._proposals.forget()
        self._place = None
        _log.info("copilot_stopped")
        self._change(mode="", proposals=(), copilot=CopilotView(possible=self.view.copilot.possible))

    async def _listen(self, ears: ear.Listener, adviser: Adviser | None) -> None:
        async with adviser.opened() if adviser is not None else nullcontext():
            await ears.run()

    def _told(self, number: int, told: ear.Told) -> None:
        if number != self._number:
            return
        match told:
            case ear.Listens(away=away, said=said):
                self._ear_said = said
                listening = "away" if away else "here"
                self._change(copilot=msgspec.structs.replace(self.view.copilot, listening=listening))
                self._show()
            case ear.Words() if not self._paused and told.pauses == self._pauses:
                self._heard(told)
            case ear.Deaf(problem=problem, todo=todo):
                self._deaf(problem, todo)

    def _deaf(self, problem: str, todo: str) -> None:
        call = self.view.call
        self._stop()
        if problem and self._desk.phone_problem is None:
            self._by_hand[call] = False
            _log.warning("copilot_deaf", why=problem)
            self._say_why_not(f"{problem} {todo}".strip())

    def _say_why_not(self, words: str) -> None:
        self._change(copilot=msgspec.structs.replace(self.view.copilot, remark=words))

    # words

    def _heard(self, words: ear.Words) -> None:
        text = spoken(words.text)
        page = self._desk.page
        self._ear_cost = self._ear_cost_before + words.cost
        if self._adviser is not None:
            self._adviser.beside = self._ear_cost
        if self._manner.most_cost and self._ear_cost >= self._manner.most_cost:
            self._deaf("Listening has used up what a call may cost.", "")
            return
        if not text or page is None:
            return
        said = Utterance(who=words.who, text=text, node=page.step, confidence=words.confidence)
        self._change(said=(*self.view.said, said)[-_KEPT:])
        if words.who != "caller":
            return
        if words.confidence >= SURE:
            idea = certain(page, text, self._proposals.fits)
            if idea is not None:
                self._proposals.offer(idea)
        self._ask(page)
        self._show()

    def _ask(self, page: Page) -> None:
        if self._adviser is not None and not self._paused:
            self._adviser.ask(page, self.view.said)

    def _drop_question(self) -> None:
        if self._adviser is not None:
            self._adviser.drop()

    def _advised(self, done: i.ModelDone, said: tuple[Utterance, ...]) -> None:
        page = self._desk.page
        if page is not None and self._listening is not None:
            for idea in ideas_of(page, said, done.calls, done.model or "model"):
                self._proposals.offer(idea)

    # the view

    def _show(self) -> None:
        """Proposals and words as they are now; told only where something is new."""
        if self._listening is None:
            return
        adviser = self._adviser
        remarks = (self._ear_said, adviser.remark if adviser is not None else "")
        now = msgspec.structs.replace(
            self.view,
            proposals=() if self._paused else self._proposals.shown(),
            tokens=adviser.tokens if adviser is not None else 0,
            cost=self._ear_cost + (adviser.cost if adviser is not None else 0.0),
            copilot=msgspec.structs.replace(
                self.view.copilot,
                paused=self._paused,
                thinks=adviser is not None and adviser.thinks,
                remark=" ".join(filter(None, remarks)),
            ),
        )
        if now != self.view:
            self.view = now
            self._tell()

    def _change(self, **changes: object) -> None:
        self.view = msgspec.structs.replace(self.view, **changes)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _why_deaf(call: CallInfo, page: Page) -> str:
    """Why nothing may be heard now, in words; empty where it may."""
    if page.sensitive or page.mask.phase != "none":
        return "The recording is masked: nothing is heard."
    if call.hold != "off" or call.held_by_other:
        return "The call is on hold: nothing is heard."
    if call.conference:
        return "In a conference nothing is heard."
    return ""
