"""Authorize.Net in the shapes of its JSON reference: a byte order mark first, numbers as text."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.fakes.wire import Answer, Request, Wire

DECLINED = {"4000000000000002": "2", "4000000000009995": "2"}
_OK = {"resultCode": "Ok", "message": [{"code": "I00001", "text": "Successful."}]}
_SCHEMA_ORDER = [
    *("transactionType", "amount", "currencyCode", "payment", "refTransId", "order", "billTo"),
    "transactionSettings",
]


class FakeAuthorizeNet:
    """One account: nonces, transactions; settled when told."""

    def __init__(self) -> None:
        self._ids = count(60000000001)
        self.nonces: dict[str, str] = {}
        self.transactions: dict[str, dict[str, Any]] = {}
        self.settled: set[str] = set()
        self.wire = Wire(self._handle, lambda request: "createTransactionRequest" in request.json)

    def settle(self) -> None:
        """Close the batch."""
        for one in self.transactions.values():
            if one["transactionStatus"] == "capturedPendingSettlement":
                one["transactionStatus"] = "settledSuccessfully"
                self.settled.add(one["transId"])

    def moved(self) -> list[tuple[str, int]]:
        """Every movement of money: what and how much."""
        names = {
            "capturedPendingSettlement": "sale",
            "settledSuccessfully": "sale",
            "authorizedPendingCapture": "hold",
            "refundPendingSettlement": "refund",
        }
        return [
            (names[one["transactionStatus"]], round(float(one["authAmount"]) * 100))
            for one in self.transactions.values()
            if one["transactionStatus"] in names
        ]

    def _handle(self, request: Request) -> Answer:
        ((name, wanted),) = request.json.items()
        assert next(iter(wanted)) == "merchantAuthentication"
        who = wanted["merchantAuthentication"]
        right = {
            "name": "login-1",
            **({"clientKey": "client-1"} if "clientKey" in who else {"transactionKey": "key-1"}),
        }
        if who != right:
            return _said({"messages": _problem("E00007")})
        ways = {
            "securePaymentContainerRequest": self._nonce,
            "createTransactionRequest": self._transaction,
            "getTransactionDetailsRequest": self._details,
            "getUnsettledTransactionListRequest": self._unsettled,
            "getSettledBatchListRequest": self._batches,
            "getTransactionListRequest": self._batch,
        }
        return _said(ways[name](wanted))

    def _nonce(self, wanted: dict[str, Any]) -> dict[str, Any]:
        token = wanted["data"]["token"]
        assert wanted["data"]["type"] == "TOKEN"
        if token["cardNumber"].endswith("4241"):
            return {"messages": _problem("E_WC_05")}
        value = f"nonce-{next(self._ids)}"
        self.nonces[value] = token["cardNumber"]
        return {
            "opaqueData": {"dataDescriptor": "COMMON.ACCEPT.INAPP.PAYMENT", "dataValue": value},
            "messages": _OK,
        }

    def _transaction(self, wanted: dict[str, Any]) -> dict[str, Any]:
        asked = wanted["transactionRequest"]
        keys = list(asked)
        assert keys == sorted(keys, key=_SCHEMA_ORDER.index), "out of the order of the schema"
        assert len(wanted["refId"]) <= 20
        reply: dict[str, Any] = {"refId": wanted["refId"], "messages": _OK}
        kind = asked["transactionType"]
        if kind in ("authCaptureTransaction", "authOnlyTransaction"):
            return reply | {"transactionResponse": self._charge(asked, held=kind == "authOnlyTransaction")}
        before = self.transactions.get(asked["refTransId"])
        if before is None:
            return reply | {"transactionResponse": _refused("16")}
        return reply | {"transactionResponse": self._change(kind, asked, before)}

    def _charge(self, asked: dict[str, Any], *, held: bool) -> dict[str, Any]:
        invoice = asked["order"]["invoiceNumber"]
        assert len(invoice) <= 20
        window = asked["transactionSettings"]["setting"][0]
        assert window == {"settingName": "duplicateWindow", "settingValue": "28800"}
        if any(one["order"]["invoiceNumber"] == invoice for one in self.transactions.values()):
            return _refused("11")
        number = self.nonces.pop(asked["payment"]["opaqueData"]["dataValue"], "")
        if not number:
            return _refused("114")
        postal = asked.get("billTo", {}).get("zip", "")
        code = DECLINED.get(number, "")
        made = {
            "transId": str(next(self._ids)),
            "transactionStatus": "declined"
            if code
            else "authorizedPendingCapture"
            if held
            else "capturedPendingSettlement",
            "responseReasonCode": int(code or 1),
            "authCode": "" if code else "AB1234",
            "AVSResponse": "N" if postal == "00000" else "Y" if postal else "P",
            "cardCodeResponse": "M",
            "order": {"invoiceNumber": invoice},
            "authAmount": asked["amount"],
            "payment": {"creditCard": {"cardNumber": f"XXXX{number[-4:]}", "expirationDate": "XXXX"}},
        }
        self.transactions[str(made["transId"])] = made
        return {
            "responseCode": "2" if code else "1",
            "authCode": made["authCode"],
            "avsResultCode": made["AVSResponse"],
            "cvvResultCode": "M",
            "transId": made["transId"],
            "accountNumber": f"XXXX{number[-4:]}",
            **(
                {"errors": [{"errorCode": code, "errorText": "This transaction has been declined."}]}
                if code
                else {}
            ),
        }

    def _change(self, kind: str, asked: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        status = before["transactionStatus"]
        if kind == "voidTransaction":
            if status == "settledSuccessfully":
                return _refused("16")
            if status == "voided":
                return _refused("310")
            before["transactionStatus"] = "voided"
        elif kind == "priorAuthCaptureTransaction":
            if status != "authorizedPendingCapture":
                return _refused("33")
            before["transactionStatus"] = "capturedPendingSettlement"
        else:
            assert asked["payment"]["creditCard"] == {
                "cardNumber": before["payment"]["creditCard"]["cardNumber"][-4:],
                "expirationDate": "XXXX",
            }
            if status != "settledSuccessfully" or float(asked["amount"]) > float(before["authAmount"]):
                return _refused("54" if status != "settledSuccessfully" else "55")
            made = {
                **before,
                "transId": str(next(self._ids)),
                "transactionStatus": "refundPendingSettlement",
                "order": asked["order"],
                "authAmount": asked["amount"],
            }
            self.transactions[made["transId"]] = made
            return {"responseCode": "1", "transId": made["transId"], "authCode": "", "avsResultCode": "P"}
        return {"responseCode": "1", "transId": before["transId"], "authCode": "", "avsResultCode": "P"}

    def _details(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found = self.transactions.get(wanted["transId"])
        return {"messages": _OK, "transaction": found} if found else {"messages": _problem("E00040")}

    def _rows(self, *, settled: bool) -> list[dict[str, Any]]:
        return [
            {"transId": one["transId"], "transactionStatus": one["transactionStatus"], **one["order"]}
            for one in reversed(self.transactions.values())
            if (one["transId"] in self.settled) is settled
        ]

    def _unsettled(self, wanted: dict[str, Any]) -> dict[str, Any]:
        rows = self._rows(settled=False) if wanted["paging"]["offset"] == 1 else []
        return {"messages": _OK, "transactions": rows, "totalNumInResultSet": len(rows)}

    def _batches(self, wanted: dict[str, Any]) -> dict[str, Any]:
        assert wanted["firstSettlementDate"] < wanted["lastSettlementDate"]
        return {"messages": _OK, **({"batchList": [{"batchId": "77"}]} if self.settled else {})}

    def _batch(self, wanted: dict[str, Any]) -> dict[str, Any]:
        assert wanted["batchId"] == "77"
        rows = self._rows(settled=True)
        return {"messages": _OK, "transactions": rows, "totalNumInResultSet": len(rows)}


def _said(document: dict[str, Any]) -> Answer:
    return Answer(200, document, mark=True)


def _problem(code: str) -> dict[str, Any]:
    return {"resultCode": "Error", "message": [{"code": code, "text": "No."}]}


def _refused(code: str) -> dict[str, Any]:
    return {"responseCode": "3", "transId": "0", "errors": [{"errorCode": code, "errorText": "No."}]}
