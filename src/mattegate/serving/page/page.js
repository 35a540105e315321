// The page's one act: send a picture, show the cut-out or the refusal. No framework and no other host. The key travels
// in a header alone, and is kept (for this tab) only when that is asked for.

const byId = (id) => document.getElementById(id);
const [stage, drop, view, pair, before, after, handle, slide] =
  ["stage", "drop", "view", "pair", "before", "after", "handle", "slide"].map(byId);
const [fileInput, form, status, download, errorBox] = ["file", "options", "status", "download", "error"].map(byId);
const [key, keep, again, stop, sent, elapsed] = ["key", "keep", "again", "stop", "sent", "elapsed"].map(byId);

let picture = null;   // the File that was sent last
let running = null;   // the request in flight
let clock = 0;        // the interval that tells how long it has taken
const urls = new Map(); // object URLs by their place, so that each is given back when it is replaced

function objectUrl(place, blob) {
  if (urls.has(place)) URL.revokeObjectURL(urls.get(place));
  urls.set(place, URL.createObjectURL(blob));
  return urls.get(place);
}

// --- asking the server ---------------------------------------------------------------------------------

async function cutOut(file) {
  callOff();
  picture = file;
  const secret = key.value.trim();
  if (/[^\x21-\x7e]/.test(secret)) return showAtOnce(NO_KEY);
  const mine = running = new XMLHttpRequest();
  showWorking(file);
  try {
    const answer = await answered(mine, file, secret);
    if (running !== mine) return;
    if (answer.ok) await showCutout(answer, mine);
    else showRefusal(await explained(answer));
  } catch (error) {
    if (running === mine) showRefusal(unanswered(error));
  } finally {
    if (running === mine) showIdle();
  }
}

function callOff() {
  const request = running;
  running = null; // so that nobody waits for its end any more
  request?.abort();
}

// XMLHttpRequest, because fetch() does not tell how far an upload is.
function answered(request, file, secret) {
  const body = new FormData();
  body.append("image", file, file.name || "pasted.png");
  for (const [name, value] of new FormData(form)) body.append(name, value);
  return new Promise((resolve, reject) => {
    request.open("POST", document.body.dataset.endpoint);
    request.responseType = "blob";
    if (secret) request.setRequestHeader("Authorization", `Bearer ${secret}`);
    request.upload.addEventListener("progress", ({ loaded, total }) => { sent.value = total ? loaded / total : 0; });
    request.upload.addEventListener("load", () => showSent(request, file));
    request.addEventListener("load", () => resolve({
      ok: request.status >= 200 && request.status < 300, status: request.status, blob: request.response,
      header: (name) => request.getResponseHeader(name) ?? "",
    }));
    request.addEventListener("error", () => reject(new Error("The connection ended before an answer came.")));
    request.addEventListener("abort", () => reject(new Error("The request was called off.")));
    request.send(body);
  });
}

const NO_KEY = {
  title: "That is no API key", detail: "It holds spaces or characters that no key has.",
  remedy: "Paste the key again, without quotes and without anything in front of it or behind it.", layer: "credential",
};

const ENTER_KEY = "Put your API key into the field above, and try again.";

const STOPPED = { title: "Stopped", detail: "The picture was not cut out." };

async function explained(answer) {
  if (answer.header("Content-Type").includes("json")) return JSON.parse(await answer.blob.text());
  return {
    title: `Answer ${answer.status} from something else`,
    detail: "The answer is not one of this server's; a proxy between may have made it.",
    remedy: "Show the operator the time and this address.", request_id: answer.header("X-Request-Id"),
  };
}

function unanswered(error) {
  return {
    title: "No answer", detail: error.message,
    remedy: "Check that the server is running and that the picture is within its size limit, then try again.",
  };
}

// --- showing -------------------------------------------------------------------------------------------

function showWorking(file) {
  errorBox.hidden = drop.hidden = download.hidden = byId("timings").hidden = true;
  view.hidden = stop.hidden = sent.hidden = false;
  key.removeAttribute("aria-invalid");
  stage.classList.add("busy");
  stage.classList.remove("working");
  sent.value = 0;
  status.textContent = `Sending ${spokenName(file)} …`;
  before.src = after.src = objectUrl("before", file);
  slide.disabled = true;
  moveHandle(100);
  tick(performance.now());
}

function showSent(request, file) {
  if (running !== request) return;
  sent.hidden = true;
  stage.classList.add("working");
  status.textContent = `Cutting out ${spokenName(file)} …`;
}

function tick(start) {
  clearInterval(clock);
  elapsed.textContent = "";
  clock = setInterval(() => { elapsed.textContent = `${Math.round((performance.now() - start) / 1e3)} s`; }, 1000);
}

