// Regions: paint a part of the picture, or take a class; what changes it and little else becomes sliders.

import { attempt, button, choice, el, field, quiet, save } from "./dom.js";
import * as api from "./api.js";
import { Painter } from "./painter.js";
import { Palette } from "./palette.js";
import { Working } from "./working.js";

const REGION = [{ name: "region", colour: [255, 120, 60] }];

export class Regions extends Working {
  constructor(app) {
    super(app);
    this.painter = new Painter({ changed: () => this.offer(), picked: () => {} });
    this.palette = new Palette(this.painter, {});
    this.palette.classes.hidden = this.palette.seen.closest(".fields").hidden = true;
    this.stageNode = el("div", { class: "painting" }, this.painter.node);
    const side = Math.min(128, app.store.model.resolution);
    this.painter.resize(side, REGION);
    this.palette.fill(REGION, side);
    this.painter.opacity = 0.55;
    this.klass = el("select", { id: "region-class", onchange: () => this.offer() });
    this.name = el("input", { type: "text", maxLength: 40, value: "region", class: "rows" });
    const last = app.store.model.rows - 1;
    this.rows = el("input", { type: "text", class: "rows", placeholder: `all, or 0-${last}` });
    this.count = el("input", { type: "number", min: 1, max: 32, value: 6 });
    this.samples = choice("Codes", [["1", "this code"], ["4", "4 samples"], ["16", "16"]], "1", (value) => { this.many = Number(value); }, { class: "choice named" });
    this.many = 1;
    this.find = button("Find directions", () => attempt(this.find, () => this.run(), this.note).then(() => this.offer()), { class: "main", id: "find" });
    this.result = el("div", { class: "result" });
    this.clean = button("Clear", () => { this.painter.clear(); this.offer(); }, { class: "plain" });
    this.painted = el("div", {}, this.palette.node);
    this.node = el("div", { class: "panel", id: "regions" }, field("Region", this.klass), this.painted,
      el("div", { class: "fields" }, field("Name", this.name), field("Rows", this.rows), field("Directions", this.count)), this.samples,
      el("div", { class: "fields go" }, this.find, this.halt, this.clean), this.note, this.result);
    app.store.addEventListener("state", () => this.sync());
    app.store.addEventListener("directions", () => this.show());
    this.sync();
  }

  sync() {
    const head = (this.app.store.state.heads || []).at(-1);
    const key = head?.id || "";
    if (key === this.headId) return;
    this.headId = key;
    this.klass.replaceChildren(el("option", { value: "" }, "what I paint"), ...(head?.classes || []).map((item, index) => el("option", { value: index }, `the class ${item.name}`)));
    this.offer();
  }

  enter() {
    this.app.renderer.refresh();
    this.show();
  }

  frame(bitmap) {
    this.painter.show(bitmap);
  }

  offer() {
    const byClass = this.klass.value !== "";
    this.painted.hidden = byClass;
    this.clean.hidden = byClass || this.painter.layers.empty;
    this.find.disabled = Boolean(this.job) || (!byClass && this.painter.layers.empty);
    if (!this.job && !this.result.children.length)
      this.note.textContent = this.find.disabled ? "Paint the part of the picture that is to change." : "";
  }

  async run() {
    const { store } = this.app;
    await this.app.explore.settle();
    const byClass = this.klass.value !== "";
    const args = { count: this.count.valueAsNumber || 6, samples: this.many, rows: this.rows.value.trim() || null, name: this.name.value.trim() || "region" };
    if (byClass) Object.assign(args, { head: this.headId, klass: Number(this.klass.value) });
    else args.mask = await api.upload(store.id, this.painter.layers.label.slice(), "label");
    const job = await this.work("region", args);
    if (!job.result) return;
    this.found = { ...job.result, job: job.id };
    await store.catchUp();
    await store.refreshDirections();
    this.painter.clear();
  }

  // the sliders are Explore's own lines: one state, wherever they stand
  show() {
    if (!this.found || this.app.view !== "regions") return;
    const { explore, store } = this.app;
    const percent = (value) => `${(100 * value).toFixed(1)} %`;
    const lines = this.found.directions.filter((item) => explore.lines.has(item.id)).map((item) => el("div", { class: "found" }, explore.lines.get(item.id).node,
      el("p", { class: "quiet" }, `changes ${percent(item.inside)} inside, ${percent(item.outside)} outside (of the range, at half the slider, on four fresh codes)`)));
    const get = button("Save", () => attempt(get, async () => save(`${this.found.name}.safetensors`, new Blob([await api.bytes(store.id, this.found.blob)]))), { class: "plain" });
    this.result.replaceChildren(el("h3", {}, `${this.found.name}, by decreasing eigenvalue`), ...lines, el("div", { class: "fields" }, get, this.app.commandOf(this.found.job)));
    quiet(this.note);
  }

  undo() {
    this.painter.undo();
    this.offer();
  }

  redo() {
    this.painter.redo();
    this.offer();
  }
}
