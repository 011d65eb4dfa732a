"""The sandbox gateway's HTTP interface.

| request | answer |
| --- | --- |
| `POST /v1/tokens` {number, expiry (MMYY), cvv, line1?, postal_code?} | 201 token, … · 402 code, field |
| `POST /v1/charges` {token, amount_minor, currency, reference?, capture?}, `Idempotency-Key` | 200 or 402 |
| `POST /v1/charges/ID/capture` (`void`, `refund`) {amount_minor, currency}, the same header | 200 or 402 |
| `GET /v1/charges?key=…` | 200 charge or movement · 404 charge_not_found |
| `POST /v1/settlements` | 200 how many charges can no longer be voided |

Rules:
- Every request carries `X-Api-Key`; what is wrong with a request is told as
  `{"error": {"code", "message"}}`, and such an answer means that nothing was charged.
- The CVV is checked and consumed where the token is made. No reference to card data outlives the
  answer, no answer and no log line repeats any of it (PCI DSS 4.0.1, 3.3.1). The bytes of a
  request are immutable Python objects: they are dropped, not wiped, which is good enough for test
  cards only. So the server listens on loopback only.
- An error text never quotes the request.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from halodesk.demo.gateway.journal import open_journal
from halodesk.demo.gateway.ledger import ChangeOrder, Charge, ChargeOrder, Kind, Ledger, Problem
from halodesk.demo.gateway.rules import Refusal, examine
from halodesk.demo.gateway.script import Act, read_script

SANDBOX_API_KEY = "sandbox-gateway"
"""The key unless told otherwise. No secret: the server holds no data and listens on loopback."""

EXIT_DIED = 70
"""Exit code of the scripted death."""

_LARGEST_BODY = 4096
_LONGEST_KEY = 128
_PROBLEMS = {
    "key_conflict": (409, "This idempotency key was used for another charge."),
    "token_unknown": (422, "There is no such token."),
    "token_used": (422, "This token has been used."),
    "charge_unknown": (404, "There is no such charge to change."),
}
_Body = TypeVar("_Body")
_Request = Request[Any, Any, State]


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one sandbox gateway behaves; the words of `script` are told in `script`'s module."""

    api_key: str = SANDBOX_API_KEY
    script: tuple[str, ...] = ()
    state_file: Path | None = None
    today: date | None = None
    """The day cards are checked against; None: the computer's own."""


class CardOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/tokens`. Lives as long as the request."""

    number: str
    expiry: str
    cvv: str
    line1: str = ""
    postal_code: str = ""

    def __repr__(self) -> str:
        """Nothing of the card."""
        return "<CardOrder>"


def create_app(settings: GatewaySettings) -> Litestar:
    """The gateway as an ASGI application. Raises `DemoError` for a bad script or state file."""
    ledger = Ledger(settings.state_file)
    acts = read_script(settings.script)
    journal = open_journal()

    @post("/v1/tokens")
    async def create_token(request: _Request) -> Response[bytes]:
        card = _decode(await request.body(), CardOrder)
        today = settings.today or date.today()
        facts = examine(card.number, card.expiry, card.cvv, card.postal_code, today, card.line1)
        if isinstance(facts, Refusal):
            journal.info("token", status="declined", code=facts.code, field=facts.field)
            return _answer(402, {"status": "declined", "code": facts.code, "field": facts.field})
        journal.info("token", status="approved", brand=facts.brand)
        token = ledger.issue_token(facts)
        told = {"brand": facts.brand, "last4": facts.last4, "avs": facts.avs, "cvv": facts.cvv}
        return _answer(201, {"status": "approved", "token": token, **told})

    @post("/v1/charges")
    async def create_charge(request: _Request) -> Response[bytes]:
        key = _key(request.headers.get("Idempotency-Key"))
        order = _decode(await request.body(), ChargeOrder)
        _check_order(order)
        admitted = ledger.admit(key, order)
        if isinstance(admitted, str):
            raise _problem(admitted)
        if isinstance(admitted, Charge):
            _log_charge(admitted, repeat=True)
            return _charge_answer(admitted)
        facts = admitted
        return await _play(
            request,
            lambda act: ledger.record(
                key, order, facts, decline=facts.decline if act.decline is None else act.decline
            ),
        )

    @post("/v1/charges/{charge_id:str}/{kind:str}")
    async def change_charge(request: _Request) -> Response[bytes]:
        charge_id, kind = (str(request.path_params[name]) for name in ("charge_id", "kind"))
        key = _key(request.headers.get("Idempotency-Key"))
        order = _decode(await request.body(), ChangeOrder)
        _check_amount(order.amount_minor, order.currency)
        if kind not in ("capture", "void", "refund"):
            raise HTTPException("There is no such address.", status_code=404, extra={"code": "not_found"})
        wanted = cast(Kind, kind)
        admitted = ledger.admit_change(key, wanted, charge_id, order)
        if isinstance(admitted, str):
            raise _problem(admitted)
        if isinstance(admitted, Charge):
            _log_charge(admitted, repeat=True)
            return _charge_answer(admitted)
        return await _play(
            request, lambda act: ledger.change(key, wanted, charge_id, order, decline=act.decline or "")
        )

    async def _play(request: _Request, make: Callable[[Act], Charge]) -> Response[bytes]:
        act = next(acts, Act("answer"))
        if act.manner == "never_charge":
            await _until_gone(request)
        if act.manner in ("never_charge", "server_error"):
            return _error(500, "server_error", "The gateway failed.")
        charge = make(act)
        _log_charge(charge, repeat=False)
        if act.manner == "die":
            _die()
        if act.manner == "never_answer":
            await _until_gone(request)
        if act.manner == "nonsense":
            return Response(b"\x00<<<not a charge", media_type=MediaType.HTML, status_code=200)
        return _charge_answer(charge)

    @post("/v1/settlements")
    async def settle() -> Response[bytes]:
        return _answer(200, {"settled": ledger.settle()})

    @get("/v1/charges")
    async def find_charge(request: _Request) -> Response[bytes]:
        charge = ledger.find(_key(request.query_params.get("key")))
        if charge is None:
            return _error(404, "charge_not_found", "No charge was made under this key.")
        return _answer(200, _told(charge))

    def _log_charge(charge: Charge, *, repeat: bool) -> None:
        journal.info(
            "charge",
            repeat=repeat,
            kind=charge.kind,
            status=charge.status,
            code=charge.code,
            charge_id=charge.charge_id,
            amount_minor=charge.amount_minor,
            currency=charge.currency,
        )

    def failed(_request: _Request, _error_met: Exception) -> Response[bytes]:
        journal.error("failed", code=type(_error_met).__name__)
        return _error(500, "server_error", "The gateway failed.")

    handlers: list[ControllerRouterHandler] = [
        create_token,
        create_charge,
        change_charge,
        settle,
        find_charge,
    ]
    return Litestar(
        handlers,
        guards=[_api_key_guard(settings.api_key)],
        exception_handlers={HTTPException: _refused, Exception: failed},
        request_max_body_size=_LARGEST_BODY,
        logging_config=None,
        openapi_config=None,
        debug=False,
    )


def _die() -> NoReturn:
    """End the process as a crash would: no answer, no clean-up, connections torn."""
    os._exit(EXIT_DIED)


async def _until_gone(request: _Request) -> None:
    """Wait until the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _api_key_guard(api_key: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    expected = api_key.encode()

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        given = connection.headers.get("X-Api-Key", "").encode()
        if not hmac.compare_digest(given, expected):
            raise HTTPException("The API key is wrong.", status_code=401, extra={"code": "unauthorised"})

    return guard


def _decode(body: bytes, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        # Its text can quote the body.
        raise HTTPException(
            "The body is not what this address takes.", status_code=400, extra={"code": "bad_request"}
        ) from None


def _key(given: str | None) -> str:
    if not given or len(given) > _LONGEST_KEY or not given.isascii() or not given.isprintable():
        raise HTTPException(
            "An idempotency key is needed.", status_code=400, extra={"code": "idempotency_key_missing"}
        )
    return given


def _problem(code: Problem) -> HTTPException:
    status, message = _PROBLEMS[code]
    return HTTPException(message, status_code=status, extra={"code": code})


def _check_order(order: ChargeOrder) -> None:
    _check_amount(order.amount_minor, order.currency, order.reference)


def _check_amount(amount_minor: int, currency: str, reference: str = "") -> None:
    currency_ok = len(currency) == 3 and currency.isascii() and currency.isupper()
    if amount_minor <= 0 or not currency_ok or len(reference) > _LONGEST_KEY:
        raise HTTPException(
            "The amount, the currency or the reference is out of bounds.",
            status_code=400,
            extra={"code": "bad_request"},
        )


def _told(charge: Charge) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.structs.asdict(charge)
    del told["fingerprint"]
    return told


def _charge_answer(charge: Charge) -> Response[bytes]:
    return _answer(200 if charge.status == "approved" else 402, _told(charge))


def _answer(status: int, document: dict[str, Any]) -> Response[bytes]:
    return Response(msgspec.json.encode(document), media_type=MediaType.JSON, status_code=status)


def _error(status: int, code: str, message: str) -> Response[bytes]:
    return _answer(status, {"error": {"code": code, "message": message}})


def _refused(_request: _Request, error: HTTPException) -> Response[bytes]:
    extra = error.extra if isinstance(error.extra, dict) else {}
    return _error(error.status_code, str(extra.get("code", "bad_request")), error.detail)
