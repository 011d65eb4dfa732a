"""Every kind of control is filled and read back; what does not fit is left alone, with words."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Browser, until
from tests.browser.site import Site

FORM = """
<form action=/result method=post>
 <label for=a>First name</label><input id=a name=first>
 <label for=z>ZIP</label><input id=z name=zip maxlength=5>
 <textarea name=remarks></textarea>
 <select name=state><option value="">-<option value=CA>California<option value=NY>New York</select>
 <select name=days multiple><option>Mon<option>Tue<option>Wed</select>
 <label><input type=radio name=plan value=basic> Basic plan</label>
 <label><input type=radio name=plan value=gold> Gold plan</label>
 <input type=checkbox name=terms value=yes><input type=checkbox name=news value=yes checked>
 <input type=date name=birth><input type=number name=amount step=0.01>
 <input type=email name=mail><input type=tel name=phone>
 <div id=note contenteditable=true>old words</div>
 <button id=send>Send</button>
</form>
"""
VALUES = {
    "[name=first]": "Zoë O'Neil",
    "[name=zip]": "94105",
    "[name=remarks]": "Two\nlines",
    "[name=state]": "New York",
    "[name=days]": "Mon; Wed",
    "[name=plan]": "gold",
    "[name=terms]": "true",
    "[name=news]": "false",
    "[name=birth]": "1980-02-29",
    "[name=amount]": "12.50",
    "[name=mail]": "zoe@example.com",
    "[name=phone]": "2025550143",
    "#note": "new words",
}


def test_all_kinds(browser: Browser, site: Site) -> None:
    visit, state = browser.fill(site.page("/form", FORM), VALUES)
    assert {one.selector: one.mark for one in state.fields} == dict.fromkeys(VALUES, "kept")
    assert (state.problem, state.notes) == ("", ())
    assert next(one.label for one in state.fields if one.selector == "[name=first]") == "First name"
    site.page("/result", "<p>thanks</p>")
    browser.ask(visit, "document.getElementById('send').click()")
    until(lambda: site.seen("/result"))
    form = site.seen("/result")[0].form
    assert form == {
        "first": ["Zoë O'Neil"], "zip": ["94105"], "remarks": ["Two\r\nlines"], "state": ["NY"],
        "days": ["Mon", "Wed"], "plan": ["gold"], "terms": ["yes"], "birth": ["1980-02-29"],
        "amount": ["12.50"], "mail": ["zoe@example.com"], "phone": ["2025550143"],
    }  # fmt: skip


CONTROLLED = """
<input id=name><p id=seen></p>
<script>
// As React's input value tracker: the property on the element itself notes what scripts of the page
// set, and an event is a change only if the value under it differs from what was noted last. Then the
// page renders its own state into the input: a value that came without a change is put back.
const input = document.getElementById('name'), proto = HTMLInputElement.prototype;
const native = Object.getOwnPropertyDescriptor(proto, 'value');
let tracked = '', state = '';
Object.defineProperty(input, 'value', {
  get() { return native.get.call(this); },
  set(value) { tracked = '' + value; native.set.call(this, value); },
});
const render = () => { input.value = state; document.getElementById('seen').textContent = state; };
input.addEventListener('input', () => {
  const now = native.get.call(input);
  if (now !== tracked) { tracked = now; state = now; }
  setTimeout(render, 20);
});
setInterval(render, 50);
</script>
"""


def test_a_controlled_input_hears_of_the_change(browser: Browser, site: Site) -> None:
    visit, state = browser.fill(site.page("/", CONTROLLED), {"#name": "Robin"})
    assert [one.mark for one in state.fields] == ["kept"]
    assert browser.ask(visit, "document.getElementById('seen').textContent") == "Robin"


def test_the_controlled_input_is_one(browser: Browser, site: Site) -> None:
    """Proof that the page above resists: set from its own world, the value does not last."""
    visit, _ = browser.fill(site.page("/", CONTROLLED), {})
    browser.ask(visit, "input.value = 'x'; input.dispatchEvent(new Event('input', {bubbles: true})); 1")
    until(lambda: browser.ask(visit, "native.get.call(input)") == "")


def test_a_page_that_puts_the_old_value_back(browser: Browser, site: Site) -> None:
    page = "<input id=a><script>setInterval(() => { a.value = 'mine'; }, 30)</script>"
    _, state = browser.fill(site.page("/", page), {"#a": "yours"})
    assert [(one.mark, one.note) for one in state.fields] == [("stopped", "The page did not keep the value.")]
    assert "“a”" not in state.problem
    assert state.todo


def test_a_masked_input_is_a_warning(browser: Browser, site: Site) -> None:
    page = """<input id=phone aria-label=Phone><script>
      phone.addEventListener('input', () => {
        const d = phone.value.replace(/[^0-9]/g, '');
        phone.value = `(${d.slice(0,3)}) ${d.slice(3,6)}-${d.slice(6,10)}`;
      });</script>"""
    _, state = browser.fill(site.page("/", page), {"#phone": "2025550143"})
    [field] = state.fields
    assert (field.mark, field.label) == ("changed", "Phone")
    assert field.note == "The page shows it as “(202) 555-0143”."
    assert state.problem == ""


SHADOW = """
<app-form></app-form>
<script>
customElements.define('app-field', class extends HTMLElement {
  connectedCallback() { this.attachShadow({mode: 'open'}).innerHTML = '<input name=zip><output>12</output>'; }
});
customElements.define('app-form', class extends HTMLElement {
  connectedCallback() { this.attachShadow({mode: 'open'}).innerHTML = '<app-field></app-field>'; }
});
</script>"""


def test_nested_shadow_roots(browser: Browser, site: Site) -> None:
    selector = "app-form >>> app-field >>> input[name=zip]"
    visit, state = browser.fill(site.page("/", SHADOW), {selector: "94105"})
    assert [one.mark for one in state.fields] == ["kept"]
    inner = "document.querySelector('app-form').shadowRoot.querySelector('app-field').shadowRoot"
    assert browser.ask(visit, f"{inner}.querySelector('input').value") == "94105"


def test_frames_of_the_same_and_of_another_origin(browser: Browser, site: Site, other: Site) -> None:
    inner = other.page(
        "/inner",
        "<input name=far><script>const far = document.querySelector('input');"
        "addEventListener('message', e => e.source.postMessage(far.value, '*'))</script>",
    )
    near = site.page("/near", f"<input name=near><iframe id=deep src={inner}></iframe>")
    url = site.page("/", f"<iframe src=/empty></iframe><iframe id=one src={near}></iframe>")
    site.page("/empty", "")
    fill = {"#one >> [name=near]": "hither", "#one >> #deep >> [name=far]": "yonder"}
    visit, state = browser.fill(url, fill, origins=(site.origin, other.origin))
    assert [one.mark for one in state.fields] == ["kept", "kept"]
    browser.ask(
        visit,
        "addEventListener('message', e => { window.heard = e.data });"
        "document.getElementById('one').contentWindow.frames[0].postMessage('', '*'); 1",
    )
    until(lambda: browser.ask(visit, "window.heard || ''") == "yonder")


def test_late_elements_and_a_list_that_follows_another(browser: Browser, site: Site) -> None:
    page = """<select id=country><option>-<option>Canada</select><select id=region></select>
      <script>
        country.onchange = () => setTimeout(() => { region.innerHTML = '<option><option>Ontario'; }, 150);
        setTimeout(() => { document.body.insertAdjacentHTML('beforeend', '<input id=late>'); }, 300);
      </script>"""
    fill = {"#region": "Ontario", "#late": "now", "#country": "Canada"}
    _, state = browser.fill(site.page("/", page), fill)
    assert {one.mark for one in state.fields} == {"kept"}


def test_a_page_with_a_strict_policy(browser: Browser, site: Site) -> None:
    policy = {
        "Content-Security-Policy": "default-src 'none'; script-src 'none'; "
        "sandbox allow-forms allow-same-origin allow-scripts"
    }
    _, state = browser.fill(site.page("/", "<input id=a>", headers=policy), {"#a": "typed"})
    assert [one.mark for one in state.fields] == ["kept"]


@pytest.mark.parametrize(
    ("body", "text", "note"),
    [
        ("<input id=b>", "x", "Not found on the page."),
        ("<input class=x><input class=x>", "x", "several that fit"),
        ("<input id=a disabled>", "x", "does not let it be changed"),
        ("<input id=a readonly>", "x", "does not let it be changed"),
        ("<input id=a type=hidden>", "x", "Nothing can be typed"),
        ("<input id=a type=file>", "x", "Nothing can be typed"),
        ("<button id=a>Go</button>", "x", "Nothing can be typed"),
        ("<input id=a type=password>", "x", "asks for a secret"),
        ("<input id=a autocomplete=cc-number>", "x", "asks for a secret"),
        ("<input id=a name=cvv>", "x", "asks for a secret"),
        ("<input id=a>", "4242 4242 4242 4242", "looks like a card number"),
        ("<input id=a maxlength=3>", "abcd", "longer than the page allows"),
        ("<input id=a type=date>", "next week", "does not take this value"),
        ("<select id=a><option>one</select>", "two", "does not offer"),
        ("<input id=a type=checkbox>", "perhaps", "does not offer"),
    ],
)
def test_nothing_is_typed_where_it_does_not_belong(
    browser: Browser, site: Site, body: str, text: str, note: str
) -> None:
    url = site.page(
        "/",
        f"<p id=log></p>{body}<script>"
        "addEventListener('input', () => { log.textContent = 'typed' }, true)</script>",
    )
    visit, state = browser.fill(url, {"#a, .x": text}, timeout_ms=600)
    [field] = state.fields
    assert (field.mark, note in field.note) == ("stopped", True), field
    assert field.note in state.problem
    assert browser.ask(visit, "log.textContent") == ""
    assert not browser.ask(
        visit, "[...document.querySelectorAll('input[type=checkbox]')].some(c => c.checked)"
    )


def test_element_names_that_shadow_the_documents_own(browser: Browser, site: Site) -> None:
    page = """<form name=querySelectorAll><img name=querySelector><input id=a name=matches>
      <input name=focus></form><img name=createRange>"""
    _, state = browser.fill(site.page("/", page), {"#a": "typed"})
    assert [one.mark for one in state.fields] == ["kept"]


def test_filling_again(browser: Browser, site: Site) -> None:
    """A page behind a log-in: the agent comes to it by himself, then has it filled."""
    site.page("/form", "<input id=policy>")
    url = site.page("/", "<a id=in href=/form>log in</a>")
    visit, state = browser.fill(url, {"#policy": "P-7"}, timeout_ms=600)
    assert "Not found" in state.problem
    browser.ask(visit, "document.getElementById('in').click()")
    until(lambda: visit.state.address.endswith("/form"))
    visit.fill_again()
    assert visit.state.phase == "filling"
    assert [one.mark for one in browser.agents_turn(visit).fields] == ["kept"]


def test_the_isolated_world_is_isolated(browser: Browser, site: Site) -> None:
    page = """<input id=a><script>
      Object.defineProperty(HTMLInputElement.prototype, 'value',
        {set() { window.caught = 'setter' }, get() { return 'lie' }});
      Document.prototype.querySelectorAll = () => { window.caught = 'query'; return [] };
      JSON.stringify = () => { window.caught = 'json'; return '{}' };
      Array.prototype.find = Array.prototype.includes = () => { window.caught = 'array' };
    </script>"""
    visit, state = browser.fill(site.page("/", page), {"#a": "typed"})
    assert [one.mark for one in state.fields] == ["kept"]
    assert browser.ask(visit, "String([window.caught, typeof halodesk])") == ",undefined"
