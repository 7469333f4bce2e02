// The bootstrap: draws of utterances, whose error rate falls onto a histogram.
function start(root, data) {
  const { errors, words, wer, limit } = data, BINS = 50, x = (rate) => 30 + (740 * rate) / limit;
  const chips = add(root, "div", { class: "row" });
  const row = add(root, "div", { class: "row" });
  button(row, "one draw", () => run(1));
  button(row, "50 draws", () => run(50));
  button(row, "1000 draws", () => run(1000));
  button(row, "clear", () => { clearInterval(busy); draws = []; show(); });
  const said = add(root, "p", { "aria-live": "polite" });
  const svg = drawing(root, 800, 260, "histogram of the error rates of the draws");
  let draws = [], busy = 0;

  function show(counts) {
    chips.replaceChildren();
    errors.forEach((wrong, i) => {
      const shade = `rgba(47, 125, 225, ${counts ? 0.22 * counts[i] : 0})`;
      const chip = add(chips, "span", { style: `border: 1px solid ${GREY}; border-radius: 4px; padding: 1px 6px; background: ${shade}` });
      add(chip, "b", {}, `clip ${i + 1}`);
      chip.append(` ${wrong} wrong of ${words[i]}${counts ? ` · drawn ${counts[i]}×` : ""}`);
    });
    svg.replaceChildren();
    const heights = new Array(BINS).fill(0);
    for (const rate of draws) heights[Math.min(BINS - 1, Math.floor((rate / limit) * BINS))]++;
    const scale = 200 / Math.max(12, ...heights);
    heights.forEach((height, k) => {
      const size = { width: 740 / BINS - 1, height: height * scale };
      add(svg, "rect", { x: x((k / BINS) * limit), y: 225 - height * scale, ...size, fill: BLUE, opacity: 0.6 });
    });
    for (let k = 0; k <= 4; k++) {
      const label = { x: x((k * limit) / 4), y: 245, "text-anchor": "middle", "font-size": 12, fill: "currentColor" };
      add(svg, "text", label, `${(25 * k * limit).toFixed(1)} %`);
    }
    add(svg, "line", { x1: x(wer), x2: x(wer), y1: 10, y2: 225, stroke: ORANGE, "stroke-width": 2 });
    add(svg, "text", { x: x(wer) + 4, y: 20, "font-size": 12, fill: ORANGE }, "measured");
    const sorted = [...draws].sort((a, b) => a - b);
    const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    const enough = draws.length >= 40, percent = (rate) => (100 * rate).toFixed(1);
    for (const q of enough ? [0.025, 0.975] : []) {
      add(svg, "line", { x1: x(at(q)), x2: x(at(q)), y1: 40, y2: 225, stroke: "currentColor", "stroke-dasharray": 4 });
    }
    said.textContent = `${draws.length} draws` + (draws.length ? `, the last: ${percent(draws.at(-1))} %` : "") +
      (enough ? `; the middle 95 %: ${percent(at(0.025))} to ${percent(at(0.975))} %` : "");
  }
  function one() {
    const counts = errors.map(() => 0);
    errors.forEach(() => counts[Math.floor(Math.random() * counts.length)]++);
    const sum = (values) => counts.reduce((total, count, i) => total + count * values[i], 0);
    draws.push(sum(errors) / sum(words));
    return counts;
  }
  function run(count) {
    clearInterval(busy);
    if (count > 100) {
      let last;
      for (let k = 0; k < count; k++) last = one();
      return show(last);
    }
    let left = count;
    busy = setInterval(() => {
      if (!svg.isConnected) return clearInterval(busy);
      show(one());
      const ball = add(svg, "circle", { cx: x(Math.min(limit, draws.at(-1))), cy: 5, r: 5, fill: BLUE });
      const fall = [{ transform: "translateY(0)" }, { transform: "translateY(215px)" }];
      ball.animate(fall, { duration: count === 1 ? 600 : 120, fill: "forwards" });
      if (!--left) clearInterval(busy);
    }, count === 1 ? 0 : 130);
  }
  show();
}
