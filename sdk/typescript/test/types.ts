// What the compiler must say of programs that use the package, as npm has it: by its name, and the types that were built. It is checked, and never run.
import { type Client, type Config, connect, type Feed, type Message, type Published, sealed, type State } from "@portcullis/client";

declare const client: Client;
declare const feed: Feed;
declare function is<T>(value: T): void;

const config: Config = { url: "wss://edge.example.com", token: async ({ signal }) => (await fetch("/token", { signal })).text() };
is<Client>(connect(config));
connect({ ...config, WebSocket: globalThis.WebSocket, fetch: globalThis.fetch });

// @ts-expect-error a client needs a token
connect({ url: "wss://edge.example.com" });
// @ts-expect-error there are two ways
connect({ ...config, way: "cookie" });
// @ts-expect-error a token is a text
connect({ ...config, token: () => 7 });
// @ts-expect-error there is no such option
connect({ ...config, retries: 3 });
// @ts-expect-error a WebSocket is made by its constructor
connect({ ...config, WebSocket: () => {} });

is<Promise<Feed>>(client.subscribe("room:1", { since: { offset: 41, epoch: "x7" }, strict: true, signal: AbortSignal.timeout(1000), onGap: (g) => is<number>(g.lost) }));
// @ts-expect-error a position has an epoch
void client.subscribe("room:1", { since: { offset: 41 } });
// @ts-expect-error a signal stands in an object
void feed.next(AbortSignal.timeout(1000));

is<Promise<Published>>(client.publish("room:1", { any: ["value"] }));
void client.publish("room:1", sealed("a..b.c.d"));
void client.publish("room:1", new Uint8Array(4), { signal: AbortSignal.timeout(1000) });
// @ts-expect-error what is encrypted is a text
sealed({});

export async function reads(): Promise<void> {
  for await (const m of feed) {
    is<Message>(m);
    is<"jwe" | undefined>(m.encryption);
    // @ts-expect-error nobody knows what somebody published
    is<string>(m.data);
    // @ts-expect-error not every channel keeps history
    is<number>(m.position.offset);
  }
  for await (const m of client.history("room:1", { page: 10, reverse: true })) is<string>(m.from.user);
}

export function shows(state: State): string {
  // @ts-expect-error who it is is known in a connection alone
  is<unknown>(state.welcome);
  switch (state.phase) {
    case "connecting":
      return "...";
    case "connected":
      return state.welcome.user;
    case "waiting":
      return `${state.error.message}, again in ${state.waitMs} ms`;
    case "ended":
      return state.error.message;
  }
}

void client.subscribe("room:1", {
  onPresence: (e) => {
    if (e.kind === "join") is<string>(e.member.user);
    // @ts-expect-error nobody came
    if (e.kind === "anew") is<unknown>(e.member);
  },
});
