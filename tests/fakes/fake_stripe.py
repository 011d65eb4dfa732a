"""Stripe in the shapes of its API reference (2024-06-20), as far as one seat uses it."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

from tests.fakes.wire import Answer, Request, Wire

DECLINED = {"4000000000000002": "generic_decline", "4000000000009995": "insufficient_funds"}
AUTHENTICATION = "4000002500003155"


class FakeStripe:
    """One account: payment methods, intents, refunds, and the answers that were given to idempotency keys."""

    def __init__(self) -> None:
        self._ids = count(1)
        self.methods: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self._answered: dict[str, Answer] = {}
        self.wire = Wire(self._handle, _moves)

    def moved(self) -> list[tuple[str, int]]:
        """Every movement of money: what and how much."""
        taken = [("sale", one["amount"]) for one in self.intents.values() if one["status"] == "succeeded"]
        held = [
            ("hold", one["amount"]) for one in self.intents.values() if one["status"] == "requires_capture"
        ]
        return [*taken, *held, *(("refund", one["amount"]) for one in self.refunds)]

    def _handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer sk_test_1":
            return _error(401, "invalid_request_error", "api_key")
        if request.headers.get("stripe-version") != "2024-06-20":
            return _error(400, "invalid_request_error", "version")
        if request.method == "GET":
            return self._get(request)
        key = request.headers["idempotency-key"]
        place = f"{request.path} {key}"
        if place not in self._answered:
            self._answered[place] = self._post(request)
        return self._answered[place]

    def _post(self, request: Request) -> Answer:
        form, parts = request.form, request.path.split("/")
        match parts[2:]:
            case ["payment_methods"]:
                return self._method(form)
            case ["payment_intents"]:
                return self._intent(form)
            case ["payment_intents", name, "capture"]:
                intent = self.intents[name]
                if intent["status"] != "requires_capture":
                    return _error(400, "invalid_request_error", "payment_intent_unexpected_state")
                intent["status"] = "succeeded"
                return Answer(200, intent)
            case ["payment_intents", name, "cancel"]:
                self.intents[name]["status"] = "canceled"
                return Answer(200, self.intents[name])
            case ["refunds"]:
                return self._refund(form)
        return _error(404, "invalid_request_error", "not_found")

    def _get(self, request: Request) -> Answer:
        parts = request.path.split("/")
        match parts[2:]:
            case ["payment_intents"]:
                newest = list(reversed(self.intents.values()))
                after = request.query.get("starting_after")
                start = next((at + 1 for at, one in enumerate(newest) if one["id"] == after), 0)
                size = int(request.query.get("limit", "10"))
                page = newest[start : start + size]
                more = start + size < len(newest)
                return Answer(200, {"object": "list", "data": page, "has_more": more, "url": request.path})
            case ["payment_intents", name]:
                return (
                    Answer(200, self.intents[name])
                    if name in self.intents
                    else _error(404, "", "resource_missing")
                )
            case ["refunds"]:
                found = [
                    one for one in self.refunds if one["payment_intent"] == request.query["payment_intent"]
                ]
                return Answer(200, {"object": "list", "data": found, "has_more": False, "url": request.path})
        return _error(404, "invalid_request_error", "not_found")

    def _method(self, form: dict[str, str]) -> Answer:
        number = form["card[number]"]
        if number.endswith("4241"):
            return _error(402, "card_error", "incorrect_number", param="number")
        brand = "amex" if number.startswith("37") else "visa"
        method = {
            "id": f"pm_{next(self._ids)}",
            "object": "payment_method",
            "type": "card",
            "card": {"brand": brand, "last4": number[-4:], "exp_month": int(form["card[exp_month]"])},
        }
        self.methods[str(method["id"])] = {"number": number, "form": form}
        return Answer(200, method)

    def _intent(self, form: dict[str, str]) -> Answer:
        card = self.methods.get(form["payment_method"])
        if card is None:
            return _error(400, "invalid_request_error", "resource_missing", param="payment_method")
        postal = card["form"].get("billing_details[address][postal_code]")
        checks = {
            "address_line1_check": "pass" if card["form"].get("billing_details[address][line1]") else None,
            "address_postal_code_check": None if not postal else "fail" if postal == "00000" else "pass",
            "cvc_check": "pass",
        }
        details = {"type": "card", "card": {"checks": checks, "authorization_code": "424242"}}
        intent: dict[str, Any] = {
            "id": f"pi_{next(self._ids)}",
            "object": "payment_intent",
            "amount": int(form["amount"]),
            "currency": form["currency"],
            "created": int(time.time()),
            "metadata": {"halodesk_key": form["metadata[halodesk_key]"]},
            "latest_charge": {"id": "ch_1", "object": "charge", "payment_method_details": details},
            "last_payment_error": None,
            "status": "succeeded" if form["capture_method"] == "automatic" else "requires_capture",
        }
        self.intents[intent["id"]] = intent
        if card["number"] == AUTHENTICATION:
            intent["status"] = "requires_action"
        elif card["number"] in DECLINED:
            problem = {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": DECLINED[card["number"]],
            }
            intent |= {"status": "requires_payment_method", "last_payment_error": problem}
            return Answer(402, {"error": {**problem, "payment_intent": intent}})
        return Answer(200, intent)

    def _refund(self, form: dict[str, str]) -> Answer:
        intent = self.intents[form["payment_intent"]]
        back = sum(one["amount"] for one in self.refunds if one["payment_intent"] == intent["id"])
        if back + int(form["amount"]) > intent["amount"]:
            return _error(400, "invalid_request_error", "charge_already_refunded")
        refund = {
            "id": f"re_{next(self._ids)}",
            "object": "refund",
            "amount": int(form["amount"]),
            "currency": intent["currency"],
            "status": "succeeded",
            "payment_intent": intent["id"],
            "metadata": {"halodesk_key": form["metadata[halodesk_key]"]},
        }
        self.refunds.insert(0, refund)
        return Answer(200, refund)


def _moves(request: Request) -> bool:
    return request.method == "POST" and request.path.startswith(("/v1/payment_intents", "/v1/refunds"))


def _error(status: int, kind: str, code: str, **more: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "code": code, "message": "No.", **more}})
