// The pictures: one canvas per sample, what was before under the same canvas, a divider, a map of the difference.

import { el, say } from "./dom.js";

export const BEFORE = 16;

export class Stage {
  constructor() {
    this.count = 1;
    this.mode = "after";
    this.held = false;
    this.split = 0.5;
    this.after = [];
    this.before = [];
    this.heads = [];
    this.canvases = [];
    this.grid = el("div", { class: "grid" });
    this.range = el("input", {
      type: "range", min: 0, max: 1, step: 0.01, value: 0.5, class: "divider", "aria-label": "Place of the divider",
      oninput: () => {
        this.split = Number(this.range.value);
        this.draw();
      },
    });
    this.range.hidden = true;
    this.node = el("div", { class: "pictures" }, this.grid, this.range);
    this.arrange(1);
  }

  arrange(count) {
    this.count = count;
    this.after.length = this.before.length = 0;
    this.canvases = Array.from({ length: count }, (_, place) =>
      el("canvas", { role: "img", "aria-label": count > 1 ? `Sample ${place + 1} of ${count}` : "The picture", width: 64, height: 64 }),
    );
    this.grid.className = `grid of-${count}`;
    this.grid.replaceChildren(...this.canvases);
  }

  // whether the pictures are not yet those of the state
  busy(on) {
    this.grid.setAttribute("aria-busy", String(on));
  }

  put(pane, picture, head) {
    const place = pane % BEFORE;
    if (place >= this.count) return;
    if (pane >= BEFORE) this.before[place] = picture;
    else {
      this.after[place] = picture;
      this.heads[place] = head;
    }
    this.draw(place);
  }

  show(mode) {
    this.mode = mode;
    this.range.hidden = mode !== "divider";
    this.draw();
  }

  hold(held) {
    if (held !== this.held) {
      this.held = held;
      if (held) say("Before");
      this.grid.classList.toggle("held", held);
      this.draw();
    }
  }

  draw(only) {
    this.canvases.forEach((canvas, place) => {
      if (only !== undefined && only !== place) return;
      const after = this.after[place];
      const before = this.before[place];
      if (!after) return;
      if (canvas.width !== after.width || canvas.height !== after.height) {
        canvas.width = after.width;
        canvas.height = after.height;
        canvas.classList.toggle("small", after.width <= 128);
      }
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const { width, height } = canvas;
      const shown = this.held && before ? before : after;
      context.drawImage(shown, 0, 0, width, height);
      canvas.dataset.drawn = String((Number(canvas.dataset.drawn) || 0) + 1);
      if (!before || this.held) return;
      if (this.mode === "divider") {
        const at = Math.round(this.split * width);
        if (at > 0) context.drawImage(before, 0, 0, before.width * (at / width), before.height, 0, 0, at, height);
        if (width >= 256) {
          context.fillStyle = "#fff";
          context.fillRect(Math.min(width - 1, at), 0, Math.round(width / 256), height);
        }
      } else if (this.mode === "difference") {
        const now = context.getImageData(0, 0, width, height);
        context.drawImage(before, 0, 0, width, height);
        context.putImageData(difference(now, context.getImageData(0, 0, width, height)), 0, 0);
      }
    });
  }
}

// |now - then|, twice as strong, on black: two pictures' data become that of the first.
export function difference(now, then) {
  for (let i = 0; i < then.data.length; i += 4)
    for (let c = 0; c < 3; c += 1) now.data[i + c] = Math.min(255, 2 * Math.abs(now.data[i + c] - then.data[i + c]));
  return now;
}
