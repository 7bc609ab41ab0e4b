// Filters, sorts and remembers: the only things on this page that need a script. Text goes in by textContent alone.
"use strict";
(function () {
  const controls = document.getElementById("controls");
  const list = document.getElementById("cards");
  const cards = Array.from(list.querySelectorAll(".probe"));
  const fields = ["text", "domain", "status", "agree", "sort"];
  const field = (name) => document.getElementById("f-" + name);
  const words = new Map();

  function haystack(card) {
    if (!words.has(card)) words.set(card, card.textContent.toLowerCase());
    return words.get(card);
  }

  function matches(card, want) {
    if (want.domain && card.dataset.domain !== want.domain) return false;
    if (want.status && !card.dataset.status.split(" ").includes(want.status)) return false;
    if (want.agree && !card.dataset.agree.split(" ").includes(want.agree)) return false;
    return !want.text || haystack(card).includes(want.text.toLowerCase());
  }

  function order(sort) {
    const parts = /^(most|least)-(\d+)$/.exec(sort);
    if (!parts) return cards;
    const sign = parts[1] === "most" ? -1 : 1;
    const value = (card) => {
      const text = card.dataset.near.split("|")[Number(parts[2])];
      return text ? Number(text) : null;
    };
    return cards.slice().sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x - y);
    });
  }

  function wanted() {
    return Object.fromEntries(fields.map((name) => [name, field(name).value]));
  }

  function apply(remember) {
    const want = wanted();
    let shown = 0;
    for (const card of cards) {
      card.hidden = !matches(card, want);
      if (!card.hidden) shown += 1;
    }
    list.append(...order(want.sort));
    document.getElementById("count").textContent = shown + " of " + cards.length + " probes shown";
    if (!remember) return;
    const state = new URLSearchParams(Object.entries(want).filter((pair) => pair[1]));
    const hash = String(state) ? "#answers?" + state : "#answers";
    history.replaceState(null, "", hash);
  }

  function restore() {
    const found = /^#answers\?(.*)$/.exec(location.hash);
    if (found) {
      const state = new URLSearchParams(found[1]);
      for (const name of fields) {
        field(name).value = state.get(name) || "";
        if (field(name).selectedIndex === -1) field(name).value = "";
      }
    }
    apply(false);
    if (found) document.getElementById("answers").scrollIntoView();
  }

  function reveal() {
    const target = /^#[\w-]+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  }

  function step(by) {
    const shown = Array.from(list.children).filter((card) => !card.hidden);
    const at = shown.findIndex((card) => card.contains(document.activeElement));
    const next = shown[Math.min(shown.length - 1, Math.max(0, at + by))];
    if (next) next.querySelector("summary").focus();
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/") {
      event.preventDefault();
      field("text").focus();
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if (event.key === "o") {
      const card = document.activeElement.closest && document.activeElement.closest(".probe");
      if (card) card.open = !card.open;
    }
  }

  let waiting = 0;
  controls.hidden = cards.length === 0;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("change", () => apply(true));
  controls.addEventListener("reset", () => setTimeout(() => apply(true), 0));
  field("text").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => apply(true), 150);
  });
  document.getElementById("b-open").addEventListener("click", () => cards.forEach((card) => { card.open = !card.hidden; }));
  document.getElementById("b-shut").addEventListener("click", () => cards.forEach((card) => { card.open = false; }));
  document.addEventListener("keydown", keys);
  window.addEventListener("hashchange", () => { restore(); reveal(); });
  restore();
  reveal();
})();
