
// ---- lists.js: the cards as they stand in the page, or a long list of which only a part is in the page ----
// Both: show(rows), open(row, want), isOpen(row), focus(row), current(), words(row), and rows.

/** The rows that the page's own cards stand for. */
function rowsOf(cards) {
  return cards.map((card) => ({
    number: Number(card.id.slice("probe-".length)),
    domain: card.dataset.domain,
    set: card.dataset.set,
    status: card.dataset.status.split(" "),
    agree: card.dataset.agree.split(" "),
    near: card.dataset.near.split("|").map((text) => (text ? Number(text) : null)),
    card,
  }));
}

class PlainList {
  constructor(holder, changed) {
    this.holder = holder;
    this.rows = rowsOf(Array.from(holder.querySelectorAll(".probe")));
    this.order = this.rows;
    this.byCard = new Map(this.rows.map((row) => [row.card, row]));
    holder.addEventListener("toggle", (event) => { if (this.byCard.has(event.target)) changed(); }, true);
  }

  show(rows, model) {
    const wanted = new Set(rows);
    for (const row of this.rows) row.card.hidden = !wanted.has(row);
    const before = this.order.filter((row) => wanted.has(row));
    if (before.some((row, at) => row !== rows[at])) {
      this.holder.append(...rows.map((row) => row.card));
      this.order = rows.concat(this.rows.filter((row) => !wanted.has(row)));
    }
    for (const one of this.holder.querySelectorAll(".ans")) {
      one.hidden = Boolean(model) && !["0", String(model)].includes(one.dataset.column);
    }
    this.shown = rows;
  }

  isOpen(row) { return row.card.open; }
  open(row, want) { row.card.open = want; }
  focus(row) { row.card.querySelector("summary").focus(); }
  current() { return this.byCard.get(document.activeElement.closest(".probe")); }

  words(row) {
    if (row.words === undefined) row.words = row.card.textContent.toLowerCase();
    return row.words;
  }
}

const MARGIN = 700; // pixels above and below the window that are kept ready
const MOST_PRINTED = 100; // open cards that go on paper

class LongList {
  constructor(holder, { index, lines }, changed) {
    this.holder = holder;
    this.index = index;
    this.changed = changed;
    this.rows = index.probes.map((probe, at) => ({ ...probe, number: at + 1, line: lines[at] }));
    this.shown = [];
    this.at = new Map(); // row → its place among those shown
    this.places = [0]; // where each shown row begins, in pixels, and where the last one ends
    this.slots = new Map(); // row → its element, for the few that are in the page
    this.opened = new Set();
    this.heights = new Map(); // open row → height, once it was drawn
    const card = holder.querySelector(".probe:not([open])");
    this.closed = card && card.getBoundingClientRect().height || 58; // until one is measured
    this.model = 0;
    this.waiting = 0;
    this.watcher = new ResizeObserver((entries) => this.measure(entries));
    holder.replaceChildren();
    holder.style.minHeight = "";
    holder.classList.add("long");
    holder.setAttribute("role", "list");
    holder.addEventListener("click", (event) => this.click(event));
    holder.addEventListener("toggle", (event) => this.toggled(event.target), true);
    holder.addEventListener("focusout", () => this.soon());
    addEventListener("scroll", () => this.soon(), { passive: true });
    addEventListener("resize", () => this.soon());
    addEventListener("beforeprint", () => this.print());
    addEventListener("afterprint", () => this.draw());
  }

  show(rows, model) {
    const active = this.current();
    if (model !== this.model) this.heights.clear();
    this.model = model;
    this.shown = rows;
    this.at = new Map(rows.map((row, at) => [row, at]));
    for (const row of this.slots.keys()) this.drop(row);
    this.lay();
    this.draw();
    if (active && this.at.has(active)) this.focus(active);
  }

  isOpen(row) { return this.opened.has(row); }

  open(row, want) {
    if (this.opened.has(row) === want) return;
    if (want) this.opened.add(row);
    else this.opened.delete(row);
    const slot = this.slots.get(row);
    if (slot) this.fill(row, slot.firstChild);
    this.settle();
    this.changed();
  }

  /** Brings a row into the window and gives it the focus. */
  focus(row) {
    if (!this.at.has(row)) return;
    const top = this.holder.getBoundingClientRect().top + this.places[this.at.get(row)];
    const bar = 96;
    const below = top + Math.min(this.height(row), innerHeight / 2) - innerHeight;
    const by = top < bar ? top - bar : Math.max(0, below);
    if (by) scrollBy({ top: by, behavior: "instant" });
    this.draw();
    const slot = this.slots.get(row);
    if (slot) slot.querySelector("summary").focus({ preventScroll: true });
  }

  /** Scrolls so that a row begins at this place of the window. */
  bring(row, top) {
    if (!this.at.has(row)) return;
    const now = this.holder.getBoundingClientRect().top + this.places[this.at.get(row)];
    scrollBy({ top: now - top, behavior: "instant" });
    this.draw();
  }

