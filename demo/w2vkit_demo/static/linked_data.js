// The linked view's data: unpacks the value of tabs/linked_view.py, and computes what is shown of a frame.
(() => {
  "use strict";
  const IN_USE = 0.1; // a row is in use if it is the likeliest of a frame, or as probable as this in one
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

  function unpack(value) {
    const matrix = bytes(value.matrix), width = value.labels.length, frames = matrix.length / width;
    const best = new Uint16Array(frames); // the likeliest row of every frame: the path of greedy decoding
    for (let t = 0; t < frames; t++) {
      for (let k = 1; k < width; k++) if (matrix[t * width + k] > matrix[t * width + best[t]]) best[t] = k;
    }
    const highest = new Uint8Array(width);
    matrix.forEach((level, i) => { if (level > highest[i % width]) highest[i % width] = level; });
    const seen = 255 * (1 - Math.log(IN_USE) / value.floor), winners = new Set(best);
    const used = value.labels.map((_, k) => k).filter(k => winners.has(k) || highest[k] >= seen);
    const peaks = new Int8Array(bytes(value.peaks).buffer);
    const loudest = peaks.reduce((most, peak) => Math.max(most, Math.abs(peak)), 1);
    // What the view shows (s): the sound, and the frames before and after it if there are some.
    const first = Math.min(0, value.start_seconds), end = Math.max(value.seconds, value.start_seconds + frames * value.frame_seconds);
    return { ...value, first, end, matrix, width, frames, best, used, peaks, loudest, samples: null, spectrum: null };
  }

  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
  const frameAt = (data, time) =>
    clamp(Math.floor((time - data.start_seconds) / data.frame_seconds), 0, data.frames - 1);
  const timeOf = (data, frame) => data.start_seconds + frame * data.frame_seconds;
  const wordAt = (data, time) => data.words.findIndex(word => word.start <= time && time < word.end);

  // The next doubtful word after a time, or the one before it; after the last one the first follows.
  function doubtful(data, time, back) {
    const all = data.words.map((word, i) => ({ ...word, i })).filter(word => word.shade === "doubtful");
    const next = back ? all.findLast(word => word.start < time - 0.001) : all.find(word => word.start > time + 0.001);
    return (next ?? all.at(back ? -1 : 0))?.i ?? -1;
  }

  // The likeliest labels of a frame, best first. Level 0 stands for every probability below exp(floor).
  function likeliest(data, frame, count) {
    const row = data.matrix.subarray(frame * data.width, (frame + 1) * data.width);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count);
    const probability = level => (level ? Math.exp(data.floor * (1 - level / 255)) : 0);
    const total = row.reduce((sum, level) => sum + probability(level), 0); // may be above 1, as levels are rounded
    return order.map(k => ({ label: data.labels[k], level: row[k], probability: probability(row[k]) / Math.max(1, total) }));
  }

  // The path around a frame and its text after CTC's rule: merge repeats, then drop blanks.
  function collapse(data, frame, reach) {
    const cells = [];
    for (let t = Math.max(0, frame - reach); t <= Math.min(data.frames - 1, frame + reach); t++) {
      const k = data.best[t], silent = data.silent.includes(k);
      const kind = silent ? "blank" : t > 0 && data.best[t - 1] === k ? "repeat" : "kept";
      cells.push({ label: k === data.boundary ? "␣" : silent ? "·" : data.labels[k], kind, here: t === frame });
    }
    return { cells, text: cells.filter(cell => cell.kind === "kept").map(cell => cell.label).join("") };
  }

  window.w2vkitData = { unpack, clamp, frameAt, timeOf, wordAt, doubtful, likeliest, collapse };
})();
