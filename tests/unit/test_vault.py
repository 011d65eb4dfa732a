"""The vault: digits in memory, wiped in place; and the card checks on its buffers."""

from __future__ import annotations

import copy
import pickle
import string
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halodesk.demo.gateway import rules
from halodesk.runtime.vault import (
    LIFETIME_SECONDS,
    SecretHandle,
    SecretKind,
    Vault,
    WipeReason,
    brand,
    cvv_length,
    expiry_ok,
    last4,
    luhn_ok,
    number_ok,
)
from tests.examples import many

NUMBER = SecretHandle("s1", "payment", "card")
CVV = SecretHandle("s1", "payment", "cvv")
TODAY = date(2026, 6, 15)


class Ticks:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Ticks:
    return Ticks()


@pytest.fixture
def vault(clock: Ticks) -> Vault:
    vault = Vault(clock)
    vault.open(NUMBER, kind="card_number", max_digits=19)
    vault.open(CVV, kind="cvv", max_digits=4)
    vault.unlock()
    return vault


def typed(vault: Vault, handle: SecretHandle, digits: str) -> None:
    for digit in digits:
        assert vault.push(handle, digit) == "taken"


def seen(vault: Vault, handle: SecretHandle) -> bytes:
    with vault.view(handle) as view:
        return bytes(view)


def buffer_of(vault: Vault, handle: SecretHandle) -> bytearray:
    """The very object that holds the digits, to look at after it was let go."""
    return vault._secrets[handle].buffer


def view_of(text: str) -> memoryview:
    return memoryview(text.encode())


def test_digits_are_counted_and_seen_by_view_only(vault: Vault) -> None:
    typed(vault, NUMBER, "4242")
    assert vault.length(NUMBER) == 4
    assert seen(vault, NUMBER) == b"4242"
    assert vault.length(CVV) == 0


def test_backspace_and_clear(vault: Vault) -> None:
    buffer = buffer_of(vault, NUMBER)
    typed(vault, NUMBER, "429")
    vault.backspace(NUMBER)
    assert buffer.rstrip(b"\0") == b"42"
    vault.clear(NUMBER)
    vault.backspace(NUMBER)
    assert vault.length(NUMBER) == 0
    assert not any(buffer)
    typed(vault, NUMBER, "5")
    assert seen(vault, NUMBER) == b"5"


def test_full_field_takes_no_more(vault: Vault) -> None:
    typed(vault, CVV, "1234")
    assert vault.push(CVV, "5") == "full"
    assert seen(vault, CVV) == b"1234"


@pytest.mark.parametrize("key", ["a", "A", " ", "-", "", "12", "٣", "\0", "\n"])
def test_card_number_takes_ascii_digits_only(vault: Vault, key: str) -> None:
    assert vault.push(NUMBER, key) == "not_allowed"
    assert vault.length(NUMBER) == 0


@pytest.mark.parametrize(
    ("kind", "letters"),
    [
        ("ssn", False),
        ("bank_account", False),
        ("cvv", False),
        ("medicare_id", True),
        ("other", True),
    ],
)
def test_which_kinds_take_letters(vault: Vault, kind: SecretKind, letters: bool) -> None:
    handle = SecretHandle("s1", "identity", "id")
    vault.open(handle, kind=kind, max_digits=11)
    assert vault.push(handle, "1") == "taken"
    assert vault.push(handle, "E") == ("taken" if letters else "not_allowed")


def test_starts_locked_and_takes_digits_only_while_unlocked(clock: Ticks) -> None:
    vault = Vault(clock)
    vault.open(NUMBER, kind="card_number", max_digits=19)
    assert vault.push(NUMBER, "4") == "locked"
    vault.unlock()
    assert vault.push(NUMBER, "4") == "taken"
    vault.lock()
    assert vault.push(NUMBER, "4") == "locked"
    assert vault.length(NUMBER) == 0


def test_lock_zeroes_every_field_in_place_and_leaves_it_open(vault: Vault) -> None:
    buffers = [buffer_of(vault, NUMBER), buffer_of(vault, CVV)]
    typed(vault, NUMBER, "4242424242424242")
    typed(vault, CVV, "737")
    vault.lock()
    assert not any(map(any, buffers))
    vault.unlock()
    typed(vault, NUMBER, "5")
    assert seen(vault, NUMBER) == b"5"


def test_wipe_zeroes_in_place_and_closes(vault: Vault) -> None:
    buffer = buffer_of(vault, NUMBER)
    typed(vault, NUMBER, "4242424242424242")
    vault.wipe(NUMBER)
    assert buffer == bytes(19)
    assert vault.push(NUMBER, "4") == "closed"
    assert vault.length(NUMBER) == 0
    assert seen(vault, NUMBER) == b""


