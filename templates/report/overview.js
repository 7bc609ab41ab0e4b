
// ---- overview.js: a click on a head of the table of all pairs sorts it ----

/** What a cell is sorted by: the value it carries, else its words; a cell without a value comes last. */
function sortKey(row, column, kind) {
  const cell = row.cells[column];
  if (kind === "text") return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function sortOverview(head, table) {
  const column = head.cellIndex, kind = head.dataset.sort;
  // Numbers come greatest first; names and verdicts, which have an order of their own, as they are.
  const first = kind === "number" ? "descending" : "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const want = head.getAttribute("aria-sort") === first ? other : first;
  for (const one of head.parentElement.cells) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", want);
  const sign = want === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [sortKey(row, column, kind), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (kind === "text" ? a.localeCompare(b) : a - b);
  });
  body.append(...rows.map(([, row]) => row));
}

for (const head of document.querySelectorAll("#overview th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => sortOverview(head, head.closest("table")));
}
