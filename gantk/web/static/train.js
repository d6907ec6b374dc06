// Train: label a few pictures, fit a head in seconds, look where it is wrong, correct it.

import { attempt, button, complain, el, facts, field, later, quiet, save, say } from "./dom.js";
import * as api from "./api.js";
import { picture } from "./layers.js";
import { Painter } from "./painter.js";
import { Palette, swatch } from "./palette.js";
import { fromHex, LATIN, toHex } from "./colours.js";
import { Working } from "./working.js";

export const PANE = 14; // of the live socket: the sample that is labelled
const SHOWN = 12; // maps of the fitted head: six fixed samples, six fresh ones
const SIX = 6;

export class Train extends Working {
  constructor(app) {
    super(app);
    this.index = 0;
    this.painter = new Painter({ changed: () => this.changed(), picked: (value) => this.palette.picked(value) });
    this.palette = new Palette(this.painter, { predict: () => this.predict(), cut: (size) => this.cut(size) });
    this.upload = later(250, () => this.saveLabel());
    this.strokes = 0;
    this.shots = el("ol", { class: "history", "aria-label": "Labelled samples" });
    this.stageNode = el("div", { class: "painting" }, this.painter.node, this.shots);
    this.classes = el("div", { class: "editor" });
    this.fitted = el("div", { class: "result" });
    this.where = el("input", { type: "number", min: 0, step: 1, onchange: () => this.go(this.where.valueAsNumber || 0) });
    this.fit = button("Fit", () => attempt(this.fit, () => this.run(), this.note), { class: "main", id: "fit" });
    const unsure = button("Most uncertain", () => attempt(unsure, () => this.uncertain(), bar), { class: "plain", title: "Of 32 samples, those the head is least sure of" });
    const drafts = button("Head's map as draft", () => attempt(drafts, () => this.draft(), bar), { class: "plain", id: "draft-head" });
    this.asSegmenter = button("Segmenter's map as draft", () => attempt(this.asSegmenter, () => this.draft(true), bar), { class: "plain", id: "draft-segmenter" });
    this.clean = button("Clear", () => { this.painter.clear(); this.changed(); }, { class: "plain" });
    const bar = el("div", { class: "fields" }, field("Sample", this.where), button("Next", () => this.go(this.index + 1), { title: "N" }), unsure);
    this.out = button("Export annotations", () => attempt(this.out, () => app.takeFile("export", { what: "annotations" })), { class: "plain" });
    this.needs = [unsure, drafts];
    this.node = el("div", { class: "panel", id: "train" }, bar,
      el("div", { class: "fields" }, drafts, this.asSegmenter, this.clean), this.palette.node,
      el("details", { class: "more", id: "class-editor" }, el("summary", {}, "Classes"), this.classes),
      el("div", { class: "fields go" }, this.fit, this.halt, this.out), this.note, this.fitted);
    app.store.addEventListener("state", () => this.sync());
    this.sync();
  }

  get base() {
    const { seed, label, psi, rows } = this.app.store.at.base;
    return { seed, label, psi, rows, noise: "const", code: null, index: this.index };
  }

  get side() {
    return Math.min(this.app.store.model.resolution, 256);
  }

  get head() {
    return (this.app.store.state.heads || []).at(-1);
  }

  annotation(index = this.index) {
    const wanted = JSON.stringify(order({ ...this.base, index }));
    return this.app.store.state.annotations.find((item) => JSON.stringify(order(item.base)) === wanted);
  }

  sync() {
    const { state, model } = this.app.store;
    const key = JSON.stringify(state.classes);
    if (key !== this.classKey) {
      this.classKey = key;
      const kept = this.painter.layers;
      this.painter.resize(this.side, state.classes);
      if (kept.side === this.side) this.painter.load(kept.label, null);
      this.palette.fill(state.classes, this.side);
      this.editor();
    }
    for (const control of this.needs) control.hidden = !this.head;
    this.palette.seen.closest("label").hidden = !this.head;
    this.out.hidden = !state.annotations.length;
    this.asSegmenter.hidden = !model.teacher;
    this.fit.disabled = Boolean(this.job) || !state.annotations.length;
    if (!this.job)
      this.note.textContent = state.annotations.length
        ? `${state.annotations.length} labelled ${state.annotations.length === 1 ? "sample" : "samples"}.`
        : "Paint classes on this sample, and on a few others. What is not painted is not learned from.";
    this.where.value = this.index;
    this.strip();
    if (!this.dirty) this.load();
  }

