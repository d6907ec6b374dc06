// The project as the server knows it, and what this window has changed since. Events go out one after another.

import * as api from "./api.js";

export class Store extends EventTarget {
  constructor(info) {
    super();
    this.info = info;
    this.directions = [];
    this.queue = Promise.resolve();
    this.pending = 0;
    this.behind = 0;
    this.waiters = new Map();
  }

  get at() {
    return this.state.nodes[this.state.cursor];
  }

  get model() {
    return this.info.models.find((model) => model.name === this.state.model);
  }

  // what was there before: the picture that this one was made from, or the sample without moves
  get before() {
    const { parent, base } = this.at;
    return parent === null ? { base, moves: [] } : this.state.nodes[parent];
  }

  direction(id) {
    return this.directions.find((entry) => entry.id === id);
  }

  async open(id) {
    this.adopt(await api.get(`projects/${id}`));
    localStorage.setItem("gantk-project", id);
    await this.refreshDirections();
  }

  async refreshDirections() {
    this.directions = await api.get(`directions?model=${encodeURIComponent(this.state.model)}`);
    this.emit("directions");
  }

  // a slider under the finger is not sent yet: what comes from the server must not put it back
  adopt(state) {
    const same = this.state && state.id === this.id && state.cursor === this.state.cursor;
    const mine = same ? this.unsent?.() : {};
    if (same && Object.keys(mine || {}).length) state.nodes[state.cursor] = { ...state.nodes[state.cursor], ...mine };
    this.id = state.id;
    this.rev = state.rev;
    this.state = state;
    this.emit("state");
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // Record an event; the state comes back from the server when `fetch` is asked for.
  post(event, refetch = false) {
    this.pending += 1;
    const sent = this.queue.then(async () => {
      try {
        this.rev = (await api.post(`projects/${this.id}/events`, { rev: this.rev, event })).rev;
        if (refetch) this.adopt(await api.get(`projects/${this.id}`));
      } catch (error) {
        if (error.status === 409 && error.state) {
          this.adopt(error.state);
          this.emit("elsewhere", error.message);
          return;
        }
        throw error;
      } finally {
        this.pending -= 1;
        if (!this.pending && this.behind > this.rev) this.catchUp();
      }
    });
    this.queue = sent.catch(() => {});
    return sent;
  }

  async catchUp() {
    this.behind = 0;
    this.adopt(await api.get(`projects/${this.id}`));
  }

  heard(message) {
    if (message.type === "rev" && message.project === this.id && message.rev > this.rev) {
      this.behind = message.rev;
      if (!this.pending) this.catchUp();
    }
    if (message.type === "directions" && message.model === this.state.model) this.refreshDirections();
    if (message.type === "job" && message.project === this.id) {
      this.emit("job", message);
      const waiter = this.waiters.get(message.id);
      waiter?.progress?.(message);
      if (waiter && ["done", "failed", "cancelled"].includes(message.state)) {
        this.waiters.delete(message.id);
        waiter.finish(message);
      }
    }
  }

  // Start a job and wait for its end; `progress` hears of every step. Resolves with the job, throws its sentence.
  async job(kind, args, progress) {
    await this.queue;
    const key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
    const { job } = await api.post(`projects/${this.id}/jobs`, { kind, key, args });
    progress?.({ id: job, state: "waiting", done: 0, total: 0 });
    return this.follow(job, progress);
  }

  async follow(job, progress) {
    const finished = await new Promise((finish) => {
      this.waiters.set(job, { progress, finish });
      const look = async () => {
        // the socket may have been away when the job ended
        if (!this.waiters.has(job)) return;
        try {
          this.heard({ type: "job", ...(await api.get(`jobs/${job}`)) });
        } catch (error) {
          this.waiters.delete(job);
          finish({ state: "failed", error });
        }
        if (this.waiters.has(job)) setTimeout(look, 1500);
      };
      look();
    });
    if (finished.state === "failed") throw new api.Problem(0, finished.error);
    return finished;
  }

  stop(job) {
    return api.remove(`jobs/${job}`);
  }
}
