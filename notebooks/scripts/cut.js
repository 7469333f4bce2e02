// A sound that is cut in two at a chosen place, with context or without, and what is then read of it.
function start(root, data) {
  const { words, cuts, contexts, readings, seconds } = data, W = 800, TOP = 130, BASE = 235;
  const row = add(root, "div", { class: "row" });
  let cut = data.cut, context = data.context;
  const control = slider(row, "cut", 0, cuts.length - 1, cut, 1, (value) => { cut = value; draw(); });
  const picked = add(add(row, "label", {}, "context on either side "), "select");
  contexts.forEach((length, k) => add(picked, "option", { value: k }, `${length} s`));
  picked.value = context;
  picked.addEventListener("change", () => { context = Number(picked.value); draw(); });
  button(row, "▶ left piece", async () => sound(await decode(data.sound), 0, ends()[0]));
  button(row, "▶ right piece", async () => sound(await decode(data.sound), ends()[1]));
  const svg = drawing(root, W, 260, "a waveform with a cut, and the wrong characters of each cut");
  const title = add(root, "p", { "aria-live": "polite" });
  const text = add(root, "p", { class: "mono" });
  const pieces = add(root, "p", { class: "mono" });
  const x = (time) => (time / seconds) * W;
  const ends = () => {
    const at = cuts[cut].time, length = contexts[context];
    return [Math.min(seconds, at + length), Math.max(0, at - length)];
  };

  function draw() {
    control.value = cut;
    svg.replaceChildren();
    const [right, left] = ends(), at = cuts[cut].time, one = readings[context][cut];
    const [letters, digits] = root.clientWidth < 500 ? [17, 22] : [13, 12]; // larger where the drawing is narrow, as on a phone
    add(svg, "rect", { x: x(left), y: 0, width: Math.max(0, x(right) - x(left)), height: TOP, fill: ORANGE, opacity: 0.18 });
    data.envelope.forEach((v, i) => {
      const place = ((i + 0.5) / data.envelope.length) * W, look = { stroke: GREY, "stroke-width": 1.5 };
      add(svg, "line", { x1: place, x2: place, y1: 75 - 50 * v, y2: 75 + 50 * v, ...look });
    });
    for (const [word, from, to] of words) {
      const middle = { x: x((from + to) / 2), y: 15, "text-anchor": "middle", "font-size": letters, fill: "currentColor" };
      add(svg, "text", middle, word);
      add(svg, "line", { x1: x(from), x2: x(from), y1: 22, y2: TOP, stroke: GREY, "stroke-dasharray": 3 });
    }
    add(svg, "line", { x1: x(at), x2: x(at), y1: 0, y2: TOP, stroke: ORANGE, "stroke-width": 4 });
    add(svg, "line", { x1: 0, x2: W, y1: BASE, y2: BASE, stroke: GREY });
    const most = Math.max(1, ...readings.flat().map((reading) => reading.errors));
    cuts.forEach(({ time, inside }, k) => {
      const errors = readings[context][k].errors, height = 2 + (80 * errors) / most;
      const look = { fill: inside ? ORANGE : BLUE, opacity: k === cut ? 1 : 0.55, cursor: "pointer", "data-cut": k };
      const bar = add(svg, "rect", { x: x(time) - 9, y: BASE - height, width: 18, height, ...look });
      bar.addEventListener("click", () => { cut = k; draw(); });
      add(svg, "text", { x: x(time), y: BASE + digits + 3, "text-anchor": "middle", "font-size": digits, fill: "currentColor" }, errors);
    });
    title.textContent = `Cut ${cuts[cut].name}, ${at.toFixed(2)} s, context ${contexts[context]} s: ${one.errors} wrong characters. ` +
      "Bars: wrong characters of each cut, orange inside of a word, blue between two.";
    text.replaceChildren("joined: ");
    for (const [kind, part] of one.parts) add(text, "span", { class: kind }, part);
    pieces.textContent = `left:   ${one.left || "(nothing)"}\nright:  ${one.right || "(nothing)"}`;
  }
  draw();
}
