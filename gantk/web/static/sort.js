// Sort: a grid of samples; those that have something are clicked, and become an attribute, a boundary, a slider.

import { attempt, button, choice, complain, el, facts, field, quiet, say } from "./dom.js";
import { Working } from "./working.js";

export const PANE = 32; // of the live socket: the first sample of the grid
const COUNT = 24;
const SIZE = 160;
const STATES = { true: "has it", false: "does not have it" };

export class Sort extends Working {
  constructor(app) {
    super(app);
    this.indices = Array.from({ length: COUNT }, (_, place) => place);
    this.cells = this.indices.map((_, place) => this.cell(place));
    this.grid = el("div", { class: "sorting", role: "group", "aria-label": "Samples" }, this.cells.map((cell) => cell.node));
    this.stageNode = el("div", { class: "sorter" }, this.grid);
    this.name = el("input", { type: "text", maxLength: 80, value: "", placeholder: "what it is called", id: "attribute", oninput: () => this.sync() });
    this.names = el("datalist", { id: "attributes" });
    this.name.setAttribute("list", "attributes");
    this.note.id = "marked";
    this.rest = button("The rest do not: next", () => attempt(this.rest, () => this.turn(), this.note), { class: "main", id: "rest" });
    this.more = button("Other samples", () => this.show(this.after()), { id: "others" });
    this.fit = button("Fit", () => attempt(this.fit, () => this.run(false), this.note).then(() => this.sync()), { class: "main", id: "learn" });
    this.keep = button("Make it a slider", () => attempt(this.keep, () => this.run(true), this.note).then(() => this.sync()), { id: "slider" });
    this.out = button("Export labels", () => attempt(this.out, () => app.takeFile("export", { what: "labels" })), { class: "plain", title: "A table and its pictures, for gantk train-predictor" });
    this.result = el("div", { class: "result" });
    this.order = choice("Next", [["unsure", "the least sure"], ["fresh", "fresh samples"]], "unsure", (key) => { this.by = key; }, { class: "choice named" });
    this.by = "unsure";
    this.node = el("div", { class: "panel", id: "sort" }, field("Attribute", this.name), this.names,
      el("p", { class: "quiet" }, "Click the samples that have it; a second click takes it back. Then say that the rest do not."),
      el("div", { class: "fields" }, this.rest, this.more), this.order, this.note,
      el("div", { class: "fields go" }, this.fit, this.keep, this.halt, this.out), this.result);
    app.store.addEventListener("state", () => this.sync());
    app.store.addEventListener("directions", () => this.slide());
    this.sync();
  }

  cell(place) {
    const canvas = el("canvas", { width: 64, height: 64, "aria-hidden": "true" });
    const text = el("span", { class: "said" });
    const node = el("button", { type: "button", class: "sample", onclick: () => this.click(place) }, canvas, text);
    return { node, canvas, text };
  }

  // --- what is marked ---

  base(index) {
    const { seed, label, psi, rows } = this.app.store.at.base;
    return { seed, index, label, psi, rows, noise: "const", code: null };
  }

  get attribute() {
    return this.name.value.trim();
  }

  get marks() {
    const kind = (base) => JSON.stringify(["seed", "label", "psi", "rows", "noise", "code"].map((key) => base[key]));
    const wanted = kind(this.base(0));
    return new Map((this.app.store.state.marks || []).filter((mark) => mark.attribute === this.attribute && kind(mark.base) === wanted).map((mark) => [mark.base.index, mark.value]));
  }

  sync() {
    const { store } = this.app;
    const names = [...new Set((store.state.marks || []).map((mark) => mark.attribute))];
    this.names.replaceChildren(...names.map((value) => el("option", { value })));
    if (!this.name.value && names.length && document.activeElement !== this.name) this.name.value = names.at(-1);
    const { marks } = this;
    this.cells.forEach(({ node, text }, place) => {
      const value = marks.get(this.indices[place]);
      node.setAttribute("aria-pressed", String(value === true));
      node.setAttribute("aria-label", `Sample ${this.indices[place]}: ${STATES[value] || "not marked"}`);
      node.dataset.value = String(value ?? "");
      text.textContent = { true: "✓", false: "✕" }[value] || "";
    });
    const have = [...marks.values()].filter(Boolean).length;
    const ready = have >= 2 && marks.size - have >= 2;
    if (!this.job) this.note.textContent = marks.size ? `${marks.size} marked: ${have} have it, ${marks.size - have} do not.` : "";
    this.fit.disabled = Boolean(this.job) || !ready;
    this.keep.disabled = this.fit.disabled;
    this.out.hidden = !(store.state.marks || []).length;
    this.rest.disabled = !this.attribute || !have;
    const key = JSON.stringify(this.base(0));
    if (key !== this.shownBase && this.app.view === "sort") this.ask();
  }

  offer() {
    this.sync();
  }

