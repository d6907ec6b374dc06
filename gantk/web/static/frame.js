// What every frame around Explore can do: the page, and the widget of a notebook.

import { button, el, save, say } from "./dom.js";
import * as api from "./api.js";

export class Frame {
  constructor(store, root = document.body) {
    this.store = store;
    this.root = root; // where dialogs open
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
    this.dialog("Command", () => {
      const text = el("pre", { tabIndex: 0 }, "…");
      const copy = button("Copy", () => navigator.clipboard?.writeText(text.textContent).then(() => say("Copied.")), { class: "plain" });
      api.get(`jobs/${job}/command`).then((found) => { text.textContent = found.text; }, (error) => { text.textContent = error.message; });
      return el("div", {}, el("p", { class: "quiet" }, "What gives the same result, where this project's folder is."), text, copy);
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
