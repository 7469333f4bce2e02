// The linked view's drawing: wave, spectrogram, words and heat map on one time axis. No events and no state.
// `pen` is a canvas context, or the same subset of it that writes SVG (linked_svg.js). Lengths are CSS pixels.
(() => {
  "use strict";
  const { clamp, frameAt, timeOf } = window.w2vkitData;
  const GUTTER = 50, WAVE = 50, SPECTRUM = 76, WORDS = 28, AXIS = 20, BAR = 20, ROW = 15, STRIP = 36;
  const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60];
  const MONO = "14px ui-monospace, 'DejaVu Sans Mono', monospace", PLAIN = "14px system-ui, sans-serif"; // the page's smallest size

  // Positions: x from a time and back, and the top of each part.
  function layout(data, view, width, rows, spectrum) {
    const scale = (width - GUTTER) / (view.stop - view.start);
    const words = WAVE + (spectrum ? SPECTRUM : 0), heat = words + WORDS, bottom = heat + rows.length * ROW;
    return {
      width, rows, spectrum, words, heat, bottom, height: bottom + AXIS + BAR, gutter: GUTTER, view, scale,
      x: time => GUTTER + (time - view.start) * scale,
      time: x => view.start + (x - GUTTER) / scale,
      row: y => (y >= heat && y < bottom ? rows[Math.floor((y - heat) / ROW)] : -1),
    };
  }

  // Colours: 256 steps along a list of hexadecimal colours, as little-endian RGBA.
  const known = new Map();
  function ramp(text) {
    if (!known.has(text)) {
      const stops = text.trim().split(/\s+/).map(hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)));
      known.set(text, new Uint32Array(256).map((_, q) => {
        const x = (q / 255) * (stops.length - 1), i = Math.min(Math.floor(x), stops.length - 2);
        const [r, g, b] = stops[i].map((low, c) => Math.round(low + (x - i) * (stops[i + 1][c] - low)));
        return (255 << 24) | (b << 16) | (g << 8) | r;
      }));
    }
    return known.get(text);
  }
  // The square root shows a probability of 1 % as well; the colour bar has the same scale.
  const shadeOf = probability => Math.round(255 * Math.sqrt(probability));
  const probability = (data, level) => (level ? Math.exp(data.floor * (1 - level / 255)) : 0);
  const css = colour => `rgb(${colour & 255},${(colour >> 8) & 255},${(colour >> 16) & 255})`;
  // Black or white, whichever can be read on a colour.
  const readable = colour => 0.3 * (colour & 255) + 0.59 * ((colour >> 8) & 255) + 0.11 * ((colour >> 16) & 255) > 140 ? "#10161d" : "#ffffff";

  const type = (pen, fillStyle, textAlign, font = PLAIN) => Object.assign(pen, { fillStyle, textAlign, font, textBaseline: "middle" });

  function within(pen, left, top, width, height, draw) {
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    draw();
    pen.restore();
  }

  // The first item and the one after the last of a part, of `count` items in `parts`.
  const share = (part, count, parts) => {
    const from = Math.floor((part * count) / parts);
    return [from, Math.max(from + 1, Math.floor(((part + 1) * count) / parts))];
  };

  function sheet(columns, rows, paint) {
    const picture = new ImageData(columns, rows), canvas = document.createElement("canvas");
    paint(new Uint32Array(picture.data.buffer));
    Object.assign(canvas, { width: columns, height: rows });
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  }

  // The lowest and the highest sample of each pixel: of the samples when zoomed in, else of the peaks.
  function wave(pen, data, place, ink, left, height) {
    const { peaks, samples } = data, middle = height / 2, loudest = data.loudest / 127;
    const fine = samples && 1 / place.scale < 2 * data.peak_seconds;
    const step = fine ? 1 / data.rate : data.peak_seconds, count = fine ? samples.length : peaks.length / 2;
    pen.fillStyle = ink.wave;
    for (let x = left; x < place.width; x++) {
      if (place.time(x + 1) <= 0) continue;
      const first = Math.max(0, Math.floor(place.time(x) / step));
      const last = Math.min(count, Math.max(first + 1, Math.ceil(place.time(x + 1) / step) + (fine ? 1 : 0)));
      let low = 2, high = -2;
      for (let i = first; i < last; i++) {
        low = Math.min(low, fine ? samples[i] : peaks[2 * i] / 127);
        high = Math.max(high, fine ? samples[i] : peaks[2 * i + 1] / 127);
      }
      if (high < low) continue;
      const top = middle - (high / loudest) * (middle - 3), foot = middle - (low / loudest) * (middle - 3);
      pen.fillRect(x, top, 1, Math.max(1, foot - top));
    }
  }

  function spectrogram(pen, data, place, ink) {
    const sound = data.spectrum, colours = ramp(ink.sound), top = WAVE, span = SPECTRUM - 4;
    pen.fillStyle = css(colours[0]);
    pen.fillRect(GUTTER, top, place.width - GUTTER, span);
    if (sound) {
      const { rows, levels, hop_seconds: hop } = sound, end = levels.length / rows - 1;
      const first = clamp(Math.floor(place.view.start / hop) - 1, 0, end), last = clamp(Math.ceil(place.view.stop / hop) + 1, 0, end);
      const count = last - first + 1, columns = Math.min(count, place.width);
      const picture = sheet(columns, rows, pixels => {
        for (let c = 0; c < columns; c++) {
          const [from, to] = share(c, count, columns).map(t => first + t);
          const stride = (to - from + 1) >> 1; // two of them: all would take too long to move 60 times a second
          for (let r = 0; r < rows; r++) {
            let level = 0;
            for (let t = from; t < to; t += stride) level = Math.max(level, levels[t * rows + r]);
            pixels[(rows - 1 - r) * columns + c] = colours[level];
          }
        }
      });
      within(pen, GUTTER, top, place.x(Math.min(place.view.stop, data.seconds)) - GUTTER, span, () => {
        pen.imageSmoothingEnabled = true;
        const left = place.x((first - 0.5) * hop), right = place.x((last + 0.5) * hop);
        pen.drawImage(picture, left, top, right - left, span);
      });
    }
    type(pen, ink.muted, "right");
    const highest = (sound?.highest ?? 8000) / 1000;
    [[`${highest} kHz`, 7], [`${highest / 2}`, span / 2], ["0", span - 6]].forEach(([text, y]) => pen.fillText(text, GUTTER - 6, top + y));
  }

  function words(pen, data, place, ink) {
    const seen = data.words.filter(word => word.end > place.view.start && word.start < place.view.stop).map(word => {
      const left = Math.max(GUTTER, place.x(word.start));
      return { ...word, left, width: Math.max(1, Math.min(place.width, place.x(word.end)) - left - 1) };
    });
    pen.fillStyle = ink.lane;
    for (const { left, width } of seen) pen.fillRect(left, place.words + 2, width, WORDS - 7);
    for (const shade of ["sure", "likely", "doubtful"]) {
      pen.fillStyle = ink[shade];
      for (const word of seen) if (word.shade === shade) pen.fillRect(word.left, place.words + WORDS - 5, word.width, 2);
    }
    type(pen, ink.text, "left");
    for (const { text, left, width } of seen) {
      const room = width - 6; // CSS pixels; a word that needs a little more is squeezed, one that needs much more left out
      if (room >= 5.5 * text.length) pen.fillText(text, left + 3, place.words + WORDS / 2 - 2, room);
    }
  }

  // One column of the image per pixel or per frame, whichever are fewer. A column shows the highest value of its
  // frames, so that a label that is likely in a single frame is visible at every zoom.
  function heat(pen, data, place, ink) {
    const { view, rows } = place, colours = ramp(ink.heat), table = new Uint32Array(256);
    table.forEach((_, q) => { table[q] = colours[shadeOf(probability(data, q))]; });
    const first = frameAt(data, view.start), last = Math.min(data.frames, frameAt(data, view.stop) + 1), count = last - first;
    const columns = Math.max(1, Math.min(count, Math.round((place.width - GUTTER) * (window.devicePixelRatio || 1))));
    const picture = sheet(columns, rows.length, pixels => {
      for (let c = 0; c < columns; c++) {
        const [from, to] = share(c, count, columns).map(t => first + t);
        for (let r = 0; r < rows.length; r++) {
          let level = 0;
          for (let t = from; t < to; t++) level = Math.max(level, data.matrix[t * data.width + rows[r]]);
          pixels[r * columns + c] = table[level];
        }
      }
    });
    const height = place.bottom - place.heat, left = place.x(timeOf(data, first)), right = place.x(timeOf(data, last));
    within(pen, GUTTER, place.heat, place.x(Math.min(view.stop, data.end)) - GUTTER, height, () => {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture, left, place.heat, right - left, height);
      // The frames end up to 20 ms before the sound. The outer ones are drawn to its ends, as those of the wave are.
      const end = place.x(data.end), start = place.x(data.first);
      if (last === data.frames && end > right) pen.drawImage(picture, columns - 1, 0, 1, rows.length, right, place.heat, end - right, height);
      if (first === 0 && start < left) pen.drawImage(picture, 0, 0, 1, rows.length, start, place.heat, left - start, height);
      letters(pen, data, place, table, ink, first, last);
    });
  }

  // The likeliest label of each frame in its cell; of several equal ones in a row once, when cells are narrow.
  function letters(pen, data, place, table, ink, first, last) {
    const cell = data.frame_seconds * place.scale;
    if (cell < 1.5) return;
    type(pen, ink.text, "center", `bold ${MONO}`);
    for (let t = first, stop; t < last; t = stop) {
      const k = data.best[t], row = place.rows.indexOf(k);
      stop = t + 1;
      if (cell < 12) while (stop < last && data.best[stop] === k) stop++;
      const text = k === data.boundary ? "␣" : data.labels[k], room = (stop - t) * cell;
      if (k === data.blank || row < 0 || room < 5.5 * text.length) continue;
      const colour = table[data.matrix[((t + stop) >> 1) * data.width + k] || 0];
      pen.fillStyle = readable(colour);
      pen.fillText(text, place.x(timeOf(data, (t + stop) / 2)), place.heat + (row + 0.5) * ROW + 1, room);
    }
  }

  const named = label => (label === "'" ? "“'”" : label.slice(0, 5));

  function axes(pen, data, place, ink, texts) {
    type(pen, ink.text, "right", MONO);
    place.rows.forEach((k, r) => pen.fillText(named(data.labels[k]), GUTTER - 6, place.heat + (r + 0.5) * ROW + 1));
    const span = place.view.stop - place.view.start, room = (place.width - GUTTER) / 64;
    const step = STEPS.find(s => span / s <= room) ?? 120;
    type(pen, ink.text, "center");
    for (let i = Math.ceil(place.view.start / step); i * step <= place.view.stop; i++) {
      const x = place.x(i * step);
      pen.fillRect(x, place.bottom, 1, 4);
      if (x < place.width - 16) pen.fillText(`${+(i * step).toFixed(2)} s`, Math.max(x, GUTTER + 10), place.bottom + 12);
    }
    bar(pen, place, ink, texts);
  }

  function bar(pen, place, ink, texts) { // how probable each colour is
    const colours = ramp(ink.heat), long = Math.round(Math.min(150, place.width / 4)), left = place.width - long - 54, y = place.bottom + AXIS + 10;
    for (let i = 0; i < long; i++) {
      pen.fillStyle = css(colours[shadeOf(i / (long - 1))]);
      pen.fillRect(left + i, y - 7, 1, 13);
    }
    type(pen, ink.muted, "right");
    pen.fillText(`${texts.scale}   0 %`, left - 6, y);
    pen.textAlign = "left";
    pen.fillText("100 %", left + long + 6, y);
    pen.textAlign = "center";
    pen.fillStyle = readable(colours[shadeOf(0.5)]);
    pen.fillText("50 %", left + long / 2, y);
  }

  function base(pen, data, place, ink, texts) {
    pen.clearRect(0, 0, place.width, place.height);
    wave(pen, data, place, ink, GUTTER, WAVE);
    if (place.spectrum) spectrogram(pen, data, place, ink);
    words(pen, data, place, ink);
    heat(pen, data, place, ink);
    axes(pen, data, place, ink, texts);
  }

  // The moving parts: selection, row, cursor, and the frame around the word at the cursor.
  function overlay(pen, data, place, ink, { cursor, lit, row, selection }) {
    pen.clearRect(0, 0, place.width, place.height);
    const across = (start, stop, draw) => {
      const left = Math.max(GUTTER, place.x(start)), right = Math.min(place.width, place.x(stop));
      if (right > left) draw(left, right - left);
    };
    if (selection) {
      across(selection.start, selection.stop, (left, width) => {
        pen.fillStyle = ink.chosen;
        pen.fillRect(left, 0, width, place.bottom);
      });
    }
    const r = place.rows.indexOf(row);
    if (r >= 0) {
      const y = place.heat + r * ROW;
      pen.strokeStyle = ink.cursor;
      pen.lineWidth = 1;
      pen.strokeRect(GUTTER - 0.5, y + 0.5, place.width - GUTTER, ROW - 1);
      pen.fillStyle = ink.cursor;
      pen.fillRect(0, y, GUTTER - 1, ROW);
      type(pen, ink.paper, "right", `bold ${MONO}`);
      pen.fillText(named(data.labels[row]), GUTTER - 6, y + ROW / 2 + 1);
    }
    const word = data.words[lit];
    if (word) {
      across(word.start, word.end, (left, width) => {
        pen.strokeStyle = ink.cursor;
        pen.lineWidth = 2;
        pen.strokeRect(left + 1, place.words + 1, Math.max(1, width - 2), WORDS - 3);
      });
    }
    const x = Math.round(place.x(cursor));
    if (x < GUTTER || x > place.width) return;
    pen.fillStyle = ink.paper; // a rim, so that the line is visible on every colour
    pen.fillRect(x - 1, 0, 3.5, place.bottom);
    pen.fillStyle = ink.cursor;
    pen.fillRect(x, 0, 1.5, place.bottom);
  }

  // The strip: the wave of the whole sound, with its doubtful words.
  function strip(pen, data, width, ink) {
    const place = layout(data, { start: 0, stop: data.seconds }, width + GUTTER, [], false);
    pen.clearRect(0, 0, width, STRIP);
    wave({ set fillStyle(colour) { pen.fillStyle = colour; }, fillRect: (x, ...more) => pen.fillRect(x - GUTTER, ...more) }, data, place, ink, GUTTER, STRIP - 4);
    pen.fillStyle = ink.doubtful;
    for (const word of data.words) if (word.shade === "doubtful") pen.fillRect((word.start / data.seconds) * width, STRIP - 4, 2, 4);
  }

  window.w2vkitDraw = { layout, base, overlay, strip, STRIP };
})();
