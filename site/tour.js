// The guided tour: eight steps from wave to text on a part of one clip. Each step lights what it tells of, and changes one thing.
import { bytesOf, peaksOf } from "./pack.js";
import { RATE, decoded } from "./sound.js";
import { bestPath, emissionsOf, greedy, textOf } from "./words.js";

const LEAST_CELL = 25, GUTTER = 50, WAVE = 84, FRAMES = 42, ROW = 15; // CSS pixels
const MASK = 0.1; // s that step 3 silences
const SHOWN = 0.02; // labels that are never likelier have no row

const STEPS = [
  {
    title: "The wave", lit: ["wave", "clip"], notebook: "02_sound_as_numbers",
    text: "Sound reaches the network as 16,000 numbers a second, and as nothing else: it gets no spectrum and no list of sounds. Let the wave begin a little later, so that every frame sees other numbers, and watch how little the text depends on it.",
    control: { name: "Begin later by", from: 0, to: 19, step: 1, value: 0, unit: "ms", key: "shift", live: true },
  },
  {
    title: "Frames", lit: ["wave", "frames"], notebook: "03_what_the_convolutions_hear",
    text: "Convolutions turn 65 ms of the wave into one frame, and every 20 ms a new frame begins. Choose a frame and see the piece of the wave that it is made of.",
    control: { name: "Frame", from: 0, to: 1, step: 1, value: 12, unit: "", key: "frame" },
  },
  {
    title: "Context", lit: ["wave", "heat", "clip"], notebook: "04_context",
    text: "The transformer lets every frame look at all the others, so a letter that is hard to hear can be read from its neighbours. Silence a tenth of a second and see what the network still reads there.",
    control: { name: "Silence from", from: 0, to: 1, step: 1, value: 0, unit: "frame", key: "mask", live: true, zero: "nothing" },
  },
  {
    title: "Probabilities", lit: ["heat"], notebook: "05_letters_from_frames",
    text: "For every frame the network gives a probability to each letter, to the space and to the blank, and these sum to one. A higher temperature makes them more alike, but it changes neither their order nor the text.",
    control: { name: "Temperature", from: 0.3, to: 5, step: 0.1, value: 1, unit: "", key: "temperature" },
  },
  {
    title: "The best path", lit: ["heat", "path"], notebook: "05_letters_from_frames",
    text: "Letter by letter means: take the likeliest label of each frame. Often that is the blank, shown as a dot, which says “no new letter”; forbid it, and the two E of TREES become one, while other letters fill its frames.",
    control: { name: "Forbid the blank", check: true, key: "forbid" },
  },
  {
    title: "Merge and drop", lit: ["path", "text"], notebook: "06_ctc_by_hand",
    text: "One rule makes text of the path: merge equal neighbours, then drop the blanks. Do it by hand: press every label that has to go.",
    control: { name: "Do it for me", button: true, key: "solve" },
  },
  {
    title: "How sure", lit: ["clip"], notebook: "08_when_was_it_said",
    text: "A word is as sure as all its letters and spaces together: their probabilities are multiplied. Choose how sure is sure enough for you, and see which words of the clip remain.",
    control: { name: "Sure enough from", from: 0, to: 100, step: 1, value: 80, unit: "%", key: "threshold" },
  },
  {
    title: "The language model", lit: ["clip"], notebook: "07_beams_and_words",
    text: "Beam search keeps many texts at once and asks a language model how common their words are in a row. Give the model more weight or less, and see which words change.",
    control: { name: "Weight of the language model", from: 0, to: 2, step: 0.1, value: 0.8, unit: "", key: "alpha", language: true },
  },
];