function showIdle() {
  running = null;
  clearInterval(clock);
  elapsed.textContent = "";
  stage.classList.remove("busy", "working");
  stop.hidden = sent.hidden = true;
}

async function showCutout(answer, mine) {
  const url = objectUrl("after", answer.blob);
  download.href = url;
  download.download = suggestedName(answer.header("Content-Disposition"));
  download.hidden = false;
  const shown = answer.blob.type.startsWith("image/");
  if (shown) { after.src = url; await after.decode().catch(() => {}); }
  if (running !== mine) return;
  slide.disabled = !shown;
  moveHandle(shown ? 50 : 100);
  status.textContent = [
    `${answer.header("X-Width")} × ${answer.header("X-Height")}`, spokenSize(answer.blob.size),
    answer.header("X-Mattegate-Model"), answer.header("X-Mattegate-Notes"),
  ].filter(Boolean).join(" · ");
  showTimings(answer.header("Server-Timing"));
}

function showTimings(header) {
  const stages = [...header.matchAll(/([\w-]+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]);
  const total = stages.find(([name]) => name === "total")?.[1] ?? 0;
  byId("stages").replaceChildren(...stages.flatMap(([name, ms]) => {
    const term = document.createElement("dt");
    const bar = document.createElement("progress");
    const value = document.createElement("dd");
    term.textContent = name;
    bar.max = total || 1;
    bar.value = ms;
    bar.setAttribute("aria-hidden", "true");
    value.textContent = `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
    if (name === "total") for (const element of [term, value]) element.className = "total";
    return [term, bar, value];
  }));
  byId("timings").hidden = stages.length === 0;
}

function showRefusal(problem) {
  drop.hidden = false;
  view.hidden = true;
  for (const part of ["title", "detail", "remedy"]) byId(`error-${part}`).textContent = problem[part] ?? "";
  if (problem.reason === "credential.missing" && !key.value.trim()) byId("error-remedy").textContent = ENTER_KEY;
  showReason(problem);
  byId("error-id").textContent = problem.request_id ?? "";
  byId("error-why").hidden = !problem.reason;
  byId("error-ids").hidden = !problem.request_id;
  byId("copy").textContent = "Copy id";
  again.hidden = !picture;
  again.textContent = picture ? `Try again with ${spokenName(picture)}` : "";
  if (problem.layer === "credential") key.setAttribute("aria-invalid", "true");
  errorBox.hidden = false;
  errorBox.scrollIntoView({ block: "nearest" });
}

function showAtOnce(problem) {
  showIdle();
  showRefusal(problem);
}

function showReason({ reason = "", type = "" }) {
  const link = byId("error-reason");
  link.textContent = reason;
  link.removeAttribute("href");
  const page = type && new URL(type, location.href);
  if (page && page.origin === location.origin && document.body.dataset.explains) link.href = page.href;
}

function moveHandle(percent) {
  slide.value = percent;
  before.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
  handle.style.left = `${percent}%`;
  handle.hidden = slide.disabled;
}

function spokenName(file) {
  return file.name || "the pasted picture";
}

function spokenSize(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function suggestedName(disposition) {
  const extended = /filename\*=UTF-8''([^;]+)/.exec(disposition ?? "");
  if (extended) return decodeURIComponent(extended[1]);
  return /filename="([^"]*)"/.exec(disposition ?? "")?.[1] ?? "cutout";
}

// --- hands ---------------------------------------------------------------------------------------------

function take(files) {
  if (files?.length) cutOut(files[0]);
}

fileInput.addEventListener("change", () => { take(fileInput.files); fileInput.value = ""; });
form.addEventListener("change", () => { if (picture && !view.hidden) cutOut(picture); });
form.addEventListener("submit", (event) => event.preventDefault());
again.addEventListener("click", () => cutOut(picture));
stop.addEventListener("click", () => { callOff(); showAtOnce(STOPPED); });
slide.addEventListener("input", () => moveHandle(Number(slide.value)));
byId("another").addEventListener("click", () => fileInput.click());
document.addEventListener("paste", (event) => take(event.clipboardData?.files));

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); stage.classList.add("over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) stage.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  take(event.dataTransfer?.files);
});

const KEPT = "mattegate.key";

function rememberKey() {
  if (keep.checked && key.value) sessionStorage.setItem(KEPT, key.value);
  else sessionStorage.removeItem(KEPT);
}

key.value = sessionStorage.getItem(KEPT) ?? "";
keep.checked = Boolean(key.value);
key.addEventListener("input", () => { key.removeAttribute("aria-invalid"); rememberKey(); });
keep.addEventListener("change", rememberKey);
byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  rememberKey();
  if (picture) cutOut(picture);
});

byId("copy").addEventListener("click", async () => {
  const id = byId("error-id");
  try {
    await navigator.clipboard.writeText(id.textContent);
    byId("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(id); // without permission the id is at least selected
  }
});
