// Keys, off while typing.

export const KEYS = [
  ["1 – 7", "views"], ["B", "hold: before"], ["N", "next sample"], ["Z, Shift Z", "undo, redo"], ["[ ]", "smaller, larger brush"],
  ["P E F G S I", "brush, eraser, fill, polygon, superpixel, pick"], ["Enter", "apply the strokes; close a polygon"], ["Esc", "stop"],
  ["← →", "on a slider; 0 resets it"], ["?", "this list"],
];

const TYPING = new Set(["text", "number", "search", "color"]);

export function listen(app) {
  const typing = (target) => target.matches?.("textarea, select") || (target.matches?.("input") && TYPING.has(target.type));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const view = app[app.view];
    const palette = view.palette;
    const tool = { p: "brush", e: "eraser", f: "fill", g: "polygon", s: "piece", i: "pick" }[key];
    if (["1", "2", "3", "4", "5", "6", "7"].includes(key)) app.go(["explore", "edit", "train", "photo", "regions", "compare", "sort"][Number(key) - 1]);
    else if (key === "b") app.stage.hold(true);
    else if (key === "n") app.view === "train" ? view.go(view.index + 1) : app.explore.next();
    else if (key === "?") app.help();
    else if (key === "z" && !view.undo) event.shiftKey ? app.edit.redo() : app.edit.undo();
    else if (key === "z") event.shiftKey ? view.redo() : view.undo();
    else if (palette && tool) palette.use(tool);
    else if (palette && (key === "[" || key === "]")) palette.resize(view.painter.size + (key === "]" ? 1 : -1));
    else if (key === "Enter" && view.painter?.points.length > 2) view.painter.close();
    else if (key === "Enter" && app.view === "edit" && !event.target.closest("button, summary, a")) view.run();
    else if (key === "Escape" && view.stop) view.stop();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "b") app.stage.hold(false);
  });
  window.addEventListener("blur", () => app.stage.hold(false));
}