  click(place) {
    if (!this.attribute) {
      complain(this.name.parentElement, new Error("Say first what you look for: a word of your own."));
      this.name.focus();
      return undefined;
    }
    quiet(this.name.parentElement);
    const index = this.indices[place];
    return this.put([[index, this.marks.get(index) === true ? null : true]]);
  }

  // one event for one act, which the server can take back
  put(pairs) {
    const marks = pairs.map(([index, value]) => ({ base: this.base(index), value }));
    return this.record({ type: "marks", attribute: this.attribute, marks });
  }

  async record(event) {
    try {
      await this.app.store.post(event, true);
      quiet(this.note);
    } catch (error) {
      complain(this.note, error);
    }
  }

  async step(step) {
    const { store } = this.app;
    await store.queue;
    if (!store.state[step < 0 ? "undoable" : "redoable"]) return void say(`There is nothing to ${step < 0 ? "undo" : "redo"}.`);
    const then = new Set(store.state.marks.map((mark) => JSON.stringify(mark)));
    await this.record({ type: "sorting", step });
    const now = new Set(store.state.marks.map((mark) => JSON.stringify(mark)));
    const changed = [...then].filter((mark) => !now.has(mark)).concat([...now].filter((mark) => !then.has(mark))).map((mark) => JSON.parse(mark));
    if (!changed.length) return undefined;
    this.name.value = changed[0].attribute;
    const indices = [...new Set(changed.map((mark) => mark.base.index))];
    if (JSON.stringify({ ...changed[0].base, index: 0 }) !== JSON.stringify(this.base(0))) this.sync(); // of other samples than these
    else this.show(indices.every((index) => this.indices.includes(index)) ? this.indices : this.around(indices));
    return void say(`${indices.length === 1 ? `Sample ${indices[0]} is` : `${indices.length} samples are`} as ${step < 0 ? "before" : "marked again"}.`);
  }

  // a grid with these samples, those that were marked last, and fresh ones
  around(indices) {
    const marked = [...this.marks.keys()].reverse();
    return [...new Set([...indices, ...marked, ...this.after()])].slice(0, COUNT).sort((a, b) => a - b);
  }

  undo() {
    return this.step(-1);
  }

  redo() {
    return this.step(1);
  }

  // --- samples ---

  enter() {
    this.ask();
    this.sync();
  }

  ask() {
    const { live, store } = this.app;
    this.shownBase = JSON.stringify(this.base(0));
    this.indices.forEach((index, place) => live.request(PANE + place, { project: store.id, base: this.base(index), moves: [], offset: 0, size: SIZE, final: false }));
  }

  show(indices) {
    this.indices = indices.slice(0, COUNT);
    this.cells.forEach(({ node }, place) => { node.hidden = place >= this.indices.length; });
    this.ask();
    this.sync();
  }

  after() {
    const { marks } = this;
    let next = Math.max(-1, ...this.indices, ...marks.keys()) + 1;
    return Array.from({ length: COUNT }, () => next++);
  }

  frame(place, bitmap) {
    const { canvas } = this.cells[place];
    if (canvas.width !== bitmap.width) [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.classList.toggle("small", bitmap.width <= 128);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
  }

  async turn() {
    const { marks } = this;
    const open = this.indices.filter((index) => !marks.has(index));
    if (open.length) await this.put(open.map((index) => [index, false]));
    const values = [...this.marks.values()];
    const have = values.filter(Boolean).length;
    if (this.by === "unsure" && have >= 2 && values.length - have >= 2) await this.run(false);
    else this.show(this.after());
    this.grid.querySelector("button:not([hidden])")?.focus();
  }

  // --- what is learned ---

  async run(keep) {
    const { store } = this.app;
    const { attribute } = this;
    const job = await this.work("sort", { attribute, base: this.base(0), keep });
    if (!job.result) return;
    this.found = { ...job.result, attribute, job: job.id };
    if (keep) {
      await store.catchUp();
      await store.refreshDirections();
    } else if (this.by === "unsure") this.show(job.result.next);
    else this.show(this.after());
    this.report();
    say(job.result.sentence);
  }

  report() {
    const { found } = this;
    const percent = (value) => `${Math.round(100 * value)} %`;
    this.slot = el("div", {});
    this.result.replaceChildren(el("h3", {}, found.attribute),
      facts([["Right when left out", `${percent(found.accuracy)} (${percent(found.low)} – ${percent(found.high)})`],
        ["Labels", `${found.labels}, ${found.positives} have it`], ["Samples looked at", found.pool]]),
      this.slot, el("div", { class: "fields" }, this.app.commandOf(found.job)));
    this.slide();
  }

  // the slider is Explore's own line: one state, wherever it stands
  slide() {
    const id = this.found?.direction;
    const line = id && this.app.explore.lines.get(id);
    if (line && this.app.view === "sort") {
      this.slot.replaceChildren(line.node, el("p", { class: "quiet" }, "It moves the picture at hand: look at it in Explore."),
        button("Look in Explore", () => this.app.go("explore"), { class: "plain" }));
    }
  }
}
