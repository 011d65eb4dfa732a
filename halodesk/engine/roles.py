"""Who may do what: four roles, each with all that those before it may.

A flow names roles in `required_role` of a step and `role` of a cart override. It may name others than
these four; who has them is said in the seat's settings alone.
"""

from __future__ import annotations

from collections.abc import Sequence

ROLES = ("agent", "team_lead", "supervisor", "admin")
_SHORT = {"lead": "team_lead"}
"""Other names of the same, as older flows have them."""


def roles_of(role: str) -> tuple[str, ...]:
    """The role and all it includes; only itself where it is none of the four."""
    if role not in ROLES:
        return (role,) if role else ()
    held = ROLES[: ROLES.index(role) + 1]
    return (*held, *(short for short, full in _SHORT.items() if full in held))


def holds_role(required: str, roles: Sequence[str]) -> bool:
    """Whether one of the roles is enough; everybody is an agent."""
    return required in ("", "agent") or required in roles


def words_of(role: str) -> str:
    """The role as a person says it."""
    return _SHORT.get(role, role).replace("_", " ")
