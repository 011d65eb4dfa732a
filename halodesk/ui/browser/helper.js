// Works a foreign page from an isolated world: the page sees what is done, not who does it.
//
// Rules:
// - Every call is synchronous and checks the origin anew: between two calls the page may have gone elsewhere.
// - Nothing of the page is trusted. The prototypes here are this world's own; properties of `document` and
//   of forms can be shadowed by element names, so they are never used bare.
// - A value goes through the prototype's setter: a page that tracks values (React) shadows the property on
//   the element in its own world, and sees the change by the event that follows.
// - Words for people are made in Python; here are codes.
(() => {
  const { apply } = Reflect;
  const all = (root, selector) =>
    [...apply(root instanceof Document ? Document.prototype.querySelectorAll
      : root instanceof ShadowRoot ? DocumentFragment.prototype.querySelectorAll
      : Element.prototype.querySelectorAll, root, [selector])];
  const getter = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).get;
  const setter = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).set;
  const attribute = (element, name) => apply(Element.prototype.getAttribute, element, [name]) ?? "";
  const shadow = (element) => apply(getter(Element, "shadowRoot"), element, []);
  const squeeze = (text) => String(text ?? "").replace(/\s+/g, " ").trim();
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const SECRET = /(^|[^a-z])(cvv2?|cvc2?|csc|card[-_ ]?(number|no|num)|security[-_ ]?code)([^a-z]|$)/i;
  const NOT_FILLED = ["hidden", "file", "submit", "button", "reset", "image"];
  const TRUE = ["true", "yes", "on", "1"], FALSE = ["false", "no", "off", "0", ""];

  // path: selectors, one a shadow root. Answers [elements] or a code.
  function find(path) {
    let root = document, found = [];
    for (let index = 0; index < path.length; index += 1) {
      try { found = all(root, path[index]); } catch { return "bad_selector"; }
      if (found.length > 1) {
        const seen = found.filter(visible);
        found = seen.length ? seen : found;
      }
      if (!found.length) return "missing";
      if (index === path.length - 1) break;
      if (found.length > 1) return "many";
      root = shadow(found[0]);
      if (!root) return "missing";
    }
    return found;
  }

  function one(path) {
    const found = find(path);
    if (typeof found === "string") return found;
    if (found.length === 1) return found[0];
    const group = found.every((element) => kind(element) === "radio")
      && new Set(found.map((element) => attribute(element, "name"))).size === 1;
    return group ? found : "many";
  }

  function kind(element) {
    if (Array.isArray(element)) return "radio";
    if (element instanceof HTMLInputElement) {
      const type = apply(getter(HTMLInputElement, "type"), element, []);
      return NOT_FILLED.includes(type) ? "unfillable" : type === "radio" || type === "checkbox" ? type : "text";
    }
    if (element instanceof HTMLTextAreaElement) return "textarea";
    if (element instanceof HTMLSelectElement) return element.multiple ? "several" : "select";
    return element instanceof HTMLElement && element.isContentEditable ? "editable" : "unfillable";
  }

  function secret(element) {
    const complete = attribute(element, "autocomplete").toLowerCase();
    const named = ["name", "id", "placeholder", "aria-label"].some((name) => SECRET.test(attribute(element, name)));
    return attribute(element, "type").toLowerCase() === "password" || /cc-(number|csc|exp)/.test(complete) || named;
  }

  function label(element) {
    const first = Array.isArray(element) ? element[0] : element;
    const words = Array.isArray(element) ? attribute(first, "name")
      : attribute(first, "aria-label") || squeeze(first.labels?.[0]?.innerText)
      || attribute(first, "placeholder") || attribute(first, "name");
    return squeeze(words).slice(0, 60);
  }

  const same = (a, b) => squeeze(a).toLowerCase() === squeeze(b).toLowerCase();
  const words = (option) => squeeze(option.label || option.text);
  const tell = (element, type) => element.dispatchEvent(new Event(type, { bubbles: true, composed: true }));
  const wish = (text) => {
    const wanted = squeeze(text).toLowerCase();
    return TRUE.includes(wanted) ? true : FALSE.includes(wanted) ? false : null;
  };

  function type(element, text, proto) {
    const input = element instanceof HTMLInputElement;
    if (element.maxLength > 0 && text.length > element.maxLength) return "too_long";
    element.focus({ preventScroll: false });
    apply(setter(proto, "value"), element, [text]);
    if (text && !apply(getter(proto, "value"), element, [])) return "refused_value";
    element.dispatchEvent(new InputEvent("input", {
      bubbles: true, composed: true, data: text, inputType: input ? "insertText" : "insertFromPaste",
    }));
    tell(element, "change");
    element.blur();
    return "typed";
  }

  function write(element, text) {
    element.focus();
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    const done = apply(Document.prototype.execCommand, document, [text ? "insertText" : "delete", false, text]);
    element.blur();
    return done ? "typed" : "refused_value";
  }

  function choose(element, text, several) {
    const options = [...element.options];
    const match = (wanted) => options.find((option) => option.value === wanted)
      ?? options.find((option) => same(words(option), wanted) || same(option.value, wanted));
    const parts = several ? text.split(/[;,\n]/).map(squeeze).filter(Boolean) : [text];
    const wanted = (several && text && match(text)) ? [match(text)] : parts.map(match);
    if (wanted.some((option) => !option || option.disabled)) return "no_option";
    element.focus();
    const set = setter(HTMLOptionElement, "selected");
    if (several) for (const option of options) apply(set, option, [wanted.includes(option)]);
    else apply(setter(HTMLSelectElement, "selectedIndex"), element, [options.indexOf(wanted[0])]);
    tell(element, "input");
    tell(element, "change");
    element.blur();
    return "typed";
  }

  function tick(element, text) {
    const box = kind(element) === "checkbox";
    let target = element, wanted = wish(text);
    if (!box) {
      const group = Array.isArray(element) ? element : [element];
      target = group.find((radio) => radio.value === text)
        ?? group.find((radio) => same(radio.value, text) || same(radio.labels?.[0]?.innerText, text));
      if (!target && group.length === 1 && wanted === true) target = group[0];
      if (!target) return "no_option";
      wanted = true;
    }
    if (wanted === null) return "no_option";
    if (target.disabled) return "locked";
    if (target.checked !== wanted) target.click();
    return "typed";
  }

  function shown(element) {
    switch (kind(element)) {
      case "text": return apply(getter(HTMLInputElement, "value"), element, []);
      case "textarea": return apply(getter(HTMLTextAreaElement, "value"), element, []);
      case "select": case "several": return [...element.selectedOptions].map(words).join("; ");
      case "checkbox": return element.checked ? "true" : "false";
      case "radio": {
        const on = (Array.isArray(element) ? element : [element]).find((radio) => radio.checked);
        return on ? on.value : "";
      }
      default: return squeeze(element.innerText ?? element.textContent);
    }
  }

  // What a fill left behind, compared with what was wanted: "kept", "changed" or "lost".
  function kept(element, text) {
    const value = shown(element);
    switch (kind(element)) {
      case "checkbox": return element.checked === wish(text) ? "kept" : "lost";
      case "radio": {
        const group = Array.isArray(element) ? element : [element];
        const on = group.find((radio) => radio.checked);
        const right = on && (same(on.value, text) || same(on.labels?.[0]?.innerText, text)
          || (group.length === 1 && wish(text) === true));
        return right ? "kept" : "lost";
      }
      case "select": case "several": {
        const chosen = [...element.selectedOptions];
        if (!chosen.length) return text ? "lost" : "kept";
        const parts = kind(element) === "several" ? text.split(/[;,\n]/).map(squeeze).filter(Boolean) : [text];
        const fits = (option, wanted) => same(option.value, wanted) || same(words(option), wanted);
        const whole = chosen.length === 1 && fits(chosen[0], text);
        const each = parts.length === chosen.length
          && parts.every((wanted) => chosen.some((option) => fits(option, wanted)));
        return whole || each ? "kept" : "lost";
      }
      default: {
        const bare = (one) => String(one).toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
        const line = (one) => String(one).replace(/\r\n?/g, "\n");
        if (line(value) === line(text) || (kind(element) === "editable" && same(value, text))) return "kept";
        const number = Number(value) === Number(text) && squeeze(text) !== "" && element.type === "number";
        return number ? "kept" : bare(value) === bare(text) && bare(text) ? "changed" : "lost";
      }
    }
  }

  const OPS = {
    state: () => ({ ready: document.readyState, origin: self.origin, url: location.href }),
    frame({ path }) {
      const found = one(path);
      if (typeof found === "string") return { code: found };
      if (!(found instanceof HTMLIFrameElement || found instanceof HTMLFrameElement)) return { code: "no_frame" };
      const inner = found.contentWindow;
      for (let index = 0; index < self.length; index += 1) {
        if (self[index] === inner) return { code: "ok", index, count: self.length };
      }
      return { code: "missing" };
    },
    fill({ path, text }) {
      const element = one(path);
      if (typeof element === "string") return { code: element };
      const sort = kind(element), first = Array.isArray(element) ? element[0] : element;
      const answer = { code: "unfillable", kind: sort, label: label(element) };
      if (sort === "unfillable") return answer;
      if ((sort === "text" || sort === "textarea") && secret(first)) return { ...answer, code: "secret" };
      if (first.matches(":disabled") || first.readOnly) return { ...answer, code: "locked" };
      if (sort === "radio" || sort === "checkbox") answer.code = tick(element, text);
      else if (sort === "select" || sort === "several") answer.code = choose(element, text, sort === "several");
      else if (sort === "editable") answer.code = write(element, text);
      else answer.code = type(element, text, sort === "text" ? HTMLInputElement : HTMLTextAreaElement);
      return answer;
    },
    verify({ path, text }) {
      const element = one(path);
      if (typeof element === "string") return { code: element };
      return { code: kept(element, text), shown: shown(element).slice(0, 200), label: label(element) };
    },
    read({ path }) {
      const element = one(path);
      if (typeof element === "string") return { code: element };
      const form = ["text", "textarea", "select", "several", "checkbox", "radio"].includes(kind(element));
      if (form && !Array.isArray(element) && secret(element)) return { code: "secret" };
      return { code: "ok", text: shown(element).slice(0, 10000) };
    },
    exists({ path }) {
      const found = find(path);
      return { code: typeof found === "string" ? found : found.some(visible) ? "ok" : "missing" };
    },
    click({ path }) {
      const element = one(path);
      if (typeof element === "string") return { code: element };
      const target = Array.isArray(element) ? null : element;
      if (!target) return { code: "many" };
      if (target.matches(":disabled")) return { code: "locked" };
      target.click();
      return { code: "ok" };
    },
  };

  globalThis.halodesk = (op, args) => {
    try {
      if (args.origins && !args.origins.includes(self.origin)) return JSON.stringify({ code: "foreign", origin: self.origin });
      return JSON.stringify(OPS[op](args));
    } catch (error) {
      return JSON.stringify({ code: "fault", name: String(error?.name) });
    }
  };
})();