  current() {
    const slot = document.activeElement && document.activeElement.closest(".slot");
    return slot ? slot.row : undefined;
  }

  /** All that stands in a row, in small letters, to search in. */
  words(row) {
    if (row.words === undefined) {
      const detail = JSON.parse(row.line);
      const texts = [row.id, detail.prompt, detail.expected || ""];
      for (const cell of detail.answers) {
        texts.push(cell.text || "", cell.reasoning ? cell.reasoning.text : "");
        for (const more of cell.more || []) texts.push(more.text || "");
      }
      row.words = bare(texts.join("\n")).toLowerCase();
    }
    return row.words;
  }

  // -- heights and places --

  height(row) {
    return this.opened.has(row) ? this.heights.get(row) || 600 : this.closed;
  }

  lay() {
    const places = new Float64Array(this.shown.length + 1);
    this.shown.forEach((row, at) => { places[at + 1] = places[at] + this.height(row); });
    this.places = places;
    this.holder.style.height = places[this.shown.length] + "px";
  }

  /** The shown row at this many pixels from the list's top. */
  find(pixels) {
    let low = 0;
    let high = Math.max(0, this.shown.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.places[middle] <= pixels) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Lays all rows out anew without moving the one at the window's top. */
  settle() {
    const above = -this.holder.getBoundingClientRect().top;
    const held = above > 0 ? this.find(above) : 0;
    const before = this.places[held];
    this.lay();
    for (const [row, slot] of this.slots) this.place(row, slot);
    const by = above > 0 ? this.places[held] - before : 0;
    if (by) scrollBy({ top: by, behavior: "instant" });
    this.soon();
  }

  measure(entries) {
    let changed = false;
    for (const { target } of entries) {
      if (!target.isConnected || this.printing) continue;
      const now = target.getBoundingClientRect().height;
      if (Math.abs(now - this.height(target.row)) < 0.5 || !now) continue;
      if (this.opened.has(target.row)) this.heights.set(target.row, now);
      else this.closed = now;
      changed = true;
    }
    if (changed) this.settle();
  }

  // -- what is in the page --

  soon() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  draw() {
    this.printing = false;
    const above = -this.holder.getBoundingClientRect().top;
    const rows = this.shown.slice(this.find(above - MARGIN), this.find(above + innerHeight + MARGIN) + 1);
    const active = this.current();
    if (active && this.at.has(active) && !rows.includes(active)) rows.push(active); // the focus is never pulled away
    this.keep(rows);
  }

  /** For paper: the open cards and nothing else. */
  print() {
    const open = this.shown.filter((row) => this.opened.has(row));
    const paper = document.getElementById("paper");
    if (open.length > MOST_PRINTED) paper.textContent = "Only the first " + MOST_PRINTED + " of " + open.length + " open answers are printed.";
    this.keep(open.slice(0, MOST_PRINTED));
    this.printing = true;
  }

  keep(rows) {
    const wanted = new Set(rows);
    for (const row of this.slots.keys()) if (!wanted.has(row)) this.drop(row);
    let last = null;
    for (const row of rows.sort((a, b) => this.at.get(a) - this.at.get(b))) {
      const slot = this.slots.get(row) || this.add(row);
      const next = last ? last.nextSibling : this.holder.firstChild;
      if (next !== slot) this.holder.insertBefore(slot, next);
      this.place(row, slot);
      last = slot;
    }
  }

  add(row) {
    const slot = make("div", "slot", closedCard(row, this.model, this.index));
    slot.setAttribute("role", "listitem");
    slot.row = row;
    if (this.opened.has(row)) this.fill(row, slot.firstChild);
    this.slots.set(row, slot);
    this.watcher.observe(slot);
    return slot;
  }

  drop(row) {
    const slot = this.slots.get(row);
    this.slots.delete(row);
    this.watcher.unobserve(slot);
    slot.remove();
  }

  place(row, slot) {
    const at = this.at.get(row);
    slot.style.top = this.places[at] + "px";
    slot.setAttribute("aria-posinset", String(at + 1));
    slot.setAttribute("aria-setsize", String(this.shown.length));
  }

  fill(row, card) {
    const want = this.opened.has(row);
    if (want && card.childElementCount === 1) card.append(...cardBody(row, JSON.parse(row.line), this.model, this.index));
    if (card.open !== want) card.open = want;
  }

  // -- the reader --

  click(event) {
    const line = event.target.closest("summary");
    if (!line || !line.parentElement.classList.contains("probe")) return;
    event.preventDefault(); // opened here, body and all, so that nothing is drawn twice
    const row = line.closest(".slot").row;
    this.open(row, !this.opened.has(row));
  }

  toggled(card) {
    if (card.classList.contains("probe") && card.isConnected) this.open(card.parentElement.row, card.open);
  }
}
