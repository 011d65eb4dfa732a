"""Ask, approve twice, open once: every other way is refused with the reason, and shows nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from halodesk.crypto import ceremony, metadata
from halodesk.crypto import envelope as envelopes
from halodesk.crypto.ceremony import LIFETIME_S, SKEW_S, CeremonyError, Request
from halodesk.crypto.envelope import EnvelopeError
from halodesk.crypto.holder_file import HolderKeys, new_holder
from halodesk.crypto.hpke_keys import CLASSIC, HYBRID
from halodesk.crypto.personal_keys import PersonalKeys
from halodesk.crypto.signing import SigningKey
from halodesk.crypto.tickets import Tickets
from tests.fakes.holders import NOW, SSN, Circle

REASON = "Refund 4711, the caller asked for it in writing."


class Opening:
    """One request of a circle, and what came of it."""

    def __init__(self, suite: int = CLASSIC) -> None:
        self.circle = Circle(suite)
        self.envelope = self.circle.seal()
        self.request, self.data, self.private = ceremony.ask(
            self.circle.asker, self.circle.place, self.envelope, REASON, now=NOW
        )

    def approve(self, keys: HolderKeys, now: float = NOW + 60, data: bytes = b"") -> bytes:
        return ceremony.approve(data or self.data, self.circle.list, keys, now=now)

    def both(self) -> tuple[bytes, bytes]:
        return self.approve(self.circle.anna), self.approve(self.circle.bert)

    def open(self, approvals: tuple[bytes, ...], now: float = NOW + 120) -> bytes:
        return bytes(ceremony.open_value(self.data, approvals, self.private, self.circle.list, now=now))

    def resigned(self, **values: object) -> bytes:
        return metadata.sign_as(self.circle.asker, ceremony.ASK_TAG, replace(self.request, **values))


@pytest.fixture
def one() -> Opening:
    return Opening()


@pytest.mark.parametrize("suite", [CLASSIC, HYBRID])
def test_two_approvals_open_the_value(suite: int) -> None:
    opening = Opening(suite)
    asked, who = ceremony.read_request(opening.data, opening.circle.list, now=NOW)
    assert (asked.reason, who.owner) == (REASON, "Tina Team")
    approvals = opening.both()
    assert opening.open(approvals) == opening.open(approvals[::-1]) == SSN
    assert all(SSN not in data for data in (opening.data, *approvals))


def test_one_approval_opens_nothing(one: Opening) -> None:
    for approvals, words in (
        ((), "0 of 2"),
        ((one.approve(one.circle.anna),), "1 of 2"),
        ((one.approve(one.circle.bert),) * 2, "has approved already"),
        ((one.approve(one.circle.anna), one.approve(one.circle.anna)), "has approved already"),
    ):
        with pytest.raises(CeremonyError, match=words):
            one.open(approvals)


def test_who_asks_cannot_approve() -> None:
    opening = Opening()
    asker = replace(opening.circle.list.askers[0], owner="ANNA  albers")
    opening.circle.change(askers=(asker,))
    with pytest.raises(CeremonyError, match="cannot approve it") as refused:
        opening.approve(opening.circle.anna)
    assert refused.value.code == "self_approval"
    opening.circle.change(askers=(replace(asker, owner="Tina"),))
    approvals = opening.both()
    opening.circle.change(askers=(asker,))
    with pytest.raises(CeremonyError, match="cannot approve it"):
        opening.open(approvals)  # whoever let it through


def test_one_owner_cannot_approve_twice(one: Opening) -> None:
    """Two keys of one person, sealed to by a list that no root would sign any more."""
    approvals = one.both()
    holders = tuple(replace(keys.public, owner="Anna Albers") for keys in (one.circle.anna, one.circle.bert))
    one.circle.list = replace(one.circle.list, holders=holders, pair=())
    with pytest.raises(CeremonyError, match="two people have to"):
        one.open(approvals)


def test_an_approval_is_of_one_request_only(one: Opening) -> None:
    other = Opening()
    other.circle = one.circle
    other.request, other.data, other.private = ceremony.ask(
        one.circle.asker, one.circle.place, one.envelope, REASON, now=NOW
    )
    with pytest.raises(CeremonyError, match="another request"):
        other.open(one.both())


def test_an_approval_opens_on_the_machine_that_asked_only(one: Opening) -> None:
    approvals = one.both()
    one.private = Opening().private
    with pytest.raises(EnvelopeError, match="another key"):
        one.open(approvals)


def test_a_reason_is_needed(one: Opening) -> None:
    for reason in ("", "  \n ", "short", "x" * 501):
        with pytest.raises(CeremonyError, match="says why"):
            ceremony.ask(one.circle.asker, one.circle.place, one.envelope, reason, now=NOW)


def test_a_request_lasts_15_minutes(one: Opening) -> None:
    late = NOW + LIFETIME_S
    assert one.approve(one.circle.anna, late - 1)
    approvals = one.both()
    assert one.open(approvals, late - 1) == SSN
    with pytest.raises(CeremonyError, match="has ended"):
        one.approve(one.circle.bert, late)
    with pytest.raises(CeremonyError, match="has ended"):
        one.open(approvals, late)


def test_nobody_asks_for_longer(one: Opening) -> None:
    data = one.resigned(expires_at=NOW + LIFETIME_S + 1)
    with pytest.raises(CeremonyError, match="longer than 15 minutes"):
        one.approve(one.circle.anna, data=data)


def test_a_clock_that_was_set_back_stops_everything(one: Opening) -> None:
    with pytest.raises(CeremonyError, match="set back"):
        one.approve(one.circle.anna, NOW - SKEW_S - 1)
    assert one.approve(one.circle.anna, NOW - SKEW_S + 1)
    approvals = one.approve(one.circle.anna, NOW + 600), one.approve(one.circle.bert, NOW + 700)
    with pytest.raises(CeremonyError, match="set back"):
        one.open(approvals, NOW + 600)


def test_an_approval_from_before_or_after_the_request_does_not_count(one: Opening) -> None:
    good = one.approve(one.circle.anna)
    approval = metadata.claimed(good, ceremony.Approval)
    for at in (NOW - SKEW_S - 1, NOW + LIFETIME_S):
        signed = metadata.sign_as(one.circle.anna.signing, ceremony.SHARE_TAG, replace(approval, at=at))
        with pytest.raises(CeremonyError, match="while the request was in force"):
            ceremony.read_approval(signed, one.data, one.circle.list)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.circle.change(askers=()), "may"),
        (lambda one: one.circle.change(tenant="other"), "another organisation"),
        (lambda one: setattr(one, "data", one.data[:-20]), "no request"),
        (lambda one: setattr(one, "data", b"{}"), "no request"),
        (
            lambda one: setattr(
                one, "data", metadata.sign_as(SigningKey.new(), ceremony.ASK_TAG, one.request)
            ),
            "not on the list",
        ),
        (
            lambda one: setattr(one, "data", metadata.sign_as(one.circle.asker, "HDOPEN1", one.request)),
            "does not fit",
        ),
        (lambda one: setattr(one, "data", one.resigned(id="../x")), "no request"),
    ],
)
def test_a_forged_or_foreign_request_is_refused(change: Callable[[Opening], None], words: str) -> None:
    one = Opening()
    change(one)
    with pytest.raises(CeremonyError, match=words):
        one.approve(one.circle.anna)


def test_a_request_about_a_moved_value_opens_no_share(one: Opening) -> None:
    data = one.resigned(place=replace(one.request.place, session="s2"))
    with pytest.raises(EnvelopeError, match="moved here"):
        one.approve(one.circle.anna, data=data)


def test_a_holder_of_another_value_or_off_the_list_cannot_approve(one: Opening) -> None:
    carl = new_holder("carl", "Carl Claus")
    with pytest.raises(CeremonyError, match="not on the list"):
        one.approve(carl)
    one.circle.admit(carl)
    with pytest.raises(EnvelopeError, match="was sealed to the holders"):
        one.approve(carl)


def test_a_changed_approval_is_refused(one: Opening) -> None:
    good = one.approve(one.circle.anna)
    approval = metadata.claimed(good, ceremony.Approval)
    bert = one.circle.bert
    for data, words in (
        (good[:-9], "no approval"),
        (metadata.sign_as(bert.signing, ceremony.SHARE_TAG, approval), "does not fit"),
        (
            metadata.sign_as(bert.signing, ceremony.SHARE_TAG, replace(approval, kid=bert.public.kid)),
            "the other holder",
        ),
        (
            metadata.sign_as(bert.signing, ceremony.SHARE_TAG, replace(approval, kid="0" * 32)),
            "nobody on the list",
        ),
    ):
        with pytest.raises(CeremonyError, match=words):
            ceremony.read_approval(data, one.data, one.circle.list)


def test_a_share_stolen_from_another_approval_does_not_fit(one: Opening) -> None:
    anna, bert = (metadata.claimed(data, ceremony.Approval) for data in one.both())
    forged = replace(bert, share=anna.share)
    signed = metadata.sign_as(one.circle.bert.signing, ceremony.SHARE_TAG, forged)
    with pytest.raises(EnvelopeError, match="another key"):
        one.open((one.approve(one.circle.anna), signed))


def test_values_of_before_a_rotation_open_with_the_holders_of_then(one: Opening) -> None:
    carl = new_holder("carl", "Carl Claus")
    one.circle.admit(carl)
    one.circle.change(pair=(carl.public.kid, one.circle.bert.public.kid))
    assert one.open(one.both()) == SSN
    new = one.circle.seal(b"987654321")
    assert envelopes.unpack(new).kids == (carl.public.kid, one.circle.bert.public.kid)
    with pytest.raises(EnvelopeError, match="was sealed to the holders"):
        envelopes.open_share(new, one.circle.place, CLASSIC, one.circle.anna.seal_private)


def test_the_note_of_an_opening_is_the_askers(one: Opening) -> None:
    approvals = one.both()
    note = ceremony.opened(one.circle.asker, one.data, approvals, now=NOW + 5)
    read = ceremony.read_opened(note, one.data, one.circle.list)
    assert read.approvals == tuple(map(ceremony.digest, approvals))
    forged = ceremony.opened(SigningKey.new(), one.data, approvals, now=NOW + 5)
    with pytest.raises(CeremonyError, match="no note"):
        ceremony.read_opened(forged, one.data, one.circle.list)
    with pytest.raises(CeremonyError, match="another request"):
        ceremony.read_opened(note, one.resigned(at=NOW + 1), one.circle.list)


# the ticket of who asked


class Machine:
    """Running time that goes on whatever the clock says."""

    def __init__(self) -> None:
        self.running = 1000.0

    def mono(self) -> float:
        return self.running


def test_a_ticket_is_found_once_and_tells_nothing_on_disk(tmp_path: Path, one: Opening) -> None:
    tickets = Tickets(PersonalKeys(tmp_path))
    tickets.keep(one.request.id, one.data, one.private)
    (file,) = (tmp_path / "requests").iterdir()
    assert one.private not in file.read_bytes()
    found = tickets.find(one.request.id)
    assert (found.request, found.private) == (one.data, one.private)
    assert repr(found) == "<Ticket>"
    tickets.drop(one.request.id)
    with pytest.raises(CeremonyError, match="opened once"):
        tickets.find(one.request.id)


def test_a_ticket_ends_with_the_running_time_whatever_the_clock_says(tmp_path: Path, one: Opening) -> None:
    machine = Machine()
    tickets = Tickets(PersonalKeys(tmp_path), machine.mono)
    tickets.keep(one.request.id, one.data, one.private)
    machine.running += LIFETIME_S
    assert tickets.find(one.request.id).request == one.data
    machine.running += 1
    with pytest.raises(CeremonyError, match="has ended"):
        tickets.find(one.request.id)
    assert list((tmp_path / "requests").iterdir()) == []


def test_a_ticket_of_another_name_or_machine_does_not_open(tmp_path: Path, one: Opening) -> None:
    tickets = Tickets(PersonalKeys(tmp_path))
    tickets.keep(one.request.id, one.data, one.private)
    file = tmp_path / "requests" / f"{one.request.id}.ticket"
    other = "0123456789abcdef"
    file.rename(file.with_name(f"{other}.ticket"))
    with pytest.raises(CeremonyError, match="does not open"):
        tickets.find(other)
    with pytest.raises(CeremonyError, match="no id"):
        tickets.find("../root")


def test_a_request_has_the_shape_that_is_documented(one: Opening) -> None:
    assert isinstance(one.request, Request)
    assert one.request.expires_at == NOW + 900
