// Edit: strokes of classes and colours become a change of the picture; every step can be taken back.

import { attempt, button, complain, el, facts, field, later, quiet, say } from "./dom.js";
import * as api from "./api.js";
import { Painter } from "./painter.js";
import { Palette } from "./palette.js";
import { curve } from "./curve.js";
import { pasteSwitch } from "./paste.js";

const SETTINGS = [
  ["steps", "Steps", 60, 1, "of Adam, at most"], ["rate", "Rate", 0.05, 0.001, "in deviations of w"],
  ["preserve", "Preserve", 20, 1, "the picture outside"], ["inside", "Inside", 1, 0.1, "weight of the strokes"],
  ["outside", "Outside", 0.5, 0.1, "weight of the labels around"], ["colour", "Colour", 4, 0.5, "weight of colours"],
  ["keep", "Keep", 1, 0.1, "distance of the code"], ["margin", "Margin", 2, 1, "pixels free to change"],
];

export class Edit {
  constructor(app) {
    this.app = app;
    this.painter = new Painter({ changed: () => this.changed(), picked: (value) => this.palette.picked(value) });
    this.palette = new Palette(this.painter, { colours: true, predict: () => this.predict(), cut: (size) => this.cut(size) });
    this.upload = later(250, () => this.saveDraft());
    this.strokes = 0;
    this.apply = button("Apply", () => this.run(), { class: "main", title: "Enter", id: "apply" });
    this.halt = button("Stop", () => this.stop(), { title: "Esc: keeps the best so far", id: "stop" });
    this.halt.hidden = true;
    this.clean = button("Clear strokes", () => { this.painter.clear(); this.changed(); }, { class: "plain" });
    this.progress = el("progress", { "aria-label": "Progress of the edit" });
    this.progress.hidden = true;
    this.result = el("div", { class: "result" });
    this.headPick = el("select", { id: "head", onchange: () => this.useHead(this.headPick.value) });
    this.tools = el("div", {}, field("Head", this.headPick), this.palette.node, this.more(),
      el("div", { class: "fields go" }, this.apply, this.halt, this.clean), pasteSwitch(app), this.progress, this.result);
    this.empty = this.noHead();
    this.node = el("div", { class: "panel", id: "edit" }, this.empty, this.tools);
    this.history = el("ol", { class: "history", "aria-label": "History" });
    this.stageNode = el("div", { class: "painting" }, this.painter.node, this.history);
    app.store.addEventListener("state", () => this.sync());
    this.sync();
  }

  more() {
    this.settings = {};
    const fields = SETTINGS.map(([name, title, value, step, note]) => {
      this.settings[name] = el("input", { type: "number", min: 0, step, value, title: note });
      return field(title, this.settings[name]);
    });
    this.schedule = el("select", {}, ["even", "coarse", "shape", "colour"].map((value) => el("option", { value }, value)));
    return el("details", { class: "more" }, el("summary", {}, "More settings"), el("div", { class: "fields shapes" }, field("How fast rows move", this.schedule), fields));
  }

  noHead() {
    const { teacher } = this.app.store.model;
    const note = el("p", { class: "quiet" }, "Editing needs a head: it tells which class each pixel of a picture has.");
    const teach = teacher && button("Fit one from the segmenter", () => attempt(teach, async () => {
      await this.app.store.job("fit", { teach: 8 }, (job) => { note.textContent = `${job.note || "waiting"} ${job.done || ""}${job.total ? ` of ${job.total}` : ""}…`; });
      await this.app.store.catchUp();
      say("The head is there: paint something.");
    }), { class: "main", id: "teach" });
    const self = button("Label pictures yourself", () => this.app.go("train"), {});
    return el("div", { class: "empty" }, el("h2", {}, "No head yet"), note, el("div", { class: "fields" }, teach, self),
      el("p", { class: "quiet" }, teacher ? "Eight samples and a few seconds; it stays in the project." : "Or start the server with --head FILE."));
  }

  // --- what is shown ---

  get heads() {
    return this.app.store.state.heads || [];
  }

  get head() {
    return this.heads.find((head) => head.id === this.headId) || this.heads.at(-1);
  }

