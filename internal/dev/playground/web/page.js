// The page: who comes in, and what is said on a channel.
import { connect } from "./portcullis.js";
import { $, line, settings, tokenOf } from "./server.js";
import "./vault.js";

let client; // of whoever came in
let feed; // of the channel that is heard

document.querySelector("main").inert = false; // nobody presses what does nothing yet
for (const user of settings.users) $("user").append(new Option(user));
$("gateway").textContent = `It listens at ${settings.gateway}.`;

$("connect").addEventListener("submit", async (event) => {
  event.preventDefault();
  await client?.close();
  const user = $("user").value;
  client = connect({ url: settings.gateway, way: $("way").value, token: tokenOf(user), onState, onFeed });
});

$("go").addEventListener("click", () => client?.close());

// onState shows what the client is at, and keeps what it was.
function onState(state) {
  const said = {
    connecting: () => "connecting",
    connected: ({ welcome }) => `connected as ${welcome.user} of ${welcome.tenant}, ${welcome.connection}, with a token until ${new Date(welcome.expires).toLocaleTimeString()}, which is renewed before`,
    waiting: ({ error, waitMs }) => `${error.message}; again in ${Math.round(waitMs)} ms`,
    ended: ({ error }) => `not connected: ${error.message}`,
  }[state.phase](state);
  $("state").textContent = said;
  $("state").dataset.phase = state.phase;
  $("state").toggleAttribute("data-bad", Boolean(state.error) && state.error.name !== "ClosedError");
  $("go").disabled = state.phase === "ended";
  if (state.phase !== "connected") $("members").replaceChildren();
  line("events", said, state.error && state.error.name !== "ClosedError" ? "bad" : "note");
}

// onFeed hears of what the gateway subscribes the user to by itself, such as an inbox.
function onFeed(given) {
  line("messages", `the gateway has you hear ${given.channel}`, "good");
  void listen(given);
}

$("subscribe").addEventListener("submit", async (event) => {
  event.preventDefault();
  await tried(async () => {
    await feed?.unsubscribe();
    feed = undefined;
    $("members").replaceChildren();
    const channel = $("channel").value;
    feed = await needed().subscribe(channel, { onGap: (gap) => line("messages", `some of ${channel} is missing: ${gap.reason}`, "bad"), ...(await watched(channel)) });
    line("messages", `you hear ${channel}`, "good");
    void listen(feed);
  });
});

$("leave").addEventListener("click", () =>
  tried(async () => {
    await feed?.unsubscribe();
    if (feed) line("messages", `you left ${feed.channel}`, "note");
    feed = undefined;
    $("members").replaceChildren();
  }),
);

// listen shows what a feed brings, to its end.
async function listen(from) {
  try {
    for await (const message of from) line("messages", spoken(message));
  } catch (error) {
    line("messages", `${from.channel} ended: ${error.message}`, "bad");
  }
}

function spoken({ channel, from, position, data }) {
  return `${channel}${position ? ` ${position.offset}` : ""}  ${from.user}: ${JSON.stringify(data)}`;
}

// watched are the options for who hears of joins and leaves; none where the channel has no presence.
async function watched(channel) {
  if (!(await members(channel))) return {};
  return {
    onPresence: (event) => {
      if (event.kind === "join" || event.kind === "leave") line("messages", `${event.member.user}: ${event.kind}`, "note");
      void members(channel);
    },
  };
}

// members shows who is there, and says whether that may be known.
async function members(channel) {
  try {
    const { members: all = [], count } = await needed().presence(channel);
    const names = all.map(({ user }) => user).sort();
    $("members").replaceChildren(...(all.length ? names : [`${count} connections`]).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    return true;
  } catch (error) {
    if (error.code !== "not_available" && error.code !== "forbidden") throw error;
    return false;
  }
}

$("past").addEventListener("click", () =>
  tried(async () => {
    const channel = $("channel").value;
    line("messages", `the last ten of ${channel}, the newest first`, "note");
    let left = 10;
    for await (const message of needed().history(channel, { reverse: true, page: left })) {
      line("messages", spoken(message), "note");
      if (--left === 0) break;
    }
  }),
);

$("publish").addEventListener("submit", async (event) => {
  event.preventDefault();
  await tried(async () => {
    if (needed().state.phase !== "connected") line("messages", "it waits for a connection", "note");
    const { position } = await needed().publish($("channel").value, $("text").value);
    line("messages", position ? `published, at offset ${position.offset}` : "published", "good");
  });
});

function needed() {
  if (!client || client.state.phase === "ended") throw new Error("connect first");
  return client;
}

async function tried(what) {
  try {
    await what();
  } catch (error) {
    line("messages", error.message, "bad");
  }
}
