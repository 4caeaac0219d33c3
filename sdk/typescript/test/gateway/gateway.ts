// The gateway that test/sdk started, and what can be done to it.
import { WebSocket } from "ws";
import { type Client, type Config, connect, type State } from "../../src/index.js";

const given = JSON.parse(process.env["PORTCULLIS_GATEWAY"] ?? "{}") as { url: string; control: string };
if (!given.url) throw new Error("PORTCULLIS_GATEWAY is not set: go test ./test/sdk sets it, and runs these tests");

/** Where tests connect. */
export const url = given.url;

export async function control(path: string, method = "POST", body = ""): Promise<string> {
  const answer = await fetch(given.control + path, { method, ...(method === "POST" && { body, headers: { "Content-Type": "application/json" } }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text;
}

/** A token of a user: for an hour, unless it says for how many seconds. */
export const token = (sub: string, more = "") => control(`/token?sub=${sub}${more}`, "GET");

export const cut = () => control("/cut?one_in=1");

/** npm's ws, unless the test is run for that of Node.js. */
export const socket: Pick<Config, "WebSocket"> = process.execArgv.includes("--experimental-websocket") ? {} : { WebSocket };

const open = new Set<Client>();

/** A client of a user. It is closed behind the test where that does not. */
export function client(user: string, more: Partial<Config> = {}): Client {
  const c = connect({ url, token: () => token(user), longestPauseMs: 20, ...socket, ...more });
  open.add(c);
  return c;
}

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((c) => c.close()));
  open.clear();
}

/** Collects states, and waits for one. */
export class States {
  readonly all: State[] = [];
  #look = () => {};
  readonly take = (s: State) => {
    this.all.push(s);
    this.#look();
  };

  async reach<P extends State["phase"]>(phase: P, such: (s: State & { phase: P }) => boolean = () => true): Promise<State & { phase: P }> {
    for (;;) {
      const found = this.all.find((s): s is State & { phase: P } => s.phase === phase && such(s as State & { phase: P }));
      if (found) return found;
      await new Promise<void>((resolve) => (this.#look = resolve));
    }
  }
}

/** A promise that fails after ten seconds. */
export const soon = () => ({ signal: AbortSignal.timeout(10_000) });
