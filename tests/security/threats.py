"""The fifteen threats and the tests that try to break the control against each.

`make security` runs them; docs/security.md shows the same table (`test_threats.py` holds both together).
"""

from __future__ import annotations

from typing import NamedTuple


class Threat(NamedTuple):
    """`tests`: pytest's names of files or tests; a `*` stands for files that may be several."""

    number: int
    who: str
    control: str
    tests: tuple[str, ...]


THREATS = (
    Threat(
        1,
        "A rogue agent edits the log",
        "salted hash chain, the seat's seal, the server's receipt",
        ("tests/security/test_01_edited_log.py", "tests/unit/test_chain.py", "tests/unit/test_proofs.py"),
    ),
    Threat(
        2,
        "Somebody deletes a session",
        "the seat's count in the chain; an alarm at the server",
        ("tests/security/test_02_deleted_session.py", "tests/server/test_counters.py"),
    ),
    Threat(
        3,
        "A seat forges another's session",
        "tokens and signatures name the seat: 403",
        ("tests/security/test_03_forged_session.py", "tests/server/test_http.py"),
    ),
    Threat(
        4,
        "A stolen computer",
        "SQLCipher, the key in the keyring or behind a passphrase; files closed to others",
        (
            "tests/security/test_04_stolen_laptop.py",
            "tests/unit/test_keystore.py",
            "tests/unit/test_private_files.py",
        ),
    ),
    Threat(
        5,
        "A cloned disk image",
        "one history a session, one session a number: 422 fork",
        ("tests/security/test_05_cloned_image.py", "tests/server/test_contract.py"),
    ),
    Threat(
        6,
        "A flow's JavaScript",
        "a locked-down worker process without files, network or modules",
        ("tests/unit/test_sandbox_attacks.py",),
    ),
    Threat(
        7,
        "HTML and Markdown, in a caller's name too",
        "every value is text; nothing loads from elsewhere",
        ("tests/security/test_07_markup.py", "tests/unit/test_template.py"),
    ),
    Threat(
        8,
        "A web page in a flow",
        "a proxy and a fence that know the allowed origins only",
        ("tests/browser/test_browser_hostile.py",),
    ),
    Threat(
        9,
        "Somebody in the middle",
        "a pinned authority and a pinned server key, TLS for SIP",
        ("tests/sync/test_enrol.py", "tests/unit/test_phone_tls.py"),
    ),
    Threat(
        10,
        "Old signed metadata, played again",
        "counters that only grow, kept at the seat",
        ("tests/sync/test_inbox.py", "tests/sync/test_metadata.py"),
    ),
    Threat(
        11,
        "A hostile SIP peer",
        "strangers get no line; torture messages; names are text",
        ("tests/unit/test_phone_process.py", "tests/unit/test_phone_parts.py"),
    ),
    Threat(
        12,
        "A server in the wrong hands",
        "publishers sign flows with keys the server does not have",
        ("tests/sync/test_inbox.py", "tests/sync/test_metadata.py"),
    ),
    Threat(
        13,
        "A supervisor alone, an agent as a supervisor",
        "roles at the seat and on steps; nobody approves alone",
        ("tests/unit/test_step_roles.py", "tests/ui/test_lock.py", "tests/security/test_13_*.py"),
    ),
    Threat(
        14,
        "One key holder alone",
        "two holders together, or nothing",
        ("tests/security/test_14_*.py",),
    ),
    Threat(
        15,
        "Another tenant, a bomb, a flood",
        "tenant in every key, firm limits, 413 and 429",
        ("tests/server/test_http.py", "tests/server/test_unpack.py"),
    ),
)

CARD_DATA = ("tests/security/test_card_data.py", "tests/security/test_secure_box.py")
"""Card data has no number of its own: it must be nowhere, whoever looks."""
