// The page: opens a project, shows one of its views, keeps the socket.

import { button, el, facts } from "./dom.js";
import * as api from "./api.js";
import { Live } from "./live.js";
import { Store } from "./store.js";
import { Stage, BEFORE } from "./stage.js";
import { Frame } from "./frame.js";
import { Renderer } from "./renderer.js";
import { Explore, stageBar } from "./explore.js";
import { Edit } from "./edit.js";
import { PANE as TRAIN, Train } from "./train.js";
import { Photo } from "./photo.js";
import { Regions } from "./regions.js";
import { Compare } from "./compare.js";
import { PANE as GRID, Sort } from "./sort.js";
import { KEYS, listen } from "./keys.js";

const VIEWS = [["explore", "Explore"], ["edit", "Edit"], ["train", "Train"], ["photo", "Photo"], ["regions", "Regions"], ["compare", "Compare"], ["sort", "Sort"]];

class App extends Frame {
  constructor(store) {
    super(store);
    this.stage = new Stage();
    this.live = new Live({
      frame: (pane, picture, head) => this.frame(pane, picture, head),
      preview: (picture) => (this.photo?.job ? this.photo : this.edit)?.preview(picture),
      message: (message) => store.heard(message),
      problem: (error, pane) => this.problem(error, pane),
      state: (open) => this.connection(open),
      latency: (value) => { this.latency.value = `${Math.round(value)} ms`; },
    });
    this.live.watch(store.id);
    this.renderer = new Renderer(store, this.live, this.stage);
    this.explore = new Explore(this);
    this.edit = new Edit(this);
    this.train = new Train(this);
    this.photo = new Photo(this);
    this.regions = new Regions(this);
    this.compare = new Compare(this);
    this.sort = new Sort(this);
    this.build();
    listen(this);
    this.redraw();
    store.addEventListener("elsewhere", (event) => this.notice(event.detail));
    store.addEventListener("job", (event) => this.busy(event.detail));
    this.go(sessionStorage.getItem("gantk-view") || "explore");
    this.renderer.refresh();
  }

  build() {
    const { store } = this;
    this.tabs = VIEWS.map(([name, text], place) => button(text, () => this.go(name), { class: "tab", title: `${place + 1}` }));
    document.getElementById("views").replaceChildren(...this.tabs);
    this.latency = el("output", { class: "number", title: "From the last event to its picture" });
    this.place = el("span", { class: "quiet", id: "place" });
    this.dot = el("span", { class: "dot", role: "img", "aria-label": "Connected" });
    this.projects = el("select", { "aria-label": "Project", id: "projects", onchange: () => this.switch(this.projects.value) });
    document.getElementById("about").replaceChildren(this.place, this.latency, this.dot, this.projects, button("?", () => this.help(), { class: "icon", "aria-label": "Keys" }));
    this.listProjects();
    this.noticeBox = el("p", { class: "notice", role: "status" });
    this.noticeBox.hidden = true;
    this.left = el("div", { class: "stage" });
    this.right = el("div", { class: "side" });
    this.bar = stageBar(this);
    document.getElementById("main").replaceChildren(this.noticeBox, this.left, this.right);
    document.title = `${store.model.name} · gantk`;
  }

  async listProjects() {
    const { store } = this;
    const found = await api.get("projects").catch(() => []);
    const title = (item, place) => item.name || `${item.model} ${found.length - place}`;
    const options = found.map((item, place) => el("option", { value: item.id }, title(item, place)));
    if (!found.some((item) => item.id === store.id)) options.unshift(el("option", { value: store.id }, store.state.name || store.model.name));
    const fresh = store.info.models.map((model) => el("option", { value: `new:${model.name}` }, `New project of ${model.name}`));
    this.projects.replaceChildren(...options, ...fresh, el("option", { value: "rename" }, "Rename this project…"));
    this.projects.value = store.id;
  }

