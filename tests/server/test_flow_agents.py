"""Flow agents on a real server: both ways without loss, one change at a time, versions for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from halodesk.protocol.sync import RefusedError
from halodesk.server import flow_agents, tenants
from halodesk.server.database import Database
from tests.server.test_http import Site

ROOT = Path(__file__).resolve().parents[2]
SAMPLE: dict[str, Any] = msgspec.json.decode(
    (ROOT / "resources" / "flow_agents" / "loan_collection.json").read_bytes()
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.http.close()
    made.world.stop()


def send(
    site: Site, method: str, path: str, body: Any = None, who: str = "anna", **headers: str
) -> httpx.Response:
    content = None if body is None else msgspec.json.encode(body)
    return site.http.request(
        method, f"/api/agents{path}", content=content, headers=site.headers(who) | headers
    )


def named(name: str, **fields: Any) -> dict[str, Any]:
    return {**SAMPLE, "x_vendor": {"kept": [1, None]}, "agent": {**SAMPLE["agent"], "name": name}, **fields}


def test_a_document_comes_back_as_it_came_and_its_flow_is_a_bare_array(site: Site) -> None:
    saved = send(site, "POST", "/import", named("one"))
    assert saved.status_code == 200
    assert saved.headers["ETag"] == '"1"'
    agent = saved.json()["agent_id"]
    for who in ("anna", "one"):
        flow = send(site, "GET", f"/{agent}/flow", who=who)
        assert flow.json() == SAMPLE["flow_nodes"]
        assert flow.headers["ETag"] == '"1"'
    assert send(site, "GET", f"/{agent}").json() == named("one")
    assert {"agent_id": agent, "name": "one", "version": 1} in send(site, "GET", "").json()


def test_a_flow_is_replaced_as_a_whole_and_old_versions_stay(site: Site) -> None:
    agent = send(site, "POST", "/import", named("two")).json()["agent_id"]
    nodes = msgspec.json.decode(msgspec.json.encode(SAMPLE["flow_nodes"]))
    nodes[0]["position_xy"] = {"x": 7.5, "y": 8, "pinned": True}
    changed = send(site, "PUT", f"/{agent}/flow", nodes, **{"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert send(site, "GET", f"/{agent}/flow").json() == nodes
    assert send(site, "GET", f"/{agent}/flow?version=1").json() == SAMPLE["flow_nodes"]
    assert send(site, "GET", f"/{agent}").json()["x_vendor"] == {"kept": [1, None]}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [({}, 428, "if_match"), ({"If-Match": '"9"'}, 412, "stale"), ({"If-Match": "*"}, 400, "malformed")],
)
def test_a_change_of_another_version_is_refused(
    site: Site, headers: dict[str, str], status: int, code: str
) -> None:
    agent = send(site, "POST", "/import", named("three", overwrite=True)).json()["agent_id"]
    if status == 412:
        send(site, "POST", "/import", named("three", overwrite=True))
    found = send(site, "PUT", f"/{agent}/flow", SAMPLE["flow_nodes"], **headers)
    assert (found.status_code, found.json()["code"]) == (status, code)


def test_what_has_errors_is_refused_and_changes_nothing(site: Site) -> None:
    agent = send(site, "POST", "/import", named("four")).json()["agent_id"]
    for nodes in ([{"node_key": "x"}], [{"key": "x"}], [1]):
        found = send(site, "PUT", f"/{agent}/flow", nodes, **{"If-Match": '"1"'})
        assert found.status_code == 422
        assert found.json()["message"]
    assert send(site, "PUT", f"/{agent}/flow", {"a": 1}, **{"If-Match": '"1"'}).status_code == 400
    assert send(site, "GET", f"/{agent}/flow").json() == SAMPLE["flow_nodes"]


def test_an_import_replaces_only_when_it_says_so(site: Site) -> None:
    first = send(site, "POST", "/import", named("five")).json()
    assert send(site, "POST", "/import", named("five")).json()["code"] == "exists"
    again = send(site, "POST", "/import", named("five", overwrite=True)).json()
    assert (again["agent_id"], again["version"]) == (first["agent_id"], 2)


def test_who_may_do_what(site: Site) -> None:
    assert send(site, "POST", "/import", named("six"), who="one").status_code == 403
    assert send(site, "POST", "/import", named("six"), who="").status_code == 401
    assert send(site, "GET", "", who="").status_code == 401
    assert send(site, "GET", "/nobody/flow").status_code == 404


def test_two_changes_at_once_one_is_in(database: Database, tmp_path: Path) -> None:
    async def work() -> list[Any]:
        await database.write(partial(tenants.ensure_tenant, tenant="main"))
        saved = await database.write(
            partial(flow_agents.take_in, tenant="main", actor="anna", raw=named("seven"))
        )
        change = partial(
            flow_agents.replace_flow,
            tenant="main",
            agent=saved.agent_id,
            actor="anna",
            nodes=SAMPLE["flow_nodes"],
            of=1,
        )
        found: list[Any] = await asyncio.gather(
            *(database.write(change) for _ in range(4)), return_exceptions=True
        )
        return [one.status if isinstance(one, RefusedError) else one.version for one in found]

    assert sorted(asyncio.run(work())) == [2, 412, 412, 412]
