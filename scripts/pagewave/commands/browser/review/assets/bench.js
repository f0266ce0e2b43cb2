"use strict";
// What is looked at now: its place on the scan, what it says, and what a person does with it.

const bench = { view: null, items: [], chosen: null, mode: "", goOn: null, undos: 0 };

const itemOf = (id) => bench.items.find((item) => item.id === id);
const elementOf = (id) => document.querySelector(`[data-id="${CSS.escape(id)}"]`);

/** Takes a page onto the bench. `goOn` is called where no doubt is left on it. */
function layOut(view, items, goOn) {
  Object.assign(bench, { view, items, goOn });
  if (bench.undos && !isOnItsWay(view.key)) {
    bench.undos -= 1;
    undo();
  }
  const chosen = bench.chosen && itemOf(bench.chosen);
  if (chosen && bench.mode) return; // something is being typed
  bench.chosen = null;
  if (chosen) choose(chosen.id);
  else describe();
}

/** Something is looked at from now on. */
function choose(id) {
  if (bench.chosen === id && !bench.mode) return describe();
  leaveInput();
  if (bench.chosen) mark(bench.chosen, false);
  bench.chosen = id;
  mark(id, true);
  describe();
  const item = itemOf(id);
  if (item) bringIntoSight(item.box ?? boxBeside(item), !item.box);
}

/** The place of the word nearest to one that has none. */
function boxBeside(item) {
  const here = bench.items.indexOf(item);
  const far = (other) => Math.abs(bench.items.indexOf(other) - here);
  const placed = item.what === "word" ? bench.items.filter((each) => each.what === "word" && each.box) : [];
  return placed.reduce((near, each) => (near && far(near) <= far(each) ? near : each), null)?.box ?? null;
}

function mark(id, on) {
  elementOf(id)?.classList.toggle("chosen", on);
  scan.boxes.get(id)?.classList.toggle("chosen", on);
}

function describe() {
  const item = itemOf(bench.chosen);
  if (!item) byId("crop").toggleAttribute("hidden", true);
  const left = bench.items.filter((each) => each.isOpen).length;
  byId("what").textContent = item ? item.about : left ? `${left} in doubt on this page.` : "Nothing in doubt is left on this page.";
  const word = item?.word;
  const canTake = Boolean(word) && word.seen && word.seen !== word.text && word.state !== "gone";
  byId("take").hidden = !canTake;
  byId("eye").textContent = canTake ? word.seen : "";
  byId("confirm").hidden = !item || item.what === "field" || !item.isOpen;
  byId("confirm").firstChild.data = item?.what === "finding" ? "Looked at " : word?.eye ? "Rightly left out " : "It is right ";
  byId("line").hidden = !word;
  byId("save").hidden = !item || item.what === "finding";
  byId("undo").hidden = !bench.view?.done.some((each) => each.by === saving.by);
  byId("now").disabled = !item || item.what === "finding";
  if (!bench.mode) showInput(item ? item.text : "", "The word as it is printed", false);
  const draft = item && draftsOf(bench.view.key).find((each) => each.id === item.id || each.id === `line-${item.line}`);
  if (draft && !bench.mode && item.what !== "finding") {
    byId("what").textContent += ` Typed and not saved: “${draft.typed}”. Enter goes on with it.`;
  }
}

function showInput(text, label, isLong) {
  const input = byId("now");
  input.value = text;
  input.rows = isLong ? Math.min(6, text.split("\n").length + 1) : 1;
  byId("now-label").textContent = label;
}

/** Type over what is chosen: `mode` is `word`, `line` or `field`. */
function edit(mode) {
  const item = itemOf(bench.chosen);
  if (!item || item.what === "finding") return;
  bench.mode = mode ?? item.what;
  const was = bench.mode === "line" ? bench.view.lines[item.line].text : item.text;
  const id = bench.mode === "line" ? `line-${item.line}` : item.id;
  const draft = draftsOf(bench.view.key).find((each) => each.id === id);
  const label = { word: "The word as it is printed", line: "The line as it is printed", field: item.about }[bench.mode];
  showInput(draft?.typed ?? was, label, bench.mode === "field" && Array.isArray(item.value));
  bench.draft = { key: bench.view.key, id, was, mode: bench.mode, from: item.id };
  byId("now").focus();
  byId("now").select();
}

/** Back to the text; what was typed is kept. */
function leaveInput() {
  bench.mode = "";
  bench.draft = null;
}

