// A process that opens a client and closes it. Whatever the client left behind would keep it alive.
import { WebSocket } from "ws";
import { connect, ClosedError } from "../../src/index.js";

const [at, url, token] = process.argv.slice(2) as [string, string, string];
const c = connect({
  url: at === "waiting" ? "ws://127.0.0.1:9" : url, // nobody listens there
  token: () => (at === "connecting" ? new Promise(() => {}) : token),
  ...(process.execArgv.includes("--experimental-websocket") ? {} : { WebSocket }),
});
if (at === "connected") {
  const feed = await c.subscribe("room:1", { onPresence: () => {} });
  const waits = feed.next().catch((e: unknown) => e);
  await c.ping();
  await c.close();
  if (!((await waits) instanceof ClosedError)) throw new Error("what waits for a message was not told that the client was closed");
} else {
  const waits = c.ping().catch((e: unknown) => e);
  await new Promise((go) => setTimeout(go, 100));
  if (c.state.phase !== at) throw new Error(`the client is ${c.state.phase}, want ${at}`);
  await c.close();
  if (!((await waits) instanceof ClosedError)) throw new Error("what waits for a connection was not told that the client was closed");
}
if (c.state.phase !== "ended") throw new Error(`the client is ${c.state.phase} after close`);
setTimeout(() => {
  console.error("something of the client is left:", process.getActiveResourcesInfo());
  process.exit(1);
}, 3000).unref();
