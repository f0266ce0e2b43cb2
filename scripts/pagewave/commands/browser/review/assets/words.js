"use strict";
// The text of a page, word by word; which of them are in doubt, and the order in which they are met.

const DEGREES = [0.5, 0.25];
const KIND_SAID = {
  "left out": "Stands on the page and is not in the text",
  invented: "Stands in the text and not on the page",
  "past the leaf": "The text goes on with what stands on another page",
  "wrong page": "This is the text of another page",
  doubled: "Is there twice",
};

/** All that can be chosen on a page, in order: findings, words, fields. */
function itemsOf(view) {
  const findings = view.findings.map((finding, n) => ({
    id: `finding-${n}`, what: "finding", n, text: finding.text, box: finding.box, isOpen: !finding.said,
    kind: finding.said ? "confirmed" : "finding",
    about: `${KIND_SAID[finding.kind] ?? finding.kind}${finding.other ? ` (${finding.other})` : ""}.`,
  }));
  const words = view.lines.flatMap((line, n) => line.words.map((word) => ({
    id: `word-${word.n}`, what: "word", n: word.n, line: n, text: word.text, box: word.box, word,
    isOpen: word.state === "doubt", kind: kindOf(word), about: aboutWord(word),
  })));
  return [...findings, ...words];
}

function kindOf(word) {
  if (word.state !== "doubt") return [word.state || "plain", word.eye ? "eye" : ""].join(" ").trim();
  const degree = DEGREES.findIndex((least) => word.doubt >= least);
  return `doubt doubt-${degree < 0 ? 3 : degree + 1}${word.eye ? " eye" : ""}`;
}

function aboutWord(word) {
  const seen = word.seen !== null && word.seen !== word.text ? ` The engine read “${word.seen}”.` : "";
  if (word.state === "corrected") return `Corrected by a person; it was “${word.was}”.`;
  if (word.state === "confirmed") return "A person said that it is right.";
  if (word.state === "gone") return "Taken out by a person.";
  const share = `Of such words ${Math.round(100 * word.doubt)} in 100 are wrong.`;
  if (word.eye) return `Only the engine saw this, it is not in the text. ${share}`;
  return word.seen === null && word.box === null ? `The engine saw it nowhere on the page. ${share}` : `${share}${seen}`;
}

/** The lines of the text, as elements. */
function linesOf(view, choose) {
  return view.lines.map((line) => {
    const words = line.words.flatMap((word) => [wordElement(word, choose), " "]);
    return el("span", { className: "line" }, words, "\n");
  });
}

function wordElement(word, choose) {
  const id = `word-${word.n}`;
  const said = { doubt: " (in doubt)", corrected: " (corrected)", confirmed: " (looked at)", gone: " (taken out)" }[word.state];
  const made = el("span", { role: "button", tabIndex: word.state === "doubt" ? 0 : -1, className: `word ${kindOf(word)}` },
    word.state === "gone" ? word.was : word.text, said ? el("span", { className: "hidden" }, said) : "");
  made.dataset.id = id;
  made.addEventListener("focus", () => choose(id));
  made.addEventListener("pointerenter", () => light(id, true));
  made.addEventListener("pointerleave", () => light(id, false));
  return made;
}

/** Notes of what is wrong with the page as a whole, or at a place. */
function findingNotes(items, choose) {
  return items.filter((item) => item.what === "finding").map((item) => {
    const made = el("button", { type: "button", className: `finding ${item.kind}` },
      el("strong", {}, item.about), " ", item.text, item.isOpen ? "" : el("span", { className: "hidden" }, " (looked at)"));
    made.dataset.id = item.id;
    made.addEventListener("focus", () => choose(item.id));
    made.addEventListener("pointerenter", () => light(item.id, true));
    made.addEventListener("pointerleave", () => light(item.id, false));
    return made;
  });
}

/** Makes the fields of the page's lists and facts such as can be chosen; their items. */
function fieldItems(view, choose) {
  return [...document.querySelectorAll("#lists [data-field], #facts [data-field]")].flatMap((element) => {
    const value = valueAt(view.page, element.dataset.field);
    if (value === undefined) return [];
    const id = `field-${element.dataset.field}`;
    element.dataset.id = id;
    element.tabIndex = 0;
    element.classList.add("field");
    element.addEventListener("focus", () => choose(id));
    return [{ id, what: "field", field: element.dataset.field, value, text: typedOf(value), box: null, isOpen: false, kind: "field", about: `${titleOf(element.dataset.field.split(".").at(-1))} (${element.dataset.field})` }];
  });
}

function valueAt(page, field) {
  return field.match(/[^.[\]]+/g)?.reduce((value, name) => value?.[name], page);
}

const isTexts = (value) => Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");

/** A value as it is typed: texts as they are, lists of texts one a line, all else as JSON. */
function typedOf(value) {
  if (value === null) return "";
  if (typeof value === "string") return value;
  return isTexts(value) ? value.join("\n") : JSON.stringify(value);
}

/** The value that was typed for one that was; throws SyntaxError where it is none. */
function valueOf(typed, was) {
  if (was === null || typeof was === "string") return typed;
  if (isTexts(was)) return typed.split("\n").map((line) => line.trim()).filter(Boolean);
  return JSON.parse(typed);
}
