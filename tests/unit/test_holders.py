"""The list of key holders: signed by the root, two people in the pair, never an older one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from halodesk.crypto import holders as h
from halodesk.crypto import metadata
from halodesk.crypto.holder_file import HolderKeys, new_holder
from halodesk.crypto.holder_list import HolderList
from halodesk.crypto.holders import Asker, Holders, OlderListError
from halodesk.crypto.hpke_keys import HYBRID
from halodesk.crypto.metadata import MetadataError
from halodesk.crypto.personal_keys import ROOT, PersonalKeyError, PersonalKeys
from halodesk.crypto.signing import SigningKey
from tests.fakes.holders import NOW, Circle

CIRCLE = Circle()


def opened(data: bytes, *, now: float = NOW, tenant: str = "main") -> Holders:
    return h.open_list(data, root=CIRCLE.root.public, tenant=tenant, now=now)


def test_a_signed_list_opens_and_names_two_recipients() -> None:
    found = opened(CIRCLE.data)
    assert found == CIRCLE.list
    assert [one.kid for one in found.recipients()] == [CIRCLE.anna.public.kid, CIRCLE.bert.public.kid]
    assert h.claimed_root(CIRCLE.data) == CIRCLE.root.public


def test_a_list_signed_by_anyone_else_is_refused() -> None:
    forged = metadata.sign_as(SigningKey.new(), h.LIST_TAG, CIRCLE.list)
    with pytest.raises(MetadataError, match="does not fit"):
        opened(forged)
    with pytest.raises(MetadataError, match="does not fit"):
        h.claimed_root(forged)


def test_a_list_under_another_purpose_is_refused() -> None:
    other = metadata.sign_as(CIRCLE.root, "HDTRUST1", CIRCLE.list)
    with pytest.raises(MetadataError, match="does not fit"):
        opened(other)


def test_a_list_of_another_organisation_is_refused() -> None:
    with pytest.raises(MetadataError, match="another organisation"):
        opened(CIRCLE.data, tenant="other")


def test_a_list_ends() -> None:
    ends = CIRCLE.list.expires_at
    assert opened(CIRCLE.data, now=ends - 1) == CIRCLE.list
    with pytest.raises(MetadataError, match="has ended on 20"):
        opened(CIRCLE.data, now=ends)


def test_an_older_list_is_refused_and_the_same_one_changes_nothing() -> None:
    circle = Circle()
    old, old_data = circle.list, circle.data
    circle.admit(new_holder("carl", "Carl"))
    new, new_data = circle.list, circle.data
    assert h.check_newer(new, new_data, old, old_data)
    assert not h.check_newer(old, old_data, old, old_data)
    with pytest.raises(OlderListError, match="List 1 of key holders is older than list 2"):
        h.check_newer(old, old_data, new, new_data)
    twin = replace(old, issued_at=5.0)
    with pytest.raises(MetadataError, match="same number"):
        h.check_newer(twin, h.sign_list(circle.root, twin), old, old_data)


SAME_OWNER = new_holder("anna2", "  anna ALBERS")
SAME_SIGNER = replace(new_holder("bert2", "Bert").public, sign_key=CIRCLE.anna.public.sign_key)
HYBRID_KEY = new_holder("carl", "Carl", HYBRID)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (CIRCLE.anna.public, "same key"),
        (SAME_OWNER.public, "one person could open everything alone"),
        (SAME_SIGNER, "one person could open everything alone"),
        (HYBRID_KEY.public, "different suites"),
    ],
)
def test_a_pair_that_is_not_two_people_with_two_keys_is_refused(other: h.Holder, words: str) -> None:
    """Where it is made, and where it is read although the root has signed it."""
    anna = CIRCLE.anna.public
    both = (anna,) if other == anna else (anna, other)
    bad = replace(CIRCLE.list, holders=both, pair=(anna.kid, other.kid))
    with pytest.raises(MetadataError, match=words):
        h.sign_list(CIRCLE.root, bad)
    with pytest.raises(MetadataError, match=words):
        opened(metadata.sign_as(CIRCLE.root, h.LIST_TAG, bad))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: replace(one, pair=(one.pair[0], "0" * 32)), "not two holders"),
        (lambda one: replace(one, pair=one.pair[:1]), "not two holders"),
        (lambda one: replace(one, holders=(*one.holders, one.holders[0])), "one key twice"),
        (lambda one: replace(one, holders=(replace(one.holders[0], owner=" "),)), "needs a name"),
        (lambda one: replace(one, holders=(replace(one.holders[0], sign_key=b"1"),)), "signing key"),
        (lambda one: replace(one, holders=(replace(one.holders[0], seal_key=b"1"),)), "no proper key"),
        (lambda one: replace(one, askers=(Asker(name="x", owner="X", key=b""),)), "no proper key"),
    ],
)
def test_a_malformed_list_is_refused(change: Callable[[Holders], Holders], words: str) -> None:
    with pytest.raises(MetadataError, match=words):
        h.sign_list(CIRCLE.root, change(CIRCLE.list))


def test_without_a_pair_nothing_can_be_sealed() -> None:
    with pytest.raises(MetadataError, match="No two key holders"):
        replace(CIRCLE.list, pair=()).recipients()


def test_an_introduction_is_signed_by_its_own_key() -> None:
    keys = new_holder("carl", "Carl Claus")
    assert h.introduced(h.introduce(keys.public, keys.signing)) == keys.public
    with pytest.raises(MetadataError, match="does not fit"):
        h.introduced(h.introduce(keys.public, SigningKey.new()))


# the folder of the root


@pytest.fixture
def made(tmp_path: Path) -> HolderList:
    keys = PersonalKeys(tmp_path)
    keys.new(ROOT)
    return HolderList(keys, "main")


def admit(known: HolderList, *keys: HolderKeys) -> None:
    for one in keys:
        known.admit_holder(h.introduce(one.public, one.signing))


def test_a_list_grows_and_each_version_is_signed(made: HolderList) -> None:
    admit(made, CIRCLE.anna, CIRCLE.bert)
    key = SigningKey.new()
    made.admit_asker(metadata.sign_as(key, h.OWNER_TAG, Asker(name="tina", owner="T", key=key.public)))
    done = made.pair("anna", "bert")
    assert (done.version, len(done.askers)) == (4, 1)
    data = made.file.read_bytes()
    assert h.open_list(data, root=h.claimed_root(data), tenant="main", now=done.issued_at) == done


def test_rotation_seals_to_the_new_pair_and_keeps_the_old_holders(made: HolderList) -> None:
    carl = new_holder("carl", "Carl Claus")
    admit(made, CIRCLE.anna, CIRCLE.bert, carl)
    made.pair("anna", "bert")
    done = made.pair("carl", "bert")
    assert [one.kid for one in done.recipients()] == [carl.public.kid, CIRCLE.bert.public.kid]
    assert done.holder(CIRCLE.anna.public.kid) is not None


def test_what_the_list_does_not_take(made: HolderList) -> None:
    admit(made, CIRCLE.anna, CIRCLE.bert)
    made.pair("anna", "bert")
    before = made.file.read_bytes()
    for wrong, words in (
        (lambda: admit(made, CIRCLE.anna), "on the list already"),
        (lambda: admit(made, new_holder("anna", "Another")), "a holder anna already"),
        (lambda: made.pair("anna", "carl"), "carl is no holder"),
        (lambda: made.pair("anna", "anna"), "same key"),
        (lambda: made.remove("anna"), "sealed to anna now"),
        (lambda: made.remove("nobody"), "not on the list"),
    ):
        with pytest.raises((PersonalKeyError, MetadataError), match=words):
            wrong()
    assert made.file.read_bytes() == before
    assert [file.name for file in made.file.parent.glob("*.new")] == []


def test_a_holder_outside_the_pair_can_be_removed(made: HolderList) -> None:
    admit(made, CIRCLE.anna, CIRCLE.bert, new_holder("carl", "Carl"))
    made.pair("anna", "bert")
    assert [one.name for one in made.remove("carl").holders] == ["anna", "bert"]


def test_a_list_that_was_changed_by_hand_is_not_gone_on_with(made: HolderList) -> None:
    admit(made, CIRCLE.anna)
    data = bytearray(made.file.read_bytes())
    data[40] ^= 1
    made.file.write_bytes(bytes(data))
    with pytest.raises(MetadataError):
        admit(made, CIRCLE.bert)