def test_wipe_all_closes_everything(vault: Vault) -> None:
    buffers = [buffer_of(vault, NUMBER), buffer_of(vault, CVV)]
    typed(vault, NUMBER, "4242")
    typed(vault, CVV, "737")
    vault.wipe_all("hang_up")
    assert not any(map(any, buffers))
    assert vault.push(NUMBER, "4") == vault.push(CVV, "4") == "closed"


def test_opening_again_begins_empty_and_zeroes_the_old_buffer(vault: Vault) -> None:
    buffer = buffer_of(vault, NUMBER)
    typed(vault, NUMBER, "4242")
    vault.open(NUMBER, kind="card_number", max_digits=19)
    assert not any(buffer)
    assert vault.length(NUMBER) == 0


@pytest.mark.parametrize("size", [0, -1, 65])
def test_size_out_of_bounds(vault: Vault, size: int) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        vault.open(NUMBER, kind="other", max_digits=size)


def test_view_is_read_only_dead_afterwards_and_shows_a_wipe(vault: Vault) -> None:
    typed(vault, NUMBER, "4242")
    with vault.view(NUMBER) as view:
        assert view.readonly
        vault.wipe(NUMBER)
        assert bytes(view) == bytes(4)
    with pytest.raises(ValueError, match="released"):
        bytes(view)


def test_time_limit_counts_from_the_first_digit(vault: Vault, clock: Ticks) -> None:
    buffer = buffer_of(vault, NUMBER)
    clock.now += 3600
    typed(vault, NUMBER, "42")
    clock.now += LIFETIME_SECONDS / 2
    typed(vault, CVV, "7")
    vault.expire()
    assert (vault.length(NUMBER), vault.length(CVV)) == (2, 1)
    clock.now += LIFETIME_SECONDS / 2
    vault.expire()
    assert (vault.length(NUMBER), vault.length(CVV)) == (0, 1)
    assert not any(buffer)
    typed(vault, NUMBER, "4")
    vault.expire()
    assert vault.length(NUMBER) == 1


def test_listeners_hear_which_field_lost_digits_and_why(vault: Vault, clock: Ticks) -> None:
    heard: list[tuple[SecretHandle, WipeReason]] = []
    unsubscribe = vault.subscribe(lambda handle, reason: heard.append((handle, reason)))
    typed(vault, NUMBER, "4")
    vault.lock()
    vault.lock()
    vault.unlock()
    typed(vault, CVV, "4")
    vault.wipe(CVV, "left_step")
    typed(vault, NUMBER, "4")
    clock.now += LIFETIME_SECONDS
    vault.expire()
    typed(vault, NUMBER, "4")
    vault.clear(NUMBER)
    typed(vault, NUMBER, "4")
    vault.wipe_all("hang_up")
    assert heard == [
        (NUMBER, "mask_lost"),
        (CVV, "left_step"),
        (NUMBER, "time_limit"),
        (NUMBER, "hang_up"),
    ]
    unsubscribe()
    vault.open(NUMBER, kind="card_number", max_digits=19)
    typed(vault, NUMBER, "4")
    vault.wipe_all("shutdown")
    assert len(heard) == 4


def test_listener_may_use_the_vault(vault: Vault) -> None:
    lengths: list[int] = []
    vault.subscribe(lambda handle, _reason: lengths.append(vault.length(handle)))
    typed(vault, NUMBER, "4")
    vault.lock()
    assert lengths == [0]


def test_nothing_shows_and_nothing_is_copied(vault: Vault) -> None:
    typed(vault, NUMBER, "4242424242424242")
    shown = repr(vault) + str(vault) + repr(vault._secrets[NUMBER])
    assert "4242" not in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(vault)


# --- threads ---------------------------------------------------------------------------------------


def test_push_that_is_under_way_when_the_mask_is_lost_leaves_nothing() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow_clock() -> float:
        # Called inside the first push, past its check of the lock.
        inside.set()
        assert go_on.wait(10)
        return 0.0

    vault = Vault(slow_clock)
    vault.open(NUMBER, kind="card_number", max_digits=19)
    vault.unlock()
    buffer = buffer_of(vault, NUMBER)
    pusher = threading.Thread(target=vault.push, args=(NUMBER, "4"))
    locker = threading.Thread(target=vault.lock)
    pusher.start()
    assert inside.wait(10)
    locker.start()
    locker.join(0.05)
    assert locker.is_alive(), "lock waits for the push"
    go_on.set()
    pusher.join(10)
    locker.join(10)
    assert vault.length(NUMBER) == 0
    assert not any(buffer)


def test_no_digit_survives_a_race_of_pushes_and_lock(vault: Vault) -> None:
    handles = [SecretHandle("s1", "step", f"field{number}") for number in range(4)]
    for handle in handles:
        vault.open(handle, kind="card_number", max_digits=19)
    buffers = [buffer_of(vault, handle) for handle in handles]
    stop = threading.Event()

    def push_for_ever(handle: SecretHandle) -> None:
        while not stop.is_set():
            vault.push(handle, "4")
            vault.backspace(handle)
            vault.push(handle, "2")

    threads = [threading.Thread(target=push_for_ever, args=(handle,)) for handle in handles]
    survivors = 0
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for _ in range(150):
            vault.unlock()
            while not any(vault.length(handle) for handle in handles):
                pass
            vault.lock()
            survivors += sum(map(any, buffers))
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        sys.setswitchinterval(interval)
    assert survivors == 0


