import { Connection, type Listener } from "./connection.js";
import type { Checked } from "./config.js";
import { handshake, ticketFor, tokenOf, type TokenSource } from "./credential.js";
import { RefusedError } from "./errors.js";

/** Makes a connection, and returns when the gateway has said who the client is to it. Whatever ends it, nothing is left of it. */
export async function dial(config: Checked, source: TokenSource, listener: Listener, signal: AbortSignal): Promise<Connection> {
  const { address, way } = config;
  const token = await tokenOf(source, signal);
  const ticket = () => ticketFor(token, address, config.fetch, signal);
  const { href, protocols } = handshake(way, way === "ticket" ? await ticket() : token, address);
  const connection = new Connection(new config.WebSocket(href, protocols), listener);
  const stop = () => connection.fail(signal.reason as Error);
  signal.addEventListener("abort", stop);
  try {
    await connection.met;
    return connection;
  } catch (error) {
    await connection.release();
    // A script is not told why a handshake failed; who asks for a ticket with the same token is. The refusal is thrown in place of the error.
    if (way === "subprotocol" && !connection.opened && !signal.aborted) await ticket().catch(known);
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Throws what explains a failure; that a ticket cannot be had either explains nothing. */
function known(error: unknown): void {
  if (error instanceof RefusedError) throw error;
}
