// Elements without markup: text reaches the page as text, never as HTML.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else if (key in node && key !== "list" && key !== "form") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

let count = 0;
export const fresh = (stem) => `${stem}-${++count}`;

// A control under its name.
export function field(name, control, props = {}) {
  control.id ||= fresh("field");
  return el("div", { class: "field", ...props }, el("label", { htmlFor: control.id }, name), control);
}

export function button(text, onclick, props = {}) {
  return el("button", { type: "button", onclick, ...props }, text);
}

// Names and what they are, below one another.
export function facts(pairs, kind = "facts") {
  return el("dl", { class: kind }, pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
}

// One of several, as radio buttons that look like one control; arrow keys work. The class `named` shows its name.
export function choice(name, options, value, onpick, props = {}) {
  const group = fresh("choice");
  const box = el("fieldset", { class: "choice", ...props }, el("legend", { class: "unseen" }, name));
  for (const [key, text, title] of options) {
    const input = el("input", { type: "radio", name: group, id: fresh("radio"), checked: key === value });
    input.addEventListener("change", () => onpick(key));
    input.dataset.key = key;
    box.append(input, el("label", { htmlFor: input.id, title: title || text }, text));
  }
  box.pick = (key) => {
    for (const input of box.querySelectorAll("input")) input.checked = input.dataset.key === String(key);
  };
  return box;
}

// Where what is said stands: the page's own line, or the one of a notebook's widget.
let polite = null;
export const announceIn = (node) => {
  polite = node;
};

export function say(text) {
  (polite || document.getElementById("polite")).textContent = text;
}

// The sentence of a failure beside the control that caused it; it leaves with the next success.
export function complain(beside, error) {
  quiet(beside);
  const text = error.message || String(error);
  const box = el("p", { class: "problem", role: "alert" }, text, error.hint ? ` ${error.hint}` : "");
  beside.after(box);
  box.scrollIntoView?.({ block: "nearest" });
  return box;
}

export function quiet(beside) {
  while (beside.nextElementSibling?.classList.contains("problem")) beside.nextElementSibling.remove();
}

// Run what a control starts: locked meanwhile, unlocked whatever happens.
export async function attempt(control, work, beside = control) {
  quiet(beside);
  control.disabled = true;
  try {
    return await work();
  } catch (error) {
    complain(beside, error);
    return undefined;
  } finally {
    control.disabled = false;
  }
}

export function later(milliseconds, work) {
  let timer = 0;
  const call = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), milliseconds);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}

export function save(name, blob) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