# --- the process -----------------------------------------------------------------------------------

SCAN = """
import sys
from halodesk.runtime.vault import SecretHandle, Vault, last4, number_ok

# The digits are computed, and the needle is every digit moved by one, so neither this program
# nor the search itself puts the sequence into memory.
digits = [(place * place * 3 + place * 5 + 4) % 10 for place in range(19)]
moved = bytes(48 + (digit + 1) % 10 for digit in digits)
turn = bytes.maketrans(b"0123456789", b"1234567890")

vault = Vault(lambda: 0.0)
handle = SecretHandle("s", "p", "c")
vault.open(handle, kind="card_number", max_digits=19)
vault.unlock()
for digit in digits:
    vault.push(handle, "0123456789"[digit])
with vault.view(handle) as view:
    number_ok(view)
    last4(view)
if sys.argv[1] == "wiped":
    vault.wipe(handle)
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
    for line in maps.read().splitlines():
        extent, rights, *_, = line.split()
        if rights.startswith("rw") and "[v" not in line:
            start, end = (int(edge, 16) for edge in extent.split("-"))
            memory.seek(start)
            found += memory.read(end - start).translate(turn).count(moved)
print(found, vault.length(handle))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/mem")
def test_wiped_digits_are_nowhere_in_the_process() -> None:
    def scan(state: str) -> list[int]:
        command = [sys.executable, "-W", "error", "-c", SCAN, state]
        told = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        return [int(word) for word in told.split()]

    found_before, length_before = scan("kept")
    assert length_before == 19
    assert found_before >= 1, "the scan finds digits that are there"
    assert scan("wiped") == [0, 0]


# --- card checks -----------------------------------------------------------------------------------

NUMBERS = [
    ("4242424242424242", "visa"),
    ("4222222222222", "visa"),
    ("5555555555554444", "mastercard"),
    ("2223003122003222", "mastercard"),
    ("378282246310005", "amex"),
    ("6011111111111117", "discover"),
    ("30569309025904", "diners"),
    ("36227206271667", "diners"),
    ("3566002020360505", "jcb"),
    ("6200000000000005", "unionpay"),
]


@pytest.mark.parametrize(("number", "name"), NUMBERS)
def test_good_numbers(number: str, name: str) -> None:
    assert brand(view_of(number)) == name
    assert luhn_ok(view_of(number))
    assert number_ok(view_of(number))
    assert last4(view_of(number)) == number[-4:]
    assert not number_ok(view_of(number[:-1]))
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not number_ok(view_of(wrong))


@pytest.mark.parametrize("text", ["", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "42-4242-4242-4242", "abcd"])
def test_what_is_no_number(text: str) -> None:
    check: Callable[[memoryview], object]
    for check in (luhn_ok, number_ok, brand, last4):
        assert not check(view_of(text))


def test_brand_is_known_from_the_fourth_digit_on() -> None:
    assert brand(view_of("378")) == ""
    assert brand(view_of("3782")) == "amex"
    assert brand(view_of("9999")) == ""


def test_last_four_of_a_short_number_are_not_shown() -> None:
    assert last4(view_of("123456789")) == ""


def test_cvv_length_by_brand() -> None:
    assert (cvv_length("amex"), cvv_length("visa"), cvv_length("")) == (4, 3, 3)


def test_expiry_through_the_last_day_of_the_month() -> None:
    assert expiry_ok(view_of("0226"), date(2026, 2, 28))
    assert not expiry_ok(view_of("0226"), date(2026, 3, 1))


@given(st.text(string.digits, min_size=4, max_size=19))
@settings(max_examples=many(300), deadline=None)
def test_vault_and_gateway_agree_on_numbers(number: str) -> None:
    assert brand(view_of(number)) == rules.brand_of(number)
    assert luhn_ok(view_of(number)) == rules.luhn_ok(number)
    assert number_ok(view_of(number)) == (rules.length_ok(number) and rules.luhn_ok(number))


def test_vault_and_gateway_agree_on_every_leading_four() -> None:
    for prefix in range(10000):
        number = f"{prefix:04d}000000000000"
        assert brand(view_of(number)) == rules.brand_of(number), number


@given(st.text(string.digits + "a\0", max_size=5))
@settings(max_examples=many(300), deadline=None)
def test_vault_and_gateway_agree_on_expiry(expiry: str) -> None:
    assert expiry_ok(view_of(expiry), TODAY) == rules.expiry_ok(expiry, TODAY)
