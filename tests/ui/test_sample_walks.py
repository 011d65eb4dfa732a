"""Each flow that ships, worked through the real window by keys: its straight way, and a way that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.flow import load
from halodesk.engine.simulate import FunctionPort
from halodesk.ui.theme.active import ThemeChoice
from tests.fakes.functions import functions
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FLOWS, FakeDesk
from tests.ui.hands import ALT, Key
from tests.ui.sample_walk import Outside, Walk

HOME = {"line1": "12 Ocean View Road", "city": "Pittsburgh", "region": "PA", "postal_code": "15213"}
Walker = Callable[..., Walk]
Facts = dict[str, list[Any]]


@pytest.fixture(scope="module")
def worker() -> Iterator[FunctionPort]:
    with functions() as port:
        yield port


@pytest.fixture
def walker(open_window: Opener, desk: FakeDesk, worker: FunctionPort) -> Walker:
    def walk(flow: str, name: str, facts: Facts, theme: ThemeChoice = "light") -> Walk:
        desk.flow = load((FLOWS / f"{flow}.flow.json").read_bytes())
        Outside(desk, worker, facts)
        made = Walk(open_window(theme), f"{theme}-{flow}-{name}")
        made.call()
        return made

    return walk


themes = pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])


@themes
def test_clinic_a_minor_is_booked(walker: Walker, theme: ThemeChoice) -> None:
    slots = [{"id": "s-1", "label": "Tuesday 9:20, Dr. Lindqvist"}, {"id": "s-2", "label": "Wednesday 14:00"}]
    facts: Facts = {
        "slots": [{"status": 200, "values": {"slots": slots}}],
        "pick": [{"status": 201, "values": {"booking_number": "BV204817"}}],
    }
    walk = walker("clinic-booking", "booked", facts, theme)
    walk.at("start", "Book")
    walk.at("identity/patient", patient_first="Mia", patient_last="Castillo", born="03/14/2017")
    walk.at("guardian", guardian_name="Rosa Castillo", guardian_role="Parent")
    walk.at("contact", phone="2025550143", remind_by="email", email="rosa@example.com", interpreter=True,
            language="Spanish")  # fmt: skip
    walk.at("visit", visit_type="Follow", clinician="Dr. Lind", from_day="01/12/2027", cover="insurance")
    walk.at("pick", "Book it", slot="Tuesday")
    assert "BV204817" in walk.page.html
    walk.at("confirm", told=["early", "bring", "cancel"], visit_note="Afraid of needles.")
    walk.finish("Visit booked")


def test_clinic_a_high_fever_goes_to_the_nurse_and_chest_pain_to_911(walker: Walker) -> None:
    walk = walker("clinic-booking", "nurse", {"nurse": ["Nobody answers."]})
    walk.at("start", "Feels ill")
    walk.at("identity/patient", patient_first="Tom", patient_last="Weller", born="05/02/1980")
    walk.at("contact", phone="2025550143", remind_by="call")
    walk.at("triage", symptoms=["fever", "cough"], temperature="104.2", symptom_note="Since yesterday.")
    walk.at("nurse", "Hand over")
    assert walk.page.step == "message"
    walk.hands.key(Key.Key_Left, ALT)
    walk.hands.settle()
    assert walk.page.step == "nurse"
    walk.hands.key(Key.Key_Left, ALT)
    walk.hands.settle()
    walk.at("triage", symptoms=["chest_pain"])
    walk.at("emergency", told_911=True)
    walk.finish("Sent to 911")


def test_clinic_without_a_calendar_there_is_the_waiting_list(walker: Walker) -> None:
    walk = walker("clinic-booking", "waitlist", {"slots": ["The calendar does not answer."]})
    walk.at("start", "Book")
    walk.at("identity/patient", patient_first="Ida", patient_last="Moss", born="05/02/1980")
    walk.at("contact", phone="2025550143", remind_by="text")
    walk.at("visit", visit_type="Yearly", cover="self")
    assert "cannot be reached" in walk.page.html
    walk.at("waitlist", wanted={"date": "01/12/2027", "time": "9:30 AM"}, wishes="Mornings")
    walk.finish("Waiting")


@themes
def test_eligibility_is_read_from_the_portal(walker: Walker, theme: ThemeChoice) -> None:
    found = {"coverage": "Active", "plan_name": "Original Medicare", "deductible_left": "$ 118.50",
             "copay": "$ 20.00"}  # fmt: skip
    walk = walker("insurance-eligibility", "active", {"portal": [found]}, theme)
    walk.at("start", "A provider")
    walk.at("consent", "Agrees", consent_read=True)
    walk.at("member", member_first="June", member_last="Abbot", born="04/09/1951", zip="95060",
            carrier="Medicare", plan_number="MED1234567", npi="1234567893")  # fmt: skip
    walk.at("verify/ask", "Verified", fits=["born", "plan"])
    walk.desk.hold_effects = True
    walk.at("ids", medicare_id="1EG4TE5MK73")
    walk.look("portal")
    walk.desk.hold_effects = False
    walk.desk.settle()
    walk.hands.settle()
    assert "$118.50" in walk.page.html
    walk.at("active", service="MRI", estimate="900")
    walk.at("authorization", auth="on_file", auth_number="A-7788")
    walk.at("benefit", disclaimer_read=True, send_summary=True, summary_to="office@example.com")
    walk.finish("Active")
    assert "1EG4TE5MK73" not in repr(walk.desk.events)


def test_eligibility_by_phone_when_the_portal_fails(walker: Walker) -> None:
    walk = walker("insurance-eligibility", "phone", {"portal": ["The page has changed: #zip is not there."]})
    walk.at("start", "The member")
    walk.at("consent", "Agrees", consent_read=True)
    walk.at("member", member_first="June", member_last="Abbot", born="04/09/1951", zip="95060",
            carrier="Summit", plan_number="SUM123456")  # fmt: skip
    walk.at("verify/ask", "Verified", fits=["born", "zip"])
    walk.at("ids")
    assert "The page has changed" in walk.page.problem
    walk.at("portal", "Go on without")
    walk.at("by_phone", by_phone_status="Ended", call_reference="R-1")
    walk.at("ended", "No other")
    walk.finish("Ended")


def test_eligibility_nothing_is_disclosed_or_recorded_without_consent(walker: Walker) -> None:
    walk = walker("insurance-eligibility", "no-consent", {})
    walk.at("start", "The member")
    walk.at("consent", "Does not", consent_read=True)
    assert walk.page.mask.phase == "held"
    walk.at("unrecorded")
    walk.finish("No consent")


@themes
def test_donation_monthly_with_a_tote(walker: Walker, theme: ThemeChoice) -> None:
    walk = walker("donation", "monthly", {"charge": ["Not enough funds.", {"charge_id": "c"}]}, theme)
    walk.at("start", "Make a gift")
    walk.at("pledge", "Hesitates", amount="50")
    walk.at("smaller")
    walk.at("pledge", "Gives", amount="500", rhythm="monthly", interests=["books"], dedication="Aunt May")
    assert walk.page.cart.total == "$500.00"
    walk.at("thank_you_gift", "Canvas")
    walk.at("donor", donor_first="Lee", donor_last="Ash", donor_address=HOME, donor_email="lee@example.com",
            employer_match=True, employer="Acme Tools")  # fmt: skip
    walk.at("sending", "Parcel")
    walk.at("review", "Change", new_amount="60")
    assert "not offered any more" in walk.page.panel["warning"]
    walk.at("sending", "Parcel")
    assert "$66.50" in walk.page.html
    walk.at("review", "Right")
    walk.at("mandate", mandate_read=True)
    walk.card()
    assert "Not enough funds." in walk.page.html
    walk.at("declined", "Try again")
    walk.card()
    walk.at("receipt_words", tax_read=True)
    assert walk.page.cart.paid
    walk.finish("Monthly")


def test_donation_a_changed_mind_empties_the_cart(walker: Walker) -> None:
    walk = walker("donation", "cancelled", {})
    walk.at("start", "Make a gift")
    walk.at("pledge", "Gives", amount="40")
    walk.at("thank_you_gift", "Nothing")
    walk.at("donor", donor_first="Lee", donor_last="Ash", donor_address=HOME)
    walk.at("review", "Changed")
    assert walk.page.cart.lines == ()
    walk.at("no_gift", no_gift_reason="Not now", off_calls=True)
    walk.finish("No gift")


LEDGER = {"balance": 412.5, "creditor": "Oak Street Dental", "days_late": 200, "attorney": None}


@themes
def test_collections_settled_from_a_bank_account(walker: Walker, theme: ThemeChoice) -> None:
    walk = walker("collections", "settled", {"account_data": [{"status": 200, "values": LEDGER}]}, theme)
    walk.at("start", "The account holder")
    walk.at("verify", "Both fit", account="RW-1234567")
    walk.at("mini_miranda", "May be", miranda_read=True)
    assert "$412.50" in walk.page.html
    walk.at("debt", "Asks for less")
    walk.at("offer", "Takes it")
    assert walk.page.cart.total == "$309.37"
    walk.at("pay_by", "From a bank")
    walk.at("bank", routing="021000021", bank_account="12345678")
    walk.at("authorize", debit_read=True)
    walk.at("letter_to", write_to="ann@example.com")
    walk.finish("Settled")
    assert "021000021" not in repr(walk.desk.events)


def test_collections_by_instalments_after_two_declined_cards(walker: Walker) -> None:
    facts: Facts = {"account_data": [{"status": 200, "values": LEDGER}], "charge": ["No.", "Still no."]}
    walk = walker("collections", "plan", facts)
    walk.at("start", "The account holder")
    walk.at("verify", "Both fit", account="RW-1234567")
    walk.at("mini_miranda", "May be", miranda_read=True)
    walk.at("debt", "Pays it all")
    walk.at("pay_by", "By card")
    walk.card()
    walk.at("declined", "Try again")
    walk.card()
    walk.at("declined", "Instalments")
    walk.at("plan", months="6", first_on="03/01/2027", income="Wages")
    assert "$68.75" in walk.page.html
    walk.at("agree", "Agrees", plan_read=True)
    walk.at("letter_to")
    walk.finish("Instalments")


def test_collections_a_third_party_hears_nothing_of_a_debt(walker: Walker) -> None:
    walk = walker("collections", "third", {})
    assert "debt" not in spoken(walk.page.html)
    walk.at("start", "Somebody")
    assert "debt" not in spoken(walk.page.html)
    walk.at("third_party", better_time="After six", not_theirs=False)
    walk.finish("Not reached")


@themes
def test_survey_of_two_lines_with_a_low_rating(walker: Walker, theme: ThemeChoice) -> None:
    walk = walker("rider-survey", "low", {}, theme)
    walk.at("start", "Yes")
    walk.at("rides", lines=["red", "bus"], rides_count="12", why="work")
    walk.at("score", nps="4")
    walk.at("sorry", wrong="Late every day.", call_me=True, call_me_on="2025550143")
    for rating in ("5", "4", "5", "1", "2", "1"):
        walk.at("ask", rating)
    walk.at("accessible", aids=["cane"], mend_first="punc")
    walk.at("mend", station="Fifth Avenue", mend_note="The lift.")
    walk.at("contact", first_name="Kim", draw_mail="kim@example.com")
    walk.at("thanks")
    walk.finish("Complete")
    assert walk.desk.state is not None
    assert walk.desk.state.values["line_scores"] == [4.7, 1.3]


def test_survey_at_another_time(walker: Walker) -> None:
    walk = walker("rider-survey", "later", {})
    walk.at("start", "Later")
    walk.at("busy", again={"date": "01/12/2027", "time": "6 PM"})
    walk.at("thanks")
    walk.finish("Call again")


DEVICES = [{"kind": "modem", "label": "Modem"}, {"kind": "router", "label": "Router"}]
LINE = {"status": 200, "values": {"devices": DEVICES, "outage": None, "signal": -31}}


@themes
def test_support_sends_a_router_under_warranty(walker: Walker, theme: ThemeChoice) -> None:
    facts: Facts = {"devices": [LINE], "order": [{"status": 201, "values": {"order_number": "R-55"}}]}
    walk = walker("tech-support", "router", facts, theme)
    walk.at("start", "No internet")
    walk.at("account", account="FW12345678", mobile="2025550143", name="Max Ott")
    for _ in range(3):
        walk.at("check_it", "It is fine")
    walk.at("check_it", "It is fine")
    walk.at("check_it", "No, it is not")
    walk.desk.do(c.Tick(now=time.time()))
    walk.hands.settle()
    walk.at("restart", "The light")
    walk.at("restarted", "Still down")
    walk.at("remedy", "New router", router_age="18")
    assert walk.page.cart.total == "$0.00"
    walk.at("swap", speed="express")
    walk.at("ship_to", home={**HOME, "region": "NJ", "postal_code": "07030"})
    assert "R-55" in walk.page.html
    walk.at("ordered")
    walk.at("solved", "All working")
    walk.finish("Router sent")


def test_support_a_lead_gives_it_free_and_nobody_else_can(walker: Walker) -> None:
    facts: Facts = {"devices": ["The line is not known."], "order": ["Out of stock."],
                    "ticket": [{"status": 201, "values": {"ticket": "T-9"}}]}  # fmt: skip
    walk = walker("tech-support", "ticket", facts)
    walk.at("start", "Slow")
    walk.at("account", account="FW12345678", name="Max Ott")
    walk.at("by_hand", boxes=["router"], lights="Red")
    walk.at("check_it", "No, it is not")
    walk.at("restart", "The light")
    walk.at("restarted", "Still down")
    walk.at("remedy", "New router", router_age="60")
    walk.at("swap", goodwill=True)
    assert walk.page.step == "swap"
    assert "shift_lead" in walk.page.problem
    walk.desk.moment = Moment(roles=("shift_lead",))
    walk.press()
    assert walk.page.cart.total == "$0.00"
    walk.at("ship_to", home=HOME)
    walk.at("ticket", ticket_text="Restarted twice.", urgency="Normal")
    assert "T-9" in walk.page.html
    walk.at("ticket_words")
    walk.finish("Ticket")


PLACE = {"city": "Columbus", "state": "OH", "county": "Franklin", "tax_rate": "5.75", "timezone": "EST"}


@themes
def test_licensed_agent_takes_over(walker: Walker, theme: ThemeChoice) -> None:
    walk = walker("licensed-agent-transfer", "midwest", {"place": [{"places": [PLACE]}]}, theme)
    walk.at("start", "For the caller")
    walk.at("disclaimer", "Agrees", tpmo_read=True)
    walk.at("caller", first_name="Walt", last_name="Beck", born="02/11/1958", parts=["a", "b"])
    walk.at("place", zip="43004")
    walk.at("scope", "Connect", topics=["advantage", "drugs"], scope_read=True)
    walk.at("medicare_number", medicare_id="1eg4te5mk73")
    walk.at("to_midwest", "Hand over")
    walk.finish("Handed")


def test_licensed_agents_are_busy(walker: Walker) -> None:
    other = {**PLACE, "city": "Philadelphia", "state": "PA"}
    facts: Facts = {
        "place": [{"places": [other, {**other, "city": "Camden"}]}],
        "to_east": ["Busy.", "Busy."],
    }
    walk = walker("licensed-agent-transfer", "busy", facts)
    walk.at("start", "Helps")
    walk.at("disclaimer", "Agrees", tpmo_read=True)
    walk.at("caller", first_name="Walt", last_name="Beck", born="02/11/1958", parts=["a"], poa="yes")
    walk.give("zip", "19103")
    walk.at("place", "Philadelphia")
    walk.at("place", "Check")
    walk.at("scope", "Connect", topics=["dental"], scope_read=True)
    walk.at("medicare_number")
    walk.at("to_east", "Hand over")
    assert "Busy." in walk.page.html
    walk.at("callback", "Waits")
    walk.desk.do(c.Tick(now=time.time()))
    walk.at("wait_once")
    walk.at("to_east", "Hand over")
    walk.at("callback", "Call back")
    walk.at("callback_at", callback_time={"date": "01/12/2027", "time": "10 AM"}, callback_phone="2025550143",
            ebr=True)  # fmt: skip
    walk.finish("Call back")


def test_no_transfer_where_nobody_is_licensed(walker: Walker) -> None:
    walk = walker("licensed-agent-transfer", "unlicensed", {"place": [{"places": []}]})
    walk.at("start", "For the caller")
    walk.at("disclaimer", "Agrees", tpmo_read=True)
    walk.at("caller", first_name="Walt", last_name="Beck", born="02/11/1958")
    walk.at("place", zip="00000")
    walk.at("place_by_hand", state_by_hand="Another")
    walk.at("not_licensed")
    walk.finish("Not licensed")


ALLEGHENY = {**PLACE, "city": "Pittsburgh", "state": "PA", "county": "Allegheny", "tax_rate": "6"}


@themes
def test_utility_service_starts(walker: Walker, theme: ThemeChoice) -> None:
    facts: Facts = {
        "place": [{"places": [ALLEGHENY]}],
        "charge": ["Declined.", {"charge_id": "c"}],
        "starting": [{"status": 201, "values": {"account_number": "3R7654321"}}],
    }
    walk = walker("utility-service", "start", facts, theme)
    walk.at("start", "Start service")
    walk.at("place", zip="15213-1234")
    walk.at("address", first_name="Noa", last_name="Hill", service_address=HOME, phone="2025550143",
            email="noa@example.com")  # fmt: skip
    walk.at("services", wanted=["water", "gas"], start_on="01/12/2027", home="owns", paperless=True,
            thermostats="2")  # fmt: skip
    walk.at("no_gas_alone", power_from="Duquesne")
    walk.at("identity", ssn="123456789")
    walk.at("deposit", "Low", low_income="28000")
    walk.at("deposit_words")
    walk.at("sending", "Post")
    walk.at("summary")
    walk.card()
    walk.at("declined", "Another card")
    walk.card()
    assert "3R7654321" in walk.page.html
    walk.at("started")
    walk.finish("Service started")
    assert "123456789" not in repr(walk.desk.events)


def test_utility_danger_goes_to_the_crew_first(walker: Walker) -> None:
    walk = walker("utility-service", "danger", {"emergency_line": ["Nobody answers."]})
    walk.at("start", "Gas smell")
    walk.at("danger", danger_read=True)
    walk.at("emergency_line", "Connect")
    assert "Nobody answers." in walk.page.html
    walk.at("crew_call", danger_phone="2025550143", danger_place="12 Ocean View Road")
    walk.finish("Emergency")


def test_utility_outside_its_area(walker: Walker) -> None:
    walk = walker("utility-service", "elsewhere", {"place": [{"places": [PLACE]}]})
    walk.at("start", "Stop service")
    walk.at("place", zip="43004")
    walk.at("not_ours")
    walk.finish("Not in")


def spoken(html: str) -> str:
    """What the agent says aloud: the quoted part of the page."""
    return " ".join(part.split("</blockquote>")[0] for part in html.split("<blockquote>")[1:]).casefold()
