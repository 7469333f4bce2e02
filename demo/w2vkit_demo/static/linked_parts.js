// The linked view's texts: legend, words, and the details of a frame. All text is set as textContent, never as HTML.
(() => {
  "use strict";
  const { timeOf, likeliest, collapse } = window.w2vkitData;
  const REACH = 7; // frames of the path on either side of the cursor

  function make(tag, className, text) {
    const node = document.createElement(tag);
    node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = one => `${(100 * one.probability).toFixed(1)} %`;
  const LEAST = 0.001; // a label that is less probable is not listed

  function legend(texts) {
    const line = make("p", "lv-legend", `${texts.legend} `);
    for (const shade of ["sure", "likely", "doubtful"]) line.append(make("span", `lv-key lv-${shade}`, texts[shade]), " ");
    return line;
  }

  // The details of a frame: its likeliest labels, the path around it, and a sentence for screen readers.
  function readout(data, texts, frame) {
    const best = likeliest(data, frame, 5).filter(one => one.probability >= LEAST), { cells, text } = collapse(data, frame, REACH);
    const [start, end] = [frame, frame + 1].map(t => timeOf(data, t).toFixed(3));
    const head = fill(texts.frame, { frame, start, end });
    const list = make("ol", "lv-best");
    for (const one of best) {
      const item = list.appendChild(make("li", "lv-one")), bar = make("i", "lv-fill");
      bar.style.width = `${100 * one.probability}%`;
      item.append(make("b", "", one.label), bar, make("span", "", percent(one)));
    }
    const path = make("div", "lv-path");
    path.append(...cells.map(cell => make("span", `lv-cell lv-${cell.kind}${cell.here ? " lv-here" : ""}`, cell.label)));
    const left = make("div", "lv-likeliest"), right = make("div", "lv-collapse");
    left.append(make("p", "", head), list);
    right.append(make("p", "", texts.path), path, make("p", "lv-becomes", `${texts.becomes} ${text || texts.empty}`));
    return { parts: [left, right], said: `${head}: ${best.map(one => `${one.label} ${percent(one)}`).join(", ")}` };
  }

  // What the keys do, as a dialog.
  function help(texts) {
    const dialog = make("dialog", "lv-help"), list = make("dl", ""), close = make("button", "lv-close", texts.close);
    dialog.ariaLabel = texts.help;
    for (const [key, what] of texts.keys) list.append(make("dt", "", key), make("dd", "", what));
    Object.assign(close, { type: "button", autofocus: true, onclick: () => dialog.close() });
    dialog.onclick = event => { if (event.target === dialog) dialog.close(); }; // beside it
    dialog.append(make("strong", "", texts.help), list, close);
    return dialog;
  }

  function save(blob, name) {
    const link = make("a", ""), address = URL.createObjectURL(blob);
    Object.assign(link, { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  window.w2vkitParts = { make, fill, legend, readout, help, save };
})();
