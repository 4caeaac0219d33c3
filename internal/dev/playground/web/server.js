// What the page asks its own server, which plays the team's identity service here.

export const $ = (id) => document.getElementById(id);

const most = 500; // lines of a log; the oldest go

/** Adds a line to a log, and shows it to who is at the end of the log: nobody is torn from what they read. */
export function line(log, text, kind = "") {
  const list = $(log);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 20;
  list.append(Object.assign(document.createElement("li"), { textContent: text, className: kind }));
  if (list.childElementCount > most) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

/** Asks for something, with a body where there is one. */
export async function server(path, body, signal) {
  const request = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
  const answer = await fetch(path, request).catch((error) => {
    throw signal?.aborted ? error : new Error("portcullis dev does not answer; if it was stopped, start it again");
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Returns what a client asks for its user's token, each time that it needs one. */
export const tokenOf =
  (user) =>
  async ({ signal }) =>
    (await server("token", { user }, signal)).token;

export const settings = await server("settings").catch((error) => {
  $("gateway").textContent = `${error.message}, and load this page again.`;
  throw error;
});
