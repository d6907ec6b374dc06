// Strokes as class numbers in a byte array: no pixel is ever between two classes.

export const NONE = 255;

export class Layers {
  constructor(side) {
    this.side = side;
    this.label = new Uint8Array(side * side).fill(NONE);
    this.colour = new Uint8Array(4 * side * side);
    this.past = [];
    this.future = [];
  }

  // --- one step of undo for each stroke ---

  begin() {
    this.past.push([this.label.slice(), this.colour.slice()]);
    if (this.past.length > 60) this.past.shift();
    this.future = [];
  }

  abandon() {
    const last = this.past.pop();
    if (last) [this.label, this.colour] = last;
  }

  step(from, to) {
    if (!from.length) return false;
    to.push([this.label, this.colour]);
    [this.label, this.colour] = from.pop();
    return true;
  }

  undo() {
    return this.step(this.past, this.future);
  }

  redo() {
    return this.step(this.future, this.past);
  }

  get empty() {
    return this.label.every((value) => value === NONE) && this.noColour;
  }

  get noColour() {
    for (let i = 3; i < this.colour.length; i += 4) if (this.colour[i]) return false;
    return true;
  }

  clear() {
    this.begin();
    this.label.fill(NONE);
    this.colour.fill(0);
  }

  // --- marks; `paint` is a class number, NONE to erase, or [r, g, b] for the colour layer ---

  set(x, y, paint, where) {
    if (x < 0 || y < 0 || x >= this.side || y >= this.side) return;
    const at = y * this.side + x;
    if (where === "label") this.label[at] = paint;
    else if (paint === NONE) this.colour.fill(0, 4 * at, 4 * at + 4);
    else this.colour.set([...paint, 255], 4 * at);
  }

  disc(x, y, size, paint, where) {
    const radius = size / 2;
    const shift = size % 2 ? 0 : 0.5; // even sizes are centred between pixels
    for (let j = -Math.ceil(radius); j <= Math.ceil(radius); j += 1)
      for (let i = -Math.ceil(radius); i <= Math.ceil(radius); i += 1)
        if ((i + shift) ** 2 + (j + shift) ** 2 <= radius ** 2 || size === 1 && !i && !j) this.set(x + i, y + j, paint, where);
  }

  // discs along an integer line (Bresenham)
  line(x0, y0, x1, y1, size, paint, where) {
    const dx = Math.abs(x1 - x0);
    const dy = -Math.abs(y1 - y0);
    const sx = x0 < x1 ? 1 : -1;
    const sy = y0 < y1 ? 1 : -1;
    let [x, y, error] = [x0, y0, dx + dy];
    for (;;) {
      this.disc(x, y, size, paint, where);
      if (x === x1 && y === y1) return;
      const twice = 2 * error;
      if (twice >= dy) [error, x] = [error + dy, x + sx];
      if (twice <= dx) [error, y] = [error + dx, y + sy];
    }
  }

  box(x0, y0, x1, y1, paint, where) {
    for (let y = Math.min(y0, y1); y <= Math.max(y0, y1); y += 1)
      for (let x = Math.min(x0, x1); x <= Math.max(x0, x1); x += 1) this.set(x, y, paint, where);
  }

  // pixels whose centre is inside, by the even-odd rule, and those of the outline
  polygon(points, paint, where) {
    for (let y = 0; y < this.side; y += 1)
      for (let x = 0; x < this.side; x += 1) {
        let inside = false;
        points.forEach(([ax, ay], i) => {
          const [bx, by] = points[(i + 1) % points.length];
          if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
        });
        if (inside) this.set(x, y, paint, where);
      }
    points.forEach(([ax, ay], i) => this.line(ax, ay, ...points[(i + 1) % points.length], 1, paint, where));
  }

  // the connected region of one class in `map` (the predicted labels), or of equal values in the layer itself
  fill(x, y, paint, where, map) {
    const { side } = this;
    const own = (at) => (where === "label" ? this.label[at] : this.colour.slice(4 * at, 4 * at + 4).join());
    const value = map ? (at) => map[at] : own;
    const wanted = value(y * side + x);
    const seen = new Uint8Array(side * side);
    const open = [y * side + x];
    seen[open[0]] = 1;
    const region = [];
    while (open.length) {
      const at = open.pop();
      region.push(at);
      const column = at % side;
      for (const near of [at - side, at + side, column ? at - 1 : -1, column < side - 1 ? at + 1 : -1])
        if (near >= 0 && near < side * side && !seen[near] && value(near) === wanted) {
          seen[near] = 1;
          open.push(near);
        }
    }
    for (const at of region) this.set(at % side, Math.floor(at / side), paint, where);
  }
}

// Classes differ by pattern as well as by colour: whether a pixel of the enlarged map is darkened.
function pattern(index, x, y) {
  switch (index % 6) {
    case 1: return (x + y) % 6 === 0;
    case 2: return (x - y + 6000) % 6 === 0;
    case 3: return x % 6 === 0;
    case 4: return y % 6 === 0;
    case 5: return x % 6 === 0 && y % 6 === 0;
    default: return false;
  }
}

// A label map as pixels of `scale` times its size; what is not labelled is clear.
export function picture(map, side, classes, scale) {
  const image = new ImageData(side * scale, side * scale);
  const width = side * scale;
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const index = map[y * side + x];
      const found = classes[index];
      if (!found) continue;
      const [r, g, b] = found.colour;
      for (let j = y * scale; j < (y + 1) * scale; j += 1)
        for (let i = x * scale; i < (x + 1) * scale; i += 1) {
          const at = 4 * (j * width + i);
          const dark = scale > 2 && pattern(index, i, j) ? 0.6 : 1;
          const light = dark < 1 && r + g + b < 120 ? 90 : 0; // dark classes are hatched lightly
          image.data[at] = r * dark + light;
          image.data[at + 1] = g * dark + light;
          image.data[at + 2] = b * dark + light;
          image.data[at + 3] = 255;
        }
    }
  return image;
}
