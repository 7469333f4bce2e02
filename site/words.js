// Emissions, greedy decoding, and words with times and confidences: w2vkit/decode/hypothesis.py and best_path.py in JavaScript.
const LEAD_SECONDS = 0.06, TAIL_SECONDS = 0.1; // s; how far a word reaches into the gap before and after it
const LEAST_SECONDS = 0.001; // s; of a word that was emitted before or after the sound
const LEGEND = [["sure", 0.8], ["likely", 0.5], ["doubtful", 0]];
const SMALLEST = 1e-6;

export function logAddExp(a, b) {
  if (a < b) [a, b] = [b, a];
  return b === -Infinity ? a : a + Math.log1p(Math.exp(b - a));
}

// How many samples of silence a sound gets before, and after, it: its first and last letters need frames there.
export const silenceAround = (samples, { input }) => (samples < input.short_samples ? input.silence_samples : 0);

// (T, V) log-probabilities of a sound of so many samples with what they mean; `about` is about.json.
export function emissionsOf(logProbs, samples, about, temperature = about.calibration.temperature) {
  const { stride, receptive_field: field } = about.output, rate = about.input.sample_rate;
  const { labels, blank, word_boundary: boundary, special } = about.vocabulary, width = labels.length;
  const frames = logProbs.length / width;
  const calibrated = new Float32Array(logProbs.length);
  for (let t = 0; t < frames; t++) {
    let total = -Infinity;
    for (let k = 0; k < width; k++) total = logAddExp(total, logProbs[t * width + k] / temperature);
    for (let k = 0; k < width; k++) calibrated[t * width + k] = logProbs[t * width + k] / temperature - total;
  }
  return {
    logProbs, calibrated, frames, width, labels, blank, boundary, special: new Set(special),
    frameSeconds: stride / rate, startSeconds: ((field - stride) / 2 - silenceAround(samples, about)) / rate, about,
  };
}

// The likeliest label of each frame; labels in `without` are left out.
export function bestPath(emissions, without = new Set()) {
  const { logProbs, frames, width } = emissions, path = new Uint16Array(frames);
  for (let t = 0; t < frames; t++) {
    let best = -1;
    for (let k = 0; k < width; k++) {
      if (!without.has(k) && (best < 0 || logProbs[t * width + k] > logProbs[t * width + best])) best = k;
    }
    path[t] = best;
  }
  return path;
}

export function spansOf(path, emissions) {
  const spans = [];
  for (let start = 0, stop; start < path.length; start = stop) {
    stop = start + 1;
    while (stop < path.length && path[stop] === path[start]) stop++;
    spans.push({ label: path[start], start, stop, logProb: highest(emissions, path[start], start, stop) });
  }
  return spans;
}

export function highest({ calibrated, width }, label, start, stop) {
  let most = -Infinity;
  for (let t = start; t < stop; t++) most = Math.max(most, calibrated[t * width + label]);
  return most;
}

export function greedy(emissions) {
  const words = wordsOf(spansOf(bestPath(emissions), emissions), emissions), { acoustic } = emissions.about.calibration;
  return acoustic ? words.map(word => ({ ...word, confidence: logistic(acoustic, word.confidence) })) : words;
}

export function wordsOf(spans, emissions) {
  const { labels, boundary, special } = emissions, words = [];
  let open = false;
  for (const span of spans) {
    if (special.has(span.label)) continue;
    if (span.label === boundary) open = false;
    else if (open) words.at(-1).push(span);
    else { words.push([span]); open = true; }
  }
  const times = wordTimes(words, emissions);
  const edges = words.map((word, i) => (i ? highest(emissions, boundary, words[i - 1].at(-1).stop, word[0].start) : 0));
  return words.map((word, i) => ({
    text: word.map(span => labels[span.label]).join(""),
    ...times[i],
    confidence: Math.exp(word.reduce((sum, span) => sum + span.logProb, edges[i] + (edges[i + 1] ?? 0))),
  }));
}

function wordTimes(words, { frames, frameSeconds, startSeconds }) {
  const round = x => Math.round(1000 * x) / 1000, seconds = round(frames * frameSeconds + 2 * startSeconds);
  const inside = (x, least, most) => round(Math.min(Math.max(round(x), least), most));
  const times = words.map((word, i) => {
    const first = word[0].start, last = word.at(-1).stop;
    const before = i ? ((first - words[i - 1].at(-1).stop) * frameSeconds) / 2 : first * frameSeconds + startSeconds;
    // What is emitted in frames before or after the sound is moved into it, 1 ms for each word.
    const least = i * LEAST_SECONDS, most = seconds - (words.length - i) * LEAST_SECONDS;
    const after = i + 1 < words.length ? ((words[i + 1][0].start - last) * frameSeconds) / 2 : (frames - last) * frameSeconds + startSeconds;
    return {
      start: inside(startSeconds + first * frameSeconds - Math.min(before, LEAD_SECONDS), least, most),
      end: inside(startSeconds + last * frameSeconds + Math.min(after, TAIL_SECONDS), least + LEAST_SECONDS, most + LEAST_SECONDS),
    };
  });
  // Half a millisecond may round two ways: neighbours share one border.
  for (let i = 0; i + 1 < times.length; i++) if (times[i + 1].start - times[i].end < 0.0015) times[i].end = times[i + 1].start;
  return times;
}

export const shade = confidence => LEGEND.find(([, least]) => confidence >= least)[0];
export const textOf = words => words.map(word => word.text).join(" ");

// The confidence of a word of so many characters that was decoded with the language model.
export const languageConfidence = (confidence, characters, curve) => logistic(curve, confidence ** (1 / characters));

function logistic([shift, slope], probability) {
  const p = Math.min(Math.max(probability, SMALLEST), 1 - SMALLEST);
  return 1 / (1 + Math.exp(-shift - slope * (Math.log(p) - Math.log1p(-p))));
}
