// Explore in a notebook: the page's own modules over the channel of a widget.

import { announceIn, el } from "./dom.js";
import * as api from "./api.js";
import { Live } from "./live.js";
import { Store } from "./store.js";
import { Stage, BEFORE } from "./stage.js";
import { Renderer } from "./renderer.js";
import { Explore, stageBar } from "./explore.js";
import { Frame } from "./frame.js";

// Requests and frames of one view as messages of the widget's model; other views of it hear theirs.
class Channel {
  constructor(model) {
    this.model = model;
    this.view = Math.random().toString(36).slice(2);
    this.count = 0;
    this.asked = new Map();
    this.socket = null;
    this.hear = (message, buffers) => this.receive(message, buffers);
    model.on("msg:custom", this.hear);
  }

  request(path, { method, body }) {
    const number = ++this.count;
    return new Promise((resolve) => {
      this.asked.set(number, resolve);
      this.model.send({ t: "ask", view: this.view, number, method, path, body: body ?? "" });
    });
  }

  receive(message, buffers) {
    if (message.view !== undefined && message.view !== this.view) return;
    if (message.t === "answer") {
      const data = new Uint8Array(buffers[0].buffer || buffers[0], buffers[0].byteOffset || 0, buffers[0].byteLength);
      const headers = { "content-type": message.type, ...(message.name && { "content-disposition": `attachment; filename="${message.name}"` }) };
      this.asked.get(message.number)?.(new Response(data, { status: message.status, headers }));
      this.asked.delete(message.number);
    } else if (message.t === "frame") {
      const part = buffers[0];
      const start = part.byteOffset || 0;
      this.socket?.onmessage({ data: (part.buffer || part).slice(start, start + part.byteLength) });
    } else this.socket?.onmessage({ data: JSON.stringify(message.message) });
  }

  // what Live takes for a socket
  connect() {
    const socket = { send: (text) => {
      const message = JSON.parse(text);
      if (message.t === "render") this.model.send({ t: "render", view: this.view, message });
    } };
    this.socket = socket;
    queueMicrotask(() => socket.onmessage({ data: JSON.stringify({ type: "ready" }) }));
    return socket;
  }

  close() {
    this.model.off("msg:custom", this.hear);
  }
}

class Notebook extends Frame {
  constructor(store, channel, root) {
    super(store, root);
    this.stage = new Stage();
    this.live = new Live({
      frame: (pane, picture, head) => {
        this.stage.put(pane, picture, head);
        this.renderer.arrived(pane, head);
      },
      preview: () => {},
      message: (message) => store.heard(message),
      problem: (error, pane) => {
        if (pane < BEFORE) this.stage.busy(false);
        this.explore.problem(error);
      },
      state: () => {},
    }, () => channel.connect());
    this.renderer = new Renderer(store, this.live, this.stage);
    this.explore = new Explore(this);
    const left = el("div", { class: "stage" }, this.stage.node, stageBar(this));
    root.append(el("main", {}, left, el("div", { class: "side" }, this.explore.node)));
    this.redraw();
    this.renderer.refresh(performance.now());
  }
}

// Puts the widget into `place`; returns what undoes it.
export async function mount(model, place, styles) {
  const host = el("div");
  host.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys rest here
  place.replaceChildren(host);
  const shadow = host.attachShadow({ mode: "open" });
  const polite = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const root = el("div", { class: "notebook" }, polite);
  shadow.append(el("style", {}, styles), root);
  // the notebook's own keys must not act on what is typed here
  for (const kind of ["keydown", "keypress", "keyup"]) shadow.addEventListener(kind, (event) => event.stopPropagation());
  announceIn(polite);
  const channel = new Channel(model);
  api.carryBy((path, options) => channel.request(path, options));
  try {
    const info = await api.get("info");
    const store = new Store(info);
    await store.open(info.project);
    new Notebook(store, channel, root);
  } catch (error) {
    root.append(el("p", { class: "problem", role: "alert" }, error.message));
  }
  return () => channel.close();
}
