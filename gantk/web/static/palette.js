// What is painted with: layer, tool, size, class or colour; and the same by numbers, for the keyboard.

import { button, choice, complain, el, field, fresh, quiet, say } from "./dom.js";
import { fromHex, toHex } from "./colours.js";
import { TOOLS } from "./painter.js";

export class Palette {
  constructor(painter, options = {}) {
    this.painter = painter;
    this.group = fresh("class");
    this.layers = choice("Layer", [["label", "Classes"], ["colour", "Colours"]], "label", (layer) => {
      painter.layer = layer;
      this.classes.hidden = layer !== "label";
      this.colourField.hidden = layer === "label";
    });
    this.tools = choice("Tool", TOOLS.filter(([key]) => key !== "piece" || options.cut).map(([key, name, letter]) => [key, name, letter ? `${name} (${letter})` : name]), painter.tool, (tool) => this.use(tool), { class: "choice toolbox" });
    this.size = el("input", { type: "range", min: 1, max: 16, step: 1, value: painter.size, oninput: () => this.resize(this.size.valueAsNumber) });
    this.sizeText = el("output", { class: "number" }, String(painter.size));
    this.opacity = el("input", { type: "range", min: 0.1, max: 1, step: 0.05, value: painter.opacity, oninput: () => {
      painter.opacity = this.opacity.valueAsNumber;
      painter.draw();
      painter.drawMap();
    } });
    this.colour = el("input", { type: "color", value: "#ffa03c", oninput: () => this.tint(this.colour.value) });
    this.colourField = field("Colour", this.colour);
    this.colourField.hidden = true;
    this.classes = el("div", { class: "classes", role: "radiogroup", "aria-label": "Classes" });
    this.seen = el("input", { type: "checkbox", onchange: () => {
      painter.seePredicted = this.seen.checked;
      painter.drawMap();
      painter.draw();
      options.predict?.();
    } });
    this.cutting = options.cut;
    this.pieceSize = choice("Superpixels", [["small", "small"], ["medium", "medium"], ["large", "large"]], "medium", (size) => { this.piece = size; this.cutting?.(size); }, { class: "choice named" });
    this.piece = "medium";
    this.pieceSize.hidden = true;
    this.node = el("div", { class: "palette" },
      options.colours && this.layers, this.tools,
      field("Size", el("span", { class: "with" }, this.size, this.sizeText)), this.pieceSize,
      this.classes, options.colours && this.colourField,
      el("div", { class: "fields" }, el("label", { class: "check" }, this.seen, "Show what the head sees"), field("Opacity", this.opacity)),
      this.form());
    this.size.setAttribute("aria-label", "Size of the brush");
  }

  use(tool) {
    if (tool === "piece" && !this.cutting) return;
    this.painter.tool = tool;
    this.painter.points = [];
    this.painter.draw();
    this.painter.drawMap();
    this.pieceSize.hidden = tool !== "piece";
    if (tool === "piece") this.cutting(this.piece);
    this.painter.strokes.dataset.tool = tool;
    this.tools.pick(tool);
  }

  resize(size) {
    const most = Number(this.size.max);
    this.painter.size = Math.min(most, Math.max(1, size));
    this.size.value = this.painter.size;
    this.sizeText.value = String(this.painter.size);
  }

  tint(value) {
    this.painter.colour = fromHex(value);
    this.colour.value = value;
  }

  fill(classes, side) {
    this.size.max = Math.max(2, Math.floor(side / 4));
    this.resize(this.painter.size);
    if (this.painter.klass >= classes.length) this.painter.klass = 0;
    this.classes.replaceChildren(...classes.map((item, index) => {
      const input = el("input", { type: "radio", name: this.group, value: String(index), id: `${this.group}-${index}`, checked: index === this.painter.klass, onchange: () => { this.painter.klass = index; } });
      return el("div", { class: "class" }, input, el("label", { htmlFor: input.id }, swatch(item, index), item.name));
    }));
    this.shapeClass.replaceChildren(...classes.map((item, index) => el("option", { value: index }, item.name)));
  }

  picked(value) {
    if (Array.isArray(value)) this.tint(toHex(value));
    else {
      this.painter.klass = value;
      const input = this.classes.querySelector(`#${this.group}-${value}`);
      if (input) input.checked = true;
      say(`Class ${this.painter.classes[value]?.name}`);
    }
    this.use("brush");
  }

  // painting without a pointer: a class, a shape, numbers
  form() {
    this.shapeClass = el("select", { id: "shape-class" });
    const kind = el("select", { id: "shape-kind", onchange: () => { last.parentElement.hidden = kind.value === "disc"; third.parentElement.querySelector("label").textContent = kind.value === "disc" ? "Radius" : "Right"; } },
      el("option", { value: "box" }, "box"), el("option", { value: "disc" }, "disc"));
    const number = (id) => el("input", { type: "number", min: 0, step: 1, value: 0, id });
    const [first, second, third, last] = ["shape-x", "shape-y", "shape-right", "shape-bottom"].map(number);
    const add = button("Paint", () => {
      quiet(add);
      const { side } = this.painter.layers;
      const [x, y, r, b] = [first, second, third, last].map((input) => Math.round(input.valueAsNumber));
      const beyond = [x, y].some((value) => !(value >= 0 && value < side));
      if (beyond || (kind.value === "box" ? !(r >= x && b >= y && r < side && b < side) : !(r >= 0 && r < side)))
        return void complain(add, new Error(`The shape must lie inside: numbers go from 0 to ${side - 1}.`));
      const { layers, layer } = this.painter;
      const paint = layer === "label" ? Number(this.shapeClass.value) : this.painter.colour;
      layers.begin();
      if (kind.value === "box") layers.box(x, y, r, b, paint, layer);
      else layers.disc(x, y, 2 * r + 1, paint, layer);
      this.painter.draw();
      this.painter.handlers.changed();
      say("Painted.");
    }, { id: "shape-paint" });
    return el("details", { class: "more" }, el("summary", {}, "Paint by numbers"),
      el("div", { class: "fields shapes" }, field("Class", this.shapeClass), field("Shape", kind), field("Left", first), field("Top", second), field("Right", third), field("Bottom", last), add));
  }
}

export function swatch(item, index) {
  const mark = el("span", { class: `swatch hatch-${index % 6}`, "aria-hidden": "true" });
  mark.style.setProperty("--class", `rgb(${item.colour.join(" ")})`);
  return mark;
}
