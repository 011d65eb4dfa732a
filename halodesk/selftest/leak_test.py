"""`halodesk leak-test`: canaries through every secure box of a real seat on a real call, then a search.

Rules:
- The seat, its server and the caller are sandboxed, in a folder of their own; nothing of the seat that
  works here is touched.
- The canaries are made anew for each run, of ranges that belong to nobody: test issuers, social security
  numbers from 900 on. None is part of another, so that each is found as itself.
- What lasts must be clean: files (also in the middle of typing), rows, uploads, exports, the recording.
  Memory is told apart, as best effort.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from halodesk.crypto.signing import SigningKey
from halodesk.demo.leak_seat import Hidden, Moment
from halodesk.engine.errors import DemoError
from halodesk.engine.fields.encrypted import KINDS
from halodesk.selftest import leak_places as places
from halodesk.selftest.leak_certificate import Certificate, known
from halodesk.selftest.leak_memory import Memory, look
from halodesk.selftest.leak_scan import Canary, Kind, Scanner
from halodesk.selftest.leak_sound import Sound, measure
from halodesk.server.dump import server_rows
from halodesk.store.dump import seat_rows
from halodesk.store.seat_store import SeatStore

LONGEST_S = 300.0
_LENGTHS = {"bank_account": 17, "other": 20, "ssn": 9}
_TEST_VISA, _TEST_AMEX = "400000", "378282"
_MEDICARE = "1EG4TE5MK7"
EXPIRY = "1230"
"""Not a canary: a month and a year are in every text."""

Named = dict[str, Canary]


def luhn(digits: str) -> str:
    """The digits with their check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, figure in enumerate(reversed(digits)):
        value = int(figure) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


def new_canaries() -> Named:
    """One for everything that is typed, by the name of what it is typed as."""
    while True:
        made: Named = {
            "typed_wrong": _card(_TEST_VISA, 16),
            "card_1": _card(_TEST_VISA, 16),
            "card_1_cvv": Canary(kind="cvv", value=_code(3)),
            "card_2": _card(_TEST_AMEX, 15),
            "card_2_cvv": Canary(kind="cvv", value=_code(4)),
        }
        for kind in KINDS:
            made[kind] = _of(kind)  # type: ignore[arg-type]  # the kinds of fields are the kinds of canaries
        values = [canary.value for canary in made.values()]
        longer = [value for value in values if len(value) > 5]
        if not any(a != b and (a in b or a in b[::-1]) for a in longer for b in longer):
            return made


def _of(kind: Kind) -> Canary:
    match kind:
        case "card_number":
            return _card(_TEST_VISA, 16)
        case "cvv":
            return Canary(kind=kind, value=_code(3))
        case "medicare_id":
            return Canary(kind=kind, value=_MEDICARE[:7] + _digits(4))
        case "ssn":
            return Canary(kind=kind, value=f"9{_digits(8)}")
        case _:
            return Canary(kind=kind, value=_digits(_LENGTHS[kind]))


def _card(issuer: str, length: int) -> Canary:
    return Canary(kind="card_number", value=luhn(issuer + _digits(length - len(issuer) - 1)))


def _code(length: int) -> str:
    """No round figure: those stand in every log."""
    while (found := _digits(length)).startswith("0") or found.endswith("0") or found.startswith("99"):
        pass
    return found


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


