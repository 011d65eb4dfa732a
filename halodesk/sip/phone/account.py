"""SIP accounts: digest registration, its watchdog, and whom calls are taken from.

Rules:

1. pjsua2's own retries are off. After a failure the next try comes after an exponential
   delay with full jitter, so that 2,000 seats do not storm a PBX that comes back; in the first
   minute it comes within 3 s, so that a restarted PBX has its seats back at once.
2. A REGISTER pending for more than `PENDING_S` may have been swallowed (a TCP connection
   the PBX no longer knows answers after 34 s). Sending again does not help; the account
   is made anew, unless a call is up: calls belong to the account, so then we wait. A PBX that starts
   takes connections before it can answer, and swallows what comes over them: so while it is away
   `SWALLOWED_S` is enough at first, and the try after that comes soon (over UDP pjsip repeats itself).
3. A refused password is not tried again (it would lock the account), unless the same
   account has been registered before: a PBX that starts refuses everybody for a moment.
4. The registration is renewed after about half its life (3GPP TS 24.229, 5.1.1.4.1).
5. INVITEs are taken from the address that answered our REGISTER and from the allowed
   peers of the account; strangers get no line (`accounts`, `doorman`). An account with
   TLS takes them on the very connection it registered over, and on no other.
6. What an account demands and this build has not is a refusal in words; nothing weaker is tried.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pjsua2 as pj

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    Account,
    Registration,
    RegistrationChanged,
    RegistrationState,
)
from halodesk.sip.phone.account_config import build, forbidden, host_and_port, impossible, transport_parameter
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.endpoint import Guard, SipThread, Timer
from halodesk.sip.phone.invite import host_of
from halodesk.sip.phone.log import words
from halodesk.sip.phone.reasons import REFUSED_CREDENTIALS, registration_words
from halodesk.sip.phone.tls import certificate_words

PENDING_S = 4.0
"""A REGISTER unanswered for this long counts as lost."""

SWALLOWED_S = 1.5
"""The same over a connection, while the PBX is away; twice as long after each one that was lost."""

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 60.0
RESTART_S = 60.0
RESTART_MOST_S = 3.0
"""A PBX that has been away for less than `RESTART_S` is probably restarting: it is asked at least this often,
so that connection, handshake and digest are done within 5 s of its return. 2,000 seats are 1,300 tries in a
second while it is away, fewer than in the first second of any outage, and 670 registrations when it is
back."""

jitter = random.SystemRandom()

OnInvite = Callable[["PhoneAccount", int, str], None]
"""Account, pjsua2's call id, the INVITE as text."""


def retry_after_s(failures: int, chance: float, away_s: float) -> float:
    """Seconds until the next try after `failures` in a row, the first of them `away_s` ago.

    Full jitter (`chance` is uniform in [0, 1]) over an exponentially growing span, at least 0.2 s.
    """
    most = RESTART_MOST_S if away_s < RESTART_S else RETRY_MOST_S
    span = min(most, RETRY_FIRST_S * 2.0 ** min(failures - 1, 16))
    return max(0.2, span * chance)


def patience_s(transport: str, failures: int, swallowed: int) -> float:
    """Seconds an answer may take: after so many `failures`, `swallowed` of them the last ones in a row."""
    if transport == "udp" or not failures:
        return PENDING_S
    return min(PENDING_S, SWALLOWED_S * 2.0 ** min(swallowed, 8))


class _PjAccount(pj.Account):
    """Hands pjsua2's callbacks on; replaced whenever the account is made anew."""

    def __init__(self, owner: PhoneAccount) -> None:
        super().__init__()
        self.owner: PhoneAccount | None = owner

    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        if self.owner is not None:
            with Guard(self.owner.sip.log, "reg_state"):
                self.owner.on_reg_state(
                    prm.code, prm.expiration, prm.rdata.srcAddress, failed=prm.status != 0
                )

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        if self.owner is not None:
            with Guard(self.owner.sip.log, "incoming_call"):
                self.owner.on_invite(self.owner, prm.callId, prm.rdata.wholeMsg)


