"use strict";
// What both pages of the reading room need: data that scripts bring, folded words.

/** Called by each file of data, with its value; `load` hands it on. */
function readingRoom(name, value) {
  document.currentScript.brought = value;
}

const loaded = new Map();

/** The value of a file of data. From disk `fetch` is not allowed, scripts are. */
function load(url) {
  if (!loaded.has(url)) {
    loaded.set(
      url,
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.onload = () => {
          resolve(script.brought);
          script.remove();
        };
        script.onerror = () => {
          loaded.delete(url);
          script.remove();
          reject(new Error("a file is missing: load the page anew"));
        };
        script.src = url;
        document.head.append(script);
      }),
    );
  }
  return loaded.get(url);
}

const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

/** A book's folder, in an address. */
const folderOf = (id) => id.split("/").map(encodeURIComponent).join("/");

/** What stands behind `#` in the address. */
const wanted = () => new URLSearchParams(location.hash.slice(1));

/** That, put together: `page` first. */
function hashOf({ page, q }) {
  const parts = [page ? `page=${page}` : "", q ? `q=${encodeURIComponent(q)}` : ""];
  return `#${parts.filter(Boolean).join("&")}`;
}

/** Calls a function when nothing has called for it for a while. */
function soon(call, milliseconds = 150) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
}

// Words, folded just as `words.py` does.

const LONGEST = 40;
const LETTERS = { æ: "ae", œ: "oe", ø: "o", đ: "d", ł: "l", þ: "th", ð: "d", ı: "i", ß: "ss", ς: "σ" };
const WORD = /[\p{L}\p{N}]+(?:['\u2019\u02bc\u2010-][\p{L}\p{N}]+)*/gu;

function fold(text) {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\p{Mn}\u00ad\u200c\u200d\ufeff]/gu, "")
    .replace(/[æœøđłþðıßς]/g, (letter) => LETTERS[letter])
    .replace(/[\u3040-\u30ff\u3400-\u9fff]/g, " $& ");
}

/** The folded words of a text; of `text-book` both parts, and the whole if `whole`. */
function wordsOf(text, whole = true) {
  const found = [];
  for (const [word] of fold(text).matchAll(WORD)) {
    const parts = word.replace(/['\u2019\u02bc]/g, "").split(/[\u2010-]/);
    found.push(...parts);
    if (whole && parts.length > 1) found.push(parts.join(""));
  }
  return found.map((word) => word.slice(0, LONGEST));
}

const LETTER = "[\\p{L}\\p{N}\\p{M}\\u00ad\\u200c\\u200d'\\u2019\\u02bc]";
const PRINTED = new RegExp(
  `[\\p{L}\\p{N}]${LETTER}*(?:[\\u2010-]${LETTER}+)*(?:[-\\u2010\\u00ac\\u2e17\\u00ad][ \\t]*\\n[ \\t]*${LETTER}+)?`,
  "gu",
);

/** Where words of a set stand in a text, divided ones too: pairs of start and end. */
function placesOf(text, words) {
  const found = [];
  if (!words.size) return found;
  for (const match of text.matchAll(PRINTED)) {
    const whole = match[0].replace(/[-\u2010\u00ac\u2e17\u00ad][ \t]*\n[ \t]*/, "");
    if ([...wordsOf(whole), ...wordsOf(match[0])].some((word) => words.has(word))) {
      found.push([match.index, match.index + match[0].length]);
    }
  }
  return found;
}

/** A text as a block for each of its lines, with words of a set marked. */
function markedLines(text, words) {
  const places = placesOf(text, words);
  let start = 0;
  return text.split("\n").map((line) => {
    const end = start + line.length;
    const nodes = [];
    let at = start;
    for (const [from, to] of places) {
      if (to <= start || from >= end) continue;
      const [first, last] = [Math.max(from, start), Math.min(to, end)];
      nodes.push(text.slice(at, first), el("mark", {}, text.slice(first, last)));
      at = last;
    }
    nodes.push(text.slice(at, end));
    start = end + 1;
    return el("span", { className: "line" }, nodes, "\n");
  });
}

/** A text as nodes, with words of a set marked. */
function marked(text, words, from = 0, to = text.length) {
  const nodes = [];
  let at = from;
  for (const [start, end] of placesOf(text, words)) {
    if (start < from || end > to) continue;
    nodes.push(text.slice(at, start), el("mark", {}, text.slice(start, end)));
    at = end;
  }
  nodes.push(text.slice(at, to));
  return nodes;
}
