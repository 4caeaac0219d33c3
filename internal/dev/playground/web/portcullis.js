// Made of sdk/typescript/src by `go -C tools run ./bundle`: change it there.
import {
  Sealed,
  sealed
} from "./both.js";

// ../sdk/typescript/src/errors.ts
var RequestError = class extends Error {
  constructor(code, text2, retryMs = 0) {
    super(`${code}: ${text2}`);
    this.code = code;
    this.text = text2;
    this.retryMs = retryMs;
  }
  code;
  text;
  retryMs;
  /** For logs. */
  name = "RequestError";
};
var CloseError = class extends Error {
  constructor(code, reason, retryMs = 0) {
    super(code === lost ? `the connection was lost: ${reason}` : `the connection was closed: ${code} ${reason}`.trimEnd() + (retryMs ? `, retry after ${retryMs} ms` : ""));
    this.code = code;
    this.reason = reason;
    this.retryMs = retryMs;
  }
  code;
  reason;
  retryMs;
  /** For logs. */
  name = "CloseError";
  /** What the band of the code asks for. */
  get advice() {
    const band = Math.floor(this.code / 100);
    return bands[band] ?? (elsewhere.includes(this.code) ? "back off" : "stop");
  }
};
var lost = 1006;
var bands = { 40: "reconnect", 41: "back off", 42: "renew" };
var elsewhere = [1001, lost, 1011, 1012, 1013, 1014];
var RefusedError = class extends Error {
  constructor(status, code, detail, instance, retryAfterMs) {
    super([`the gateway refused: ${status}`, code && ` ${code}`, detail && `: ${detail}`, instance && `, instance ${instance}`].join(""));
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.instance = instance;
    this.retryAfterMs = retryAfterMs;
  }
  status;
  code;
  detail;
  instance;
  retryAfterMs;
  /** For logs. */
  name = "RefusedError";
  /** Whether another attempt can end better. */
  get advice() {
    if (this.status === 401) return "renew";
    return this.status === 429 || this.status >= 500 ? "back off" : "stop";
  }
};
var UncertainError = class extends Error {
  /** For logs. */
  name = "UncertainError";
  constructor(channel, cause) {
    super(`publish on ${channel}: the message may or may not have been delivered: its answer was lost`, { cause });
  }
};
var ClosedError = class extends Error {
  /** For logs. */
  name = "ClosedError";
  constructor() {
    super("the client was closed");
  }
};
var UnsubscribedError = class extends Error {
  /** For logs. */
  name = "UnsubscribedError";
  constructor() {
    super("the subscription was ended by this client");
  }
};
var ProtocolError = class extends Error {
  /** For logs. */
  name = "ProtocolError";
};

// ../sdk/typescript/src/time.ts
var longestTimer = 2 ** 31 - 1;
var shortPause = 500;
function stopwatch() {
  const date = Date.now();
  const moment2 = performance.now();
  return () => Math.max(Date.now() - date, performance.now() - moment2);
}
var Alarm = class {
  #timer;
  set(ms, ring) {
    this.stop();
    this.#timer = setTimeout(ring, Math.min(Math.max(ms, 0), longestTimer));
  }
  stop() {
    clearTimeout(this.#timer);
  }
};
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const alarm = new Alarm();
    const wake = () => {
      alarm.stop();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    if (signal?.aborted) return resolve();
    alarm.set(ms, wake);
    signal?.addEventListener("abort", wake);
  });
}
function spread(failures, longest) {
  return Math.random() * Math.min(longest, shortPause * 2 ** failures);
}

