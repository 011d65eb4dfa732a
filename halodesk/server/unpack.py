"""Request bodies: plain, zstd or gzip, with a firm limit on what comes out."""

from __future__ import annotations

import zlib

import zstandard

from halodesk.protocol.sync import LARGEST_BODY, RefusedError
from halodesk.server.access import refused

_WINDOW = 8 * 1024 * 1024
"""Bytes of memory a frame may ask for; ours ask for less."""


def unpack(data: bytes, encoding: str, limit: int = LARGEST_BODY) -> bytes:
    """The body behind Content-Encoding.

    Raises `RefusedError`: 413 when more than `limit` bytes would come out (a bomb is not unpacked
    further than that), 400 when it is damaged, 415 for another encoding.
    """
    match encoding.strip().lower():
        case "" | "identity":
            plain = data
        case "zstd":
            plain = _zstd(data, limit)
        case "gzip":
            plain = _gzip(data, limit)
        case _:
            raise refused(415, "encoding", "Send it plain, as zstd or as gzip.")
    if len(plain) > limit:
        raise too_large()
    return plain


def too_large() -> RefusedError:
    """413: send less at once."""
    return refused(413, "too_large", "This is too large for one upload.", "Send it in smaller pieces.")


def _zstd(data: bytes, limit: int) -> bytes:
    # The frame says its size up front, so that nothing is unpacked to find out: 4 bytes of zstd can
    # stand for 128 KiB. A frame that lies overruns its buffer and is refused as damaged.
    try:
        size = zstandard.frame_content_size(data)
        if size > limit:
            raise too_large()
        if size < 0:
            raise refused(411, "size", "The zstd frame must say its size.")
        return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompress(
            data, read_across_frames=False, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise _damaged() from None


def _gzip(data: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(data, limit + 1)
    except zlib.error:
        raise _damaged() from None
    if len(plain) > limit:
        raise too_large()
    if not reader.eof or reader.unused_data:
        raise _damaged()
    return plain


def _damaged() -> RefusedError:
    return refused(400, "damaged", "The upload was cut off or damaged on its way.", "Send it again.")
