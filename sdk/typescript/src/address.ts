/** Reads the gateway's address, and holds it against where a token may go. What is shown of it in an error has no user and no query. */
export function address(text: string, insecurePlaintext: boolean): URL {
  let url: URL;
  try {
    url = new URL(text);
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

/** URL writes every IPv4 address in four decimal parts, and IPv6 in brackets. */
function loopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
