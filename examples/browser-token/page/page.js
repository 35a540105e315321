// Gets a token from this page's own server, and makes cut-outs with it; a token that is over is replaced once.

let given; // { token, api }: what to send, and where to

async function ask(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    // A browser does not say whether nobody answered or the answer may not be read: both are told.
    throw new Error(`${new URL(url, location).origin} does not answer, or not to pages of ${location.origin}.`);
  }
}

async function explained(answer) {
  const { title, detail, remedy = "" } = await answer.json();
  return new Error(`${title}: ${detail} ${remedy}`.trim());
}

async function fresh() {
  const answer = await ask("/token", { method: "POST" });
  if (!answer.ok) throw await explained(answer);
  given = await answer.json();
}

export async function cutOut(picture) {
  for (const again of [true, false]) {
    if (!given) await fresh();
    const headers = { Authorization: `Bearer ${given.token}`, "Content-Type": picture.type || "image/png" };
    const answer = await ask(`${given.api}/v1/remove-bg`, { method: "POST", headers, body: picture });
    if (answer.ok) return answer.blob();
    const over = ["token.expired", "token.used_up"].includes(answer.headers.get("X-Mattegate-Reason"));
    if (!over || !again) throw await explained(answer);
    given = undefined;
  }
}

const byId = (id) => document.getElementById(id);
byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("cutout").hidden = true;
  byId("verdict").textContent = "Sending …";
  try {
    URL.revokeObjectURL(byId("cutout").src);
    byId("cutout").src = URL.createObjectURL(await cutOut(event.target.elements.picture.files[0]));
    byId("cutout").hidden = false;
    byId("verdict").textContent = "";
  } catch (error) {
    byId("verdict").textContent = error.message;
  }
});

globalThis.cutOut = cutOut; // for the console
