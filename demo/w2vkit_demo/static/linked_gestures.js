// The linked view's input: mouse, wheel, touch and keys call methods of the view.
(() => {
  "use strict";
  const { clamp, frameAt, timeOf, wordAt } = window.w2vkitData;
  const CLICK_PIXELS = 4; // CSS pixels; a pointer that moves no farther is a click

  function listen(view) {
    const { stage } = view, down = new Map(); // x of each pointer that is down
    const x = event => event.clientX - stage.getBoundingClientRect().left;
    let grip = null; // state at the start of the drag or pinch

    function grab() { // one pointer drags, two zoom and drag, more do nothing
      const { start, stop } = view.view, xs = [...down.values()];
      grip = xs.length === 1 || xs.length === 2 ? { xs, start, span: stop - start, moved: xs.length > 1 || Boolean(grip?.moved) } : null;
    }

    function drag() {
      const width = view.box.width - view.box.gutter, xs = [...down.values()];
      if (xs.length === 1) return view.move(grip.start + ((grip.xs[0] - xs[0]) / width) * grip.span, grip.span);
      const apart = ([a, b]) => Math.max(20, Math.abs(a - b)), middle = ([a, b]) => (a + b) / 2 - view.box.gutter;
      const span = view.span((grip.span * apart(grip.xs)) / apart(xs)); // the times under the fingers stay under them
      view.move(grip.start + (middle(grip.xs) / width) * grip.span - (middle(xs) / width) * span, span);
    }

    const y = event => event.clientY - stage.getBoundingClientRect().top;
    stage.onpointerdown = event => {
      if (event.button) return;
      down.set(event.pointerId, x(event));
      if (down.size === 2) down.forEach((_, id) => stage.setPointerCapture(id));
      grab();
      // A mouse selects on the wave and moves the letters. A finger always moves.
      if (grip) grip.selects = event.pointerType === "mouse" && y(event) < view.box.words;
    };
    stage.onpointermove = event => {
      if (!down.has(event.pointerId)) {
        stage.style.cursor = y(event) < view.box.words ? "text" : "";
        view.hover(view.box.row(y(event)), view.audio.paused ? view.box.time(x(event)) : null);
        return;
      }
      down.set(event.pointerId, x(event));
      if (!grip) return;
      if (!grip.moved && down.size === 1 && Math.abs(x(event) - grip.xs[0]) <= CLICK_PIXELS) return;
      if (!grip.moved) stage.setPointerCapture(event.pointerId);
      grip.moved = true;
      if (grip.selects && down.size === 1) view.select(view.box.time(grip.xs[0]), view.box.time(x(event)));
      else drag();
    };
    stage.onpointerleave = () => view.hover(-1, null);
    stage.onpointerup = event => {
      if (!down.delete(event.pointerId)) return;
      if (grip && !grip.moved) click(event);
      if (down.size) grab();
      else grip = null;
    };
    stage.onpointercancel = event => { // the browser uses this touch to scroll the page
      down.delete(event.pointerId);
      grip = null;
    };

    function click(event) {
      const time = view.box.time(x(event)), word = wordAt(view.data, time);
      view.select(0, 0);
      if (word >= 0 && y(event) >= view.box.words && y(event) < view.box.heat) return view.choose(word);
      if (!view.audio.paused) view.sound.seek(time);
      view.point(time, true);
    }

    // The wheel scrolls the page; with Ctrl, and by two fingers on a touchpad, it zooms. Sideways it moves the time.
    stage.addEventListener("wheel", event => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (!sideways && !event.ctrlKey) return;
      event.preventDefault();
      const span = view.view.stop - view.view.start;
      if (sideways) view.move(view.view.start + (span * event.deltaX) / 1000, span);
      else view.zoom(Math.exp(event.deltaY / (event.deltaMode ? 20 : 300)), view.box.time(x(event)));
    }, { passive: false });
    view.root.onkeydown = view.head.onkeydown = event => key(view, event);

    const { strip } = view;
    if (!strip) return;
    const shift = event => {
      const box = strip.getBoundingClientRect(), span = view.view.stop - view.view.start;
      view.move(((event.clientX - box.left) / box.width) * view.data.seconds - span / 2, span);
    };
    strip.onpointerdown = event => {
      strip.setPointerCapture(event.pointerId);
      shift(event);
    };
    strip.onpointermove = event => { if (strip.hasPointerCapture(event.pointerId)) shift(event); };
  }

  function key(view, event) {
    const { data, cursor } = view, frame = frameAt(data, cursor), step = event.shiftKey ? 10 : 1;
    const go = to => view.point(timeOf(data, clamp(to, 0, data.frames - 1) + 0.5), true);
    const everywhere = {
      "+": () => view.zoom(0.5), "=": () => view.zoom(0.5), "-": () => view.zoom(2), 0: () => view.all(),
      d: () => view.doubtful(false), D: () => view.doubtful(true), l: () => view.loop(), "<": () => view.speed(-1), ">": () => view.speed(1),
      "[": () => view.select(cursor, view.selection?.stop ?? data.seconds), "]": () => view.select(view.selection?.start ?? 0, cursor),
      "?": () => view.help.showModal(), Escape: () => view.leave(),
    };
    const plot = {
      ArrowLeft: () => go(frame - step), ArrowRight: () => go(frame + step), Home: () => go(0), End: () => go(data.frames),
      PageUp: () => view.page(-1), PageDown: () => view.page(1), " ": () => view.sound.toggle(),
      Enter: () => { const word = wordAt(data, cursor); if (word >= 0) view.choose(word); },
    };
    const act = everywhere[event.key] ?? (event.target === view.stage ? plot[event.key] : null);
    if (!act || event.ctrlKey || event.metaKey || event.altKey || view.help.open || event.target.isContentEditable) return;
    if (event.target.matches("input, textarea, select") && event.key !== "Escape") return;
    event.preventDefault();
    act();
  }

  window.w2vkitGestures = { listen };
})();
