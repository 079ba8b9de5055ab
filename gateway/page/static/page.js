"use strict";
// Shows what is agreed and says what the guest decides. Everything comes from this device; nothing is kept in the browser
// but the token of the visit, which ends with the tab.

const LOOK_MS = 4000;
const by = (id) => document.getElementById(id);
let words = {}, language = "de", state = null, over = false, drawn = "";

const token = (() => {
  const given = location.hash.slice(1);
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
})();

async function ask(path, said) {
  const options = { headers: { Authorization: "Bearer " + token }, cache: "no-store" };
  if (said) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(said);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(words[language].away);
  }
  if (answer.status === 401) {
    state = null;  // whoever looks now may be somebody else
    draw();
    throw new Error(words[language].stranger);
  }
  if (!answer.ok) throw new Error(fill("failed", { why: (await answer.json()).error }));
  return answer;
}

function fill(name, values = {}) {
  return words[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function say(text) {
  by("message").textContent = text;
}

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function stateWord(row) {
  if (row.double_opt_in && !row.on) return "state_double";
  if (row.on) return row.confirmed ? "state_on" : "state_on_here";
  return row.state === "withdrawn" ? "state_withdrawn" : "state_off";
}

function card(row) {
  const item = make("li", "", { "data-purpose": row.purpose });
  const line = make("div", "", { class: "row" });
  const title = make("h3", row.title[language], { id: "title-" + row.purpose });
  const control = make("button", "", {
    type: "button", role: "switch", "aria-checked": String(row.on),
    "aria-labelledby": title.id, "aria-describedby": "state-" + row.purpose,
  });
  control.disabled = row.double_opt_in && !row.on;
  control.addEventListener("click", () => decide(row, control));
  line.append(title, control);
  const more = make("details");
  more.append(make("summary", words[language].notice), make("p", "", { class: "notice" }), make("p", "", { class: "hash" }));
  more.addEventListener("toggle", () => more.open && showNotice(row.purpose, more));
  item.append(
    line, make("p", row.text[language]),
    make("p", fill(stateWord(row)) + " " + fill("kept", { days: row.retention_days }), { class: "state", id: "state-" + row.purpose }),
    more,
  );
  return item;
}

async function showNotice(purpose, more) {
  try {
    const found = await (await ask(`api/notice/${purpose}/${language}`)).json();
    more.querySelector(".notice").textContent = found.text;
    more.querySelector(".hash").textContent = "SHA-256 " + found.sha256;
  } catch (problem) {
    say(problem.message);
  }
}

async function decide(row, control) {
  const yes = !row.on;
  control.setAttribute("aria-busy", "true");
  try {
    state = await (await ask("api/consent", { purpose: row.purpose, yes, language })).json();
    draw();
    say(fill(yes ? "said_yes" : "said_no", { title: row.title[language] }));
  } catch (problem) {
    say(problem.message);
  }
  control.removeAttribute("aria-busy");
  by("purposes").querySelector(`[data-purpose="${row.purpose}"] [role=switch]`)?.focus();
}

function draw() {
  document.documentElement.lang = language;
  document.title = words[language].title;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words[language][element.dataset.word];
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  for (const id of ["choices", "free", "left", "rights"]) by(id).hidden = over || !state;
  if (over || !state) {
    by("purposes").replaceChildren();
    by("left-table").tBodies[0].replaceChildren();
    drawn = "";
    return;
  }
  by("purposes").replaceChildren(...state.purposes.map(card));
  by("without-consent").replaceChildren(...state.without_consent.map((one) => {
    const item = make("li");
    item.append(make("h3", one.title[language]), make("p", one.text[language]));
    return item;
  }));
  const titles = Object.fromEntries(state.purposes.map((row) => [row.purpose, row.title[language]]));
  const hours = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" });
  by("left-none").hidden = state.left.length > 0;
  by("left-table").hidden = state.left.length === 0;
  by("left-table").tBodies[0].replaceChildren(...state.left.map((one) => {
    const line = make("tr");
    const why = one.purposes.map((purpose) => titles[purpose] || purpose).join(", ");
    line.append(make("td", hours.format(one.hour_us / 1000)), make("td", String(one.events)), make("td", why));
    return line;
  }));
  drawn = JSON.stringify(state);
}

function sure(word) {
  const dialog = by("sure");
  by("sure-text").textContent = words[language][word];
  dialog.showModal();
  return new Promise((resolve) => {
    by("sure-yes").onclick = () => { dialog.close(); resolve(true); };
    by("sure-no").onclick = () => { dialog.close(); resolve(false); };
    dialog.oncancel = () => resolve(false);
  });
}

async function act(word, done) {
  try {
    if (word && !(await sure(word))) return;
    await done();
  } catch (problem) {
    say(problem.message);
  }
}

by("export").addEventListener("click", () => act("", async () => {
  const link = make("a", "", { href: URL.createObjectURL(await (await ask("api/export")).blob()), download: "forecourt.json" });
  link.click();
  URL.revokeObjectURL(link.href);
}));
by("erase").addEventListener("click", () => act("sure_erase", async () => {
  await ask("api/erase", {});
  await look();
  say(words[language].erased);
}));
by("end").addEventListener("click", () => act("sure_end", async () => {
  await ask("api/end", {});
  over = true;
  sessionStorage.clear();
  draw();
  say(words[language].ended);
  by("main").focus();
}));
for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => { language = button.dataset.language; draw(); });

async function look() {
  state = await (await ask("api/state")).json();
  if (JSON.stringify(state) !== drawn && !document.querySelector("details[open]")) draw();
}

async function begin() {
  words = await (await fetch("words.json")).json();
  language = (navigator.language || "de").startsWith("de") ? "de" : "en";
  draw();
  try {
    await look();
  } catch (problem) {
    say(problem.message);
    return;
  }
  setInterval(() => { if (!over && !document.hidden) look().catch((problem) => say(problem.message)); }, LOOK_MS);
}

addEventListener("hashchange", () => location.reload());
begin();