  strip() {
    const { annotations } = this.app.store.state;
    this.shots.replaceChildren(...annotations.map((item) => {
      const mark = el("canvas", { width: 48, height: 48, "aria-hidden": "true" });
      this.app.edit.thumbs ||= new Map();
      api.bytes(this.app.store.id, item.label).then((map) => {
        const side = Math.round(Math.sqrt(map.length));
        const small = new OffscreenCanvas(side, side);
        small.getContext("2d").putImageData(picture(map, side, this.app.store.state.classes, 1), 0, 0);
        mark.getContext("2d").drawImage(small, 0, 0, 48, 48);
      }).catch(() => {});
      return el("li", {}, el("button", { type: "button", "aria-current": item.base.index === this.index ? "true" : null, onclick: () => this.go(item.base.index) }, mark, el("span", {}, `sample ${item.base.index}`)));
    }));
    this.shots.hidden = !annotations.length;
  }

  // --- samples ---

  enter() {
    this.ask();
    this.load();
  }

  ask() {
    this.app.live.request(PANE, { project: this.app.store.id, base: this.base, moves: [], offset: 0, size: 1024, final: true });
  }

  frame(bitmap) {
    this.painter.show(bitmap);
  }

  async go(index) {
    if (this.dirty) await this.saveLabel();
    this.index = Math.max(0, index);
    this.painter.see(null);
    this.loaded = "";
    this.sync();
    this.ask();
    this.cut();
    if (this.palette.seen.checked) this.predict();
  }

  async load() {
    const sha = this.annotation()?.label || "";
    const key = `${this.index} ${sha}`;
    if (key === this.loaded) return;
    this.loaded = key;
    this.painter.load(sha ? await api.bytes(this.app.store.id, sha).catch(() => null) : null, null);
    this.clean.hidden = this.painter.layers.empty;
  }

  async uncertain() {
    const { store } = this.app;
    const labelled = new Set(store.state.annotations.map((item) => item.base.index));
    const start = Math.max(0, ...labelled, this.index) + 1;
    const { result } = await this.work("uncertain", { base: { ...this.base, index: start }, head: this.head.id, count: 32 });
    if (!result) return;
    await this.go(result.indices[0]);
    say(`Sample ${result.indices[0]} is the one the head is least sure of.`);
  }

  async draft(segmenter = false) {
    const { store } = this.app;
    const { result } = await store.job("predict", { base: this.base, head: segmenter ? null : this.head.id });
    let map = await api.bytes(store.id, result.label);
    if (!segmenter) map = renumber(map, this.head.classes, store.state.classes);
    if (map.length !== this.side ** 2) throw new Error(`The head's map has ${result.size} pixels a side, and labels here have ${this.side}.`);
    this.painter.layers.begin();
    this.painter.layers.label.set(map);
    this.painter.draw();
    this.changed();
  }

  // pieces of the sample, for the superpixel tool
  async cut(size = this.palette.piece) {
    if (this.painter.tool !== "piece") return;
    const { store } = this.app;
    const at = JSON.stringify([size, this.side, this.base]);
    if (at === this.cutAt) return;
    this.cutAt = at;
    this.painter.cut(null);
    try {
      const { result } = await store.job("superpixels", { base: this.base, side: this.side, size });
      if (this.cutAt === at && result) this.painter.cut(await api.numbers(store.id, result.pieces));
    } catch (error) {
      this.cutAt = "";
      complain(this.palette.node, error);
    }
  }

  async predict() {
    if (!this.head || !this.palette.seen.checked) return;
    const { store } = this.app;
    const { index } = this;
    const { result } = await store.job("predict", { base: this.base, head: this.head.id }).catch(() => ({}));
    if (!result || index !== this.index) return;
    const map = renumber(await api.bytes(store.id, result.label), this.head.classes, store.state.classes);
    if (map.length === this.side ** 2) this.painter.see(map);
  }

  // --- labels ---

  changed() {
    this.dirty = true;
    this.strokes += 1;
    this.clean.hidden = this.painter.layers.empty;
    this.upload();
  }

  async saveLabel() {
    const { store } = this.app;
    this.upload.cancel();
    const { base, strokes } = this;
    const { label } = this.painter.layers;
    const empty = label.every((value) => value === 255);
    try {
      const sha = empty ? null : await api.upload(store.id, label.slice(), "label");
      this.dirty = this.strokes !== strokes; // one that was painted meanwhile is saved next
      this.loaded = `${this.index} ${sha || ""}`;
      if (!empty || this.annotation()) await store.post({ type: "annotation", base, label: sha }, true);
      quiet(this.palette.node);
    } catch (error) {
      complain(this.palette.node, error);
    }
  }

  undo() {
    if (this.painter.undo()) this.changed();
    else say("There is nothing to undo.");
  }

  redo() {
    if (this.painter.redo()) this.changed();
    else say("There is nothing to redo.");
  }

  // --- classes ---

