"use strict";
// A page: which it is, the links to its neighbours, and what was read of it. The markup is that of
// `page_view.html.jinja`; what is told of a page, and the tables of its book, that of `room.py`.

const MOST_COLUMNS = 5;

/** How words are marked that somebody looks for; here none are. */
const UNMARKED = {
  lines: (text) => text.split("\n").map((line) => el("span", { className: "line" }, `${line}\n`)),
  words: (text) => [text],
};

/** A name of a field or a list, in words. */
const titleOf = (name) => {
  const text = name.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/**
 * Shows which page it is of those of its book, and links to the pages before and after it.
 * `addressOf` makes a link of a page's number; `label` is the number printed on it.
 */
function showTurn(number, numbers, addressOf, label = "") {
  const place = numbers.indexOf(number);
  byId("where").replaceChildren(
    `Page ${number}`,
    el("span", { className: "quiet" }, ` of ${numbers.at(-1)}`),
    label ? el("span", { className: "quiet" }, ` · printed ${label}`) : "",
  );
  for (const [id, other] of [
    ["previous", numbers[place - 1]],
    ["next", numbers[place + 1]],
  ]) {
    if (other === undefined) byId(id).removeAttribute("href");
    else byId(id).href = addressOf(other);
  }
}

/**
 * ← and → turn pages: `neighbour(step)` is the address of the page so many further (none: there is
 * none) from the one that is in the address now, which may not be shown yet.
 */
function turnByKeys(neighbour) {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    if (event.target.closest?.("input, textarea, select, pre, .scroll, #viewer:not([hidden])")) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const address = step && neighbour(step);
    if (!address) return;
    event.preventDefault();
    location.hash = address;
  });
}

/** Shows what was read of a page, and why some of it may be wrong. `mark`: as UNMARKED. */
function showContent(content, tables, mark = UNMARKED) {
  const isRead = content.missing === undefined && !content.waiting;
  const notes = [];
  if (content.waiting) notes.push(note("waiting", "Not read yet", ""));
  else if (!isRead) notes.push(note("missing", "Not read", content.missing));
  for (const [, meaning] of content.flags ?? []) notes.push(note("flag", "In doubt", meaning));
  if (content.corrected) notes.push(note("corrected", "Corrected", "A person put right what was read."));
  byId("notes").replaceChildren(...notes);
  const text = content.text ?? "";
  const nothing = el("span", { className: "quiet" }, isRead ? "No words on this page." : "No text.");
  byId("text").replaceChildren(...(text.trim() ? mark.lines(text) : [nothing]));
  const changed = new Set(content.changed ?? []);
  const lists = (content.lists ?? []).flatMap((rows, number) =>
    rows.length ? [listOf(tables[number + 1], rows, changed, mark)] : [],
  );
  byId("lists").replaceChildren(...lists);
  byId("text-title").replaceChildren(
    "Text",
    changed.size ? el("span", { className: "badge corrected" }, "corrected") : "",
  );
  showFacts(content, tables[0]?.columns ?? [], changed, mark);
}

function note(kind, name, what) {
  return el("p", { className: `note ${kind}` }, el("strong", {}, `${name}. `), what);
}

/** A list of the page: a table of the columns that hold anything here, or entries if it is wide. */
function listOf(schema, rows, changed, mark) {
  const columns = schema.columns.map((column, place) => ({ ...column, place }));
  const filled = columns.filter(({ place }) => rows.some((row) => wordsIn(row[place]) !== ""));
  const heading = `list-${schema.name}`;
  const name = el("h3", { id: heading, title: schema.meaning }, titleOf(schema.name));
  name.append(el("span", { className: "quiet" }, ` ${rows.length}`));
  const make = filled.length > MOST_COLUMNS ? entries : table;
  const content = make(filled, rows, changed, mark);
  content.setAttribute("aria-labelledby", heading);
  return el("section", { className: "list", "aria-labelledby": heading }, name, content);
}

function table(columns, rows, changed, mark) {
  const names = columns.map((c) => el("th", { scope: "col", title: c.meaning }, titleOf(c.name)));
  const lines = rows.map((row, number) =>
    el("tr", {}, columns.map((c) => corrected(el("td", {}), row[c.place], c, number, changed, mark))),
  );
  const inside = el("table", {}, el("thead", {}, el("tr", {}, names)), el("tbody", {}, lines));
  return el("div", { className: "scroll", tabIndex: 0, role: "region" }, inside);
}

/** Rows one below the other: the first field stands over the others. */
function entries([first, ...others], rows, changed, mark) {
  const items = rows.map((row, number) => {
    const pairs = others
      .filter((c) => wordsIn(row[c.place]) !== "")
      .map((c) => {
        const value = corrected(el("dd", {}), row[c.place], c, number, changed, mark);
        return el("div", {}, el("dt", { title: c.meaning }, titleOf(c.name)), value);
      });
    const head = corrected(el("h4", {}), row[first.place] ?? "—", first, number, changed, mark);
    return el("li", {}, head, pairs.length ? el("dl", {}, pairs) : null);
  });
  return el("ol", { className: "entries" }, items);
}

/** Puts a value into an element with the place of its field, and says where a person changed it. */
function corrected(element, value, column, number, changed, mark) {
  element.append(...mark.words(wordsIn(value)));
  if (column.field) element.dataset.field = column.field.replace("[]", `[${number}]`);
  if (isChanged(column, number, changed)) {
    element.className = "changed";
    element.title = "Corrected by a person";
    element.append(el("span", { className: "hidden" }, " (corrected)"));
  }
  return element;
}

/** Did a person change this field, of the row with this number? */
function isChanged(column, number, changed) {
  const place = column.field.replace("[]", `[${number}]`);
  const around = place.slice(0, place.indexOf("]") + 1);
  for (const each of changed) {
    if (each === place || each.startsWith(`${place}.`) || each.startsWith(`${place}[`) || (around && each === around)) {
      return true;
    }
  }
  return false;
}

/** A value in words: lists and objects without brackets. */
function wordsIn(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "string") return String(value);
  if (!/^[[{]/.test(value)) return value;
  try {
    return said(JSON.parse(value));
  } catch {
    return value;
  }
}

function said(value) {
  if (Array.isArray(value)) return value.map(said).filter(Boolean).join("; ");
  if (value && typeof value === "object") return Object.values(value).map(said).filter(Boolean).join(", ");
  return value === null ? "" : String(value);
}

/** All else: the page's further fields, and how it was read. */
function showFacts(content, columns, changed, mark) {
  const pairs = [];
  (content.fields ?? []).forEach((value, place) => {
    const column = columns[place];
    if (wordsIn(value) === "") return;
    pairs.push(
      el("dt", { title: column.meaning }, titleOf(column.name)),
      corrected(el("dd", {}), value, column, 0, changed, mark),
    );
  });
  const how = (content.about ?? []).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, when(value))]);
  byId("facts").replaceChildren(
    pairs.length ? el("dl", {}, pairs) : "",
    how.length ? el("h4", {}, "How it was read") : "",
    how.length ? el("dl", {}, how) : "",
  );
  byId("about").hidden = !pairs.length && !how.length;
}

/** A moment without its fractions of a second. */
const when = (value) => value.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, "$1 $2 UTC");
