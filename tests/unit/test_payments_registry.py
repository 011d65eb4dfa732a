"""The registry of gateways and the agent's words."""

from __future__ import annotations

import pytest

from halodesk.connectors.payments import authorize_net, braintree, open_gateway, providers, reasons, stripe
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.connectors.payments.sandbox import SandboxGateway
from halodesk.demo.gateway import rules
from halodesk.engine.errors import SettingsError

ACCOUNT = GatewayAccount(base_url="http://127.0.0.1:1", api_key="top-secret-key")


def test_gateways_are_found_by_themselves() -> None:
    assert providers()["sandbox"].build is SandboxGateway
    assert all(key == provider.key for key, provider in providers().items())


def test_gateway_is_opened_by_its_key() -> None:
    assert open_gateway("sandbox", ACCOUNT).name == "sandbox"


def test_unknown_gateway_is_said_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="sandbox"):
        open_gateway("made_up", ACCOUNT)


def test_account_does_not_show_its_key() -> None:
    assert "top-secret" not in repr(ACCOUNT) + str(ACCOUNT)


def test_unknown_code_reads_as_a_plain_refusal() -> None:
    assert reasons.agent_words("r2d2") == reasons.agent_words("do_not_honor")


def test_agent_does_not_learn_that_a_card_is_stolen() -> None:
    assert reasons.agent_words("stolen_card") == reasons.agent_words("do_not_honor")


def test_every_refusal_of_the_sandbox_has_words_of_its_own() -> None:
    codes = {"invalid_number", "unsupported_brand", "invalid_expiry", "invalid_cvv", "incorrect_cvv"}
    for code in codes | {"insufficient_funds", "postal_code_mismatch", "processing_error"}:
        assert reasons.agent_words(code) != reasons.agent_words("r2d2"), code
    assert rules.__doc__ is not None
    assert "incorrect_cvv" in rules.__doc__


@pytest.mark.parametrize(
    "codes",
    [
        stripe._WORDS,
        authorize_net._WORDS,
        braintree._WORDS,
        {code: words for code, (words, _) in authorize_net._CARD_ERRORS.items()},
        {code: words for code, (words, _) in braintree._FIELD_CODES.items()},
    ],
)
def test_every_mapped_code_of_a_gateway_has_words(codes: dict[str, str]) -> None:
    assert codes
    assert set(codes.values()) <= set(reasons._WORDS)


def test_words_end_as_sentences_and_accuse_nobody() -> None:
    for words in reasons._WORDS.values():
        assert words.endswith(".")
        assert not any(bad in words.lower() for bad in ("stolen", "lost", "fraud"))


@pytest.mark.parametrize(
    ("street", "postal", "told"),
    [
        (None, None, "not_checked"),
        (True, True, "match"),
        (True, False, "street"),
        (None, True, "postal_code"),
        (False, True, "postal_code"),
        (False, False, "mismatch"),
        (None, False, "mismatch"),
    ],
)
def test_the_two_parts_of_an_address(street: bool | None, postal: bool | None, told: str) -> None:
    assert reasons.address_check(street, postal) == told