  editor() {
    const { classes } = this.app.store.state;
    const used = () => this.app.store.state.annotations.length > 0;
    const put = (next) => attempt(this.classes, async () => this.app.store.post({ type: "classes", classes: next }, true), this.classes);
    const lines = classes.map((item, index) => {
      const name = el("input", { type: "text", value: item.name, maxLength: 80, "aria-label": `Name of class ${index}`, onchange: () => put(classes.map((c, i) => (i === index ? { ...c, name: name.value.trim() || c.name } : c))) });
      const colour = el("input", { type: "color", value: toHex(item.colour), "aria-label": `Colour of ${item.name}`, onchange: () => put(classes.map((c, i) => (i === index ? { ...c, colour: fromHex(colour.value) } : c))) });
      const last = index === classes.length - 1;
      // numbers are what labels hold: only the last class may go, and none may change its place once it is painted
      const away = last && button("✕", () => put(classes.slice(0, -1)), { class: "icon", "aria-label": `Remove ${item.name}` });
      const up = index > 0 && !used() && button("↑", () => put(classes.toSpliced(index - 1, 2, item, classes[index - 1])), { class: "icon", "aria-label": `Move ${item.name} up` });
      return el("div", { class: "editline" }, colour, name, up, away);
    });
    const add = button("Add a class", () => put([...classes, { name: unused(classes), colour: LATIN[classes.length % LATIN.length] }]), { class: "plain" });
    this.classes.replaceChildren(...lines, add);
  }

  // --- the fit ---

  async run() {
    const { store } = this.app;
    if (this.dirty) await this.saveLabel();
    const before = this.head;
    const { result, id } = await this.work("fit", {});
    if (!result) return;
    await store.catchUp();
    this.report(result, before, id);
  }

  offer() {
    this.sync();
  }

  report(result, before, id) {
    const { classes } = this.app.store.state;
    const get = button("Save head", () => attempt(get, async () => {
      const data = await api.bytes(this.app.store.id, this.head.sha);
      save(`${result.name.replace(/[^\w-]+/g, "-")}.safetensors`, new Blob([data]));
    }), { class: "plain", id: "save-head" });
    const total = Math.max(1, ...result.pixels);
    const bars = classes.map((item, index) => {
      const bar = el("span", { class: "share" });
      bar.style.setProperty("--share", `${(100 * (result.pixels[index] || 0)) / total}%`);
      return el("div", { class: "count" }, swatch(item, index), el("span", {}, item.name), bar, el("span", { class: "number" }, String(result.pixels[index] || 0)));
    });
    const maps = el("div", { class: "maps", "aria-label": "What the head sees" });
    this.fitted.replaceChildren(
      el("h3", {}, result.name),
      facts([["Images", result.shots], ["Seconds", result.seconds.toFixed(1)], ["Shrinkage, steps", `${result.eps}, ${result.steps}`],
        ["Left-out cross entropy", result.left_out === null ? "one image: none" : result.left_out.toFixed(3)]]),
      el("details", {}, el("summary", {}, "Pixels per class"), bars), el("div", { class: "fields" }, get, this.app.commandOf(id)),
      el("p", { class: "quiet" }, "Its map of six fixed samples, and of six fresh ones", before ? "; a frame marks where more than 5 % differs from the head before." : "."), maps);
    say(`${result.name} is fitted on ${result.shots} images in ${result.seconds.toFixed(1)} s.`);
    this.look(maps, before);
  }

  async look(maps, before) {
    const { store } = this.app;
    const run = (this.looking = {});
    const far = 1000 + (this.fits = (this.fits || 0) + 1) * SIX;
    for (let place = 0; place < SHOWN; place += 1) {
      if (this.looking !== run) return;
      const base = { ...this.base, index: place < SIX ? place : far + place };
      try {
        const { result } = await store.job("predict", { base, head: this.head.id });
        const map = await api.bytes(store.id, result.label);
        const canvas = el("canvas", { width: result.size, height: result.size, role: "img", "aria-label": `Map of sample ${base.index}`, title: `sample ${base.index}` });
        canvas.getContext("2d").putImageData(picture(map, result.size, this.head.classes, 1), 0, 0);
        maps.append(canvas);
        if (before && place < SIX) {
          const old = await store.job("predict", { base, head: before.id });
          const other = await api.bytes(store.id, old.result.label);
          const share = map.reduce((sum, value, at) => sum + (value !== other[at]), 0) / map.length;
          canvas.classList.toggle("changed", share > 0.05);
          canvas.title += `, ${Math.round(100 * share)} % differs`;
        }
      } catch {
        return;
      }
    }
  }
}

// Class numbers of a head as those of the project, by name; a class that the project lacks is not labelled.
function renumber(map, from, to) {
  const table = from.map((item) => to.findIndex((other) => other.name === item.name)).map((place) => (place < 0 ? 255 : place));
  return map.map((value) => table[value] ?? 255);
}

const order = ({ seed, index, label, psi, rows, noise, code }) => [seed, index, label, psi, rows, noise, code];

function unused(classes) {
  let number = classes.length;
  while (classes.some((item) => item.name === `class ${number}`)) number += 1;
  return `class ${number}`;
}
