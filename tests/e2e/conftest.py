"""Fixtures of the end-to-end tests: the lab's PBX, a sandbox gateway, a caller, a real window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.gateway.child import GatewayChild, gateway_child
from halodesk.runtime import settings as s
from halodesk.runtime.paths import resources_dir
from tests.e2e.caller import Caller
from tests.e2e.ledger import LEDGER
from tests.lab.pbx import HOST, SECRET, Pbx, pbx

__all__ = ["caller", "gateway", "pbx"]

FLOW = resources_dir() / "flows" / "supplement-order.flow.json"


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    """A caller who has not dialled yet."""
    made = Caller(tmp_path / "caller")
    yield made
    made.quit()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayChild]]:
    """Starts sandbox gateways with a script of charges; their ledger is `tmp_path/charges.jsonl`."""
    with ExitStack() as stack:

        def start(*script: str, port: int = 0) -> GatewayChild:
            return stack.enter_context(gateway_child(script=script, state_file=tmp_path / LEDGER, port=port))

        yield start


def seat_settings(
    pbx: Pbx,
    user: str,
    gateway_url: str,
    *,
    flow: Path = FLOW,
    ami_port: int = 0,
    gateway_timeout_s: float = 15.0,
    password: str = SECRET,
    sip_port: int = 0,
) -> s.Settings:
    """A seat at the lab's PBX as an administrator would set it up."""
    return s.Settings(
        agent="Kim Larsen",
        account=s.SipAccount(
            uri=f"sip:{user}@{HOST}:{pbx.sip_port}",
            registrar=f"sip:{HOST}:{pbx.sip_port}",
            username=user,
            password=password,
        ),
        flows=(str(flow),),
        gateways=(
            s.Gateway(
                provider="sandbox", url=gateway_url, api_key=SANDBOX_API_KEY, timeout_s=gateway_timeout_s
            ),
        ),
        ami=s.Ami(host=HOST, port=ami_port or pbx.ami_port, username="lab", secret=SECRET),
        theme="light",
        sound=s.Sound(devices="none"),
        sip_bind=HOST,
        sip_port=sip_port,
        orphan_after_s=20.0,
    )
