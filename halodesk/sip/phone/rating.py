"""How good a call sounds, from what RTP and RTCP count (RFC 3550): loss, jitter, round trip, and an
estimate of the mean opinion score.

The estimate is the E-model of ITU-T G.107 (06/2015) with its default values (R0 - Is = 93.2), reduced to what
can be measured here:

    R   = 93.2 - Idd - Ie_eff
    Idd = 0 up to 100 ms one way, else 25 * ((1+X^6)^(1/6) - 3*(1+(X/3)^6)^(1/6) + 2), X = log2(T/100)
    Ie_eff = Ie + (95 - Ie) * Ppl / (Ppl/BurstR + Bpl)
    MOS = 1 + 0.035*R + R*(R-60)*(100-R)*7e-6, between 1 and 4.5

G.107 equations 7-27 to 7-29 and Annex B; Ie and Bpl of G.711 with loss concealment from G.113
Appendix I. What it does not know: echo, noise of rooms, headsets. G.722 is rated as G.711 is, for the
wideband scale (G.107.1) is another one; a codec without published values bears loss less.
"""

from __future__ import annotations

import math

import msgspec

from halodesk.protocol.phone_sound import CallQuality

BAD_LOSS = 0.03
"""From here on words get lost: R drops by some ten points."""
WELL_AGAIN = 0.015
SLOW_MS = 600.0
"""Round trip from which people talk into each other's words: more than G.114's 400 ms one way with what
codecs and devices add."""
UNEVEN_MS = 60.0
OWN_DELAY_MS = 60.0
"""What a phone adds to half of the round trip: a frame, the jitter buffer at rest, a block of the device."""
_IE: dict[str, tuple[float, float]] = {
    "PCMU": (0.0, 25.1),
    "PCMA": (0.0, 25.1),
    "G722": (0.0, 25.1),
    "GSM": (20.0, 10.0),
}
_UNKNOWN = (0.0, 10.0)
_ASK = "Use a cable instead of Wi-Fi and close what loads much; if it stays so, tell IT."


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Since the call began. `they_*`: what the other side says of our sound in its reports."""

    received: int = 0
    lost: int = 0
    """On the way to us, and what came too late to be played."""
    jitter_ms: float = 0.0
    sent: int = 0
    they_lost: int = 0
    they_jitter_ms: float = 0.0
    reports: int = 0
    """Reports of the other side so far."""
    round_trip_ms: float = 0.0


class Rater:
    """Rates one call by what was counted within the last `_SPAN` readings."""

    def __init__(self, call: str, codec: str) -> None:
        self._call, self._codec = call, codec
        self._seen: list[Counted] = []
        self._bad_in = self._bad_out = False

    def take(self, now: Counted, codec: str) -> CallQuality:
        """One more reading."""
        if self._seen and (now.received < self._seen[-1].received or now.sent < self._seen[-1].sent):
            self._seen.clear()  # the media was set up anew
        self._codec = codec or self._codec
        self._seen = [*self._seen[-_SPAN:], now]
        before = self._seen[0] if len(self._seen) > 1 else Counted()
        loss_in = _share(now.lost - before.lost, now.received - before.received)
        told = now.reports > before.reports
        loss_out = _share_of_all(now.they_lost - before.they_lost, now.sent - before.sent) if told else 0.0
        one_way = now.round_trip_ms / 2 + OWN_DELAY_MS
        self._bad_in = loss_in >= (WELL_AGAIN if self._bad_in else BAD_LOSS)
        self._bad_out = loss_out >= (WELL_AGAIN if self._bad_out else BAD_LOSS)
        message = self._words(loss_in, loss_out, now)
        return CallQuality(
            call=self._call,
            loss_in=round(loss_in, 4),
            loss_out=round(loss_out, 4),
            jitter_in_ms=round(now.jitter_ms, 1),
            jitter_out_ms=round(now.they_jitter_ms, 1),
            round_trip_ms=round(now.round_trip_ms, 1),
            mos_in=round(mos(rating(self._codec, loss_in, one_way + now.jitter_ms)), 2),
            mos_out=round(mos(rating(self._codec, loss_out, one_way + now.they_jitter_ms)), 2),
            reported=now.reports > 0,
            message=message,
            todo=_ASK if message else "",
        )

    def _words(self, loss_in: float, loss_out: float, now: Counted) -> str:
        if self._bad_out and loss_out >= loss_in:
            return f"The caller hears you badly: {_percent(loss_out)} of the sound is lost."
        if self._bad_in:
            return f"You hear the caller badly: {_percent(loss_in)} of the sound is lost."
        if now.round_trip_ms >= SLOW_MS:
            return f"The line is slow: {now.round_trip_ms / 1000:.1f} s there and back."
        if max(now.jitter_ms, now.they_jitter_ms) >= UNEVEN_MS:
            whose = "You hear the caller" if now.jitter_ms >= now.they_jitter_ms else "The caller hears you"
            return f"{whose} unevenly: the network delays some of the sound."
        return ""


_SPAN = 5
"""Readings looked back on: ten seconds."""


def rating(codec: str, loss: float, one_way_ms: float, burst: float = 1.0) -> float:
    """The rating R of G.107; `loss` 0 to 1, `burst` is BurstR (1: lost at random)."""
    impairment, robustness = _IE.get(codec.partition("/")[0].upper(), _UNKNOWN)
    percent = 100 * min(max(loss, 0.0), 1.0)
    effective = impairment + (95 - impairment) * percent / (percent / burst + robustness)
    return 93.2 - delay_impairment(one_way_ms) - effective


def delay_impairment(one_way_ms: float) -> float:
    """Idd of G.107, with the default sensitivity to delay."""
    if one_way_ms <= 100:
        return 0.0
    x = math.log2(one_way_ms / 100)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def mos(r: float) -> float:
    """Mean opinion score of a rating (G.107 Annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def _share(lost: int, received: int) -> float:
    return max(0, lost) / (max(0, lost) + received) if received + max(0, lost) > 0 else 0.0


def _share_of_all(lost: int, sent: int) -> float:
    return min(1.0, max(0, lost) / sent) if sent > 0 else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
