// The linked view's drawing: waveform, words and heatmap on one time axis. No events and no state.
(() => {
  "use strict";
  const { frameAt, timeOf } = window.w2vkitData;
  const GUTTER = 46, WAVE = 64, WORDS = 26, AXIS = 20, ROW = 11; // CSS pixels
  const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
  const COLOURS = new Uint32Array(256).map((_, q) => {
    const x = (q / 255) * (VIRIDIS.length - 1), i = Math.min(Math.floor(x), VIRIDIS.length - 2);
    const [r, g, b] = VIRIDIS[i].map((low, c) => Math.round(low + (x - i) * (VIRIDIS[i + 1][c] - low)));
    return (255 << 24) | (b << 16) | (g << 8) | r; // little-endian RGBA
  });
  const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60];

  // Positions: x from a time and back, and the top of each part.
  function layout(data, view, width, rows) {
    const scale = (width - GUTTER) / (view.stop - view.start);
    const heat = WAVE + WORDS, bottom = heat + rows.length * ROW;
    return {
      width, rows, heat, bottom, height: bottom + AXIS, gutter: GUTTER, view,
      x: time => GUTTER + (time - view.start) * scale,
      time: x => view.start + (x - GUTTER) / scale,
    };
  }

  function wave(context, data, place, ink) {
    const { peaks, loudest } = data, count = peaks.length / 2, middle = WAVE / 2;
    context.fillStyle = ink.wave;
    for (let x = GUTTER; x < place.width; x++) {
      const first = Math.floor(place.time(x) / data.peak_seconds);
      const last = Math.max(first + 1, Math.floor(place.time(x + 1) / data.peak_seconds));
      let low = 127, high = -127;
      for (let i = first; i < Math.min(last, count); i++) {
        low = Math.min(low, peaks[2 * i]);
        high = Math.max(high, peaks[2 * i + 1]);
      }
      if (high < low) continue;
      const top = middle - (high / loudest) * (middle - 3), foot = middle - (low / loudest) * (middle - 3);
      context.fillRect(x, top, 1, Math.max(1, foot - top));
    }
  }

  function words(context, data, place, ink) {
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const word of data.words) {
      const left = Math.max(GUTTER, place.x(word.start)), right = Math.min(place.width, place.x(word.end));
      if (right <= GUTTER || left >= place.width) continue;
      context.fillStyle = ink.lane;
      context.fillRect(left, WAVE + 1, Math.max(1, right - left - 1), WORDS - 5);
      context.fillStyle = ink[word.shade];
      context.fillRect(left, WAVE + WORDS - 5, Math.max(1, right - left - 1), 2);
      if (right - left < 12) continue;
      context.save();
      context.beginPath();
      context.rect(left, WAVE, right - left - 2, WORDS);
      context.clip();
      context.fillStyle = ink.text;
      context.fillText(word.text, left + 3, WAVE + WORDS / 2 - 2);
      context.restore();
    }
  }

  // One column of the image per pixel or per frame, whichever are fewer. A column shows the highest value of its
  // frames, so that a label that is likely in a single frame is visible at every zoom.
  function heat(context, data, place) {
    const { view, rows } = place, edge = data.frames;
    const first = frameAt(data, view.start), last = Math.min(edge, frameAt(data, view.stop) + 1), count = last - first;
    const columns = Math.max(1, Math.min(count, Math.round((place.width - GUTTER) * (window.devicePixelRatio || 1))));
    const picture = new ImageData(columns, rows.length), pixels = new Uint32Array(picture.data.buffer);
    for (let c = 0; c < columns; c++) {
      const from = first + Math.floor((c * count) / columns), to = Math.max(from + 1, first + Math.floor(((c + 1) * count) / columns));
      rows.forEach((k, r) => {
        let level = 0;
        for (let t = from; t < to; t++) level = Math.max(level, data.matrix[t * data.width + k]);
        pixels[r * columns + c] = COLOURS[level];
      });
    }
    const sheet = document.createElement("canvas");
    sheet.width = columns;
    sheet.height = rows.length;
    sheet.getContext("2d").putImageData(picture, 0, 0);
    context.save();
    context.beginPath();
    context.rect(GUTTER, place.heat, place.width - GUTTER, place.bottom - place.heat);
    context.clip();
    context.imageSmoothingEnabled = false;
    const left = place.x(timeOf(data, first)), right = place.x(timeOf(data, last));
    context.drawImage(sheet, left, place.heat, right - left, place.bottom - place.heat);
    context.restore();
  }

  function axes(context, data, place, ink) {
    context.fillStyle = ink.text;
    context.font = "10px ui-monospace, monospace";
    context.textBaseline = "middle";
    context.textAlign = "right";
    place.rows.forEach((k, r) => context.fillText(data.labels[k].slice(0, 6), GUTTER - 5, place.heat + (r + 0.5) * ROW));
    const span = place.view.stop - place.view.start, room = (place.width - GUTTER) / 60;
    const step = STEPS.find(s => span / s <= room) ?? 120;
    context.textAlign = "center";
    for (let i = Math.ceil(place.view.start / step); i * step <= place.view.stop; i++) {
      const x = place.x(i * step);
      context.fillRect(x, place.bottom, 1, 4);
      if (x < place.width - 14) context.fillText(`${+(i * step).toFixed(2)} s`, Math.max(x, GUTTER + 10), place.bottom + 12);
    }
    context.textAlign = "left";
  }

  function base(context, data, place, ink) {
    context.clearRect(0, 0, place.width, place.height);
    wave(context, data, place, ink);
    words(context, data, place, ink);
    heat(context, data, place);
    axes(context, data, place, ink);
  }

  // The moving parts: the cursor, and the frame around the word at the cursor.
  function overlay(context, data, place, ink, cursor, lit) {
    context.clearRect(0, 0, place.width, place.height);
    const word = data.words[lit];
    if (word) {
      const left = Math.max(GUTTER, place.x(word.start)), right = Math.min(place.width, place.x(word.end));
      if (right > left) {
        context.strokeStyle = ink.cursor;
        context.lineWidth = 2;
        context.strokeRect(left + 1, 1, right - left - 2, place.bottom - 2);
      }
    }
    const x = place.x(cursor);
    if (x < GUTTER || x > place.width) return;
    context.fillStyle = ink.cursor;
    context.fillRect(Math.round(x), 0, 1.5, place.bottom);
  }

  window.w2vkitDraw = { layout, base, overlay };
})();
