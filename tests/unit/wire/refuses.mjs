// Says of each batch how many events decode.mjs finds, or null where it refuses: node refuses.mjs FILE...
import { readFileSync } from "node:fs";
import { batch } from "../../../docs/examples/decode.mjs";

const said = process.argv.slice(2).map((file) => {
  try { return batch(readFileSync(file)).events.length; } catch { return null; }
});
console.log(JSON.stringify(said));
