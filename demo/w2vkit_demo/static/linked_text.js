// The linked view's text: words in paragraphs with their times, and, with the option `edit`, fields to correct them.
(() => {
  "use strict";
  const { make, fill } = window.w2vkitParts;
  const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  // The words as buttons: `choose` plays one, `seek` goes to a time, `edit` (or null) gets a change of the text, or nothing when one is given up.
  function words(data, texts, { choose, seek, edit }) {
    const list = make("div", "lv-words"), paragraphs = data.words.filter(word => word.opens).length > 1;
    Object.assign(list, { role: "group", ariaLabel: edit ? texts.words_edit : texts.words });
    if (!data.words.length) list.textContent = texts.nothing;
    const buttons = data.words.map((word, i) => {
      const node = make("button", `lv-word lv-${word.shade}${word.changed ? " lv-changed" : ""}`, word.text);
      const confidence = Math.round(100 * word.confidence), shade = texts.shades[word.shade];
      const label = fill(texts.word, { text: word.text, confidence, shade }) + (word.changed ? `, ${texts.changed}` : "");
      const times = fill(texts.times, { start: word.start.toFixed(2), end: word.end.toFixed(2) });
      Object.assign(node, { type: "button", title: `${label}, ${times}`, ariaLabel: label, tabIndex: i ? -1 : 0, onclick: () => choose(i) });
      if (edit) node.ondblclick = () => correct(i);
      if (paragraphs && word.opens) {
        const time = make("button", "lv-time", clock(word.start));
        const ariaLabel = fill(texts.go, { time: clock(word.start) });
        Object.assign(time, { type: "button", ariaLabel, tabIndex: -1, onclick: () => seek(word.start) });
        list.append(...(i ? [make("br", "")] : []), time, " ");
      }
      list.append(node, " ");
      return node;
    });

    function correct(i) { // a field in place of a word
      const field = make("input", "lv-field"), button = buttons[i];
      Object.assign(field, { value: data.words[i].text, size: data.words[i].text.length + 2, ariaLabel: texts.correct });
      let open = true;
      const end = (keep, focus) => {
        if (!open) return;
        open = false;
        field.replaceWith(button);
        if (focus) button.focus();
        const text = field.value.trim();
        if (!keep || text === data.words[i].text) return edit();
        data.words = data.words.map((word, k) => (k === i ? { ...word, text } : word));
        button.textContent = text;
        edit({ edit: data.words.map(word => word.text).join(" "), sentence: Boolean(data.sentence) });
      };
      field.onblur = () => end(true, false);
      field.onkeydown = event => {
        event.stopPropagation();
        if (event.isComposing) return; // Enter ends a word of an input method, such as one for Japanese
        if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter", true);
      };
      button.replaceWith(field);
      field.focus();
      field.select();
    }

    // The Tab key stops at the list once, and arrow keys move within it: a long text would have hundreds of stops.
    list.addEventListener("keydown", event => {
      const i = buttons.indexOf(document.activeElement);
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (edit && i >= 0 && event.key === "F2") correct(i);
      if (i < 0 || !buttons[to]) return;
      event.preventDefault();
      enter(buttons, to);
    });
    return { list, buttons };
  }

  function enter(buttons, to) { // move the keyboard's focus to a word, which becomes the list's stop
    buttons.forEach((button, i) => { button.tabIndex = i === to ? 0 : -1; });
    buttons[to]?.focus();
  }

  // The line below the words: edit all of them, undo the last change, sentence case. `edit` gets what is asked.
  function tools(data, texts, list, edit) {
    const bar = make("div", "lv-bar lv-tools");
    const add = (name, text, act) => {
      const node = bar.appendChild(make("button", `lv-${name}`, text));
      return Object.assign(node, { type: "button", onclick: act });
    };
    add("rewrite", texts.rewrite, () => {
      const area = make("textarea", "lv-area"), answer = make("div", "lv-bar");
      const close = change => {
        area.replaceWith(list);
        answer.replaceWith(bar);
        bar.firstChild.focus();
        edit(change);
      };
      const keep = make("button", "lv-keep", texts.keep), cancel = make("button", "", texts.cancel);
      area.value = data.words.map((word, i) => (i && word.opens ? "\n" : "") + word.text).join(" ").replaceAll(" \n", "\n");
      area.ariaLabel = texts.rewrite;
      area.onkeydown = event => {
        event.stopPropagation();
        if (event.isComposing) return;
        if (event.key === "Escape") close();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep.click();
      };
      keep.type = cancel.type = "button";
      keep.onclick = () => close({ edit: area.value, sentence: Boolean(data.sentence) });
      cancel.onclick = () => close();
      answer.append(keep, cancel);
      area.style.height = `${Math.max(120, list.offsetHeight)}px`;
      list.replaceWith(area);
      bar.replaceWith(answer);
      area.focus();
    });
    add("undo", texts.undo, () => edit({ undo: true })).disabled = !data.undo;
    add("sentence", texts.sentence, ({ currentTarget: button }) => {
      const on = button.ariaPressed !== "true"; // the answer to the click before may not be here
      button.ariaPressed = on;
      data.words = [...data.words]; // so that the words and this button are made anew, whatever the answer is
      edit({ sentence: on });
    }).ariaPressed = Boolean(data.sentence);
    return bar;
  }

  window.w2vkitText = { words, tools, enter };
})();
