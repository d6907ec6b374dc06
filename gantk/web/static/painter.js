// The canvas that is painted on: image, predicted map, strokes; tools, zoom and pan.

import { el } from "./dom.js";
import { Layers, NONE, picture } from "./layers.js";

export const TOOLS = [
  ["brush", "Brush", "P"], ["eraser", "Eraser", "E"], ["fill", "Fill", "F"], ["polygon", "Polygon", "G"],
  ["box", "Box", ""], ["disc", "Disc", ""], ["piece", "Superpixel", "S"], ["pick", "Pick", "I"], ["pan", "Pan", ""],
];

export class Painter {
  // handlers: changed() after a stroke, picked(class or colour)
  constructor(handlers) {
    this.handlers = handlers;
    Object.assign(this, { tool: "brush", size: 5, layer: "label", klass: 0, colour: [255, 160, 60], opacity: 0.75, predicted: null, pieces: null, seePredicted: false, locked: false });
    this.zoom = { scale: 1, x: 0, y: 0 };
    this.pointers = new Map();
    this.points = [];
    this.image = el("canvas", { class: "under", role: "img", "aria-label": "The picture that is painted on", width: 64, height: 64 });
    this.map = el("canvas", { class: "over" });
    this.strokes = el("canvas", { class: "over", tabIndex: 0, id: "paint", "aria-label": "Strokes: draw here, or use the form of shapes", role: "img" });
    this.sheet = el("div", { class: "sheet" }, this.image, this.map, this.strokes);
    this.node = el("div", { class: "canvas" }, this.sheet);
    const { strokes } = this;
    strokes.addEventListener("pointerdown", (event) => this.down(event));
    strokes.addEventListener("pointermove", (event) => this.move(event));
    strokes.addEventListener("pointerup", (event) => this.up(event));
    strokes.addEventListener("pointercancel", (event) => this.cancel(event));
    strokes.addEventListener("dblclick", () => this.close());
    strokes.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.resize(64, []);
  }

  resize(side, classes) {
    this.classes = classes;
    this.layers = new Layers(side);
    this.scale = Math.max(1, Math.floor(576 / side));
    for (const canvas of [this.map, this.strokes]) canvas.width = canvas.height = side * this.scale;
    this.predicted = this.pieces = null;
    this.points = [];
    this.draw();
  }

  // pieces of the picture, a number for each pixel; null where they are not known
  cut(pieces) {
    this.pieces = pieces?.length === this.layers.side ** 2 ? pieces : null;
    this.drawMap();
  }

  load(label, colour) {
    const { side } = this.layers;
    this.layers = new Layers(side);
    if (label?.length === side * side) this.layers.label.set(label);
    if (colour?.length === 4 * side * side) this.layers.colour.set(colour);
    this.points = [];
    this.draw();
  }

  clear() {
    this.layers.clear();
    this.draw();
  }

  // whether there was a stroke to take back, or to do again
  undo() {
    const done = this.layers.undo();
    if (done) this.draw();
    return done;
  }

  redo() {
    const done = this.layers.redo();
    if (done) this.draw();
    return done;
  }

