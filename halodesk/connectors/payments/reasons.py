"""Decline codes in the agent's words, one table for all gateways.

A gateway's module maps the codes of its own to these where they differ. The words tell the agent
what to do next and never accuse the caller: a lost or stolen card reads like any other refusal
(card brands' rule: do not tell the cardholder, and the agent reads aloud).
"""

from __future__ import annotations

from typing import Literal

from halodesk.runtime.payment_ports import AddressCheck, CodeCheck

CardPart = Literal["", "number", "expiry", "cvv"]

_REFUSED = "The bank declined the card. Ask for another card, or whether the caller can call the bank."

_WORDS = {
    "do_not_honor": _REFUSED,
    "lost_card": _REFUSED,
    "stolen_card": _REFUSED,
    "pickup_card": _REFUSED,
    "fraudulent": _REFUSED,
    "insufficient_funds": "The bank declined: not enough funds. Ask for another card.",
    "card_velocity_exceeded": "The card has reached its limit for now. Ask for another card.",
    "expired_card": "The card has expired. Read the expiry date back, or ask for another card.",
    "incorrect_cvv": "The security code is wrong. Ask for it again.",
    "invalid_cvv": "The security code has the wrong length. Ask for it again.",
    "invalid_number": "The card number is not right. Read it back and enter it again.",
    "unsupported_brand": "This kind of card is not taken here. Ask for another card.",
    "invalid_expiry": "The expiry date is not right or has passed. Read it back and enter it again.",
    "postal_code_mismatch": "The billing postal code does not match the card. Check the address.",
    "authentication_required": "The bank wants the owner to confirm it online. Ask for another card.",
    "withdrawal_limit": "The card has reached its limit for now. Ask for another card.",
    "already_settled": "This payment is settled already and cannot be voided. It can be refunded.",
    "already_voided": "This payment is voided already.",
    "not_capturable": "There is nothing reserved on the card that could be taken.",
    "refund_too_large": "That is more than was taken.",
    "duplicate": "The gateway takes this for a payment made twice. Tell your supervisor.",
    "processing_error": "The bank could not process the card. Try once more or ask for another card.",
}

NOT_REACHED = "The payment gateway could not be reached. Nothing was charged."
NO_TOKEN = "The payment gateway did not take the card. Nothing was charged; enter the card again."  # noqa: S105
UNSURE = "The payment gateway gave no answer that can be trusted. Do not charge again until it is checked."
NEVER_SEEN = "The payment gateway has not seen this charge. Nothing was charged."
REFUSED = "The payment gateway refused the request. Nothing was charged; tell your supervisor."
ENTER_AGAIN = "The card has to be entered again. Nothing was charged."
BAD_REQUEST = "The charge could not be sent. Nothing was charged; tell your supervisor."


def address_check(street: bool | None, postal_code: bool | None) -> AddressCheck:
    """The issuer's word on the two parts of an address; None where it did not look."""
    if street is None and postal_code is None:
        return "not_checked"
    if street and postal_code:
        return "match"
    return "postal_code" if postal_code else "street" if street else "mismatch"


def code_check(matches: bool | None) -> CodeCheck:
    """The issuer's word on the security code."""
    return {True: "match", False: "mismatch", None: "not_checked"}[matches]  # type: ignore[return-value]  # its words


def agent_words(code: str) -> str:
    """What the agent reads for a decline code; a code that nobody knows reads as a plain refusal."""
    return _WORDS.get(code, _REFUSED)
