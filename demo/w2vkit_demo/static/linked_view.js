// The linked view: waveform, words and heatmap with one time axis, one zoom, one cursor and a player.
// `texts` is VIEW of strings.py.
(() => {
  "use strict";
  const { unpack, clamp, frameAt, wordAt } = window.w2vkitData;
  const { layout, base, overlay } = window.w2vkitDraw;
  const { make, fill, legend, wordButtons, readout } = window.w2vkitParts;
  const LONGEST = 60, SHORTEST = 0.2; // s; the longest and the shortest time that is shown at once
  const INKS = ["text", "lane", "wave", "cursor", "sure", "likely", "doubtful"];

  class LinkedView {
    constructor(element, value, texts, group) {
      Object.assign(this, { element, texts, group, data: unpack(value) });
      Object.assign(this, { cursor: this.data.words[0]?.start ?? 0, lit: -1, folded: false, waiting: false });
      this.longest = Math.min(this.data.seconds, LONGEST);
      this.view = { start: 0, stop: this.longest };
      this.build();
      this.observer = new ResizeObserver(() => this.draw());
      this.observer.observe(this.stage);
      this.theme = new MutationObserver(() => this.draw());
      this.theme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
      this.follow = event => { // follow the other view of a comparison
        const { group: of, from, view, cursor } = event.detail;
        if (of !== this.group || from === this) return;
        Object.assign(this, { view: { ...view }, cursor });
        this.light(wordAt(this.data, cursor));
        this.draw();
        this.read(false);
      };
      document.addEventListener("w2vkit-moved", this.follow);
      this.read(false);
    }

    close() {
      this.audio.pause();
      this.observer.disconnect();
      this.theme.disconnect();
      document.removeEventListener("w2vkit-moved", this.follow);
      this.element.replaceChildren();
    }

    build() {
      const { texts } = this;
      this.element.replaceChildren();
      const root = this.root = this.element.appendChild(make("section", "lv"));
      root.setAttribute("aria-label", texts.name);
      root.append(legend(texts));
      const { list, buttons } = wordButtons(this.data, texts, i => this.choose(i));
      this.buttons = buttons;
      root.append(list, this.bar());
      this.stage = root.appendChild(make("div", "lv-stage"));
      this.stage.tabIndex = 0;
      this.stage.setAttribute("role", "application");
      this.stage.setAttribute("aria-label", texts.stage);
      this.canvas = this.stage.appendChild(make("canvas", "lv-base"));
      this.above = this.stage.appendChild(make("canvas", "lv-above"));
      this.readout = root.appendChild(make("div", "lv-readout"));
      this.spoken = root.appendChild(make("div", "lv-spoken"));
      this.spoken.setAttribute("aria-live", "polite");
      root.append(make("p", "lv-hint", texts.hint));
      this.audio = root.appendChild(make("audio", "lv-audio"));
      this.sound = new window.w2vkitSound(this, this.audio, root.querySelector(".lv-play"));
      window.w2vkitGestures.listen(this);
    }

    bar() {
      const { texts } = this, bar = make("div", "lv-bar");
      const button = (name, text, label, act) => {
        const node = bar.appendChild(make("button", `lv-${name}`, text));
        Object.assign(node, { type: "button", title: label, onclick: act });
        node.setAttribute("aria-label", label);
        return node;
      };
      button("play", "", texts.play, null); // the player sets its text
      button("in", "+", texts.closer, () => this.zoom(0.5));
      button("out", "−", texts.wider, () => this.zoom(2));
      button("whole", texts.all, texts.whole, () => this.move(0, this.longest));
      button("back", "◀", texts.back, () => this.page(-1));
      button("on", "▶", texts.on, () => this.page(1));
      this.fold = button("fold", texts.fold, texts.fold, () => this.toggleBlank());
      this.fold.setAttribute("aria-pressed", "false");
      this.place = bar.appendChild(make("span", "lv-place"));
      return bar;
    }

    // The window: the part of the time axis that is shown.
    span(wanted) {
      return clamp(wanted, Math.min(SHORTEST, this.longest), this.longest);
    }

    move(start, wanted) {
      const span = this.span(wanted);
      start = clamp(start, 0, this.data.seconds - span);
      this.view = { start, stop: start + span };
      this.draw();
      this.tell();
    }

    zoom(factor, around = this.cursor) {
      const { start, stop } = this.view, inside = start <= around && around <= stop ? around : (start + stop) / 2;
      const span = this.span((stop - start) * factor);
      this.move(inside - ((inside - start) / (stop - start)) * span, span);
    }

    page(direction) {
      const span = this.view.stop - this.view.start;
      this.move(this.view.start + direction * 0.9 * span, span);
    }

    show(time) { // move the window to a time outside of it
      const { start, stop } = this.view;
      if (time < start || time > stop) this.move(time - 0.1 * (stop - start), stop - start);
    }

    toggleBlank() {
      this.folded = !this.folded;
      this.fold.setAttribute("aria-pressed", String(this.folded));
      this.draw();
    }

    // The cursor. With `loud`, screen readers speak the frame; that would be too much for each move of a mouse.
    point(time, loud = false) {
      this.cursor = clamp(time, 0, this.data.seconds);
      if (loud) this.show(this.cursor);
      this.light(wordAt(this.data, this.cursor));
      this.read(loud);
      this.tell();
    }

    choose(index) { // show a word and play it
      const word = this.data.words[index], [{ start, stop }, span] = [this.view, word.end - word.start];
      if (word.start < start || word.end > stop || span < (stop - start) / 12) this.move(word.start - 2 * span, Math.max(5 * span, 1));
      this.point(word.start, true);
      this.sound.play(word.start, word.end);
    }

    light(index) {
      if (index !== this.lit) {
        this.buttons[this.lit]?.classList.remove("lv-lit");
        this.buttons[index]?.classList.add("lv-lit");
        this.lit = index;
      }
      if (this.box) overlay(this.above.getContext("2d"), this.data, this.box, this.ink, this.cursor, this.lit);
    }

    tell() {
      if (!this.group) return;
      const detail = { group: this.group, from: this, view: this.view, cursor: this.cursor };
      document.dispatchEvent(new CustomEvent("w2vkit-moved", { detail }));
    }

    read(loud) {
      const frame = frameAt(this.data, this.cursor), { parts, said } = readout(this.data, this.texts, frame);
      this.readout.replaceChildren(...parts);
      if (loud) this.say(said);
    }

    say(text) {
      this.spoken.textContent = text;
    }

    draw() {
      if (this.waiting) return; // draw once for several changes
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        const width = this.stage.clientWidth;
        if (!width) return; // the tab is hidden
        const style = getComputedStyle(this.root);
        this.ink = Object.fromEntries(INKS.map(name => [name, style.getPropertyValue(`--lv-${name}`)]));
        const rows = this.data.labels.map((_, k) => k).filter(k => !this.folded || k !== this.data.blank);
        this.box = layout(this.data, this.view, width, rows);
        base(this.paper(this.canvas), this.data, this.box, this.ink);
        this.paper(this.above);
        this.light(this.lit);
        const { start, stop } = this.view;
        this.place.textContent = fill(this.texts.place, { start: start.toFixed(2), stop: stop.toFixed(2), seconds: this.data.seconds.toFixed(2) });
      });
    }

    paper(canvas) { // fit a canvas to the size and density of the screen
      const density = window.devicePixelRatio || 1, { width, height } = this.box;
      Object.assign(canvas, { width: Math.round(width * density), height: Math.round(height * density) });
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
      this.stage.style.height = `${height}px`;
      const context = canvas.getContext("2d");
      context.scale(density, density);
      return context;
    }
  }

  // Called once per component; each new value makes a new view.
  window.w2vkitLinkedView = (element, props, watch) => {
    let shown = null;
    const show = () => {
      shown?.close();
      shown = props.value ? new LinkedView(element.querySelector(".lv-mount"), props.value, props.texts, props.group) : null;
    };
    watch("value", show);
    show();
  };
})();
