"""What the headless agent does in the demo: the whole supplement order, declined twice."""

from __future__ import annotations

import time
from collections.abc import Callable

from halodesk.demo.driver import Hands, Script, Until

CARDS = (("4000056655665556", "739"), ("378282246310005", "8416"), ("4242424242424242", "951"))
"""Test cards and codes that pass every check; the scripted gateway decides what becomes of the charge."""
EXPIRY = "1230"
TALK_S = 1.6
"""How long the agent talks before and after the card is read: the marker must be heard there."""
DIGIT_S = 0.1
"""Pace of the digits, so that each masked window is long enough to measure."""

CALLER = {
    "first_name": "Jordan",
    "last_name": "Miller",
    "phone": "202 555 0143",
    "email": "jordan@example.com",
}
ADDRESS = {"line1": "12 Ocean View Road", "city": "Santa Cruz", "region": "CA", "postal_code": "95060"}


def order_call(hands: Hands, marker: Callable[[], None], in_mid_call: Callable[[], Script]) -> Script:
    """Answer, work all sixteen steps, hang up, finish; `in_mid_call` is played before the upsell."""
    desk = hands.desk

    def at(step: str, visit: int | None = None) -> Until:
        def shown() -> bool:
            page = desk.page
            if page is None or page.step != step or visit not in (None, page.visit) or page.waiting:
                return False
            return all(hands.find(f"choice:{choice.key}") is not None for choice in page.choices)

        return Until(shown, f"the step {step}")

    yield Until(lambda: hands.can_use("answer_call"), "a ringing call", 60)
    yield from hands.picture("ringing")
    hands.click("answer_call")
    yield at("start")
    marker()
    yield from hands.picture("start")
    hands.click("choice:call_type=order")
    yield at("gather")
    for name, text in CALLER.items():
        hands.retype(f"field:{name}", text)
    yield from hands.picture("gather")
    hands.click("choice:")
    for visit, objection in enumerate(
        ("tell_me_more", "is_it_safe", "how_different", "already_take"), start=1
    ):
        yield at("main_offer", visit)
        if visit == 1:
            yield from hands.picture("main_offer")
        hands.click(f"choice:offer_response={objection}")
        yield at(objection)
        yield from hands.picture(objection)
        hands.click("choice:")
    yield at("main_offer", 5)
    hands.click("choice:offer_response=yes")
    yield at("upsell")
    yield from in_mid_call()
    yield from hands.picture("upsell")
    hands.click("choice:journal=true")
    yield at("billing")
    for part, text in ADDRESS.items():
        hands.type(f"field:billing_address.{part}", text)
    yield from hands.picture("billing")
    yield from _talk()
    hands.click("choice:")
    for attempt, (card, cvv) in enumerate(CARDS, start=1):
        yield at("payment", attempt)
        if attempt == 1:
            yield from hands.picture("payment-locked")
        yield Until(lambda: hands.can_use("field:card_number"), "the mask to be confirmed", 10)
        yield from hands.type_slowly("field:card_number", card, DIGIT_S)
        yield from hands.type_slowly("field:card_expiry", EXPIRY, DIGIT_S)
        yield from hands.type_slowly("field:card_cvv", cvv, DIGIT_S)
        yield from hands.picture(f"payment-{attempt}")
        hands.click("choice:")
        if attempt < len(CARDS):
            yield at("declined", attempt)
            yield from hands.picture(f"declined-{attempt}")
            yield from _talk()
            hands.click("choice:retry_payment=true")
    yield at("confirmation")
    yield from hands.picture("confirmation")
    yield from _talk()
    hands.click("choice:read_back=true")
    yield at("end")
    hands.type("field:disposition", "Sale")
    yield from hands.picture("end")
    hands.click("hang_up")
    yield Until(lambda: desk.call is None or desk.call.state == "ended", "the call to end", 10)
    hands.click("choice:")
    yield Until(lambda: desk.page is not None and desk.page.ended, "the session to be sealed")
    yield from hands.picture("sealed")


def _talk() -> Script:
    until = time.monotonic() + TALK_S
    yield Until(lambda: time.monotonic() >= until, "the agent to finish talking")
