/** What is used of a WebSocket: that of browsers, of Node.js from 22 on, and of npm's ws. */
export interface WebSocketLike {
  /** The subprotocol that the server chose. */
  readonly protocol: string;
  /** 3 once it is closed. */
  readonly readyState: number;
  /** The handshake came through. */
  onopen: ((event: any) => void) | null;
  /** A message came, in `event.data`. */
  onmessage: ((event: any) => void) | null;
  /** Something failed; `event.message` says what, where a script may know. */
  onerror: ((event: any) => void) | null;
  /** It ended, with `event.code` and `event.reason`. */
  onclose: ((event: any) => void) | null;
  /** Queues a text; it never waits. */
  send(text: string): void;
  /** Begins the closing handshake. */
  close(code?: number): void;
  /** Ends the connection at once; ws has it. */
  terminate?(): void;
}

/** How a WebSocket is made. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;
