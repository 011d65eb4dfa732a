"""The doctor's lines about the central server: way, certificate, sign-in, what waits, and the clock.

Nothing is sent up and nothing taken down: the seat signs in and asks what is new, and keeps no answer.
"""

from __future__ import annotations

import asyncio
import ctypes
import datetime
import os
import ssl
import sys
import time
import urllib.request
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from halodesk.crypto.signing import SigningKey
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol.sync import RefusedError, ServerAwayError, SyncPage
from halodesk.runtime.ports import Clock
from halodesk.selftest.checks import Check, not_checked, ok, problem, warning
from halodesk.selftest.telephone import reach
from halodesk.store.seat_store import FILE, SeatStore
from halodesk.store.sync_store import Link, Refused
from halodesk.sync import address
from halodesk.sync.client import Credentials, ServerClient

TIMEOUT_S = 8.0
SOON_DAYS = 14
SKEW_S, FAR_SKEW_S = 5.0, 120.0
JUMP_S = 0.5
_DAY = 86_400.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the seat knows of its server."""

    link: Link
    seat: str
    waiting_sessions: int
    waiting_events: int
    refused: tuple[Refused, ...]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said. `skew_s`: by how much its clock is ahead of this one, give or take
    `unsure_s`. `error`: why it said nothing."""

    epoch: str = ""
    rtt_ms: float = 0.0
    skew_s: float | None = None
    unsure_s: float = 0.0
    refused: bool = False
    error: str = ""
    todo: str = ""


def standing(folder: Path) -> Standing | None:
    """None without a server. Raises `StoreError` when the database cannot be read."""
    path = folder / FILE
    if not path.exists() or not path.stat().st_size:
        return None
    store = SeatStore(folder, as_it_is=True)
    try:
        health = store.health(pages=False)
        if health.schema != health.newest:
            return None  # told in the store's own line
        link = store.sync.link()
        if link is None or not link.enrolled:
            return None
        waiting = store.sync.waiting(limit=100_000)
        return Standing(
            link=link,
            seat=store.sessions.seat(),
            waiting_sessions=len(waiting),
            waiting_events=sum(one.last - one.acked for one in waiting),
            refused=tuple(store.sync.refused()),
        )
    finally:
        store.close()


def ask(found: Standing, clock: Clock) -> Answered:
    """Sign in and ask for what is new."""
    return asyncio.run(_ask(found, clock))


