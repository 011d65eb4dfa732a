"""The seat's seams: what the runtime needs from outside, as protocols.

Rules:
- A port takes and gives plain values. Nothing of Qt, pjsua2 or a driver crosses it.
- Coroutines run on the io thread's loop; nothing here may block it.
- A fake for tests stands at the same seam and speaks the same protocol.
- What effects need beside functions is in `effect_ports`, payment gateways are in `payment_ports`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from halodesk.engine.commands import Command, Refused
from halodesk.engine.page import Page
from halodesk.protocol.phone_link import CallInfo, Meters, Registration, Reply, Request, SoundSide, SoundState
from halodesk.protocol.phone_sound import CallQuality, SoundTest
from halodesk.runtime.call_ports import CallsPort

if TYPE_CHECKING:
    from halodesk.runtime import review as r

Unsubscribe = Callable[[], None]

RecorderVerdict = Literal["confirmed", "unconfirmed", "failed"]


class RecorderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one recorder proved when it was asked to mask or to record again.

    `confirmed` is proof (an event, a read-back), `unconfirmed` a bare acknowledgement,
    `failed` a refusal or silence. `detail` is a sentence for the agent and the log.
    """

    recorder: str
    verdict: RecorderVerdict
    detail: str = ""
    todo: str = ""
    positions: dict[str, int] = {}
    """Call key to sample offset in that recorder's own file, where it is known."""


_BESIDE = "beside:"


def beside(lease: str) -> str:
    """Name of the lease as a recorder hears it for a leg beside the customer's call."""
    return lease if is_beside(lease) else _BESIDE + lease


def is_beside(lease: str) -> bool:
    """Whether it is asked for such a leg: policy expects a recording of the customer's call only."""
    return lease.startswith(_BESIDE)


class RecorderControl(Protocol):
    """Masks one recorder for one call. Idempotent: asking again is how a lease is renewed."""

    name: str

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Stop recording, with proof. Never raises; a failure is an answer."""
        ...

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Record again. Never raises; where it fails the recorder stays masked."""
        ...

    def moved(self, old: str, new: str) -> None:
        """The call goes on under the SIP Call-ID `new`; what is masked of it stays masked."""
        ...


class FunctionRunner(Protocol):
    """Evaluates flow authors' JavaScript in a process that can be killed."""

    async def evaluate(self, expression: str, variables: Mapping[str, Any], *, timeout_ms: int = 200) -> Any:
        """JSON value of the expression. Raises `FunctionError` with words for the author."""
        ...


class PhonePort(Protocol):
    """The phone process, as far as the desk needs it."""

    def send(self, request: Request) -> Future[Reply]:
        """From any thread. The future raises `PhoneRefusedError` or `PhoneAwayError`."""
        ...

    @property
    def leases(self) -> tuple[str, ...]:
        """Mask leases our own recorder holds, as far as the seat has heard."""
        ...


class Clock(Protocol):
    """Wall and monotonic time; tests pass their own."""

    def wall(self) -> float:
        """Unix seconds."""
        ...

    def mono(self) -> float:
        """Monotonic seconds."""
        ...


# what the window needs of the seat


Topic = Literal["registration", "call", "session", "parking", "storage", "sync", "notice"]
"""`parking`: another session is about to come onto the Desk; what is half typed belongs to the old one."""


class StorageState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what the agent did is safely on disk. `failed`: kept in memory and tried again."""

    state: Literal["saved", "saving", "failed"] = "saved"
    message: str = ""
    todo: str = ""
    weak: bool = False
    """The key of the records lies beside them: a copy of the whole folder can be opened."""


SyncPhase = Literal["sent", "sending", "waiting", "trouble"]


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands between this seat and its server.

    `sent`: all is there. `waiting`: the server is away, it is tried again. `trouble`: a person is
    needed. `waiting_sessions` counts what it has not, `refused` what it will not take.
    """

    state: SyncPhase = "sent"
    message: str = ""
    todo: str = ""
    waiting_sessions: int = 0
    refused: int = 0


class DeskNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for the agent that belongs to no field."""

    level: Literal["info", "warning", "error"]
    message: str
    todo: str = ""


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    """All the window may know of digits in the vault."""

    length: int = 0
    complete: bool = False
    last4: str = ""
    """Card numbers only, once complete."""
    brand: str = ""
    problem: str = ""
    """What is wrong with complete digits, in words."""


class PagePort(Protocol):
    """What a step's page needs of whoever runs it: the live desk, or a replay that takes nothing."""

    @property
    def call(self) -> CallInfo | None:
        """The call in hand (ringing, active, or the last one until its session is closed)."""
        ...

    @property
    def drafts(self) -> Mapping[str, Any]:
        """Half-typed text of the current step by field, as it was left."""
        ...

    def do(self, command: Command) -> Refused | None:
        """A wish to the session; the refusal is shown where it belongs."""
        ...

    def draft(self, field: str, raw: Any) -> None:
        """Keep half-typed input so that a crash in mid-word loses nothing. Never for secrets."""
        ...

    def secret(self, field: str) -> SecretView: ...

    def type_secret(self, field: str, digit: str) -> SecretView:
        """One digit into the vault; ignored unless the mask is held."""
        ...

    def erase_secret(self, field: str, *, all_digits: bool = False) -> SecretView: ...