  async switch(value) {
    if (value === "rename") {
      this.projects.value = this.store.id;
      return void this.askName("Name of the project", this.store.state.name, async (name) => {
        await this.store.post({ type: "name", name }, true);
        this.listProjects();
      });
    }
    await this.explore.settle();
    const id = value.startsWith("new:") ? (await api.post("projects", { model: value.slice(4) })).id : value;
    localStorage.setItem("gantk-project", id);
    location.reload();
  }

  go(view) {
    if (!VIEWS.some(([name]) => name === view)) return;
    this.view = view;
    sessionStorage.setItem("gantk-view", view);
    this.tabs.forEach((tab, place) => tab.setAttribute("aria-current", VIEWS[place][0] === view ? "page" : "false"));
    const shown = this[view];
    this.left.replaceChildren(...(shown.stageNode ? [shown.stageNode] : [this.stage.node, this.bar]));
    this.right.replaceChildren(shown.node);
    document.body.dataset.view = view;
    shown.enter?.();
  }

  frame(pane, picture, head) {
    if (pane >= GRID) return this.sort.frame(pane - GRID, picture);
    if (pane === TRAIN && (this.view === "train" || this.stage.count <= pane)) this.train.frame(picture);
    if (pane === 0) this.edit.frame(picture);
    if (pane === 0) this.regions.frame(picture);
    this.stage.put(pane, picture, head);
    return this.renderer.arrived(pane, head);
  }

  problem(error, pane) {
    if (pane !== undefined && pane < BEFORE) this.stage.busy(false); // no picture of this state will come
    if (pane !== undefined && pane < BEFORE && this.view === "explore") this.explore.problem(error);
    else if (pane === undefined) this.notice(error.message);
  }

  connection(open) {
    this.dot.classList.toggle("away", !open);
    this.dot.setAttribute("aria-label", open ? "Connected" : "Not connected");
    if (!open && this.wasOpen) this.notice("The connection is lost; it is tried again. What you see is kept.");
    if (open && this.wasOpen === false) {
      this.noticeBox.hidden = true;
      this.renderer?.refresh();
      this.store.catchUp().catch(() => {});
    }
    this.wasOpen = open;
  }

  busy(job) {
    const running = ["waiting", "running"].includes(job.state) && job.kind !== "predict";
    this.place.textContent = !running ? "" : job.state === "waiting" && job.place ? `${job.kind}: ${job.place} before it` : `${job.kind}…`;
  }

  notice(text) {
    this.noticeBox.textContent = text;
    this.noticeBox.hidden = false;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => { this.noticeBox.hidden = true; }, 8000);
  }

  help() {
    this.dialog("Keys", () => facts(KEYS, "facts keys"))();
  }
}

function fail(error) {
  const [title, text] =
    error.status === 401 ? ["This tab has no key", "Open the link that gantk web printed: it ends in #token=… and works as long as the server runs."]
    : ["This did not work", `${error.message} ${error.hint || ""}`];
  document.getElementById("main").replaceChildren(
    el("div", { class: "empty" }, el("h2", {}, title), el("p", { class: "quiet" }, text), button("Try again", () => location.reload(), {})));
}

async function start() {
  api.takeToken();
  const info = await api.get("info");
  const store = new Store(info);
  const listed = await api.get("projects");
  const usable = new Set(info.models.map((model) => model.name));
  const known = new Set(listed.filter((item) => usable.has(item.model)).map((item) => item.id));
  const linked = info.public && /^#project=([a-z0-9]{16,64})$/.exec(location.hash)?.[1];
  const last = linked || localStorage.getItem("gantk-project");
  // in public mode projects are not listed: the one of this browser is known by its secret name alone
  const mine = info.public && last && (await api.get(`projects/${last}`).then(() => true, () => false));
  const id = known.has(last) || mine ? last : [...known][0] || (await api.post("projects", { model: info.models[0].name })).id;
  await store.open(id);
  // a visitor comes back by the link, which holds the project's secret name
  if (info.public) history.replaceState(null, "", `${location.pathname}#project=${id}`);
  globalThis.gantk = new App(store); // for the console, and for tests
}

window.addEventListener("hashchange", () => location.hash.includes("token=") && location.reload());
start().catch(fail);
