// Opens and seals an end-to-end encrypted message with the library jose, which nobody here wrote. It reads one JSON object from standard input and writes one to standard output.
import { CompactEncrypt, CompactSign, base64url, calculateJwkThumbprint, compactDecrypt, compactVerify, createLocalJWKSet, importJWK, jwtVerify } from "jose";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const given = JSON.parse(Buffer.concat(chunks).toString("utf8"));

const key = base64url.decode(given.key);
const sign = await importJWK(given.sign, "EdDSA");
const { d, ...shown } = given.sign;
const verify = await importJWK(shown, "EdDSA");

// What the other side sealed.
const envelope = await compactDecrypt(given.sealed, key, { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] });
const statement = await compactVerify(envelope.plaintext, verify, { algorithms: ["EdDSA"] });

// What the other side opens.
const inner = await new CompactSign(base64url.decode(given.plaintext)).setProtectedHeader(given.inner).sign(sign);
const sealed = await new CompactEncrypt(new TextEncoder().encode(inner)).setProtectedHeader(given.outer).encrypt(key);

// Who they are.
const assertion = await jwtVerify(given.assertion, createLocalJWKSet(given.keys), { typ: "e2ee-key+jwt", issuer: given.issuer, currentDate: new Date(given.now * 1000) });
const thumbprints = await Promise.all(assertion.payload.keys.map((k) => calculateJwkThumbprint(k, "sha256")));

process.stdout.write(JSON.stringify({
  plaintext: base64url.encode(statement.payload),
  outer: envelope.protectedHeader,
  inner: statement.protectedHeader,
  sealed,
  subject: assertion.payload.sub,
  thumbprints,
}));
