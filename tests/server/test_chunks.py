"""What the server checks before its database sees an upload."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.crypto.signing import HEAD_TAG, SigningKey
from halodesk.protocol.sync import LOG_SCHEMA, Chunk, RefusedError
from halodesk.server.chunks import check
from tests.server.pieces import Maker

MAKER = Maker()
ROWS = MAKER.session(6, ended=True, name="session-of-six")


def refusal(chunk: Chunk, maker: Maker = MAKER) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        check(chunk, maker.holder, MAKER.key.public)
    return caught.value


def code(**changes: object) -> tuple[int, str]:
    caught = refusal(msgspec.structs.replace(MAKER.chunk(ROWS, 2, 5), **changes))
    return caught.status, caught.problem.code


def test_a_sound_piece_passes_with_its_heads() -> None:
    piece = check(MAKER.chunk(ROWS, 1, 6), MAKER.holder, MAKER.key.public)
    assert piece.heads == tuple(row.head for row in ROWS)
    assert (piece.flow, piece.version, piece.agent, piece.disposition) == ("flow", 3, "Kim", "sale")


def test_an_erased_event_keeps_the_piece_sound() -> None:
    rows = [*ROWS]
    rows[2] = msgspec.structs.replace(rows[2], payload=None, salt=None)
    assert check(MAKER.chunk(rows, 1, 6), MAKER.holder, MAKER.key.public).head == ROWS[-1].head
    rows[2] = msgspec.structs.replace(ROWS[2], salt=None)
    assert refusal(MAKER.chunk(rows, 1, 6)).problem.code == "chain"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tenant": "other"}, (403, "tenant")),
        ({"schema": LOG_SCHEMA + 1}, (422, "schema")),
        ({"sid": "another-session"}, (422, "chain")),
        ({"sid": "../etc"}, (422, "chain")),
        ({"sid": "x" * 65}, (422, "chain")),
        ({"first": 0}, (422, "chain")),
        ({"first": 3}, (422, "chain")),
        ({"first": -(2**60)}, (422, "chain")),
        ({"last": 6}, (422, "chain")),
        ({"last": 1}, (422, "chain")),
        ({"last": 2**63}, (422, "chain")),
        ({"prev": b"\0" * 32}, (422, "chain")),
        ({"prev": b""}, (422, "chain")),
        ({"head": b"\0" * 32}, (422, "chain")),
        ({"body": ""}, (422, "chain")),
        ({"body": "\n"}, (422, "chain")),
        ({"body": "{}\n"}, (422, "chain")),
        ({"signature": b""}, (422, "chain")),
        (
            {"signature": SigningKey.new().sign(HEAD_TAG, "main", "session-of-six", 5, ROWS[4].head)},
            (422, "chain"),
        ),
        ({"signature": MAKER.key.sign(HEAD_TAG, "main", "session-of-six", 6, ROWS[4].head)}, (422, "chain")),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], expected: tuple[int, str]) -> None:
    assert code(**changes) == expected


def test_a_piece_recorded_elsewhere_is_refused() -> None:
    assert "another seat" in refusal(MAKER.chunk(ROWS, 1, 6), Maker("seat-two")).message


def test_a_first_piece_must_begin_where_sessions_begin() -> None:
    assert "begin" in refusal(MAKER.chunk(ROWS, 1, 6, prev=ROWS[0].head)).message


@given(st.data())
def test_no_changed_byte_passes(data: st.DataObject) -> None:
    chunk = MAKER.chunk(ROWS, 1, 6)
    body = bytearray(chunk.body.encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 127))
    changed = bytes(body).decode("utf-8", "replace")
    if changed.lower() == chunk.body.lower():
        return  # hex digits may change their case: the same bytes
    with pytest.raises(RefusedError):
        check(msgspec.structs.replace(chunk, body=changed), MAKER.holder, MAKER.key.public)


@given(st.integers(0, 5), st.integers(0, 5))
def test_no_reordering_passes(one: int, other: int) -> None:
    rows = [*ROWS]
    rows[one], rows[other] = rows[other], rows[one]
    chunk = MAKER.chunk(rows, 1, 6, head=ROWS[-1].head, signature=MAKER.chunk(ROWS, 1, 6).signature)
    if one == other:
        check(chunk, MAKER.holder, MAKER.key.public)
    else:
        refusal(chunk)


@given(st.integers(0, 4000))
def test_no_truncation_passes(cut: int) -> None:
    chunk = MAKER.chunk(ROWS, 1, 6)
    refusal(msgspec.structs.replace(chunk, body=chunk.body[: min(cut, len(chunk.body) - 1)]))
