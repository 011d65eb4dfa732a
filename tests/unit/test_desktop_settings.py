"""Keys that work everywhere, as settings write them; what a link may do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halodesk.engine.dial_link import parse
from halodesk.engine.errors import SettingsError
from halodesk.runtime.desktop_settings import Combination, Desktop, Hotkeys, combination
from halodesk.runtime.dial_links import hosts_of, verdict
from halodesk.runtime.settings import load


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ctrl+Shift+F2", Combination(("Ctrl", "Shift"), "F2")),
        ("shift+ctrl+f2", Combination(("Ctrl", "Shift"), "F2")),
        ("Meta + a", Combination(("Meta",), "A")),
        ("F12", Combination((), "F12")),
        ("Pause", Combination((), "Pause")),
        ("alt+pageup", Combination(("Alt",), "PageUp")),
    ],
)
def test_a_combination_is_read_however_it_is_written(text: str, found: Combination) -> None:
    assert combination(text) == found
    assert combination(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "A", "Shift+A", "Space", "Ctrl+", "Ctrl+Ctrl+A", "Hyper+A", "Ctrl+Ä", "Ctrl+F25", "Ctrl+A+B"]
)
def test_what_is_no_key_or_would_swallow_typing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no key|taken from all"):
        combination(text)


def settings_file(folder: Path, desktop: object) -> Path:
    file = folder / "settings.json"
    file.write_text(json.dumps({"desktop": desktop}))
    return file


def test_a_wrong_hotkey_is_named_by_the_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"“Shift\+A” would be taken from all programs"):
        load(settings_file(tmp_path, {"hotkeys": {"mute": "Shift+A"}}))
    with pytest.raises(SettingsError, match="two hotkeys are the same"):
        load(settings_file(tmp_path, {"hotkeys": {"mute": "Ctrl+M", "answer": "ctrl+m"}}))


def test_an_empty_hotkey_is_none(tmp_path: Path) -> None:
    found = load(settings_file(tmp_path, {"hotkeys": {"answer": "", "hang_up": ""}})).desktop
    assert set(found.hotkeys.combinations()) == {"mute"}
    assert found.links == Desktop().links == "fill"
    assert len(Hotkeys().combinations()) == 3


OURS = ("pbx.example.com",)


@pytest.mark.parametrize(
    ("text", "setting", "busy", "emergency", "act", "words"),
    [
        ("tel:+12025550143", "fill", False, False, "fill", ""),
        ("tel:+12025550143", "dial", False, False, "dial", ""),
        ("tel:+12025550143;ext=7", "dial", False, False, "dial", "Extension 7."),
        ("tel:+12025550143", "dial", True, False, "fill", "waits in the dial line"),
        ("tel:911", "dial", False, False, "fill", "Press Enter"),
        ("tel:5550", "dial", False, True, "fill", "Press Enter"),
        ("tel:*72", "dial", False, False, "fill", "Press Enter"),
        ("sip:robin@evil.example", "dial", False, False, "fill", "not of your own telephone lines"),
        ("sip:robin@PBX.example.com.", "dial", False, False, "dial", ""),
    ],
)
def test_a_link_fills_and_dials_only_what_may_be(
    text: str, setting: str, busy: bool, emergency: bool, act: str, words: str
) -> None:
    chosen = Desktop(links="dial" if setting == "dial" else "fill").links
    found = verdict(parse(text), setting=chosen, busy=busy, emergency=emergency, hosts=OURS)
    assert found.act == act
    assert words in found.words
    assert bool(words) == bool(found.words)


def test_hosts_of_our_lines() -> None:
    given = ["sip:1001@PBX.example.com:5060", "sips:pbx2.example.com;x", "sip:1@[2001:db8::1]:5060", ""]
    assert hosts_of(given) == ["pbx.example.com", "pbx2.example.com", "[2001:db8::1]"]
