
// ---- cards.js: one card of the long list, the same as the template's cards ----

const MOST_BOXES = 9;

/** An element with a class, and text or children in it. */
function make(tag, name, ...inside) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...inside);
  return made;
}

/** Writes a coded text: DEL stands around words only here, U+0080 U+0081 U+0082 around a hidden character and its name. */
function write(into, coded) {
  let at = into;
  for (const part of coded.split(/(\x7f|\x80[^\x82]*\x82)/)) {
    if (part === "\x7f") {
      at = at === into ? into.appendChild(make("mark")) : into;
    } else if (part.startsWith("\x80")) {
      const [shown, name] = part.slice(1, -1).split("\x81");
      const token = make("span", "ctl", shown);
      token.title = name;
      at.append(token);
    } else if (part) {
      at.append(part);
    }
  }
  return into;
}

/** A coded text without its codes, to search in. */
const bare = (coded) => coded.replace(/[\x7f-\x82]/g, "");

function pre(coded) {
  const made = make("pre", "text");
  made.dir = "auto";
  return write(made, coded);
}

const small = (...inside) => make("p", "small", ...inside);
const number = (value) => value.toFixed(2).replace("-", "−");
const percent = (value) => Math.round(value * 100) + " %";

/** A line that can be opened. */
function inner(title, ...inside) {
  const made = make("details", "inner", make("summary", "", title));
  made.append(...inside);
  return made;
}

function named(label) {
  return make("bdi", "model", label);
}

/** What stands between an answer's name and its text. */
function meta(cell, near, isReference) {
  const made = make("p", "meta");
  const say = (text, name) => made.append(make("span", name || "", text), " ");
  if (isReference) say("reference");
  if ("right" in cell) say(cell.right ? "✓ right" : "✗ wrong", cell.right ? "yes" : "no");
  if (cell.status) say(cell.status, "status");
  if (cell.same) say("word for word the same");
  else if ("shared" in cell) say(percent(cell.shared) + " shared");
  if (near !== null && near !== undefined) say("similarity " + number(near));
  return made;
}

function sample(one) {
  const shared = one.same ? " · word for word the same" : "shared" in one ? " · " + percent(one.shared) + " shared" : "";
  return [make("p", "meta", "sample " + one.sample + " · " + (one.status || "ok") + shared), pre(one.text)];
}

/** One model's answer. */
function answer(cell, column, near, index) {
  const made = make("article", column === 0 ? "ans ref" : "ans", make("h4", "", named(index.columns[column])));
  made.append(meta(cell, near, column === 0));
  if (cell.reasoning) {
    const more = cell.reasoning.rest ? [small("… " + cell.reasoning.rest + " more characters")] : [];
    made.append(inner("Reasoning", pre(cell.reasoning.text), ...more));
  }
  if (cell.text) {
    made.append(pre(cell.text));
  } else if ("text" in cell || cell.status) {
    made.append(small("no text"));
  }
  if (cell.rest || !("text" in cell || cell.status)) {
    const link = make("a", "", index.files[column]);
    link.href = index.files[column];
    made.append(cell.rest ? small("… " + cell.rest + " more characters in ", link) : small("its text is in ", link));
  }
  if (cell.more) {
    const title = cell.more.length === 1 ? "1 more sample" : cell.more.length + " more samples";
    made.append(inner(title, ...cell.more.flatMap(sample)));
  }
  return made;
}

/** The models whose answers are shown: all, or the reference and one. */
function shownColumns(count, model) {
  return model ? [0, model] : Array.from({ length: count }, (_, at) => at);
}

function boxes(row, columns, names) {
  const made = make("span", "boxes");
  made.setAttribute("aria-hidden", "true");
  for (const column of columns.slice(1)) {
    const near = row.near[column];
    const box = make("i", near === null ? "none" : "q" + Math.min(8, Math.max(0, Math.floor(near * 9))));
    box.textContent = near === null ? "–" : number(near).replace("0.", ".");
    box.title = names[column];
    made.append(box);
  }
  return made;
}

/** A closed card: the line that stands for a probe. */
function closedCard(row, model, index) {
  const lead = make("h3", "lead", row.lead);
  lead.dir = "auto";
  const line = make("summary", "", lead, make("span", "small id", row.id + " · " + row.domain.replaceAll("_", " ")));
  const columns = shownColumns(index.columns.length, model);
  if (columns.length > 1 && columns.length <= MOST_BOXES) line.append(boxes(row, columns, index.columns));
  const made = make("details", "probe", line);
  made.id = "probe-" + row.number;
  return made;
}

/** What an open card has below its line. */
function cardBody(row, detail, model, index) {
  const ask = make("div", "ask", pre(detail.prompt));
  if (detail.rest) ask.append(small("… " + detail.rest + " more characters in the probe set"));
  if ("expected" in detail) ask.append(small("Right answer: ", make("b", "", detail.expected)));
  const columns = shownColumns(index.columns.length, model);
  const show = (at) => answer(detail.answers[at], at, row.near[at], index);
  const here = columns.filter((at) => model || index.texts.includes(at));
  const elsewhere = columns.filter((at) => !here.includes(at));
  const body = [ask, make("div", "cols", ...here.map(show))];
  if (elsewhere.length) {
    const title = elsewhere.length + (elsewhere.length === 1 ? " more model, its answer" : " more models, their answers") + " outside this file";
    body.push(inner(title, make("div", "cols", ...elsewhere.map(show))));
  }
  return body;
}
