"""Checks passwords against what is kept of them: Argon2id (RFC 9106) in PHC string form.

Slow on purpose (some 0.1 s, 64 MiB): never on a thread that paints.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SHORTEST = 8
LONGEST = 256
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$MDAwMDAwMDAwMDAwMDAwMA$omeC6RN0CnMSIlWl+GifghHeIAISGOZglzsJrv08nZU"
"""Stands in for a name that is not there, so that it takes as long to refuse; fits no password."""


def make(password: str) -> str:
    """What is kept of a password."""
    stretch = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return stretch.derive_phc_encoded(password.encode())


def fits(verifier: str, password: str) -> bool:
    """Whether it is the password; False for a verifier that is none."""
    if verifier == NOBODY:
        password = ""
    try:
        Argon2id.verify_phc_encoded(password.encode(), verifier)
    except (InvalidKey, ValueError):
        return False
    return True


def problem(password: str) -> str:
    """Why a password cannot be taken, or nothing. Length counts (NIST SP 800-63B), not signs of each sort."""
    if len(password) < SHORTEST:
        return f"A password has at least {SHORTEST} characters."
    return f"A password has at most {LONGEST} characters." if len(password) > LONGEST else ""
