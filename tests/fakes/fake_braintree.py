"""Braintree's GraphQL interface in the shapes of its schema, as far as one seat uses it."""

from __future__ import annotations

import base64
import re
from itertools import count
from typing import Any

from tests.fakes.wire import Answer, Request, Wire

DECLINED = {"4000000000000002": "2000", "4000000000009995": "2001"}
_AUTH = "Basic " + base64.b64encode(b"public-1:private-1").decode()


class FakeBraintree:
    """One merchant account."""

    def __init__(self) -> None:
        self._ids = count(1)
        self.methods: dict[str, tuple[str, dict[str, Any]]] = {}
        self.transactions: dict[str, dict[str, Any]] = {}
        self.wire = Wire(self._handle, lambda request: "answer:" in request.json["query"])

    def settle(self) -> None:
        """Close the day."""
        for one in self.transactions.values():
            if one["status"] == "SUBMITTED_FOR_SETTLEMENT":
                one["status"] = "SETTLED"

    def moved(self) -> list[tuple[str, int]]:
        """Every movement of money: what and how much."""
        names = {"SUBMITTED_FOR_SETTLEMENT": "sale", "SETTLED": "sale", "AUTHORIZED": "hold"}
        found = [
            (names[one["status"]], round(float(one["amount"]["value"]) * 100))
            for one in self.transactions.values()
            if one["status"] in names
        ]
        refunds = [refund for one in self.transactions.values() for refund in one["refunds"]]
        return [*found, *(("refund", round(float(one["amount"]["value"]) * 100)) for one in refunds)]

    def _handle(self, request: Request) -> Answer:
        if request.headers.get("authorization") != _AUTH or request.path != "/graphql":
            return _error("AUTHENTICATION")
        if request.headers.get("braintree-version") != "2019-01-01":
            return _error("UNSUPPORTED_CLIENT")
        query, variables = request.json["query"], request.json["variables"]
        found = re.match(r"(?:query|mutation) \w+\(\$\w+: \w+!\) \{ (?:answer: )?(\w+)", query)
        assert found is not None, query
        way = found[1]
        if way == "search":
            wanted = variables["input"]["orderId"]["is"]
            nodes = [one for one in self.transactions.values() if one["orderId"] == wanted]
            return Answer(
                200, {"data": {"search": {"transactions": {"edges": [{"node": one} for one in nodes]}}}}
            )
        if way == "node":
            return Answer(200, {"data": {"node": self.transactions.get(variables["id"])}})
        wanted = variables["input"]
        if way == "tokenizeCreditCard":
            return self._token(wanted)
        made = self._mutation(way, wanted)
        if isinstance(made, Answer):
            return made
        name = "refund" if way == "refundTransaction" else "transaction"
        return Answer(200, {"data": {"answer": {"clientMutationId": wanted["clientMutationId"], name: made}}})

    def _token(self, wanted: dict[str, Any]) -> Answer:
        card = wanted["creditCard"]
        assert (len(card["expirationMonth"]), len(card["expirationYear"])) == (2, 4)
        if card["number"].endswith("4241"):
            return _error("VALIDATION", "81715")
        token = f"tokencc_{next(self._ids)}"
        self.methods[token] = card["number"], card.get("billingAddress", {})
        brand = "AMERICAN_EXPRESS" if card["number"].startswith("37") else "VISA"
        details = {"brandCode": brand, "last4": card["number"][-4:]}
        made = {
            "clientMutationId": wanted["clientMutationId"],
            "paymentMethod": {"id": token, "details": details},
        }
        return Answer(200, {"data": {"tokenizeCreditCard": made}})

    def _mutation(self, way: str, wanted: dict[str, Any]) -> dict[str, Any] | Answer:
        if way in ("chargePaymentMethod", "authorizePaymentMethod"):
            return self._charge(way, wanted)
        before = self.transactions[wanted["transactionId"]]
        if way == "voidTransaction":
            if before["status"] == "SETTLED":
                return _error("VALIDATION", "91504")
            before["status"] = "VOIDED"
            return before
        if way == "captureTransaction":
            if before["status"] != "AUTHORIZED":
                return _error("VALIDATION", "91507")
            before["status"] = "SUBMITTED_FOR_SETTLEMENT"
            return before
        if before["status"] != "SETTLED":
            return _error("VALIDATION", "91506")
        if before["refunds"]:
            return _error("VALIDATION", "91521")
        refund = {
            "id": f"ref_{next(self._ids)}",
            "orderId": wanted["refund"]["orderId"],
            "status": "SUBMITTED_FOR_SETTLEMENT",
            "amount": {"value": wanted["refund"]["amount"], "currencyCode": "USD"},
        }
        before["refunds"].append(refund)
        return refund

    def _charge(self, way: str, wanted: dict[str, Any]) -> dict[str, Any] | Answer:
        if wanted["paymentMethodId"] not in self.methods:
            return _error("VALIDATION", "91518")
        number, address = self.methods.pop(wanted["paymentMethodId"])
        asked = wanted["transaction"]
        assert asked["merchantAccountId"] == "shop-usd"
        code = DECLINED.get(number, "")
        postal = address.get("postalCode")
        told = {
            "legacyCode": code or "1000",
            "cvvResponse": "MATCHES",
            "avsPostalCodeResponse": "NOT_PROVIDED"
            if not postal
            else "DOES_NOT_MATCH"
            if postal == "00000"
            else "MATCHES",
            "avsStreetAddressResponse": "MATCHES" if address.get("addressLine1") else "NOT_PROVIDED",
        } | ({} if code else {"authorizationId": "XYZ123"})
        status = "SUBMITTED_FOR_SETTLEMENT" if way == "chargePaymentMethod" else "AUTHORIZED"
        made = {
            "id": f"dHJhbnNhY3Rpb25f{next(self._ids)}",
            "orderId": asked["orderId"],
            "status": "PROCESSOR_DECLINED" if code else status,
            "amount": {"value": asked["amount"], "currencyCode": "USD"},
            "statusHistory": [
                {"status": "SUBMITTED_FOR_SETTLEMENT"},
                {"status": "PROCESSOR_DECLINED" if code else "AUTHORIZED", "processorResponse": told},
            ],
            "refunds": [],
        }
        self.transactions[str(made["id"])] = made
        return made


def _error(kind: str, code: str = "") -> Answer:
    extensions = {"errorClass": kind, **({"legacyCode": code} if code else {})}
    return Answer(200, {"data": None, "errors": [{"message": "No.", "extensions": extensions}]})
