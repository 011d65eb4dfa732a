"""Challenges, tokens and floods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.crypto.signing import AUTH_TAG, SigningKey
from halodesk.protocol.sync import RefusedError
from halodesk.server.access import Access, Holder
from halodesk.server.flood import Flood

SEAT = Holder(tenant="main", role="seat", subject="seat-one", team="red")
ASKER = Holder(tenant="main", role="seat", subject="seat-one")
KEY, SERVER_KEY = SigningKey.new(), SigningKey.new().public


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def access(clock: Clock | None = None, secret: bytes = b"s" * 32) -> Access:
    return Access(secret, SERVER_KEY, clock or Clock())


def signed(
    challenge: str, holder: Holder = ASKER, key: SigningKey = KEY, server: bytes = SERVER_KEY
) -> bytes:
    return key.sign(AUTH_TAG, holder.tenant, holder.role, holder.subject, challenge, server)


def code(work: object, *arguments: object) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        work(*arguments)  # type: ignore[operator]
    assert caught.value.message
    return caught.value.status, caught.value.problem.code


def test_a_signed_challenge_is_taken_once() -> None:
    door = access()
    challenge = door.challenge(ASKER)
    door.check_answer(ASKER, challenge, signed(challenge), KEY.public)
    assert code(door.check_answer, ASKER, challenge, signed(challenge), KEY.public) == (401, "challenge")


def test_a_challenge_is_for_one_holder_one_key_and_one_server() -> None:
    door = access()
    challenge = door.challenge(ASKER)
    other = Holder(tenant="main", role="seat", subject="seat-two")
    assert code(door.check_answer, other, challenge, signed(challenge, other), KEY.public)[1] == "challenge"
    for wrong in (
        signed(challenge, key=SigningKey.new()),
        signed(challenge, server=b"another"),
        signed(challenge + "x"),
        b"",
    ):
        assert code(door.check_answer, ASKER, challenge, wrong, KEY.public) == (401, "signature")
    door.check_answer(ASKER, challenge, signed(challenge), KEY.public)


def test_a_challenge_expires() -> None:
    clock = Clock()
    door = access(clock)
    challenge = door.challenge(ASKER)
    clock.now += 61
    assert code(door.check_answer, ASKER, challenge, signed(challenge), KEY.public)[1] == "challenge_expired"


def test_a_token_says_who_asks_for_ten_minutes() -> None:
    clock = Clock()
    door = access(clock)
    bearer = f"Bearer {door.token(SEAT)}"
    clock.now += 599
    assert door.holder(bearer, "seat") == SEAT
    clock.now += 1
    assert code(door.holder, bearer, "seat") == (401, "token_expired")


def test_a_token_of_another_server_role_or_kind_is_refused() -> None:
    door = access()
    foreign = access(secret=b"t" * 32).token(SEAT)
    assert code(door.holder, f"Bearer {foreign}", "seat") == (401, "token_foreign")
    assert code(door.holder, f"Bearer {door.token(SEAT)}", "publisher") == (403, "role")
    assert code(door.holder, f"Bearer {door.challenge(SEAT)}", "seat")[0] == 401
    assert code(door.holder, "", "seat") == (401, "token_missing")
    assert code(door.holder, f"Basic {door.token(SEAT)}", "seat") == (401, "token_missing")


@given(st.text(max_size=80))
def test_noise_is_no_token(noise: str) -> None:
    assert code(access().holder, f"Bearer {noise}", "seat")[0] == 401


@given(st.integers(0, 400), st.integers(1, 127))
def test_no_changed_token_passes(at: int, flip: int) -> None:
    door = access()
    token = bytearray(door.token(SEAT).encode())
    at %= len(token)
    token[at] ^= flip
    changed = token.decode("latin-1")
    try:
        found = door.holder(f"Bearer {changed}", "seat")
    except RefusedError:
        return
    # The last character of base64 has bits that mean nothing: then it is the same token.
    assert found == SEAT


def test_a_flood_is_slowed_down_one_asker_at_a_time() -> None:
    clock = Clock()
    flood = Flood(rate=10, burst=3, mono=clock)
    for _ in range(3):
        flood.check("one")
    with pytest.raises(RefusedError) as caught:
        flood.check("one")
    assert caught.value.status == 429
    assert 0 < caught.value.problem.retry_after <= 0.1
    flood.check("two")
    clock.now += caught.value.problem.retry_after
    flood.check("one")
