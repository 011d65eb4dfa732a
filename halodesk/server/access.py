"""Who may ask: challenges, signatures and bearer tokens.

Rules:
- A challenge and a token are the server's own words with an HMAC-SHA-256 behind them: any process
  of the server can check them, none has to remember them. A challenge ends after a minute, and
  a process takes it once.
- The seat signs the challenge together with its tenant, role and id and the server's key, so
  that the signature says nothing to any other server.
- A token lasts ten minutes and names tenant, role, subject and team; every check of a right goes
  by these, never by what a request says of itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import msgspec

from halodesk.crypto.signing import AUTH_TAG, holds
from halodesk.protocol.sync import TOKEN_SECONDS, Problem, RefusedError, Role

CHALLENGE_SECONDS = 60


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a token speaks for. `subject` is a seat's id or a publisher's key id."""

    tenant: str
    role: Role
    subject: str
    team: str = ""


class _Word(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    holder: Holder
    until: float
    nonce: str


class Access:
    """Gives and checks challenges and tokens. `wall` is Unix seconds."""

    def __init__(self, secret: bytes, server_key: bytes, wall: Callable[[], float] = time.time) -> None:
        self._secret, self._server_key, self._wall = secret, server_key, wall
        self._used: dict[str, float] = {}
        self._forget_at = 0.0

    def challenge(self, holder: Holder) -> str:
        """Something for that holder to sign."""
        return self._say("challenge", holder, CHALLENGE_SECONDS)

    def check_answer(self, holder: Holder, challenge: str, signature: bytes, public: bytes) -> None:
        """Raises `RefusedError` (401) unless the challenge was signed with that key, for the first time."""
        word = self._heard("challenge", challenge)
        self._forget()
        if word.holder != holder or word.nonce in self._used:
            raise refused(401, "challenge", "This challenge was used already or is not yours.")
        parts = (holder.tenant, holder.role, holder.subject, challenge, self._server_key)
        if not holds(public, signature, AUTH_TAG, *parts):
            raise refused(401, "signature", "The signature does not fit the key of this seat or publisher.")
        self._used[word.nonce] = word.until

    def token(self, holder: Holder) -> str:
        """A bearer token."""
        return self._say("token", holder, TOKEN_SECONDS)

    def holder(self, authorization: str, role: Role) -> Holder:
        """Whom the Authorization header speaks for. Raises `RefusedError` 401, 403 for another role."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise refused(401, "token_missing", "This needs a token.", "Sign in first.")
        holder = self._heard("token", token).holder
        if holder.role != role:
            raise refused(403, "role", f"This is for a {role}, and the token is for a {holder.role}.")
        return holder

    def _forget(self) -> None:
        """Let go of used challenges that have expired; not at each one, a whole site may sign in at once."""
        now = self._wall()
        if now >= self._forget_at:
            self._used = {nonce: until for nonce, until in self._used.items() if until > now}
            self._forget_at = now + CHALLENGE_SECONDS

    def _say(self, kind: str, holder: Holder, seconds: float) -> str:
        word = _Word(kind=kind, holder=holder, until=self._wall() + seconds, nonce=secrets.token_hex(16))
        data = msgspec.json.encode(word)
        return f"{_text(data)}.{_text(self._seal(data))}"

    def _heard(self, kind: str, text: str) -> _Word:
        try:
            data, seal = (_bytes(part) for part in text.split("."))
            if not hmac.compare_digest(seal, self._seal(data)):
                raise ValueError
            word = msgspec.json.decode(data, type=_Word)
        except (ValueError, binascii.Error, UnicodeError, msgspec.DecodeError):
            raise refused(401, f"{kind}_foreign", f"This {kind} is not of this server.") from None
        if word.kind != kind or word.until <= self._wall():
            raise refused(401, f"{kind}_expired", f"This {kind} has expired.", "Sign in again.")
        return word

    def _seal(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, hashlib.sha256)


def refused(status: int, code: str, message: str, todo: str = "") -> RefusedError:
    """A refusal in words."""
    return RefusedError(status, Problem(code=code, message=message, todo=todo))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
