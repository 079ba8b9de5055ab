// Prints the events of a batch, one JSON object in each line; 64-bit numbers as text. Checks the signature if it can:
//   node print.mjs BATCH.bin [TOPIC PUBLIC_KEY_HEX]
import { readFileSync } from "node:fs";
import { batch, signed } from "./decode.mjs";

const [file, topic, key] = process.argv.slice(2);
const payload = readFileSync(file);
if (key && !signed(topic, payload, Buffer.from(key, "hex"))) throw new Error("not signed by that key for that topic");
for (const event of batch(payload).events)
  console.log(JSON.stringify(event, (_, value) => (typeof value === "bigint" ? `${value}` : value)));
