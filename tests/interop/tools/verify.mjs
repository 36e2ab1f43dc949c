// node verify.mjs TOOL DIRECTORY: ends 0 if the tool accepts what lies in the directory. Packages are found from the
// working directory, into which `npm ci` has put them.
import { createRequire } from "node:module";
import { createPublicKey, verify, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [tool, directory] = process.argv.slice(2);
const read = (name) => readFileSync(join(directory, name));
const require = createRequire(join(process.cwd(), "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const point = () => createPublicKey(read("pub.pem")).export({ type: "spki", format: "der" }).subarray(-65);
const canonical = (name, write) => Buffer.from(write(JSON.parse(read(name)))).equals(read(name));

const tools = {
  "node:crypto": () => verify("sha256", read("pae.bin"), read("pub.pem"), read("sig.der")),
  "@noble/curves": async () => {
    const { p256 } = await load("@noble/curves/nist.js");
    return p256.verify(read("sig.der"), read("pae.bin"), point(), { format: "der", lowS: true });
  },
  elliptic: async () => {
    const EC = require("elliptic").ec;
    const hash = createHash("sha256").update(read("pae.bin")).digest();
    return new EC("p256").keyFromPublic(point()).verify(hash, read("sig.der"));
  },
  tweetnacl: async () => {
    const [text, line] = read("checkpoint").toString().split("\n\n");
    const signature = Buffer.from(line.trim().split(" ")[2], "base64").subarray(4);
    const key = Buffer.from(read("log.vkey").toString().split("+").slice(2).join("+"), "base64").subarray(1);
    return require("tweetnacl").sign.detached.verify(Buffer.from(text + "\n"), signature, key);
  },
  canonicalize: async () => {
    const loaded = await load("canonicalize");
    return canonical("payload.json", loaded.default?.default ?? loaded.default);
  },
  ajv: async () => {
    const Ajv = require("ajv/dist/2020.js").default;
    return new Ajv({ strict: false }).validate(JSON.parse(read("schema.json")), JSON.parse(read("payload.json")));
  },
};
process.exit((await tools[tool]()) ? 0 : 1);
