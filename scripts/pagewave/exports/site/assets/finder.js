"use strict";
// Searches an index in the browser: words are found by their beginning and with typing errors, and
// only the pieces that hold them are loaded.

const MOST_WORDS = 8;
const MOST_ALIKE = 40;

class Finder {
  /** `shards`: words in order, and a function that loads what pages they are on. */
  constructor(shards, pageCounts) {
    this.shards = shards;
    this.bases = [];
    this.total = 0;
    for (const pages of pageCounts) {
      this.bases.push(this.total);
      this.total += pages;
    }
    this.words = shards.flatMap((shard) => shard.words);
    this.masks = Uint32Array.from(this.words, maskOf);
    this.places = [];
    shards.forEach((shard, number) => {
      for (let place = 0; place < shard.words.length; place++) this.places.push([number, place]);
    });
  }

  /** The words of the index that may be meant, the nearest first: pairs of place and weight. */
  meant(word) {
    const found = [];
    const most = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
    const mask = maskOf(word);
    for (let place = 0; place < this.words.length; place++) {
      const other = this.words[place];
      if (other === word) found.push([place, 1]);
      else if (other.length > word.length && word.length > 1 && other.startsWith(word)) {
        found.push([place, 0.7 * (word.length / other.length)]);
      } else if (
        most &&
        Math.abs(other.length - word.length) <= most &&
        bits(mask ^ this.masks[place]) <= 2 * most
      ) {
        const distance = distanceOf(word, other, most);
        if (distance <= most) found.push([place, 0.4 / distance]);
      }
    }
    return found.sort((a, b) => b[1] - a[1]).slice(0, MOST_ALIKE);
  }

  /**
   * The pages that hold all words of a query, best first; if none does, those with most (not `all`).
   * `alike`: a word is nowhere as it was typed.
   */
  async find(query) {
    const words = [...new Set(wordsOf(query, false))].slice(0, MOST_WORDS);
    const pages = new Map();
    const used = new Set();
    let alike = false;
    for (const word of words) {
      const ofWord = new Map();
      const meant = this.meant(word);
      alike ||= !meant.some(([place]) => this.words[place].startsWith(word));
      const pieces = await Promise.all(
        meant.map(([place]) => this.shards[this.places[place][0]].load()),
      );
      meant.forEach(([place, weight], number) => {
        used.add(this.words[place]);
        for (const [page, times] of this.pagesIn(pieces[number][this.places[place][1]])) {
          const score = weight * (1 + Math.log(times));
          if (score > (ofWord.get(page) ?? 0)) ofWord.set(page, score);
        }
      });
      const rare = Math.log(1 + this.total / (ofWord.size || 1));
      for (const [page, score] of ofWord) {
        const sum = pages.get(page) ?? { page, score: 0, words: 0 };
        sum.score += score * rare;
        sum.words += 1;
        pages.set(page, sum);
      }
    }
    const most = Math.max(0, ...[...pages.values()].map((each) => each.words));
    const hits = [...pages.values()].filter((each) => each.words === most);
    hits.sort((a, b) => b.score - a.score || a.page - b.page);
    for (const hit of hits) [hit.book, hit.place] = this.bookOf(hit.page);
    return { hits, words: used, all: most === words.length, alike };
  }

  /** Pages (of all books, from 0) and how often, of what the index has of a word. */
  pagesIn(text) {
    const found = [];
    for (const part of text.split(";")) {
      const colon = part.indexOf(":");
      let place = this.bases[Number(part.slice(0, colon))];
      for (const each of part.slice(colon + 1).split(",")) {
        const star = each.indexOf("*");
        place += parseInt(star < 0 ? each : each.slice(0, star), 36);
        found.push([place, star < 0 ? 1 : Number(each.slice(star + 1))]);
      }
    }
    return found;
  }

  bookOf(page) {
    let low = 0;
    let high = this.bases.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.bases[middle] <= page) low = middle;
      else high = middle - 1;
    }
    return [low, page - this.bases[low]];
  }
}

/** For each of a shard's words its books and pages: the index has them by book, in three lines each. */
function piecesOf(text, count) {
  const found = Array.from({ length: count }, () => []);
  const lines = text.split("\n");
  for (let line = 0; line < lines.length; line += 3) {
    const pages = lines[line + 2].split(" ");
    lines[line + 1].split(" ").forEach((word, place) => found[word].push(`${lines[line]}:${pages[place]}`));
  }
  return found.map((ofWord) => ofWord.join(";"));
}

/** A bit for each letter that a word holds: words that are alike differ in few. */
function maskOf(word) {
  let mask = 0;
  for (let at = 0; at < word.length; at++) mask |= 1 << (word.charCodeAt(at) & 31);
  return mask >>> 0;
}

function bits(number) {
  let left = number - ((number >>> 1) & 0x55555555);
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333);
  return (((left + (left >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** Letters to be put in, left out, changed or swapped (optimal string alignment); up to `most`. */
function distanceOf(one, other, most) {
  let before = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      let cost = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + same);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        cost = Math.min(cost, before[j - 2] + 1);
      }
      row.push(cost);
      if (cost < least) least = cost;
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return last[other.length];
}

/** What was found, in words. */
function toldOf({ hits, all, alike }, query) {
  if (!hits.length) return `Nothing found for “${query}”`;
  const pages = count(hits.length, "page");
  if (!all) return `No page has all of “${query}”; ${pages} with some of it`;
  return alike ? `“${query}” is nowhere; ${pages} with words like it` : `${pages} with “${query}”`;
}

/** Page numbers of `1-3,7`. */
function numbersOf(text) {
  return text.split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}
