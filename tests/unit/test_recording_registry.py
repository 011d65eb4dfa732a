"""Recorder controls are found by their name in the settings; each says what is wrong with its own."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine.errors import SettingsError
from halodesk.recording import control_type, control_types, open_control, peer
from halodesk.recording.asterisk import AmiRecorderControl
from halodesk.recording.control import Surroundings, no_server
from halodesk.runtime.settings import Ami, Settings

AROUND = Surroundings(on_changed=lambda call, answer: None, line=no_server)


def test_every_control_is_found() -> None:
    assert set(control_types()) == {"ami", "ari", "central", "feature_code", "freeswitch", "webhook"}
    assert all(found.key == key for key, found in control_types().items())
    assert [key for key, found in control_types().items() if not found.has_credentials] == ["central"]


def test_ami_is_built_from_its_settings_and_from_the_short_form() -> None:
    long = {"control": "ami", "host": "pbx.example.com", "username": "u", "secret": "word", "tls": True}
    control = open_control(long, AROUND)
    assert isinstance(control, AmiRecorderControl)
    assert control.name == "PBX (AMI pbx.example.com)"
    assert peer(long) == ("pbx.example.com", 5038)
    (short,) = Settings(ami=Ami(host="a", secret="s")).controls
    assert control_type(short).key == "ami"
    assert isinstance(open_control(short, AROUND), AmiRecorderControl)
    assert [c["control"] for c in Settings(ami=Ami(host="a"), recorders=(long,)).controls] == ["ami", "ami"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "no recorder control “None”"),
        ({"control": "amy"}, "no recorder control “amy”"),
        ({"control": ["ami"]}, "no recorder control"),
        ({"control": "ami"}, "host"),
        ({"control": "ami", "host": "x", "port": "5038", "secret": "hush"}, "port"),
        ({"control": "central", "secret": "hush"}, "secret"),
        ({"control": "central"}, "no server"),
    ],
)
def test_what_is_wrong_is_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_control(settings, AROUND)
    assert said in caught.value.message
    assert "hush" not in str(caught.value)
    assert caught.value.todo


def test_the_central_one_has_no_address_of_its_own() -> None:
    assert peer({"control": "central"}) is None
