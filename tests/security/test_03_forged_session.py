"""A seat forges another's session: each address that takes something of a session refuses with 403."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from halodesk.crypto.signing import ERASE_TAG
from halodesk.protocol import erasure as orders
from halodesk.protocol.erasure import ErasureOrder
from tests.server.test_http import Site, problem, site  # noqa: F401  # a fixture


def erasure(maker: Any, session: str, seat: str) -> dict[str, str]:
    order = ErasureOrder(
        id="o1", seat=seat, session=session, seqs=(1, 2), reason="I want it.", by="Eve", at=1
    )
    data = orders.encode(order)
    signature = maker.key.sign(ERASE_TAG, data)
    return {"order": base64.b64encode(data).decode(), "signature": base64.b64encode(signature).decode()}


def test_the_matrix(site: Site) -> None:  # noqa: F811
    mine, thief = site.makers["one"], site.makers["two"]
    rows = mine.session(4)
    sid = rows[0].session
    assert site.upload("one", mine.chunk(rows, 1, 2)).status_code == 200
    forged = thief.session(4, name=sid)
    tries: list[httpx.Response] = [
        site.upload("two", thief.chunk(forged, 1, 2)),
        site.upload("two", thief.chunk(forged, 3, 4)),
        site.upload("two", thief.chunk(forged, 1, 4)),
        site.http.post(
            "/v1/erasures", json=erasure(thief, sid, thief.holder.subject), headers=site.headers("two")
        ),
        site.http.post(
            "/v1/erasures", json=erasure(mine, sid, mine.holder.subject), headers=site.headers("two")
        ),
    ]
    assert [answer.status_code for answer in tries] == [403, 403, 403, 403, 422]
    assert site.upload("one", mine.chunk(rows, 3, 4)).status_code == 200, "the owner's goes on"


@pytest.mark.parametrize("path", ["/v1/sign-in", "/v1/erasures"])
def test_people_and_erasures_are_for_seats(site: Site, path: str) -> None:  # noqa: F811
    assert problem(site.http.post(path, json={})) == (401, "token_missing")
    assert problem(site.http.post(path, json={}, headers=site.headers("anna"))) == (403, "role")
    for rubbish in (b"", b"{}", b"[]", b'{"name": 1}', b"\xff" * 50, b"[" * 5000):
        answer = site.http.post(path, content=rubbish, headers=site.headers("one"))
        assert answer.status_code == 400
