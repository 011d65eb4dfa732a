"""Settings of how HaloDesk behaves on the desktop: links, tray, notifications, keys that work everywhere."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, get_args

import msgspec

Action = Literal["answer", "hang_up", "mute"]
"""What a key that works everywhere does."""
ACTIONS: tuple[Action, ...] = get_args(Action)

MODIFIERS = ("Ctrl", "Alt", "Shift", "Meta")
_NAMED = "Insert Delete Home End PageUp PageDown Up Down Left Right Space Pause ScrollLock Print Menu".split()
_KEY = re.compile(r"[A-Z0-9]|F(?:[1-9]|1[0-9]|2[0-4])")


class Combination(NamedTuple):
    """A key with what is held down beside it. `key`: A to Z, 0 to 9, F1 to F24, or one of a few names."""

    modifiers: tuple[str, ...]
    key: str

    def __str__(self) -> str:
        return "+".join((*self.modifiers, self.key))


def combination(text: str) -> Combination:
    """`Ctrl+Shift+F2` in pieces. Raises `ValueError` in words."""
    *held, key = [part.strip() for part in text.split("+")]
    modifiers = tuple(name for name in MODIFIERS if name.lower() in (part.lower() for part in held))
    names = {name.lower(): name for name in _NAMED}
    key = names.get(key.lower(), key.upper())
    if len(modifiers) != len(held) or not (_KEY.fullmatch(key) or key in _NAMED):
        raise ValueError(f"“{text[:40]}” is no key; one reads like Ctrl+Shift+F2")
    if not set(modifiers) & {"Ctrl", "Alt", "Meta"} and not re.fullmatch(r"F\d+|Pause|ScrollLock", key):
        raise ValueError(f"“{text[:40]}” would be taken from all programs; add Ctrl, Alt or Meta")
    return Combination(modifiers, key)


class Hotkeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys that work while another program has the keyboard; empty: none. F keys as in the window."""

    answer: str = "Ctrl+Shift+F2"
    hang_up: str = "Ctrl+Shift+F4"
    mute: str = "Ctrl+Shift+F7"

    def __post_init__(self) -> None:
        taken = [str(found) for found in self.combinations().values()]
        if len(set(taken)) != len(taken):
            raise ValueError("two hotkeys are the same")

    def combinations(self) -> dict[Action, Combination]:
        """Those that are set."""
        texts: dict[Action, str] = {action: getattr(self, action) for action in ACTIONS}
        return {action: combination(text) for action, text in texts.items() if text}


class Desktop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Habits of the desktop."""

    links: Literal["fill", "dial"] = "fill"
    """What a tel: link does: its number waits in the dial line, or is dialled at once."""
    tray: bool = True
    close_to_tray: bool = True
    """Where there is a tray, closing the window leaves HaloDesk running in it."""
    notifications: bool = True
    hotkeys: Hotkeys = Hotkeys()
    media_keys: bool = True
    """Play/pause answers, then mutes and opens the microphone; stop hangs up. During calls only."""