function make(tag, className = "", text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

export async function startTour(section, { about, ask, loaded }) {
  const one = about.examples[0], stored = await (await fetch(one.result)).json();
  const original = await decoded(await (await fetch(one.audio)).arrayBuffer());
  const base = emissionsOf(Float32Array.from(new Int16Array(bytesOf(stored.log_probs).buffer), x => x / 1000), original.length, about);
  const words = greedy(base), middle = Math.max(1, words.findIndex(word => /(.)\1/.test(word.text)));
  const frameAt = time => Math.round((time - base.startSeconds) / base.frameSeconds);
  const first = Math.max(0, frameAt(words[middle - 1].start)), last = Math.min(base.frames, frameAt(words[middle + 1].end)), count = last - first;
  let cell = LEAST_CELL, seen = 0; // CSS pixels of a frame, and of the board
  const state = { step: 0, shift: 0, frame: 12, mask: 0, temperature: 1, forbid: false, threshold: 80, alpha: 0.8, gone: new Set(), samples: original, emissions: base, beam: null, busy: false, trouble: "" };
  const rows = [base.blank, base.boundary, ...base.labels.map((label, k) => [label, k]).filter(([, k]) => !base.special.has(k) && k !== base.boundary && likely(k)).sort().map(([, k]) => k)];

  function likely(k) {
    for (let t = first; t < last; t++) if (base.logProbs[t * base.width + k] > Math.log(SHOWN)) return true;
    return false;
  }

  // The parts of the board, top to bottom.
  const steps = section.appendChild(make("ol", "steps")), told = section.appendChild(make("div", "told"));
  const board = section.appendChild(make("div", "board")), after = section.appendChild(make("div", "after"));
  board.tabIndex = 0;
  board.setAttribute("role", "group");
  board.setAttribute("aria-label", `A part of the clip: ${words.slice(middle - 1, middle + 2).map(word => word.text).join(" ")}`);
  const bands = { clip: after };
  for (const [name, caption] of [["wave", "the wave"], ["frames", "frames"], ["heat", "probabilities"], ["path", "the likeliest label of each frame"], ["text", "text"]]) {
    const band = bands[name] = board.appendChild(make("div", `band band-${name}`));
    band.append(make("span", "caption", caption));
    band.content = band.appendChild(make(["path", "text"].includes(name) ? "div" : "canvas", "content"));
    if (band.content.tagName === "CANVAS") band.content.setAttribute("aria-hidden", "true");
  }
  const whole = after.appendChild(make("p", "whole")), note = after.appendChild(make("p", "note"));
  whole.setAttribute("aria-live", "polite");
  const buttons = STEPS.map((step, i) => {
    const button = steps.appendChild(make("li")).appendChild(make("button", "", `${i + 1}`));
    button.append(make("span", "", step.title));
    Object.assign(button, { type: "button", onclick: () => go(i) });
    return button;
  });

  function go(index) {
    state.step = index;
    reset();
    buttons.forEach((button, i) => (i === index ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current")));
    const step = STEPS[index], title = make("h3", "", `${index + 1}. ${step.title}`), text = make("p", "", step.text);
    const ways = make("div", "ways");
    for (const [name, to] of [["Back", index - 1], ["Next", index + 1]]) {
      const button = ways.appendChild(make("button", to > index ? "main" : "", name));
      Object.assign(button, { type: "button", disabled: !STEPS[to], onclick: () => go(to) });
    }
    const [number, ...name] = step.notebook.split("_");
    const more = make("a", "more", `More: notebook ${number}, ${name.join(" ").replace("ctc", "CTC")}`);
    more.href = `docs/course/${step.notebook}/index.html`;
    ways.append(more);
    told.replaceChildren(title, text, control(step), ways);
    for (const [name, band] of Object.entries(bands)) band.classList.toggle("lit", step.lit.includes(name));
    if (step.control.language) change(step.control, state.alpha);
    draw();
    reveal();
  }

  // Scroll the board to what was chosen in it, unless it is seen.
  function reveal() {
    const { key } = STEPS[state.step].control, reach = key === "mask" ? MASK / base.frameSeconds : 1;
    if (!["frame", "mask"].includes(key)) return;
    const from = GUTTER + state[key] * cell, seenFrom = board.scrollLeft + GUTTER, seenTo = board.scrollLeft + board.clientWidth - GUTTER;
    if (from < seenFrom || from + reach * cell > seenTo) board.scrollLeft = from - board.clientWidth / 2;
  }

  function reset() {
    state.gone.clear();
    if (!state.busy) state.trouble = "";
    Object.assign(state, { samples: original, emissions: base, shift: 0, mask: 0, forbid: false, temperature: 1 });
  }

  function control({ control: it }) {
    const box = make("div", "control");
    if (it.button) {
      const button = box.appendChild(make("button", "", it.name));
      Object.assign(button, { type: "button", onclick: () => { state.gone = solution(); draw(); } });
      return box;
    }
    const label = box.appendChild(make("label"));
    const input = make("input");
    if (it.check) {
      Object.assign(input, { type: "checkbox", checked: state[it.key], onchange: () => change(it, input.checked) });
      label.append(input, ` ${it.name}`);
      return box;
    }
    const output = make("output");
    const most = it.key === "frame" ? count - 1 : it.key === "mask" ? count - Math.round(MASK / base.frameSeconds) : it.to;
    Object.assign(input, { type: "range", min: it.from, max: most, step: it.step });
    input.value = state[it.key];
    const say = () => {
      output.textContent = it.zero && +input.value === 0 ? it.zero : it.unit === "frame" ? `frame ${first + +input.value}` : `${it.key === "frame" ? first + +input.value : input.value} ${it.unit}`;
    };
    input.oninput = () => {
      say();
      change(it, +input.value);
    };
    say();
    label.append(make("span", "", it.name), input, output);
    return box;
  }

  async function change(it, value) {
    state[it.key] = value;
    draw();
    reveal();
    if (!it.live && !it.language) return;
    if (state.busy) return; // the newest values follow below
    Object.assign(state, { busy: true, trouble: "Waiting for the model" });
    draw();
    await loaded[it.language ? "language" : "model"];
    state.trouble = "";
    draw();
    for (let done = null; done !== wish(); ) {
      done = wish();
      const now = STEPS[state.step].control, { shift, mask, alpha } = state;
      try {
        if (now.language) {
          const { words: found } = await ask({ act: "decode", logProbs: base.logProbs, samples: original.length, decoder: "beam", weights: { alpha } });
          state.beam = found;
        } else if (now.live) {
          const samples = changed(shift, mask);
          const found = shift || mask ? await ask({ act: "transcribe", samples, decoder: "greedy" }) : { logProbs: base.logProbs };
          if (done === wish()) Object.assign(state, { samples, emissions: emissionsOf(found.logProbs, samples.length, about) });
        }
      } catch (error) {
        state.trouble = `This could not be computed: ${error.message}.`;
      }
    }
    state.busy = false;
    draw();
  }

  const wish = () => `${state.step} ${state.shift} ${state.mask} ${state.alpha}`;

  function changed(shift, mask) {
    const samples = new Float32Array(original.length), later = Math.round((shift / 1000) * RATE);
    samples.set(original.subarray(0, original.length - later), later);
    if (mask) {
      const from = Math.round((base.startSeconds + (first + mask) * base.frameSeconds) * RATE);
      samples.fill(0, from, from + MASK * RATE);
    }
    return samples;
  }

  // The frames whose labels have to go: blanks, and repeats of the frame before.
  function solution() {
    const path = bestPath(base), gone = new Set();
    for (let t = first; t < last; t++) if (base.special.has(path[t]) || (t > first && path[t] === path[t - 1])) gone.add(t);
    return gone;
  }

  const letter = (k, emissions) => (emissions.special.has(k) ? "·" : k === emissions.boundary ? "␣" : emissions.labels[k]);

  function draw() {
    const style = getComputedStyle(section), ink = name => style.getPropertyValue(`--${name}`).trim(), { emissions, step } = state;
    const key = STEPS[step].control.key;
    seen = board.clientWidth;
    cell = Math.max(LEAST_CELL, Math.floor((board.clientWidth - GUTTER - 48) / count)); // 48: padding of board and band
    const width = GUTTER + count * cell;
    board.style.setProperty("--cell", `${cell}px`);
    board.style.setProperty("--gutter", `${GUTTER}px`);
    const x = time => GUTTER + ((time - base.startSeconds) / base.frameSeconds - first) * cell;

    wave(paper(bands.wave.content, width, WAVE), width, x, ink, key);
    frames(paper(bands.frames.content, width, FRAMES), ink, key);
    heat(paper(bands.heat.content, width, rows.length * ROW), width, ink, key);

    // The path: cells, which are buttons in step 6.
    const path = bestPath(emissions, state.forbid ? emissions.special : new Set()), cells = [];
    for (let t = first; t < Math.min(last, emissions.frames); t++) {
      const k = path[t], silent = emissions.special.has(k), node = make(key === "solve" ? "button" : "span", "cell", letter(k, emissions));
      node.classList.toggle("silent", silent);
      node.classList.toggle("here", key === "frame" && t - first === state.frame);
      if (key === "solve") {
        node.type = "button";
        node.setAttribute("aria-pressed", String(state.gone.has(t)));
        node.setAttribute("aria-label", `frame ${t}: ${silent ? "blank" : k === emissions.boundary ? "space" : emissions.labels[k]}, ${state.gone.has(t) ? "removed" : "kept"}`);
        node.onclick = () => {
          state.gone[state.gone.has(t) ? "delete" : "add"](t);
          draw();
          bands.path.content.children[t - first].focus();
        };
      }
      cells.push(node);
    }
    const focused = bands.path.content.contains(document.activeElement);
    bands.path.content.replaceChildren(...cells);
    if (focused) board.focus({ preventScroll: true });

    // The text of the part, and the whole clip below.
    let text = "";
    for (let t = first, before = -1; t < Math.min(last, emissions.frames); before = path[t++]) {
      if (key === "solve" ? !state.gone.has(t) : path[t] !== before && !emissions.special.has(path[t])) text += path[t] === emissions.boundary ? " " : letter(path[t], emissions);
    }
    bands.text.content.textContent = text.trim() || "nothing";
    clip(key, path);
  }

  function clip(key, path) {
    const heard = key === "alpha" ? state.beam ?? [] : state.forbid ? [] : greedy(state.emissions);
    const before = new Set(textOf(words).split(" ")), changes = ["shift", "mask", "alpha"].includes(key);
    note.textContent = "";
    whole.replaceChildren(make("span", "caption", "the whole clip "));
    if (key === "solve") {
      const wrong = [...solution()].filter(t => !state.gone.has(t)).length, lost = [...state.gone].filter(t => !solution().has(t)).length;
      whole.replaceChildren(lost ? `${lost} of the removed labels belong to the text. Press them again.` : wrong ? `${wrong} labels have to go.` : "Done: this is the text.");
      return;
    }
    if (state.forbid) {
      const kept = [...path].filter((k, t) => t === 0 || k !== path[t - 1]);
      whole.append(kept.map(k => (k === base.boundary ? " " : base.labels[k])).join("").trim());
      return;
    }
    if (key === "alpha" && !state.beam) {
      note.textContent = state.trouble;
      return whole.append("…");
    }
    for (const word of heard) {
      const doubt = key === "threshold" && word.confidence < state.threshold / 100, fresh = changes && !before.has(word.text);
      const node = make(doubt ? "s" : fresh ? "mark" : "span", "", word.text);
      if (key === "threshold") node.append(make("small", "", ` ${Math.floor(100 * word.confidence)}`));
      whole.append(node, " ");
    }
    if (!heard.length) whole.append("nothing");
    if (key === "threshold") note.textContent = `${heard.filter(word => word.confidence >= state.threshold / 100).length} of ${heard.length} words are sure enough.`;
    else if (changes) note.textContent = state.trouble || (textOf(heard) === textOf(words) ? "" : `Marked words differ from the text without ${key === "alpha" ? "the language model" : "a change"}.`);
  }

  function paper(canvas, width, height) {
    const density = devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(width * density), height: Math.round(height * density) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const context = canvas.getContext("2d");
    context.scale(density, density);
    context.textBaseline = "middle";
    return context;
  }

  function wave(context, width, x, ink, key) {
    const step = Math.round(RATE * base.frameSeconds / cell / 1.2), peaks = peaksOf(state.samples, step), most = peaksOf(original, original.length).reduce((a, b) => Math.max(a, Math.abs(b)), 1);
    if (key === "frame") {
      const start = (first + state.frame) * about.output.stride / RATE, from = x(start), to = x(start + about.output.receptive_field / RATE);
      context.fillStyle = ink("tint-strong");
      context.fillRect(from, 0, to - from, WAVE);
    }
    if (key === "mask" && state.mask) {
      context.fillStyle = ink("tint-strong");
      context.fillRect(GUTTER + state.mask * cell, 0, (MASK / base.frameSeconds) * cell, WAVE);
    }
    context.fillStyle = ink("wave");
    for (let i = 0; 2 * i < peaks.length; i++) {
      const left = x((i * step) / RATE);
      if (left < GUTTER || left > width) continue;
      const top = WAVE / 2 - (peaks[2 * i + 1] / most) * (WAVE / 2 - 2), foot = WAVE / 2 - (peaks[2 * i] / most) * (WAVE / 2 - 2);
      context.fillRect(left, top, 1.3, Math.max(1, foot - top));
    }
  }

  function frames(context, ink, key) {
    const reach = about.output.receptive_field / about.output.stride; // frames
    for (let i = 0; i < count; i++) {
      const here = key === "frame" && i === state.frame, left = GUTTER + (i + 0.5 - reach / 2) * cell + 1;
      context.fillStyle = here ? ink("accent") : ink("frame");
      const from = Math.max(GUTTER, left), to = Math.min(GUTTER + count * cell, left + reach * cell - 2);
      context.fillRect(from, 4 + (i % 4) * 9, to - from, 6); // every frame reaches over its neighbours
    }
  }

  function heat(context, width, ink, key) {
    const { emissions } = state, temperature = key === "temperature" ? state.temperature : 1, { calibrated: log } = temperature === 1 ? { calibrated: emissions.logProbs } : emissionsOf(emissions.logProbs, state.samples.length, about, temperature);
    context.font = "11px ui-monospace, monospace";
    context.textAlign = "right";
    rows.forEach((k, r) => {
      context.fillStyle = ink("text");
      context.fillText(k === base.blank ? "blank" : k === base.boundary ? "space" : base.labels[k], GUTTER - 7, (r + 0.5) * ROW);
      for (let t = first; t < Math.min(last, emissions.frames); t++) {
        const p = Math.exp(log[t * emissions.width + k]);
        context.fillStyle = ink("heat-none");
        context.fillRect(GUTTER + (t - first) * cell + 0.5, r * ROW + 0.5, cell - 1, ROW - 1);
        context.globalAlpha = Math.sqrt(p); // so that small probabilities are seen
        context.fillStyle = state.forbid && emissions.special.has(k) ? ink("frame") : ink("accent");
        context.fillRect(GUTTER + (t - first) * cell + 0.5, r * ROW + 0.5, cell - 1, ROW - 1);
        context.globalAlpha = 1;
      }
    });
    if (key === "frame") {
      context.strokeStyle = ink("text");
      context.strokeRect(GUTTER + state.frame * cell, 0.5, cell, rows.length * ROW - 1);
    }
  }

  new ResizeObserver(() => board.clientWidth !== seen && draw()).observe(board);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  go(0);
}
