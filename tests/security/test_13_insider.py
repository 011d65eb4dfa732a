"""Threat 13, an insider: a supervisor who is a key holder, too, asks for a value and approves it alone.

Refused by the own program, by the server (403, in its audit), and by whoever opens: each for itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from halodesk.crypto import ceremony, envelope, hpke_keys, metadata
from halodesk.crypto.ceremony import CeremonyError
from halodesk.crypto.holder_file import HolderKeys
from halodesk.crypto.metadata import MetadataError
from halodesk.protocol.sync import RefusedError
from tests.fakes.holders import SSN
from tests.fakes.unsealing import Parlour
from tests.sync.world import World


@pytest.fixture(scope="module")
def parlour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parlour]:
    world = World(tmp_path_factory.mktemp("world"))
    world.start()
    yield Parlour(world)
    world.stop()


def by_a_changed_program(keys: HolderKeys, data: bytes, kid: str = "") -> bytes:
    """An approval made without asking who asks; `kid`: in another holder's name."""
    asked = ceremony.claimed_request(data)
    share = envelope.open_share(asked.envelope, asked.place, 1, keys.seal_private)
    info = f"HDX2 approval {share.slot}".encode() + ceremony.digest(data)
    again = hpke_keys.encrypt(1, asked.one_time, share.data, info)
    body = ceremony.Approval(
        request=ceremony.digest(data),
        kid=kid or keys.public.kid,
        slot=share.slot,
        share=again,
        at=time.time(),
    )
    return metadata.sign_as(keys.signing, ceremony.SHARE_TAG, body)


def test_self_approval_is_refused_by_everybody(parlour: Parlour) -> None:
    circle = parlour.circle
    insider = parlour.two_askers()
    number, data, private = parlour.request(insider)
    parlour.asker(insider).ask(data)
    with pytest.raises(CeremonyError, match="cannot approve it"):
        parlour.approve(circle.anna, data)
    own = by_a_changed_program(circle.anna, data)
    with pytest.raises(RefusedError) as refused:
        parlour.holder(circle.anna).approve(number, own)
    assert (refused.value.status, refused.value.problem.code) == (403, "self_approval")
    assert ("unseal_refused", number) in [row[:2] for row in parlour.audit()]
    other = parlour.approve(circle.bert, data)
    with pytest.raises(CeremonyError, match="cannot approve it"):
        ceremony.open_value(data, (own, other), private, circle.list, now=time.time())


def test_an_approval_in_a_colleagues_name_is_refused(parlour: Parlour) -> None:
    circle = parlour.circle
    insider = parlour.two_askers()
    number, data, private = parlour.request(insider)
    parlour.asker(insider).ask(data)
    forged = by_a_changed_program(circle.anna, data, circle.bert.public.kid)
    with pytest.raises(RefusedError) as refused:
        parlour.holder(circle.anna).approve(number, forged)
    assert (refused.value.status, refused.value.problem.code) == (422, "approval")
    with pytest.raises(CeremonyError, match="does not fit"):
        ceremony.open_value(data, (forged, forged), private, circle.list, now=time.time())
    assert parlour.asker(insider).answer(number).approvals == ()


def test_a_list_that_gives_one_person_both_keys_is_taken_by_nobody(parlour: Parlour) -> None:
    """Signed by the root itself: whoever keeps it cannot do this by mistake or under pressure either."""
    circle = parlour.circle
    alone = replace(
        circle.list,
        version=circle.list.version + 1,
        holders=(circle.anna.public, replace(circle.bert.public, owner="Anna Albers")),
    )
    signed = metadata.sign_as(circle.root, "HDHOLD1", alone)
    before = circle.list
    from halodesk.server import unseal

    with pytest.raises(MetadataError, match="one person could open everything alone"):
        parlour.world.console(lambda connection: unseal.install_list(connection, "main", signed))
    assert parlour.holder(circle.anna).waiting().holders == parlour.circle.data
    assert before == circle.list


def test_with_a_colleague_it_opens(parlour: Parlour) -> None:
    """The controls above refuse the insider, not the work."""
    circle = parlour.circle
    number, data, private = parlour.request()
    tina = parlour.asker()
    tina.ask(data)
    for keys in (circle.anna, circle.bert):
        parlour.holder(keys).approve(number, parlour.approve(keys, data))
    answer = tina.answer(number)
    value = ceremony.open_value(data, answer.approvals, private, circle.list, now=time.time())
    assert value == SSN
