// Data of the linked view: tabs/linked_view.py of the demo in JavaScript.
import { shade } from "./words.js";

const FLOOR = -8; // natural logarithm; lower log-probabilities are drawn alike
const PEAK_SECONDS = 0.005; // s; one pair of peaks for each

export function linkedData(samples, emissions, words) {
  const { about, labels, boundary, blank, special, frames, width, logProbs } = emissions, rate = about.input.sample_rate;
  const name = k => (k === blank ? "blank" : k === boundary ? "space" : labels[k]);
  const order = k => [k === blank ? 0 : special.has(k) ? 3 : k === boundary ? 1 : 2, name(k)];
  const rows = labels.map((_, k) => k).sort((a, b) => {
    const [x, y] = [order(a), order(b)];
    return x[0] - y[0] || (x[1] < y[1] ? -1 : 1);
  });
  const matrix = new Uint8Array(frames * width);
  for (let t = 0; t < frames; t++) {
    rows.forEach((k, r) => (matrix[t * width + r] = Math.round(255 * (1 - Math.max(logProbs[t * width + k], FLOOR) / FLOOR))));
  }
  const step = Math.max(1, Math.round(PEAK_SECONDS * rate));
  return {
    seconds: samples.length / rate, frame_seconds: emissions.frameSeconds, start_seconds: emissions.startSeconds,
    labels: rows.map(name), blank: rows.indexOf(blank), boundary: rows.indexOf(boundary),
    silent: rows.flatMap((k, r) => (special.has(k) ? [r] : [])),
    matrix: base64(matrix), floor: FLOOR, peaks: base64(peaksOf(samples, step)), peak_seconds: step / rate,
    words: words.map(word => ({ ...word, shade: shade(word.confidence) })),
  };
}

export function peaksOf(samples, step) {
  const peaks = new Int8Array(2 * Math.ceil(samples.length / step)), level = x => Math.round(127 * Math.min(Math.max(x, -1), 1));
  for (let i = 0; 2 * i < peaks.length; i++) {
    let low = Infinity, high = -Infinity;
    for (let n = i * step; n < Math.min((i + 1) * step, samples.length); n++) {
      low = Math.min(low, samples[n]);
      high = Math.max(high, samples[n]);
    }
    peaks[2 * i] = level(low);
    peaks[2 * i + 1] = level(high);
  }
  return peaks;
}

function base64(array) {
  const bytes = new Uint8Array(array.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}

export const bytesOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
