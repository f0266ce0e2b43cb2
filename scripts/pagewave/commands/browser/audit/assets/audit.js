"use strict";
// One line after the other: what a person says of it is on the server's disk before the next comes.

const audit = { lines: [], answers: [], undo: null, figures: null, command: "", at: 0, mode: "" };

const isJudged = (n) => Boolean(audit.answers[n]?.some((cell) => cell !== ""));
const firstOpen = () => audit.lines.findIndex((_, n) => !isJudged(n));
const isBusy = () => audit.lines.some((line) => isOnItsWay(line.name));
const here = () => audit.lines[audit.at];
const pictureOf = (line) => `/picture?line=${encodeURIComponent(line.name)}`;

function tell(what) {
  byId("problem").textContent = what;
  byId("problem").hidden = !what;
}

/** Takes what the server says of all lines. */
function take({ answers, undo, figures = null, command = "", problem = "" }) {
  Object.assign(audit, { answers, undo, figures, command });
  const judged = answers.filter((_, n) => isJudged(n)).length;
  byId("far").max = answers.length;
  byId("far").value = judged;
  if (figures && problem) tell(problem);
}

/** Shows a line, or what follows where there is none. */
function show(at) {
  audit.at = at;
  const isDone = at < 0 || at >= audit.lines.length;
  byId("line").hidden = isDone;
  byId("done").hidden = !isDone;
  if (isDone) return showDone();
  const line = here();
  byId("where").textContent = `Line ${at + 1} of ${audit.lines.length}`;
  byId("place").textContent = `${line.page.split(":").slice(0, -1).join(" · ")} · page ${line.page.split(":").at(-1)}`;
  if (byId("picture").dataset.line !== line.name) {
    byId("picture").dataset.line = line.name;
    byId("picture").src = pictureOf(line);
    byId("scan").scrollTo(0, 0);
  }
  byId("picture").alt = line.has_place ? "The line, in a frame" : "The page";
  byId("about").textContent = line.has_place ? "" : "No place was found for it: it stands somewhere on this page, or nowhere.";
  byId("about").hidden = line.has_place;
  byId("read").replaceChildren(line.text || el("span", { className: "quiet" }, "Nothing was read of this page."));
  byId("next").textContent = line.next ? `The next line that was read: ${line.next}` : "It is the last line that was read of this page.";
  const above = line.is_first ? " or above this one" : "";
  const until = line.next ? "between this line and the next" : "below this line";
  byId("left-out-label").textContent = `Lines printed ${until}${above} that were not read, if any; Enter goes back, Shift Enter begins another line`;
  byId("said").textContent = isJudged(at) ? said(audit.answers[at]) : "";
  byId("said").hidden = !isJudged(at);
  const draft = draftsOf(line.name).at(-1);
  byId("left-out").value = draft?.left_out ?? audit.answers[at][2];
  byId("printed").value = draft?.printed ?? (audit.answers[at][1] || line.text);
  setMode("");
  byId("where").focus();
  if (draft?.printed) tell(`You typed “${draft.printed}”, which is not saved. Enter goes on with it.`);
  const after = audit.lines.find((_, n) => n > at && !isJudged(n));
  if (after) new Image().src = pictureOf(after);
}

function said([verdict, printed, left_out]) {
  const what = verdict || (printed ? "wrong" : "right");
  return `Judged: ${what}${printed ? `, printed is “${printed}”` : ""}${left_out ? `; left out: “${left_out}”` : ""}. Say it again to change it.`;
}

/** Which text is typed now: `printed`, `left-out`, or none. */
function setMode(mode) {
  audit.mode = mode;
  byId("typing-printed").hidden = mode !== "printed";
  byId("typing-left-out").hidden = mode !== "left-out" && !byId("left-out").value.trim();
  byId("save").hidden = mode !== "printed";
  const busy = isBusy();
  for (const id of ["right", "wrong", "made-up", "unreadable", "lost", "undo", "back", "onward"]) byId(id).disabled = busy;
  byId("undo").hidden = !audit.undo;
  byId("undo-last").hidden = !audit.undo;
  byId("back").hidden = audit.at === 0;
  byId("onward").hidden = !isJudged(audit.at);
  if (mode) byId(mode).focus();
}

function showDone() {
  byId("where").textContent = `All ${audit.lines.length} lines are judged`;
  byId("place").textContent = "";
  byId("undo-last").hidden = !audit.undo;
  const rows = (audit.figures ?? []).map((each) => el("tr", {}, el("th", { scope: "row" }, each.name),
    [each.value, each.interval, String(each.judged), each.meaning].map((cell) => el("td", {}, cell))));
  byId("figures").tBodies[0].replaceChildren(...rows);
  byId("figures").hidden = !rows.length;
  byId("command").textContent = audit.command;
  byId("where").focus();
}

