// Compare: cards of two to four directions on the same samples.

import { attempt, button, choice, el, field } from "./dom.js";
import { Working } from "./working.js";
import * as api from "./api.js";

const MOST = 4;

// Two decimals with a sign, and none before nothing.
function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return Number(text) ? `${value > 0 ? "+" : "−"}${text}` : text;
}

export class Compare extends Working {
  constructor(app) {
    super(app);
    this.chosen = [];
    this.cards = new Map();
    this.pick = el("select", { id: "card-pick", onchange: () => this.add(this.pick.value) });
    this.list = el("div", { class: "items" });
    this.amount = choice("Amount", [["half", "half the range"], ["all", "the range"], ["moved", "as set", "As the sliders stand"], ["alike", "alike inside", "So that each changes the region by 5 %"]], "half", (key) => { this.by = key; }, { class: "choice named chips" });
    this.by = "half";
    this.rows = choice("Rows", [["own", "its rows"], ["all", "all rows"]], "own", (key) => { this.which = key; }, { class: "choice named" });
    this.which = "own";
    this.region = el("select", { id: "card-region" });
    this.each = el("input", { type: "checkbox", id: "each-row" });
    this.samples = el("input", { type: "number", min: 2, max: 256, value: 32 });
    this.run = button("Rescore", () => attempt(this.run, () => this.during(() => this.measure()), this.note).then(() => this.offer()), { class: "main", id: "rescore" });
    this.board = el("div", { class: "board" });
    this.stageNode = el("div", { class: "comparing", tabIndex: 0, role: "region", "aria-label": "Cards" }, this.board);
    this.node = el("div", { class: "panel", id: "compare" }, field("Add a direction", this.pick), this.list, this.amount, this.rows,
      field("Region", this.region), el("div", { class: "fields" }, field("Samples", this.samples), el("label", { class: "check" }, this.each, "Each row alone")), el("div", { class: "fields go" }, this.run, this.halt), this.note,
      el("p", { class: "quiet" }, "The change of each attribute in standard deviations, with a 95 % interval over the samples of the seed at hand."));
    app.store.addEventListener("directions", () => this.fill());
    this.fill();
  }

  enter() {
    this.fill();
    const head = (this.app.store.state.heads || []).at(-1);
    const { value } = this.region;
    this.region.replaceChildren(el("option", { value: "" }, "none"), el("option", { value: "painted" }, "what is painted in Regions"),
      ...(head?.classes || []).map((item, index) => el("option", { value: index }, `the class ${item.name}`)));
    this.region.value = [...this.region.options].some((option) => option.value === value) ? value : "";
  }

  // what the cards are measured on: nothing, what is painted in Regions, a class of the newest head
  async where() {
    const { store, regions } = this.app;
    if (this.region.value === "") return {};
    if (this.region.value === "painted") {
      const { layers } = regions.painter;
      if (layers.empty) throw new Error("Nothing is painted in Regions: paint a part there, or choose a class.");
      return { mask: await api.upload(store.id, layers.label.slice(), "label") };
    }
    return { head: store.state.heads.at(-1).id, klass: Number(this.region.value) };
  }

  fill() {
    const { store } = this.app;
    this.chosen = this.chosen.filter((id) => store.direction(id));
    const free = store.directions.filter((entry) => entry.fits && !this.chosen.includes(entry.id));
    this.pick.replaceChildren(el("option", { value: "" }, this.chosen.length < MOST ? "choose…" : "four are chosen"), ...free.map((entry) => el("option", { value: entry.id }, `${entry.name} (${entry.system})`)));
    this.pick.disabled = this.chosen.length >= MOST;
    this.list.replaceChildren(...this.chosen.map((id) => {
      const entry = store.direction(id);
      return el("div", { class: "editline" }, el("span", {}, `${entry.name}`), el("span", { class: "quiet" }, entry.system), button("✕", () => this.drop(id), { class: "icon", "aria-label": `Leave out ${entry.name}` }));
    }));
    if (!this.cards.size) {
      const some = this.chosen.length;
      this.board.replaceChildren(el("div", { class: "empty" }, el("h2", {}, some ? "Not measured yet" : "Nothing to compare yet"), el("p", { class: "quiet" }, some
        ? "Rescore draws a card of each direction that is chosen."
        : "Add one to four directions: each gets a card with its pictures, what it moves, and which others are like it.")));
    }
    this.offer();
  }