  show(bitmap) {
    if (this.image.width !== bitmap.width || this.image.height !== bitmap.height) {
      this.image.width = bitmap.width;
      this.image.height = bitmap.height;
      this.image.classList.toggle("small", bitmap.width <= 128);
    }
    this.image.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0);
  }

  see(predicted) {
    this.predicted = predicted;
    this.drawMap();
  }

  get paint() {
    if (this.tool === "eraser") return NONE;
    return this.layer === "label" ? this.klass : this.colour;
  }

  // --- drawing ---

  drawMap() {
    const context = this.map.getContext("2d");
    context.clearRect(0, 0, this.map.width, this.map.height);
    if (this.seePredicted && this.predicted)
      context.putImageData(picture(this.predicted, this.layers.side, this.classes, this.scale), 0, 0);
    if (this.tool === "piece" && this.pieces) edges(context, this.pieces, this.layers.side, this.scale);
    this.map.style.opacity = this.opacity;
  }

  draw() {
    const { layers, scale, strokes } = this;
    const { side } = layers;
    const context = strokes.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, strokes.width, strokes.height);
    strokes.style.opacity = this.seePredicted ? 1 : this.opacity;
    if (!layers.noColour) {
      const small = new OffscreenCanvas(side, side);
      small.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(layers.colour), side, side), 0, 0);
      context.drawImage(small, 0, 0, strokes.width, strokes.height);
    }
    const whole = new OffscreenCanvas(strokes.width, strokes.height);
    whole.getContext("2d").putImageData(picture(layers.label, side, this.classes, scale), 0, 0);
    context.drawImage(whole, 0, 0);
    this.sketch(context);
  }

  // what is not painted yet: a polygon's corners, a box or disc under the pen
  sketch(context) {
    if (!this.points.length) return;
    const { scale } = this;
    const at = ([x, y]) => [(x + 0.5) * scale, (y + 0.5) * scale];
    context.lineWidth = Math.max(2, scale / 4);
    context.strokeStyle = "#fff";
    context.setLineDash([8, 5]);
    context.beginPath();
    const [first, last] = [at(this.points[0]), at(this.points.at(-1))];
    if (this.tool === "box") context.rect(first[0], first[1], last[0] - first[0], last[1] - first[1]);
    else if (this.tool === "disc") context.arc(...first, Math.hypot(last[0] - first[0], last[1] - first[1]), 0, 7);
    else this.points.forEach((point, i) => context[i ? "lineTo" : "moveTo"](...at(point)));
    context.stroke();
    context.setLineDash([]);
  }

  // --- pointers ---

  pixel(event) {
    const box = this.strokes.getBoundingClientRect();
    const { side } = this.layers;
    return [Math.floor(((event.clientX - box.left) / box.width) * side), Math.floor(((event.clientY - box.top) / box.height) * side)];
  }

  down(event) {
    this.strokes.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size === 2) {
      if (this.drawing) this.layers.abandon(); // the second finger: it was a pinch, not a stroke
      this.drawing = null;
      this.points = [];
      this.pinch = { ...this.spread(), zoom: { ...this.zoom } };
      this.draw();
      return;
    }
    if (this.tool === "pan" || event.button === 1) {
      this.drag = { x: event.clientX - this.zoom.x, y: event.clientY - this.zoom.y };
      return;
    }
    if (event.button !== 0 || this.locked) return;
    const [x, y] = this.pixel(event);
    const { layers, layer } = this;
    if (this.tool === "pick") return void this.pick(x, y);
    if (this.tool === "polygon") {
      const [first] = this.points;
      if (first && this.points.length > 2 && Math.hypot(first[0] - x, first[1] - y) <= 1.5) return void this.close();
      this.points.push([x, y]);
      return void this.draw();
    }
    if (this.tool === "piece" && !this.pieces) return;
    layers.begin();
    this.drawing = [x, y];
    if (this.tool === "piece") this.piece(x, y);
    else if (this.tool === "fill") layers.fill(Math.max(0, Math.min(layers.side - 1, x)), Math.max(0, Math.min(layers.side - 1, y)), this.paint, layer, this.predicted);
    else if (this.tool === "box" || this.tool === "disc") this.points = [[x, y], [x, y]];
    else layers.disc(x, y, this.size, this.paint, layer);
    this.draw();
  }

  move(event) {
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pinch && this.pointers.size === 2) return void this.pinched();
    if (this.drag) {
      this.zoom.x = event.clientX - this.drag.x;
      this.zoom.y = event.clientY - this.drag.y;
      return void this.place();
    }
    if (!this.drawing || this.tool === "fill") return;
    if (this.tool === "piece") this.piece(...this.pixel(event));
    else if (this.points.length) this.points[1] = this.pixel(event);
    else
      for (const part of event.getCoalescedEvents?.() || [event]) {
        const to = this.pixel(part);
        this.layers.line(...this.drawing, ...to, this.size, this.paint, this.layer);
        this.drawing = to;
      }
    this.draw();
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size < 2) this.pinch = null;
    this.drag = null;
    if (!this.drawing) return;
    if (this.points.length) {
      const [[ax, ay], [bx, by]] = this.points;
      if (this.tool === "box") this.layers.box(ax, ay, bx, by, this.paint, this.layer);
      else this.layers.disc(ax, ay, 2 * Math.max(1, Math.round(Math.hypot(ax - bx, ay - by))) + 1, this.paint, this.layer);
      this.points = [];
    }
    this.drawing = null;
    this.draw();
    this.handlers.changed();
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    this.pinch = this.drag = null;
    if (this.drawing) this.layers.abandon();
    this.drawing = null;
    this.points = [];
    this.draw();
  }

  piece(x, y) {
    const { side } = this.layers;
    if (x >= 0 && y >= 0 && x < side && y < side) this.layers.fill(x, y, this.paint, this.layer, this.pieces);
  }

  // the polygon's end
  close() {
    if (this.tool !== "polygon" || this.points.length < 3) return;
    this.layers.begin();
    this.layers.polygon(this.points, this.paint, this.layer);
    this.points = [];
    this.draw();
    this.handlers.changed();
  }

  pick(x, y) {
    const { side, label } = this.layers;
    if (x < 0 || y < 0 || x >= side || y >= side) return;
    if (this.layer === "colour") {
      const { width, height } = this.image;
      const at = [Math.floor(((x + 0.5) / side) * width), Math.floor(((y + 0.5) / side) * height)];
      const [r, g, b] = this.image.getContext("2d", { willReadFrequently: true }).getImageData(...at, 1, 1).data;
      this.handlers.picked([r, g, b]);
      return;
    }
    const found = label[y * side + x] !== NONE ? label[y * side + x] : this.predicted?.[y * side + x];
    if (found !== undefined && found !== NONE) this.handlers.picked(found);
  }

  // --- zoom ---

  wheel(event) {
    event.preventDefault();
    this.zoomAt(event.clientX, event.clientY, Math.exp(-event.deltaY / 400));
  }

  zoomAt(clientX, clientY, factor) {
    const box = this.node.getBoundingClientRect();
    const scale = Math.min(16, Math.max(1, this.zoom.scale * factor));
    const [x, y] = [clientX - box.left, clientY - box.top];
    const ratio = scale / this.zoom.scale;
    this.zoom = { scale, x: x - (x - this.zoom.x) * ratio, y: y - (y - this.zoom.y) * ratio };
    this.place();
  }

  spread() {
    const [[ax, ay], [bx, by]] = [...this.pointers.values()];
    return { distance: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2, y: (ay + by) / 2 };
  }

  pinched() {
    const now = this.spread();
    const { zoom } = this.pinch;
    this.zoom = { scale: zoom.scale, x: zoom.x + now.x - this.pinch.x, y: zoom.y + now.y - this.pinch.y };
    this.zoomAt(now.x, now.y, now.distance / Math.max(1, this.pinch.distance));
  }

  place() {
    const { width, height } = this.node.getBoundingClientRect();
    const { scale } = this.zoom;
    this.zoom.x = Math.min(0, Math.max(width - width * scale, this.zoom.x));
    this.zoom.y = Math.min(0, Math.max(height - height * scale, this.zoom.y));
    this.sheet.style.transform = scale === 1 ? "" : `translate(${this.zoom.x}px, ${this.zoom.y}px) scale(${scale})`;
  }
}

// Lines between the pieces, dark and light so that they show on any picture.
function edges(context, pieces, side, scale) {
  for (const [style, shift] of [["#0008", 0], ["#fff9", 1]]) {
    context.fillStyle = style;
    for (let y = 0; y < side; y += 1)
      for (let x = 0; x < side; x += 1) {
        const at = y * side + x;
        if (x + 1 < side && pieces[at] !== pieces[at + 1]) context.fillRect((x + 1) * scale - shift, y * scale, 1, scale);
        if (y + 1 < side && pieces[at] !== pieces[at + side]) context.fillRect(x * scale, (y + 1) * scale - shift, scale, 1);
      }
  }
}
