"""Keys of a person and codes of the PBX on one call never mix."""

from __future__ import annotations

import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.sip.phone.keypad import APART_S, KEY_S, Keypad


def test_a_code_waits_for_keys_and_keys_wait_for_a_code() -> None:
    pad = Keypad()
    pad.take("12", code=False, now=10.0)
    pad.take("3", code=False, now=10.1)
    free = 10.0 + 3 * KEY_S + APART_S
    with pytest.raises(PhoneRefusedError, match="just been pressed"):
        pad.take("*5", code=True, now=free - 0.01)
    pad.take("*5", code=True, now=free)
    pad.take("*6", code=True, now=free + 0.1)
    again = free + 4 * KEY_S + APART_S
    with pytest.raises(PhoneRefusedError, match="being switched") as caught:
        pad.take("4", code=False, now=again - 0.01)
    assert caught.value.todo
    pad.take("4", code=False, now=again)


def test_a_refused_key_shuts_nothing() -> None:
    pad = Keypad()
    pad.take("*5", code=True, now=5.0)
    with pytest.raises(PhoneRefusedError):
        pad.take("9" * 30, code=False, now=5.1)
    pad.take("*6", code=True, now=5.2)
