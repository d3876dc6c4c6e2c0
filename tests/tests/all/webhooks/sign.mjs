// Signs webhooks as their providers do, each with the provider's own library for Node where there is one that signs. Where
// there is none, Node's own crypto does, as the provider's documentation has it (and for WooCommerce its source).
//
// Reads a JSON object per line: `scheme`, `secret`, `id`, `at` in seconds, and `body`. Writes the headers as a JSON object
// per line. The folder of the libraries is the first argument.

import { createHmac, createPrivateKey, sign } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const require = createRequire(`${modules}/`);

const octokit = await import(pathToFileURL(`${modules}/@octokit/webhooks-methods/dist-node/index.js`));
require("@shopify/shopify-api/adapters/node");
const shopify = require("@shopify/shopify-api/runtime");
const { Webhook } = require("standardwebhooks");
const Stripe = require("stripe");
const stripe = new Stripe("sk_test_of_nobody");

// Before an Ed25519 seed in DER (RFC 8410, section 7).
const DER = Buffer.from("302e020100300506032b657004220420", "hex");

function ed25519(secret, text) {
  const key = Buffer.concat([DER, Buffer.from(secret.slice("whsk_".length), "base64")]);
  return sign(null, Buffer.from(text), createPrivateKey({ key, format: "der", type: "pkcs8" })).toString("base64");
}

const mac = (algorithm, encoding) => (secret, body) => createHmac(algorithm, secret).update(body).digest(encoding);

const standard = (id, at, signature) => ({
  "webhook-id": id,
  "webhook-timestamp": String(at),
  "webhook-signature": signature,
});

const schemes = {
  // Octokit signs no body that is empty.
  github: async ({ secret, body }) => ({
    "x-hub-signature-256": body ? await octokit.sign(secret, body) : `sha256=${mac("sha256", "hex")(secret, body)}`,
  }),
  shopify: async ({ secret, body }) => ({
    "x-shopify-hmac-sha256": await shopify.createSHA256HMAC(secret, body, shopify.HashFormat.Base64),
  }),
  stripe: ({ secret, body, at }) => ({
    "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: at }),
  }),
  v1: ({ secret, id, at, body }) => standard(id, at, new Webhook(secret).sign(id, new Date(at * 1000), body)),
  v1a: ({ secret, id, at, body }) => standard(id, at, `v1a,${ed25519(secret, `${id}.${at}.${body}`)}`),
  woocommerce: ({ secret, body }) => ({ "x-wc-webhook-signature": mac("sha256", "base64")(secret, body) }),
  marketplacer: ({ secret, body }) => ({ "marketplacer-hmac-256": mac("sha256", "base64")(secret, body) }),
  "generic-sha1": ({ secret, body }) => ({ "x-signature": `sha1=${mac("sha1", "hex")(secret, body)}` }),
  "generic-sha512": ({ secret, body }) => ({ "x-signature": mac("sha512", "base64url")(secret, body) }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  console.log(JSON.stringify(await schemes[said.scheme](said)));
}
