"""A flow agent at the pages of a live session: its calls run as commands, like a person's.

Rules:
- The session lives on the main thread; a call is posted there and its answer comes back to the loop. So
  the human sees the page fill in and move while the flow agent talks, and whoever goes on from it (after
  a take-over, or back) has the same variables, the same cart and the same mask lease: it is one session.
- The human wins. A field in which a human has half-typed words is not filled in; a value that a human
  gave after the page was last shown to the model is not replaced: the call is refused and the model is told
  the value; only another value than the one it was refused may then correct it. While a human types the
  page is not left, and a page that went on without the model takes no call at all.
- Whoever takes over has the page at that moment: a call that comes to it later is refused.
- A call is one piece: all of its commands, or those up to the first the engine refuses. What was written
  down by then stays, as if a person had typed it.
- Work outside (requests, functions, look-ups) is waited for, so that the model is shown the page that
  comes of it. After `patience_s` a human is asked for; when the page goes on by itself the model follows.
- Nothing secret is read: not the vault, not a handle; pages that take secrets give no functions at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from halodesk.engine import commands as c
from halodesk.engine.flow import Flow
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent import of_flow, of_page
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.page import Page
from halodesk.runtime.flow_agent_ports import ToolAnswer, ToolRequest
from halodesk.runtime.ports import Unsubscribe
from halodesk.runtime.threads import Post

Result = TypeVar("Result")
_GONE = "The session was put away."
_TAKEN = "A colleague has taken over."


class HaloSession(Protocol):
    """The session that is worked; main thread only."""

    @property
    def flow(self) -> Flow: ...

    @property
    def page(self) -> Page | None:
        """What there is now; None once the session is put away."""
        ...

    @property
    def drafts(self) -> Mapping[str, Any]:
        """Half-typed input of the current step, by field."""
        ...

    def do(self, command: c.Command) -> c.Refused | None:
        """A wish to it."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Be told after each change."""
        ...


class _Mark(msgspec.Struct, frozen=True):
    """Where a session stands, as far as the model has to know."""

    step: str = ""
    visit: int = 0
    waits: bool = False
    ended: bool = False