class DeskPort(CallsPort, PagePort, Protocol):
    """The seat as the window sees it: plain values to show, wishes to make.

    Main thread only. Listeners are called on the main thread after a value has changed;
    they read the properties again and render them.
    """

    @property
    def agent(self) -> str:
        """Name of the agent at this seat."""
        ...

    @property
    def account(self) -> str:
        """SIP address of the seat, for the status bar."""
        ...

    @property
    def registration(self) -> Registration | None:
        """Of the line that is worst off."""
        ...

    @property
    def registrations(self) -> Sequence[Registration]:
        """Of every line."""
        ...

    @property
    def phone_problem(self) -> DeskNotice | None:
        """Set while the phone process is away or restarting."""
        ...

    @property
    def session_id(self) -> str: ...

    @property
    def page(self) -> Page | None:
        """The page of the live session, None when there is none."""
        ...

    @property
    def flow_name(self) -> str:
        """Name and version of the running flow, empty without a session."""
        ...

    @property
    def storage(self) -> StorageState: ...

    @property
    def sync(self) -> SyncState | None:
        """None at a seat that has no server."""
        ...

    @property
    def notices(self) -> tuple[DeskNotice, ...]:
        """Newest last; the window may dismiss them."""
        ...

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe: ...

    def dismiss(self, notice: DeskNotice) -> None: ...

    def attend(self, *, present: bool) -> None:
        """Whether somebody is signed in; without, no call is answered."""
        ...

    def close_session(self) -> None:
        """Put the ended session away; the desk is ready for the next call."""
        ...


class SoundPort(Protocol):
    """The phone's sound devices as the window sees them. Main thread only."""

    @property
    def state(self) -> SoundState: ...

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """`listener` is called after `state` has changed, and after a refused choice."""
        ...

    @property
    def echo_number(self) -> str:
        """The number of the test call; empty: there is none."""
        ...

    def choose(self, side: SoundSide, device: str) -> None:
        """Use this device by its id, now and whenever it is there; empty: follow the system."""
        ...

    def quality(self, call: str) -> CallQuality | None:
        """How the call with this key sounds; None while that is not known."""
        ...

    def read_meters(self, done: Callable[[Meters], None]) -> None:
        """How loud it was since this was last asked; `done` is not called while the phone is away."""
        ...

    def test(self, test: SoundTest) -> None:
        """Hear oneself without a call, or end that."""
        ...

    def set_ringing(self, volume: int, headset_too: bool) -> None:
        """How loud calls ring, 0 to 100, and whether in the headset as well."""
        ...

    def cancel_echo(self, on: bool) -> None:
        """Whether what the loudspeaker plays is taken out of the microphone."""
        ...

    def call_echo(self) -> None:
        """Dial the test call."""
        ...


# what the window needs to look at recorded sessions


class AudioPlayer(Protocol):
    """Plays one recording. Main thread only."""

    @property
    def problem(self) -> str:
        """Why nothing is heard, in words; empty where sound comes out."""
        ...

    def load(self, path: str) -> None:
        """Another recording; empty for none."""
        ...

    def play(self, from_s: float) -> None: ...

    def pause(self) -> None: ...

    def position(self) -> float:
        """Seconds into the recording; runs on while it plays."""
        ...


class ReviewPort(Protocol):
    """Recorded sessions as the window sees them.

    Main thread only. The work is done on another thread; `done` is called on the main thread
    later, in the order of the calls, with the answer or with what went wrong.
    """

    @property
    def player(self) -> AudioPlayer: ...

    def search(
        self, query: r.SessionQuery, done: Callable[[r.SessionList | r.ReviewProblem], None]
    ) -> None: ...

    def verify(self, session: str, done: Callable[[r.ChainBadge | r.ReviewProblem], None]) -> None:
        """Checks the hash chain of one session."""
        ...

    def open(self, session: str, done: Callable[[r.Review | r.ReviewProblem], None]) -> None:
        """One session, ready to be stepped through; its chain is checked anew."""
        ...

    def waveform(self, session: str, done: Callable[[r.Waveform | r.ReviewProblem], None]) -> None:
        """The recording to draw. A file that is not the one that was kept is a problem."""
        ...

    def export(
        self, session: str, kind: r.ExportFormat, path: Path, done: Callable[[Path | r.ReviewProblem], None]
    ) -> None:
        """Writes the record to a file."""
        ...
