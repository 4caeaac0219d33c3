import { unlessAborted } from "./bell.js";
import { RefusedError } from "./errors.js";
import { subprotocol } from "./wire.js";

/** Returns a token to show. The signal ends after 30 seconds, which bound the whole attempt, and with the client. */
export type TokenSource = (ask: { signal: AbortSignal }) => Promise<string> | string;

/** How the token is shown: with a ticket that it is changed for, or in the subprotocol. */
export type Way = "ticket" | "subprotocol";

/** How much of an answer is read, in bytes: more than any ticket and any problem has. */
const mostAnswer = 16_384;

/** What a token is made of (RFC 6750, section 2.1). */
const form = /^[\w.~+/-]+=*$/;

/** Asks a source for a token. Its error does not quote what came, as that of fetch and of WebSocket would: it may be a token beside something else. */
export async function tokenOf(source: TokenSource, signal: AbortSignal): Promise<string> {
  const given: unknown = await unlessAborted(signal, source({ signal }));
  const token = typeof given === "string" ? given.trim() : ""; // files and some servers end with a line's end
  if (token === "") throw new TypeError("get a token: token returned none, and must return a string that is not empty");
  if (!form.test(token)) throw new TypeError("get a token: what token returned is none, but JSON or a page, say: return the token alone, A-Z a-z 0-9 - . _ ~ + / and = at its end");
  return token;
}

/** Changes a token for a ticket, which counts once. A refusal is a RefusedError: pages can read it here, and not of a WebSocket. */
export async function ticketFor(token: string, url: URL, ask: typeof fetch, signal: AbortSignal): Promise<string> {
  const at = new URL("tickets", url);
  at.protocol = url.protocol === "wss:" ? "https:" : "http:";
  // No redirect is followed: it could carry the token to somebody else.
  const request: RequestInit = { method: "POST", headers: { Authorization: `Bearer ${token}` }, credentials: "omit", redirect: "manual", cache: "no-store", signal };
  const answer = await unlessAborted(signal, ask(at.href, request)).catch((error: unknown) => {
    throw signal.aborted ? error : unanswered(at, error);
  });
  const body = await unlessAborted(signal, beginning(answer));
  if (!answer.ok) throw refusal(answer, body);
  const { ticket } = read(body);
  if (typeof ticket !== "string") throw new Error(`${at.host} answered without a ticket: it is no Portcullis gateway`);
  return ticket;
}

/** Reads the beginning of an answer. Who asks does not wait for the rest, nor keep it. */
async function beginning(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let size = 0; reader && size < mostAnswer; ) {
    const { done, value } = await reader.read();
    if (done) return text;
    size += value.length;
    text += decoder.decode(value, { stream: true });
  }
  reader?.cancel().catch(() => {});
  return text;
}

/** Says what a failed fetch does not: what was asked for, and what to look at. A page is not told why; Node.js has it in the cause. */
function unanswered(at: URL, error: unknown): Error {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  const origin = globalThis.location?.origin;
  const why = origin
    ? `nothing answers there, its certificate is not trusted, or the tenant's origins lack ${origin}; the browser's console says which`
    : cause instanceof Error && (cause.message || (cause as { code?: string }).code);
  return new Error(`ask ${at.href} for a ticket: ${message}` + (why ? `: ${why}` : ""), { cause: error });
}

/** Where to connect, and what to offer. */
export function handshake(way: Way, credential: string, url: URL): { href: string; protocols: string[] } {
  if (way === "subprotocol") return { href: url.href, protocols: [subprotocol, `bearer.${credential}`] };
  const to = new URL(url);
  to.searchParams.set("ticket", credential);
  return { href: to.href, protocols: [subprotocol] };
}

/** Reads the answer's problem (RFC 9457), where it has one. */
function refusal(answer: Response, body: string): RefusedError {
  const problem = /^application\/problem\+json\b/i.test(answer.headers.get("Content-Type") ?? "") ? read(body) : {};
  const text = (name: string) => (typeof problem[name] === "string" ? problem[name] : "");
  return new RefusedError(answer.status, text("code"), text("detail"), text("instance"), retryAfter(answer.headers.get("Retry-After")));
}

/** Reads seconds, or a date (RFC 9110, section 10.2.3), as milliseconds. */
function retryAfter(text: string | null): number {
  if (!text) return 0;
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? ms : 0;
}

function read(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
