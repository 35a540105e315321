// Gets a token from this page's own server, and makes cut-outs with it; a token that is over is replaced once.

let token = "";

async function fresh() {
  const answer = await fetch("/token", { method: "POST" });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${told.title}: ${told.detail}`);
  token = told.token;
}

export async function cutOut(api, picture) {
  for (const again of [true, false]) {
    if (!token) await fresh();
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": picture.type || "image/png" };
    const answer = await fetch(`${api}/v1/remove-bg`, { method: "POST", headers, body: picture });
    if (answer.ok) return answer.blob();
    const problem = await answer.json();
    if (!again || !["token.expired", "token.used_up"].includes(problem.reason)) {
      throw new Error(`${problem.title}: ${problem.detail} ${problem.remedy}`);
    }
    token = "";
  }
}

const byId = (id) => document.getElementById(id);
byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { api, picture } = event.target.elements;
  byId("verdict").textContent = "Sending …";
  try {
    byId("cutout").src = URL.createObjectURL(await cutOut(api.value.replace(/\/+$/, ""), picture.files[0]));
    byId("cutout").hidden = false;
    byId("verdict").textContent = "";
  } catch (error) {
    byId("verdict").textContent = error.message;
  }
});

globalThis.cutOut = cutOut; // for the console
