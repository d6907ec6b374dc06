// Explore: a sample, and a line for each direction of every system.

import { attempt, button, choice, el, field, later, quiet, complain, save, say } from "./dom.js";
import * as api from "./api.js";
import { pasteSwitch } from "./paste.js";

const SORTS = [["system", "by system"], ["name", "by name"], ["range", "by range"], ["effect", "by effect"]];
const favourites = new Set(JSON.parse(localStorage.getItem("gantk-favourites") || "[]"));

export class Explore {
  constructor(app) {
    this.app = app;
    this.lines = new Map();
    this.filter = { text: "", system: "all", sort: "system" };
    this.record = later(350, () => this.send());
    this.node = el("div", { class: "panel", id: "explore" }, this.sample(), this.list());
    const { store } = app;
    store.unsent = () => ({ ...(this.dirty && { moves: store.at.moves }), ...(this.pulling && { base: store.at.base }) });
    store.addEventListener("state", () => this.sync());
    store.addEventListener("directions", () => this.fill());
    this.fill();
    this.sync();
  }

  // --- the sample ---

  sample() {
    const { store } = this.app;
    const number = (name, max) =>
      el("input", { type: "number", min: 0, max, step: 1, inputMode: "numeric", onchange: () => this.base({ [name]: this[name].valueAsNumber || 0 }) });
    this.seed = number("seed", 2 ** 31);
    this.index = number("index", 2 ** 31);
    this.psi = el("input", {
      type: "range", min: 0, max: 1.5, step: 0.025, oninput: (event) => this.live({ psi: Number(this.psi.value) }, event),
      onchange: () => this.base({ psi: Number(this.psi.value) >= 1 && Number(this.psi.value) < 1.01 ? null : Number(this.psi.value) }),
    });
    this.psiText = el("output", { class: "number" });
    this.rows = el("input", { type: "number", min: 0, max: 64, step: 1, onchange: () => this.base({ rows: this.rows.value === "" ? null : this.rows.valueAsNumber }) });
    this.noise = el("select", { onchange: () => this.base({ noise: this.noise.value === "seed" ? 0 : this.noise.value }) },
      el("option", { value: "const" }, "const"), el("option", { value: "none" }, "none"), el("option", { value: "seed" }, "a seed"));
    this.noiseSeed = el("input", { type: "number", min: 0, step: 1, "aria-label": "Seed of the noise", onchange: () => this.base({ noise: this.noiseSeed.valueAsNumber || 0 }) });
    this.klass = el("input", { type: "number", min: 0, step: 1, placeholder: "drawn", onchange: () => this.base({ label: this.klass.value === "" ? null : this.klass.valueAsNumber }) });
    this.count = choice("Samples", [["1", "1"], ["4", "4"], ["9", "9"], ["16", "16"]], "1", (value) => this.app.arrange(Number(value)), { class: "choice count" });
    const next = button("Next", () => this.next(), { title: "Next sample (N)", id: "next" });
    const { model } = store;
    this.box = el("section", { "aria-label": "Sample" },
      el("div", { class: "fields" }, field("Seed", this.seed), field("Sample", this.index), next, this.count),
      el("details", { class: "more" }, el("summary", {}, "Truncation, noise", model.classes ? ", class" : ""),
        el("div", { class: "fields" },
          model.can_truncate && field("psi", el("span", { class: "with" }, this.psi, this.psiText)),
          model.can_truncate && field("Truncated rows", this.rows),
          model.has_noise && field("Noise", this.noise), model.has_noise && this.noiseSeed,
          model.classes > 0 && field("Class", this.klass))));
    this.psi.setAttribute("aria-label", "psi");
    this.rows.placeholder = "all";
    return this.box;
  }

  next(step = 1) {
    const by = step * (this.app.stage.count > 1 ? this.app.stage.count : 1);
    this.base({ index: Math.max(0, this.app.store.at.base.index + by), code: null });
  }

  // psi follows the finger; the journal hears of it when the finger lifts
  live(change, event) {
    const { store, renderer } = this.app;
    this.pulling = true;
    store.at.base = { ...store.at.base, ...change, code: null };
    this.psiText.value = Number(this.psi.value).toFixed(2);
    renderer.refresh(event.timeStamp);
  }

  async base(change) {
    const { store, renderer } = this.app;
    quiet(this.box);
    const keepsCode = Object.keys(change).every((key) => key === "noise");
    const base = { ...store.at.base, ...change, ...(keepsCode ? {} : { code: null }) };
    this.pulling = false;
    try {
      this.record.cancel();
      if (this.dirty) await this.send();
      await store.post({ type: "base", base }, true);
      renderer.refresh(performance.now());
    } catch (error) {
      complain(this.box, error);
      this.sync();
    }
  }

