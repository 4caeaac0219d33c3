// A chat: what was said lately, what is said, and who is there.
import { connect } from "@portcullis/client";

const $ = (id) => document.getElementById(id);
const show = (list, text) => $(list).append(Object.assign(document.createElement("li"), { textContent: text }));
let client, room;

$("come").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { url, token, room: name } = Object.fromEntries(new FormData($("come")));
  await client?.close();
  // A page of yours asks your own server for a token here. It is called again before each end of one.
  client = connect({ url, token: () => token, onState: (state) => ($("state").textContent = state.error ? `${state.phase}: ${state.error.message}` : state.phase) });
  try {
    await enter(`room:${name}`);
  } catch (error) {
    show("messages", error.message);
  }
});

async function enter(channel) {
  room = channel;
  // What is there is asked first; what the room says from then on comes behind it, without a gap. Where nothing was kept yet it begins with the present.
  const past = [];
  for await (const message of client.history(channel, { reverse: true })) if (past.unshift(message) === 20) break;
  $("messages").replaceChildren();
  past.forEach(said);
  const feed = await client.subscribe(channel, { since: past.at(-1)?.position, onGap: (gap) => show("messages", `some is missing: ${gap.reason}`), onPresence: () => void members(channel) });
  void listen(feed);
}

async function listen(feed) {
  try {
    for await (const message of feed) said(message);
  } catch (error) {
    show("messages", error.message); // such as a right that was taken away
  }
}

function said({ from, time, data }) {
  show("messages", `${new Date(time).toLocaleTimeString()} ${from.user}: ${data?.text ?? JSON.stringify(data)}`);
}

// members shows each user once, however many connections they have.
async function members(channel) {
  const { count, members: all } = await client.presence(channel);
  $("members").replaceChildren();
  for (const user of all ? new Set(all.map((one) => one.user)) : [`${count} people`]) show("members", user);
}

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = new FormData($("say")).get("text");
  $("say").reset();
  try {
    await client.publish(room, { text }); // over another connection, if it must be
  } catch (error) {
    show("messages", `not said: ${error.message}`);
  }
});
