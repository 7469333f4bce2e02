// A waveform to zoom into, down to its samples, and to hear: exactly what is seen.
function start(root, data) {
  const bytes = Uint8Array.from(atob(data.samples), (letter) => letter.charCodeAt(0));
  const samples = Float32Array.from(new Int16Array(bytes.buffer), (value) => value / 32768);
  const { rate } = data, W = 800, H = 200, total = samples.length;
  const row = add(root, "div", { class: "row" });
  const svg = drawing(root, W, H + 24, "a part of the waveform");
  const note = add(root, "p", { "aria-live": "polite" });
  let from = 0, count = 0;
  const longest = Math.log10((1000 * total) / rate);
  const width = slider(row, "width (ms, each step the same factor)", Math.log10(2), longest, Math.log10(data.width), 0.01, draw);
  const place = slider(row, "place", 0, total, data.centre, 1, draw);
  button(row, "play what you see", play);

  function draw() {
    count = Math.round((10 ** Number(width.value) * rate) / 1000);
    from = Math.min(Math.max(Number(place.value) - (count >> 1), 0), total - count);
    svg.replaceChildren();
    add(svg, "line", { x1: 0, x2: W, y1: H / 2, y2: H / 2, stroke: GREY });
    const top = Math.max(...samples.subarray(from, from + count).map(Math.abs), 1e-4);
    const x = (k) => ((k + 0.5) / count) * W, y = (k) => H / 2 - (samples[from + k] / top) * (H / 2 - 4);
    const step = Math.max(1, Math.floor(count / 3200)); // more points than this cannot be seen
    const points = [];
    for (let k = 0; k < count; k += step) points.push(`${x(k).toFixed(1)} ${y(k).toFixed(1)}`);
    add(svg, "path", { d: `M${points.join("L")}`, fill: "none", stroke: BLUE, "stroke-width": 1.3 });
    if (count <= 320) {
      for (let k = 0; k < count; k++) add(svg, "circle", { cx: x(k), cy: y(k), r: count <= 120 ? 3.2 : 1.8, fill: BLUE });
    }
    for (const [at, anchor] of [[0, "start"], [1, "end"]]) {
      const time = `${((from + at * count) / rate).toFixed(4)} s`;
      add(svg, "text", { x: at * W, y: H + 18, "font-size": 13, "text-anchor": anchor, fill: "currentColor" }, time);
    }
    note.textContent = `${count} samples in ${((1000 * count) / rate).toFixed(1)} ms, drawn as high as they fit`;
  }
  let context;
  function play() {
    context ??= new AudioContext();
    const piece = context.createBuffer(1, count, rate);
    piece.copyToChannel(samples.subarray(from, from + count), 0);
    const source = context.createBufferSource();
    source.buffer = piece;
    source.loop = count < rate / 2;
    source.connect(context.destination);
    source.start();
    if (source.loop) source.stop(context.currentTime + 1);
    if (source.loop) note.textContent = `played again and again for one second: ${(rate / count).toFixed(1)} times a second`;
  }
  draw();
}
