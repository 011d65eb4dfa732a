"""How good a call sounds: the E-model's figures and the words an agent reads."""

from __future__ import annotations

import pytest

from halodesk.sip.phone.rating import Counted, Rater, delay_impairment, mos, rating


@pytest.mark.parametrize(
    ("r", "wanted"),
    # ITU-T G.107 (06/2015), table B.1
    [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)],
)
def test_the_score_of_a_rating_is_that_of_the_table(r: float, wanted: float) -> None:
    assert mos(r) == pytest.approx(wanted, abs=0.01)
    assert mos(-5) == 1.0
    assert mos(120) == 4.5


def test_loss_and_delay_take_what_the_model_says() -> None:
    assert rating("PCMU/8000", 0.0, 50) == pytest.approx(93.2)
    # Ie_eff = 95 * 2 / (2 + 25.1): G.711 with concealment, 2 % lost at random
    assert rating("PCMA/8000", 0.02, 50) == pytest.approx(93.2 - 190 / 27.1)
    assert rating("GSM/8000", 0.0, 50) == pytest.approx(73.2)
    assert rating("opus/48000", 0.05, 50) < rating("PCMU/8000", 0.05, 50)
    assert delay_impairment(100) == 0.0
    # x = 1: 25 * (2^(1/6) - 3 * (1 + 3^-6)^(1/6) + 2)
    assert delay_impairment(200) == pytest.approx(25 * (2 ** (1 / 6) - 3 * (1 + 3**-6) ** (1 / 6) + 2))
    falling = [rating("PCMU", 0, ms) for ms in range(0, 1000, 50)]
    assert falling == sorted(falling, reverse=True)


def counted(seconds: int, *, in_loss: float = 0.0, out_loss: float = 0.0, **more: float) -> Counted:
    sent = 50 * seconds
    return Counted(
        received=round(sent * (1 - in_loss)), lost=round(sent * in_loss), sent=sent,
        they_lost=round(sent * out_loss), reports=seconds, **more,
    )  # fmt: skip


def test_what_the_other_side_loses_is_said_in_plain_words() -> None:
    rater = Rater("k", "PCMU/8000")
    rater.take(counted(2), "PCMU/8000")
    found = rater.take(counted(10, out_loss=0.1), "PCMU/8000")
    assert found.message == "The caller hears you badly: 12 % of the sound is lost."
    assert "cable" in found.todo
    assert found.mos_out < 3.6 < found.mos_in
    assert found.loss_in == 0.0


def test_a_warning_goes_when_all_is_well_and_not_at_its_very_edge() -> None:
    rater = Rater("k", "PCMU/8000")
    said = []
    lost = received = 0
    for share in (0.0, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0):
        lost, received = lost + round(200 * share), received + round(200 * (1 - share))
        said.append(bool(rater.take(Counted(received=received, lost=lost, sent=received), "PCMU").message))
    assert said[0] is False
    assert said[2] is True
    assert said[7] is True, "2 % is less than begins a warning, and not yet well"
    assert said[-1] is False


def test_without_reports_nothing_is_claimed_of_the_other_side() -> None:
    rater = Rater("k", "PCMU")
    rater.take(Counted(received=100, sent=100), "PCMU")
    found = rater.take(Counted(received=600, sent=600, they_lost=300), "PCMU")
    assert (found.reported, found.loss_out, found.message) == (False, 0.0, "")


def test_slow_and_uneven_lines_have_words_too() -> None:
    assert "0.8 s there and back" in Rater("k", "").take(counted(5, round_trip_ms=800.0), "").message
    assert (
        Rater("k", "").take(counted(5, jitter_ms=90.0), "").message.startswith("You hear the caller unevenly")
    )
    assert Rater("k", "").take(counted(5, they_jitter_ms=90.0), "").message.startswith("The caller hears you")


def test_media_that_was_set_up_anew_counts_from_its_own_beginning() -> None:
    rater = Rater("k", "PCMU")
    rater.take(counted(100, in_loss=0.1), "PCMU")
    found = rater.take(counted(4), "PCMU")
    assert found.loss_in == 0.0
