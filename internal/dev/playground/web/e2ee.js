// Made of sdk/typescript/src by `go -C tools run ./bundle`: change it there.
import {
  Sealed
} from "./both.js";

// ../sdk/typescript/src/e2ee/errors.ts
var EncryptionError = class extends Error {
  constructor(reason, detail, options) {
    super(`${reason}: ${detail}`, options);
    this.reason = reason;
    this.detail = detail;
  }
  reason;
  detail;
  /** `EncryptionError`. */
  name = "EncryptionError";
};
var UnsupportedError = class extends Error {
  constructor(algorithm, options) {
    super(
      algorithm === "WebCrypto" ? "this page has no WebCrypto, because it was not loaded over https: serve it over https, or from localhost" : `this browser has no ${algorithm} in WebCrypto: it needs Chrome or Edge 137, Firefox 130, Safari 17 or Node.js 20, or later ones`,
      options
    );
    this.algorithm = algorithm;
  }
  algorithm;
  /** `UnsupportedError`. */
  name = "UnsupportedError";
};
function refuse(reason, detail, cause) {
  throw new EncryptionError(reason, detail, cause === void 0 ? void 0 : { cause });
}

// ../sdk/typescript/src/e2ee/bytes.ts
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
var utf8 = (text2) => encoder.encode(text2);
var text = (bytes) => decoder.decode(bytes);
function concat(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
function lp(...fields) {
  return concat(
    ...fields.flatMap((field) => {
      const bytes = utf8(field);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return [length, bytes];
    })
  );
}
function encode(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
function decode(text2, length) {
  let binary;
  try {
    binary = atob(text2.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return void 0;
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return encode(bytes) === text2 && (length === void 0 || bytes.length === length) ? bytes : void 0;
}

// ../sdk/typescript/src/e2ee/json.ts
var depthLimit = 16;
var tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]|-?\d[\d.eE+-]*/g;
function readObject(bytes) {
  let json;
  let object;
  try {
    json = text(bytes);
    object = JSON.parse(json);
  } catch {
    return void 0;
  }
  return isObject(object) && plain(json, object) ? object : void 0;
}
var isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
function plain(json, object) {
  const open = [];
  let name = "";
  for (const [token, string, colon] of json.matchAll(tokens)) {
    const names = open.at(-1);
    if (string !== void 0) {
      const value = JSON.parse(string);
      if (halved(value)) return false;
      if (colon === void 0) continue;
      if (names?.has(value)) return false;
      names?.add(name = value);
    } else if (token === "{" || token === "[") {
      if (open.push(/* @__PURE__ */ new Set()) > depthLimit) return false;
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (open.length === 1 && !/^(0|[1-9]\d*)$/.test(token)) {
      object[name] = NaN;
    }
  }
  return true;
}
var halved = (value) => /\p{Surrogate}/u.test(value);
var isText = (value) => typeof value === "string";
var isWhole = (value) => Number.isSafeInteger(value);
function exactly(object, tests2) {
  const names = Object.keys(tests2);
  return object !== void 0 && Object.keys(object).length === names.length && names.every((name) => Object.hasOwn(object, name) && tests2[name](object[name]));
}
var is = (want) => (value) => value === want;

// ../sdk/typescript/src/e2ee/webcrypto.ts
function subtle() {
  const { subtle: subtle2 } = globalThis.crypto ?? {};
  if (!subtle2) throw new UnsupportedError("WebCrypto");
  return subtle2;
}
async function having(algorithm, work) {
  try {
    return await work;
  } catch (cause) {
    if (cause?.name === "NotSupportedError") throw new UnsupportedError(algorithm, { cause });
    throw cause;
  }
}
var publicKey = (curve, raw) => having(curve, subtle().importKey("raw", raw, curve, true, curve === "Ed25519" ? ["verify"] : []));
var newPair = (curve, extractable) => having(curve, subtle().generateKey(curve, extractable, curve === "Ed25519" ? ["sign", "verify"] : ["deriveBits"]));
var random = (length) => crypto.getRandomValues(new Uint8Array(length));
var sha256 = async (bytes) => new Uint8Array(await subtle().digest("SHA-256", bytes));
async function hmac(key, message) {
  const imported2 = await subtle().importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle().sign("HMAC", imported2, message));
}

// ../sdk/typescript/src/e2ee/keys.ts
var publicJwk = (crv, x) => ({ kty: "OKP", crv, x });
var thumbprint = async ({ crv, x }) => encode(await sha256(utf8(JSON.stringify({ crv, kty: "OKP", x }))));
async function publicKeys(sign, agree) {
  const raw = decode(agree.x);
  return {
    sign: await thumbprint(sign),
    to: await thumbprint(agree),
    verifier: await publicKey("Ed25519", decode(sign.x)),
    recipient: { key: await publicKey("X25519", raw), raw }
  };
}
var isId = (value) => typeof value === "string" && decode(value, 32) !== void 0;
function isPublicJwk(jwk, crv) {
  return jwk.kty === "OKP" && jwk.crv === crv && isId(jwk.x);
}
var person = (user, sign) => JSON.stringify([user, sign]);
var secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
var isPrivateJwk = (jwk) => secret.some((name) => name in jwk);

// ../sdk/typescript/src/e2ee/identity.ts
var Identity = class _Identity {
  constructor(pairs, keys, own) {
    this.pairs = pairs;
    this.keys = keys;
    this.own = own;
  }
  pairs;
  keys;
  own;
  /**
   * Makes a new one. Its private keys leave WebCrypto only where `extractable` says so: otherwise a script in the page can use them, and not carry them away.
   * Rejects with an UnsupportedError in a browser that lacks Ed25519 or X25519.
   */
  static async generate(options = {}) {
    const { extractable = false } = options;
    return _Identity.from({ sign: await newPair("Ed25519", extractable), agree: await newPair("X25519", extractable) });
  }
  /** The identity of these pairs. Rejects with an EncryptionError, `form`, for others than an Ed25519 and an X25519 pair. */
  static async from(pairs) {
    const jwk = async (crv, key) => {
      if (key.algorithm.name !== crv) refuse("form", `a key is of ${key.algorithm.name} and must be of ${crv}`);
      return publicJwk(crv, (await subtle().exportKey("jwk", key)).x);
    };
    const keys = [await jwk("Ed25519", pairs.sign.publicKey), await jwk("X25519", pairs.agree.publicKey)];
    return new _Identity(pairs, keys, await publicKeys(...keys));
  }
  /**
   * Reads what `export` wrote, here or in Go. Rejects with an EncryptionError, `form`, for anything else, and for a private key that is not that of its public
   * one.
   */
  static async parse(json, options = {}) {
    const identity = readObject(utf8(json));
    if (!exactly(identity, { sign: isPrivate("Ed25519"), agree: isPrivate("X25519") })) {
      refuse("form", 'an identity is {"sign": ..., "agree": ...}, an Ed25519 and an X25519 JWK, both private: take what export wrote');
    }
    const pair = async (crv, { x, d }, usage) => ({
      privateKey: await having(crv, subtle().importKey("jwk", { kty: "OKP", crv, x, d }, crv, options.extractable ?? false, [usage])),
      publicKey: await publicKey(crv, decode(x))
    });
    let pairs;
    try {
      pairs = { sign: await pair("Ed25519", identity.sign, "sign"), agree: await pair("X25519", identity.agree, "deriveBits") };
      if (!await belong(pairs)) throw new Error("the halves of a key are of two keys");
    } catch (cause) {
      if (cause instanceof UnsupportedError) throw cause;
      refuse("form", "a private key of the identity is not that of its public key: take what export wrote", cause);
    }
    return _Identity.from(pairs);
  }
  /** The private keys, as JSON that `parse` and Go read. Rejects with an EncryptionError, `key`, where they are not extractable. */
  async export() {
    const { sign, agree } = this.pairs;
    if (!sign.privateKey.extractable || !agree.privateKey.extractable) {
      refuse("key", "the private keys are not extractable: keep `pairs` in IndexedDB, or make the identity with extractable: true");
    }
    const jwk = async (crv, key) => {
      const { x, d } = await subtle().exportKey("jwk", key);
      return { ...publicJwk(crv, x), d };
    };
    return JSON.stringify({ sign: await jwk("Ed25519", sign.privateKey), agree: await jwk("X25519", agree.privateKey) });
  }
};
var isPrivate = (crv) => (jwk) => isObject(jwk) && isPublicJwk(jwk, crv) && isText(jwk.d) && decode(jwk.d, 32) !== void 0;
var base = new Uint8Array(32);
base[0] = 9;
async function belong({ sign, agree }) {
  const probe = random(32);
  const signature = await subtle().sign("Ed25519", sign.privateKey, probe);
  const derived = new Uint8Array(await subtle().deriveBits({ name: "X25519", public: await publicKey("X25519", base) }, agree.privateKey, 256));
  const raw = new Uint8Array(await subtle().exportKey("raw", agree.publicKey));
  return await subtle().verify("Ed25519", sign.publicKey, signature, probe) && derived.every((byte, i) => byte === raw[i]);
}

// ../sdk/typescript/src/e2ee/hpke.ts
var kem = concat(utf8("KEM"), Uint8Array.of(0, 32));
var suite = concat(utf8("HPKE"), Uint8Array.of(0, 32, 0, 1, 0, 2));
var version = utf8("HPKE-v1");
var none = new Uint8Array(0);
var encapsulated = 32;
var tag = 16;
var noSalt = new Uint8Array(32);
var hkdf = async (ikm, info) => expand(await hmac(noSalt, ikm), info);
var expand = (prk, info) => hmac(prk, concat(info, Uint8Array.of(1)));
var labeledExtract = (id, salt, label, ikm) => hmac(salt, concat(version, id, utf8(label), ikm));
async function labeledExpand(id, prk, label, info, length) {
  const bytes = await expand(prk, concat(Uint8Array.of(0, length), version, id, utf8(label), info));
  return bytes.slice(0, length);
}
async function sharedSecret(mine, theirs, enc, recipient) {
  const dh = new Uint8Array(await subtle().deriveBits({ name: "X25519", public: theirs }, mine, 256));
  if (dh.every((byte) => byte === 0)) throw new Error("an X25519 key of low order");
  const prk = await labeledExtract(kem, noSalt, "eae_prk", dh);
  return labeledExpand(kem, prk, "shared_secret", concat(enc, recipient), 32);
}
async function schedule(shared, info, usage) {
  const context = concat(
    Uint8Array.of(0),
    await labeledExtract(suite, noSalt, "psk_id_hash", none),
    await labeledExtract(suite, noSalt, "info_hash", info)
  );
  const secret2 = await labeledExtract(suite, shared, "secret", none);
  const key = await labeledExpand(suite, secret2, "key", context, 32);
  const iv = await labeledExpand(suite, secret2, "base_nonce", context, 12);
  return { key: await subtle().importKey("raw", key, "AES-GCM", false, [usage]), iv };
}
async function wrap(to, info, plaintext) {
  const ephemeral = await newPair("X25519", false);
  const enc = new Uint8Array(await subtle().exportKey("raw", ephemeral.publicKey));
  const shared = await sharedSecret(ephemeral.privateKey, to.key, enc, to.raw);
  const { key, iv } = await schedule(shared, info, "encrypt");
  return concat(enc, new Uint8Array(await subtle().encrypt({ name: "AES-GCM", iv }, key, plaintext)));
}
async function unwrap(mine, info, wrapped) {
  const enc = wrapped.slice(0, encapsulated);
  const shared = await sharedSecret(mine.key, await publicKey("X25519", enc), enc, mine.raw);
  const { key, iv } = await schedule(shared, info, "decrypt");
  return new Uint8Array(await subtle().decrypt({ name: "AES-GCM", iv }, key, wrapped.slice(encapsulated)));
}
var wrappedLength = (length) => encapsulated + length + tag;

// ../sdk/typescript/src/e2ee/jws.ts
var headerLimit = 8192;
function readJws(compact) {
  const [first = "", second = "", third = "", ...more] = compact.split(".", 4);
  const header = readHeader(first);
  const payload = decode(second);
  const signature = decode(third);
  if (!header || !payload || !signature?.length || more.length) return void 0;
  return { header, payload, signature, signed: utf8(`${first}.${second}`) };
}
function readHeader(part, limit5 = headerLimit) {
  const bytes = decode(part);
  return bytes && bytes.length <= limit5 ? readObject(bytes) : void 0;
}
var writeHeader = (header) => encode(utf8(JSON.stringify(header)));
async function writeJws({ pairs }, header, payload) {
  const signed = `${writeHeader(header)}.${encode(payload)}`;
  const signature = await subtle().sign("Ed25519", pairs.sign.privateKey, utf8(signed));
  return `${signed}.${encode(new Uint8Array(signature))}`;
}
var verifyJws = (key, jws) => subtle().verify("Ed25519", key, jws.signature, jws.signed);

// ../sdk/typescript/src/e2ee/keyset.ts
var limit = 256 << 10;
var patience = 1e4;
var pause = 6e4;
var retry = 5e3;
var longest = 36e5;
var KeySet = class {
  constructor(address, fetch, now) {
    this.address = address;
    this.fetch = fetch;
    this.now = now;
    if (!isSafe(address)) refuse("assertion", `whoever is on the way to ${address} could change the keys: give the issuer's own https address`);
  }
  address;
  fetch;
  now;
  #keys = [];
  #fetched = -Infinity;
  #asked = -Infinity;
  #asking;
  /** The keys with this id. It asks the issuer where it knows none or only old ones, and for an unknown id at most once a minute. */
  async find(kid) {
    const fresh = this.now() - this.#fetched < longest;
    const found = fresh ? named(this.#keys, kid) : [];
    const soon = this.now() - this.#asked < (fresh ? pause : retry);
    if (found.length || soon && fresh) return found;
    if (soon && !this.#asking) refuse("assertion", `${this.address} did not give the issuer's keys a moment ago: try again in ${retry / 1e3} s`);
    this.#asking ??= this.#ask().finally(() => this.#asking = void 0);
    await this.#asking;
    return named(this.#keys, kid);
  }
  async #ask() {
    this.#asked = this.now();
    let answer;
    try {
      answer = await this.#answer();
    } catch (cause) {
      refuse("assertion", `${this.address} does not give the issuer's keys: ${cause.message}; nobody can be verified until it does`, cause);
    }
    const keys = readObject(answer)?.keys;
    if (!Array.isArray(keys)) refuse("assertion", `${this.address} answers with no JSON Web Key Set: give the issuer's jwks_uri`);
    this.#keys = keys.filter(isObject);
    this.#fetched = this.now();
  }
  // A redirect is not followed: it would let whoever answers choose whom to ask.
  async #answer() {
    const { fetch } = this;
    const answer = await fetch(this.address, { redirect: "error", credentials: "omit", signal: AbortSignal.timeout(patience) });
    if (!answer.ok || !answer.body) throw new Error(`it answers ${answer.status}`);
    const parts = [];
    let size = 0;
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      if ((size += part.value.length) > limit) {
        await reader.cancel();
        throw new Error(`its answer is larger than ${limit} bytes`);
      }
    }
    return concat(...parts);
  }
};
var named = (keys, kid) => keys.filter((key) => key.kid === kid);
function isSafe(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return false;
  }
  return url.protocol === "https:" || url.protocol === "http:" && isLoopback(url.hostname);
}
var isLoopback = (host) => host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);

// ../sdk/typescript/src/e2ee/member.ts
var leeway = 30;
var Member = class {
  /** @internal */
  constructor(tenant, user, expires, keys) {
    this.tenant = tenant;
    this.user = user;
    this.expires = expires;
    this.#keys = keys;
  }
  tenant;
  user;
  expires;
  // Private to the language: whatever merely looks like a member is none.
  #keys;
  /** @internal */
  get keys() {
    return this.#keys;
  }
  /** @internal */
  expired(now) {
    return now >= this.expires + leeway * 1e3;
  }
};

// ../sdk/typescript/src/e2ee/signature.ts
var algorithms = {
  RS256: { kty: "RSA", members: ["n", "e"], name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { kty: "RSA", members: ["n", "e"], name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { kty: "EC", crv: "P-256", members: ["x", "y"], name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ES384: { kty: "EC", crv: "P-384", members: ["x", "y"], name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  EdDSA: { kty: "OKP", crv: "Ed25519", members: ["x"], name: "Ed25519" }
};
var shortestModulus = 256;
var longestModulus = 512;
async function verifyAssertion(keys, { header: { alg }, signature, signed }) {
  const algorithm = isText(alg) && Object.hasOwn(algorithms, alg) ? algorithms[alg] : void 0;
  const [jwk, ...more] = algorithm ? keys.filter((key2) => fits(alg, algorithm, key2)) : [];
  if (!algorithm || !jwk || more.length) return false;
  const bare = Object.fromEntries(["kty", "crv", ...algorithm.members].map((name) => [name, jwk[name]]));
  let key;
  try {
    key = await having(algorithm.name, subtle().importKey("jwk", bare, algorithm, false, ["verify"]));
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    return false;
  }
  return subtle().verify(algorithm, key, signature, signed);
}
function fits(alg, { kty, crv, members }, jwk) {
  const { n, use = "sig" } = jwk;
  const length = isText(n) ? decode(n)?.length ?? 0 : 0;
  return jwk.kty === kty && (!crv || jwk.crv === crv) && // Ed25519 is the newer name of what EdDSA means here (RFC 9864).
  (jwk.alg === void 0 || jwk.alg === alg || jwk.alg === "Ed25519" && alg === "EdDSA") && use === "sig" && !isPrivateJwk(jwk) && members.every((name) => isText(jwk[name])) && (kty !== "RSA" || length >= shortestModulus && length <= longestModulus);
}

// ../sdk/typescript/src/e2ee/weak.ts
var smallOrder = [
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "7P_______________________________________38",
  "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
  "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"
];
function isWeak(key) {
  const y = key.slice();
  y[31] &= 127;
  const beyond = y[0] >= 237 && y[31] === 127 && y.subarray(1, 31).every((byte) => byte === 255);
  return beyond || smallOrder.includes(encode(y));
}

// ../sdk/typescript/src/e2ee/issuer.ts
var limit2 = 16384;
var subjectLimit = 1024;
var longestLife = 366 * 86400;
var Issuer = class {
  #options;
  #now;
  #find;
  /** Fetches nothing yet. Throws an EncryptionError, `assertion`, for an address that is not the issuer's alone to answer. */
  constructor(options) {
    this.#options = { ...options };
    this.#now = options.now ?? Date.now;
    const { keys } = options;
    if (typeof keys === "string" || keys instanceof URL) {
      const set = new KeySet(keys, options.fetch ?? globalThis.fetch, this.#now);
      this.#find = (kid) => set.find(kid);
    } else {
      const set = keys.keys.map((key) => ({ ...key }));
      this.#find = async (kid) => named(set, kid);
    }
  }
  /**
   * Verifies an assertion, a JWT of the type `e2ee-key+jwt`, and gives the member whom it names. Rejects with an EncryptionError: `assertion`, `tenant` or
   * `expired`.
   */
  async verify(assertion) {
    const jws = isText(assertion) && assertion.length <= limit2 ? readJws(assertion) : void 0;
    const claims = jws && readObject(jws.payload);
    if (!jws || !claims) refuse("assertion", `this is no JWT of at most ${limit2} characters: pass the assertion as the backend gave it`);
    const kid = readKid(jws.header);
    const { issuer, tenant, prefix = "" } = this.#options;
    if (claims.iss !== issuer) refuse("assertion", `the assertion is of another issuer, and only that of ${issuer} counts here`);
    if (claims.tenant !== tenant) refuse("tenant", `the assertion is for another tenant than ${tenant}`);
    const { sub } = claims;
    if (!isText(sub) || sub === "" || utf8(sub).length > subjectLimit || /\p{Cc}/u.test(sub)) {
      refuse("assertion", `sub must be a text of 1 to ${subjectLimit} bytes without control characters: ask the backend for a new one`);
    }
    const expires = life(claims, this.#now() / 1e3);
    if (!await verifyAssertion(await this.#find(kid), jws)) {
      refuse("assertion", "no key of the issuer that is for this algorithm signed it: ask the backend for a new assertion");
    }
    return new Member(tenant, prefix + sub, expires * 1e3, await membersKeys(claims.keys));
  }
};
function readKid({ typ: typ3, kid, crit }) {
  if (!isText(typ3) || typ3.toLowerCase() !== "e2ee-key+jwt") refuse("assertion", "its typ must be e2ee-key+jwt: a token to log in with is no assertion");
  if (crit !== void 0 || !isText(kid) || kid === "") refuse("assertion", "its header must have a kid, and no crit: nothing critical is known here");
  return kid;
}
function life({ iat, exp, nbf = iat }, now) {
  if (!isWhole(iat) || !isWhole(exp) || !isWhole(nbf)) refuse("assertion", "iat and exp must be whole seconds since 1970");
  if (exp <= iat || exp - iat > longestLife) refuse("assertion", "it must live for some time, and for 366 days at most");
  if (now >= exp + leeway) refuse("expired", "the assertion has expired: ask the backend for a new one");
  if (Math.max(iat, nbf) > now + leeway) refuse("assertion", "the assertion is from the future: set the clock right");
  return exp;
}
async function membersKeys(claim) {
  const jwks = Array.isArray(claim) ? claim.filter(isObject) : [];
  const of = (crv) => jwks.find((jwk) => isPublicJwk(jwk, crv));
  const [sign, agree] = [of("Ed25519"), of("X25519")];
  if (!Array.isArray(claim) || claim.length !== 2 || !sign || !agree) refuse("assertion", "its keys must be two public JWKs, one Ed25519 and one X25519");
  if (jwks.some(isPrivateJwk)) refuse("assertion", "a private key stands in it, and is none any more: make a new identity");
  if (isWeak(decode(sign.x))) refuse("assertion", "its Ed25519 key is of small order, or not in its one spelling: make a new identity");
  const keys = await imported(sign, agree);
  await refuseLowOrder(keys);
  return keys;
}
async function imported(sign, agree) {
  try {
    return await publicKeys(sign, agree);
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    refuse("assertion", "its keys are no points of their curves: make a new identity", cause);
  }
}
async function refuseLowOrder({ recipient }) {
  const probe = await newPair("X25519", false);
  try {
    await sharedSecret(probe.privateKey, recipient.key, recipient.raw, recipient.raw);
  } catch (cause) {
    throw new EncryptionError("assertion", "its X25519 key is of low order: make a new identity", { cause });
  }
}

// ../sdk/typescript/src/e2ee/replay.ts
var width = 64n;
var sessionLimit = 1024;
var readLimit = 65536;
var Window = class {
  #high = 0;
  // Bit n is the counter that is n below the highest.
  #seen = 0n;
  /** Whether this counter is new; it is seen from now on. */
  take(counter) {
    const ahead2 = BigInt(counter) - BigInt(this.#high);
    if (ahead2 > 0n) {
      this.#seen = ahead2 > width ? 1n : BigInt.asUintN(Number(width) + 1, this.#seen << ahead2) | 1n;
      this.#high = counter;
      return true;
    }
    if (-ahead2 > width) return false;
    const bit = 1n << -ahead2;
    if (this.#seen & bit) return false;
    this.#seen |= bit;
    return true;
  }
};
var Seen = class {
  #senders = /* @__PURE__ */ new Map();
  take(sender, session, counter) {
    const sessions = entry(this.#senders, sender, () => /* @__PURE__ */ new Map());
    if (!sessions.has(session) && sessions.size >= sessionLimit) return false;
    return entry(sessions, session, () => new Window()).take(counter);
  }
};
var Read = class {
  #seen = /* @__PURE__ */ new Set();
  take(key, sender, session, counter) {
    const message = [key, sender, session, counter].join();
    if (this.#seen.has(message) || this.#seen.size >= readLimit) return false;
    this.#seen.add(message);
    return true;
  }
};
function entry(map, key, make) {
  let value = map.get(key);
  if (value === void 0) map.set(key, value = make());
  return value;
}

// ../sdk/typescript/src/e2ee/channelkey.ts
var life2 = 24 * 60 * 60;
var most = 2 ** 28;
var keyLength = 32;
var keyId = async (key) => encode(await hkdf(key, utf8("portcullis-e2ee/1 kid")));
var ChannelKey = class _ChannelKey {
  constructor(terms, members, grant, cipher) {
    this.terms = terms;
    this.members = members;
    this.grant = grant;
    this.cipher = cipher;
  }
  terms;
  members;
  grant;
  cipher;
  seen = new Seen();
  /** Messages that were sealed and opened with it. */
  served = 0;
  static async of(terms, members, grant, key) {
    const cipher = await subtle().importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
    return new _ChannelKey(terms, new Set(members.map(({ user, sign }) => person(user, sign))), grant, cipher);
  }
  /** Whether it was given to them. */
  has({ user, keys }) {
    return this.members.has(person(user, keys.sign));
  }
  /** What was seen live. */
  forget() {
    this.seen = new Seen();
  }
  serve() {
    this.served++;
  }
  /** Why it seals nothing more, or nothing where it does. */
  spent(now) {
    if (now / 1e3 - this.terms.created >= life2) return "24 hours";
    return this.served >= most ? `${most} messages` : void 0;
  }
};

// ../sdk/typescript/src/e2ee/grant.ts
var limit3 = 1 << 20;
var typ = "portcullis-grant+jws";
function readGrant(text2) {
  const jws = isText(text2) && text2.length <= limit3 ? readJws(text2) : void 0;
  const header = jws?.header;
  if (!jws || jws.signature.length !== 64 || !exactly(header, head)) {
    refuse("form", `this is no grant of at most ${limit3} characters: pass what generate gave`);
  }
  const payload = readObject(jws.payload);
  if (!exactly(payload, tests)) refuse("form", "the grant does not say what a grant says, or says more: pass what generate gave");
  return { jws, signer: header.kid, payload };
}
var head = { alg: is("EdDSA"), typ: is(typ), kid: isId };
var isCount = (value) => isWhole(value) && value >= 1;
var tests = {
  tenant: isText,
  channel: isText,
  key: isId,
  generation: isCount,
  created: isWhole,
  members: (list) => Array.isArray(list) && list.length > 0 && list.every(isEntry) && once(list)
};
var isEntry = (entry2) => isObject(entry2) && exactly(entry2, {
  user: (name) => isText(name) && name !== "",
  sign: isId,
  to: isId,
  wrapped: (text2) => isText(text2) && decode(text2, wrappedLength(keyLength)) !== void 0
});
var once = (list) => new Set(list.map(({ user, sign }) => person(user, sign))).size === list.length;
var binding = ({ tenant, channel }, { key, generation }, user, to) => lp("portcullis-e2ee/1 wrap", tenant, channel, key, String(generation), user, to);
async function writeGrant(place, terms, key, by, to) {
  const entry2 = async ({ user, keys }) => {
    const info = binding(place, terms, user, keys.to);
    return { user, sign: keys.sign, to: keys.to, wrapped: encode(await wrap(keys.recipient, info, key)) };
  };
  const { tenant, channel } = place;
  const members = await Promise.all(to.map(entry2));
  const payload = { tenant, channel, key: terms.key, generation: terms.generation, created: terms.created, members };
  const grant = await writeJws(by, { alg: "EdDSA", typ, kid: by.own.sign }, utf8(JSON.stringify(payload)));
  if (grant.length > limit3) refuse("form", `a grant for ${members.length} members has ${grant.length} characters, and nobody takes more than ${limit3}: use several channels`);
  return grant;
}
async function takeKey(payload, user, me) {
  const { sign, to, recipient } = me.own;
  const mine = payload.members.find((entry2) => entry2.user === user && entry2.sign === sign && entry2.to === to);
  if (!mine) refuse("not_member", `generation ${payload.generation} has no key for ${user} and this identity: ask the distributor to add them`);
  let key;
  try {
    key = await unwrap({ key: me.pairs.agree.privateKey, raw: recipient.raw }, binding(payload, payload, user, to), decode(mine.wrapped));
  } catch (cause) {
    refuse("tampered", `the key of generation ${payload.generation} was not wrapped for ${user} in this room: ask the distributor for the grant again`, cause);
  }
  if (await keyId(key) !== payload.key) refuse("key", `generation ${payload.generation} has another key than its grant names: ask for a new generation`);
  return key;
}

// ../sdk/typescript/src/e2ee/distribution.ts
var ahead = 60;
var Distribution = class {
  constructor(place, identity, distributors, roster, keyring, now) {
    this.place = place;
    this.identity = identity;
    this.distributors = distributors;
    this.roster = roster;
    this.keyring = keyring;
    this.now = now;
  }
  place;
  identity;
  distributors;
  roster;
  keyring;
  now;
  // The generation at which somebody was last removed. They may have it on a device that is not known here.
  #left = -1;
  /** Whether somebody who was removed may have this key. */
  isBetrayed(key) {
    return key.terms.generation === this.#left || [...this.roster.removed].some((known) => key.has(known));
  }
  async generate() {
    this.#mustDistribute();
    const generation = this.keyring.generation + 1;
    if (!isWhole(generation)) refuse("expired", `the generations of this channel are used up, because somebody gave one the number ${generation - 1}: begin another channel`);
    const now = this.now();
    const members = this.roster.present().filter((known) => !known.expired(now));
    const bytes = random(keyLength);
    const terms = { key: await keyId(bytes), generation, created: Math.floor(now / 1e3) };
    const grant = await writeGrant(this.place, terms, bytes, this.identity, members);
    const recipients = members.map(({ user, keys: { sign, to } }) => ({ user, sign, to }));
    this.keyring.add(await ChannelKey.of(terms, recipients, await digest(grant), bytes), now);
    return grant;
  }
  async remove(user, leaving) {
    this.#mustDistribute();
    if (user === this.roster.me.user) refuse("distributor", "a distributor does not remove itself: another one must");
    if (leaving.length === 0) refuse("not_member", `${user} is no member, and cannot be removed`);
    for (const known of leaving) this.roster.remove(known);
    this.#left = this.keyring.generation;
    return this.generate();
  }
  async accept(text2) {
    const { jws, signer, payload } = readGrant(text2);
    const { tenant, channel } = this.place;
    if (payload.tenant !== tenant) refuse("tenant", `the grant is for another tenant than ${tenant}`);
    if (payload.channel !== channel) refuse("channel", `the grant is for another channel than ${channel}`);
    const by = this.roster.present().find((known) => known.keys.sign === signer && this.distributors.includes(known.user));
    if (!by) refuse("distributor", "no distributor that is known here signed the grant: add the member, if it is one");
    if (by.expired(this.now())) refuse("expired", `the assertion of ${by.user} has expired: add the member of a new one`);
    if (!await verifyJws(by.keys.verifier, jws)) refuse("signature", `${by.user} did not sign the grant`);
    if (payload.created > this.now() / 1e3 + ahead) refuse("expired", "the grant is from the future: set the clock right");
    const name = await digest(text2);
    if (!this.keyring.isNew(payload, name)) return;
    const { newest, generation } = this.keyring;
    if (newest && payload.generation > generation && !newest.has(by)) {
      refuse("distributor", `${by.user} gives generation ${payload.generation}, and is not on the list of generation ${generation}: somebody took them out`);
    }
    const key = await takeKey(payload, this.roster.me.user, this.identity);
    this.keyring.add(await ChannelKey.of(payload, payload.members, name, key), this.now());
  }
  #mustDistribute() {
    const { user } = this.roster.me;
    if (!this.distributors.includes(user)) refuse("distributor", `${user} is not among the distributors of this room: one of them must do it`);
  }
};
var digest = async (grant) => encode(await sha256(utf8(grant)));

// ../sdk/typescript/src/e2ee/history.ts
var Reader = class {
  /** @internal */
  constructor(open) {
    this.open = open;
  }
  open;
};

// ../sdk/typescript/src/e2ee/keyring.ts
var limit4 = 64;
var grace = 6e4;
var Keyring = class {
  #held = /* @__PURE__ */ new Map();
  #newest;
  // The one that was the newest until #since, in milliseconds since 1970.
  #before;
  #since = 0;
  /** The one that seals. */
  get newest() {
    return this.#newest;
  }
  /** Its number; 0 where there is none. */
  get generation() {
    return this.#newest?.terms.generation ?? 0;
  }
  /** Whether the grant is new here. Throws an EncryptionError, `rollback`, where it contradicts what is held. */
  isNew({ generation, key }, grant) {
    const held = this.#held.get(generation);
    if (held?.grant === grant) return false;
    const say = (what) => refuse("rollback", `${what}: somebody brings back an old one, or two distributors work at once; ask for a new generation`);
    if (held) say(`there is another grant of generation ${generation}`);
    if (this.#named(key)) say(`the key of generation ${generation} was that of another one`);
    if (this.#held.size >= limit4 && generation < Math.min(...this.#held.keys())) say(`generation ${generation} is older than the ${limit4} that are held`);
    return true;
  }
  add(key, now) {
    const { generation } = key.terms;
    this.#held.set(generation, key);
    if (generation > this.generation) {
      this.#before?.forget();
      this.#before = this.#newest;
      this.#newest = key;
      this.#since = now;
    }
    if (this.#held.size > limit4) this.#held.delete(Math.min(...this.#held.keys()));
  }
  /** The key for a live message. */
  live(id, now) {
    if (this.#newest?.terms.key === id) return this.#newest;
    if (this.#before?.terms.key === id && now - this.#since < grace) return this.#before;
    return this.#named(id) ? refuse("key", "its key is that of an older generation: only history() opens it") : unknown();
  }
  /** The key for a message of history. */
  any(id) {
    return this.#named(id) ?? unknown();
  }
  #named(id) {
    for (const key of this.#held.values()) if (key.terms.key === id) return key;
    return void 0;
  }
};
var unknown = () => refuse("key", "the room does not hold its key: accept the grant of its generation first");

// ../sdk/typescript/src/e2ee/message.ts
var typ2 = "portcullis-message+jws";
var outerLimit = 1024;
var ivLength = 12;
var tagLength = 16;
var sessionLength = 16;
async function sealMessage({ tenant, channel }, key, by, plaintext) {
  const { user, identity, session, counter } = by;
  const kid = key.terms.key;
  const jws = await writeJws(identity, { alg: "EdDSA", typ: typ2, kid: identity.own.sign, tenant, channel, user, key: kid, session, counter }, plaintext);
  const header = writeHeader({ alg: "dir", enc: "A256GCM", kid, tenant, channel, cty: "JWS" });
  const iv = random(ivLength);
  const sealed = new Uint8Array(await subtle().encrypt({ name: "AES-GCM", iv, additionalData: utf8(header) }, key.cipher, utf8(jws)));
  return [header, "", encode(iv), encode(sealed.slice(0, -tagLength)), encode(sealed.slice(-tagLength))].join(".");
}
async function openMessage(place, publication, reading) {
  if (publication.encryption !== "jwe") refuse("plaintext", "it is not encrypted, and this room takes nothing else: find out who publishes without sealing");
  const jwe = readJwe(publication.data);
  if (jwe.tenant !== place.tenant) refuse("tenant", `it was sealed for another tenant than ${place.tenant}`);
  if (jwe.channel !== place.channel) refuse("channel", `it was sealed for another channel than ${place.channel}`);
  const key = reading.key(jwe.kid);
  const { jws, header } = readInner(await decrypt(key, jwe));
  if (header.tenant !== jwe.tenant) refuse("tenant", "its sender signed it for another tenant: somebody carried it here");
  if (header.channel !== jwe.channel) refuse("channel", "its sender signed it for another channel: somebody carried it here");
  if (header.key !== jwe.kid) refuse("key", "its sender signed it under another key: somebody sealed it again");
  const user = publication.from?.user;
  if (header.user !== user) refuse("sender", `the gateway says ${user ?? "nobody"}, and the signed text names another`);
  const sender = reading.sender(user, header.kid, key);
  if (!await verifyJws(sender.keys.verifier, jws)) refuse("signature", `${user} did not sign it`);
  if (!reading.isNew(key, sender, header.session, header.counter)) refuse("replay", `a message of ${user} was opened before, or is too old to tell`);
  key.serve();
  return { user, plaintext: jws.payload };
}
function readJwe(data) {
  const parts = isText(data) ? data.split(".", 6) : [];
  const [first = "", encryptedKey, iv = "", ciphertext = "", tag2 = ""] = parts;
  const header = readHeader(first, outerLimit);
  const bytes = [decode(iv, ivLength), decode(ciphertext), decode(tag2, tagLength)];
  if (parts.length !== 5 || encryptedKey !== "" || !exactly(header, outer) || !bytes[0] || !bytes[1]?.length || !bytes[2]) {
    refuse("form", "it is no message of an encrypted room: find out who publishes without sealing");
  }
  return { kid: header.kid, tenant: header.tenant, channel: header.channel, aad: utf8(first), iv: bytes[0], sealed: concat(bytes[1], bytes[2]) };
}
var outer = { alg: is("dir"), enc: is("A256GCM"), kid: isId, tenant: isText, channel: isText, cty: is("JWS") };
async function decrypt(key, { iv, aad, sealed }) {
  try {
    return new Uint8Array(await subtle().decrypt({ name: "AES-GCM", iv, additionalData: aad }, key.cipher, sealed));
  } catch (cause) {
    refuse("tampered", "it was changed on its way, or sealed with another key", cause);
  }
}
var inner = {
  alg: is("EdDSA"),
  typ: is(typ2),
  kid: isId,
  tenant: isText,
  channel: isText,
  user: (value) => isText(value) && value !== "",
  key: isId,
  session: (value) => isText(value) && decode(value, sessionLength) !== void 0,
  counter: (value) => isWhole(value) && value >= 1
};
function readInner(bytes) {
  let jws;
  try {
    jws = readJws(text(bytes));
  } catch {
  }
  const header = jws?.header;
  if (!jws || jws.signature.length !== 64 || !exactly(header, inner)) refuse("form", "what is inside is not signed in the form of this room");
  return { jws, header };
}

// ../sdk/typescript/src/e2ee/plaintext.ts
var Plaintext = class {
  /** @internal */
  constructor(user, bytes) {
    this.user = user;
    this.bytes = bytes;
  }
  user;
  bytes;
  /** The bytes as a text. Throws an EncryptionError, `form`, where they are no UTF-8. */
  text() {
    try {
      return text(this.bytes);
    } catch (cause) {
      refuse("form", `what ${this.user} says is no UTF-8: take its bytes`, cause);
    }
  }
  /** The bytes as JSON. Throws an EncryptionError, `form`, where they are none. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      refuse("form", `what ${this.user} says is no JSON: take its text`, cause);
    }
  }
};
function bytesOf(value) {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  const text2 = typeof value === "string" ? value : JSON.stringify(value);
  return text2 === void 0 ? refuse("form", `a ${typeof value} cannot be sealed: seal bytes, a text or an object`) : utf8(text2);
}

// ../sdk/typescript/src/e2ee/roster.ts
var Roster = class {
  constructor(tenant, me) {
    this.tenant = tenant;
    this.me = me;
    this.#known.set(person(me.user, me.keys.sign), me);
  }
  tenant;
  me;
  #known = /* @__PURE__ */ new Map();
  // Still known, because history has what they said.
  #removed = /* @__PURE__ */ new Set();
  /** Adding them again gives them the later end of the two assertions. */
  add(member, now) {
    if (member.tenant !== this.tenant) refuse("tenant", `${member.user} is a member of another tenant than ${this.tenant}`);
    if (member.expired(now)) refuse("expired", `the assertion of ${member.user} has expired: ask the backend for a new one`);
    const name = person(member.user, member.keys.sign);
    const known = this.#known.get(name);
    if (known === this.me) return;
    if (known instanceof Member && !this.#removed.delete(known) && known.expires > member.expires) return;
    this.#known.set(name, member);
  }
  /** Those of the user who were not removed yet. */
  of(user) {
    return this.present().filter((known) => known.user === user);
  }
  remove(known) {
    this.#removed.add(known);
  }
  present() {
    return [...this.#known.values()].filter((known) => !this.#removed.has(known));
  }
  get removed() {
    return this.#removed;
  }
  /** Whoever has this key and is this user, or undefined. */
  find(user, sign) {
    return this.#known.get(person(user, sign));
  }
};

// ../sdk/typescript/src/e2ee/turn.ts
var Turn = class {
  #last = Promise.resolve();
  take(work) {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => void 0);
    return mine;
  }
};

// ../sdk/typescript/src/e2ee/room.ts
var nameLimit = 255;
var userLimit = 2048;
var Room = class {
  #place;
  #identity;
  #now;
  #roster;
  #keyring = new Keyring();
  #distribution;
  #turn = new Turn();
  #session = encode(random(16));
  #counter = 0;
  /** Throws an EncryptionError, `form`, where a name is empty or too long, or nobody distributes. */
  constructor({ tenant, channel, user, identity, distributors, now = Date.now }) {
    mustName("tenant", tenant, nameLimit);
    mustName("channel", channel, nameLimit);
    mustName("user", user, userLimit);
    mustName("distributors", distributors[0], userLimit);
    this.#place = { tenant, channel };
    this.#identity = identity;
    this.#now = now;
    this.#roster = new Roster(tenant, { user, keys: identity.own, expired: () => false });
    this.#distribution = new Distribution(this.#place, identity, [...distributors], this.#roster, this.#keyring, now);
  }
  /** The number of the newest generation that is held; 0 before the first. */
  get generation() {
    return this.#keyring.generation;
  }
  /**
   * Makes somebody known, or known for longer: their messages can be opened from now on, and a distributor's next generation has a key for them. Throws an
   * EncryptionError: `tenant` or `expired`.
   */
  add(member) {
    this.#roster.add(member, this.#now());
  }
  /**
   * Makes a new channel key and gives it to all who were added, were not removed and whose assertion has not expired. What it resolves to is the grant, for
   * all of them; this room holds it already. Only for a distributor, else `distributor`.
   */
  generate() {
    return this.#turn.take(() => this.#distribution.generate());
  }
  /**
   * Takes a user's identities out, and makes a generation without them. Until all have accepted it they seal with a key that the user has. Only for a
   * distributor, else `distributor`, also for taking oneself out; `not_member` for whom nobody added.
   */
  remove(user) {
    const leaving = this.#roster.of(user);
    return this.#turn.take(() => this.#distribution.remove(user, leaving));
  }
  /**
   * Takes a channel key from a grant, however it came here. The same grant again has no effect. Rejects with `form`, `tenant`, `channel`, `distributor`,
   * `expired`, `signature`, `rollback`, `not_member`, `tampered` or `key`.
   */
  accept(grant) {
    return this.#turn.take(() => this.#distribution.accept(grant));
  }
  /**
   * Seals bytes, a text, or an object as JSON, for the client's `publish`. Rejects with `key` before the first generation, and with `expired` once that has
   * served 24 hours or 2^28 messages, or while somebody who was removed has it.
   */
  async seal(value) {
    const plaintext = bytesOf(value);
    return this.#turn.take(async () => {
      const key = this.#sealing();
      const counter = ++this.#counter;
      key.serve();
      const by = { user: this.#roster.me.user, identity: this.#identity, session: this.#session, counter };
      return new Sealed(await sealMessage(this.#place, key, by, plaintext));
    });
  }
  /**
   * Opens a message that came live, once. Rejects with `form`, `plaintext`, `tenant`, `channel`, `key`, `tampered`, `sender`, `expired`, `signature` or
   * `replay`; what is refused was not said in this room.
   */
  open(message) {
    return this.#open(message, {
      key: (id) => this.#keyring.live(id, this.#now()),
      sender: this.#sender,
      isNew: (key, by, session, counter) => {
        if (!this.#keyring.newest?.has(by) || this.#roster.removed.has(by)) refuse("sender", `${by.user} is no member any more`);
        return key.seen.take(by.keys.sign, session, counter);
      }
    });
  }
  /** A reading of what the channel keeps: of every generation that is held, in any order, each message once. For another reading take another reader. */
  history() {
    const read = new Read();
    return new Reader(
      (message) => this.#open(message, {
        key: (id) => this.#keyring.any(id),
        sender: this.#sender,
        isNew: (key, by, session, counter) => read.take(key.terms.key, by.keys.sign, session, counter)
      })
    );
  }
  #open({ data, encryption, from }, reading) {
    return this.#turn.take(async () => {
      const { user, plaintext } = await openMessage(this.#place, { data, encryption, from }, reading);
      return new Plaintext(user, plaintext);
    });
  }
  #sender = (user, sign, key) => {
    const known = this.#roster.find(user, sign);
    if (!known) refuse("sender", `nobody knows ${user} by this key: add the member whom the issuer vouches for`);
    if (!key.has(known)) refuse("sender", `generation ${key.terms.generation} was not given to ${user}`);
    if (known.expired(this.#now())) refuse("expired", `the assertion of ${user} has expired: add the member of a new one`);
    return known;
  };
  #sealing() {
    const key = this.#keyring.newest;
    if (!key) refuse("key", "the room holds no key yet: accept a grant, or generate one");
    if (this.#distribution.isBetrayed(key)) refuse("expired", "somebody was removed who has the newest key: a distributor must generate a new one");
    const spent = key.spent(this.#now());
    if (spent) refuse("expired", `the key of generation ${key.terms.generation} has served its ${spent}: a distributor must generate a new one`);
    return key;
  }
};
function mustName(option, value, limit5) {
  if (value && !halved(value) && utf8(value).length <= limit5) return;
  refuse("form", `${option} is ${JSON.stringify(value)}, and must be a text of 1 to ${limit5} bytes: give it as the gateway names it`);
}
export {
  EncryptionError,
  Identity,
  Issuer,
  Room,
  UnsupportedError
};
