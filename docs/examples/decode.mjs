// Reads a batch of events as docs/wire.md describes it, with Node 18 or newer and nothing to install. Node learnt zstd
// with version 22.15; before that the program `zstd` is run, or hand `batch` an unzstd of your own. See print.mjs.
import { spawnSync } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import * as zlib from "node:zlib";

const EVENTS_MAX = 4096, BYTES_MAX = 4_000_000, TYPES = ["", "bool", "int", "float", "double", "string"];
const READ = { int: [8, "readBigInt64LE"], float: [4, "readFloatLE"], double: [8, "readDoubleLE"] };
const fail = (why) => { throw new Error(why); }, zigzag = (n) => BigInt.asIntN(64, (n >> 1n) ^ -(n & 1n));
const utf8 = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
function varint(bytes, at) { // [number, where the next field begins]
  for (let value = 0n, shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
    value |= BigInt(bytes[at] & 127) << shift;
    if (bytes[at++] < 128) return [BigInt.asUintN(64, value), at];
  }
  return fail("a number that does not end");
}
function fields(bytes) { // {field: [values]}, a BigInt for each varint and bytes for all else
  const found = {};
  for (let at = 0, tag, value; at < bytes.length;) {
    [tag, at] = varint(bytes, at);
    let size = { 0: 0n, 1: 8n, 2: 0n, 5: 4n }[tag & 7n] ?? fail("an unknown kind of field");
    if (!size) [size, at] = varint(bytes, at); // of kind 0 it is the value itself
    if ((tag & 7n) && size > BigInt(bytes.length - at)) fail("a field that is cut off");
    value = tag & 7n ? bytes.subarray(at, at += Number(size)) : size;
    (found[tag >> 3n] ??= []).push(value);
  }
  return found;
}
const all = (from, field) => from[field] ?? [], one = (from, field, absent = 0n) => all(from, field).at(-1) ?? absent;
const num = (from, field) => Number(one(from, field)), text = (from, field) => utf8(one(from, field, Buffer.alloc(0)));
function numbers(message, field, out = []) { // packed or not
  for (const part of all(message, field))
    if (typeof part === "bigint") out.push(part);
    else for (let at = 0, value; at < part.length; out.push(value)) [value, at] = varint(part, at);
  return out;
}
function column(message, type, count) {
  const planes = one(message, 3, []), words = all(message, 4).map(utf8), scale = 10 ** num(message, 2);
  if (planes.length) { // all first bytes, then all second bytes, and so on
    const [width, read] = READ[type] ?? fail("planes of another type"), raw = Buffer.alloc(count * width);
    if (planes.length !== raw.length) fail("planes of another length");
    planes.forEach((byte, i) => { raw[(i % count) * width + Math.floor(i / count)] = byte; });
    return Array.from({ length: count }, (_, i) => raw[read](i * width));
  }
  let sum = 0n;
  const values = numbers(message, 1).map((delta) => {
    sum += zigzag(delta); // 64 bits are more than a Number holds
    if (type === "string") return words[sum] ?? fail("a word that is not there");
    if (type === "int" || type === "bool") return type === "int" ? sum : sum === 1n;
    return type === "float" ? Math.fround(Number(sum) / scale) : Number(sum) / scale;
  });
  if (values.length < 1 || values.length > count || scale > 1e9) fail("a column that does not fit");
  return values.concat(Array(count - values.length).fill(values.at(-1))); // zeros at the end were left out
}
const event = (seq, { kind, signals }, ts_us, received_ms, values) => ({ seq, kind, ts_us, received_ms, values:
  signals.length ? Object.fromEntries(signals.map((s, i) => [s.path, values[i] ?? fail("no value")])) : values });
function columns(body, first, count, shapes) {
  const message = fields(body), which = numbers(message, 3), out = [];
  const [ts, received] = [1, 2].map((field) => column(fields(one(message, field)), "int", count));
  for (const group of all(message, 4).map(fields)) {
    const shape = shapes[num(group, 1)] ?? fail("an unknown shape");
    const places = [...Array(count).keys()].filter((i) => !which.length || Number(which[i]) === num(group, 1));
    const read = shape.signals.map((s, i) => column(fields(group[2][i]), s.type, places.length));
    places.forEach((i, n) => { out[i] = event(first + BigInt(i), shape, ts[i], received[i], read.map((v) => v[n])); });
  }
  return out;
}
const rows = (message, first, shapes) => all(message, 1).map(fields).map((row, i) => {
  const shape = shapes[num(row, 3)] ?? fail("an unknown shape"), read = (v, n) => ({
    bool: () => v[2][0] === 1n, int: () => zigzag(v[3][0]), float: () => v[4][0].readFloatLE(),
    double: () => v[5][0].readDoubleLE(), string: () => utf8(v[6][0]) })[shape.signals[n].type]();
  const values = shape.signals.length ? all(row, 4).map(fields).map(read) : row[5].at(-1);
  return event(first + BigInt(i), shape, BigInt.asIntN(64, one(row, 1)), one(row, 2), values);
});
const whole = ({ status, stdout }) => status === 0 ? stdout : fail("no program zstd, or it refuses the body");
export const unzstd = (body) => zlib.zstdDecompressSync?.(body, { maxOutputLength: BYTES_MAX })
  ?? whole(spawnSync("zstd", ["-dcq"], { input: body, maxBuffer: BYTES_MAX }));
/** Device, epoch, stream and events of a batch. `shapes`: those of an earlier batch of the same dictionary. */
export function batch(payload, unpack = unzstd, shapes = {}) {
  const message = fields(payload), stream = num(message, 3), epoch = one(message, 2, Buffer.alloc(8)), signals = {};
  for (const s of all(message, 6).map(fields)) signals[num(s, 1)] = { path: text(s, 2), type: TYPES[num(s, 3)] };
  for (const s of all(message, 7).map(fields))
    shapes[num(s, 1)] = { kind: text(s, 2), signals: numbers(s, 3).map((id) => signals[id] ?? fail("no such signal")) };
  const events = (stream === 4 ? [] : all(message, 10)).map(fields).flatMap((bag) => { // 4: control, has no events
    const [first, count, codec, body] = [one(bag, 1), num(bag, 2), num(bag, 6), one(bag, 7, [])];
    if (count < 1 || count > EVENTS_MAX || codec < 1 || codec > 3) fail("a bag that cannot be read");
    const plain = codec === 1 ? one(bag, 8, []) : unpack(body);
    const read = codec === 3 ? columns(plain, first, count, shapes) : rows(fields(plain), first, shapes);
    return read.flat().length === count ? read : fail("other events than the bag counts"); // flat leaves out holes
  });
  return { device: text(message, 1), epoch: epoch.readBigUInt64LE(), stream, shapes, events };
}
export function signed(topic, payload, key) { // whether it ends with the signature of that key (32 bytes)
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key]); // how Node takes a raw key
  const said = Buffer.concat([Buffer.from(`${topic}\0`), payload.subarray(0, -66)]);
  return payload.at(-66) === 0x7a && payload.at(-65) === 0x40
    && verify(null, said, createPublicKey({ key: spki, format: "der", type: "spki" }), payload.subarray(-64));
}
