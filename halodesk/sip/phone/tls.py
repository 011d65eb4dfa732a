"""TLS to a PBX: whom we believe, and what was wrong with a certificate.

Rules:

1. The chain and the name of the server are always verified; there is no setting to look away.
2. The name is that of the host we connect to: the outbound proxy, else the registrar.
3. pjsip reads the file of authorities at each connection, so a renewed file counts at once.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pjsua2 as pj

_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)


@dataclass(frozen=True, kw_only=True)
class TlsProblem:
    """Why a certificate was refused. `status`: bits of pjlib's `pj_ssl_cert_verify_flag_t`."""

    status: int
    subject: str = ""
    """Common name in the certificate."""
    valid_from: float = 0.0
    valid_until: float = 0.0


def authorities(ca_file: str) -> str:
    """The PEM file to verify with: the account's own, else the system's, else none (nobody is believed)."""
    if ca_file:
        return ca_file
    found = (ssl.get_default_verify_paths().cafile, *_SYSTEM_BUNDLES)
    return next((path for path in found if path and Path(path).is_file()), "")


def problem_of(info: pj.TlsInfo) -> TlsProblem | None:
    """What was wrong with the server's certificate; None when nothing was, or no TLS was up."""
    if info.isEmpty() or not info.verifyStatus:
        return None
    certificate = info.remoteCertInfo
    return TlsProblem(
        status=info.verifyStatus & 0xFFFF_FFFF,
        subject=certificate.subjectCn,
        valid_from=float(certificate.validityStart.sec),
        valid_until=float(certificate.validityEnd.sec),
    )


_WORDS: Mapping[int, tuple[str, str]] = {
    pj.PJ_SSL_CERT_EREVOKED: ("was revoked", "Ask the administrator of the PBX: somebody may listen."),
    pj.PJ_SSL_CERT_EISSUER_NOT_FOUND: ("is not trusted", ""),
    pj.PJ_SSL_CERT_EUNTRUSTED: ("is not trusted", ""),
    pj.PJ_SSL_CERT_ECHAIN_TOO_LONG: ("is not trusted", ""),
    pj.PJ_SSL_CERT_EISSUER_MISMATCH: ("is not trusted", ""),
    pj.PJ_SSL_CERT_EINVALID_PURPOSE: (
        "was not made for a server",
        "Ask the administrator of the PBX for a server certificate.",
    ),
    pj.PJ_SSL_CERT_EWEAK_SIGNATURE: (
        "has a signature that is too weak",
        "Ask the administrator of the PBX for a new certificate.",
    ),
}
_NOT_TRUSTED = "Name the file of its certificate authority in `ca_file`, or ask the administrator of the PBX."


def certificate_words(problem: TlsProblem, host: str, *, now: float | None = None) -> tuple[str, str]:
    """What is wrong (`message`) and what to do (`todo`). `host`: what we meant to reach."""
    whose = f"the certificate of {host}"
    if problem.status & pj.PJ_SSL_CERT_EVALIDITY_PERIOD:
        if problem.valid_from > (time.time() if now is None else now):
            return f"{whose} is not valid yet", "Check the clock of this computer."
        return f"{whose} has expired", "Ask the administrator of the PBX to renew it."
    for flag, (words, todo) in _WORDS.items():
        if problem.status & flag:
            return f"{whose} {words}", todo or _NOT_TRUSTED
    if problem.status & pj.PJ_SSL_CERT_EIDENTITY_NOT_MATCH:
        other = f" ({problem.subject})" if problem.subject else ""
        return (
            f"{whose} is for another name{other}",
            "Use the name in the certificate as `registrar` or `proxy`, or ask the administrator of the PBX.",
        )
    return f"{whose} cannot be verified", _NOT_TRUSTED
