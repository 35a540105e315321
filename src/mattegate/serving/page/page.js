// The page's one act: send a picture, show the cut-out or the refusal. No framework, no storage, no other host.

const byId = (id) => document.getElementById(id);
const [stage, drop, view, pair, before, after, handle, slide] =
  ["stage", "drop", "view", "pair", "before", "after", "handle", "slide"].map(byId);
const [fileInput, form, status, download, errorBox] = ["file", "options", "status", "download", "error"].map(byId);

let picture = null;   // the File that is shown
let running = null;   // the AbortController of the request in flight
const urls = new Map(); // object URLs by their place, so that each is given back when it is replaced

function objectUrl(place, blob) {
  if (urls.has(place)) URL.revokeObjectURL(urls.get(place));
  urls.set(place, URL.createObjectURL(blob));
  return urls.get(place);
}

// --- asking the server ---------------------------------------------------------------------------------

async function cutOut(file) {
  running?.abort();
  const mine = running = new AbortController();
  picture = file;
  showWorking(file);
  const body = new FormData();
  body.append("image", file, file.name || "pasted.png");
  for (const [name, value] of new FormData(form)) body.append(name, value);
  try {
    const answer = await fetch(document.body.dataset.endpoint, { method: "POST", body, signal: mine.signal });
    if (answer.ok) await showCutout(answer, mine);
    else showRefusal(await explained(answer));
  } catch (error) {
    if (!mine.signal.aborted) showRefusal(unanswered(error));
  } finally {
    if (running === mine) stage.classList.remove("busy");
  }
}

async function explained(answer) {
  const type = answer.headers.get("Content-Type") ?? "";
  if (type.includes("json")) return answer.json();
  return {
    title: `Answer ${answer.status} from something else`,
    detail: "The answer is not one of this server's; a proxy between may have made it.",
    remedy: "Show the operator the time and this address.",
    reason: "", request_id: answer.headers.get("X-Request-Id") ?? "",
  };
}

function unanswered(error) {
  return {
    title: "No answer", detail: `The connection ended before an answer came (${error.message}).`,
    remedy: "Check that the server is running and that the picture is within its size limit, then try again.",
    reason: "", request_id: "",
  };
}

// --- showing -------------------------------------------------------------------------------------------

function showWorking(file) {
  errorBox.hidden = true;
  drop.hidden = true;
  view.hidden = false;
  download.hidden = true;
  byId("timings").hidden = true;
  stage.classList.add("busy");
  status.textContent = `Cutting out ${file.name || "the pasted picture"} …`;
  before.src = after.src = objectUrl("before", file);
  slide.disabled = true;
  moveHandle(100);
}

async function showCutout(answer, mine) {
  const blob = await answer.blob();
  if (mine.signal.aborted) return;
  const name = suggestedName(answer.headers.get("Content-Disposition"));
  const url = objectUrl("after", blob);
  download.href = url;
  download.download = name;
  download.hidden = false;
  const shown = blob.type.startsWith("image/");
  if (shown) { after.src = url; await after.decode().catch(() => {}); }
  slide.disabled = !shown;
  moveHandle(shown ? 50 : 100);
  status.textContent = [
    `${answer.headers.get("X-Width")} × ${answer.headers.get("X-Height")}`, spokenSize(blob.size),
    answer.headers.get("X-Mattegate-Model"), answer.headers.get("X-Mattegate-Notes"),
  ].filter(Boolean).join(" · ");
  showTimings(answer.headers.get("Server-Timing") ?? "");
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
  stage.classList.remove("busy");
  drop.hidden = false;
  view.hidden = true;
  for (const part of ["title", "detail", "remedy", "reason"]) byId(`error-${part}`).textContent = problem[part] ?? "";
  byId("error-id").textContent = problem.request_id ?? "";
  byId("error-reason").hidden = !problem.reason;
  byId("error-ids").hidden = !problem.request_id;
  byId("copy").textContent = "Copy id";
  errorBox.hidden = false;
  errorBox.scrollIntoView({ block: "nearest" });
}

function moveHandle(percent) {
  slide.value = percent;
  before.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
  handle.style.left = `${percent}%`;
  handle.hidden = slide.disabled;
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

byId("copy").addEventListener("click", async () => {
  const id = byId("error-id");
  try {
    await navigator.clipboard.writeText(id.textContent);
    byId("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(id); // without permission the id is at least selected
  }
});