class PhoneAccount:
    """One account and its registration. SIP thread only."""

    def __init__(
        self,
        account: Account,
        peers: frozenset[str],
        *,
        sip: SipThread,
        board: Board,
        on_invite: OnInvite,
        busy: Callable[[], bool],
    ) -> None:
        """`peers`: addresses of the allowed peers. `busy`: whether any call is up."""
        self.account = account
        self.sip = sip
        self.on_invite = on_invite
        self.trusted: set[str] = set(peers)
        self._board = board
        self._busy = busy
        self.registered_at = ""
        """Address and port that answered our REGISTER."""
        self._pj: _PjAccount | None = None
        self._timer: Timer | None = None
        self._failures = 0
        self._swallowed = 0
        """REGISTERs in a row that nobody answered although a connection took them, perhaps."""
        self._away_since = 0.0
        self._proven = False
        self._state: RegistrationState = "unregistered"

    @property
    def key(self) -> str:
        return self.account.key

    @property
    def id(self) -> int:
        """pjsua2's number of it; -1 while there is none."""
        return self._pj.getId() if self._pj is not None else -1

    @property
    def registered(self) -> bool:
        """The PBX knows us."""
        return self._state == "registered"

    @property
    def forbidden(self) -> tuple[str, str] | None:
        """Why policy allows only calls for help, and what to do; None: it allows all."""
        return forbidden(self.account)

    @property
    def settled(self) -> bool:
        """Nothing is wrong: registered, on the way to it, or without a registrar."""
        return self._state != "failed"

    @property
    def pj_account(self) -> pj.Account:
        """pjsua2's account; raises `PhoneRefusedError` while it is being made anew."""
        if self._pj is None:
            raise PhoneRefusedError("The server is away.", "Wait for the next try of the registration.")
        return self._pj

    def target(self, number: str) -> str:
        """The SIP URI of a number at this account's PBX."""
        host = host_and_port(self.account.registrar or self.account.uri.rpartition("@")[2])
        return f"sip:{number}@{host}{transport_parameter(self.account)}"

    def takes(self, source: str, via: str) -> bool:
        """Whether an INVITE from `source` (address and port) over `via` ("UDP", say) is taken."""
        if self.forbidden is not None:
            return False
        if self.account.transport == "tls" and self.account.registrar:
            return via == "TLS" and source == self.registered_at
        return host_of(source) in self.trusted

    def begin(self) -> None:
        """Creates the account at pjsua2 and registers it."""
        self.sip.assert_here()
        self._drop()
        refusal = impossible(self.account, self.sip.capabilities)
        if refusal is not None:
            self._cancel()
            self._say("failed", message=refusal[0], todo=refusal[1])
            return
        if self.forbidden is not None:
            self._cancel()
            self._say("failed", message=self.forbidden[0], todo=self.forbidden[1])
        elif self.account.registrar:
            self._say("registering")
            self._await_answer()
        else:
            self._say("unregistered", message="direct calls only")
        self._pj = _PjAccount(self)
        try:
            self._pj.create(build(self.account, self.sip))
        except pj.Error as error:
            self.sip.log.warning("account_failed", account=self.key, error=words(error))
            self._pj = None
            self._failed(503)

    def renew(self) -> None:
        """Registers again now: on renewal, or when the connection to the server broke."""
        if self._pj is None or not self.account.registrar or self.forbidden is not None:
            return
        self._await_answer()
        try:
            self._pj.setRegistration(True)
        except pj.Error as error:  # one is under way already
            self.sip.log.info("register_pending", account=self.key, error=words(error))

    def try_now(self) -> None:
        """Registers at once, however long the next try would have been away."""
        if self._timer is not None:  # else it waits for a person: a wrong password, say
            self._failures = 0
            self._retry()

    def on_reg_state(self, code: int, expires_s: int, source: str, *, failed: bool) -> None:
        """pjsua2 has a final answer to a REGISTER, or gave up (`failed`)."""
        if not failed and 200 <= code < 300:
            if expires_s <= 0:
                return  # the answer to our own unregistration
            self._failures = self._swallowed = 0
            self._proven = True
            self.trusted.add(host_of(source))
            self.registered_at = source
            self._say("registered", code=code)
            self._arm(expires_s * jitter.uniform(0.4, 0.5), self.renew)
        else:
            self._failed(code)

    def end(self) -> None:
        """Takes the registration back; the answer is not waited for."""
        self._cancel()
        if self._pj is not None and self._state == "registered":
            self._pj.setRegistration(False)

    def drop(self) -> None:
        """Removes the account from pjsua2."""
        self._cancel()
        self._drop()

    def _await_answer(self) -> None:
        patience = patience_s(self.account.transport, self._failures, self._swallowed)
        self._arm(patience, self._pending_too_long)

    def _pending_too_long(self) -> None:
        if self._busy():
            if self._state != "failed":
                self._say("failed", code=408, message="server away; the call goes on")
            self._arm(PENDING_S, self._pending_too_long)
            return
        self._drop()
        self._failed(408, swallowed=self._failures > 0 and self.account.transport != "udp")

    def _failed(self, code: int, *, swallowed: bool = False) -> None:
        if not self._failures:
            self._away_since = time.monotonic()
        self._failures += 1
        self._swallowed = self._swallowed + 1 if swallowed else 0
        user = self.account.username or self.account.uri
        message, todo = registration_words(code, user)
        certificate = self.sip.transports.take_tls_problem() if self.account.transport == "tls" else None
        if certificate is not None:
            server = host_of(host_and_port(self.account.proxy or self.account.registrar))
            message, todo = certificate_words(certificate, server)
        if code in REFUSED_CREDENTIALS and not self._proven:
            self._cancel()
            self._say("failed", code=code, message=message, todo=todo)
            return
        tries = self._swallowed or self._failures  # who takes connections is about to answer
        delay = retry_after_s(tries, jitter.random(), time.monotonic() - self._away_since)
        self._say(
            "failed",
            code=code,
            message=f"{message}, next try in {max(1, round(delay))} s",
            todo=todo,
            next_try_s=round(delay, 1),
        )
        self._arm(delay, self._retry)

    def _retry(self) -> None:
        # Never made anew after a final answer: pjsua2 would send a REGISTER with Expires 0
        # first, and a late copy of that could undo the new registration.
        if self._pj is None:
            self.begin()
        else:
            self.renew()

    def _say(
        self,
        state: RegistrationState,
        *,
        code: int = 0,
        message: str = "",
        todo: str = "",
        next_try_s: float | None = None,
    ) -> None:
        if state == self._state == "registered":
            return  # a renewal is no news
        self._state = state
        self.sip.log.info("registration", account=self.key, state=state, code=code, reason=message)
        registration = Registration(
            account=self.key,
            name=self.account.name or self.account.uri.removeprefix("sip:"),
            state=state,
            code=code,
            message=message,
            todo=todo,
            next_try_s=next_try_s,
            next_try_at=None if next_try_s is None else time.time() + next_try_s,
        )
        self._board.publish(RegistrationChanged(registration=registration))

    def _arm(self, seconds: float, job: Callable[[], None]) -> None:
        self._cancel()
        self._timer = self.sip.call_later(seconds, job)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self) -> None:
        if self._pj is not None:
            self._pj.owner = None
            self._pj.shutdown()
            self._pj = None
            self.sip.collect_soon()
