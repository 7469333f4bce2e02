// Texts after some steps of training, coloured by letter: right, wrong, missing.
function start(root, data) {
  const { groups, wanted, steps } = data;
  const row = add(root, "div", { class: "row" });
  row.append("step");
  const buttons = steps.map((step, k) => button(row, step.step, () => { halt(); show(k); }));
  buttons.forEach((element) => { element.className = "step"; });
  let at = data.chosen;
  const halt = player(row, "play", () => { show((at + 1) % steps.length); return at + 1 < steps.length; }, 1200);
  for (const [kind, name] of [["right", "right"], ["wrong", "wrong or too many"], ["missing", "missing"]]) {
    add(row, "span", { class: kind }, name);
  }
  const title = add(root, "p", { "aria-live": "polite" });
  const texts = add(root, "div", { class: "mono" });

  function show(k) {
    at = k;
    buttons.forEach((element, i) => { element.style.outline = i === k ? `2px solid ${BLUE}` : ""; });
    const rates = steps[k].rates.map((rate, i) => `${rate.toFixed(2)} on the ${groups[i]}`);
    title.textContent = `After ${steps[k].step} steps: CER ${rates.join(", ")}`;
    texts.replaceChildren();
    steps[k].texts.forEach((group, g) => {
      add(add(texts, "div", { style: "margin-top: 6px" }), "b", {}, groups[g]);
      group.forEach((parts, i) => {
        const line = add(texts, "div", { title: wanted[g][i] });
        for (const [kind, text] of parts) add(line, "span", { class: kind }, text);
      });
    });
  }
  show(at);
}