def server_port(found: Standing | None) -> Check:
    """A way to the server's port."""
    if found is None:
        return not_checked("server_port", "This seat has no server: it works alone.")
    parts = urlsplit(found.link.url)
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname or ""):
        return not_checked("server_port", "The server is asked through a proxy; see the next lines.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return reach("server_port", parts.hostname or "", port, "The server")


def certificate(found: Standing | None, now: float) -> Check:
    """The server's certificate is believed, and for how long. `now`: Unix seconds."""
    name = "certificate"
    if found is None:
        return not_checked(name, "This seat has no server.")
    if not found.link.url.startswith("https:"):
        return not_checked(name, "The server is on this computer and speaks plain HTTP.")
    try:
        until = _valid_until(found.link)
    except httpx.HTTPError as error:
        return _distrusted(error)
    days = (until - now) / _DAY
    day = datetime.datetime.fromtimestamp(until, datetime.UTC).strftime("%Y-%m-%d")
    if days < SOON_DAYS:
        words = f"The server's certificate ends on {day}, in {max(days, 0):.0f} days."
        return warning(name, words, "Ask IT to renew it: afterwards seats do not believe the server.")
    return ok(name, f"The server's certificate is believed and is good until {day}.")


def server(found: Standing | None, said: Answered | None) -> Check:
    """The seat can sign in, and where it stands."""
    if found is None or said is None:
        return not_checked("server", "This seat has no server: it works alone.", "")
    link = found.link
    if said.error:
        todo = said.todo or "Nothing is lost: all is kept here and sent when it answers."
        return problem("server", f"{link.url}: {said.error}", todo)
    words = f"Signed in at {link.url} as {link.tenant}, team {link.team}, in {said.rtt_ms:.0f} ms."
    if link.epoch and link.epoch != said.epoch:
        words += " It has begun a new history since: recent sessions are compared with it at the next sync."
    return ok("server", words)


def waiting(found: Standing | None, said: Answered | None) -> Check:
    """What the server has not, and what it will not take."""
    if found is None:
        return not_checked("waiting", "This seat has no server.")
    if found.refused:
        first = found.refused[0]
        return problem(
            "waiting",
            f"The server does not take {len(found.refused)} sessions. {first.session}: {first.words}",
            "They are kept here. Find the cause, then run: halodesk seat retry SESSION",
        )
    words = f"{found.waiting_events} events of {found.waiting_sessions} sessions wait to be sent."
    if found.waiting_sessions and (said is None or said.error):
        return warning("waiting", f"{words} They are safe here.", "They go when the server answers again.")
    return ok("waiting", words)


def clock(said: Answered | None, jumped_s: float, synchronised: bool | None) -> Check:
    """The wall clock is right, steady, and kept right. `jumped_s`: while the doctor looked."""
    zone = _zone()
    if zone is None:
        words = f"The time zone {os.environ.get('TZ', '')!r} is not known here: times are shown in UTC."
        return warning("clock", words, "Correct TZ, or leave it out.")
    if abs(jumped_s) > JUMP_S:
        return warning(
            "clock",
            f"The clock was moved by {jumped_s:+.1f} s while the doctor looked.",
            "Have one program alone set the clock, and let it move slowly.",
        )
    if said is not None and said.skew_s is not None:
        side = "behind" if said.skew_s > 0 else "ahead of"
        off = f"The clock is {abs(said.skew_s):.1f} s {side} the server's."
        if abs(said.skew_s) - said.unsure_s > FAR_SKEW_S:
            return problem("clock", off, "Set the clock of whichever is wrong: records carry the wrong time.")
        if abs(said.skew_s) - said.unsure_s > SKEW_S:
            return warning("clock", off, "Switch time synchronisation on, here and at the server.")
        words = f"The clock is the server's, give or take {max(said.unsure_s, 0.1):.1f} s"
    else:
        words = "There is no server to compare the clock with"
    if synchronised is False:
        return warning(
            "clock", f"{words}; nothing keeps it right ({zone}).", "Switch time synchronisation (NTP) on."
        )
    kept = "the system keeps it right" if synchronised else "whether it is kept right is not told here"
    return ok("clock", f"{words}; {kept} ({zone}).")


def synchronised() -> bool | None:
    """Whether the kernel's clock is disciplined by NTP; None where the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        told = ctypes.create_string_buffer(1024)  # struct timex with modes 0: only asks (adjtimex(2))
        state: int = ctypes.CDLL(None, use_errno=True).adjtimex(told)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


_TIME_ERROR = 5


async def _ask(found: Standing, clock: Clock) -> Answered:
    link = found.link
    try:
        who = Credentials(
            tenant=link.tenant,
            role="seat",
            subject=found.seat,
            key=SigningKey(link.sign_seed),
            server_key=link.server_key,
        )
        tls = address.trusting(link.authority)
        async with ServerClient(link.url, tls, who, timeout_s=TIMEOUT_S) as client:
            await client.token()
            before, begun = clock.wall(), clock.mono()
            page = await client.get("/v1/sync", SyncPage, cursor=link.cursor)
            spent = clock.mono() - begun
    except RefusedError as error:
        return Answered(error=error.message, todo=error.todo or "Tell IT.", refused=True)
    except ServerAwayError as error:
        return Answered(error=error.message)
    except HaloDeskError as error:
        return Answered(error=error.message, todo=error.todo)
    return Answered(
        epoch=page.epoch,
        rtt_ms=spent * 1e3,
        skew_s=page.server_time - (before + spent / 2),
        unsure_s=spent / 2,
    )


def _valid_until(link: Link) -> float:
    """Raises `httpx.HTTPError`."""
    with (
        httpx.Client(verify=address.trusting(link.authority), timeout=TIMEOUT_S) as http,
        http.stream("GET", f"{link.url}/healthz") as answer,
    ):
        link_layer = answer.extensions["network_stream"].get_extra_info("ssl_object")
        return float(ssl.cert_time_to_seconds(link_layer.getpeercert()["notAfter"]))


def _distrusted(error: httpx.HTTPError) -> Check:
    reason = next((one for one in _causes(error) if isinstance(one, ssl.SSLCertVerificationError)), None)
    if reason is None:
        return not_checked("certificate", "The server does not answer; see its line.")
    message, todo = _VERIFY.get(reason.verify_code, _VERIFY_ELSE)
    return problem("certificate", message.format(why=reason.verify_message), todo)


_VERIFY = {
    9: (
        "The server's certificate is not valid yet.",
        "Set the clock of this computer; if it is right, tell IT.",
    ),
    10: ("The server's certificate has expired.", "IT must renew it. Nothing is lost: all is kept here."),
    62: ("The server's certificate is of another name.", "Check the address; if it is right, tell IT."),
    64: ("The server's certificate is of another address.", "Check the address; if it is right, tell IT."),
}
"""OpenSSL's codes (X509_V_ERR_…) of what people can mend."""
_VERIFY_ELSE = (
    "The server's certificate is not to be trusted: {why}.",
    "Somebody may listen in between. Check the address and the authority, and tell IT.",
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _zone(environment: Callable[[str], str | None] = os.environ.get) -> str | None:
    """Name and offset of the local time; None where TZ names a zone nobody knows."""
    named = (environment("TZ") or "").removeprefix(":")
    if "/" in named and not named.startswith("/"):
        try:
            zoneinfo.ZoneInfo(named)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return None
    return f"{time.strftime('%Z')}, UTC{time.strftime('%z')}"