  // --- directions ---

  list() {
    this.search = el("input", { type: "search", placeholder: "Search", "aria-label": "Search directions", oninput: () => this.arrange({ text: this.search.value.toLowerCase() }) });
    this.sort = el("select", { "aria-label": "Order", onchange: () => this.arrange({ sort: this.sort.value }) }, SORTS.map(([value, text]) => el("option", { value }, text)));
    this.systems = el("div", { class: "systems" });
    this.rowsBox = el("div", { class: "lines", role: "list", "aria-label": "Directions" });
    this.reset = button("Reset all", () => this.clear(), { class: "plain" });
    return el("section", { "aria-label": "Directions" },
      el("div", { class: "tools" }, this.search, this.sort, this.reset), this.systems, this.rowsBox);
  }

  fill() {
    const systems = [...new Set(this.app.store.directions.map((entry) => entry.system))];
    const starred = [["all", "All"], ["starred", "★", "Favourites"], ...systems.map((name) => [name, name])];
    this.systems.replaceChildren(choice("Systems", starred, this.filter.system, (system) => this.arrange({ system }), { class: "choice chips" }));
    for (const entry of this.app.store.directions) if (!this.lines.has(entry.id)) this.lines.set(entry.id, new Line(this, entry));
    this.arrange({});
    this.sync();
  }

  enter() {
    this.arrange({});
  }

  arrange(change) {
    Object.assign(this.filter, change);
    const { text, system, sort } = this.filter;
    const entries = this.app.store.directions.filter(
      (entry) =>
        (!text || `${entry.name} ${entry.system}`.toLowerCase().includes(text)) &&
        (system === "all" || entry.system === system || (system === "starred" && favourites.has(entry.id))),
    );
    const order = { name: (a, b) => a.name.localeCompare(b.name), range: (a, b) => b.scale - a.scale, effect: (a, b) => (b.effect ?? -1) - (a.effect ?? -1), system: () => 0 }[sort];
    entries.sort((a, b) => favourites.has(b.id) - favourites.has(a.id) || b.fits - a.fits || order(a, b));
    const shown = [];
    if (sort === "effect" && !entries.some((entry) => entry.effect !== null)) shown.push(el("p", { class: "quiet" }, "No effect is measured yet: rescore directions in Compare."));
    let heading = "";
    for (const entry of entries) {
      if (sort === "system" && system === "all" && !favourites.has(entry.id) && entry.system !== heading) {
        heading = entry.system;
        shown.push(el("h3", {}, heading));
      }
      shown.push(this.lines.get(entry.id).node);
    }
    if (!shown.length)
      shown.push(el("p", { class: "quiet" }, system === "starred" && !text ? "No favourites yet: open a line with ⋯ and press its star." : "Nothing is called that. Clear the search to see every direction."));
    this.rowsBox.replaceChildren(...shown);
  }

  sync() {
    const { base, moves } = this.app.store.at;
    this.seed.value = base.seed;
    this.index.value = base.index;
    this.psi.value = base.psi ?? 1;
    this.psiText.value = base.psi === null ? "off" : Number(base.psi).toFixed(2);
    this.rows.value = base.rows ?? "";
    this.noise.value = typeof base.noise === "number" ? "seed" : base.noise;
    this.noiseSeed.hidden = typeof base.noise !== "number";
    this.noiseSeed.value = typeof base.noise === "number" ? base.noise : 0;
    this.klass.value = base.label ?? "";
    const by = new Map(moves.map((move) => [move.direction, move]));
    for (const [id, line] of this.lines) line.sync(by.get(id));
    this.reset.hidden = !moves.length;
  }

  change(id, change, event) {
    const { store, renderer } = this.app;
    const old = store.at.moves.find((move) => move.direction === id);
    const move = { direction: id, amount: 0, rows: null, mute: false, hold: false, ...old, ...change };
    const rest = store.at.moves.filter((other) => other.direction !== id);
    const plain = !move.amount && !move.mute && !move.hold && move.rows === null;
    store.at.moves = plain ? rest : [...rest, move];
    this.lines.get(id).sync(plain ? undefined : move);
    this.reset.hidden = !store.at.moves.length;
    this.dirty = true;
    renderer.refresh(event?.timeStamp || performance.now());
    this.record();
  }

  clear() {
    this.app.store.at.moves = [];
    this.sync();
    this.dirty = true;
    this.app.renderer.refresh(performance.now());
    this.record();
    say("All sliders are at 0.");
  }

