// A bar for each utterance, the worst first. A click plays it and shows its two texts, word by word.
function start(root, data) {
  const { utterances } = data, most = Math.max(1, ...utterances.map((one) => one.errors));
  const bars = add(root, "div");
  const text = add(root, "div", { style: "min-height: 90px; overflow-x: auto; margin-top: 6px", "aria-live": "polite" });

  function write(one) {
    text.replaceChildren();
    add(text, "b", {}, one.id);
    text.append(`: ${one.errors} errors in ${one.words} words (red: another word or one too many; grey: left out)`);
    const table = add(text, "table", { class: "mono" });
    ["REF", "HYP"].forEach((name, side) => {
      const line = add(table, "tr");
      add(add(line, "td"), "b", {}, name);
      for (const pair of one.pairs) {
        const kind = pair[0] === pair[1] ? "" : pair[1] === null ? "missing" : "wrong";
        add(line, "td", { class: kind }, pair[side] ?? "—");
      }
    });
  }
  for (const one of utterances) {
    const line = "display: flex; align-items: center; gap: 6px; cursor: pointer; height: 21px; white-space: nowrap";
    const bar = add(bars, "div", { role: "button", tabindex: 0, style: line });
    add(bar, "span", { style: "flex: 0 0 9.5em; overflow: hidden; text-overflow: ellipsis" }, one.id);
    const width = `calc(2px + ${one.errors / most} * (100% - 14.5em))`; // what the names and numbers leave, also on a phone
    add(bar, "span", { style: `flex: none; width: ${width}; height: 15px; background: ${ORANGE}` });
    bar.append(`${one.errors} of ${one.words}`);
    const open = async () => { write(one); sound(await decode(one.sound)); };
    bar.addEventListener("click", open);
    bar.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  }
  write(utterances[0]);
}
