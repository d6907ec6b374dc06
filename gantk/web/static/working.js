// A view that has one job at a time: the line that says how far it is, and the button that stops it.

import { button, complain, el } from "./dom.js";

export class Working {
  constructor(app) {
    this.app = app;
    this.job = null; // its id; "asked" until the server has named it
    this.note = el("p", { class: "quiet" });
    this.halt = button("Stop", () => this.stop(), { title: "Esc" });
    this.halt.hidden = true;
  }

  // What may be begun now.
  offer() {}

  // Runs what asks for jobs.
  async during(work) {
    this.job = "asked";
    this.halt.hidden = false;
    this.offer();
    try {
      return await work();
    } finally {
      this.job = null;
      this.halt.hidden = true;
      this.note.textContent = "";
      this.offer();
    }
  }

  begin(kind, args, about = "") {
    return this.app.store.job(kind, args, (told) => {
      this.job = told.id;
      this.note.textContent = `${about}${told.note || "waiting"} ${told.total && told.note !== "solving" ? `${told.done} of ${told.total}` : ""}…`;
    });
  }

  work(kind, args) {
    return this.during(() => this.begin(kind, args));
  }

  stop() {
    if (this.job && this.job !== "asked") this.app.store.stop(this.job).catch((error) => complain(this.note, error));
  }
}
