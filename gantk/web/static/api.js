// The server's routes. The token comes in the link's fragment and stays in this tab.

const KEY = "gantk-token";

export function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) {
    sessionStorage.setItem(KEY, found);
    history.replaceState(null, "", location.pathname);
  }
}

export const token = () => sessionStorage.getItem(KEY) || "";

export class Problem extends Error {
  constructor(status, body) {
    super(body.message || "The server does not answer as expected.");
    Object.assign(this, { status, code: body.code, hint: body.hint || "", state: body.state });
  }
}

// What carries requests: HTTP, or the channel of a notebook.
let carrier = (path, options) => fetch(`/api/v1/${path}`, options);
export const carryBy = (other) => {
  carrier = other;
};

async function ask(method, path, options = {}) {
  const headers = { Authorization: `Bearer ${token()}`, ...options.headers };
  let response;
  try {
    response = await carrier(path, { method, headers, body: options.body });
  } catch {
    throw new Problem(0, { message: "The server cannot be reached.", hint: "Is it still running? Then try again." });
  }
  if (response.ok) return response;
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

const json = { "Content-Type": "application/json" };

export const get = async (path) => (await ask("GET", path)).json();
export const post = async (path, body) =>
  (await ask("POST", path, { headers: json, body: JSON.stringify(body) })).json();
export const remove = async (path) => (await ask("DELETE", path)).json();

export async function bytes(project, sha) {
  return new Uint8Array(await (await ask("GET", `projects/${project}/blobs/${sha}`)).arrayBuffer());
}

// a blob of 16-bit numbers, little-endian
export async function numbers(project, sha) {
  const data = await bytes(project, sha);
  return Uint16Array.from({ length: data.length / 2 }, (_, at) => data[2 * at] + 256 * data[2 * at + 1]);
}

export async function upload(project, data, kind) {
  const headers = { "Content-Type": "application/octet-stream" };
  const path = `projects/${project}/blobs?kind=${kind}`;
  return (await (await ask("PUT", path, { headers, body: data })).json()).sha256;
}

export async function exported(project, what) {
  const response = await ask("GET", `projects/${project}/export?what=${what}`);
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") || "");
  return { name: name ? name[1] : `gantk.${what}`, blob: await response.blob() };
}

export async function picture(project, blob) {
  const headers = { "Content-Type": blob.type };
  return (await (await ask("PUT", `projects/${project}/blobs`, { headers, body: blob })).json()).sha256;
}
