// The socket: one frame in flight and one waiting per pane; older frames than the one shown are dropped.

import { token, Problem } from "./api.js";

const HEADER = 16;
const PNG = 2;
const FINAL = 1;
const JOB = 2;

function webSocket() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new WebSocket(`${scheme}://${location.host}/api/v1/live`);
}

export class Live {
  constructor(handlers, connect = webSocket) {
    this.handlers = handlers; // frame, preview, message, problem, state
    this.connect = connect;
    this.panes = new Map(); // pane -> {flying, waiting, shown}
    this.seq = 0;
    this.sent = 0;
    this.most = 0; // renders that waited or flew at once, of one pane
    this.latencies = [];
    this.pause = 500;
    this.open();
  }

  open() {
    const socket = this.connect();
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.ready = false;
    socket.onopen = () => socket.send(JSON.stringify({ token: token() }));
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => {
      this.ready = false;
      for (const pane of this.panes.values()) {
        pane.waiting ||= pane.flying;
        pane.flying = null;
      }
      this.handlers.state(false);
      setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(8000, this.pause * 2);
    };
  }

  receive(data) {
    if (typeof data !== "string") return this.frame(data);
    const message = JSON.parse(data);
    if (message.type === "ready") {
      this.ready = true;
      this.pause = 500;
      if (this.project) this.watch(this.project);
      for (const number of this.panes.keys()) this.next(number);
      this.handlers.state(true);
    } else if (message.type === "error") {
      const pane = this.panes.get(message.pane);
      if (pane?.flying?.seq === message.seq) {
        pane.flying = null;
        this.next(message.pane);
      }
      this.handlers.problem(new Problem(0, message), message.pane);
    } else this.handlers.message(message);
    return undefined;
  }

  async frame(buffer) {
    const view = new DataView(buffer);
    const head = {
      format: view.getUint8(1),
      flags: view.getUint8(2),
      pane: view.getUint8(3),
      seq: view.getUint32(4, true),
      width: view.getUint16(8, true),
      height: view.getUint16(10, true),
      milliseconds: view.getUint16(12, true),
      first: view.getUint16(14, true),
    };
    const type = head.format === PNG ? "image/png" : "image/jpeg";
    const blob = new Blob([new Uint8Array(buffer, HEADER)], { type });
    if (head.flags & JOB) {
      this.handlers.preview(await createImageBitmap(blob), head);
      return;
    }
    const pane = this.panes.get(head.pane);
    const asked = pane?.flying?.seq === head.seq ? pane.flying : null;
    if (asked) {
      pane.flying = null;
      this.next(head.pane);
    }
    const picture = await createImageBitmap(blob);
    if (!pane || head.seq < (pane.shown || 0)) return;
    pane.shown = head.seq;
    head.final = Boolean(head.flags & FINAL);
    head.blob = blob;
    this.handlers.frame(head.pane, picture, head);
    if (asked?.since) {
      head.latency = performance.now() - asked.since;
      this.latencies.push(head.latency);
      if (this.latencies.length > 500) this.latencies.shift();
      this.handlers.latency?.(head.latency);
    }
  }

  // `since`: when the event that asks for it happened
  request(number, message, since = 0) {
    const pane = this.panes.get(number) || { flying: null, waiting: null, shown: 0 };
    this.panes.set(number, pane);
    pane.waiting = { ...message, t: "render", pane: number, seq: ++this.seq, since };
    const { seq } = pane.waiting;
    this.most = Math.max(this.most, 1 + (pane.flying ? 1 : 0));
    // an exact picture may take seconds: what moves does not wait for it, and the server lets it go
    if (pane.flying?.final && !message.final) pane.flying = null;
    if (!pane.flying) this.next(number);
    return seq;
  }

  next(number) {
    const pane = this.panes.get(number);
    if (!this.ready || pane.flying || !pane.waiting) return;
    pane.flying = pane.waiting;
    pane.waiting = null;
    const { since, ...message } = pane.flying;
    this.sent += 1;
    this.socket.send(JSON.stringify(message));
  }

  forget(numbers) {
    for (const number of numbers) {
      const pane = this.panes.get(number);
      if (pane) pane.waiting = null;
    }
  }

  watch(project) {
    this.project = project;
    if (this.ready) this.socket.send(JSON.stringify({ t: "watch", project }));
  }

  get idle() {
    return [...this.panes.values()].every((pane) => !pane.flying && !pane.waiting);
  }
}
