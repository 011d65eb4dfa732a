"""Opening a sealed value: someone asks, two holders approve, the one who asked opens it. Once, in minutes.

Rules:
- The request is signed by a person whom the root lets ask, says why, and carries the envelope, its
  place and a public key made for this one request. It ends after 15 minutes.
- A holder sees all that before saying yes. An approval is the holder's own share,
  encrypted to the request's key and bound to the very bytes of the request, and signed.
- Nobody approves the own request; both approvals are of two owners. Whoever reads an approval, the
  server and the one who asked, checks that anew: nobody has to believe a server.
- A clock before the request or before an approval has been set back: nothing goes on then.
- Only the machine that asked has the private key, and only there the value is put together.
"""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from halodesk.crypto import envelope as envelopes
from halodesk.crypto import hpke_keys, metadata
from halodesk.crypto.envelope import EnvelopeError, Place, Share, Slot
from halodesk.crypto.holder_file import HolderKeys
from halodesk.crypto.holders import Asker, Holder, Holders, same_person
from halodesk.crypto.metadata import MetadataError
from halodesk.crypto.signing import SigningKey, key_id
from halodesk.engine.errors import HaloDeskError

LIFETIME_S = 15 * 60.0
SKEW_S = 60.0
"""How far the clocks of two computers may be apart."""
SHORTEST_REASON, LONGEST_REASON = 8, 500
ASK_TAG, SHARE_TAG, OPEN_TAG = "HDASK1", "HDSHARE1", "HDOPEN1"


class CeremonyError(HaloDeskError):
    """A request or an approval is not valid, not now, or not by this person. `code` is for machines."""

    def __init__(self, code: str, message: str, todo: str = "") -> None:
        super().__init__(message, todo)
        self.code = code


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Times are Unix seconds of the computer that asks."""

    id: str
    place: Place
    envelope: bytes
    reason: str
    suite: int
    one_time: bytes
    """Public key for the shares, of the envelope's own suite."""
    at: float
    expires_at: float


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One holder's yes. `request` is the SHA-256 of the signed request."""

    request: bytes
    kid: str
    slot: Slot
    share: bytes
    at: float


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The asker's word that the value was put together. `approvals` are SHA-256 digests."""

    request: bytes
    approvals: tuple[bytes, ...]
    at: float


def ask(
    key: SigningKey, place: Place, envelope: bytes, reason: str, *, now: float
) -> tuple[Request, bytes, bytes]:
    """A new request, signed, and the private key that it is answered to.

    Raises `CeremonyError`, `EnvelopeError`.
    """
    suite = envelopes.unpack(envelope).suite
    words = " ".join(reason.split())
    if not SHORTEST_REASON <= len(words) <= LONGEST_REASON:
        raise CeremonyError(
            "reason",
            f"A request says why, in {SHORTEST_REASON} to {LONGEST_REASON} characters.",
            "Holders decide by it, and it stays in the audit.",
        )
    private = hpke_keys.new_private(suite)
    request = Request(
        id=secrets.token_hex(8),
        place=place,
        envelope=envelope,
        reason=words,
        suite=suite,
        one_time=hpke_keys.public_of(suite, private),
        at=now,
        expires_at=now + LIFETIME_S,
    )
    return request, metadata.sign_as(key, ASK_TAG, request), private


def read_request(data: bytes, holders: Holders, *, now: float) -> tuple[Request, Asker]:
    """A request that is in force, and who asks. Raises `CeremonyError`, `EnvelopeError`."""
    request, asker = _request(data, holders)
    check_time(request, now)
    return request, asker


def check_time(request: Request, now: float, *, latest: float = 0.0) -> None:
    """Raises `CeremonyError` for a request that has ended, or a clock before it or before `latest`."""
    if request.expires_at - request.at > LIFETIME_S:
        raise CeremonyError("lifetime", "This request lasts longer than 15 minutes; nobody may ask so.")
    if now < max(request.at, latest) - SKEW_S:
        raise CeremonyError(
            "clock",
            "The clock of this computer is before the request: it was set back, or it is wrong.",
            "Set the clock right and try again.",
        )
    if now >= request.expires_at:
        raise CeremonyError("expired", "This request has ended: it is good for 15 minutes.", "Ask anew.")


def approve(data: bytes, holders: Holders, own: HolderKeys, *, now: float) -> bytes:
    """The signed approval of a request. Raises `CeremonyError`, `EnvelopeError`."""
    request, asker = read_request(data, holders, now=now)
    kid = own.public.kid
    listed = holders.holder(kid)
    if listed is None or listed.sign_key != own.signing.public:
        raise CeremonyError("holder", f"The key {kid} is not on the list of key holders.", "Tell IT.")
    check_not_own(listed, asker)
    share = envelopes.open_share(request.envelope, request.place, own.public.suite, own.seal_private)
    info = _info(share.slot, digest(data))
    again = hpke_keys.encrypt(request.suite, request.one_time, share.data, info)
    body = Approval(request=digest(data), kid=kid, slot=share.slot, share=again, at=now)
    return metadata.sign_as(own.signing, SHARE_TAG, body)


