"""Selectors of a flow, taken apart: frames by `>>`, shadow roots by `>>>`, the rest is CSS."""

from __future__ import annotations

import msgspec


class Target(msgspec.Struct, frozen=True):
    """Where an element is: a way through shadow roots in each frame, from the outermost in."""

    frames: tuple[tuple[str, ...], ...]
    path: tuple[str, ...]


def target(selector: str) -> Target:
    """`iframe#pay >> app-form >>> input[name=zip]`. The engine's check has found no empty part."""
    ways = [
        tuple(part.strip() for part in way.split("\0")) for way in selector.replace(">>>", "\0").split(">>")
    ]
    return Target(frames=tuple(ways[:-1]), path=ways[-1])
