// A page: its scan beside what was read of it, the pages before and after it, and how it was read.

import { ask, byId, copyable, decoded, dollars, el, moment, number } from "./dom.js";
import { findPage } from "./shelf.js";

/* global showContent, showTurn, turnByKeys -- of page-view.js, which the reading room has too */

const PAUSE_MS = 200;
const form = byId("find");
const input = form.elements.key;
let asked = 0;
let timer = 0;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const key = input.value.trim();
  if (key) location.hash = `page=${encodeURIComponent(key)}`;
});
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(offerKeys, PAUSE_MS);
});
turnByKeys((step) => {
  if (byId("page").hidden) return null;
  const key = decoded(location.hash.slice("#page=".length));
  const found = findPage(key);
  const other = found?.book.pages[found.place + step];
  return other === undefined ? null : `#page=${encodeURIComponent(found.key(other))}`;
});

async function offerKeys() {
  const keys = await ask("/keys", { text: input.value });
  byId("keys").replaceChildren(...keys.map((key) => el("option", { value: key })));
}

/** Ask for a page and show it. */
export async function showPage(key) {
  const mine = ++asked;
  showPlace(key);
  let page;
  try {
    page = await ask("/page", { key });
  } catch (error) {
    showContent({ missing: error.message }, []);
    return;
  }
  if (mine !== asked) return;
  byId("scan").replaceChildren(...picture(page));
  showReading(page);
  const attempts = page.attempts.map((attempt) => entry(attempt, page.image)).reverse();
  const others = page.other_failures.map((failure) =>
    el("article", { class: "attempt bad" }, el("h3", {}, `${moment(failure.created_at)}: was not sent`), ...told(failure)));
  const nothing = attempts.length + others.length ? null : el("p", { class: "note" }, "Nothing happened to this page yet.");
  if (!page.reading && attempts.length) attempts[0].open = true;
  byId("history").replaceChildren(el("p", {}, copyable(page.key)), ...[nothing, ...attempts, ...others].filter(Boolean));
}

/** Which page of which book it is, and the links to those before and after it. */
function showPlace(key) {
  const found = findPage(key);
  const pages = found?.book.pages ?? [];
  showTurn(pages[found?.place], pages, (page) => `#page=${encodeURIComponent(found.key(page))}`);
  if (!found) byId("where").textContent = key;
  byId("of-book").textContent = found ? [found.book.name, ...found.book.beside].join(", ") : "";
}

function picture({ key, image }) {
  if (image.problem) return [el("p", { class: "quiet" }, image.problem)];
  const source = `/image?key=${encodeURIComponent(key)}`;
  return [
    el("a", { href: source, target: "_blank", rel: "noreferrer" },
      el("img", { src: source, alt: `scan of ${key}`, width: image.width, height: image.height })),
    el("p", { class: "quiet" }, `${image.width} × ${image.height} pixels, SHA-256 ${image.sha256.slice(0, 12)}…`),
  ];
}

/** What was read, or why nothing was. */
function showReading({ reading, attempts, other_failures: others }) {
  if (!reading) {
    const last = [...attempts.flatMap((attempt) => attempt.failures), ...others].at(-1);
    showContent(last ? { missing: `${last.error_type}: ${last.message}` } : { waiting: true }, []);
    return;
  }
  const { content, tables, raw } = reading;
  showContent(raw === undefined ? content : { ...content, text: pretty(raw) }, tables);
  if (raw !== undefined) {
    byId("notes").append(el("p", { class: "note" }, "Read with another page model, so shown as it came."));
  }
}

// How it was read

function entry(attempt, image) {
  const what = attempt.good ? (attempt.on_file ? "valid, on file" : "valid")
    : attempt.failures.length ? attempt.failures.map((failure) => failure.error_type).join(", ")
    : attempt.batch_status;
  const tokens = attempt.prompt_tokens === null ? "" : `${number(attempt.prompt_tokens)} tokens in, ` +
    `${number(attempt.output_tokens + attempt.thoughts_tokens)} out, ${dollars(attempt.usd)} USD`;
  const facts = [
    ["run", el("a", { href: `#run=${encodeURIComponent(attempt.run_id)}` }, attempt.run_id)],
    ["batch", el("a", { href: `#batch=${attempt.batch_id}` }, `lane ${attempt.lane}, wave ${attempt.wave} (${attempt.batch_state ?? attempt.batch_status})`)],
    ["sent", moment(attempt.sent_at)],
    ["answered", moment(attempt.answered_at)],
    ["asked", `${attempt.prompt_version}, engine ${attempt.engine}${attempt.model ? `, model ${attempt.model}` : ""}`],
    ["finish reason", attempt.finish_reason],
    ["cost", tokens],
    ["image", image.sha256 && image.sha256 !== attempt.image_sha256
      ? `${attempt.image}: another than today's, SHA-256 ${attempt.image_sha256.slice(0, 12)}…` : attempt.image],
    ["doubts", attempt.flags.join("; ")],
  ].filter(([, value]) => value);
  return el("details", { class: `attempt ${attempt.good ? "good" : "bad"}` },
    el("summary", {}, `Attempt ${attempt.attempt_number}: ${what}`, el("span", { class: "quiet" }, ` ${moment(attempt.answered_at ?? attempt.sent_at)}`)),
    el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    ...attempt.failures.flatMap(told),
    folded("Answer: what the model wrote", pretty(attempt.text), !attempt.good),
    folded("Prompt", attempt.prompt),
    folded("What the page before said", attempt.previous_context),
    folded("Settings of the model", JSON.stringify(attempt.generation_config, null, 1)),
    folded("Raw result", attempt.lines.map(pretty).join("\n")));
}

/** Why it failed, in full. */
function told(failure) {
  return [
    el("p", { class: "failure" }, `${failure.error_type}: ${failure.message}`,
      failure.cleared_at ? ` (healed ${moment(failure.cleared_at)})` : ""),
    folded("Traceback", failure.traceback),
  ];
}

function folded(name, text, open = false) {
  return text ? el("details", { open }, el("summary", {}, name), el("pre", { tabindex: 0 }, text)) : null;
}

/** JSON with line breaks; any other text as it is. */
function pretty(text) {
  if (!text) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
