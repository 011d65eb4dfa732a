"""The seat of `halodesk leak-test`, in a process of its own: `python -m halodesk.demo.leak_seat FOLDER`.

Rules:
- The canaries come over standard input, hidden under a pad, and are typed sign by sign: this process
  never holds one in one piece, so that one that is found in its memory was put together by HaloDesk.
- What happens is a line of JSON on standard output; the other side answers `go` to each, after it has
  looked at whatever it wants to look at in that moment.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec
from PySide6.QtWidgets import QApplication

from halodesk.app import Seat, has_screen
from halodesk.demo import leak_flow, leak_holders
from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.central import TENANT, central
from halodesk.demo.driver import Driver, Hands, Script, Until
from halodesk.demo.gateway.child import gateway_child
from halodesk.demo.run import settle
from halodesk.demo.stage import seat_settings, synthetic_caller
from halodesk.engine.errors import DemoError, HaloDeskError
from halodesk.engine.events import RecordingKept
from halodesk.engine.fields.encrypted import KINDS
from halodesk.runtime import logs
from halodesk.runtime import settings as s
from halodesk.runtime.review import RecordFormat
from halodesk.store.export import write as export
from halodesk.store.export import write_sound
from halodesk.store.record import read
from halodesk.store.seat_store import SeatStore

GATEWAY_SCRIPT = ("decline:insufficient_funds", "approve")
TALK_S = 1.2
"""So long the caller's marker sounds between the pages that are masked."""
DIGIT_S = 0.04


