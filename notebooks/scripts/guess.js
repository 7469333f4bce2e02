// Rounds of the guessing game: hear a sound with a hole, and pick its content among five.
function start(root, data) {
  const { rounds } = data, NAMES = "ABCDE";
  const head = add(root, "div", { class: "row" });
  const number = add(head, "b");
  button(head, "▶ the sound with a hole", hole);
  head.append("What is in the hole?");
  const svg = drawing(root, 800, 120, "a waveform with a hole");
  const offers = add(root, "div", { class: "row" });
  const said = add(root, "p", { "aria-live": "polite" });
  const foot = add(root, "div", { class: "row" });
  const next = button(foot, "next round", () => { round++; begin(); });
  const score = add(foot, "b");
  let round = 0, won = 0, network = 0, played = 0;

  async function hole() {
    const one = rounds[round], whole = await decode(data.sounds[one.sound]), rate = whole.sampleRate;
    const copy = new AudioBuffer({ length: whole.length, sampleRate: rate }), samples = whole.getChannelData(0).slice();
    samples.fill(0, Math.round(one.start * rate), Math.round(one.end * rate));
    copy.copyToChannel(samples, 0);
    sound(copy, one.from, one.to);
  }
  function begin() {
    const one = rounds[round], x = (time) => 10 + (780 * (time - one.from)) / (one.to - one.from);
    number.textContent = `Round ${round + 1} of ${rounds.length}:`;
    said.textContent = "";
    next.disabled = true;
    svg.replaceChildren();
    one.envelope.forEach((v, i) => {
      const at = one.from + ((i + 0.5) / one.envelope.length) * (one.to - one.from);
      const look = { y1: 60 - 55 * v, y2: 60 + 55 * v, stroke: GREY, "stroke-width": 1.5 };
      if (at < one.start || at >= one.end) add(svg, "line", { x1: x(at), x2: x(at), ...look });
    });
    add(svg, "rect", { x: x(one.start), y: 2, width: x(one.end) - x(one.start), height: 116, fill: "#fde68a", opacity: 0.7 });
    add(svg, "text", { x: x((one.start + one.end) / 2), y: 68, "text-anchor": "middle", "font-size": 24 }, "?");
    offers.replaceChildren();
    one.options.forEach((option, k) => {
      const pair = add(offers, "span");
      button(pair, `▶ ${NAMES[k]}`, async () => sound(await decode(data.sounds[one.sound]), option.start, option.end));
      button(pair, `it is ${NAMES[k]}`, () => tell(k)).className = "pick";
    });
  }
  function tell(k) {
    const one = rounds[round];
    played++;
    won += k === one.right;
    network += one.network === one.right;
    offers.querySelectorAll(".pick").forEach((pick, i) => {
      pick.disabled = true;
      pick.classList.add(i === one.right ? "right" : i === k ? "wrong" : "missing");
    });
    said.textContent = `${k === one.right ? "Right." : "Wrong."} It was ${NAMES[one.right]} (${one.options[one.right].name}); ` +
      `you picked ${one.options[k].name}, the network ${NAMES[one.network]}.`;
    score.textContent = `You: ${won} of ${played}. Network: ${network} of ${played}. By chance: ${(played / 5).toFixed(1)}.`;
    next.disabled = round + 1 === rounds.length;
  }
  begin();
}
