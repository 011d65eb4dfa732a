"""Which device is used, and what is said about it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from halodesk.protocol.phone_link import SoundDevice, SoundSide

_KINDS: dict[SoundSide, tuple[str, str]] = {
    "microphone": ("microphone", "the other side cannot hear you"),
    "speaker": ("headset or speaker", "you cannot hear the other side"),
    "ringer": ("speaker that rings", "calls do not ring"),
}
_CHOOSE = "Plug it in again, or choose another one under Sound (F9)."


class Preferred(msgspec.Struct, frozen=True, kw_only=True):
    """A device somebody chose. Without an id the system's own choice is followed."""

    id: str = ""
    name: str = ""


MOST_REMEMBERED = 5


def end_of(side: SoundSide) -> SoundSide:
    """The kind of device a side uses: what rings is a speaker, too."""
    return "speaker" if side == "ringer" else side


def choose(
    devices: Sequence[SoundDevice],
    side: SoundSide,
    preferred: str | Sequence[str],
    failed: Collection[str],
) -> str:
    """Id of the device to use: the first preferred one that is there, else the system's, else any; empty
    when none is left."""
    usable = [found for found in devices if found.side == end_of(side) and found.id not in failed]
    here = {found.id for found in usable}
    for wanted in (preferred,) if isinstance(preferred, str) else preferred:
        if wanted in here:
            return wanted
    for device in usable:
        if device.default:
            return device.id
    return usable[0].id if usable else ""


def words(
    devices: Sequence[SoundDevice],
    side: SoundSide,
    preferred: Preferred,
    lost: Preferred,
    used: str,
    failed: Mapping[str, str],
) -> tuple[str, str]:
    """What is wrong with the device in use, and what to do; two empty strings when nothing is.

    `lost`: what was pulled out during the calls that are up. `failed`: devices that do not work,
    with the end of a sentence that says why.
    """
    kind, harm = _KINDS[side]
    names = {found.id: found.name for found in devices if found.side == end_of(side)}
    instead = f"“{names[used]}” is used instead." if used else f"There is no other, and {harm}."
    if lost.id and lost.id not in names:
        return f"The {kind} “{lost.name}” was unplugged. {instead}", _CHOOSE
    for name in (preferred.id, *failed):
        if name in failed and name in names and name != used:
            todo = "Close the program that uses it, or choose another one under Sound (F9)."
            return f"The {kind} “{names[name]}” {failed[name]}. {instead}", todo
    if not names:
        return f"No {kind} is connected: {harm}.", "Plug in a headset: it is used at once."
    if preferred.id and preferred.id not in names:
        return f"The {kind} “{preferred.name or preferred.id}” is not connected. {instead}", _CHOOSE
    return "", ""
