// Words over a waveform. A border between two of them can be dragged, and a curve shows the score of each place.
function start(root, data) {
  const { words, borders, best, step, first, seconds } = data, W = 780, LEAST = -40;
  const x = (time) => 10 + (time / seconds) * W, time = (frame) => first + frame * step;
  const y = (score) => 310 - (120 * (Math.max(LEAST, score - best) - LEAST)) / -LEAST;
  const said = add(root, "p", { "aria-live": "polite" });
  const svg = drawing(root, 800, 330, "words over a waveform, and the score of a border at each time");
  const row = add(root, "div", { class: "row" });
  let chosen = data.chosen, at = borders.map((border) => border.best), moving = false;
  const listen = async (from, to) => sound(await decode(data.sound), from, to);
  const edge = (k) => (k < 0 ? data.start : k < at.length ? time(at[k]) : data.end);
  button(row, "play all", () => listen(0, seconds));
  button(row, "back to the best", () => { at = borders.map((border) => border.best); draw(); });
  add(row, "small", {}, "Drag a blue border. Click a box to hear that stretch. Dashed: the true borders.");

  function draw() {
    svg.replaceChildren();
    const wave = data.envelope.map((v, i) => `${x((i / data.envelope.length) * seconds).toFixed(1)} ${110 - 70 * v}`);
    add(svg, "path", { d: `M10 110L${wave.join("L")}L790 110Z`, fill: GREY, opacity: 0.5 });
    words.forEach((word, k) => {
      const [a, b] = [edge(k - 1), edge(k)];
      const look = { fill: BLUE, opacity: 0.18, cursor: "pointer", "data-word": k };
      const box = add(svg, "rect", { x: x(a), y: 20, width: Math.max(1, x(b) - x(a)), height: 92, ...look });
      box.addEventListener("click", () => listen(a, b));
      add(svg, "text", { x: x((a + b) / 2), y: 16, "text-anchor": "middle", "font-size": 12, fill: "currentColor" }, word);
    });
    for (const right of data.true) {
      add(svg, "line", { x1: x(right), x2: x(right), y1: 20, y2: 118, stroke: ORANGE, "stroke-dasharray": 3 });
    }
    borders.forEach((_, k) => {
      const here = x(time(at[k])), colour = k === chosen ? "currentColor" : BLUE;
      const look = { stroke: colour, "stroke-width": 6, opacity: 0.75, cursor: "ew-resize", "data-border": k };
      const line = add(svg, "line", { x1: here, x2: here, y1: 20, y2: 130, ...look });
      line.addEventListener("pointerdown", (event) => {
        chosen = k;
        moving = true;
        svg.setPointerCapture(event.pointerId);
        draw();
      });
    });
    const scores = borders[chosen].scores, score = scores[at[chosen]], lost = score - best;
    const curve = scores.map((s, t) => `${x(time(t)).toFixed(1)} ${y(s).toFixed(1)}`).join("L");
    add(svg, "path", { d: `M${curve}`, fill: "none", stroke: GREEN, "stroke-width": 2 });
    add(svg, "circle", { cx: x(time(at[chosen])), cy: y(score), r: 6, fill: GREEN });
    const small = { x: 12, "font-size": 12 };
    add(svg, "text", { ...small, y: 178, fill: GREEN }, "score of the best path through the border at each time (nats)");
    add(svg, "text", { ...small, y: y(best) + 4, fill: "currentColor" }, best.toFixed(1));
    add(svg, "text", { ...small, y: 325, fill: "currentColor" }, `${(best + LEAST).toFixed(0)} and less`);
    const odds = lost > -30 ? `e^${lost.toFixed(1)} times as likely` : "hopeless";
    const value = score < -1e5 ? "none: no path fits" : `${score.toFixed(2)} nats (${lost.toFixed(2)} against the best, ${odds})`;
    said.textContent = `Border ${words[chosen]} | ${words[chosen + 1]} at ${time(at[chosen]).toFixed(2)} s: score ${value}`;
  }
  svg.addEventListener("pointermove", (event) => {
    if (!moving) return;
    const box = svg.getBoundingClientRect();
    const moved = (((((event.clientX - box.left) / box.width) * 800 - 10) / W) * seconds - first) / step;
    const low = chosen ? at[chosen - 1] + 1 : 0, high = chosen + 1 < at.length ? at[chosen + 1] - 1 : data.frames - 1;
    at[chosen] = Math.min(high, Math.max(low, Math.round(moved)));
    draw();
  });
  svg.addEventListener("pointerup", () => { moving = false; });
  draw();
}
