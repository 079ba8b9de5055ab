// Says what decode.mjs finds in batches, in the form of tests/golden/told.py: node bits.mjs PYTHON KEY [FILE TOPIC]...
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { batch, signed } from "../../../docs/examples/decode.mjs";

const [python, key, ...rest] = process.argv.slice(2);
const code = "import sys, zstandard; sys.stdout.buffer.write(zstandard.decompress(sys.stdin.buffer.read(), 4_000_000))";
const unzstd = (body) => {
  const done = spawnSync(python, ["-c", code], { input: body });
  if (done.status !== 0) throw new Error(String(done.stderr));
  return done.stdout;
};
const hex = (number) => { const raw = Buffer.alloc(8); raw.writeDoubleBE(number); return raw.toString("hex"); };
const say = (v) => typeof v === "bigint" ? String(v) : typeof v === "number" ? hex(v) : typeof v === "string" ? `=${v}`
  : typeof v === "boolean" ? v : v.toString("hex");
const said = {};
for (let i = 0; i < rest.length; i += 2) {
  const payload = readFileSync(rest[i]), moved = Buffer.from(payload);
  moved[5] ^= 1;
  if (!signed(rest[i + 1], payload, Buffer.from(key, "hex"))) throw new Error("a good signature is refused");
  if (signed(rest[i + 1], moved, Buffer.from(key, "hex"))) throw new Error("a changed byte is not noticed");
  if (signed(`${rest[i + 1]}/`, payload, Buffer.from(key, "hex"))) throw new Error("another topic is not noticed");
  said[rest[i]] = batch(payload, unzstd).events.map((event) => ({ seq: say(event.seq), kind: event.kind,
    ts_us: say(event.ts_us), received_ms: say(event.received_ms),
    values: Array.isArray(event.values) || Buffer.isBuffer(event.values) ? { record: say(Buffer.from(event.values)) }
      : Object.fromEntries(Object.entries(event.values).map(([path, value]) => [path, say(value)])) }));
}
console.log(JSON.stringify(said));
