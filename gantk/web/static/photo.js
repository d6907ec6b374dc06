// Photo: a picture of one's own, cut square, becomes a code.

import { button, choice, complain, el, facts, field, quiet, say } from "./dom.js";
import * as api from "./api.js";
import { curve } from "./curve.js";
import { pasteSwitch } from "./paste.js";
import { difference } from "./stage.js";

let SIDE = 512; // pixels of the square that is cut out: no fewer than the generator draws
const KINDS = ["image/png", "image/jpeg", "image/webp"];

export class Photo {
  constructor(app) {
    this.app = app;
    SIDE = Math.max(512, Math.min(1024, app.store.model.resolution));
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.cut = el("canvas", { width: SIDE, height: SIDE, tabIndex: 0, role: "img", "aria-label": "The photo: drag to move it, arrows move it too" });
    this.made = el("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": "The generator's picture of it" });
    this.apart = el("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": "The difference" });
    this.picker = el("input", { type: "file", accept: KINDS.join(","), id: "photo-file", onchange: () => this.take(this.picker.files[0]) });
    const drop = el("label", { class: "drop", htmlFor: "photo-file" }, el("strong", {}, "Choose a photo"), el("span", { class: "quiet" }, "or drop one here, or paste it. PNG, JPEG or WebP, up to 20 MB. It stays on this server; where and with what it was taken is not kept."));
    this.empty = el("div", { class: "empty wide" }, drop);
    const triple = el("div", { class: "triple" },
      el("figure", {}, this.cut, el("figcaption", {}, "photo")), el("figure", {}, this.made, el("figcaption", {}, "generator")), el("figure", {}, this.apart, el("figcaption", {}, "difference")));
    this.pictures = triple;
    this.pictures.hidden = true;
    this.stageNode = el("div", { class: "photo" }, this.empty, this.pictures);
    this.zoom = el("input", { type: "range", min: 1, max: 6, step: 0.01, value: 1, "aria-label": "Zoom of the photo", oninput: () => { this.view.zoom = this.zoom.valueAsNumber; this.draw(); } });
    const { encoder } = app.store.model;
    this.way = choice("By", [...(encoder ? [["both", "both"], ["encoder", "encoder"]] : []), ["optimise", "optimisation"]], encoder ? "both" : "optimise", (way) => { this.wayKey = way; }, { class: "choice named" });
    this.wayKey = encoder ? "both" : "optimise";
    this.space = choice("Space", [["wp", "wp"], ["w", "w"]], "wp", (space) => { this.spaceKey = space; }, { class: "choice named" });
    this.spaceKey = "wp";
    this.steps = el("input", { type: "number", min: 1, max: 2000, step: 1, value: 120 });
    this.go = button("Find its code", () => this.run(), { class: "main", id: "invert", disabled: true });
    this.halt = button("Stop", () => this.stop(), { title: "Esc: keeps the best so far" });
    this.halt.hidden = true;
    this.progress = el("progress", { "aria-label": "Progress of the inversion" });
    this.progress.hidden = true;
    this.result = el("div", { class: "result" });
    this.framing = el("div", { class: "fields" }, button("Another photo", () => this.picker.click(), {}), field("Zoom", this.zoom));
    this.framing.hidden = true;
    this.note = el("p", { class: "quiet" });
    this.node = el("div", { class: "panel", id: "photo" },
      this.framing, this.picker,
      this.way, el("div", { class: "fields" }, this.space, field("Steps", this.steps)),
      el("p", { class: "quiet" }, "wp follows the photo closer; w stays nearer to what the generator knows."),
      el("div", { class: "fields go" }, this.go, this.halt), this.progress, this.note, this.result, pasteSwitch(app));
    this.picker.classList.add("unseen");
    this.listen();
  }

  listen() {
    const { stageNode, cut } = this;
    stageNode.addEventListener("dragover", (event) => event.preventDefault());
    stageNode.addEventListener("drop", (event) => { event.preventDefault(); this.take(event.dataTransfer.files[0]); });
    document.addEventListener("paste", (event) => this.app.view === "photo" && event.clipboardData.files[0] && this.take(event.clipboardData.files[0]));
    cut.addEventListener("pointerdown", (event) => { cut.setPointerCapture(event.pointerId); this.drag = [event.clientX, event.clientY]; });
    cut.addEventListener("pointerup", () => { this.drag = null; });
    cut.addEventListener("pointermove", (event) => {
      if (!this.drag) return;
      const width = cut.getBoundingClientRect().width;
      this.move((this.drag[0] - event.clientX) / width, (this.drag[1] - event.clientY) / width);
      this.drag = [event.clientX, event.clientY];
    });
    cut.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05] }[event.key];
      if (step) { event.preventDefault(); this.move(...step); }
    });
  }

  async take(file) {
    if (!file) return;
    quiet(this.result);
    if (!KINDS.includes(file.type) || file.size > this.app.store.info.limits.upload)
      return void complain(this.result, new Error(`${file.name} is ${KINDS.includes(file.type) ? "larger than 20 MB" : "no PNG, JPEG or WebP picture"}: choose another one.`));
    try {
      this.source = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      return void complain(this.result, new Error(`${file.name} cannot be read as a picture: it may be damaged.`));
    }
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.zoom.value = 1;
    this.empty.hidden = true;
    this.pictures.hidden = this.framing.hidden = false;
    this.go.disabled = false;
    this.result.replaceChildren();
    for (const canvas of [this.made, this.apart]) canvas.getContext("2d", { willReadFrequently: true }).clearRect(0, 0, SIDE, SIDE);
    this.draw();
    say("The photo is there. Find its code.");
  }

  // by shares of the square's side
  move(x, y) {
    if (!this.source) return;
    const side = Math.min(this.source.width, this.source.height) / this.view.zoom;
    this.view.x += (x * side) / this.source.width;
    this.view.y += (y * side) / this.source.height;
    this.draw();
  }

  draw() {
    if (!this.source) return;
    const { width, height } = this.source;
    const side = Math.min(width, height) / this.view.zoom;
    const [half, tall] = [side / 2 / width, side / 2 / height];
    this.view.x = Math.min(1 - half, Math.max(half, this.view.x));
    this.view.y = Math.min(1 - tall, Math.max(tall, this.view.y));
    const context = this.cut.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(this.source, this.view.x * width - side / 2, this.view.y * height - side / 2, side, side, 0, 0, SIDE, SIDE);
  }

  preview(bitmap) {
    if (!this.job) return;
    const context = this.made.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0, SIDE, SIDE);
    const photo = this.cut.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, SIDE, SIDE);
    this.apart.getContext("2d").putImageData(difference(context.getImageData(0, 0, SIDE, SIDE), photo), 0, 0);
  }

  async run() {
    const { store } = this.app;
    quiet(this.result);
    this.job = "asked";
    this.go.disabled = true;
    this.halt.hidden = this.progress.hidden = false;
    this.progress.removeAttribute("value");
    try {
      const blob = await new Promise((done) => this.cut.toBlob(done, "image/png"));
      const photo = await api.picture(store.id, blob);
      const args = { photo, way: this.wayKey, space: this.spaceKey, steps: this.steps.valueAsNumber || 120 };
      const job = await store.job("invert", args, (told) => {
        this.job = told.id;
        this.note.textContent = told.note ? `${told.note}…` : "";
        if (told.total) Object.assign(this.progress, { max: told.total, value: told.done });
      });
      if (job.result) {
        this.preview(await createImageBitmap(new Blob([await api.bytes(store.id, job.result.picture)])));
        this.report(job.result, job.stopped, job.id);
      }
      await store.catchUp();
    } catch (error) {
      complain(this.result, error);
    } finally {
      this.job = null;
      this.note.textContent = "";
      this.go.disabled = false;
      this.halt.hidden = this.progress.hidden = true;
    }
  }

  report(found, stopped, id) {
    const share = Math.round(100 * found.beyond);
    const far = share >= 99
      ? `Further from the mean than ${share === 100 ? "all" : "99 %"} of 256 samples: this is not a picture that the generator would make, and moves may not do what they say.`
      : `${share} % of 256 samples are nearer to the mean: a code like those the generator was trained on.`;
    const measured = [["Squared error", found.mse.toFixed(4)], ["Structural similarity", found.similarity.toFixed(3)],
      ...(found.perceptual === null ? [] : [["Perceptual distance", found.perceptual.toFixed(3)]]), ["Distance of the code (a sample: 1)", found.away.toFixed(2)]];
    this.result.replaceChildren(
      stopped ? el("p", { class: "quiet" }, "Stopped: the best so far is kept.") : "",
      facts(measured),
      el("p", {}, far), found.losses.length > 1 ? curve(found.losses, "Loss of each step") : "",
      el("div", { class: "fields" }, button("Move it in Explore", () => this.app.go("explore"), {}), button("Edit it", () => this.app.go("edit"), {}), this.app.commandOf(id)));
    say(`The code is found and is the base now. ${far}`);
  }

  stop() {
    if (this.job && this.job !== "asked") this.app.store.stop(this.job).catch((error) => complain(this.result, error));
  }
}
