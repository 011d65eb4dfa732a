"""An account in pjsua2's own words, and whether this build and seat can keep what it demands."""

from __future__ import annotations

from pathlib import Path

import pjsua2 as pj

from halodesk.protocol.phone_link import Account, Capabilities
from halodesk.sip.phone.endpoint import SipThread
from halodesk.sip.phone.transports import mark

_SRTP = {
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "offered": pj.PJMEDIA_SRTP_OPTIONAL,
    "required": pj.PJMEDIA_SRTP_MANDATORY,
}


def forbidden(account: Account) -> tuple[str, str] | None:
    """Why policy allows no call on the account but one for help, and what to do; None: it allows all."""
    needed = {"TLS": account.transport == "tls", "SRTP": account.srtp == "required"}
    lacks = " and ".join(name for name, there in needed.items() if not there)
    if not account.secured_only or not lacks:
        return None
    return (
        f"this seat takes card data, and policy allows no line without {lacks}",
        'Ask IT for "transport": "tls" and "srtp": "required" on this line. Emergency numbers can be called.',
    )


def impossible(account: Account, found: Capabilities) -> tuple[str, str] | None:
    """Why the account cannot be used here, and what to do; None: it can. Nothing weaker is tried."""
    if account.transport == "tls" and not found.tls:
        return (
            "this build of the phone has no TLS, and the account demands it",
            "Ask IT for a build with TLS. HaloDesk does not fall back to an open connection.",
        )
    if account.srtp == "required" and not found.srtp:
        return (
            "this build of the phone has no SRTP, and the account demands it",
            "Ask IT for a build with SRTP. HaloDesk does not fall back to open calls.",
        )
    if account.transport == "tls" and account.ca_file:
        try:
            with open(account.ca_file, "rb") as file:
                file.read(1)
        except OSError as error:
            name = Path(account.ca_file).name
            return (
                f"the file of the certificate authority {name} cannot be read: {error.strerror}",
                "Correct `ca_file` in the settings.",
            )
    return None


def host_and_port(address: str) -> str:
    """`sip:host:port;…` without its scheme and parameters."""
    return address.removeprefix("sips:").removeprefix("sip:").split(";")[0].rstrip(">")


def transport_parameter(account: Account) -> str:
    """What follows a URI of this account."""
    return "" if account.transport == "udp" else f";transport={account.transport}"


def build(account: Account, sip: SipThread) -> pj.AccountConfig:
    """The configuration; raises `pj.Error` when the transport cannot be opened. SIP thread only."""
    config = pj.AccountConfig()
    config.idUri = account.uri
    if account.registrar:
        registrar = host_and_port(account.registrar)
        config.regConfig.registrarUri = f"sip:{registrar}{transport_parameter(account)}"
        config.regConfig.registerOnAdd = forbidden(account) is None
        config.regConfig.timeoutSec = account.expires_s
        config.regConfig.retryIntervalSec = 0
        config.regConfig.firstRetryIntervalSec = 0
    if account.username:
        credentials = pj.AuthCredInfo("digest", "*", account.username, 0, account.password)
        config.sipConfig.authCreds.append(credentials)
    if account.proxy:
        proxy = f"sip:{host_and_port(account.proxy)}{transport_parameter(account)};lr"
        config.sipConfig.proxies.append(proxy)
    if account.transport == "udp":
        config.sipConfig.transportId = sip.transports.udp
    elif account.transport == "tls":
        config.sipConfig.transportId = sip.transports.tls(account.ca_file)
    _sound(config, account, sip)
    _nat(config, account, sip)
    return config


def _sound(config: pj.AccountConfig, account: Account, sip: SipThread) -> None:
    settings = sip.settings
    transport = config.mediaConfig.transportConfig
    transport.boundAddress = settings.bind
    transport.port = settings.rtp_port
    transport.portRange = settings.rtp_ports if settings.rtp_port else 0
    mark(transport, settings.dscp_sound)
    config.mediaConfig.srtpUse = _SRTP[account.srtp]
    config.mediaConfig.srtpSecureSignaling = 0  # the policy of the transport is our own


def _nat(config: pj.AccountConfig, account: Account, sip: SipThread) -> None:
    nat = config.natConfig
    nat.udpKaIntervalSec = account.keep_alive_s
    nat.sipOutboundUse = int(account.outbound)
    nat.contactRewriteUse = 2 if account.rewrite_contact else 0
    nat.viaRewriteUse = int(account.rewrite_contact)
    nat.sipStunUse = pj.PJSUA_STUN_USE_DISABLED
    nat.mediaStunUse = pj.PJSUA_STUN_RETRY_ON_FAILURE if account.stun else pj.PJSUA_STUN_USE_DISABLED
    nat.iceEnabled = account.ice
    if account.stun:
        sip.transports.use_stun(account.stun)
    if account.ice and account.turn:
        nat.turnEnabled = True
        nat.turnServer = account.turn
        nat.turnUserName = account.turn_username
        nat.turnPassword = account.turn_password
