/**
 * Talks to a Portcullis gateway over a WebSocket, in the subprotocol portcullis.v1.json. {@link connect} is the beginning.
 *
 * @packageDocumentation
 */
export type { Client } from "./client.js";
export type { Config } from "./config.js";
export type { TokenSource, Way } from "./credential.js";
export { type Advice, ClosedError, CloseError, ProtocolError, RefusedError, RequestError, UncertainError, UnsubscribedError } from "./errors.js";
export type { Feed, FeedOptions, Patience } from "./feed.js";
export type { Gap } from "./gap.js";
export type { HistoryOptions } from "./history.js";
export { connect } from "./keeping.js";
export type { Anew, ComingOrGoing, Presence, PresenceEvent, Untold } from "./presence.js";
export type { Published } from "./publish.js";
export { sealed, Sealed } from "./sealed.js";
export type { WebSocketConstructor, WebSocketLike } from "./socket.js";
export type { Connected, Connecting, Ended, State, Waiting } from "./state.js";
export type { Chosen, Limits, Welcome } from "./welcome.js";
export type { Member, Message, Position, Sender } from "./wire.js";
