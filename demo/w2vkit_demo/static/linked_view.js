// The linked view: wave, spectrogram, words and heat map with one time axis, one zoom, one cursor and a player.
//
//     const view = w2vkitView.mount(element, data, texts, { name, group });
//     view.svg(); await view.png(); view.seek(1.2); view.doubtful(); view.close();
//
// data: the fields of `LinkedView` in tabs/linked_view.py, and audio: {url}, any sound that the browser plays, without which
// nothing plays; name: of the sound's file, for downloads; of a text that can be edited: undo, whether there is a change to
// undo, and sentence, whether the words are in sentence case. texts: VIEW of strings.py. Options: name, what tells two views
// of a page apart; group: views of one group move together; words: the element for the words, if something stands between
// them and the plot; edit: gets {edit: text}, {undo: true} or {sentence: true}, and answers by
// view.reword({words, undo, sentence}) unless it refuses, and then by view.answered().
// The colours are in linked_view.css; an element of class "dark" around the view makes it dark.
(() => {
  "use strict";
  const { unpack, clamp, frameAt, wordAt, doubtful } = window.w2vkitData;
  const { layout, base, overlay, strip, STRIP } = window.w2vkitDraw;
  const { make, fill, legend, readout, help, save } = window.w2vkitParts;
  const { Sound, SPEEDS } = window.w2vkitSound;
  const SHORTEST = 0.1, LONG = 30; // s; the least that is shown, and from where there is a strip
  const FIRST = 110; // CSS pixels a second in the first view of a long sound: most words can be read
  const NARROW = 8; // CSS pixels; a narrower word is zoomed in on when it is chosen
  const INKS = ["text", "muted", "paper", "lane", "wave", "cursor", "chosen", "sure", "likely", "doubtful", "heat", "sound"];

  class LinkedView {
    constructor(element, data, texts, { name = "", group = "", edit = null, words = null } = {}) {
      Object.assign(this, { element, texts, group, name, edit, apart: words, value: { ...data }, data: unpack(data) });
      Object.assign(this, { cursor: this.data.words[0]?.start ?? 0, lit: -1, row: -1, selection: null, waiting: false, frame: -1, asked: [] });
      Object.assign(this, { spectrum: Boolean(data.audio), letters: false, pauses: true });
      const { seconds, first, end } = this.data;
      this.build();
      this.view = { start: first, stop: seconds > LONG ? (this.stage.clientWidth || 900) / FIRST : end };
      this.observer = new ResizeObserver(() => this.draw());
      this.observer.observe(this.stage);
      this.theme = new MutationObserver(() => this.draw());
      for (const node of [document.documentElement, document.body]) this.theme.observe(node, { attributes: true, attributeFilter: ["class"] });
      // The other view of a comparison tells shares of its sound, not seconds: its sound may be faster or slower.
      this.follow = event => {
        const { group: of, from, shares } = event.detail;
        if (of !== this.group || from === this) return;
        const [start, stop, cursor] = shares.map(share => share * seconds);
        Object.assign(this, { view: { start, stop }, cursor });
        this.light(wordAt(this.data, cursor));
        this.draw();
        this.read(false);
      };
      document.addEventListener("w2vkit-moved", this.follow);
      this.read(false);
    }

    close() {
      this.edit = null; // a field that is still open has nothing to correct any more
      this.sound.close();
      this.data.spectrum?.stop();
      this.observer.disconnect();
      this.theme.disconnect();
      document.removeEventListener("w2vkit-moved", this.follow);
      for (const node of [this.element, this.apart]) node?.replaceChildren();
    }

    build() {
      const { texts, data } = this;
      for (const node of [this.element, this.apart]) node?.replaceChildren();
      const root = this.root = this.element.appendChild(make("section", "lv"));
      root.ariaLabel = this.name ? `${texts.name}, ${this.name}` : texts.name;
      const head = make("div", "lv-head");
      this.head = this.apart?.appendChild(make("div", "lv")) ?? root;
      this.list = make("div", "");
      this.tools = make("div", "");
      head.append(legend(texts), this.tools);
      this.head.append(head, this.list);
      this.lay();
      root.append(this.bar());
      if (data.seconds > LONG) {
        this.strip = root.appendChild(make("div", "lv-strip"));
        this.strip.title = texts.strip;
        this.strip.append(make("canvas", ""), make("div", "lv-window"), make("div", "lv-here-line"));
      }
      this.stage = root.appendChild(make("div", "lv-stage"));
      Object.assign(this.stage, { tabIndex: 0, role: "application", ariaLabel: this.name ? `${texts.stage} ${this.name}` : texts.stage });
      this.canvas = this.stage.appendChild(make("canvas", "lv-base"));
      this.above = this.stage.appendChild(make("canvas", "lv-above"));
      root.append(this.switches());
      this.readout = root.appendChild(make("div", "lv-readout"));
      this.spoken = root.appendChild(make("div", "lv-spoken"));
      this.spoken.ariaLive = "polite";
      root.append(make("p", "lv-hint", texts.hint));
      this.help = root.appendChild(help(texts));
      this.audio = root.appendChild(make("audio", "lv-audio"));
      this.sound = new Sound(this, this.audio, root.querySelector(".lv-play"));
      this.audio.onratechange = () => { this.rate.value = String(this.audio.playbackRate); };
      window.w2vkitGestures.listen(this);
    }

    lay() { // the words, and what can be done with them
      const { texts, data } = this, edit = this.edit && (change => (change ? this.ask(change) : this.asked.length || this.settle()));
      const { list, buttons } = window.w2vkitText.words(data, texts, { choose: i => this.choose(i), seek: time => this.seek(time), edit });
      this.list.replaceWith(list);
      Object.assign(this, { list, buttons, lit: -1 });
      if (!edit) return this.tools.remove();
      const tools = window.w2vkitText.tools(data, texts, this.list, edit);
      this.tools.replaceWith(tools);
      this.tools = tools;
    }

    // Changes of the text go one at a time, as each is one of the text before. Meanwhile the words are shown as they were written.
    ask(change) {
      if (!this.edit) return;
      this.asked.push(change);
      if (this.asked.length === 1) this.edit(change);
    }

    answered(ended = false) { // the last change was made or refused; or it was ended, and what was asked after it with it
      this.asked.splice(0, ended ? Infinity : 1);
      if (this.asked.length && this.edit) this.edit(this.asked[0]);
      else this.settle();
    }

    reword(value) { // other words for the same sound: {words, undo, sentence}
      Object.assign(this.value, value);
      if (!this.asked.length) this.settle();
    }

    settle() { // show the words of the last answer, unless someone is writing
      const { words, undo, sentence } = this.value;
      if (words === this.data.words || this.head.querySelector(".lv-field, .lv-area")) return;
      this.audio.pause();
      const focused = document.activeElement, word = this.buttons.indexOf(focused), tool = this.tools.contains(focused) && focused.className;
      Object.assign(this.data, { words, undo, sentence });
      this.lay();
      if (word >= 0) window.w2vkitText.enter(this.buttons, Math.min(word, this.buttons.length - 1));
      else if (tool) (this.tools.querySelector(`.${tool}:enabled`) ?? this.tools.firstChild).focus();
      this.root.querySelector(".lv-doubt").disabled = doubtful(this.data, 0) < 0;
      if (this.strip) this.drawStrip(true);
      this.light(wordAt(this.data, this.cursor));
      this.draw();
      this.element.dispatchEvent(new CustomEvent("w2vkit-reworded", { bubbles: true }));
    }

    button(bar, name, text, label, act, pressed) {
      const node = bar.appendChild(make("button", `lv-${name}`, text));
      Object.assign(node, { type: "button", title: label, onclick: act });
      if (!label.startsWith(text)) node.ariaLabel = label;
      if (pressed !== undefined) node.ariaPressed = pressed;
      return node;
    }

    bar() {
      const { texts, data } = this, bar = make("div", "lv-bar");
      const add = (...more) => this.button(bar, ...more);
      add("play", "", texts.play, null); // the player sets its text
      this.looper = add("loop", "↻", texts.loop, () => this.loop(), false);
      this.rate = bar.appendChild(make("select", "lv-speed"));
      this.rate.ariaLabel = this.rate.title = texts.speed;
      for (const speed of SPEEDS) this.rate.append(new Option(`${speed} ×`, speed, speed === 1, speed === 1));
      this.rate.onchange = () => { this.audio.playbackRate = this.audio.defaultPlaybackRate = +this.rate.value; };
      add("in", "+", texts.closer, () => this.zoom(0.5));
      add("out", "−", texts.wider, () => this.zoom(2));
      add("whole", texts.all, texts.whole, () => this.all());
      add("back", "‹", texts.back, () => this.page(-1));
      add("on", "›", texts.on, () => this.page(1));
      add("doubt", texts.doubt, texts.doubt, () => this.doubtful(false)).disabled = doubtful(data, 0) < 0;
      this.place = bar.appendChild(make("span", "lv-place"));
      return bar;
    }

    switches() {
      const { texts } = this, bar = make("div", "lv-bar lv-switches");
      const add = (name, what) => this.button(bar, name, texts[what], texts[`${what}_about`] ?? texts[what], event => {
        this[what] = !this[what];
        event.currentTarget.ariaPressed = this[what];
        this.draw();
      }, this[what]);
      if (this.data.audio) add("spectrum", "spectrum");
      add("letters", "letters");
      add("fold", "pauses");
      this.button(bar, "png", "PNG", texts.png, () => this.download("png"));
      this.button(bar, "svg", "SVG", texts.svg, () => this.download("svg"));
      this.button(bar, "keys", "?", texts.help, () => this.help.showModal());
      return bar;
    }

    // The window: the part of the time axis that is shown.
    span(wanted) {
      const all = this.data.end - this.data.first;
      return clamp(wanted, Math.min(SHORTEST, all), all);
    }

    move(start, wanted) {
      const span = this.span(wanted);
      start = clamp(start, this.data.first, this.data.end - span);
      this.view = { start, stop: start + span };
      this.draw();
      this.tell();
    }

    all() {
      this.move(this.data.first, this.data.end - this.data.first);
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

    // The cursor. With `loud`, screen readers speak the frame; that would be too much for each move of a mouse.
    point(time, loud = false) {
      this.cursor = clamp(time, this.data.first, this.data.end);
      if (loud) this.show(this.cursor);
      this.light(wordAt(this.data, this.cursor));
      this.read(loud);
      this.tell();
    }

    seek(time) {
      if (!this.audio.paused) this.sound.seek(time);
      this.point(time, true);
      this.moment();
    }

    hover(row, time) { // the mouse is over a row of the heat map, or over none (-1)
      this.row = row;
      if (time === null) this.light(this.lit);
      else this.point(time);
    }

    moment() { // tells the page what is looked at
      this.element.dispatchEvent(new CustomEvent("w2vkit-moment", { bubbles: true, detail: this.cursor }));
    }

    choose(index) { // show a word and play it
      const word = this.data.words[index], [{ start, stop }, span] = [this.view, word.end - word.start];
      if (span * (this.box?.scale ?? 0) < NARROW) this.move(word.start - 2 * span, Math.max(5 * span, 1));
      else if (word.start < start || word.end > stop) this.move((word.start + word.end + start - stop) / 2, stop - start);
      this.point(word.start, true);
      this.moment();
      this.sound.play(word.start, word.end);
    }

    doubtful(back = false) { // the next doubtful word, or the one before
      const from = back ? this.atCursor()?.start ?? this.cursor : this.cursor; // it moves while the word is played
      const index = doubtful(this.data, from, back);
      if (index < 0) return;
      this.choose(index);
      this.say(this.buttons[index].getAttribute("aria-label"));
    }

    select(from, to) {
      const [start, stop] = [from, to].map(time => clamp(time, 0, this.data.seconds)).sort((a, b) => a - b);
      this.selection = stop - start > 0.01 ? { start, stop } : null;
      if (this.sound.looping) this.sound.loop(true);
      this.light(this.lit);
      this.facts();
    }

    atCursor() { // the word at the cursor as a range, or null
      const word = this.data.words[wordAt(this.data, this.cursor)];
      return word ? { start: word.start, stop: word.end } : null;
    }

    loop() {
      this.sound.loop(!this.sound.looping);
      this.looper.ariaPressed = this.sound.looping;
    }

    speed(step) {
      this.sound.faster(step);
    }

    leave() {
      if (this.selection) this.select(0, 0);
      else document.activeElement?.blur();
    }

    light(index) {
      if (index !== this.lit) {
        this.buttons[this.lit]?.classList.remove("lv-lit");
        this.buttons[index]?.classList.add("lv-lit");
        this.lit = index;
        if (index >= 0) this.roll(this.buttons[index]);
      }
      if (!this.box) return;
      const row = this.row >= 0 ? this.row : this.data.best[frameAt(this.data, this.cursor)];
      overlay(this.above.getContext("2d"), this.data, this.box, this.ink, { ...this, row });
      if (this.strip) this.strip.lastChild.style.left = `${(100 * this.cursor) / this.data.seconds}%`;
    }

    roll(button) { // scroll the list of words, and nothing else, to a word
      const box = this.list.getBoundingClientRect(), own = button.getBoundingClientRect();
      if (own.top < box.top) this.list.scrollTop += own.top - box.top - 4;
      else if (own.bottom > box.bottom) this.list.scrollTop += own.bottom - box.bottom + box.height / 3;
    }

    tell() {
      if (!this.group) return;
      const shares = [this.view.start, this.view.stop, this.cursor].map(time => time / this.data.seconds);
      document.dispatchEvent(new CustomEvent("w2vkit-moved", { detail: { group: this.group, from: this, shares } }));
    }

    read(loud) {
      const frame = frameAt(this.data, this.cursor);
      if (frame === this.frame && !loud) return;
      this.frame = frame;
      const { parts, said } = readout(this.data, this.texts, frame);
      this.readout.replaceChildren(...parts);
      if (loud) this.say(said);
    }

    say(text) {
      this.spoken.textContent = text;
    }

    fail(text) { // said and seen
      this.say(text);
      this.place.textContent = text;
    }

    hear(samples, rate) { // the sound is here: draw it finely, and its spectrogram
      Object.assign(this.data, { samples, rate });
      try {
        this.data.spectrum = window.w2vkitSpectrum.start(samples, rate, () => this.draw());
      } catch { /* a page that forbids workers has no spectrogram */ }
      this.draw();
    }

    facts() {
      const [start, stop] = Object.values(this.selection ?? this.view).map(time => clamp(time, 0, this.data.seconds));
      const text = this.selection ? this.texts.selected : this.texts.place;
      this.place.textContent = fill(text, { start: start.toFixed(2), stop: stop.toFixed(2), seconds: this.data.seconds.toFixed(2), span: (stop - start).toFixed(2) });
    }

    draw() {
      if (this.waiting) return; // draw once for several changes
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        const width = this.stage.clientWidth;
        if (!width) return this.audio.pause(); // the tab is hidden
        const style = getComputedStyle(this.root), ink = Object.fromEntries(INKS.map(name => [name, style.getPropertyValue(`--lv-${name}`).trim()]));
        const changed = this.box?.width !== width || this.ink?.paper !== ink.paper;
        this.ink = ink;
        const rows = (this.letters ? this.data.labels.map((_, k) => k) : this.data.used).filter(k => this.pauses || k !== this.data.blank);
        this.box = layout(this.data, this.view, width, rows, this.spectrum);
        this.stage.style.height = `${this.box.height}px`;
        base(this.paper(this.canvas), this.data, this.box, ink, this.texts);
        this.paper(this.above);
        this.light(this.lit);
        this.facts();
        if (this.strip) this.drawStrip(changed);
      });
    }

    drawStrip(changed) {
      const [canvas, part] = this.strip.children, { start, stop } = this.view, { seconds } = this.data, width = this.strip.clientWidth;
      if (changed) strip(this.paper(canvas, width, STRIP), this.data, width, this.ink);
      Object.assign(part.style, { left: `${(100 * start) / seconds}%`, width: `${(100 * (stop - start)) / seconds}%` });
    }

    paper(canvas, width = this.box.width, height = this.box.height) { // fit a canvas to the size and density of the screen
      const density = window.devicePixelRatio || 1, size = [width, height].map(x => Math.round(x * density));
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
      const context = canvas.getContext("2d");
      context.setTransform(density, 0, 0, density, 0, 0);
      return context;
    }

    // What is shown, as a picture: SVG as text, PNG as a Blob of twice the size.
    svg() {
      const pen = new window.w2vkitSvgPen(this.box.width, this.box.height, this.ink.paper);
      base(pen, this.data, this.box, this.ink, this.texts);
      return pen.toString();
    }

    png() {
      const canvas = make("canvas", ""), { width, height } = this.box, pen = canvas.getContext("2d");
      Object.assign(canvas, { width: 2 * width, height: 2 * height });
      pen.scale(2, 2);
      base(pen, this.data, this.box, this.ink, this.texts);
      Object.assign(pen, { globalCompositeOperation: "destination-over", fillStyle: this.ink.paper });
      pen.fillRect(0, 0, width, height);
      return new Promise(done => canvas.toBlob(done, "image/png"));
    }

    async download(kind) {
      const stem = [(this.data.name || this.texts.picture).replace(/\.\w+$/, ""), this.name].filter(Boolean).join("-");
      save(kind === "svg" ? new Blob([this.svg()], { type: "image/svg+xml" }) : await this.png(), `${stem}.${kind}`);
    }
  }

  // Show data in an element; what was shown there before has to be closed.
  window.w2vkitView = { mount: (element, data, texts, options) => new LinkedView(element, data, texts, options) };
})();
