// CTC prefix beam search with a language model: w2vkit/decode/beam.py and align_decoded_text of viterbi.py in JavaScript.
import { highest, languageConfidence, logAddExp, wordsOf } from "./words.js";
import { WordScorer } from "./language.js";

const NONE = -Infinity;

// A prefix: a node of the tree of all prefixes that were ever in the beam.
class Prefix {
  constructor(parent, label, state, frame) {
    Object.assign(this, { parent, label, state, first: frame, last: 0, children: new Map(), slot: null });
  }
}

// `options` has alpha, beta, oov_penalty, beam_width, beam_threshold and token_min_logp.
export function beamSearch(emissions, language, options) {
  const { frames, special, boundary, labels } = emissions;
  const scorer = new WordScorer(language.model, language.lexicon, boundary, options);
  const blank = new Float64Array(frames).map((_, t) => [...special].reduce((sum, k) => logAddExp(sum, at(emissions, t, k)), NONE));
  const root = new Prefix(null, boundary, scorer.start, 0); // a word starts after it, as after a boundary
  let beam = [{ prefix: root, blank: 0, other: NONE, language: 0 }];
  for (let t = 0; t < frames; t++) {
    const kept = keptLabels(emissions, t, options.token_min_logp);
    if (kept.length) beam = extend(emissions, scorer, beam, kept, blank[t], t, options);
    else for (const entry of beam) {
      entry.blank = logAddExp(entry.blank, entry.other) + blank[t];
      entry.other = NONE;
    }
    for (const { prefix } of beam) prefix.last = t;
  }
  const best = rank(beam, scorer, boundary, labels);
  const words = wordsOf(align(emissions, best.prefixes), emissions);
  const { calibration, fingerprint } = emissions.about;
  if (calibration.language && calibration.language_model === fingerprint) {
    for (const word of words) word.confidence = languageConfidence(word.confidence, word.text.length, calibration.language);
  }
  return words;
}

const at = ({ logProbs, width }, t, k) => logProbs[t * width + k];

// Labels of text that are likely enough in a frame, and the likeliest one of all.
function keptLabels(emissions, t, least) {
  let best = 0;
  const kept = [];
  for (let k = 1; k < emissions.width; k++) if (at(emissions, t, k) > at(emissions, t, best)) best = k;
  for (let k = 0; k < emissions.width; k++) if (!emissions.special.has(k) && (k === best || at(emissions, t, k) >= least)) kept.push(k);
  return kept;
}

function extend(emissions, scorer, beam, kept, blank, t, { beam_width: width, beam_threshold: threshold }) {
  const { boundary } = emissions, row = new Float64Array(emissions.width).fill(NONE);
  for (const k of kept) row[k] = at(emissions, t, k);
  // The log-probability of the paths that extend a prefix by a label; the same character needs a blank before it.
  const spelled = ({ label: last, slot }, label) => (last === label ? slot.entry.blank : slot.total) + row[label];
  for (const entry of beam) entry.prefix.slot = { entry, total: logAddExp(entry.blank, entry.other) };
  const candidates = [];
  for (const { prefix, language, other } of beam) {
    const { total } = prefix.slot, start = prefix.label === boundary; // there a further boundary counts as a blank
    const stay = { prefix, language };
    stay.blank = total + (start ? logAddExp(blank, row[boundary]) : blank);
    stay.other = start ? NONE : other + row[prefix.label];
    if (prefix.parent?.slot) stay.other = logAddExp(stay.other, spelled(prefix.parent, prefix.label)); // reached from its parent, too
    candidates.push({ stay, score: logAddExp(stay.blank, stay.other) + language });
    for (const label of kept) {
      if ((start && label === boundary) || prefix.children.get(label)?.slot) continue;
      const paths = spelled(prefix, label), added = language + scorer.increment(prefix.state, label);
      candidates.push({ prefix, label, paths, language: added, score: paths + added });
    }
  }
  for (const { prefix } of beam) prefix.slot = null;
  candidates.sort((a, b) => b.score - a.score);
  const least = candidates[0].score - threshold;
  return candidates.slice(0, width).filter(({ score }) => score >= least && score > NONE).map(({ stay, prefix, label, paths, language }) => {
    if (stay) return stay;
    if (!prefix.children.has(label)) prefix.children.set(label, new Prefix(prefix, label, scorer.advance(prefix.state, label), t));
    return { prefix: prefix.children.get(label), blank: NONE, other: paths, language };
  });
}

