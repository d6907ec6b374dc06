// What the stage shows, asked for over the socket: moving frames while something moves, exact ones at rest.

import { later } from "./dom.js";
import { BEFORE } from "./stage.js";

export class Renderer {
  constructor(store, live, stage) {
    Object.assign(this, { store, live, stage });
    this.rest = later(220, () => this.ask(true));
    this.size = Math.min(1024, Math.max(256, Math.round(640 * Math.min(2, devicePixelRatio || 1))));
  }

  moves(list) {
    return list.filter((move) => !move.mute && (move.amount || move.hold));
  }

  // every pane anew; `since` is the time of the event that changed something
  refresh(since = 0) {
    this.ask(false, since);
    this.rest();
  }

  ask(final, since = 0) {
    const { store, stage } = this;
    const size = stage.count > 1 ? 256 : this.size;
    const common = { project: store.id, size, final };
    for (let place = 0; place < stage.count; place += 1) {
      const now = { ...common, base: store.at.base, moves: this.moves(store.at.moves), offset: place };
      this.live.request(place, now, since);
    }
    if (final) this.askBefore({ ...common });
  }

  // what was there before does not move with the slider: it is asked for at rest, and only where it differs
  askBefore(common) {
    const { store, stage } = this;
    const { base, moves } = store.before;
    const then = JSON.stringify([base, this.moves(moves)]);
    const key = JSON.stringify([common.project, then, stage.count]);
    if (then === JSON.stringify([store.at.base, this.moves(store.at.moves)])) {
      stage.before.length = 0;
      this.asked = "";
      return;
    }
    if (key === this.asked) return;
    this.asked = key;
    for (let place = 0; place < stage.count; place += 1)
      this.live.request(place + BEFORE, { ...common, base, moves: this.moves(moves), offset: place });
  }
}