def check_not_own(holder: Holder, asker: Asker) -> None:
    """Raises `CeremonyError`: nobody approves what they ask for themselves."""
    if same_person(holder.owner, asker.owner) or holder.sign_key == asker.key:
        raise CeremonyError(
            "self_approval",
            f"{holder.owner} asks for this value and cannot approve it.",
            "Another holder has to.",
        )


def read_approval(data: bytes, request_data: bytes, holders: Holders) -> tuple[Approval, Holder]:
    """An approval of that very request, by a holder it was sealed to. Raises `CeremonyError`."""
    request, asker = _request(request_data, holders)
    try:
        holder = holders.holder(metadata.claimed(data, Approval).kid)
        if holder is None:
            raise CeremonyError("holder", "This approval is by nobody on the list of key holders.")
        approval = metadata.open_as(data, holder.sign_key, SHARE_TAG, Approval)
    except MetadataError as error:
        raise CeremonyError("approval", f"This is no approval. {error.message}") from None
    if approval.request != digest(request_data):
        raise CeremonyError("other_request", "This approval is for another request.")
    if approval.slot != envelopes.slot_of(envelopes.unpack(request.envelope), holder.kid):
        raise CeremonyError("slot", "This approval brings the share of the other holder.")
    if not request.at - SKEW_S <= approval.at < request.expires_at:
        raise CeremonyError("expired", "This approval was not made while the request was in force.")
    check_not_own(holder, asker)
    return approval, holder


def check_two(one: Holder, other: Holder) -> None:
    """Raises `CeremonyError` unless these are two people with two keys."""
    if one.kid == other.kid:
        raise CeremonyError("same_holder", f"{one.name} has approved already; the other holder has to.")
    if one.sign_key == other.sign_key or same_person(one.owner, other.owner):
        raise CeremonyError(
            "one_owner", f"Both approvals are by {one.owner}; two people have to.", "Ask the other holder."
        )


def open_value(
    request_data: bytes, approvals: tuple[bytes, ...], private: bytes, holders: Holders, *, now: float
) -> bytearray:
    """The value. Raises `CeremonyError`, `EnvelopeError`: nothing is shown then, not even a part."""
    request, _ = _request(request_data, holders)
    if len(approvals) < 2:
        raise CeremonyError(
            "incomplete", f"{len(approvals)} of 2 holders have approved.", "One alone opens nothing."
        )
    (first, one), (second, other) = (read_approval(data, request_data, holders) for data in approvals[:2])
    check_two(one, other)
    check_time(request, now, latest=max(first.at, second.at))
    info = digest(request_data)
    shares = [_unwrapped(approval, request.suite, private, info) for approval in (first, second)]
    return envelopes.combine(request.envelope, request.place, *shares)


def opened(key: SigningKey, request_data: bytes, approvals: tuple[bytes, ...], *, now: float) -> bytes:
    """The signed note that the value was opened; it is kept with the request and the approvals."""
    body = Opened(request=digest(request_data), approvals=tuple(map(digest, approvals)), at=now)
    return metadata.sign_as(key, OPEN_TAG, body)


def read_opened(data: bytes, request_data: bytes, holders: Holders) -> Opened:
    """That note, by who asked, about that request. Raises `CeremonyError`."""
    _, asker = _request(request_data, holders)
    try:
        note = metadata.open_as(data, asker.key, OPEN_TAG, Opened)
    except MetadataError as error:
        raise CeremonyError("opened", f"This is no note of an opening. {error.message}") from None
    if note.request != digest(request_data):
        raise CeremonyError("other_request", "This note is about another request.")
    return note


def claimed_request(data: bytes) -> Request:
    """What a request says that was read before; proven by nothing. Raises `MetadataError`."""
    return metadata.claimed(data, Request)


def digest(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def _request(data: bytes, holders: Holders) -> tuple[Request, Asker]:
    try:
        asker = holders.asker(metadata.signer(data))
        if asker is None:
            raise CeremonyError(
                "asker", "Who asks is not on the list of people who may.", "Ask who keeps the root key."
            )
        request = metadata.open_as(data, asker.key, ASK_TAG, Request)
    except MetadataError as error:
        raise CeremonyError("request", f"This is no request. {error.message}") from None
    if request.place.tenant != holders.tenant:
        raise CeremonyError("tenant", "This request is about a value of another organisation.")
    if key_id(asker.key) != metadata.signer(data) or len(request.id) != 16:
        raise CeremonyError("request", "This is no request.")
    return request, asker


def _unwrapped(approval: Approval, suite: int, private: bytes, request: bytes) -> Share:
    data = hpke_keys.decrypt(suite, private, approval.share, _info(approval.slot, request))
    if data is None or len(data) != envelopes.SHARE_BYTES:
        raise EnvelopeError(
            "A share was made for another key than the one of this request.",
            "Open it where it was asked for.",
        )
    return Share(slot=approval.slot, data=data)


def _info(slot: Slot, request: bytes) -> bytes:
    return f"HDX2 approval {slot}".encode() + request
