"""One subscription as a machine: no sockets, no clock (RFC 6665).

Rules:
- Its dialogue begins with the 2xx or with the first NOTIFY, whichever comes first, and ends with a NOTIFY
  that says "terminated", a refusal, or silence. Then it is begun anew, by and by.
- It is renewed after about half its life: a PBX that has restarted is noticed in that time, and sooner
  where somebody calls `again` because the phone has just registered.
- One challenge is answered for each request; a second one means a wrong password, and is not tried again
  soon: it would lock the account.
- What a number's PBX does not offer (404, 489 and the like) is asked again only after `REFUSED_S`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from halodesk.sip.watch import digest
from halodesk.sip.watch.message import Message, encode

EXPIRES_S = 300
REFUSED_S = 300.0
AWAY_FIRST_S = 1.0
AWAY_MOST_S = 60.0
NOTIFY_S = 5.0
"""A subscription that was taken must tell its state within this time; else it is begun anew."""
_EXPIRES = re.compile(r"expires\s*=\s*(\d{1,9})", re.IGNORECASE)
_RETRY = re.compile(r"retry-after\s*=\s*(\d{1,6})", re.IGNORECASE)


class Who:
    """The account that subscribes. `contact` changes with the connection."""

    def __init__(
        self,
        *,
        uri: str,
        user: str,
        password: str,
        fresh: Callable[[int], str],
        chance: Callable[[], float],
    ) -> None:
        """`fresh(n)` gives n random letters; `chance` is uniform in [0, 1)."""
        self.uri, self.user, self.password = uri, user, password
        self.fresh, self.chance = fresh, chance
        self.contact = ""


class Subscription:
    """To one event of one address. `due` is when `request` is to be sent next; None: an answer is awaited."""

    def __init__(self, who: Who, target: str, event: str, accept: str, now: float) -> None:
        self.target, self.event = target, event
        self._who, self._accept = who, accept
        self.due: float | None = now
        self._failures = 0
        self._begin()

    def _begin(self) -> None:
        self.call_id = f"{self._who.fresh(24)}@halodesk"
        self.told = False
        """What was told is the present state, as far as anybody knows."""
        self._tag, self._remote_tag = self._who.fresh(12), ""
        self._remote_target = ""
        self._routes: tuple[str, ...] = ()
        self._cseq, self._heard = 0, -1
        self._challenge: digest.Challenge | None = None
        self._used, self._challenged = 0, False

    @property
    def local_tag(self) -> str:
        """Ours, by which a NOTIFY is known."""
        return self._tag

    def request(self, via: str, *, expires: int = EXPIRES_S) -> bytes:
        """The SUBSCRIBE that is due. `via`: value of its Via header."""
        self.due = None
        self._cseq += 1
        who = self._who
        uri = self._remote_target or self.target
        to = f"<{self.target}>" + (f";tag={self._remote_tag}" if self._remote_tag else "")
        headers = [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", f"<{who.uri}>;tag={self._tag}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} SUBSCRIBE"),
            ("Contact", f"<{who.contact}>"),
            ("Event", self.event),
            ("Accept", self._accept),
            ("Expires", str(expires)),
            ("User-Agent", "HaloDesk"),
            *(("Route", route) for route in self._routes),
        ]
        if self._challenge is not None and who.user:
            self._used += 1
            headers.append(
                digest.answer(
                    self._challenge,
                    user=who.user,
                    password=who.password,
                    method="SUBSCRIBE",
                    uri=uri,
                    count=self._used,
                    cnonce=who.fresh(16),
                )
            )
        return encode(f"SUBSCRIBE {uri} SIP/2.0", headers)

    def answered(self, message: Message, now: float) -> None:
        """A response to the last request."""
        status = message.status
        if message.cseq != self._cseq or status < 200:
            return
        if status < 300:
            self._challenged, self._failures = False, 0
            self._settle(message, now)
        elif status in (401, 407):
            self._prove(message, now, proxy=status == 407)
        elif status in (408, 480, 481, 500, 502, 503, 504):
            anew = status == 481 and self._remote_tag != ""
            self._lost(now, 0.0 if anew else self._away())
        else:
            self._lost(now, REFUSED_S)

    def silent(self, now: float) -> None:
        """Nobody answered the last request, or the connection is gone."""
        self._lost(now, self._away())

    def again(self, now: float) -> None:
        """The PBX may have forgotten: begin anew, soon and not all at once."""
        self._failures = 0
        self._begin()
        self.due = now + self._who.chance()

    def notified(self, message: Message, now: float) -> tuple[int, bytes | None]:
        """A NOTIFY of this dialogue: the status to answer, and the body if it is news."""
        tag = message.tag("from")
        if self._remote_tag and tag != self._remote_tag:
            return 481, None
        if message.get("event").partition(";")[0].strip().lower() != self.event:
            return 489, None
        if message.cseq <= self._heard:
            return (200, None) if message.cseq == self._heard else (500, None)
        self._heard = message.cseq
        if not self._remote_tag:
            self._remote_tag = tag
            self._routes = tuple(message.all("record-route"))
        self._remote_target = message.uri("contact") or self._remote_target
        state = message.get("subscription-state")
        if state.partition(";")[0].strip().lower() == "terminated":
            wait = _RETRY.search(state)
            gone = "noresource" in state or "rejected" in state
            self._lost(now, float(wait[1]) if wait else REFUSED_S if gone else self._away())
            return 200, None
        self.told = True
        left = _EXPIRES.search(state)
        if self.due is not None:
            self.due = now + self._life(int(left[1]) if left else EXPIRES_S)
        return 200, message.body if message.body else None

    def _settle(self, message: Message, now: float) -> None:
        if not self._remote_tag:
            self._remote_tag = message.tag("to")
            self._routes = tuple(reversed(message.all("record-route")))
        self._remote_target = message.uri("contact") or self._remote_target
        told = message.get("expires")
        life = int(told) if told.isdecimal() and len(told) < 9 else EXPIRES_S
        self.due = now + (self._life(life) if self.told else min(NOTIFY_S, self._life(life)))

    def _life(self, seconds: int) -> float:
        return max(1.0, seconds * (0.4 + 0.1 * self._who.chance()))

    def _prove(self, message: Message, now: float, *, proxy: bool) -> None:
        name = "proxy-authenticate" if proxy else "www-authenticate"
        challenge = digest.read_challenge(message.all(name), proxy=proxy)
        if challenge is None or not self._who.user or (self._challenged and not challenge.stale):
            self._lost(now, REFUSED_S)
            return
        self._challenge, self._used, self._challenged = challenge, 0, True
        self.due = now

    def _lost(self, now: float, wait: float) -> None:
        self._begin()
        self.due = now + wait

    def _away(self) -> float:
        self._failures = min(self._failures + 1, 16)
        most = min(AWAY_MOST_S, AWAY_FIRST_S * 2.0 ** (self._failures - 1))
        return max(0.2, most * self._who.chance())
