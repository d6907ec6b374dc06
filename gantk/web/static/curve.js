// A curve of numbers as SVG.

const SPACE = "http://www.w3.org/2000/svg";

export function curve(values, title) {
  const [width, height] = [300, 64];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (value, place) => [
    (place / Math.max(1, values.length - 1)) * (width - 8) + 4,
    height - 4 - ((value - low) / Math.max(1e-9, high - low)) * (height - 8),
  ];
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("class", "curve");
  svg.setAttribute("aria-label", `${title}: from ${values[0].toPrecision(3)} to ${low.toPrecision(3)} in ${values.length}`);
  const line = document.createElementNS(SPACE, "polyline");
  line.setAttribute("points", values.map((value, place) => at(value, place).map((x) => x.toFixed(1)).join(",")).join(" "));
  svg.append(line);
  return svg;
}
