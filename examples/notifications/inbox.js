// An inbox: the gateway subscribes each user to it by itself. What came while the page was closed comes when it is open again.
import { connect } from "@portcullis/client";

const $ = (id) => document.getElementById(id);
const show = (text) => $("notifications").append(Object.assign(document.createElement("li"), { textContent: text }));

$("come").addEventListener("submit", (event) => {
  event.preventDefault();
  const { url, token } = Object.fromEntries(new FormData($("come")));
  connect({
    url,
    token: () => token,
    feedOptions: (channel) => ({
      since: JSON.parse(localStorage.getItem(channel)) ?? undefined, // of what was shown last
      onGap: () => show("Some are too old to be shown."),
    }),
    onFeed: (feed) => void read(feed),
    onState: ({ error }) => error && show(error.message),
  });
});

async function read(feed) {
  for await (const { data, position } of feed) {
    show(data.text);
    if (position) localStorage.setItem(feed.channel, JSON.stringify(position));
  }
}
