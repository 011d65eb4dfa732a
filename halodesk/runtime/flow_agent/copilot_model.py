"""The co-pilot's questions to a model: one at a time, the newest; what they cost, and what went wrong.

Rules:
- A question that is dropped is cancelled; its answer, should it have been on its way, counts by its cost
  alone.
- Models are asked one after the other until one answers. Nothing is raised: there is a remark.
- Main thread; `opened` and the completions run on the io loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import date
from functools import partial

from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.page import Page
from halodesk.runtime.flow_agent.clock import LoopClock
from halodesk.runtime.flow_agent.completions import complete
from halodesk.runtime.flow_agent.copilot_ask import request_for
from halodesk.runtime.flow_agent_ports import ChatLLM, ChatRequest
from halodesk.runtime.live_agent_port import Utterance
from halodesk.runtime.threads import IoThread, Post

Answered = Callable[[i.ModelDone, tuple[Utterance, ...]], None]
"""Is given a whole completion, and what had been said when it was asked for."""
_HOW = {
    "timeout": "too slow",
    "stalled": "it stopped in the middle",
    "cut": "it broke off",
    "rate_limited": "too many requests",
    "away": "not reached",
    "refused": "it refuses: see the settings",
    "malformed": "its answer is no sense",
}


class Adviser:
    """The models of one call."""

    def __init__(
        self,
        *,
        io: IoThread,
        post: Post,
        open_models: Callable[[], Sequence[ChatLLM]],
        manner: Manner,
        today: Callable[[], date],
        answered: Answered,
        changed: Callable[[], None],
    ) -> None:
        """`changed`: tokens, cost, `thinks` or `remark` may be others now."""
        self._io, self._post, self._open, self._manner = io, post, open_models, manner
        self._today, self._answered, self._changed = today, answered, changed
        self._models: Sequence[ChatLLM] = ()
        self._number = 0
        self._asking: Future[None] | None = None
        self._trouble = ""
        self.tokens = 0
        self.cost = 0.0
        self.beside = 0.0
        """What else the call has cost; it counts against the cap, too."""

    @property
    def thinks(self) -> bool:
        """A model is asked."""
        return self._asking is not None

    @property
    def remark(self) -> str:
        """What is not as it should be, in words."""
        return "The model has used up what a call may cost." if self._over_cap() else self._trouble

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The models are open meanwhile. On the io loop."""
        try:
            self._models = self._open()
        except SettingsError as error:
            self._post(partial(self._say, error.message))
        try:
            yield
        finally:
            models, self._models = self._models, ()
            for llm in models:
                await llm.close()

    def ask(self, page: Page, said: tuple[Utterance, ...]) -> None:
        """What these words may mean on this page, in place of what was asked before."""
        if self._over_cap():
            return
        manner = self._manner
        request = request_for(
            page, said, self._today(), first_token_s=manner.first_token_s, stall_s=manner.stall_s
        )
        if request is not None:
            self.drop()
            self._asking = self._io.submit(self._complete(self._number, request, said))

    def drop(self) -> None:
        """What is being asked counts no more."""
        self._number += 1
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _complete(self, number: int, request: ChatRequest, said: tuple[Utterance, ...]) -> None:
        lost: i.ModelFailed | None = None
        for llm in self._models:
            news: list[i.AnyNews] = []
            await complete(llm, request, number, LoopClock(), news.append)
            match news[-1]:
                case i.ModelDone() as done:
                    self._post(partial(self._done, number, done, said))
                    return
                case i.ModelFailed() as failed:
                    lost = failed
        self._post(partial(self._lost, number, lost))

    def _done(self, number: int, done: i.ModelDone, said: tuple[Utterance, ...]) -> None:
        self.tokens += done.usage.prompt + done.usage.completion
        self.cost += done.usage.cost
        if number == self._number:
            self._asking, self._trouble = None, ""
            self._answered(done, said)
        self._changed()

    def _lost(self, number: int, lost: i.ModelFailed | None) -> None:
        if number == self._number:
            self._asking = None
            if lost is not None:
                self._trouble = f"The model does not answer ({_HOW[lost.failure]})."
            self._changed()

    def _say(self, words: str) -> None:
        self._trouble = words
        self._changed()

    def _over_cap(self) -> bool:
        most_tokens, most_cost = self._manner.most_tokens, self._manner.most_cost
        return bool(
            (most_tokens and self.tokens >= most_tokens)
            or (most_cost and self.cost + self.beside >= most_cost)
        )
