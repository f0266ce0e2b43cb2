"use strict";
// What is saved, and what is not yet: both are kept in this browser until the server has them on its
// disk, so that nothing typed is lost with a closed tab or a server that died.

const RETRY_MS = 2000;
const saving = { project: "", base: new Map(), busy: false, timer: 0, onSaved: null, onRefused: null };
const tab = Math.random().toString(36).slice(2);

const stored = (what) => `pagewave-review:${saving.project}:${what}`;
const kept = (what) => JSON.parse(localStorage.getItem(stored(what)) ?? "[]");
const keep = (what, list) => localStorage.setItem(stored(what), JSON.stringify(list));

/** From now on what is kept is that of this project. */
function beginSaving(project, onSaved, onRefused) {
  Object.assign(saving, { project, onSaved, onRefused });
  send();
}

/** Saves something: kept here first, then sent, again and again until the server answers. */
function save(ask) {
  keep("outbox", [...kept("outbox"), { ...ask, id: newId(), tab }]);
  dropDraft(ask.key, ask.draft);
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
      const { tab: from, draft, ...ask } = first;
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
      const rest = kept("outbox").filter((each) => each.id !== first.id);
      if (reply.ok) {
        for (const each of rest) if (each.key === ask.key && each.tab === from) each.base = answer.base;
        keep("outbox", rest);
        saving.onSaved(ask, answer);
      } else {
        keep("outbox", rest);
        if (draft) keepDraft(draft);
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

/** What is typed and not saved yet: by page and place. */
function keepDraft(draft) {
  keep("drafts", [...kept("drafts").filter((each) => each.key !== draft.key || each.id !== draft.id), draft]);
}

function dropDraft(key, draft) {
  if (draft) keep("drafts", kept("drafts").filter((each) => each.key !== key || each.id !== draft.id));
}

const draftsOf = (key) => kept("drafts").filter((each) => each.key === key);

/** Is something of this page on its way? */
const isOnItsWay = (key) => kept("outbox").some((each) => each.key === key);

addEventListener("online", send);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && saving.onSaved && send());
