// All that happened to one page: its attempts, prompts, raw answers, and its image.

import { ask, byId, dollars, el, moment, number } from "./dom.js";

const PAUSE_MS = 200;
const form = byId("find");
const input = form.elements.key;
let asked = 0;
let timer = 0;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = `page=${encodeURIComponent(input.value)}`;
});
input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(offerKeys, PAUSE_MS);
});

async function offerKeys() {
  const keys = await ask("/keys", { text: input.value });
  byId("keys").replaceChildren(...keys.map((key) => el("option", { value: key })));
}

/** Ask for the history of a page and show it; without a key, only the form. */
export async function showHistory(key) {
  const mine = ++asked;
  const place = byId("history");
  input.value = key;
  if (!key) {
    place.replaceChildren();
    offerKeys();
    return;
  }
  let page;
  try {
    page = await ask("/page", { key });
  } catch (error) {
    place.replaceChildren(el("p", { class: "note" }, error.message));
    return;
  }
  if (mine !== asked) return;
  const attempts = page.attempts.map((attempt) => entry(attempt, page.image)).reverse();
  const others = page.other_failures.map((failure) =>
    el("article", {}, el("h3", {}, `${moment(failure.created_at)}: was not sent`), ...told(failure)));
  const nothing = attempts.length + others.length ? null : el("p", { class: "note" }, "Nothing happened to this page yet.");
  place.replaceChildren(
    el("h2", {}, page.key),
    el("div", { class: "history" }, picture(page), el("div", {}, nothing, ...attempts, ...others)));
}

function picture({ key, image }) {
  if (image.problem) return el("p", { class: "note" }, image.problem);
  const source = `/image?key=${encodeURIComponent(key)}`;
  return el("figure", {},
    el("a", { href: source, target: "_blank", rel: "noreferrer" },
      el("img", { src: source, alt: `scan of ${key}`, width: image.width, height: image.height })),
    el("figcaption", {}, `${image.width} × ${image.height} pixels, SHA-256 ${image.sha256.slice(0, 12)}…`));
}

function entry(attempt, image) {
  const what = attempt.good ? (attempt.on_file ? "valid, on file" : "valid")
    : attempt.failures.length ? attempt.failures.map((failure) => failure.error_type).join(", ")
    : attempt.batch_status;
  const tokens = attempt.prompt_tokens === null ? "" : `${number(attempt.prompt_tokens)} tokens in, ` +
    `${number(attempt.output_tokens + attempt.thoughts_tokens)} out, ${dollars(attempt.usd)} USD`;
  const facts = [
    ["run", `${attempt.run_id}, lane ${attempt.lane}, wave ${attempt.wave}`],
    ["batch", `${attempt.batch} (${attempt.batch_state ?? attempt.batch_status})`],
    ["sent", moment(attempt.sent_at)],
    ["answered", moment(attempt.answered_at)],
    ["asked", `${attempt.prompt_version}, engine ${attempt.engine}, model ${attempt.model}`],
    ["finish reason", attempt.finish_reason],
    ["cost", tokens],
    ["image", image.sha256 && image.sha256 !== attempt.image_sha256
      ? `${attempt.image}: another than today's, SHA-256 ${attempt.image_sha256.slice(0, 12)}…` : attempt.image],
    ["doubts", attempt.flags.join("; ")],
  ].filter(([, value]) => value);
  return el("article", { class: attempt.good ? "good" : "bad" },
    el("h3", {}, `Attempt ${attempt.attempt_number}: ${what}`),
    el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    ...attempt.failures.flatMap(told),
    folded("Answer: what the model wrote", pretty(attempt.text), true),
    folded("Prompt", attempt.prompt),
    folded("What the page before said", attempt.previous_context),
    folded("Settings of the model", JSON.stringify(attempt.generation_config, null, 1)),
    folded("Raw result", attempt.lines.map(pretty).join("\n")));
}

/** Why it failed, in full. */
function told(failure) {
  return [
    el("p", { class: "failure" }, `${failure.error_type}: ${failure.message}`,
      failure.cleared_at ? ` (cleared ${moment(failure.cleared_at)})` : ""),
    folded("Traceback", failure.traceback),
  ];
}

function folded(title, text, open = false) {
  return text ? el("details", { open }, el("summary", {}, title), el("pre", {}, text)) : null;
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
