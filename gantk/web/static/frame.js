// What every frame around Explore can do: the page, and the widget of a notebook.

import { attempt, button, el, field, save, say } from "./dom.js";
import * as api from "./api.js";

export class Frame {
  constructor(store, root = document.body) {
    this.store = store;
    this.root = root; // where dialogs open
  }

  // New pictures whenever the state at hand is another one.
  redraw() {
    const { store } = this;
    store.addEventListener("state", () => {
      const key = JSON.stringify([store.id, store.at.base, store.at.moves, store.state.cursor, store.state.paste]);
      if (key === this.shown) return;
      this.shown = key;
      this.renderer.asked = "";
      this.renderer.refresh();
    });
  }

  arrange(count) {
    this.stage.arrange(count);
    this.live.forget([...Array(32).keys()]);
    this.renderer.asked = "";
    this.renderer.refresh(performance.now());
  }

  // What repeats a job, behind a button.
  commandOf(job) {
    return button("Command", () => this.showCommand(job), { class: "plain", title: "What repeats this without the page" });
  }

  showCommand(job) {
    this.showText("What gives the same result, where this project's folder is.", api.get(`jobs/${job}/command`).then((found) => found.text));
  }

  // Lines to copy, once they are known.
  showText(about, found, ...beside) {
    this.dialog("Command", () => {
      const text = el("pre", { tabIndex: 0 }, "…");
      const copy = button("Copy", () => navigator.clipboard?.writeText(text.textContent).then(() => say("Copied.")), { class: "plain" });
      found.then((lines) => { text.textContent = lines; }, (error) => { text.textContent = error.message; });
      return el("div", {}, el("p", { class: "quiet" }, about), text, copy, ...beside);
    })();
  }

  // Asks for a name, and closes once it is kept.
  askName(title, value, keep, about) {
    const name = el("input", { type: "text", maxLength: 80, value });
    this.dialog(title, (done) => {
      const go = button("Save", () => attempt(go, async () => {
        await keep(name.value);
        done();
      }), { class: "main" });
      return el("div", {}, about && el("p", { class: "quiet" }, about), field("Name", name), go);
    })();
  }

  // A job whose result is a file.
  async takeFile(kind, args) {
    const { result, id } = await this.store.job(kind, args);
    if (!result) return;
    this.lastFile = id;
    if (result.rev) await this.store.catchUp();
    save(result.name, new Blob([await api.bytes(this.store.id, result.blob)], { type: result.type }));
  }

  dialog(title, content) {
    return () => {
      const box = el("dialog", { "aria-label": title, onclose: () => box.remove() });
      const done = () => box.close();
      box.append(el("div", { class: "head" }, el("h2", {}, title), button("✕", done, { class: "icon", "aria-label": "Close" })), content(done));
      box.addEventListener("click", (event) => event.target === box && done());
      this.root.append(box);
      box.showModal();
    };
  }
}
