// What a page of another origin can send to the API, and what it gets to read of the answer.

const READABLE = [
  "X-Request-Id", "X-Mattegate-Reason", "X-Mattegate-Error-Type", "Retry-After", "RateLimit", "RateLimit-Policy",
  "WWW-Authenticate", "Content-Type", "Server-Timing",
];

// Sends one picture. Gives {status, headers, problem, blob, progress}, or {error} where the browser tells nothing more.
export async function ask({ api, path = "/v1/remove-bg", key = "", carrier = "X-API-Key", how = "form",
                            credentials = false, picture, headers = {}, onProgress = () => {} }) {
  const request = new Headers(headers);
  if (key) request.set(carrier, carrier === "Authorization" ? `Bearer ${key}` : key);
  const body = await BODIES[how](picture, request);
  try {
    if (how === "progress") return await watched(api + path, request, body, credentials, onProgress);
    const mode = credentials ? "include" : "omit";
    const answer = await fetch(api + path, { method: "POST", headers: request, body, credentials: mode });
    return await read(answer.status, (name) => answer.headers.get(name), await answer.blob(), 0);
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

const BODIES = {
  form: form,
  progress: form,
  raw: (picture, headers) => { headers.set("Content-Type", picture.type || "image/png"); return picture; },
  json: async (picture, headers) => {
    headers.set("Content-Type", "application/json");
    const bytes = new Uint8Array(await picture.arrayBuffer());
    return JSON.stringify({ image_base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) });
  },
};

function form(picture) {
  const body = new FormData();
  body.append("image", picture, picture.name || "picture.png");
  return body;
}

// fetch() cannot tell how far an upload is; a listener on XMLHttpRequest.upload can, at the price of a preflight.
function watched(url, headers, body, credentials, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let events = 0;
    request.open("POST", url);
    request.responseType = "blob";
    request.withCredentials = credentials;
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => { events += 1; onProgress(event.loaded / event.total); });
    request.addEventListener("load", () =>
      resolve(read(request.status, (name) => request.getResponseHeader(name), request.response, events)));
    request.addEventListener("error", () => reject(new TypeError("XMLHttpRequest failed, and says no more")));
    request.send(body);
  });
}

async function read(status, header, blob, progress) {
  const headers = Object.fromEntries(READABLE.map((name) => [name, header(name)]).filter(([, value]) => value));
  const problem = (headers["Content-Type"] ?? "").includes("problem+json") ? JSON.parse(await blob.text()) : null;
  return { status, headers, problem, blob, progress };
}

// --- the form ------------------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);
const fields = byId("form");
byId("origin").textContent = location.origin;

fields.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { api, key, carrier, how, picture, credentials } = fields.elements;
  byId("verdict").textContent = "Sending …";
  byId("progress").hidden = how.value !== "progress";
  show(await ask({
    api: api.value.replace(/\/+$/, ""), key: key.value, carrier: carrier.value, how: how.value,
    credentials: credentials.checked, picture: picture.files[0],
    onProgress: (part) => { byId("progress").value = part; },
  }));
});

function show({ error, status, headers = {}, problem, blob }) {
  byId("verdict").textContent = error
    ? `${error}. The browser hides the rest: look for the preflight in its network panel, and at its X-Mattegate-Reason.`
    : problem ? `${status} ${problem.title}: ${problem.detail} ${problem.remedy}` : `${status}`;
  byId("facts").replaceChildren(...Object.entries(headers).flatMap(([name, value]) => {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, text.textContent] = [name, value];
    return [term, text];
  }));
  const shown = !error && !problem && blob.type.startsWith("image/");
  byId("cutout").hidden = !shown;
  if (shown) byId("cutout").src = URL.createObjectURL(blob);
}

globalThis.ask = ask; // for the console
