// The prefixes of a beam search as a tree that grows frame by frame.
function start(root, data) {
  const { frames, width } = data, W = 800, ROW = 30;
  const row = add(root, "div", { class: "row" });
  let frame = data.frame;
  const control = slider(row, "after frame", 0, frames.length - 1, frame, 1, (value) => { frame = value; draw(); });
  player(row, "play", () => { frame = (frame + 1) % frames.length; control.value = frame; draw(); return frame < frames.length - 1; }, 1200);
  // The place of a prefix stays the same in all frames: its depth to the right, the order of the alphabet down.
  const places = new Map([["", 0]]);
  const born = new Map([["", -1]]); // the first frame in which a prefix was in the beam
  frames.forEach((nodes, t) => nodes.forEach(([name, , , kept]) => {
    if (!places.has(name)) places.set(name, 0);
    if (kept && !born.has(name)) born.set(name, t);
  }));
  const names = [...places.keys()].sort();
  let next = 0;
  const children = (name) => names.filter((other) => other.length === name.length + 1 && other.startsWith(name));
  (function place(name) {
    const below = children(name).map(place);
    places.set(name, below.length ? (below[0] + below.at(-1)) / 2 : next++);
    return places.get(name);
  })("");
  const depth = Math.max(...names.map((name) => name.length));
  const svg = drawing(root, W, next * ROW + 20, "the prefixes as a tree");
  const note = add(root, "p", { "aria-live": "polite" });
  const x = (name) => 46 + (name.length * (W - 190)) / depth, y = (name) => 18 + places.get(name) * ROW;

  function draw() {
    svg.replaceChildren();
    const now = new Map(frames[frame].map((node) => [node[0], node]));
    const kept = frames[frame].filter((node) => node[3]);
    const total = kept.reduce((sum, node) => sum + node[1] + node[2], 0);
    const seen = names.filter((name) => now.has(name) || (born.has(name) && born.get(name) <= frame));
    const alive = (name) => kept.some((node) => node[0].startsWith(name));
    for (const name of seen) {
      if (name === "") continue;
      const parent = name.slice(0, -1), lit = alive(name);
      const look = { stroke: lit ? BLUE : GREY, "stroke-width": lit ? 2.5 : 1, opacity: lit ? 1 : 0.5 };
      add(svg, "line", { x1: x(parent) + (parent ? 10 : 20), y1: y(parent), x2: x(name) - 10, y2: y(name), ...look });
    }
    for (const name of seen) {
      const node = now.get(name), live = Boolean(node && node[3]);
      const faint = { opacity: live ? 1 : alive(name) ? 0.8 : 0.5 };
      const letter = name === "" ? "start" : name.at(-1);
      const colour = live ? BLUE : "currentColor";
      add(svg, "text", { x: x(name), y: y(name) + 5, "font-size": name ? 15 : 12, "text-anchor": "middle", fill: colour, ...faint }, letter);
      if (!node) continue;
      const left = x(name) + (name ? 13 : 20), scale = 62 / total;
      const blank = node[1] * scale, ends = node[2] * scale;
      add(svg, "rect", { x: left, y: y(name) - 7, width: blank, height: 14, fill: live ? ORANGE : GREY, ...faint });
      add(svg, "rect", { x: left + blank, y: y(name) - 7, width: ends, height: 14, fill: live ? BLUE : GREY, ...faint });
      const sum = (node[1] + node[2]).toFixed(3).replace(/^0/, "");
      add(svg, "text", { x: left + blank + ends + 3, y: y(name) + 4, "font-size": 11, fill: "currentColor", ...faint }, sum);
    }
    const best = kept[0][0];
    note.textContent = `After frame ${frame} the beam holds ${kept.length} prefixes of ${frames[frame].length}; the best is “${best}”. ` +
      "Orange: paths that end in a blank; blue: in the prefix's last letter; grey: fallen out of the beam.";
  }
  draw();
}
