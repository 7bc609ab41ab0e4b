
// ---- report.js: filters, order, keys and the address ----

const FIELDS = ["text", "domain", "set", "status", "agree", "model", "from", "to", "sort"];
const MOST_OPEN = 20; // open cards that the address names

const controls = document.getElementById("controls");
const holder = document.getElementById("cards");
const count = document.getElementById("count");
const field = (name) => document.getElementById("f-" + name);
const total = Number(holder.dataset.total) || holder.querySelectorAll(".probe").length;

let list = new PlainList(holder, rememberSoon);
let shown = list.rows;
const whole = new Promise((go) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", go);
  else go();
});
let turn = 0; // of two searches the later one counts
let unpacking = null;

/** What the reader asks for; a field that this page lacks asks for nothing. */
function wanted() {
  return Object.fromEntries(FIELDS.map((name) => [name, field(name) ? field(name).value : ""]));
}

const modelColumn = () => (field("model") ? field("model").selectedIndex : 0);

/** The similarity that counts: the chosen model's, else the greatest. */
function nearness(row, model) {
  if (model) return row.near[model];
  const known = row.near.slice(1).filter((value) => value !== null);
  return known.length ? Math.max(...known) : null;
}

function matches(row, want, model) {
  if (want.domain && row.domain !== want.domain) return false;
  if (want.set && row.set !== want.set) return false;
  if (want.status && !row.status.includes(want.status)) return false;
  if (want.agree && !row.agree.includes(want.agree)) return false;
  if (!want.from && !want.to) return true;
  const near = nearness(row, model);
  return near !== null && near >= Number(want.from || -1) && near <= Number(want.to || 2);
}

function ordered(rows, sort, model) {
  const sign = { most: -1, least: 1 }[sort];
  if (!sign) return rows;
  const values = new Map(rows.map((row) => [row, nearness(row, model)]));
  return rows.slice().sort((a, b) => {
    const x = values.get(a), y = values.get(b);
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  });
}

/** The rows that hold `text`; null where another search has begun meanwhile. */
async function holding(rows, text) {
  const mine = turn;
  const found = [];
  let since = performance.now();
  for (const row of rows) {
    if (list.words(row).includes(text)) found.push(row);
    if (performance.now() - since < 12) continue;
    await pause();
    if (mine !== turn) return null;
    since = performance.now();
  }
  return found;
}

function say() {
  const all = list.rows.length;
  const rest = all < total ? " (" + total.toLocaleString("en") + " in all)" : "";
  count.textContent = shown.length.toLocaleString("en") + " of " + all.toLocaleString("en") + " probes shown" + rest;
}

async function apply() {
  turn += 1;
  const want = wanted();
  const model = modelColumn();
  let rows = list.rows.filter((row) => matches(row, want, model));
  if (want.text) rows = await holding(rows, want.text.toLowerCase());
  if (rows === null) return;
  shown = ordered(rows, want.sort, model);
  list.show(shown, model);
  say();
}

/** Writes the view into the address, in place of the last one, so that Back leaves the list. */
function remember() {
  const state = new URLSearchParams(Object.entries(wanted()).filter((pair) => pair[1]));
  const open = shown.filter((row) => list.isOpen(row)).slice(0, MOST_OPEN).map((row) => row.number);
  if (open.length) state.set("open", open.join("."));
  history.replaceState(null, "", String(state) ? "#answers?" + state : "#answers");
}

/** The same once things have settled: opening sixty cards is one change. */
let remembering = 0;
function rememberSoon() {
  clearTimeout(remembering);
  remembering = setTimeout(remember, 100);
}

const change = () => apply().then(remember);

/** Unpacks the block once, and puts the long list in the place of the cards. */
function ready() {
  if (!unpacking) unpacking = whole.then(() => (canUnpack() ? lengthen() : undefined));
  return unpacking;
}

async function lengthen() {
  count.textContent = "Unpacking " + total.toLocaleString("en") + " probes …";
  let block;
  try {
    block = await unpack();
  } catch (error) {
    holder.style.minHeight = "";
    count.textContent = "The compressed answers could not be read (" + error.message + "); only some probes are shown.";
    return;
  }
  const held = readingAt();
  const focused = list.current();
  const open = list.rows.filter((row) => list.isOpen(row));
  const long = new LongList(holder, block, rememberSoon);
  for (const row of open) long.opened.add(long.rows[row.number - 1]);
  list = long;
  tellWhatIsHeld(block.index);
  await apply();
  if (held) long.bring(long.rows[held.number - 1], held.top);
  if (focused) long.focus(long.rows[focused.number - 1]);
}

