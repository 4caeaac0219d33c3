declare module "ws" {
  import type { WebSocketLike } from "../src/index.js";
  /** What the tests use of it. */
  export class WebSocket implements WebSocketLike {
    constructor(url: string, protocols: string[]);
    readonly protocol: string;
    readonly readyState: number;
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    send(text: string): void;
    close(code?: number): void;
    terminate(): void;
  }
}
