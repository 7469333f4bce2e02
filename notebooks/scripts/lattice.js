// The lattice of a word: click a path through it, count paths, and watch the forward sums fill column by column.
function start(root, data) {
  const { labels, probabilities, words } = data, T = probabilities.length, W = 800, LEFT = 60, GAP = 44;
  const row = add(root, "div", { class: "row" });
  const picked = add(add(row, "label", {}, "word "), "select");
  for (const name of words) add(picked, "option", {}, name);
  let word, states, path, found, filled;
  button(row, "back", () => { path.pop(); draw("one step back"); });
  button(row, "new path", () => { path = []; draw("Begin in one of the first two states."); });
  const halt = player(row, "fill the forward sums", () => { filled++; draw("Each sum is the sums it can come from, times the label's probability."); return filled < T; }, 900);
  button(row, "empty", () => { halt(); filled = 0; draw("emptied"); });
  const svg = drawing(root, W, 9 * GAP + 34, "states of the word by frames, with the allowed steps");
  const count = add(root, "p", { class: "mono" });
  const note = add(root, "p", { "aria-live": "polite" });
  picked.addEventListener("change", () => begin(picked.value));

  const p = (t, s) => probabilities[t][labels.indexOf(states[s])];
  const skips = (s) => s > 1 && states[s] !== labels[0] && states[s] !== states[s - 2];
  const may = (from, to) => to === from || to === from + 1 || (to === from + 2 && skips(to));
  const ends = (s) => s >= states.length - 2;
  // Forward sums of probabilities, or of ones to count the paths.
  function forward(weight) {
    const alpha = probabilities.map(() => states.map(() => 0));
    alpha[0][0] = weight(0, 0);
    alpha[0][1] = weight(0, 1);
    for (let t = 1; t < T; t++) {
      states.forEach((_, s) => {
        for (let from = Math.max(0, s - 2); from <= s; from++) if (may(from, s)) alpha[t][s] += alpha[t - 1][from];
        alpha[t][s] *= weight(t, s);
      });
    }
    return alpha;
  }
  const last = (alpha) => alpha[T - 1].filter((_, s) => ends(s)).reduce((a, b) => a + b);
  const product = (steps) => steps.reduce((all, s, t) => all * p(t, s), 1);

  function begin(name) {
    halt();
    word = name;
    states = [labels[0], ...[...word].flatMap((letter) => [letter, labels[0]])];
    path = [];
    found = new Map();
    filled = 0;
    draw("Click a state in the first column, then one in the next.");
  }

  function click(t, s) {
    if (t < path.length) path = path.slice(0, t);
    if (t > path.length) return draw(`Go on with frame ${path.length}.`);
    if (t === 0 && s > 1) return draw("A path begins in one of the first two states.");
    if (t > 0 && !may(path[t - 1], s)) {
      const from = path[t - 1];
      const joins = s === from + 2 && states[s] === states[from] && states[s] !== labels[0];
      const why = joins ? "Between two equal letters the blank must be visited, or they join." : "Stay, go one state on, or skip a blank between two letters.";
      return draw(`Not allowed. ${why}`);
    }
    path.push(s);
    if (path.length < T) return draw("");
    if (!ends(s)) return draw("This path ends too early: the last state must be one of the last two. Go back.");
    const spelled = path.map((state) => states[state]).join("");
    const known = found.has(path.join());
    found.set(path.join(), product(path));
    draw(`${spelled} spells ${word}. ${known ? "You had it already." : "A new one."} Click any state to change it from there.`);
  }

  function draw(message) {
    svg.replaceChildren();
    const x = (t) => LEFT + 40 + (t * (W - LEFT - 80)) / (T - 1), y = (s) => 22 + s * GAP;
    const alpha = forward(p), all = last(forward(() => 1));
    states.forEach((label, s) => {
      add(svg, "text", { x: 30, y: y(s) + 6, "font-size": 17, fill: "currentColor" }, label);
      for (let t = 0; t + 1 < T; t++) {
        for (let to = s; to < Math.min(s + 3, states.length); to++) {
          if (!may(s, to)) continue;
          const mine = path[t] === s && path[t + 1] === to;
          const look = { stroke: mine ? ORANGE : GREY, "stroke-width": mine ? 4 : 1, opacity: mine ? 1 : 0.35 };
          add(svg, "line", { x1: x(t), y1: y(s), x2: x(t + 1), y2: y(to), ...look });
        }
      }
    });
    states.forEach((_, s) => {
      for (let t = 0; t < T; t++) {
        const shown = t < filled && alpha[t][s] > 0;
        const mine = path[t] === s;
        const size = shown ? 17 : mine ? 12 : 9;
        const dot = add(svg, "circle", {
          cx: x(t), cy: y(s), r: size, cursor: "pointer", fill: mine ? ORANGE : shown ? BLUE : GREY, "data-state": `${t},${s}`,
        });
        dot.addEventListener("click", () => click(t, s));
        if (shown) {
          const text = alpha[t][s].toFixed(3).replace(/^0/, "");
          add(svg, "text", { x: x(t), y: y(s) + 4, "font-size": 12, "text-anchor": "middle", fill: "#fff", "pointer-events": "none" }, text);
        }
      }
    });
    for (let t = 0; t < T; t++) {
      add(svg, "text", { x: x(t), y: y(states.length - 1) + 36, "font-size": 13, "text-anchor": "middle", fill: "currentColor" }, `frame ${t}`);
    }
    svg.setAttribute("viewBox", `0 0 ${W} ${y(states.length - 1) + 46}`);
    const sum = [...found.values()].reduce((a, b) => a + b, 0);
    const mine = path.length ? `your path: p = ${product(path).toFixed(6)}` : "your path: none yet";
    count.textContent = `${mine}    found: ${found.size} of ${all} paths, sum ${sum.toFixed(6)}` +
      (filled >= T ? `    all paths: P(${word}) = ${last(alpha).toFixed(6)}` : "");
    note.textContent = message;
  }
  begin(words[0]);
  path = [...data.path];
  if (path.length === T) found.set(path.join(), product(path));
  filled = data.filled;
  draw("Click a state to go another way from there.");
}
