"""What seats, publishers and the server say to each other: `/v1`, JSON over HTTPS.

Rules:
- A receiver ignores keys it does not know. What must outlive that (flows, metadata, session
  lines) travels as bytes and is kept as bytes.
- A refusal is a `Problem` with words for a person. What the seat does follows from its status:
  401 sign in again, 409 rewind to `expect`, 413 send less, 422 put this session aside and go on,
  429 and 503 wait `retry_after`, 403 not yours.
- Bytes are base64 in JSON. Times are Unix seconds of whoever says them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from halodesk.engine.errors import HaloDeskError

LOG_SCHEMA = 1
"""Of the lines in a chunk (`protocol.log_lines`)."""
LARGEST_UPLOAD = 4 * 1024 * 1024
"""Bytes of a request body as it travels."""
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of it once unpacked."""
TOKEN_SECONDS = 600
PUSH_PATH = "/v1/push"

Role = Literal["seat", "publisher", "asker", "holder"]
"""The last two take part in opening sealed values (`protocol.unseal`)."""


class SyncError(HaloDeskError):
    """Root of what can go wrong between a seat and its server."""


class ServerAwayError(SyncError):
    """The server was not reached or cannot answer now: try again later.

    `retry_after` is what it asked for, in seconds; 0: it said nothing.
    """

    def __init__(self, message: str, todo: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(message, todo)
        self.retry_after = retry_after


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal. `expect` and `head`: the event that should come next and the head before it."""

    code: str
    message: str
    todo: str = ""
    expect: int = 0
    head: bytes = b""
    retry_after: float = 0.0


class RefusedError(SyncError):
    """The server understood and said no."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.message, problem.todo)
        self.status = status
        self.problem = problem


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How the seats of a tenant behave towards the server; given at enrolment and with each token."""

    poll_s: float = 60.0
    """The catalogue is asked for this often even without a poke; jittered by a half."""
    chunk_events: int = 100
    chunk_bytes: int = 512 * 1024
    recheck_days: float = 7.0
    """How long acknowledged sessions are offered again when the server's history has changed."""
    sign_in: bool = False
    """Everybody signs in at the seats, with a name and a password the server knows."""
    sign_in_days: float = 7.0
    """For so long a seat lets in by itself who has signed in with the server."""
    seat_recorders: bool = True
    """Whether a seat may hold a platform's credentials itself; false: it must ask the server to mask."""
    unconfirmed_unlocks: bool = False
    """Whether seats may count a recorder as masked that acknowledges without proof."""
    secure_payments: bool = False
    """Whether every line of a seat whose flows take card data must speak TLS and require SRTP."""


# people


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A person at a seat; said over the seat's own signed-in connection."""

    name: str
    password: str


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Let in; for `lease_s` seconds the seat may do so without the server."""

    name: str
    role: str
    lease_s: float
    server_time: float


# enrolment


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to a nonce: who it is, and the publishers it passes on."""

    server_key: bytes
    trust: bytes
    signature: bytes


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A seat introduces itself. `proof` signs the token, the seat's id and both keys with `sign_key`."""

    token: str
    seat: str
    name: str
    sign_key: bytes
    seal_key: bytes
    """X25519, so that secrets can be sealed to this seat."""
    proof: bytes


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The seat belongs to this tenant and team now."""

    tenant: str
    team: str
    policy: Policy
    server_time: float


# signing in


class ChallengeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`subject`: the seat's id, or the id of the key of anyone else; a holder's is that values are
    sealed to."""

    tenant: str
    role: Role
    subject: str


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """To be signed within a minute, once."""

    challenge: str


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The challenge, signed together with tenant, role, subject and the server's key."""

    tenant: str
    role: Role
    subject: str
    challenge: str
    signature: bytes


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token for `expires_in` seconds."""

    token: str
    expires_in: float
    policy: Policy


# sessions up


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Events `first` to `last` of one session.

    `prev` and `head` are the chain's heads before and after; `body` is lines of
    `protocol.log_lines`; `signature` is the seat's over the head (HDHEAD1). `epoch` is the
    server history the seat believes in.
    """

    tenant: str
    sid: str
    first: int
    last: int
    prev: bytes
    head: bytes
    schema: int
    epoch: str
    body: str
    signature: bytes


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The server holds the session up to `last`, on disk. `signature`: its own, over that (HDSEEN1)."""

    last: int
    head: bytes
    at: int
    dup: bool
    epoch: str
    signature: bytes


class Held(msgspec.Struct, frozen=True):
    """How far one session was acknowledged."""

    last: int
    head: bytes


class Have(msgspec.Struct, frozen=True, kw_only=True):
    """What a seat believes the server has, by session."""

    sessions: dict[str, Held]


class HaveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions of which the server has less or something else; it holds none at 0."""

    behind: dict[str, Held]
    epoch: str


# flows down


class CatalogueEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the catalogue: a new list of publishers, or a version with its pointer."""

    cursor: int
    kind: str
    """trust, holders or flow; a seat passes over others."""
    trust: bytes = b""
    """The signed list: of publishers, or of key holders."""
    manifest: bytes = b""
    pointer: bytes = b""


class SyncPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries after the cursor asked for; `cursor` is the one to ask for next.

    `latest` is the newest there is: more to fetch when it is greater than `cursor`.
    """

    cursor: int
    latest: int
    epoch: str
    events: tuple[CatalogueEvent, ...]
    min_schema: int
    server_time: float


class FlowState(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows of one flow; zeros for one it does not know."""

    flow: str
    version: int = 0
    """The greatest version there is."""
    counter: int = 0
    """Of the newest pointer."""
    manifests: tuple[bytes, ...] = ()


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """A signed version and a signed pointer to it. `document` is empty for a version known already."""

    manifest: bytes
    pointer: bytes
    document: bytes = b""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The version is in the catalogue under this cursor; `seats` were connected and are being told."""

    cursor: int
    seats: int


# the websocket


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """A seat's first words: the cursor it has."""

    cursor: int


class Poke(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="poke"):
    """There is something newer: a hint, the cursor is the truth."""

    cursor: int
    epoch: str


class Revoke(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="revoke"):
    """This seat has been shut out."""


FromServer = Poke | Revoke
