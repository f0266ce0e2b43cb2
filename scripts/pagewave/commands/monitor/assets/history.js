// A page: its scan beside what was read of it, the pages before and after it, and how it was read.

import { ask, byId, copyable, dollars, el, moment, number } from "./dom.js";
import { findPage } from "./shelf.js";

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
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || byId("page").hidden) return;
  const to = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
  if (to && !event.target.closest("input, textarea, select, pre, .scroll") && byId(to).hasAttribute("href")) byId(to).click();
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
    byId("reading").replaceChildren(el("p", { class: "note" }, error.message));
    return;
  }
  if (mine !== asked) return;
  byId("scan").replaceChildren(picture(page));
  byId("reading").replaceChildren(...reading(page.reading, page));
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
  const at = key.lastIndexOf(":");
  const pages = found?.book.pages ?? [];
  byId("where").replaceChildren(
    found ? `Page ${pages[found.place]}` : key,
    found ? el("span", { class: "quiet" }, ` of ${pages.at(-1)}`) : "");
  byId("of-book").textContent = found ? `${found.book.school}, ${found.book.state}, ${found.book.year}` : "";
  for (const [id, other] of [["previous", pages[found?.place - 1]], ["next", pages[found?.place + 1]]]) {
    if (other === undefined) byId(id).removeAttribute("href");
    else byId(id).href = `#page=${encodeURIComponent(`${key.slice(0, at)}:${other}`)}`;
  }
}

function picture({ key, image }) {
  if (image.problem) return el("p", { class: "note" }, image.problem);
  const source = `/image?key=${encodeURIComponent(key)}`;
  return el("figure", {},
    el("a", { href: source, target: "_blank", rel: "noreferrer" },
      el("img", { src: source, alt: `scan of ${key}`, width: image.width, height: image.height })),
    el("figcaption", {}, `${image.width} × ${image.height} pixels, SHA-256 ${image.sha256.slice(0, 12)}…`));
}

// What was read

function reading(read, { attempts, other_failures: others }) {
  if (!read) {
    const last = [...attempts.flatMap((attempt) => attempt.failures), ...others].at(-1);
    return [last
      ? el("p", { class: "remark bad" }, el("strong", {}, "Not read. "), `${last.error_type}: ${last.message}`)
      : el("p", { class: "remark" }, "Not read yet.")];
  }
  const remarks = read.doubts.map((doubt) => el("p", { class: "remark flag" }, el("strong", {}, "In doubt. "), doubt));
  if (read.corrected) remarks.push(el("p", { class: "remark corrected" }, "A person corrected what was read."));
  if (read.raw !== undefined) {
    return [...remarks, el("p", { class: "remark" }, "Read with another page model, so shown as it came."), el("pre", { tabindex: 0 }, pretty(read.raw))];
  }
  const words = read.text.trim();
  return [
    ...remarks,
    el("h3", {}, "Text"),
    el("div", { class: "text" }, words ? read.text : el("span", { class: "quiet" }, "No words on this page.")),
    ...read.lists.flatMap(list),
    ...fields(read.fields),
  ];
}

const title = (name) => {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** A list of the page as a table of the columns that hold anything. */
function list({ name, meaning, columns, rows }) {
  return [
    el("h3", { title: meaning }, title(name), el("span", { class: "quiet" }, ` ${number(rows.length)}`)),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title(name) },
      el("table", {},
        el("thead", {}, el("tr", {}, ...columns.map((column) => el("th", { scope: "col" }, title(column))))),
        el("tbody", {}, ...rows.map((row) =>
          el("tr", {}, ...row.map((cell, place) => el("td", { "data-label": title(columns[place]) }, cell))))))),
  ];
}

function fields(pairs) {
  if (!pairs.length) return [];
  return [el("details", {}, el("summary", {}, "About this page"),
    el("dl", {}, ...pairs.flatMap(([name, words]) => [el("dt", {}, title(name)), el("dd", {}, words)])))];
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