class HaloDriver:
    """`ToolCaller` of the document that a halo flow becomes (`of_flow`). Made on the main thread.

    `tell` hands news to the conversation, from the main thread; set it once there is one. `may` says, there
    too, whether the flow agent has the call: one that a human has just taken works no page any more, though
    its call was on the way. `stop` ends it.
    """

    def __init__(
        self,
        session: HaloSession,
        *,
        post: Post,
        patience_s: float = of_flow.PATIENCE_S,
    ) -> None:
        self.document: Document = of_flow.document(session.flow)
        self.tell: Callable[[i.AnyNews], None] = lambda news: None
        self.may: Callable[[], bool] = lambda: True
        self._session, self._post, self._patience_s = session, post, patience_s
        self._shown, self._told = _Mark(), _Mark()
        self._values: dict[str, Any] = {}
        """What the fields held when the model was shown them."""
        self._turned_down: set[tuple[str, bytes]] = set()
        """Values that would have replaced a human's; never taken on this visit of the page."""
        self._calls = 0
        self._wake: list[Callable[[], None]] = []
        self._unsubscribe: Unsubscribe = session.subscribe(self._changed)

    def stop(self) -> None:
        """The conversation is over; main thread."""
        self._unsubscribe()
        self._unsubscribe = lambda: None
        self.tell = lambda news: None

    async def call(self, request: ToolRequest) -> ToolAnswer:
        """Look at the page, or work it by one of its functions. On the loop of the conversation."""
        await self._on_main(self._begin)
        try:
            if request.tool == of_flow.LOOK:
                await self._settled()
                form = await self._on_main(self._look)
                return ToolAnswer(ok=True, value={"shown": form.node or form.human}, form=form)
            began = await self._on_main(lambda: self._work(request.function, request.arguments))
            if isinstance(began, ToolAnswer):
                return began
            await self._settled()
            return await self._on_main(lambda: self._done(began))
        finally:
            self._post(self._through)

    # --- on the main thread

    def _begin(self) -> None:
        self._calls += 1

    def _through(self) -> None:
        self._calls -= 1
        self._changed()

    def _look(self) -> Form:
        """The page as it is now, which the model is shown."""
        page = self._session.page
        if page is None:
            return Form(human=_GONE)
        form = of_flow.form_of(self._session.flow, page)
        if _mark(page) != self._shown:
            self._turned_down.clear()
        self._shown = _mark(page)
        self._values = {field.name: field.value for field in page.fields if field.type != "encrypted"}
        return form

    def _work(self, function: str, given: Mapping[str, Any]) -> _Started | ToolAnswer:
        page = self._session.page
        if page is None or not self.may():
            return self._refused(_GONE if page is None else _TAKEN)
        way = next((way for way in of_page.ways(page) if way.name == function), None)
        moves = way is None or way.kind != "note"
        why = self._not_now(page) or self._typing(page, given, moves) or self._filled_in(page, given)
        if why:
            return self._refused(why)
        commands = of_page.commands(page, function, given)
        if isinstance(commands, c.Refused):
            return self._refused(commands.message)
        for command in commands:
            refused = self._session.do(command)
            if refused is not None:
                return self._refused(_words(refused))
        return _Started(page=page, moves=moves)

    def _not_now(self, page: Page) -> str:
        if (page.step, page.visit) != (self._shown.step, self._shown.visit):
            return f"The page went on to “{page.title}” meanwhile. Look at it and go on from there."
        if page.waiting:
            return f"The page is still at work: {page.waiting}"
        return ""

    def _typing(self, page: Page, given: Mapping[str, Any], moves: bool) -> str:
        """A human's half-typed words that this call would take away."""
        drafts = self._session.drafts
        for field in page.fields:
            if drafts.get(field.name) not in (None, "") and (moves or field.name in given):
                return f"A colleague is typing into “{field.label}” just now. Leave it to them, and wait."
        return ""

    def _filled_in(self, page: Page, given: Mapping[str, Any]) -> str:
        """What a human has filled in since the model was shown the page, and the call would replace."""
        for field in page.fields:
            if field.name not in given or field.type == "encrypted" or given[field.name] == field.value:
                continue
            wanted = (field.name, msgspec.json.encode(given[field.name]))
            if field.value != self._values.get(field.name):
                self._turned_down.add(wanted)
            if wanted in self._turned_down:
                return (
                    f"A colleague has filled in “{field.label}”: {field.reads or field.value}. Leave it as it"
                    " is, unless the caller says that it is wrong."
                )
        return ""

    def _refused(self, why: str) -> ToolAnswer:
        return ToolAnswer(ok=True, value={"refused": why}, form=self._look())

    def _done(self, began: _Started) -> ToolAnswer:
        """What came of it."""
        form = self._look()
        page = self._session.page
        if page is None:
            return ToolAnswer(ok=True, value={"human": _GONE})
        stayed = (page.step, page.visit) == (began.page.step, began.page.visit)
        if not began.moves:
            needed = [field.label for field in page.fields if field.required and field.value is None]
            return ToolAnswer(ok=True, value={"written_down": True, "still_needed": needed}, form=form)
        if form.human:
            return ToolAnswer(ok=True, value={"human": form.human}, form=form)
        if stayed and page.problem:
            return ToolAnswer(ok=True, value={"refused": page.problem}, form=form)
        return ToolAnswer(ok=True, value={"next_node": form.node}, form=form)

    def _changed(self) -> None:
        page = self._session.page
        if page is None or not page.waiting:
            for wake in self._wake:
                wake()
            self._wake.clear()
        if self._calls or not self._shown.step:
            return
        mark = _mark(page) if page is not None else _Mark(ended=True)
        if mark not in (self._shown, self._told):
            self.tell(i.Moved())
        self._told = mark

    # --- between the threads

    async def _on_main(self, work: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def run() -> None:
            try:
                found = work()
            except Exception as error:  # whatever broke is the caller's to report
                loop.call_soon_threadsafe(_fail, future, error)
            else:
                loop.call_soon_threadsafe(_give, future, found)

        self._post(run)
        return await future

    async def _settled(self) -> None:
        """Until no work is under way, or patience is at its end."""
        loop = asyncio.get_running_loop()
        calm = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(calm.set)

        def look() -> None:
            page = self._session.page
            if page is None or not page.waiting:
                wake()
            else:
                self._wake.append(wake)

        self._post(look)
        try:
            await asyncio.wait_for(calm.wait(), self._patience_s)
        except TimeoutError:
            return  # the page says that it waits, and its form asks for a human


class _Started(msgspec.Struct, frozen=True):
    """A call whose commands were taken; what comes of them is not known yet."""

    page: Page
    moves: bool


def _mark(page: Page) -> _Mark:
    return _Mark(page.step, page.visit, bool(page.waiting), page.ended)


def _words(refused: c.Refused) -> str:
    said = list(refused.errors.values()) or [refused.message]
    return " ".join([*said, *([refused.todo] if refused.todo else [])])


def _give(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
