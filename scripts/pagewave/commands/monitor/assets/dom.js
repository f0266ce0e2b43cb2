// Making and changing what is on the page. Text only ever goes in as text: nothing here, or anywhere
// else, makes HTML of what a school is called or a model wrote (and the page's policy forbids it).

const SVG = "http://www.w3.org/2000/svg";

/** An element; `props` are attributes, and `on` its listeners by event; children are nodes or text. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Set a node's text, only if it changes: what somebody has selected stays selected. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Show a table in `place`; rows are lists of cells: text, a node, or null. A column named with ">"
 * in front is flush right, one with "=" is never broken over lines. Rows that are there already are
 * changed, not made anew.
 */
export function showTable(place, columns, rows, empty) {
  const kind = (name) => ({ ">": "right", "=": "whole" })[name[0]] ?? null;
  const title = (name) => name.replace(/^[>=]/, "");
  let table = place.querySelector("table");
  if (!table) {
    const heads = columns.map((name) => el("th", { class: kind(name), scope: "col" }, title(name)));
    table = el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody"));
    // Named and reached by Tab, so that it can be scrolled without a mouse.
    const name = place.closest("section, details")?.querySelector("h2, summary, h3")?.textContent ?? "";
    place.replaceChildren(
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table: ${name.trim()}` }, table),
      el("p", { class: "note" }));
  }
  table.parentElement.hidden = rows.length === 0;
  setText(place.querySelector("p"), rows.length ? "" : empty);
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) body.lastChild.remove();
  rows.forEach((cells, number) => {
    let row = body.rows[number];
    if (!row) {
      row = el("tr", {}, ...columns.map((name) => el("td", { class: kind(name), "data-label": title(name) })));
      body.append(row);
    }
    cells.forEach((cell, column) => {
      const place = row.cells[column];
      if (cell instanceof Node) {
        if (!place.firstChild?.isEqualNode?.(cell)) place.replaceChildren(cell);
      } else setText(place, cell === null || cell === undefined ? "" : String(cell));
    });
  });
}

/** A text to be taken along, with a button that does. */
export function copyable(text) {
  const code = el("code", {}, text);
  const button = el("button", { type: "button", on: { click: () => copy(text, code, button) } }, "Copy");
  return el("span", { class: "copy" }, code, button);
}

async function copy(text, code, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code); // Ctrl-C takes it
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

/** The shares of a bar that has an element for each; shares are [class, words, number]. */
export function showShares(bar, shares) {
  if (!bar.children.length) bar.append(...shares.map(([kind]) => el("i", { class: kind })));
  bar.setAttribute("aria-label", shares.map(([, words, count]) => `${number(count)} ${words}`).join(", "));
  shares.forEach(([, , count], place) => {
    bar.children[place].style.flexGrow = count;
    bar.children[place].hidden = count === 0;
  });
}

/** What stands in an address, as it was before it was put there. */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed it
  }
}

/** A link to a page. */
export function pageLink(key) {
  return el("a", { href: `#page=${encodeURIComponent(key)}` }, key);
}

/** JSON from the server; an error's message where it says no. */
export async function ask(path, parameters = {}) {
  const reply = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  const text = await reply.text();
  if (reply.ok) return JSON.parse(text);
  let problem = text;
  try {
    problem = JSON.parse(text).problem;
  } catch {
    // A refusal is plain text already.
  }
  throw new Error(problem);
}

// Words

export const number = (value) => value.toLocaleString("en");

export const dollars = (usd) => (usd === null ? "unknown" : usd.toFixed(4));

/** `1 page`, `2 pages`, `2 batches`. */
export const count = (many, one, more = `${one}s`) => `${number(many)} ${many === 1 ? one : more}`;

/** A span of time in its two largest units, such as `3 h 12 min`, as status.py has it. */
export function age(seconds) {
  let left = Math.max(0, Math.floor(seconds));
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let first = units.findIndex(([, size]) => left >= size);
  if (first < 0) first = units.length - 1;
  const parts = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || !parts.length) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}

/** Unix seconds as UTC, to the second. */
export function moment(seconds) {
  return seconds === null ? "" : `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