  async send() {
    this.dirty = false;
    try {
      await this.app.store.post({ type: "moves", moves: this.app.store.at.moves });
    } catch (error) {
      complain(this.search.parentElement, error);
    }
  }

  async settle() {
    this.record.cancel();
    if (this.dirty) await this.send();
    await this.app.store.queue;
  }

  problem(error) {
    complain(this.search.parentElement, error);
  }
}

class Line {
  constructor(view, entry) {
    this.view = view;
    this.entry = entry;
    const label = `${entry.name} (${entry.system})`;
    const step = (2 * entry.scale) / 60;
    const change = (event, amount) => view.change(entry.id, { amount: Number(Number(amount).toPrecision(6)) }, event);
    this.slider = el("input", {
      type: "range", min: -entry.scale, max: entry.scale, step, value: 0, "aria-label": label, disabled: !entry.fits,
      oninput: (event) => change(event, this.snap(this.slider.valueAsNumber, step)),
      onkeydown: (event) => {
        if (event.key === "0") change(event, 0);
      },
      ondblclick: (event) => change(event, 0),
    });
    this.slider.dataset.direction = entry.id;
    this.number = el("input", { type: "number", step: "any", class: "amount", "aria-label": `Amount of ${label}`, disabled: !entry.fits, onchange: (event) => change(event, this.number.valueAsNumber || 0) });
    this.back = button("↺", (event) => change(event, 0), { class: "icon", title: "Reset (0)", "aria-label": `Reset ${entry.name}` });
    this.open = button("⋯", () => this.unfold(), { class: "icon", title: "Rows, mute, hold, strip", "aria-label": `More of ${entry.name}`, "aria-expanded": "false", disabled: !entry.fits });
    this.rowsText = el("span", { class: "where" }, this.where());
    this.node = el("div", { class: "line", role: "listitem" },
      el("span", { class: "name" }, entry.name), this.rowsText, this.number, this.back, this.open, this.slider,
      !entry.fits && el("p", { class: "reason" }, entry.reason));
    this.node.classList.toggle("other", !entry.fits);
  }

  snap(value, step) {
    return Math.abs(value) < step / 2 ? 0 : value;
  }

  where(rows) {
    const { entry } = this;
    if (entry.space === "weights") return `weights of ${entry.layer}`;
    return `${entry.space} · rows ${rows || spans(entry.rows)}`;
  }

  unfold() {
    this.more ? this.more.remove() : this.node.append(this.extra());
    if (this.more) this.more = null;
    else this.more = this.node.lastElementChild;
    this.open.setAttribute("aria-expanded", String(Boolean(this.more)));
    this.sync(this.move);
  }

  extra() {
    const { view, entry } = this;
    const last = view.app.store.model.rows - 1;
    const middle = Math.floor(last / 2);
    const presets = [["own", "its rows"], [`0-${last}`, "all"], [`0-${middle}`, "coarse"], [`${middle + 1}-${last}`, "fine"]];
    const latent = ["w", "wp"].includes(entry.space) && last > 0;
    this.chips = latent && choice(`Rows of ${entry.name}`, presets, "own", (rows) => view.change(entry.id, { rows: rows === "own" ? null : rows }), { class: "choice chips" });
    this.rowsBox = latent && el("input", { type: "text", class: "rows", placeholder: "0-3,7", "aria-label": `Rows of ${entry.name}`, onchange: () => view.change(entry.id, { rows: this.rowsBox.value.trim() || null }) });
    const check = (name, key, title) => {
      const box = el("input", { type: "checkbox", onchange: () => view.change(entry.id, { [key]: box.checked }) });
      this[key] = box;
      return el("label", { class: "check", title }, box, name);
    };
    const star = button(favourites.has(entry.id) ? "★" : "☆", () => {
      favourites.has(entry.id) ? favourites.delete(entry.id) : favourites.add(entry.id);
      localStorage.setItem("gantk-favourites", JSON.stringify([...favourites]));
      star.textContent = favourites.has(entry.id) ? "★" : "☆";
      star.setAttribute("aria-pressed", String(favourites.has(entry.id)));
      view.arrange({});
    }, { class: "icon", "aria-label": `Favourite ${entry.name}`, "aria-pressed": String(favourites.has(entry.id)) });
    const file = (text, kind, args) => {
      const made = button(text, () => attempt(made, async () => {
        await view.settle();
        await view.app.takeFile(kind, args);
      }, this.more), { class: "plain" });
      return made;
    };
    return el("div", { class: "extra" }, this.chips, this.rowsBox,
      el("div", { class: "fields" }, check("mute", "mute", "Stays in the list and does nothing"),
        entry.space !== "weights" && check("hold fixed", "hold", "Other directions lose their part along it"), star,
        file("Strip", "export", { what: "strip", direction: entry.id }), file("GIF", "animate", { direction: entry.id, form: "gif" })));
  }

