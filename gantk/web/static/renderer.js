// What the stage shows, asked for over the socket: moving frames while something moves, exact ones at rest.

import { later } from "./dom.js";
import { pasting } from "./paste.js";
import { BEFORE } from "./stage.js";

export class Renderer {
  constructor(store, live, stage) {
    Object.assign(this, { store, live, stage });
    this.rest = later(220, () => this.ask(true));
    this.wanted = []; // sequence numbers of the exact pictures of the state at hand, by pane
    this.size = Math.min(1024, Math.max(256, Math.round(640 * Math.min(2, devicePixelRatio || 1))));
  }

  moves(list) {
    return list.filter((move) => !move.mute && (move.amount || move.hold));
  }

  // every pane anew; `since` is the time of the event that changed something
  refresh(since = 0) {
    this.wanted = [];
    this.stage.busy(true);
    this.ask(false, since);
    this.rest();
  }

  ask(final, since = 0) {
    const { store, stage } = this;
    const size = stage.count > 1 ? 256 : this.size;
    const common = { project: store.id, size, final };
    for (let place = 0; place < stage.count; place += 1) {
      const now = { ...common, base: store.at.base, moves: this.moves(store.at.moves), offset: place, paste: place ? null : pasting(store, store.at.id) };
      const seq = this.live.request(place, now, since);
      if (final) this.wanted[place] = seq;
    }
    if (final) this.askBefore({ ...common });
  }

  // once the exact picture of every pane is drawn, the stage shows the state at hand
  arrived(pane, head) {
    if (!head.final || !this.wanted.length || head.seq < this.wanted[pane]) return;
    const { heads, count } = this.stage;
    if (Array.from({ length: count }, (_, place) => heads[place]?.final && heads[place].seq >= this.wanted[place]).every(Boolean)) this.stage.busy(false);
  }

  // what was there before does not move with the slider: it is asked for at rest, and only where it differs
  askBefore(common) {
    const { store, stage } = this;
    const { base, moves } = store.before;
    const paste = pasting(store, store.at.parent ?? store.at.id);
    const then = JSON.stringify([base, this.moves(moves)]);
    const key = JSON.stringify([common.project, then, stage.count, paste]);
    if (then === JSON.stringify([store.at.base, this.moves(store.at.moves)])) {
      stage.before.length = 0;
      this.asked = "";
      return;
    }
    if (key === this.asked) return;
    this.asked = key;
    for (let place = 0; place < stage.count; place += 1)
      this.live.request(place + BEFORE, { ...common, base, moves: this.moves(moves), offset: place, paste: place ? null : paste });
  }
}