// End all prefixes, merge those that spell the same text, and give the best one.
function rank(beam, scorer, boundary, labels) {
  const texts = new Map();
  for (const { prefix, blank, other, language } of beam) {
    const prefixes = [];
    for (let node = prefix; node; node = node.parent) prefixes.unshift(node);
    if (prefixes.length > 1 && prefixes.at(-1).label === boundary) prefixes.pop();
    const text = prefixes.slice(1).map(node => (node.label === boundary ? " " : labels[node.label])).join("");
    const found = { prefixes, acoustic: logAddExp(blank, other), language: language + scorer.finish(prefix.state) };
    const same = texts.get(text); // at most two: with and without a boundary at the end
    if (same) {
      const better = found.acoustic > same.acoustic ? found : same;
      texts.set(text, { ...better, acoustic: logAddExp(found.acoustic, same.acoustic) });
    } else texts.set(text, found);
  }
  return [...texts.values()].reduce((a, b) => (b.acoustic + b.language > a.acoustic + a.language ? b : a));
}

// The frames of each label on the likeliest path of the text. A prefix is searched for only while it was in the beam.
function align(emissions, prefixes) {
  const { frames, special, boundary } = emissions, labels = prefixes.slice(1).map(node => node.label), count = labels.length;
  if (!count) return [];
  const states = 2 * count + 1, latest = prefixes.map(node => node.last);
  latest[count] = frames - 1; // the beam may have gone on with the text and a word boundary
  for (let i = count - 1; i >= 0; i--) latest[i] = Math.min(latest[i], latest[i + 1]);
  const silent = s => s === 0 || s === states - 1 || labels[s / 2 - 1] === boundary || labels[s / 2] === boundary;
  const moves = [];
  let scores = new Float64Array(states).fill(NONE);
  for (let t = 0, first = 0, last = 0; t < frames; t++) {
    while (latest[first] < t) first++;
    while (last < count && prefixes[last + 1].first <= t) last++;
    const rest = [...special].reduce((most, k) => Math.max(most, at(emissions, t, k)), NONE);
    const silence = Math.max(rest, at(emissions, t, boundary));
    const from = Math.max(2 * first - 1, 0), now = new Float64Array(states).fill(NONE), move = new Int8Array(2 * last + 1 - from);
    for (let s = from; s <= 2 * last; s++) {
      let best = t ? scores[s] : s ? NONE : 0;
      const step = s > 0 ? (t ? scores[s - 1] : s === 1 ? 0 : NONE) : NONE;
      if (step > best) { best = step; move[s - from] = 1; }
      if (s % 2 && s > 1 && labels[(s - 1) / 2] !== labels[(s - 3) / 2] && t && scores[s - 2] > best) { best = scores[s - 2]; move[s - from] = 2; }
      now[s] = best + (s % 2 ? at(emissions, t, labels[(s - 1) / 2]) : silent(s) ? silence : rest);
    }
    scores = now;
    moves.push({ from, move });
  }
  const spans = labels.map(label => ({ label, start: 0, stop: 0 }));
  let state = scores[states - 2] > scores[states - 1] ? states - 2 : states - 1;
  for (let t = frames - 1; t >= 0; t--) {
    if (state % 2) {
      const span = spans[(state - 1) / 2];
      span.start = t;
      span.stop ||= t + 1;
    }
    state -= moves[t].move[state - moves[t].from];
  }
  return spans.map(span => ({ ...span, logProb: highest(emissions, span.label, span.start, span.stop) }));
}
