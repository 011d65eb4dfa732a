"""All accounts of the phone: which of them takes an INVITE, and what all do when the network changes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import Account, Fault, NewsKind, Registration, RegistrationChanged
from halodesk.sip.phone.account import RETRY_FIRST_S, OnInvite, PhoneAccount, jitter
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.endpoint import Guard, SipThread
from halodesk.sip.phone.invite import is_open, read_invite, via_of


class Accounts:
    """All accounts of this phone by key. SIP thread only."""

    def __init__(self, sip: SipThread, board: Board, busy: Callable[[], bool]) -> None:
        self._sip = sip
        self._board = board
        self._busy = busy
        self._by_key: dict[str, PhoneAccount] = {}
        self.on_invite: OnInvite = _nobody_home
        sip.on_disconnected.append(self._connection_broke)
        sip.choose_account = self.choose
        sip.add_owner(self)

    def register(self, account: Account, peers: frozenset[str]) -> None:
        """Adds or replaces an account and registers it; `peers` as `resolve_peers` found them.

        An account that is registered, or on the way, is left alone: a window that attaches
        again registers what it knows. One that waits for its next try is tried at once.
        Raises `PhoneRefusedError` for a changed account while a call is up.
        """
        old = self._by_key.get(account.key)
        if old is not None and old.account == account and old.settled:
            return
        if old is not None and self._busy():
            if old.account != account:
                raise PhoneRefusedError(
                    "An account cannot be changed during a call.", "Change it when the call is over."
                )
            old.renew()
            return
        if old is not None:
            old.drop()
        self._by_key[account.key] = PhoneAccount(
            account, peers, sip=self._sip, board=self._board, on_invite=self.on_invite, busy=self._busy
        )
        self._by_key[account.key].begin()

    def unregister(self, key: str) -> None:
        """Takes the registration back and removes the account.

        Raises `PhoneRefusedError` when it is unknown or a call is up.
        """
        account = self.get(key)
        if self._busy():
            raise PhoneRefusedError(
                "An account cannot be removed during a call.", "Remove it when the call is over."
            )
        account.drop()  # pjsua2 sends the REGISTER with Expires 0 itself
        del self._by_key[key]
        self._board.publish(RegistrationChanged(registration=Registration(account=key, state="unregistered")))
        self._board.forget_account(key)

    def get(self, key: str) -> PhoneAccount:
        """The account; raises `PhoneRefusedError` when it is unknown."""
        try:
            return self._by_key[key]
        except KeyError:
            raise PhoneRefusedError(
                f"This phone has no account “{key}”.", "Register the account first."
            ) from None

    def choose(self, proposed: int, source: str, message: str) -> int | None:
        """pjsua2's id of the account that takes an INVITE from `source`; None: it is a stranger's.

        `proposed`: the account pjsua2 itself would take, by the number that was dialled. An open call
        for an account that demands SRTP is refused by pjsua2 (488); here the agent is told.
        """
        via = via_of(message)
        takers = {one.id: one for one in self._by_key.values() if one.takes(source, via)}
        chosen = proposed if proposed in takers else next(iter(takers), None)
        if chosen is not None and not self._sip.pace.take(ice=takers[chosen].account.ice):
            self._sip.log.warning("calls_too_fast", account=takers[chosen].key)
            return None
        if chosen is not None and takers[chosen].account.srtp == "required" and is_open(message):
            who = read_invite(message).remote.user or "somebody"
            self._sip.log.info("call_refused", account=takers[chosen].key, code=488, reason="not encrypted")
            self._board.publish(
                Fault(
                    code="open_call_refused",
                    message=f"A call of {who} was refused: it is not encrypted, "
                    "and this account takes no other.",
                    todo="Ask the administrator of the PBX to switch SRTP on for this seat.",
                )
            )
        return chosen

    def around_changed(self, kind: NewsKind) -> None:
        """This computer woke or is in another network: register again, soon and not all at once.

        Calls go on: after a change of network pjsua2 tells the other side the new address by re-INVITE.
        """
        if kind == "changed" or not self._busy():
            self._sip.drop_connections()
        for account in self._by_key.values():
            self._sip.call_later(jitter.uniform(0.1, RETRY_FIRST_S), account.try_now)

    def tidy(self) -> None:
        """Accounts do not end by themselves."""

    def end(self) -> None:
        """Takes all registrations back."""
        for account in self._by_key.values():
            with Guard(self._sip.log, "unregister"):
                account.end()

    def drop(self) -> None:
        """Removes all accounts."""
        for account in self._by_key.values():
            account.drop()
        self._by_key.clear()

    def _connection_broke(self) -> None:
        # Registering on a fresh turn: pjsua2 is in the middle of closing the connection. Not where a try
        # has just failed (that is a broken connection, too): the next one comes in its own time.
        for account in self._by_key.values():
            if account.account.transport != "udp" and account.registered:
                self._sip.call_later(jitter.uniform(0.1, RETRY_FIRST_S), account.renew)


def _nobody_home(_account: PhoneAccount, _call: int, _message: str) -> None:
    """Stands in until the calls are wired; pjsua2 answers 500 by itself."""


def resolve_peers(account: Account) -> frozenset[str]:
    """The addresses of the allowed peers, unknown names left out. May block for seconds."""
    found: set[str] = set()
    for peer in account.allowed_peers:
        with contextlib.suppress(OSError):
            found.update(str(entry[4][0]) for entry in socket.getaddrinfo(peer, None))
    return frozenset(found)