  sync(move) {
    this.move = move;
    const amount = move?.amount ?? 0;
    const wide = Math.max(this.entry.scale, Math.abs(amount));
    this.slider.min = -wide;
    this.slider.max = wide;
    if (this.slider.valueAsNumber !== amount) this.slider.value = amount;
    this.slider.style.setProperty("--from", `${50 + Math.min(0, amount / wide) * 50}%`);
    this.slider.style.setProperty("--to", `${50 + Math.max(0, amount / wide) * 50}%`);
    if (document.activeElement !== this.number || !amount) this.number.value = amount ? String(Number(amount.toFixed(3))) : "0";
    this.back.classList.toggle("away", !amount);
    this.node.classList.toggle("moved", Boolean(amount));
    this.node.classList.toggle("muted", Boolean(move?.mute));
    this.rowsText.textContent = this.where(move?.rows) + (move?.hold ? " · held" : "") + (move?.mute ? " · muted" : "");
    if (!this.more) return;
    this.chips?.pick(move?.rows ?? "own");
    if (this.rowsBox) this.rowsBox.value = move?.rows ?? "";
    this.mute.checked = Boolean(move?.mute);
    if (this.hold) this.hold.checked = Boolean(move?.hold);
  }
}

// 0-2, 5: the shortest way to write a list of rows
function spans(rows) {
  if (!rows) return "all";
  const parts = [];
  for (const row of rows) {
    const last = parts.at(-1);
    if (last && last[1] === row - 1) last[1] = row;
    else parts.push([row, row]);
  }
  return parts.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
}

// Under the picture: what was before, keep, save, export, and the line that repeats it.
export function stageBar(app) {
  const { stage, store } = app;
  const modes = choice("Before and after", [["after", "After"], ["divider", "Divider"], ["difference", "Difference"]], "after", (mode) => stage.show(mode));
  const before = button("Before", null, {
    title: "Hold to see what was before (B)", class: "plain",
    onpointerdown: () => stage.hold(true), onpointerup: () => stage.hold(false), onpointerleave: () => stage.hold(false),
    onkeydown: (event) => event.key === " " && stage.hold(true), onkeyup: () => stage.hold(false),
  });
  const keep = button("Keep", () => attempt(keep, async () => {
    await app.explore.settle();
    await store.post({ type: "base", keep: true }, true);
    app.renderer.refresh(performance.now());
    say("The moved picture is the base now. Z goes back.");
  }, bar), { title: "Make the moved picture the base" });
  let name = "moves";
  const saver = () => app.askName("Save direction", name, async (given) => {
    name = given.trim() || "moves";
    await app.explore.settle();
    await app.takeFile("export", { what: "direction", name });
    say(`The direction ${name} is in the list, and was downloaded.`);
  }, "The sum of the moves of one space, as a file that every gantk command reads.");
  const exports = app.dialog("Export", (done) => {
    const item = (text, note, work, id) => {
      const one = button(text, () => attempt(one, async () => {
        await app.explore.settle();
        await work();
        done();
      }), { class: "plain", id });
      return el("div", { class: "item" }, one, el("span", { class: "quiet" }, note));
    };
    const direct = (what) => async () => {
      const file = await api.exported(store.id, what);
      save(file.name, file.blob);
    };
    return el("div", { class: "items" },
      item("PNG", "the picture at full size", direct("png")),
      item("Codes", "wp [1, L, D] as .npy", direct("npy")),
      item("Session", "every edit, its strokes and the result, as a zip", () => app.takeFile("export", { what: "session" }), "export-session"),
      el("p", { class: "quiet" }, "Strips and GIFs along one slider are in its ⋯."));
  });
  const repeat = () => {
    const lines = app.explore.settle().then(() => api.get(`projects/${store.id}/command`)).then((found) => found.python);
    app.showText("Python that draws this picture.", lines, app.lastFile && button("The last file's", () => app.showCommand(app.lastFile), { class: "plain" }));
  };
  const bar = el("div", { class: "bar" }, before, modes, el("span", { class: "gap" }), keep,
    button("Save direction", saver), button("Export", exports, { id: "export" }), button("Command", repeat, { class: "plain" }), pasteSwitch(app));
  return bar;
}