  offer() {
    this.run.disabled = Boolean(this.job) || !this.chosen.length;
  }

  add(id) {
    if (!id) return;
    this.chosen.push(id);
    this.fill();
  }

  drop(id) {
    this.chosen = this.chosen.filter((other) => other !== id);
    this.cards.get(id)?.remove();
    this.cards.delete(id);
    this.fill();
  }

  async measure() {
    const { store } = this.app;
    await this.app.explore.settle();
    const where = { ...(await this.where()), ...(this.by === "alike" && { inside: 0.05 }), each_row: this.each.checked };
    for (const id of [...this.chosen]) {
      const entry = store.direction(id);
      const move = store.at.moves.find((other) => other.direction === id);
      const amount = { half: entry.scale / 2, all: entry.scale, moved: move?.amount || entry.scale / 2, alike: null }[this.by];
      const rows = this.which === "all" && ["w", "wp"].includes(entry.space) ? `0-${store.model.rows - 1}` : this.by === "moved" ? move?.rows ?? null : null;
      const job = await this.begin("card", { direction: id, amount, rows, samples: this.samples.valueAsNumber || 32, ...where }, `${entry.name}: `);
      if (!job.result) return;
      const card = await this.card(job.result, job.id);
      if (!this.cards.size) this.board.replaceChildren();
      if (this.cards.has(id)) this.cards.get(id).replaceWith(card);
      else this.board.append(card);
      this.cards.set(id, card);
    }
  }

  async card(found, id) {
    const { store } = this.app;
    const bitmap = await createImageBitmap(new Blob([await api.bytes(store.id, found.strip)], { type: "image/png" }));
    const strip = el("canvas", { width: bitmap.width, height: bitmap.height, role: "img", "aria-label": `${found.shown} samples from ${(-found.amount).toFixed(2)} to ${found.amount.toFixed(2)} along ${found.name}` });
    strip.getContext("2d").drawImage(bitmap, 0, 0);
    const most = Math.max(0.5, ...(found.attributes || []).flatMap((item) => [Math.abs(item.low), Math.abs(item.high)]));
    const bars = (found.attributes || []).map((item) => {
      const bar = el("span", { class: "effect", role: "img", "aria-label": `from ${item.low.toFixed(2)} to ${item.high.toFixed(2)}` });
      const place = (value) => `${50 + (50 * value) / most}%`;
      bar.style.setProperty("--from", place(Math.min(0, item.change)));
      bar.style.setProperty("--to", place(Math.max(0, item.change)));
      bar.style.setProperty("--low", place(item.low));
      bar.style.setProperty("--high", place(item.high));
      return el("div", { class: "moves" }, el("span", {}, item.name.replace(/_/g, " ")), bar, el("span", { class: "number" }, signed(item.change)));
    });
    const like = found.nearest.slice(0, 3).map((other) => `${other.name} (${other.system}) ${other.cosine.toFixed(2)}`).join(", ");
    return el("article", { class: "card" }, el("h2", {}, found.name, el("span", { class: "quiet" }, ` ${found.system} · ±${found.amount.toFixed(2)}`)), strip,
      found.attributes ? el("div", {}, bars) : el("p", { class: "quiet" }, "No predictor of attributes is known for this model: start the server with --predictor."),
      found.inside !== null && el("p", { class: "changes" }, `Changes ${(100 * found.inside).toFixed(1)} % inside the region, ${(100 * found.outside).toFixed(1)} % outside.`),
      found.by_row.length > 0 && el("p", { class: "quiet" }, `${found.by_row[0].name.replace(/_/g, " ")} by row: ${found.by_row.map((item) => `${item.row}: ${signed(item.change)}`).join(", ")}.`),
      like && el("p", { class: "quiet" }, `Most alike (cosine): ${like}.`), el("p", { class: "quiet origin" }, found.origin), this.app.commandOf(id));
  }
}
