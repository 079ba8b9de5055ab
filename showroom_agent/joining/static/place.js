"use strict";
// Places things on a plan. The plan is the server's: what is drawn is its GeoJSON, and what is saved is checked there.

const by = (id) => document.getElementById(id);
const STEP_M = 0.1, FAR_M = 1, TURN_DEG = 5;
const FIELDS = {
  hub: ["z_m"], car: ["length_m", "width_m", "heading_deg", "name", "tag"], zone: ["name", "use"], exit: ["name"], landmark: ["name"],
};
let words = {}, language = "de", plan = null, version = "", chosen = null, drag = null, ruler = null, picture = null, changed = false;

const token = (() => {
  const given = location.hash.slice(1);
  if (given) {
    sessionStorage.setItem("place", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("place") || "";
})();

async function ask(path, method = "GET", body = null, type = "application/json") {
  const options = { method, headers: { Authorization: "Bearer " + token }, cache: "no-store" };
  if (body !== null) {
    options.headers["Content-Type"] = type;
    options.body = type === "application/json" ? JSON.stringify(body) : body;
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(words[language].away);
  }
  if (!answer.ok) throw new Error(fill("failed", { why: (await answer.json()).error.replaceAll("; ", "\n") }));
  return answer;
}

function fill(name, values = {}) {
  return words[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function say(text, alarm = false) {
  by("message").textContent = text;
  by("message").classList.toggle("alarm", alarm);
}

const named = (feature) => `${fill(feature.properties.kind)} ${feature.properties.id ?? ""}`.trim();
const shown = () => plan.features.filter((feature) => feature.geometry && corners(feature).length && feature.properties.kind in words.en);
const extent = () => plan.properties.extent_m;

function flip([x, y]) {
  const [left, , , top] = extent();
  return [round(x - left), round(top - y)];
}

function draw() {
  const [left, bottom, right, top] = extent(), size = Math.max(right - left, top - bottom) / 40, focus = document.activeElement?.dataset?.key;
  const svg = by("plan");
  svg.setAttribute("viewBox", `0 0 ${right - left} ${top - bottom}`);
  svg.replaceChildren();
  if (picture) {
    const [x, y] = flip([0, picture.height * picture.scale]);
    svg.append(shape("image", { href: picture.url, x, y, width: picture.width * picture.scale, height: picture.height * picture.scale, preserveAspectRatio: "none" }));
  }
  const order = { zone: 0, blocked: 1, wall: 2, car: 3 };
  for (const feature of shown().sort((a, b) => (order[a.properties.kind] ?? 4) - (order[b.properties.kind] ?? 4))) drawOne(svg, feature, size);
  for (const point of ruler ?? []) {
    const [x, y] = flip(point);
    svg.append(shape("circle", { cx: x, cy: y, r: size / 4, class: "ruler" }));
  }
  if (focus) svg.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  list();
}

function drawOne(svg, feature, size) {
  const key = `${feature.properties.kind}:${feature.properties.id ?? plan.features.indexOf(feature)}`, points = corners(feature);
  const [x, y] = flip(middle(feature)), [mx, my] = middle(feature).map((value) => value.toFixed(1));
  const group = shape("g", { tabindex: 0, role: "button", "data-key": key, "aria-label": fill("moved", { name: named(feature), x: mx, y: my }) });
  const body = drawn(feature, flip, size);
  if (feature === chosen?.feature) {
    body.classList.add("chosen");
    body.setAttribute("stroke-width", size / 6);
  }
  group.append(body, shape("text", { x: x + size * 0.6, y: y - size * 0.3, "font-size": size * 0.8, "stroke-width": size / 5 }, String(feature.properties.id ?? "")));
  holds(group, feature, null);
  svg.append(group);
  if (feature !== chosen?.feature || points.length < 2) return;
  points.forEach((point, index) => {
    const [cx, cy] = flip(point), at = { x: point[0].toFixed(1), y: point[1].toFixed(1) };
    const handle = shape("circle", {
      cx, cy, r: size / 2.5, class: "corner", "stroke-width": size / 10, tabindex: 0, role: "button", "data-key": `${key}#${index}`,
      "aria-label": fill("moved", { name: `${named(feature)} ${index + 1}`, ...at }),
    });
    holds(handle, feature, index);
    svg.append(handle);
  });
}

// Pointer and keyboard on a thing (`index` null) or on one of its corners.
function holds(element, feature, index) {
  element.addEventListener("pointerdown", (event) => {
    if (ruler) return;
    event.preventDefault();
    choose(feature, index);
    drag = { feature, index, from: placeOf(event), points: corners(feature).map((point) => [...point]) };
    by("plan").setPointerCapture(event.pointerId);
    by("plan").querySelector(`[data-key="${CSS.escape(element.dataset.key)}"]`)?.focus();
  });
  element.addEventListener("focus", () => {
    if (chosen?.feature !== feature) choose(feature, index);
    else chosen.index = index;
  });
  element.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? FAR_M : STEP_M;
    const by_key = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (by_key) move(feature, index, by_key, corners(feature));
    else if (event.key === "Delete") drop(feature, index);
    else if (event.key.toLowerCase() === "r" && feature.properties.kind === "car") {
      feature.properties.heading_deg = ((feature.properties.heading_deg ?? 0) + (event.shiftKey ? -TURN_DEG : TURN_DEG) + 360) % 360;
      touched();
    } else return;
    event.preventDefault();
  });
}

function placeOf(event) {
  const matrix = by("plan").getScreenCTM().inverse(), point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
  return [point.x + extent()[0], extent()[3] - point.y];
}

function move(feature, index, [dx, dy], points) {
  setCorners(feature, points.map(([x, y], place) => (index === null || index === place ? [x + dx, y + dy] : [x, y])));
  const [x, y] = index === null ? middle(feature) : corners(feature)[index];
  say(fill("moved", { name: named(feature), x: x.toFixed(2), y: y.toFixed(2) }));
  touched();
}

function drop(feature, index) {
  const points = corners(feature), least = feature.geometry.type === "Polygon" ? 3 : 2;
  if (index !== null && points.length > least) {
    setCorners(feature, points.filter((_, place) => place !== index));
    chosen.index = null;
  } else if (index === null) {
    plan.features.splice(plan.features.indexOf(feature), 1);
    chosen = null;
    say(fill("removed", { name: named(feature) }));
  }
  touched();
}

function touched() {
  changed = true;
  by("changed").hidden = false;
  draw();
  fields();
}

function choose(feature, index) {
  chosen = { feature, index };
  draw();
  fields();
}

function list() {
  by("items").replaceChildren(...shown().map((feature) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = named(feature);
    button.setAttribute("aria-pressed", feature === chosen?.feature);
    button.addEventListener("click", () => choose(feature, null));
    item.append(button);
    return item;
  }));
}

function fields() {
  by("selected").hidden = !chosen;
  if (!chosen) return;
  const { feature } = chosen, { kind } = feature.properties, focus = document.activeElement?.name, rows = [];
  by("selected-name").textContent = named(feature);
  by("corner").hidden = corners(feature).length < 2;
  const row = (name, text, value, put) => {
    const label = document.createElement("label"), input = document.createElement("input");
    input.name = name;
    input.value = value ?? "";
    input.addEventListener("change", () => put(input.value));
    label.append(text, input);
    rows.push(label);
  };
  middle(feature).forEach((value, axis) => row("xy"[axis], `${"xy"[axis]}, m`, round(value), (text) => {
    const delta = Number(text) - middle(feature)[axis];
    if (Number.isFinite(delta)) move(feature, null, axis ? [0, delta] : [delta, 0], corners(feature));
  }));
  for (const name of FIELDS[kind] ?? []) {
    const value = feature.properties[name];
    if (value !== null && typeof value === "object") continue;  // names by language stay as they are
    row(name, fill(name), value, (text) => {
      if (!text) delete feature.properties[name];
      else feature.properties[name] = name.endsWith("_m") || name.endsWith("_deg") ? Number(text) : text;
      touched();
    });
  }
  by("fields").replaceChildren(...rows);
  if (focus) by("selected").elements[focus]?.focus();
}

// All that was placed stays where it is on the picture.
function scaleTo(metresPerPixel) {
  const factor = metresPerPixel / picture.scale;
  picture.scale = metresPerPixel;
  for (const feature of shown()) setCorners(feature, corners(feature).map(([x, y]) => [x * factor, y * factor]));
  ruler = null;
  frame();
  by("distance-row").hidden = by("scale-set").hidden = true;
  by("scale").setAttribute("aria-pressed", "false");
  say(fill("scaled", { width: (picture.width * picture.scale).toFixed(2) }));
  touched();
}

// The plan is as large as its picture.
function frame() {
  const [width, height] = [picture.width * picture.scale, picture.height * picture.scale].map(round);
  plan.properties.extent_m = [0, 0, width, height];
  plan.properties.picture_m = [width, height];
  by("picture").elements.width.value = width;
}

async function showPicture() {
  const url = URL.createObjectURL(await (await ask("api/picture")).blob()), image = new Image();
  image.src = url;
  await image.decode();
  const width = image.naturalWidth || 1000, height = image.naturalHeight || 700, known = plan.properties.picture_m;
  const fresh = !known || Math.abs(known[0] / known[1] - width / height) > 0.01;
  const across = fresh ? extent()[2] - extent()[0] : known[0];
  picture = { url, width, height, scale: across / width };
  if (fresh && !plan.features.length) frame();
  by("picture").elements.width.value = round(across);
  draw();
}

async function load() {
  const told = await (await ask("api/plan")).json();
  ({ document: plan, version } = told);
  plan.properties ??= {};
  plan.properties.extent_m ??= [0, 0, 20, 15];
  draw();
  say(fill("loaded", { count: plan.features.length }));
  if (told.picture) await showPicture();
}

const guarded = (work) => async (event) => {
  event?.preventDefault();
  try {
    await work(event);
  } catch (error) {
    say(error.message, true);
  }
};

function speak(next) {
  language = next;
  document.documentElement.lang = next;
  document.title = fill("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = fill(element.dataset.word);
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", button.dataset.language === next);
  if (plan) draw(), fields();
}

function listen() {
  const svg = by("plan");
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y] = placeOf(event);
    move(drag.feature, drag.index, [x - drag.from[0], y - drag.from[1]], drag.points);
  });
  for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => { drag = null; });
  svg.addEventListener("click", (event) => {
    const [x, y] = placeOf(event);
    [by("walk").elements.x.value, by("walk").elements.y.value] = [x.toFixed(2), y.toFixed(2)];
    if (!ruler || ruler.length > 1) return;
    ruler.push([x, y]);
    by("distance-row").hidden = by("scale-set").hidden = ruler.length < 2;
    draw();
  });
  by("add").addEventListener("submit", guarded(() => {
    const { kind, id } = by("add").elements, [left, bottom, right, top] = extent();
    const feature = created(kind.value, id.value.trim(), [(left + right) / 2, (bottom + top) / 2], [right - left, top - bottom]);
    if (shown().some((one) => one.properties.kind === kind.value && one.properties.id === id.value.trim())) {
      say(fill("twice", { name: named(feature) }), true);
      return;
    }
    plan.features.push(feature);
    chosen = { feature, index: null };
    id.value = "";
    touched();
    svg.querySelector(`[data-key="${CSS.escape(`${kind.value}:${feature.properties.id}`)}"]`).focus();
    say(fill("placed", { name: named(feature) }));
  }));
  by("selected").addEventListener("submit", (event) => event.preventDefault());
  by("remove").addEventListener("click", () => chosen && drop(chosen.feature, null));
  by("corner").addEventListener("click", () => {
    const points = corners(chosen.feature), at = chosen.index ?? points.length - 1, next = points[(at + 1) % points.length];
    const between = [0, 1].map((axis) => (points[at][axis] + next[axis]) / 2);
    if (at + 1 === points.length && chosen.feature.geometry.type === "LineString") between[0] = points[at][0] + 1;
    setCorners(chosen.feature, [...points.slice(0, at + 1), between, ...points.slice(at + 1)]);
    chosen.index = at + 1;
    touched();
  });
  by("save").addEventListener("click", guarded(async () => {
    ({ version } = await (await ask("api/plan", "PUT", { document: plan, version })).json());
    changed = false;
    by("changed").hidden = true;
    say(fill("saved"));
  }));
  by("picture").elements.file.addEventListener("change", guarded(async (event) => {
    const [file] = event.target.files;
    await ask("api/picture", "PUT", file, file.type);
    await showPicture();
    say(fill("pictured"));
  }));
  by("picture").elements.width.addEventListener("change", (event) => {
    const width = Number(event.target.value);
    if (picture && width > 0) scaleTo(width / picture.width);
  });
  by("scale").addEventListener("click", () => {
    ruler = ruler ? null : [];
    by("scale").setAttribute("aria-pressed", ruler !== null);
    by("distance-row").hidden = by("scale-set").hidden = true;
    if (ruler) say(fill("two_points"));
    draw();
  });
  by("scale-set").addEventListener("click", () => {
    const [[ax, ay], [bx, by_]] = ruler, apart = Math.hypot(bx - ax, by_ - ay), real = Number(by("picture").elements.distance.value);
    if (picture && apart > 0 && real > 0) scaleTo((picture.scale * real) / apart);
  });
  by("picture").addEventListener("submit", (event) => event.preventDefault());
  by("walk").addEventListener("submit", guarded(async () => {
    const { name, x, y } = by("walk").elements;
    await ask("api/waypoint", "POST", { name: name.value, x_m: Number(x.value), y_m: Number(y.value) });
    say(fill("noted", { name: name.value }));
  }));
  for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => speak(button.dataset.language));
  window.addEventListener("beforeunload", (event) => changed && event.preventDefault());
}

guarded(async () => {
  words = await (await fetch("words.json")).json();
  speak(navigator.language.startsWith("de") ? "de" : "en");
  listen();
  await load();
})();
