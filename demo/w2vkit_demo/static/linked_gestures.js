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

    stage.onpointerdown = event => {
      down.set(event.pointerId, x(event));
      if (down.size === 2) down.forEach((_, id) => stage.setPointerCapture(id));
      grab();
    };
    stage.onpointermove = event => {
      if (!down.has(event.pointerId)) {
        if (view.audio.paused) view.point(view.box.time(x(event)));
        return;
      }
      down.set(event.pointerId, x(event));
      if (!grip) return;
      if (!grip.moved && down.size === 1 && Math.abs(x(event) - grip.xs[0]) <= CLICK_PIXELS) return;
      if (!grip.moved) stage.setPointerCapture(event.pointerId);
      grip.moved = true;
      drag();
    };
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
      if (word >= 0 && event.clientY - stage.getBoundingClientRect().top < view.box.heat) view.choose(word);
      else view.point(time, true);
    }

    // The wheel scrolls the page, unless the plot has the focus or Ctrl is down: then it zooms.
    stage.addEventListener("wheel", event => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (!sideways && !event.ctrlKey && document.activeElement !== stage) return;
      event.preventDefault();
      const span = view.view.stop - view.view.start;
      if (sideways) view.move(view.view.start + (span * event.deltaX) / 1000, span);
      else view.zoom(Math.exp(event.deltaY / 400), view.box.time(x(event)));
    }, { passive: false });
    stage.onkeydown = event => key(view, event);
  }

  function key(view, event) {
    const { data, cursor, longest } = view, frame = frameAt(data, cursor), step = event.shiftKey ? 10 : 1;
    const go = to => view.point(timeOf(data, clamp(to, 0, data.frames - 1) + 0.5), true);
    const acts = {
      ArrowLeft: () => go(frame - step), ArrowRight: () => go(frame + step), Home: () => go(0), End: () => go(data.frames),
      PageUp: () => view.page(-1), PageDown: () => view.page(1), "+": () => view.zoom(0.5, cursor), "=": () => view.zoom(0.5, cursor),
      "-": () => view.zoom(2, cursor), 0: () => view.move(0, longest), " ": () => view.sound.toggle(),
      Enter: () => { const word = wordAt(data, cursor); if (word >= 0) view.choose(word); },
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }

  window.w2vkitGestures = { listen };
})();