/** The card at the window's top and where it stands, if the reader is among the cards. */
function readingAt() {
  if (holder.getBoundingClientRect().top > 0) return null;
  for (const row of list.rows) {
    const { top, bottom } = row.card.getBoundingClientRect();
    if (bottom > 0 && top < innerHeight) return { number: row.number, top };
  }
  return null;
}

function tellWhatIsHeld(index) {
  const note = document.getElementById("part-note");
  const held = document.getElementById("held");
  if (note) note.hidden = true;
  const parts = [];
  if (index.texts.length < index.columns.length) {
    const names = index.texts.map((at) => index.columns[at]).join(", ");
    parts.push(index.texts.length ? "the answers of " + index.texts.length + " of " + index.columns.length + " models (" + names + ")" : "no answers");
  }
  if (index.cut && index.texts.length) parts.push("the first " + index.cut.toLocaleString("en") + " characters of each");
  if (index.bare) parts.push("only first samples, without reasoning");
  if (!parts.length) return;
  held.textContent = "To stay small, this file contains " + parts.join(", ") + ". The full answers are in responses/*.jsonl of the run; links to them work while the report is in the run's folder.";
  held.hidden = false;
}

/** Takes the view from the address. */
async function restore() {
  const found = /^#answers\?(.*)$/.exec(location.hash);
  const probe = /^#probe-(\d+)$/.exec(location.hash);
  if (!found && !probe) return;
  const state = new URLSearchParams(found ? found[1] : "");
  for (const name of FIELDS.filter(field)) {
    field(name).value = state.get(name) || "";
    if (field(name).selectedIndex === -1) field(name).value = "";
  }
  await ready();
  await apply();
  const numbers = probe ? [probe[1]] : (state.get("open") || "").split(".");
  const open = numbers.map((text) => list.rows.find((row) => String(row.number) === text)).filter(Boolean);
  for (const row of open) list.open(row, true);
  if (open.length && shown.includes(open[0])) list.focus(open[0]);
  else if (found) document.getElementById("answers").scrollIntoView();
}

function step(by) {
  const at = shown.indexOf(list.current());
  const next = shown[Math.min(shown.length - 1, Math.max(0, at + by))];
  if (next) list.focus(next);
}

function keys(event) {
  if (event.key === "Escape" && event.target === field("text")) {
    event.preventDefault(); // a browser would clear the search; whoever wants that has the button
    field("text").blur();
    return;
  }
  if (!document.getElementById("f-keys").checked) return; // single letters disturb who speaks to the machine
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/") {
    event.preventDefault();
    field("text").focus();
  } else if (event.key === "j" || event.key === "k") {
    ready().then(() => step(event.key === "j" ? 1 : -1));
  } else if (event.key === "o") {
    const row = list.current();
    if (row) list.open(row, !list.isOpen(row));
  }
}

/** Opens or closes all that are shown. */
function openAll(want) {
  const rows = want ? shown : list.rows;
  if (list instanceof LongList) {
    for (const row of rows) list.opened[want ? "add" : "delete"](row);
    list.show(shown, modelColumn());
  } else {
    for (const row of rows) list.open(row, want);
  }
  remember();
}

let waiting = 0;
controls.hidden = total === 0;
controls.addEventListener("submit", (event) => event.preventDefault());
controls.addEventListener("focusin", ready);
controls.addEventListener("change", () => ready().then(change));
controls.addEventListener("reset", () => setTimeout(() => ready().then(change), 0));
field("text").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => ready().then(change), 150);
});
document.getElementById("f-shared").addEventListener("change", (event) => holder.classList.toggle("shared", event.target.checked));
document.getElementById("b-open").addEventListener("click", () => openAll(true));
document.getElementById("b-shut").addEventListener("click", () => openAll(false));
document.addEventListener("keydown", keys);
addEventListener("hashchange", restore);
apply();
whole.then(() => {
  if (canUnpack()) {
    // The list takes its full height at once, so that nothing below it moves when it is unpacked.
    const card = holder.querySelector(".probe");
    holder.style.minHeight = total * (card ? card.getBoundingClientRect().height : 58) + "px";
    new IntersectionObserver((seen, watcher) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      watcher.disconnect();
      ready();
    }, { rootMargin: "600px" }).observe(holder);
  }
  restore();
});
}
