// The photo around an edit: one switch, wherever an edited photo is looked at.

import { complain, el, quiet, say } from "./dom.js";

// The places of the history from the photo to `id`; none where there is no photo behind it.
function since(nodes, id) {
  const found = [];
  for (let node = nodes[id]; node; node = node.parent === null ? null : nodes[node.parent]) {
    found.push(node);
    if (node.photo) return found;
  }
  return [];
}

// What a render message says of the picture at `id`.
export const pasting = (store, id) => (store.state.paste && since(store.state.nodes, id).length ? id : null);

export function pasteSwitch(app) {
  const { store } = app;
  const box = el("input", { type: "checkbox", onchange: async () => {
    quiet(label);
    try {
      await app.explore.settle();
      await store.post({ type: "paste", on: box.checked }, true);
      say(box.checked ? "The photo is shown around the edit." : "The generator's picture is shown whole.");
    } catch (error) {
      box.checked = !box.checked;
      complain(label, error);
    }
  } });
  const label = el("label", { class: "check paste", title: "Outside what strokes and sliders changed, the photo's own pixels; the edge is soft" }, box, "Photo around the edit");
  const sync = () => {
    label.hidden = !since(store.state.nodes, store.state.cursor).length;
    box.checked = store.state.paste;
  };
  store.addEventListener("state", sync);
  sync();
  return label;
}
