import { type Bytes, encode } from "./bytes.js";

// The Ed25519 points of small order (RFC 8032, section 5.1.3) without the sign of x: order 4, 1, 2, 8 and 8.
const smallOrder = [
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "7P_______________________________________38",
  "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
  "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
];

/**
 * Whether an Ed25519 key is of small order, or is not the one spelling of its point. Under one of small order a signature that nobody made verifies for message
 * after message: who has it could say that others forged what they said. Browsers differ about both, and where one opens what another refuses two members have
 * read different things.
 */
export function isWeak(key: Bytes): boolean {
  const y = key.slice();
  y[31]! &= 0x7f; // the sign of x
  const beyond = y[0]! >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff); // 2^255-19 and more
  return beyond || smallOrder.includes(encode(y));
}
