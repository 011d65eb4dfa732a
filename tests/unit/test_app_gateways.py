"""Gateways of the settings: keys from the keyring or the environment, names that are there once."""

from __future__ import annotations

import pytest

from halodesk.app.gateways import open_gateways
from halodesk.crypto import keystore
from halodesk.engine.errors import SettingsError
from halodesk.runtime.settings import Gateway


def test_all_four_are_opened_by_their_names() -> None:
    found = open_gateways(
        [
            Gateway(name="default", provider="stripe", api_key="sk_1"),
            Gateway(name="old", provider="authorize_net", login="l", api_key="k", client_key="c"),
            Gateway(
                name="eu", provider="braintree", login="p", api_key="k", merchant_account="m", currency="EUR"
            ),
            Gateway(name="training", provider="sandbox", url="http://127.0.0.1:8600", api_key="k"),
        ]
    )
    assert {name: gateway.name for name, gateway in found.items()} == {
        "default": "stripe",
        "old": "authorize_net",
        "eu": "braintree",
        "training": "sandbox",
    }


def test_a_key_comes_from_the_environment_or_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_KEY", "sk_env")
    monkeypatch.setattr(keystore, "kept_secret", lambda entry: f"sk_ring_{entry}")
    found = open_gateways(
        [
            Gateway(name="a", provider="stripe", api_key="env:STRIPE_KEY"),
            Gateway(name="b", provider="stripe", api_key="keyring:stripe"),
        ]
    )
    headers = [vars(found[name])["_headers"]["Authorization"] for name in ("a", "b")]
    assert headers == ["Bearer sk_env", "Bearer sk_ring_stripe"]


@pytest.mark.parametrize("api_key", ["env:NOT_THERE", "keyring:nothing"])
def test_a_key_that_is_not_there_is_said_without_naming_one(
    monkeypatch: pytest.MonkeyPatch, api_key: str
) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    monkeypatch.setattr(keystore, "kept_secret", lambda entry: "")
    with pytest.raises(SettingsError, match="“shop”") as told:
        open_gateways([Gateway(name="shop", provider="stripe", api_key=api_key)])
    assert "halodesk keys secret" in told.value.todo


def test_two_of_one_name_and_one_nobody_knows_are_refused() -> None:
    one = Gateway(provider="stripe", api_key="sk_1")
    with pytest.raises(SettingsError, match="default"):
        open_gateways([one, one])
    with pytest.raises(SettingsError, match="made_up"):
        open_gateways([Gateway(provider="made_up", api_key="k")])
    with pytest.raises(SettingsError, match="address"):
        open_gateways([Gateway(provider="sandbox", api_key="k")])