class Hidden(msgspec.Struct, frozen=True, kw_only=True):
    """A canary under its pad, both in hex; `name` is what it is typed as."""

    name: str
    pad: str
    body: str

    @classmethod
    def of(cls, name: str, value: str) -> Hidden:
        """Hide it."""
        pad = os.urandom(len(value))
        body = bytes(a ^ b for a, b in zip(value.encode(), pad, strict=True))
        return cls(name=name, pad=pad.hex(), body=body.hex())

    def signs(self) -> Iterator[str]:
        """One sign after the other."""
        for at in range(0, len(self.pad), 2):
            yield chr(int(self.pad[at : at + 2], 16) ^ int(self.body[at : at + 2], 16))


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What this process tells. `recording` and `windows` (seconds) come with the last one."""

    at: str
    pids: tuple[int, ...] = ()
    problem: str = ""
    todo: str = ""
    session: str = ""
    recording: str = ""
    windows: tuple[tuple[float, float], ...] = ()
    marker_hz: float = MARKER_HZ


class _Line:
    """The line to the one who looks."""

    def __init__(self) -> None:
        self._said: SimpleQueue[str] = SimpleQueue()
        self.first = sys.stdin.readline()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._said.put(line.strip())

    def tell(self, moment: Moment) -> None:
        sys.stdout.write(msgspec.json.encode(moment).decode() + "\n")
        sys.stdout.flush()

    def answered(self) -> bool:
        """Whether the other side has said `go` to what was told last."""
        try:
            return self._said.get_nowait() == "go"
        except Empty:
            return False


def leak_call(hands: Hands, canaries: dict[str, Hidden], line: _Line, pids: tuple[int, ...]) -> Script:
    """The whole call: what is refused, what is charged, what is sealed."""
    desk = hands.desk

    def at(step: str, visit: int | None = None) -> Until:
        def shown() -> bool:
            page = desk.page
            here = page is not None and page.step == step and visit in (None, page.visit) and not page.waiting
            return here and all(
                hands.find(f"choice:{c.key}") for c in (page.choices if page is not None else ())
            )

        return Until(shown, f"the step {step}")

    def looked_at(moment: str) -> Script:
        line.tell(Moment(at=moment, pids=pids))
        yield Until(line.answered, "the look at this moment", 600)

    def typed(field: str, canary: str) -> Script:
        yield Until(lambda: hands.can_use(f"field:{field}"), f"the box {field}", 15)
        for sign in canaries[canary].signs():
            hands.type(f"field:{field}", sign)
            yield from hands.rest(DIGIT_S)

    yield Until(lambda: hands.can_use("answer_call"), "a ringing call", 60)
    hands.click("answer_call")
    yield at("start")
    yield from looked_at("answered")
    hands.click("choice:call_type=order")
    yield at(leak_flow.PLAIN)
    for field in leak_flow.PLAIN_FIELDS:
        yield from typed(field, "typed_wrong")
    yield from looked_at("a card number in plain boxes")
    hands.click("choice:")
    yield from hands.rest(TALK_S)
    if desk.page is not None and desk.page.step == leak_flow.PLAIN:
        for field in leak_flow.PLAIN_FIELDS:
            hands.retype(f"field:{field}", "none")
        hands.click("choice:")
    for attempt, card in enumerate(("card_1", "card_2"), start=1):
        yield at("payment", attempt)
        yield from typed("card_number", card)
        yield from typed("card_expiry", "expiry")
        yield from typed("card_cvv", f"{card}_cvv")
        yield from looked_at(f"card {attempt} typed")
        hands.click("choice:")
        if attempt == 1:
            yield at("declined")
            yield from hands.rest(TALK_S)
            hands.click("choice:retry_payment=true")
    yield at("confirmation")
    yield from hands.rest(TALK_S)
    hands.click("choice:read_back=true")
    for page in leak_flow.SEALED_PAGES:
        yield at(page)
        for kind in KINDS:
            yield from typed(leak_flow.box(page, kind), kind)
        yield from looked_at(f"secure boxes {page}")
        hands.click("choice:")
        yield from hands.rest(TALK_S)
    yield at("end")
    hands.type("field:disposition", "Sale")
    yield from hands.rest(TALK_S)
    hands.click("hang_up")
    yield Until(lambda: desk.call is None or desk.call.state == "ended", "the call to end", 10)
    hands.click("choice:")
    yield Until(lambda: desk.page is not None and desk.page.ended, "the session to be sealed")


def serve(folder: Path, line: _Line) -> None:
    """Play it. Raises `HaloDeskError`."""
    canaries = {hidden.name: hidden for hidden in msgspec.json.decode(line.first, type=list[Hidden])}
    app = QApplication.instance() or QApplication(sys.argv[:1])
    seat_folder = folder / "seat"
    seat_folder.mkdir(mode=0o700)
    with ExitStack() as stack:
        gateway = stack.enter_context(
            gateway_child(script=GATEWAY_SCRIPT, state_file=folder / "charges.jsonl")
        )
        leak_flow.write(folder / "leak-test.flow.json")
        found = seat_settings(
            gateway.base_url, None, "light", silent=True, flow=folder / "leak-test.flow.json"
        )
        s.save(seat_folder / "settings.json", found)
        server = stack.enter_context(central(folder))
        server.let_in(seat_folder, "Leak test")
        leak_holders.install(seat_folder, TENANT)
        seat = Seat(found, seat_folder)
        failed: list[HaloDeskError] = []
        try:
            seat.start()
            caller = stack.enter_context(synthetic_caller(folder / "caller", None, seat, lambda words: None))
            caller.marker()
            hands = Hands(seat.window, seat.desk, folder)
            pids = (os.getpid(), *_phones(seat_folder))

            def done(error: DemoError | None) -> None:
                failed.extend([error] if error is not None else [])
                app.exit(0)

            driver = Driver(leak_call(hands, canaries, line, pids), done)
            app.exec()
            del driver
            if not failed:
                settle(app, seat, server)
                line.tell(Moment(at="sealed", pids=(os.getpid(), *_phones(seat_folder))))
                while not line.answered():
                    app.processEvents()
        finally:
            seat.close()
        if failed:
            raise failed[0]
    line.tell(_closed(folder, seat_folder))


def _phones(seat_folder: Path) -> list[int]:
    from halodesk.sip.link import read_endpoint

    endpoint = read_endpoint(seat_folder)
    return [endpoint.pid] if endpoint is not None else []


def _closed(folder: Path, seat_folder: Path) -> Moment:
    """The exports, written, and what is known of the recording."""
    (folder / "exports").mkdir()
    store = SeatStore(seat_folder)
    try:
        session = store.sessions.rows(limit=1)[0].id
        kinds: tuple[RecordFormat, ...] = ("jsonl", "csv", "html")
        for kind in kinds:
            export(store.sessions, session, kind, folder / "exports" / f"session.{kind}")
        kept = [event for event in read(store.sessions, session).events if isinstance(event, RecordingKept)]
        sound = folder / "exports" / "recording.flac"
        if kept:
            write_sound(store, Path(kept[-1].path), sound)
    finally:
        store.close()
    if not kept:
        raise DemoError("The call was not recorded: nothing can be said of its recording.")
    rate = kept[-1].sample_rate
    return Moment(
        at="closed",
        session=session,
        recording=str(sound),
        windows=tuple((begin / rate, end / rate) for begin, end in kept[-1].windows),
    )


def main() -> int:
    """Exit code 1 when it went wrong; the last line says why."""
    folder = Path(sys.argv[1])
    if not has_screen():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    logs.set_up(folder / "logs", "leak-test")
    line = _Line()
    try:
        serve(folder, line)
    except HaloDeskError as error:
        line.tell(Moment(at="failed", problem=error.message, todo=error.todo))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