  sync() {
    const { store } = this.app;
    const known = this.heads.length > 0;
    this.empty.hidden = known;
    this.tools.hidden = !known;
    if (known) {
      this.headPick.replaceChildren(...this.heads.map((head) => el("option", { value: head.id, selected: head === this.head }, `${head.name} (${head.kind})`)));
      this.headPick.value = this.head.id;
      if (this.shownHead !== this.head.id) this.useHead(this.head.id);
    }
    const { draft, id } = store.at;
    const key = JSON.stringify([store.id, id, draft, this.shownHead]);
    if (key !== this.drafted && !this.dirty) {
      this.drafted = key;
      this.loadDraft(draft);
    }
    this.strip();
    for (const job of store.state.jobs || [])
      if (job.kind === "edit" && ["waiting", "running"].includes(job.state) && this.job !== job.id) this.attach(job.id);
  }

  useHead(id) {
    this.headId = id;
    const { head } = this;
    this.shownHead = head.id;
    this.painter.resize(head.size, head.classes);
    this.cutAt = "";
    this.palette.fill(head.classes, head.size);
    this.drafted = "";
    this.seenAt = "";
    if (this.app.store.state) this.loadDraft(this.app.store.at.draft);
    if (this.app.view === "edit") this.predict();
  }

  async loadDraft(draft) {
    const { store } = this.app;
    const fetch = (sha) => (sha ? api.bytes(store.id, sha).catch(() => null) : null);
    const [label, colour] = await Promise.all([fetch(draft.label), fetch(draft.colour)]);
    if (!this.dirty) this.painter.load(label, colour);
    this.offer();
  }

  offer() {
    this.apply.disabled = Boolean(this.job) || this.painter.layers.empty;
    this.clean.hidden = this.painter.layers.empty;
  }

  frame(bitmap) {
    if (!this.job) this.painter.show(bitmap);
  }

  preview(bitmap) {
    if (this.job) this.painter.show(bitmap);
  }

  enter() {
    this.predict();
  }

  // the head's map of the picture at hand, for filling, picking and looking
  async predict() {
    const { store } = this.app;
    if (!this.heads.length) return;
    this.cut();
    const at = JSON.stringify([this.head.id, store.at.base, store.at.moves]);
    if (at === this.seenAt) return;
    this.seenAt = at;
    try {
      await this.app.explore.settle();
      const job = await store.job("predict", { base: store.at.base, head: this.head.id, moved: true });
      if (this.seenAt === at && job.result) this.painter.see(await api.bytes(store.id, job.result.label));
    } catch {
      this.seenAt = ""; // weights or styles are moved: there is no map to fill by
      this.painter.see(null);
    }
  }

  // pieces of the picture at hand, for the superpixel tool
  async cut(size = this.palette.piece) {
    if (this.painter.tool !== "piece" || !this.heads.length) return;
    const { store } = this.app;
    const at = JSON.stringify([size, this.head.size, store.at.base, store.at.moves]);
    if (at === this.cutAt) return;
    this.cutAt = at;
    this.painter.cut(null);
    quiet(this.palette.node);
    try {
      await this.app.explore.settle();
      const { result } = await store.job("superpixels", { base: store.at.base, side: this.head.size, size, moved: true });
      if (this.cutAt === at && result) this.painter.cut(await api.numbers(store.id, result.pieces));
    } catch (error) {
      this.cutAt = "";
      complain(this.palette.node, error);
    }
  }

  // --- strokes ---

  changed() {
    this.dirty = true;
    this.strokes += 1;
    this.offer();
    this.upload();
  }

  async saveDraft() {
    const { store } = this.app;
    const { layers } = this.painter;
    const { strokes } = this;
    const label = layers.label.some((value) => value !== 255) ? layers.label.slice() : null;
    const colour = layers.noColour ? null : layers.colour.slice();
    this.upload.cancel();
    try {
      const draft = {
        label: label && (await api.upload(store.id, label, "label")),
        colour: colour && (await api.upload(store.id, colour, "colour")),
      };
      this.dirty = this.strokes !== strokes; // one that was painted meanwhile is saved next
      store.at.draft = draft;
      this.drafted = JSON.stringify([store.id, store.at.id, draft, this.shownHead]);
      await store.post({ type: "draft", draft });
      quiet(this.palette.node);
    } catch (error) {
      complain(this.palette.node, error);
    }
  }

  undo() {
    if (this.painter.undo()) {
      this.changed();
      say("The stroke is undone.");
      return;
    }
    const { parent } = this.app.store.at;
    if (parent !== null) this.jump(parent);
    else say("There is nothing to undo.");
  }

  redo() {
    if (this.painter.redo()) {
      this.changed();
      return;
    }
    const { store } = this.app;
    const child = store.state.nodes.filter((node) => node.parent === store.at.id).at(-1);
    if (child) this.jump(child.id);
    else say("There is nothing to redo.");
  }

