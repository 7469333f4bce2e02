// A path of labels to type or click, and the text that it collapses to.
function start(root, data) {
  const { labels, frames, goal } = data, blank = labels[0], W = 800, CELL = 26, LEFT = 60;
  const step = (W - LEFT) / frames;
  const colours = [BLUE, ORANGE, GREEN, "#8a5cd6", "#b8860b", "#c2407a"];
  const row = add(root, "div", { class: "row" });
  const label = add(row, "label", {}, `${frames} frames: `);
  const field = add(label, "input", { type: "text", maxlength: frames, size: frames + 2, spellcheck: "false", class: "mono" });
  button(row, "all blank", () => { path = path.map(() => blank); draw(true); });
  button(row, "an example", () => { path = [...data.path]; draw(true); });
  const svg = drawing(root, W, CELL * labels.length + 62, "a grid: labels by frames, the path, and its runs");
  const joined = add(root, "p", { class: "mono" });
  const text = add(root, "p", { class: "mono", "aria-live": "polite" });
  let path = [...data.path];
  // A blank may be typed as a dash or a dot, a space as a space.
  const meant = (letter) => ("-._".includes(letter) ? blank : letter === " " ? "␣" : letter.toUpperCase().replace("Ε", blank));
  field.addEventListener("input", () => {
    const typed = [...field.value].map(meant);
    path = path.map((_, t) => (labels.includes(typed[t]) ? typed[t] : blank));
    draw(false);
  });

  function draw(write) {
    if (write) field.value = path.join("");
    svg.replaceChildren();
    let run = -1;
    const runs = []; // of each frame: its run
    path.forEach((letter, t) => { if (t === 0 || letter !== path[t - 1]) run++; runs.push(run); });
    const colour = (t) => (path[t] === blank ? GREY : colours[runs[t] % colours.length]);
    labels.forEach((letter, k) => {
      const y = k * CELL;
      add(svg, "text", { x: LEFT - 12, y: y + 18, "font-size": 15, "text-anchor": "end", fill: "currentColor" }, letter);
      for (let t = 0; t < frames; t++) {
        const chosen = path[t] === letter;
        const cell = add(svg, "rect", {
          x: LEFT + t * step + 1, y: y + 1, width: step - 2, height: CELL - 2, rx: 3, cursor: "pointer",
          fill: chosen ? colour(t) : GREY, opacity: chosen ? 1 : 0.15, "data-cell": `${letter}${t}`,
        });
        cell.addEventListener("click", () => { path[t] = letter; draw(true); });
      }
    });
    const y = CELL * labels.length + 30;
    add(svg, "text", { x: LEFT - 12, y, "font-size": 13, "text-anchor": "end", fill: "currentColor" }, "runs");
    for (let t = 0; t < frames; t++) {
      const shape = { x: LEFT + t * step, y: y - 16, height: 22, width: step + 0.5, fill: colour(t), opacity: path[t] === blank ? 0.35 : 1 };
      add(svg, "rect", shape);
      if (t === 0 || runs[t] !== runs[t - 1]) {
        const ink = path[t] === blank ? "currentColor" : "#fff";
        add(svg, "text", { x: LEFT + t * step + 5, y, "font-size": 14, fill: ink }, path[t]);
      }
      add(svg, "text", { x: LEFT + (t + 0.5) * step, y: y + 24, "font-size": 11, "text-anchor": "middle", fill: "currentColor" }, t);
    }
    const once = path.filter((letter, t) => t === 0 || letter !== path[t - 1]);
    const spelled = once.filter((letter) => letter !== blank).join("");
    joined.textContent = `runs joined:  ${once.join(" ")}`;
    const read = spelled.replaceAll("␣", " ");
    const comment = spelled === goal ? "  (that is it)" : `  (wanted: ${goal.replaceAll("␣", " ")})`;
    text.textContent = `blanks out:   ${read || "(nothing)"}${comment}`;
  }
  draw(true);
}
