// Failures that pass the filters, and dead letters with the command that clears them.

import { ask, byId, copyable, count, el, moment, number, pageLink, setText, showTable } from "./dom.js";

const PAUSE_MS = 250;
const filters = byId("filters");
let asked = 0;
let timer = 0;

filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(showFailures, PAUSE_MS);
});

/** Ask for failures as the filters say, and show them. */
export async function showFailures() {
  const mine = ++asked;
  let found;
  try {
    found = await ask("/failures", new FormData(filters));
  } catch (error) {
    setText(byId("failure-total"), error.message);
    return;
  }
  if (mine !== asked) return; // a later question is on its way
  showChoices(found);
  const shown = found.failures.length;
  const healed = filters.elements.cleared.checked ? ", those that healed too" : " that nothing has healed yet";
  const more = found.total > shown ? `; the newest ${shown} are shown` : "";
  setText(byId("failure-total"), `${count(found.total, "failure")}${healed}${more}.`);
  showTable(
    byId("failure-list"),
    ["when", "=page", "error type", "message", "counts against", "healed"],
    found.failures.map((failure) => [
      moment(failure.created_at), pageLink(failure.key), failure.error_type, failure.message,
      failure.counted ? "the page" : "its batch", moment(failure.cleared_at),
    ]),
    "None.");
  showDeadLetters(found.dead_letters);
}

function showChoices({ kinds, books }) {
  const select = filters.elements.error_type;
  const chosen = select.value;
  select.replaceChildren(
    el("option", { value: "" }, "all"),
    ...Object.entries(kinds).map(([name, count]) => el("option", { value: name }, `${name} (${number(count)})`)));
  select.value = chosen in kinds ? chosen : "";
  byId("books-that-failed").replaceChildren(...books.map((book) => el("option", { value: book })));
}

function showDeadLetters({ total, letters, clear_all: clearAll, then }) {
  setText(byId("dead-count"), total ? `(${number(total)})` : "");
  const place = byId("dead-letters");
  if (!total) {
    place.replaceChildren(el("p", { class: "note" }, "None."));
    return;
  }
  const table = el("div");
  showTable(
    table,
    ["=page", ">failures", "why", "try it again"],
    letters.map((letter) => [
      pageLink(letter.key), letter.failures + letter.failures_of_batches,
      `${letter.error_type}: ${letter.message}`, copyable(letter.command),
    ]));
  place.replaceChildren(
    el("p", {}, "Let all of them be tried again, and read on: ", el("br"), copyable(clearAll), el("br"), copyable(then)),
    table,
    letters.length < total ? el("p", { class: "note" }, `${number(total - letters.length)} more.`) : "");
}
