// What the page asks its own server, which plays the team's identity service here.

export const $ = (id) => document.getElementById(id);

/** Adds a line to a log, and shows the end of it. */
export function line(log, text, kind = "") {
  const entry = Object.assign(document.createElement("li"), { textContent: text, className: kind });
  $(log).append(entry);
  $(log).scrollTop = $(log).scrollHeight;
}

/** Asks for something, with a body where there is one. */
export async function server(path, body, signal) {
  const answer = await fetch(path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Returns what a client asks for its user's token, each time that it needs one. */
export const tokenOf =
  (user) =>
  async ({ signal }) =>
    (await server("token", { user }, signal)).token;

export const settings = await server("settings");
