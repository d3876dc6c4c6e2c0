// Verifies deliveries with Standard Webhooks' own library for Node. It knows `v1` only, as the one for Python does, so what
// is verified with a public key (`whpk_…`) is verified with Node's own crypto, after the specification.
//
// Reads a JSON object per line: `secret`, `headers`, `body`, and `ahead`, by how many seconds the clock is ahead. Writes `good`,
// or `refused` and the reason. The folder of the library is the first argument.

import { createPublicKey, verify } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook } = createRequire(`${process.argv[2]}/`)("standardwebhooks");
const now = Date.now;

// Before an Ed25519 key in DER (RFC 8410, section 4).
const DER = Buffer.from("302a300506032b6570032100", "hex");

function verifyEd25519(secret, body, headers) {
  const [id, timestamp] = [headers["webhook-id"], headers["webhook-timestamp"]];
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) throw new Error("Message timestamp too old or too new");
  const bytes = Buffer.concat([DER, Buffer.from(secret.slice("whpk_".length), "base64")]);
  const key = createPublicKey({ key: bytes, format: "der", type: "spki" });
  const signatures = headers["webhook-signature"].split(" ").map((one) => one.split(","));
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  const good = ([scheme, signature]) => scheme === "v1a" && verify(null, signed, key, Buffer.from(signature, "base64"));
  if (!signatures.some(good)) throw new Error("No matching signature found");
}

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body, ahead } = JSON.parse(line);
  Date.now = () => now() + ahead * 1000;
  try {
    if (secret.startsWith("whpk_")) verifyEd25519(secret, body, headers);
    else new Webhook(secret).verify(body, headers);
    console.log("good");
  } catch (refusal) {
    console.log("refused", refusal.message);
  }
}
