"use strict";
// What is saved, and what is not yet: both are kept in this browser until the server has them on its
// disk, so that nothing typed is lost with a closed tab or a server that died.

const RETRY_MS = 2000;
const saving = { project: "", by: "", busy: false, timer: 0, onSaved: null, onRefused: null };
const tab = Math.random().toString(36).slice(2);
const unstored = new Map();
/* What the browser has no room for: it is sent all the same, and lives as long as the tab. */

// Each thing has an entry of its own: another tab may keep something at the same time.
const stored = (what) => `pagewave-review:${saving.project}:${what}:`;

/** What is kept of a kind, the oldest first, each with the name of its entry. */
function kept(what) {
  const names = [...Object.keys(localStorage), ...unstored.keys()].filter((name) => name.startsWith(stored(what)));
  return names.sort().map((name) => ({ ...JSON.parse(localStorage.getItem(name) ?? unstored.get(name)), name }));
}

function keep(name, { name: _, ...value }) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(name, text);
    unstored.delete(name);
  } catch {
    unstored.set(name, text);
  }
}

function drop(name) {
  localStorage.removeItem(name);
  unstored.delete(name);
}

/** From now on what is kept is that of this project. */
function beginSaving(project, by, onSaved, onRefused) {
  Object.assign(saving, { project, by, onSaved, onRefused });
  send();
}

let saves = 0;

/** Saves something: kept here first, then sent, again and again until the server answers. */
function save(ask) {
  const id = newId();
  keep(`${stored("outbox")}${Date.now()}-${String(saves++).padStart(6, "0")}-${id}`, { ...ask, id, tab });
  if (ask.draft) dropDraft(ask.draft);
  tellSaved();
  send();
}

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

async function send() {
  if (saving.busy) return;
  saving.busy = true;
  clearTimeout(saving.timer);
  try {
    for (let first; (first = kept("outbox")[0]); ) {
      const { tab: from, draft, name, ...ask } = first;
      let reply, answer;
      try {
        reply = await fetch("/save", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(ask) });
        answer = await reply.json().catch(() => ({}));
      } catch {
        return again("The server can't be reached.");
      }
      if (reply.status === 401 || reply.status === 403) return again("The server was started anew: open the address that it printed.");
      if (reply.status >= 500) return again(answer.problem ?? "The server can't save.");
      // What followed on this page saw what was saved just now.
      if (reply.ok) {
        const behind = kept("outbox").filter((each) => each.name !== name && each.key === ask.key && each.tab === from);
        for (const each of behind) keep(each.name, { ...each, base: answer.base });
        drop(name);
        saving.onSaved(ask, answer);
      } else {
        if (draft) keepDraft(draft);
        drop(name);
        saving.onRefused(ask, answer, draft);
      }
      tellSaved();
    }
  } finally {
    saving.busy = false;
  }
}

function again(why) {
  tellSaved(why);
  saving.timer = setTimeout(send, RETRY_MS);
}

function tellSaved(why = "") {
  const number = kept("outbox").length;
  byId("saved").dataset.is = why ? "lost" : number ? "saving" : "saved";
  byId("saved").textContent = why
    ? `${why} What you did (${number}) is kept in this browser, and sent as soon as that is possible.`
    : number ? "saving" : "all saved";
}

const nameOfDraft = ({ key, id }) => `${stored("draft")}${key}:${id}`;

/** What is typed and not saved yet: by page and place. */
function keepDraft(draft) {
  keep(nameOfDraft(draft), { ...draft, at: Date.now() });
}

function dropDraft(draft) {
  drop(nameOfDraft(draft));
}

/** Those of a page, the newest last. */
const draftsOf = (key) => kept("draft").filter((each) => each.key === key).sort((one, other) => one.at - other.at);

/** Is something of this page on its way? */
const isOnItsWay = (key) => kept("outbox").some((each) => each.key === key);

addEventListener("online", send);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && saving.onSaved && send());