/** Keeps what is typed, until it is saved. */
function keepTyped() {
  const line = here();
  const printed = byId("printed").value;
  keepDraft({ key: line.name, id: "typed", printed: printed === (audit.answers[audit.at][1] || line.text) ? undefined : printed, left_out: byId("left-out").value });
}

function answer(verdict, printed = "") {
  if (isBusy()) return;
  tell("");
  const [left_out, line] = [byId("left-out").value.trim(), here()];
  const draft = { key: line.name, id: "typed", printed: printed || undefined, left_out };
  save({ key: line.name, base: audit.answers[audit.at], do: "answer", verdict, printed, left_out, draft });
  setMode("");
  byId("where").focus();
}

function saveTyped() {
  const printed = byId("printed").value.trim();
  if (!printed) return tell("Type what is printed. Where nothing like it is printed, go back (Esc) and say that it is made up.");
  if (printed === here().text) answer("right");
  else answer("wrong", printed);
}

function undo() {
  if (!audit.undo || isBusy()) return;
  tell("");
  const { id, line } = audit.undo;
  const at = audit.lines.findIndex((each) => each.name === line);
  save({ key: line, base: audit.answers[at], do: "undo", undoes: id });
  setMode("");
}

/** Looks at another line, as far as they are judged. */
function step(by) {
  if (isBusy()) return;
  const at = audit.at < 0 ? audit.lines.length : audit.at;
  const next = at + by;
  if (next < 0 || (by > 0 && !isJudged(at))) return;
  tell("");
  show(next >= audit.lines.length ? firstOpen() : next);
}

function saved(ask, reply) {
  take(reply);
  if (isBusy()) return; // more was on its way
  const at = audit.lines.findIndex((line) => line.name === ask.key);
  show(ask.do === "undo" ? at : firstOpen());
}

function refused(ask, reply, draft) {
  if (reply.answers) take(reply);
  const at = audit.lines.findIndex((line) => line.name === ask.key);
  if (at >= 0) show(at);
  const typed = draft?.printed || draft?.left_out;
  tell(`Not saved. ${reply.problem ?? ""}${typed ? ` What you typed is kept: “${typed}”.` : ""}`);
}

async function begin() {
  try {
    const reply = await fetch("/lines");
    const told = await reply.json().catch(() => ({}));
    if (!reply.ok) throw new Error(told.problem ?? "Open the address that the server printed, with its token.");
    audit.lines = told.lines;
    byId("by").textContent = `as ${told.by}`;
    byId("file").textContent = told.file;
    byId("enough").textContent = `what is judged up to there is a sample too, of ${told.needed} lines at least.`;
    take(told);
    beginSaving(`audit:${told.folder}`, told.by, saved, refused);
    if (!isBusy()) show(firstOpen());
    else byId("where").textContent = "What you did is being saved";
  } catch (error) {
    tell(error instanceof TypeError ? "The server can't be reached." : error.message);
  }
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (audit.mode === "printed") saveTyped();
});
for (const id of ["printed", "left-out"]) {
  byId(id).addEventListener("input", keepTyped);
  byId(id).addEventListener("focus", () => audit.mode !== id && setMode(id));
  byId(id).addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isBack = event.key === "Escape" || (event.key === "Enter" && id === "left-out" && !event.shiftKey);
    if (!isBack && event.key !== "Enter") return;
    if (!isBack && id === "left-out") return;
    event.preventDefault();
    if (!isBack) return saveTyped();
    setMode("");
    byId("where").focus();
  });
}
byId("picture").addEventListener("error", async () => {
  const line = here();
  const reply = await fetch(pictureOf(line)).catch(() => null);
  const answered = reply && !reply.ok ? await reply.json().catch(() => ({})) : {};
  if (line === here() && answered.problem) tell(answered.problem);
});

const KEYS = {
  r: () => answer("right"), m: () => answer("made up"), x: () => answer("unreadable"),
  e: () => !isBusy() && setMode("printed"), Enter: () => !isBusy() && setMode("printed"), l: () => !isBusy() && setMode("left-out"),
};
const ANYWHERE = { u: undo, ArrowLeft: () => step(-1), ArrowRight: () => step(1) };
const BUTTONS = { right: KEYS.r, wrong: KEYS.e, "made-up": KEYS.m, unreadable: KEYS.x, lost: KEYS.l, undo, back: ANYWHERE.ArrowLeft, onward: ANYWHERE.ArrowRight, "undo-last": undo, "look-back": ANYWHERE.ArrowLeft };
for (const [id, act] of Object.entries(BUTTONS)) byId(id).addEventListener("click", act);
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || event.repeat) return;
  const at = event.target;
  if (at.closest?.("textarea") || !audit.lines.length) return;
  if (event.key === "Enter" && at.closest?.("button, summary, a")) return; // these do what they say
  if (at.closest?.("#scan") && event.key.startsWith("Arrow")) return; // the scan is moved
  const act = ANYWHERE[event.key] ?? (byId("line").hidden ? null : KEYS[event.key]);
  if (!act) return;
  event.preventDefault();
  act();
});
begin();
