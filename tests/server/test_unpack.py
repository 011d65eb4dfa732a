"""Packed bodies: bombs, damage and unknown packers."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from halodesk.protocol.sync import RefusedError
from halodesk.server.unpack import unpack

LIMIT = 1024 * 1024


def status(data: bytes, encoding: str, limit: int = LIMIT) -> int:
    with pytest.raises(RefusedError) as caught:
        unpack(data, encoding, limit)
    assert caught.value.message
    return caught.value.status


@pytest.mark.parametrize("plain", [b"", b"x", b"abc" * 1000, b"\0" * LIMIT])
def test_what_was_packed_comes_out(plain: bytes) -> None:
    assert unpack(zstandard.ZstdCompressor().compress(plain), "zstd", LIMIT) == plain
    assert unpack(gzip.compress(plain), "gzip", LIMIT) == plain
    assert unpack(plain, "", LIMIT) == plain


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_a_bomb_is_refused_and_not_unpacked(encoding: str) -> None:
    plain = b"\0" * (256 * LIMIT)
    bomb = zstandard.ZstdCompressor().compress(plain) if encoding == "zstd" else gzip.compress(plain, 9)
    del plain
    tracemalloc.start()
    try:
        assert status(bomb, encoding) == 413
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * LIMIT


def test_a_zstd_frame_that_hides_its_size_is_refused() -> None:
    hidden = zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * LIMIT * 4)
    assert status(hidden, "zstd") == 411


def test_a_zstd_frame_that_lies_about_its_size_is_refused() -> None:
    honest = bytearray(zstandard.ZstdCompressor().compress(b"\0" * 70_000))
    size = (70_000).to_bytes(4, "little")
    at = honest.find(size)
    assert at > 0
    honest[at : at + 4] = (65_900).to_bytes(4, "little")
    assert status(bytes(honest), "zstd") == 400


def test_plain_that_is_too_large_is_refused() -> None:
    assert status(b"x" * (LIMIT + 1), "identity") == 413
    assert status(gzip.compress(b"x" * (LIMIT + 1)), "gzip") == 413


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd, gzip", "x" * 1000])
def test_other_packers_are_refused(encoding: str) -> None:
    assert status(b"x", encoding) == 415


@given(st.binary(max_size=200), st.sampled_from(["zstd", "gzip"]))
def test_noise_is_refused_in_words(noise: bytes, encoding: str) -> None:
    assert status(noise, encoding) in (400, 411, 413)


@given(st.integers(0, 60), st.sampled_from(["zstd", "gzip"]))
def test_a_cut_off_body_is_refused(cut: int, encoding: str) -> None:
    plain = bytes(range(256)) * 4
    packed = zstandard.ZstdCompressor().compress(plain) if encoding == "zstd" else gzip.compress(plain)
    assert status(packed[: min(cut, len(packed) - 1)], encoding) == 400


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_something_behind_the_end_is_refused(encoding: str) -> None:
    packed = zstandard.ZstdCompressor().compress(b"abc") if encoding == "zstd" else gzip.compress(b"abc")
    assert status(packed + b"more", encoding) == 400
