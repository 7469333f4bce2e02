// The waveform with the window that one frame sees, and that frame's probabilities. The sound moves the window.
function start(root, data) {
  const { low, high, seconds, window, centres, labels, shares, texts } = data;
  const W = 800, TOP = 120, BASE = 290, LEFT = 36;
  const svg = drawing(root, W, 330, "waveform with a window, and the probabilities of its frame");
  const x = (time) => LEFT + (time / seconds) * (W - LEFT);
  const wave = low.map((value, k) => {
    const at = LEFT + ((k + 0.5) / low.length) * (W - LEFT);
    return `M${at.toFixed(1)} ${(TOP / 2) * (1 - high[k] / 100)}V${(TOP / 2) * (1 - value / 100) + 0.5}`;
  });
  const touch = add(svg, "rect", { x: LEFT, width: W - LEFT, height: TOP, fill: GREY, opacity: 0.08, cursor: "ew-resize" });
  add(svg, "path", { d: wave.join(""), stroke: "currentColor", "stroke-width": 1, "pointer-events": "none" });
  const seen = { y: 0, height: TOP, fill: ORANGE, opacity: 0.55, width: Math.max(2, x(window) - x(0)), "pointer-events": "none" };
  const pane = add(svg, "rect", seen);
  const clock = add(svg, "text", { y: TOP + 16, "font-size": 13, fill: ORANGE, "text-anchor": "middle" });
  for (const share of [0, 0.5, 1]) {
    const y = BASE - share * 130;
    add(svg, "line", { x1: LEFT, x2: W, y1: y, y2: y, stroke: GREY, opacity: 0.4 });
    add(svg, "text", { x: LEFT - 6, y: y + 4, "font-size": 12, "text-anchor": "end", fill: "currentColor" }, share);
  }
  const step = (W - LEFT) / labels.length;
  const bars = labels.map((label, k) => {
    const at = LEFT + (k + 0.5) * step;
    add(svg, "text", { x: at, y: BASE + 18, "font-size": 14, "text-anchor": "middle", fill: "currentColor" }, label);
    return add(svg, "rect", { x: at - step * 0.35, width: step * 0.7, fill: k ? BLUE : GREY });
  });
  const row = add(root, "div", { class: "row" });
  const sound = add(row, "audio", { controls: "", src: data.sound });
  const control = slider(row, "frame", 0, centres.length - 1, data.frame, 1, (frame) => { sound.pause(); show(frame); });
  const said = add(root, "p", { class: "mono", "aria-live": "off" });

  function show(frame) {
    control.value = frame;
    const at = x(centres[frame]);
    pane.setAttribute("x", at - seen.width / 2);
    clock.setAttribute("x", Math.min(Math.max(at, LEFT + 130), W - 130));
    clock.textContent = `frame ${frame} sees ${Math.round(1000 * window)} ms around ${centres[frame].toFixed(2)} s`;
    bars.forEach((bar, k) => {
      bar.setAttribute("height", 1.3 * shares[frame][k]);
      bar.setAttribute("y", BASE - 1.3 * shares[frame][k]);
    });
    said.textContent = `text so far: ${texts[frame]}`;
  }
  const frameAt = (time) => {
    const frame = Math.round((time - centres[0]) / (centres[1] - centres[0]));
    return Math.min(Math.max(frame, 0), centres.length - 1);
  };
  function follow() {
    if (sound.paused || !sound.isConnected) return;
    show(frameAt(sound.currentTime));
    requestAnimationFrame(follow);
  }
  sound.addEventListener("play", follow);
  const drag = (event) => {
    if (!event.buttons) return;
    const box = svg.getBoundingClientRect();
    const time = ((((event.clientX - box.left) / box.width) * W - LEFT) / (W - LEFT)) * seconds;
    sound.currentTime = Math.min(Math.max(time, 0), seconds);
    show(frameAt(time));
  };
  touch.addEventListener("pointerdown", drag);
  touch.addEventListener("pointermove", drag);
  show(data.frame);
}
