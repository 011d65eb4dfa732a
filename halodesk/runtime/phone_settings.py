"""What the phone process is told of the settings: its accounts, and the options of its command line."""

from __future__ import annotations

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.protocol.phone_link import Account
from halodesk.runtime.settings import FlowAgentLine, Network, Settings, SipAccount

MAIN = "main"
"""Key of the account calls go out by."""


def account_of(given: SipAccount, key: str = MAIN) -> Account:
    """The account as the phone wants it. Raises `SettingsError` for what this phone cannot do."""
    values = {name: getattr(given, name) for name in Account.__struct_fields__ if hasattr(given, name)}
    try:
        return msgspec.convert(values | {"key": key}, Account)
    except msgspec.ValidationError as error:
        raise SettingsError(f"The account cannot be used: {error}.", "See docs/it.md.") from None


def accounts_of(settings: Settings, *, secured_only: bool = False) -> tuple[Account, ...]:
    """All accounts, the default one first. Keys stay the same however the order of the others changes.

    `secured_only`: the phone refuses, in words, those that are not encrypted in every way.
    """
    accounts = map(account_of, settings.lines, _keys(settings))
    return tuple(msgspec.structs.replace(account, secured_only=secured_only) for account in accounts)


def open_lines(settings: Settings) -> tuple[str, ...]:
    """Addresses of the lines whose calls somebody on the way could hear."""
    return tuple(line.uri for line in settings.lines if line.transport != "tls" or line.srtp != "required")


def flow_agents_of(settings: Settings) -> dict[str, FlowAgentLine]:
    """Which flow agent answers, by the key of the account."""
    lines = zip(_keys(settings), settings.lines, strict=True)
    return {key: line.flow_agent for key, line in lines if line.flow_agent is not None}


def _keys(settings: Settings) -> tuple[str, ...]:
    return (MAIN, *(line.uri for line in settings.lines[1:])) if settings.lines else ()


def network_options(settings: Settings) -> list[str]:
    """Options of `halodesk phone`."""
    network = settings.network
    options = ["--dscp-sound", str(network.dscp_sound), "--dscp-signalling", str(network.dscp_signalling)]
    if network.codecs and network.codecs != Network().codecs:
        options += ["--codecs", ",".join(network.codecs)]
    if network.rtp_port:
        options += ["--rtp-port", str(network.rtp_port), "--rtp-ports", str(network.rtp_ports)]
    return [*options, "--trace"] if network.trace else options