class _Looks:
    """What was found so far, place by place; a find that was seen twice counts once."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._places: dict[str, places.Place] = {}

    def add(self, found: Sequence[places.Place]) -> None:
        for place in found:
            before = self._places.get(place.name)
            if before is not None:
                place = places.Place(
                    name=place.name,
                    things=max(before.things, place.things),
                    size=before.size + place.size,
                    finds=tuple(dict.fromkeys((*before.finds, *place.finds))),
                )
            self._places[place.name] = place

    @property
    def all(self) -> tuple[places.Place, ...]:
        return tuple(self._places[name] for name in sorted(self._places))


def run(
    folder: Path, *, say: Callable[[str], None], plant: Callable[[Path, str, Named], None] | None = None
) -> Certificate:
    """The whole test in an empty folder; the signed certificate.

    `plant` is called at each moment with the folder, the moment and the canaries: tests leave some there.
    Raises `DemoError`, `StoreError` and others in words: then nothing is proven.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
    canaries = new_canaries()
    ordered = list(canaries.values())
    scanner = Scanner(ordered)
    looks, memory, moments = _Looks(scanner), Memory(), []
    books = (folder / "charges.jsonl",)
    closed: Moment | None = None
    with _seat(folder) as process:
        typed = [Hidden.of(name, canary.value) for name, canary in canaries.items()]
        typed.append(Hidden.of("expiry", EXPIRY))
        _write(process, msgspec.json.encode(typed).decode())
        end = time.monotonic() + LONGEST_S
        while closed is None:
            moment = _next(process, end)
            if moment.at == "closed":
                closed = moment
                continue
            say(f"Looking: {moment.at}")
            moments.append(moment.at)
            if plant is not None:
                plant(folder, moment.at, canaries)
            looks.add(places.files(scanner, folder, no_codes=books))
            if moment.at == "sealed":
                memory = look(moment.pids, ordered)
            _write(process, "go")
    if plant is not None:
        plant(folder, "closed", canaries)
    say("Looking: everything that is left")
    looks.add(places.files(scanner, folder, no_codes=books))
    looks.add([places.table_rows(scanner, "rows of the seat", seat_rows(folder / "seat"))])
    looks.add([places.table_rows(scanner, "rows of the server", server_rows(folder / "server"))])
    sound = measure(Path(closed.recording), closed.windows, closed.marker_hz)
    return _certificate(folder, closed, canaries, scanner, looks, memory, sound, moments)


def _certificate(
    folder: Path,
    closed: Moment,
    canaries: Named,
    scanner: Scanner,
    looks: _Looks,
    memory: Memory,
    sound: Sound,
    moments: Sequence[str],
) -> Certificate:
    store = SeatStore(folder / "seat")
    try:
        seat, link = store.seat(), store.sync.link()
    finally:
        store.close()
    if link is None:
        raise DemoError("The seat has no key to sign with.")
    findings = sum(len(place.finds) for place in looks.all)
    silent = sound.windows > 0 and not (sound.loud_frames or sound.dtmf_frames or sound.unproven)
    salt = secrets.token_bytes(16)
    return Certificate(
        ok=findings == 0 and silent,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        program=f"HaloDesk {metadata.version('halodesk')}",
        seat=seat,
        session=closed.session,
        salt=salt.hex(),
        canaries=tuple(known(canary, salt) for canary in canaries.values()),
        bytes_scanned=scanner.bytes_seen,
        findings=findings,
        places=looks.all,
        recording=sound,
        memory=memory,
        moments=tuple(moments),
    ).signed(SigningKey(link.sign_seed))


class _seat:  # used as a `with` statement reads
    """The process of the seat; it ends with us, however we end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> subprocess.Popen[str]:
        temporary = str(self._folder / "tmp")
        with (self._folder / "seat.stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "halodesk.demo.leak_seat", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "TMPDIR": temporary, "TEMP": temporary, "TMP": temporary},
            )
        return self._process

    def __exit__(self, *_: object) -> None:
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is None:
        raise DemoError("The seat of the leak test has no line to it.")
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except OSError:
        raise DemoError("The seat of the leak test has ended.", "See seat.stderr in its folder.") from None


def _next(process: subprocess.Popen[str], end: float) -> Moment:
    line = process.stdout.readline() if process.stdout is not None and time.monotonic() < end else ""
    if not line:
        raise DemoError("The seat of the leak test has ended.", "See seat.stderr and logs in its folder.")
    moment = msgspec.json.decode(line, type=Moment)
    if moment.at == "failed":
        raise DemoError(moment.problem, moment.todo)
    return moment