/** Saves what was typed, and goes on. */
function saveTyped() {
  const item = itemOf(bench.chosen);
  const typed = byId("now").value;
  if (!item || !bench.mode) return edit();
  const { view, draft, mode } = bench;
  tell("");
  const base = { key: view.key, base: view.base, draft: { ...draft, typed } };
  if (mode === "field") {
    let now;
    try {
      now = valueOf(typed, item.value);
    } catch (error) {
      tell(`This field wants JSON: ${error.message}.`);
      return;
    }
    if (typed !== item.text) save({ ...base, do: "field", field: item.field, was: item.value, now });
    else dropDraft(draft);
  } else if (mode === "line") {
    save({ ...base, do: "line", number: item.line, was: draft.was, now: typed });
  } else if (typed.trim() === item.text) {
    dropDraft(draft);
    if (item.isOpen) return confirmChosen();
  } else {
    save({ ...base, do: "word", number: item.n, was: item.text, now: typed });
  }
  leaveInput();
  if (mode === "field") return focusOn(item.id);
  focusOn(item.id); // keys are keys again, also where no doubt follows
  settle(mode === "line" ? bench.items.filter((each) => each.line === item.line) : [item]);
  nextDoubt(1);
}

function confirmChosen() {
  const item = itemOf(bench.chosen);
  if (!item || item.what === "field" || !item.isOpen) return;
  leaveInput();
  tell("");
  dropDraft({ key: bench.view.key, id: item.id }); // it is right as it stands: what was typed for it is not wanted
  save({ key: bench.view.key, base: bench.view.base, do: "confirm", number: item.n, is_finding: item.what === "finding", was: item.text });
  settle([item]);
  nextDoubt(1);
}

/** What is on its way counts as looked at. */
function settle(items) {
  for (const item of items) {
    item.isOpen = false;
    elementOf(item.id)?.classList.add("saving");
  }
}

function takeSeen() {
  if (byId("take").hidden) return;
  const seen = byId("eye").textContent;
  edit("word");
  byId("now").value = seen;
  saveTyped();
}

function undo() {
  const last = bench.view?.done.findLast((each) => each.by === saving.by); // what others did is theirs
  if (bench.view && isOnItsWay(bench.view.key)) bench.undos += 1; // it has to be known first
  if (!last || isOnItsWay(bench.view.key)) return;
  leaveInput();
  save({ key: bench.view.key, base: bench.view.base, do: "undo", undoes: last.id });
  if (bench.chosen) elementOf(bench.chosen)?.focus();
}

/** Goes to the next (1) or previous (-1) doubt from here, around the page's end. */
function nextDoubt(step) {
  const open = bench.items.filter((item) => item.isOpen);
  if (!open.length) {
    describe();
    return step > 0 ? bench.goOn(false) : undefined;
  }
  const here = bench.items.findIndex((item) => item.id === bench.chosen);
  const order = step > 0 ? open : [...open].reverse();
  const next = order.find((item) => (bench.items.indexOf(item) - here) * step > 0) ?? order[0];
  focusOn(next.id);
}

function focusOn(id) {
  const element = elementOf(id);
  if (!element) return;
  element.focus({ preventScroll: true });
  if (bench.chosen !== id) choose(id); // no event tells of it while the window is behind another
  element.scrollIntoView({ block: "center", behavior: "instant" });
}

/** The next word, or field, whatever is thought of it. */
function step(what, by) {
  const all = bench.items.filter((item) => item.what === what);
  const here = all.findIndex((item) => item.id === bench.chosen);
  const next = all[here < 0 && by < 0 ? all.length - 1 : here + by];
  if (!next) return;
  elementOf(next.id)?.closest("details")?.setAttribute("open", "");
  focusOn(next.id);
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  saveTyped();
});
byId("now").addEventListener("focus", () => !bench.mode && bench.chosen && edit());
byId("now").addEventListener("input", () => bench.draft && keepDraft({ ...bench.draft, typed: byId("now").value }));
byId("now").addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && !(event.shiftKey && bench.mode === "field")) {
    event.preventDefault();
    saveTyped();
  } else if (event.key === "Escape") {
    event.preventDefault();
    leaveInput();
    if (bench.chosen) focusOn(bench.chosen);
    describe();
  }
});
for (const [id, act] of Object.entries({ confirm: confirmChosen, take: takeSeen, line: () => edit("line"), undo, onward: () => nextDoubt(1), turn: () => bench.goOn(true) })) {
  byId(id).addEventListener("click", act);
}

const KEYS = {
  n: () => nextDoubt(1), p: () => nextDoubt(-1), c: confirmChosen, t: takeSeen, e: () => edit(), l: () => edit("line"),
  f: () => step("field", 1), u: undo, "]": () => bench.goOn(true), "[": () => bench.goOn(true, -1),
  ArrowRight: () => step("word", 1), ArrowLeft: () => step("word", -1), Enter: () => edit(),
};
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || byId("page").hidden) return;
  const at = event.target;
  if (at.closest?.("input, textarea, select, .scroll:focus")) return;
  // Links and buttons keep what they do by themselves.
  if (event.key === "Enter" && !at.closest?.("[data-id]")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