// ../sdk/typescript/src/bell.ts
var Bell = class {
  #waiting = /* @__PURE__ */ new Set();
  /** Returns when the bell rings; rejects with the signal's reason when that ends before. */
  wait(signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = () => {
        this.#waiting.delete(ring);
        signal?.removeEventListener("abort", stop);
      };
      const ring = () => (leave(), resolve());
      const stop = () => (leave(), reject(signal.reason));
      this.#waiting.add(ring);
      signal?.addEventListener("abort", stop);
    });
  }
  ring() {
    for (const one of [...this.#waiting]) one();
  }
};
async function bounded(ms, what, outer, work) {
  const inner = new AbortController();
  const alarm = new Alarm();
  const end = () => inner.abort(outer.reason);
  alarm.set(ms, () => inner.abort(new Error(what)));
  if (outer?.aborted) end();
  outer?.addEventListener("abort", end);
  try {
    return await work(inner.signal);
  } finally {
    alarm.stop();
    outer?.removeEventListener("abort", end);
  }
}
function unlessAborted(signal, given) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    Promise.resolve(given).then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

// ../sdk/typescript/src/address.ts
function address(text2, insecurePlaintext) {
  let url;
  try {
    url = new URL(text2);
  } catch {
    throw new TypeError("url cannot be read: it must be wss://host, or ws://host for a gateway on this machine");
  }
  const shown = `url "${url.protocol}//${url.host}${url.pathname}"`;
  if (url.protocol !== "ws:" && url.protocol !== "wss:") throw new TypeError(`${shown} must be wss://host, or ws://host for a gateway on this machine`);
  if (url.username || url.password) throw new TypeError(`${shown} has a user in it: use token`);
  if (url.search || url.hash) throw new TypeError(`${shown} has a query or a fragment: leave it out, a credential comes from token`);
  if (url.protocol === "ws:" && !insecurePlaintext && !loopback(url.hostname)) {
    throw new TypeError(`${shown} would carry the token in plaintext to another machine: use wss://; a program may set insecurePlaintext`);
  }
  if (url.pathname === "/") url.pathname = "/v1/ws";
  return url;
}
function loopback(host) {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

// ../sdk/typescript/src/config.ts
function check(c) {
  const at = address(c.url, c.insecurePlaintext === true);
  if (typeof c.token !== "function") throw new TypeError("token is missing: it is a function that returns the token to show");
  const way = c.way ?? "ticket";
  if (way !== "ticket" && way !== "subprotocol") throw new TypeError(`way "${String(way)}" is unknown: it is "ticket" or "subprotocol"`);
  const socket = c.WebSocket ?? globalThis.WebSocket;
  if (!socket) {
    throw new TypeError("there is no WebSocket here: give one, such as that of npm's ws, as WebSocket; or use Node.js 22, or Node.js 20 with --experimental-websocket");
  }
  const longestPauseMs = c.longestPauseMs ?? 3e4;
  if (!(longestPauseMs > 0)) throw new TypeError(`longestPauseMs is ${longestPauseMs}: it is a number of milliseconds above 0`);
  return { ...c, address: at, renew: c.renew ?? c.token, way, longestPauseMs, WebSocket: socket, fetch: c.fetch ?? ((input, init) => globalThis.fetch(input, init)) };
}

// ../sdk/typescript/src/shape.ts
var moment = Number.isFinite;
var count = (value) => Number.isSafeInteger(value) && value >= 0;
var text = (value) => typeof value === "string";
var flag = (value) => typeof value === "boolean";
var list = (one) => (value) => Array.isArray(value) && value.every(one);
function object(tests, ...needed2) {
  const all = Object.entries(tests);
  return (value) => typeof value === "object" && value !== null && needed2.every((name) => Object.hasOwn(value, name)) && all.every(([name, test]) => !Object.hasOwn(value, name) || test(value[name]));
}
var place = { channel: text, offset: count, epoch: text };
var member = object({ user: text, connection: text }, "user");
var publication = { ...place, base64: text, encryption: text, time: moment, from: member };
var limits = { message_size: count, subscriptions_per_connection: count, messages_per_second_per_connection: count, bytes_per_second_per_connection: count };
var frame = object(
  {
    ...publication,
    type: text,
    id: count,
    code: text,
    message: text,
    retry_ms: count,
    recovered: flag,
    duplicate: flag,
    reason: text,
    after: count,
    before: count,
    messages: list(object(publication, "from")),
    more: flag,
    member,
    members: list(member),
    count,
    told: flag,
    expires: moment,
    connection: text,
    tenant: text,
    user: text,
    segment: text,
    node: text,
    ping_ms: count,
    limits: object(limits),
    subscriptions: list(object(place, "channel"))
  },
  "type"
);
var needed = {
  welcome: object({}, "connection", "tenant", "user"),
  error: object({}, "code"),
  message: object({}, "channel", "from"),
  join: object({}, "channel", "member"),
  leave: object({}, "channel", "member")
};
function isFrame(value) {
  return frame(value) && (needed[value.type]?.(value) ?? true);
}

// ../sdk/typescript/src/welcome.ts
function greeting(f) {
  if (f.type !== "welcome") return void 0;
  const { type: _, ping_ms: pingMs = 0, subscriptions: chosen = [], limits: limits2 = {}, ...who } = f;
  return { ...who, pingMs, limits: limits2, chosen };
}

// ../sdk/typescript/src/wire.ts
var subprotocol = "portcullis.v1.json";
function spell(id, { type, raw, ...rest }) {
  const head = JSON.stringify({ type, id, ...rest });
  return raw === void 0 ? head : `${head.slice(0, -1)},"data":${raw}}`;
}
function bytes(text2) {
  return new TextEncoder().encode(text2).length;
}
function json(data) {
  const text2 = JSON.stringify(data);
  if (text2 === void 0) throw new TypeError(`${typeof data} is no JSON value: publish an object, a list, a string, a number, a boolean, null, or a Uint8Array`);
  return text2;
}
function fault(f) {
  return f.type === "ok" ? void 0 : new RequestError(f.code, f.message, f.retry_ms);
}
function message(f, channel, epoch) {
  const m = { channel, from: f.from, time: f.time, data: f.data };
  if (f.base64 !== void 0) m.binary = Uint8Array.from(atob(f.base64), (c) => c.charCodeAt(0));
  if (f.encryption) m.encryption = f.encryption;
  if (f.offset && epoch) m.position = { offset: f.offset, epoch };
  return m;
}
function base64(bytes2) {
  let text2 = "";
  for (let i = 0; i < bytes2.length; i += 4096) text2 += String.fromCharCode(...bytes2.subarray(i, i + 4096));
  return btoa(text2);
}

// ../sdk/typescript/src/connection.ts
var slack = 1e4;
var answerBy = 5e3;
var goodbyeBy = 2e3;
var longestFrame = 8 * 2 ** 20;
var types = ["message", "ok", "error", "subscribed", "unsubscribed", "gap", "join", "leave", "join_leave", "expiring"];
var Connection = class {
  /** Whether the handshake came through. */
  opened = false;
  /** What the gateway said first. It is set before the listener hears of the connection. */
  welcome;
  /** Why it ended. The first reason counts. */
  error;
  /** Resolves with the welcome, and rejects with the end where there was none. */
  met;
  /** Resolves with why it ended. */
  over;
  #socket;
  #listener;
  #calls = /* @__PURE__ */ new Map();
  #silence = new Alarm();
  #meet;
  #finish;
  #closed = false;
  #lastId = 0;
  #heardAt = 0;
  #asked = 0;
  // pings since then
  constructor(socket, listener) {
    this.#socket = socket;
    this.#listener = listener;
    this.met = new Promise((resolve, reject) => this.#meet = (error) => error ? reject(error) : resolve());
    this.over = new Promise((resolve) => this.#finish = resolve);
    socket.onopen = () => this.#open();
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onerror = (event) => {
      if (this.opened) return;
      this.#closed = true;
      this.fail(new CloseError(lost, event?.message || "the handshake failed; a browser does not say why, but its console may, and the tenant's origins must have this page's"));
    };
    socket.onclose = (event) => {
      this.#closed = true;
      this.fail(ending(event.code, event.reason));
    };
  }
  /** Lets the connection end for a reason. Nothing of it is heard any more. */
  fail(error) {
    if (this.error) return;
    this.error = error;
    this.#silence.stop();
    this.#socket.onmessage = null;
    for (const answered of this.#calls.values()) answered(void 0);
    this.#meet(error);
    this.#finish(error);
  }
  /** Says goodbye and lets go of the socket. Returns when it has closed, after two seconds at the latest. */
  async release() {
    this.fail(new ClosedError());
    const socket = this.#socket;
    const patience = new AbortController();
    const gone = () => {
      this.#closed = true;
      patience.abort();
    };
    socket.onopen = socket.onmessage = null;
    socket.onclose = gone;
    socket.onerror = () => this.opened || gone();
    if (!this.#closed && socket.readyState !== 3) {
      socket.close(1e3);
      await sleep(goodbyeBy, patience.signal);
      if (!this.#closed) socket.terminate?.();
    }
    socket.onclose = null;
  }
  /**
   * Sends a request and returns its answer, undefined when the connection ended before; rejects with the signal's reason when that ends before. What it
   * throws, instead of a promise, means that nothing was sent.
   */
  send(r, signal) {
    signal?.throwIfAborted();
    if (this.error) throw this.error;
    let answered;
    let stop;
    const { id, text: text2 } = this.prepare(r, (answer2) => answered(answer2));
    const answer = new Promise((resolve, reject) => {
      answered = (f) => {
        signal?.removeEventListener("abort", stop);
        resolve(f);
      };
      stop = () => {
        this.#calls.delete(id);
        signal.removeEventListener("abort", stop);
        reject(signal.reason);
      };
    });
    signal?.addEventListener("abort", stop);
    this.transmit(text2);
    return answer;
  }
  /** Makes a place for the answer of a request, which is heard before anything behind it, and writes the request as text. */
  prepare(r, answered) {
    const id = ++this.#lastId;
    const text2 = spell(id, r);
    const most = this.welcome.limits.message_size ?? Infinity;
    if (text2.length * 3 > most) {
      const size = bytes(text2);
      if (size > most) throw new RequestError("too_large", `the request has ${size} bytes, and message_size of this tenant is ${most}`);
    }
    this.#calls.set(id, answered);
    return { id, text: text2 };
  }
  transmit(text2) {
    this.#socket.send(text2);
  }
  #open() {
    this.opened = true;
    const { protocol } = this.#socket;
    if (protocol !== subprotocol) {
      this.fail(new Error(`the server answered subprotocol "${protocol}", not ${subprotocol}: it is no Portcullis gateway, or something on the way drops headers`));
    }
  }
  #hear(text2) {
    this.#heardAt = performance.now();
    this.#asked = 0;
    try {
      this.#take(text2);
    } catch (cause) {
      this.fail(new ProtocolError(`the server broke the protocol ${subprotocol}: ${cause.message}`, { cause }));
    }
  }
  #take(text2) {
    if (text2.length > longestFrame) throw new TypeError(`a frame of ${text2.length} characters, of which ${longestFrame} are the most that are taken`);
    const f = JSON.parse(text2);
    if (!isFrame(f)) throw new TypeError("a frame without a member that it must have, or with one of another type");
    if (!this.welcome) return this.#greet(f);
    if (f.type === "ok" || f.type === "error") {
      const answered = this.#calls.get(f.id);
      this.#calls.delete(f.id);
      answered?.(f);
    } else if (types.includes(f.type)) this.#listener.heard(f, text2.length);
  }
  #greet(f) {
    const welcome = greeting(f);
    if (!welcome) return this.fail(new Error("the server said something else than a welcome first: it is no Portcullis gateway"));
    this.welcome = welcome;
    this.#watch();
    this.#listener.welcomed(this);
    this.#meet();
  }
  /** Notices a gateway that is gone without a word. A machine that wakes up finds that time has passed, and what came not read yet: hence two pings. */
  #watch() {
    if (!this.welcome.pingMs || this.error) return;
    const left = this.welcome.pingMs + slack - (performance.now() - this.#heardAt);
    if (left > 0) {
      this.#silence.set(left, () => this.#watch());
    } else if (this.#asked < 2) {
      this.#asked++;
      this.transmit(this.prepare({ type: "ping" }, () => {
      }).text);
      this.#silence.set(answerBy, () => this.#watch());
    } else {
      this.fail(new CloseError(lost, `nothing was heard for ${Math.round((performance.now() - this.#heardAt) / 1e3)} s`));
    }
  }
};
function ending(code, reason) {
  try {
    const said = JSON.parse(reason);
    if (typeof said.code === "string") return new CloseError(code, said.code, Math.max(Number(said.retry_ms) || 0, 0));
  } catch {
  }
  return new CloseError(code, reason);
}

// ../sdk/typescript/src/credential.ts
var mostAnswer = 16384;
var form = /^[\w.~+/-]+=*$/;
async function tokenOf(source, signal) {
  const given = await unlessAborted(signal, source({ signal }));
  const token = typeof given === "string" ? given.trim() : "";
  if (token === "") throw new TypeError("get a token: token returned none, and must return a string that is not empty");
  if (!form.test(token)) throw new TypeError("get a token: what token returned is none, but JSON or a page, say: return the token alone, A-Z a-z 0-9 - . _ ~ + / and = at its end");
  return token;
}
async function ticketFor(token, url, ask, signal) {
  const at = new URL("tickets", url);
  at.protocol = url.protocol === "wss:" ? "https:" : "http:";
  const request = { method: "POST", headers: { Authorization: `Bearer ${token}` }, credentials: "omit", redirect: "manual", cache: "no-store", signal };
  const answer = await unlessAborted(signal, ask(at.href, request)).catch((error) => {
    throw signal.aborted ? error : unanswered(at, error);
  });
  const body = await unlessAborted(signal, beginning(answer));
  if (!answer.ok) throw refusal(answer, body);
  const { ticket } = read(body);
  if (typeof ticket !== "string") throw new Error(`${at.host} answered without a ticket: it is no Portcullis gateway`);
  return ticket;
}
async function beginning(answer) {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text2 = "";
  for (let size = 0; reader && size < mostAnswer; ) {
    const { done, value } = await reader.read();
    if (done) return text2;
    size += value.length;
    text2 += decoder.decode(value, { stream: true });
  }
  reader?.cancel().catch(() => {
  });
  return text2;
}
function unanswered(at, error) {
  const { message: message2, cause } = error instanceof Error ? error : { message: String(error), cause: void 0 };
  const origin = globalThis.location?.origin;
  const why = origin ? `nothing answers there, its certificate is not trusted, or the tenant's origins lack ${origin}; the browser's console says which` : cause instanceof Error && (cause.message || cause.code);
  return new Error(`ask ${at.href} for a ticket: ${message2}` + (why ? `: ${why}` : ""), { cause: error });
}
function handshake(way, credential, url) {
  if (way === "subprotocol") return { href: url.href, protocols: [subprotocol, `bearer.${credential}`] };
  const to = new URL(url);
  to.searchParams.set("ticket", credential);
  return { href: to.href, protocols: [subprotocol] };
}
function refusal(answer, body) {
  const problem = /^application\/problem\+json\b/i.test(answer.headers.get("Content-Type") ?? "") ? read(body) : {};
  const text2 = (name) => typeof problem[name] === "string" ? problem[name] : "";
  return new RefusedError(answer.status, text2("code"), text2("detail"), text2("instance"), retryAfter(answer.headers.get("Retry-After")));
}
function retryAfter(text2) {
  if (!text2) return 0;
  const ms = /^\s*\d+\s*$/.test(text2) ? Number(text2) * 1e3 : Date.parse(text2) - Date.now();
  return ms > 0 ? ms : 0;
}
function read(body) {
  try {
    const value = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

// ../sdk/typescript/src/dial.ts
async function dial(config, source, listener, signal) {
  const { address: address2, way } = config;
  const token = await tokenOf(source, signal);
  const ticket = () => ticketFor(token, address2, config.fetch, signal);
  const { href, protocols } = handshake(way, way === "ticket" ? await ticket() : token, address2);
  const connection = new Connection(new config.WebSocket(href, protocols), listener);
  const stop = () => connection.fail(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    await connection.met;
    return connection;
  } catch (error) {
    await connection.release();
    if (way === "subprotocol" && !connection.opened && !signal.aborted) await ticket().catch(known);
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
function known(error) {
  if (error instanceof RefusedError) throw error;
}

// ../sdk/typescript/src/gap.ts
function through(g, to) {
  if (g.epoch !== to.epoch) {
    g.after = 0;
    g.epoch = to.epoch;
  }
  g.before = to.offset;
}

// ../sdk/typescript/src/presence.ts
function presenceEvent(f) {
  if (f.type !== "join_leave") return { kind: f.type, member: f.member };
  if (f.told) return { kind: "anew" };
  return { kind: "untold", ...f.count !== void 0 && { count: f.count }, ...f.code && { code: f.code } };
}
function dropped(e, before2) {
  return e.kind === "anew" || e.kind === "untold" ? e : before2 ?? { kind: "anew" };
}

// ../sdk/typescript/src/queue.ts
var queueMessages = 1024;
var queueSize = 4 * 2 ** 20;
var Queue = class {
  #entries = [];
  #size = 0;
  /** Of what was taken last. */
  #at;
  /** What was dropped in front of the entries, and the same of presence. */
  #lost;
  #stale;
  #ended;
  constructor(at) {
    this.#at = at;
  }
  put(e) {
    if (this.#ended) return;
    this.#entries.push(e);
    this.#size += e.size;
    while (this.#entries.length > queueMessages || this.#size > queueSize && this.#entries.length > 1) this.#lose(this.#pop());
  }
  /** Says where the channel stood when the gateway first agreed. */
  begin(at) {
    this.#at = at;
  }
  /** Returns the oldest entry, undefined where there is none, and throws the end behind the last. */
  take() {
    let e;
    if (this.#lost) {
      e = { gap: this.#lost, size: 0 };
      this.#lost = void 0;
    } else if (this.#stale) {
      e = { presence: this.#stale, size: 0 };
      this.#stale = void 0;
    } else if (this.#entries.length > 0) e = this.#pop();
    else if (this.#ended) throw this.#ended;
    if (e?.message) this.#at = e.message.position;
    if (e?.gap?.before) this.#at = { offset: e.gap.before - 1, epoch: e.gap.epoch };
    return e;
  }
  /** Lets take throw an error behind the last entry. The first end counts. */
  end(error, clear = false) {
    this.#ended ??= error;
    if (!clear) return;
    this.#entries = [];
    this.#size = 0;
    this.#lost = this.#stale = void 0;
  }
  #pop() {
    const e = this.#entries.shift();
    this.#size -= e.size;
    return e;
  }
  /** Adds what was dropped to what is told in front. */
  #lose(e) {
    if (e.presence) {
      this.#stale = dropped(e.presence, this.#stale);
      return;
    }
    const lost2 = this.#lost ??= { after: this.#at?.offset ?? 0, before: 0, epoch: this.#at?.epoch ?? "", reason: "client", lost: 0 };
    if (e.message) {
      if (e.message.position) through(lost2, { ...e.message.position, offset: e.message.position.offset + 1 });
      lost2.lost++;
    }
    if (e.gap) {
      through(lost2, { offset: e.gap.before, epoch: e.gap.epoch });
      lost2.lost += e.gap.lost;
    }
  }
};

// ../sdk/typescript/src/subscription.ts
var Subscription = class {
  /** at is what was put last; what the next connection continues from. */
  constructor(channel, options, leave, at = options.since) {
    this.channel = channel;
    this.options = options;
    this.leave = leave;
    this.at = at;
    this.#queue = new Queue(at);
  }
  channel;
  options;
  leave;
  at;
  /** Subscribe was called for it: it is asked for where the gateway does not choose it. */
  own = false;
  /** The gateway agreed once. */
  begun = false;
  /** It is not asked before, by performance.now(). */
  notBefore = 0;
  /** Of asking, since it last succeeded. */
  failures = 0;
  leaving = false;
  /** Why it is gone. */
  gone;
  on = {};
  /** Rings when it has begun, and when it is gone. */
  turned = new Bell();
  #queue;
  #ready = new Bell();
  async next({ signal } = {}) {
    for (; ; ) {
      const e = this.#queue.take();
      if (e?.message) return e.message;
      if (e?.gap) this.options.onGap?.(e.gap);
      if (e?.presence) this.options.onPresence?.(e.presence);
      if (!e) await this.#ready.wait(signal);
    }
  }
  async *[Symbol.asyncIterator]() {
    try {
      for (; ; ) yield await this.next();
    } catch (error) {
      if (!(error instanceof UnsubscribedError || error instanceof ClosedError)) throw error;
    }
  }
  async unsubscribe({ signal } = {}) {
    this.leave();
    while (!this.gone) await this.turned.wait(signal);
  }
  /** Says whether it must ask for more than what the gateway chose: for what came before that, or for joins and leaves. */
  missing(f) {
    return this.at !== void 0 && (this.at.offset !== f.offset || this.at.epoch !== f.epoch) || this.options.onPresence !== void 0;
  }
  /** The request for the channel, from where the feed stands. */
  request() {
    const r = { type: "subscribe", channel: this.channel };
    if (this.options.onPresence) r.join_leave = true;
    if (this.at || this.on.instead) r.since = this.at ?? { offset: 0, epoch: "" };
    if (this.at && this.options.strict) r.strict = true;
    return r;
  }
  /** Lets what comes be delivered, from where an answer says. */
  begin(answer) {
    this.#resume(answer);
    this.on.asked = this.on.live = this.begun = true;
    this.failures = 0;
    if (this.options.onPresence) this.#put({ presence: { kind: "anew" }, size: 0 });
    this.turned.ring();
  }
  /** Finds out whether the feed continues where it was, and tells a gap where it does not. */
  #resume(ok) {
    const was = this.at;
    if (was && ok.recovered) {
      this.at = { offset: was.offset, epoch: ok.epoch };
      return;
    }
    this.at = ok.epoch ? { offset: ok.offset ?? 0, epoch: ok.epoch } : void 0;
    if (!this.begun && !was) return this.#queue.begin(this.at);
    const gap = { after: was?.offset ?? 0, before: 0, epoch: was?.epoch ?? "", reason: ok.reason ?? "no_history", lost: 0 };
    if (this.at) through(gap, { offset: this.at.offset + 1, epoch: this.at.epoch });
    this.#put({ gap, size: 0 });
  }
  /** Takes what the gateway says of the channel while the feed is live. */
  heard(f, size) {
    if (f.type === "message") this.#message(f, size);
    else if (f.type === "gap") this.#gap(f, size);
    else if (this.options.onPresence) this.#put({ presence: presenceEvent(f), size });
  }
  /** Delivers a message, unless it was delivered before. */
  #message(f, size) {
    if (f.offset && this.at) {
      if (f.offset <= this.at.offset) return;
      this.at = { offset: f.offset, epoch: this.at.epoch };
    }
    this.#put({ message: message(f, this.channel, this.at?.epoch), size });
  }
  /** Moves the feed on to where the gateway does. */
  #gap(f, size) {
    const { after = 0, before: before2 = 0, epoch = "", reason = "" } = f;
    if (epoch && epoch !== this.at?.epoch) this.at = { offset: 0, epoch };
    if (this.at) this.at = { ...this.at, offset: Math.max(this.at.offset, before2 - 1) };
    this.#put({ gap: { after, before: before2, epoch, reason, lost: 0 }, size });
  }
  #put(e) {
    this.#queue.put(e);
    this.#ready.ring();
  }
  /** Ends it for those who read it, at once or behind what was not taken. */
  end(error, clear = false) {
    this.#queue.end(error, clear);
    this.#ready.ring();
  }
};

// ../sdk/typescript/src/feeds.ts
var Feeds = class {
  #keeper;
  #feeds = /* @__PURE__ */ new Map();
  constructor(keeper) {
    this.#keeper = keeper;
  }
  /** Asks for a channel, and returns when the gateway has agreed. It waits for a feed that is being left. */
  async subscribe(channel, options, { signal }) {
    signal?.throwIfAborted();
    let held;
    while ((held = this.#feeds.get(channel)) && !this.#keeper.ended()) {
      if (!held.leaving) throw new RequestError("already_subscribed", `this client has a feed of ${channel}`);
      await held.turned.wait(signal);
    }
    const ended = this.#keeper.ended();
    if (ended) throw ended;
    const f = this.#open(channel, options);
    f.own = true;
    this.#keeper.poke();
    try {
      while (!f.begun && !f.gone) await f.turned.wait(signal);
    } catch (reason) {
      f.leave();
      throw reason;
    }
    if (!f.begun) throw f.gone;
    return f;
  }
  #open(channel, options) {
    const f = new Subscription(channel, options, () => this.#leave(f));
    this.#feeds.set(channel, f);
    return f;
  }
  /** Serves what the gateway says of a channel. */
  heard(said, size) {
    if (said.type === "subscribed") return this.#chosen(said);
    const f = this.#feeds.get(said.channel);
    if (!f) return;
    if (said.type !== "unsubscribed") {
      if (f.on.live) f.heard(said, size);
    } else if (!f.on.live) this.#unchosen(f, said);
    else if (!f.leaving) this.drop(f, fault(said));
  }
  /** Takes a subscription that the gateway made by itself, as its frame or the welcome tells, before anything of the channel. */
  #chosen(said) {
    const { onFeed, feedOptions } = this.#keeper;
    let f = this.#feeds.get(said.channel);
    const known2 = f !== void 0;
    if (!f) {
      if (!onFeed) return;
      f = this.#open(said.channel, feedOptions(said.channel));
    } else if (f.on.asked || f.leaving) return;
    f.on.chosen = true;
    if (f.missing(said)) {
      f.on.instead = true;
      this.#keeper.poke();
    } else f.begin({ ...said, recovered: f.at !== void 0 });
    if (!known2) onFeed(f);
  }
  /** Serves the end of what the gateway chose and a feed has not begun with. Where it has asked already, the answer to that counts. */
  #unchosen(f, said) {
    if (f.on.asked || f.leaving) return;
    if (f.own) f.on = {};
    else this.drop(f, fault(said));
    this.#keeper.poke();
  }
  /** The feeds begin a connection anew. */
  anew() {
    for (const f of this.#feeds.values()) f.on = {};
  }
  /** Ends what the gateway chose on the connection before, and on this one does not. */
  dropUnchosen() {
    for (const f of this.#feeds.values()) {
      if (f.own || f.on.chosen) continue;
      this.drop(f, new RequestError("not_subscribed", `the gateway does not subscribe this client to ${f.channel} any more`));
    }
  }
  /** Drops what no connection holds any more. */
  dropLeaving() {
    for (const f of this.#feeds.values()) if (f.leaving) this.drop(f, new UnsubscribedError());
  }
  dropAll(error) {
    this.dropLeaving();
    for (const f of this.#feeds.values()) this.drop(f, error);
  }
  /** Gives the place of a feed back. */
  drop(f, error) {
    if (this.#feeds.get(f.channel) !== f) return;
    this.#feeds.delete(f.channel);
    f.gone = error;
    f.end(error);
    f.turned.ring();
  }
  /** Collects feeds that have something to ask, in the order of their names. wait is when the next of the others has, in milliseconds, 0 when none. */
  batch(most) {
    const now = performance.now();
    const batch = [];
    let wait = 0;
    for (const f of this.#feeds.values()) {
      if (f.leaving && !f.on.asked && !f.on.chosen) this.drop(f, new UnsubscribedError());
      else if (f.on.asked && !f.leaving) continue;
      else if (f.notBefore > now) wait = wait ? Math.min(wait, f.notBefore - now) : f.notBefore - now;
      else batch.push(f);
    }
    batch.sort((a, b) => a.channel < b.channel ? -1 : 1);
    return { batch: batch.slice(0, most), wait };
  }
  /** What a feed asks now, and who takes the answer. */
  ask(f) {
    const leaving = f.leaving;
    const request = leaving ? { type: "unsubscribe", channel: f.channel } : f.request();
    f.on.asked = true;
    return { request, answered: (answer) => leaving ? this.#left(f, answer) : this.#subscribed(f, answer) };
  }
  #subscribed(f, answer) {
    if (f.gone) return;
    if (answer.type === "ok") f.begin(answer);
    else this.#refused(f, answer);
  }
  /** Ends a feed, or has it ask again. */
  #refused(f, answer) {
    const { code, retry_ms: retry = 0 } = answer;
    if (code === "already_subscribed" && !f.leaving && !f.on.instead) {
      f.on = { chosen: true, instead: true };
      return this.#keeper.poke();
    }
    const again2 = retry > 0 || ["unavailable", "internal", "rate_limited"].includes(code) || code === "quota_exceeded" && f.begun;
    if (f.leaving || !again2) return this.drop(f, fault(answer));
    f.on.asked = false;
    f.notBefore = performance.now() + retry + spread(f.failures++, this.#keeper.longestPauseMs);
    this.#keeper.poke();
  }
  #left(f, answer) {
    if (answer.type === "error" && answer.retry_ms) {
      f.notBefore = performance.now() + answer.retry_ms;
      return this.#keeper.poke();
    }
    this.drop(f, new UnsubscribedError());
  }
  /** Ends a feed for this client at once; for the gateway the keeper does. */
  #leave(f) {
    if (f.leaving || f.gone) return;
    f.leaving = true;
    f.notBefore = 0;
    f.end(new UnsubscribedError(), true);
    if (this.#keeper.connected()) this.#keeper.poke();
    else this.drop(f, new UnsubscribedError());
  }
};

// ../sdk/typescript/src/history.ts
async function* pages(ask, channel, o) {
  for (let at = o.since; ; ) {
    const r = { type: "history", channel, reverse: o.reverse === true };
    if (o.page !== void 0) r.limit = o.page;
    const page = await ask(at ? { ...r, since: at, strict: true } : r);
    for (const one of page.messages ?? []) yield message(one, channel, page.epoch);
    const next = { offset: page.offset ?? 0, epoch: page.epoch ?? "" };
    if (!page.more || next.offset === at?.offset && next.epoch === at.epoch) return;
    at = next;
  }
}

// ../sdk/typescript/src/publish.ts
var keyCounts = 4 * 6e4;
var mostBare = 1024;
var keyOld = "no answer came for 4 min, and the gateway may forget that it had the message";
var Publisher = class {
  #connected;
  /** Begins every idempotency key. */
  #prefix = base64(crypto.getRandomValues(new Uint8Array(18)));
  #number = 0;
  /** Channels that keep no history, as far as is known. */
  #bare = /* @__PURE__ */ new Set();
  constructor(connected) {
    this.#connected = connected;
  }
  async publish(channel, data, signal) {
    const request = publication2(channel, data);
    request.idempotency_key = this.#bare.has(channel) ? void 0 : `${this.#prefix}-${(++this.#number).toString(36)}`;
    const p = { request, sent: false };
    try {
      for (; ; ) {
        const ok = await this.#attempt(p, signal);
        if (!ok) continue;
        this.#keeps(channel, ok.epoch !== void 0);
        return { duplicate: ok.duplicate === true, ...ok.epoch !== void 0 && { position: { offset: ok.offset ?? 0, epoch: ok.epoch } } };
      }
    } catch (error) {
      throw p.sent ? new UncertainError(channel, error) : error;
    }
  }
  #attempt(p, signal) {
    if (!p.sent) return this.#send(p, signal);
    return bounded(keyCounts - p.elapsed(), keyOld, signal, (inner) => this.#send(p, inner));
  }
  /** Sends the request once. Without an answer and without an error there is to be another attempt. */
  async #send(p, signal) {
    const connection = await this.#connected(signal);
    if (connection.error) return void 0;
    if (p.sent && p.elapsed() >= keyCounts) throw new Error(keyOld);
    const answer = connection.send(p.request, signal);
    p.elapsed ??= stopwatch();
    const before2 = p.sent;
    p.sent = true;
    const f = await answer;
    if (f) {
      p.sent = before2;
      return this.#judge(p, f, signal);
    }
    if (p.request.idempotency_key === void 0) throw connection.error;
    return void 0;
  }
  /** Says what an answer means. An unavailable is one that nobody knows the meaning of. */
  async #judge(p, f, signal) {
    const error = fault(f);
    if (!error) return f;
    const { idempotency_key: key } = p.request;
    if (f.code === "not_available" && key !== void 0 && !p.sent) {
      p.request.idempotency_key = void 0;
      return void 0;
    }
    if (f.code === "unavailable") p.sent = true;
    else if (f.code !== "rate_limited" || !p.sent) throw error;
    if (key === void 0) throw error;
    await sleep(Math.max(error.retryMs, shortPause), signal);
    signal?.throwIfAborted();
    return void 0;
  }
  /** Remembers whether a channel keeps history. */
  #keeps(channel, history) {
    if (history) this.#bare.delete(channel);
    else {
      if (this.#bare.size >= mostBare) this.#bare.clear();
      this.#bare.add(channel);
    }
  }
};
function publication2(channel, data) {
  if (data instanceof Uint8Array) return { type: "publish", channel, base64: base64(data) };
  return { type: "publish", channel, ...carried(data) };
}
function carried(data) {
  return data instanceof Sealed ? { raw: json(data.text), encryption: "jwe" } : { raw: json(data) };
}

// ../sdk/typescript/src/refresher.ts
var before = 45e3;
var again = 1e4;
var attemptBy = 3e4;
var Refresher = class {
  #connection;
  #source;
  #failed;
  #alarm = new Alarm();
  #life = new AbortController();
  #busy = false;
  #begun = -Infinity;
  // the last one, by performance.now()
  #over = false;
  // the session's credential cannot be refreshed
  constructor(connection, source, failed) {
    this.#connection = connection;
    this.#source = source;
    this.#failed = failed;
    this.#plan(connection.welcome.expires, 0);
  }
  /** Sets the time of the next refresh. Clocks that are ahead of the gateway's do not make it refresh without end. */
  #plan(expires, least) {
    if (!expires) return;
    const left = expires - Date.now();
    const wait = Math.max(left - Math.min(before, left / 4), least);
    this.#alarm.set(wait, () => wait > longestTimer ? this.#plan(expires, least) : this.begin());
  }
  /** Refreshes now, or where the gateway says so again and again, when the pause is over. */
  begin() {
    if (this.#busy || this.#over) return;
    const rest = this.#begun + again - performance.now();
    if (rest > 0) return this.#alarm.set(rest, () => this.begin());
    this.#busy = true;
    this.#begun = performance.now();
    const done = () => this.#busy = false;
    bounded(attemptBy, "refresh: no token and no answer came within 30 s", this.#life.signal, (signal) => this.#refresh(signal)).then(
      (expires) => (done(), this.#plan(expires, again)),
      (error) => (done(), this.#retry(error))
    );
  }
  async #refresh(signal) {
    const token = await tokenOf(this.#source, signal);
    const f = await this.#connection.send({ type: "refresh", token }, signal);
    const error = f && fault(f);
    if (error) throw error;
    return f?.expires;
  }
  #retry(error) {
    if (this.#connection.error) return;
    const refused = error instanceof RequestError ? error : void 0;
    this.#over = refused?.code === "not_available";
    if (!this.#over) this.#alarm.set(Math.max(again, refused?.retryMs ?? 0), () => this.begin());
    this.#failed(error);
  }
  stop() {
    this.#alarm.stop();
    this.#life.abort();
  }
};

// ../sdk/typescript/src/tender.ts
var Pace = class {
  #most = 128;
  learn(error) {
    if (error instanceof CloseError && error.code === 4103) this.#most = Math.max(1, this.#most >> 1);
  }
  /** A second's worth, half of what the gateway bears at once. */
  of(connection) {
    return Math.min(connection.welcome.limits.messages_per_second_per_connection || Infinity, this.#most);
  }
};
var Tender = class {
  #connection;
  #feeds;
  #pace;
  #again = new Alarm();
  #busy = false;
  #notBefore = 0;
  // no batch before, by performance.now()
  constructor(connection, feeds, pace) {
    this.#connection = connection;
    this.#feeds = feeds;
    this.#pace = pace;
  }
  /** Settles soon: what is asked for at one moment goes out together. */
  poke() {
    queueMicrotask(() => void this.#settle());
  }
  stop() {
    this.#again.stop();
  }
  /** Subscribes and unsubscribes what is to be, batch by batch, and says when it wants to be called again. */
  async #settle() {
    if (this.#busy) return;
    this.#busy = true;
    let wait = 0;
    while (!this.#connection.error) {
      const pause = this.#notBefore - performance.now();
      if ((wait = Math.max(pause, 0)) > 0) break;
      const most = this.#pace.of(this.#connection);
      const found = this.#feeds.batch(most);
      if (found.batch.length === 0) {
        wait = found.wait;
        break;
      }
      await this.#ask(found.batch);
      if (found.batch.length === most) this.#notBefore = performance.now() + 1e3;
    }
    this.#busy = false;
    if (wait > 0 && !this.#connection.error) this.#again.set(wait, () => void this.#settle());
  }
  /** Sends a batch in as few frames as message_size allows, and waits for the answers. */
  async #ask(batch) {
    const most = this.#connection.welcome.limits.message_size || Infinity;
    const answers = [];
    let text2 = "";
    for (const f of batch) {
      const one = this.#prepare(f, answers);
      if (text2 && one && bytes(text2) + 1 + bytes(one) > most) {
        this.#connection.transmit(text2);
        text2 = "";
      }
      text2 += text2 && one ? "\n" + one : one;
    }
    if (text2) this.#connection.transmit(text2);
    await Promise.all(answers);
  }
  /** Writes a feed's request. One that cannot be written is a feed that ends: no connection would take it. */
  #prepare(f, answers) {
    const { request, answered } = this.#feeds.ask(f);
    let done;
    const answer = new Promise((resolve) => done = resolve);
    try {
      const { text: text2 } = this.#connection.prepare(request, (a) => {
        if (a) answered(a);
        done();
      });
      answers.push(answer);
      return text2;
    } catch (error) {
      this.#feeds.drop(f, error);
      return "";
    }
  }
};

// ../sdk/typescript/src/keeping.ts
function connect(config) {
  return new Keeping(check(config));
}
var attemptBy2 = 3e4;
var settled = 1e4;
var Keeping = class {
  #config;
  #life = new AbortController();
  #pace = new Pace();
  #feeds;
  #publisher = new Publisher((signal) => this.#connected(signal));
  /** Rings when there is a connection, and when there will be none. */
  #up = new Bell();
  #state = { phase: "connecting" };
  #error;
  #connection;
  // it may have ended
  #tender;
  #refresher;
  #metAt = 0;
  ended;
  constructor(config) {
    this.#config = config;
    this.#feeds = new Feeds({
      longestPauseMs: config.longestPauseMs,
      onFeed: config.onFeed && ((feed) => safely(() => config.onFeed(feed))),
      feedOptions: (channel) => safely(() => config.feedOptions?.(channel)) ?? {},
      ended: () => this.#error,
      connected: () => this.#connection !== void 0 && !this.#connection.error,
      poke: () => this.#tender?.poke()
    });
    this.ended = this.#run().then((error) => this.#stop(error));
  }
  get state() {
    return this.#state;
  }
  subscribe(channel, { signal, ...options } = {}) {
    return this.#feeds.subscribe(channel, options, { signal });
  }
  publish(channel, data, { signal } = {}) {
    return this.#publisher.publish(channel, data, signal);
  }
  async echo(channel, data, { signal } = {}) {
    return (await this.#ask({ type: "echo", channel, ...carried(data) }, signal)).data;
  }
  history(channel, options = {}) {
    return pages((r) => this.#ask(r, options.signal), channel, options);
  }
  async presence(channel, { signal } = {}) {
    const { count: count2 = 0, members } = await this.#ask({ type: "presence", channel }, signal);
    return { count: count2, ...members && { members } };
  }
  async ping({ signal } = {}) {
    return (await this.#ask({ type: "ping" }, signal)).time;
  }
  async close() {
    this.#life.abort(new ClosedError());
    await this.ended;
  }
  /** Sends a request that may be sent twice, and sends it again where the connection took the answer with it. */
  async #ask(r, signal) {
    for (; ; ) {
      const connection = await this.#connected(signal);
      if (connection.error) continue;
      const answer = await connection.send(r, signal);
      const error = answer && fault(answer);
      if (error) throw error;
      if (answer) return answer;
    }
  }
  /** Returns the connection, and waits where there is none. */
  async #connected(signal) {
    for (; ; ) {
      if (this.#error) throw this.#error;
      if (this.#connection && !this.#connection.error) return this.#connection;
      await this.#up.wait(signal);
    }
  }
  welcomed(connection) {
    const { welcome } = connection;
    for (const one of welcome.chosen) this.#feeds.heard({ type: "subscribed", ...one }, 0);
    this.#feeds.dropUnchosen();
    this.#metAt = performance.now();
    this.#connection = connection;
    this.#tender = new Tender(connection, this.#feeds, this.#pace);
    this.#refresher = new Refresher(connection, this.#config.renew, (error) => this.#tell({ phase: "connected", welcome, error }));
    this.#tender.poke();
    this.#up.ring();
    this.#tell({ phase: "connected", welcome });
  }
  heard(f, size) {
    if (f.type === "expiring") this.#refresher?.begin();
    else this.#feeds.heard(f, size);
  }
  /** Makes one connection after the other, until close, or until an end that says stop. It returns that end. */
  async #run() {
    await null;
    let failures = 0;
    let renew = false;
    while (!this.#life.signal.aborted) {
      this.#tell({ phase: "connecting" });
      this.#metAt = Infinity;
      const error = await this.#once(renew);
      const met = this.#metAt !== Infinity;
      if (performance.now() - this.#metAt >= settled) failures = 0;
      this.#pace.learn(error);
      if (this.#life.signal.aborted) break;
      const advice = adviceOf(error);
      if (advice === "stop") return error;
      let waitMs = error instanceof CloseError ? error.retryMs : error instanceof RefusedError ? error.retryAfterMs : 0;
      if (advice === "back off" || failures > 0) waitMs += spread(failures, this.#config.longestPauseMs);
      renew = advice === "renew" || renew && !met;
      failures++;
      this.#tell({ phase: "waiting", error, waitMs });
      await sleep(waitMs, this.#life.signal);
    }
    return this.#life.signal.reason;
  }
  /** Makes one connection, serves it to its end, and returns why it ended, or why there was none. */
  async #once(renew) {
    const { signal } = this.#life;
    this.#feeds.anew();
    const source = renew ? this.#config.renew : this.#config.token;
    try {
      const connection = await bounded(attemptBy2, "the attempt to connect took more than 30 s", signal, (s) => dial(this.#config, source, this, s));
      const close = () => connection.fail(signal.reason);
      signal.addEventListener("abort", close);
      if (signal.aborted) close();
      const error = await connection.over;
      signal.removeEventListener("abort", close);
      await connection.release();
      return error;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#tender?.stop();
      this.#refresher?.stop();
      this.#connection = this.#tender = this.#refresher = void 0;
      this.#feeds.dropLeaving();
    }
  }
  #stop(error) {
    this.#error = error;
    this.#feeds.dropAll(error);
    this.#up.ring();
    this.#tell({ phase: "ended", error });
    return error;
  }
  #tell(state) {
    this.#state = state;
    safely(() => this.#config.onState?.(state));
  }
};
function adviceOf(error) {
  if (error instanceof CloseError || error instanceof RefusedError) return error.advice;
  return error instanceof ProtocolError ? "stop" : "back off";
}
function safely(call) {
  try {
    return call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return void 0;
  }
}
export {
  CloseError,
  ClosedError,
  ProtocolError,
  RefusedError,
  RequestError,
  Sealed,
  UncertainError,
  UnsubscribedError,
  connect,
  sealed
};