  async jump(node) {
    const { store } = this.app;
    await this.app.explore.settle();
    if (this.dirty) await this.saveDraft();
    await store.post({ type: "cursor", node }, true).catch((error) => complain(this.history, error));
    this.result.replaceChildren();
    this.app.renderer.refresh(performance.now());
    this.predict();
  }

  // --- the job ---

  async run() {
    if (this.apply.disabled || this.job) return;
    const { store } = this.app;
    quiet(this.result);
    await this.app.explore.settle();
    if (this.dirty) await this.saveDraft();
    const settings = { schedule: this.schedule.value };
    for (const [name, , , step] of SETTINGS) {
      const value = this.settings[name].valueAsNumber;
      settings[name] = step === 1 && name !== "preserve" ? Math.round(value) : value;
    }
    try {
      this.lock("asked");
      const done = await store.job("edit", { head: this.head.id, draft: store.at.draft, settings }, (job) => this.follow(job));
      await this.finished(done);
    } catch (error) {
      this.unlock();
      this.app.renderer.refresh();
      complain(this.result, error);
    }
  }

  async attach(id) {
    this.lock(id);
    try {
      await this.finished(await this.app.store.follow(id, (job) => this.follow(job)));
    } catch (error) {
      this.unlock();
      complain(this.result, error);
    }
  }

  lock(id) {
    this.job = id;
    this.painter.locked = true;
    this.halt.hidden = this.progress.hidden = false;
    this.progress.removeAttribute("value");
    this.offer();
  }

  unlock() {
    this.job = null;
    this.painter.locked = false;
    this.halt.hidden = this.progress.hidden = true;
    this.offer();
  }

  follow(job) {
    this.job = job.id;
    if (job.total) {
      this.progress.max = job.total;
      this.progress.value = job.done;
    }
  }

  async finished(job) {
    const { store } = this.app;
    this.unlock();
    await store.catchUp();
    this.app.renderer.refresh(performance.now());
    if (job.state === "cancelled") return void say("Stopped before it began.");
    this.report(job.result, job.stopped, job.id);
    this.seenAt = "";
    this.predict();
  }

  report({ followed, changed, losses, evaluations }, stopped, id) {
    const percent = (value) => `${Math.round(100 * value)} %`;
    const words = `${stopped ? "Stopped; the best so far is kept. " : ""}Followed: ${percent(followed[0])} before, ${percent(followed[1])} after. Change outside: ${changed.toFixed(3)}.`;
    this.result.replaceChildren(
      facts([["Strokes followed", `${percent(followed[0])} → ${percent(followed[1])}`], ["Change outside (RMS of 2)", changed.toFixed(3)], ["Evaluations", evaluations]]),
      curve(losses, "Loss of each evaluation"), el("div", { class: "fields" }, this.app.commandOf(id)));
    if (stopped) this.result.prepend(el("p", { class: "quiet" }, "Stopped: the best so far is kept."));
    say(words);
  }

  stop() {
    if (this.job && this.job !== "asked") this.app.store.stop(this.job).catch((error) => complain(this.result, error));
  }

  // --- history ---

  strip() {
    const { store } = this.app;
    const { nodes, cursor } = store.state;
    const entries = nodes.map((node) => {
      const title = node.name || { sample: `sample ${node.base.index}`, keep: "kept", edit: "edit", photo: "photo" }[node.made];
      const mark = el("canvas", { width: 48, height: 48, "aria-hidden": "true" });
      if (node.picture) this.thumb(node.picture, mark);
      else mark.classList.add("bare");
      const from = node.parent !== null && node.parent !== node.id - 1 ? ` from ${node.parent}` : "";
      return el("li", {}, el("button", { type: "button", "aria-current": node.id === cursor ? "true" : null, title: "Double-click to name it", onclick: () => node.id !== cursor && this.jump(node.id), ondblclick: () => this.rename(node) },
        mark, el("span", {}, `${node.id} ${title}${from}`)));
    });
    this.history.replaceChildren(...entries);
    this.history.hidden = nodes.length < 2;
    this.history.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  rename(node) {
    this.app.askName("Name this picture", node.name, (name) => this.app.store.post({ type: "name", node: node.id, name }, true));
  }

  async thumb(sha, canvas) {
    this.thumbs ||= new Map();
    if (!this.thumbs.has(sha))
      this.thumbs.set(sha, api.bytes(this.app.store.id, sha).then((data) => createImageBitmap(new Blob([data], { type: "image/png" }))));
    const bitmap = await this.thumbs.get(sha).catch(() => null);
    if (bitmap) canvas.getContext("2d").drawImage(bitmap, 0, 0, 48, 48);
  }
}
