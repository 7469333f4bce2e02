// The address of the page: each tab, example and moment has one, such as #align and #example=3&t=1.2.
// And the last result, which this browser keeps until it is erased.
(() => {
  "use strict";
  const FIRST = "transcribe", { until } = window.w2vkitPage;
  const tabs = () => [...document.querySelectorAll("[role=tab]")];
  const named = tab => tab?.dataset.tabId ?? FIRST;
  const seen = query => [...document.querySelectorAll(query)].filter(node => node.offsetParent);
  const open = () => named(document.querySelector("[role=tab][aria-selected=true]"));
  const taken = {}, linked = new Set(); // the example of each tab, from 1 on; tabs whose example was taken by an address
  let steering = false, wanted = null; // an address is being followed; the moment to show when its result comes

  function write(tab, t, kind = "pushState") {
    const parts = [tab === FIRST ? "" : tab, taken[tab] && `example=${taken[tab]}`, t !== undefined && `t=${(Math.ceil(100 * t) / 100).toFixed(2)}`];
    const hash = parts.filter(Boolean).join("&"), address = location.pathname + location.search + (hash && `#${hash}`);
    if (`#${hash}` !== (location.hash || "#")) history[kind](null, "", address);
  }

  const mark = () => seen(".clip-take").forEach((clip, i) => { clip.ariaCurrent = taken[open()] === i + 1; });

  async function follow() {
    const parts = location.hash.slice(1).split("&"), values = new URLSearchParams(parts.join("&"));
    await until(() => tabs().length);
    const name = tabs().some(tab => named(tab) === parts[0]) ? parts[0] : FIRST;
    const example = +values.get("example") || undefined;
    steering = true;
    wanted = values.has("t") ? +values.get("t") : null;
    if (open() !== name) tabs().find(one => named(one) === name).click();
    if (example && taken[name] !== example) {
      const clips = await until(() => open() === name && seen(".clip-take")[0] && seen(".clip-take"));
      if (clips?.[example - 1]) {
        taken[name] = example;
        linked.add(name);
        clips[example - 1].click();
      }
    } else if (!example && taken[name]) {
      delete taken[name];
      seen(".sound-box [aria-label=Clear]")[0]?.click();
    } else arrived();
    mark();
    steering = false;
  }

  // A result is here: correct its words as they were before a reload, and show the wanted moment.
  function arrived(result = open() === FIRST ? "result" : `${open()}-result`) {
    const view = [...document.querySelectorAll(`#${result} .lv-mount`)].map(node => w2vkitPage.views.get(node)).find(Boolean);
    const tab = tabOf(result), last = linked.has(tab) && view?.edit ? kept(view.element.dataset.id) : null;
    if (last?.example && last.example === taken[tab] && last.seconds === view.value.seconds && last.words.some(word => word.changed)) {
      view.ask({ edit: (last.own ?? last.words.map(word => word.text)).join(" ") });
    }
    if (wanted === null || !view || open() !== tab) return;
    const t = wanted;
    wanted = null;
    view.seek(t);
  }

  document.addEventListener("click", event => {
    const tab = event.target.closest?.("[role=tab]"), taking = event.target.closest?.(".clip-take");
    if (steering) return;
    if (tab) write(named(tab));
    if (taking) {
      taken[open()] = seen(".clip-take").indexOf(taking) + 1;
      linked.delete(open());
      write(open());
      mark();
    }
    if (event.target.closest?.(".sound-box [aria-label=Clear], .sound-box .record-button")) other();
  }, true);
  const other = () => { // a sound that has no address
    delete taken[open()];
    linked.delete(open());
    mark();
    if (!steering) write(open());
  };
  document.addEventListener("change", event => { if (event.target.matches?.(".sound-box input[type=file]")) other(); });
  document.addEventListener("drop", event => { if (event.target.closest?.(".sound-box")) other(); }, true);
  document.addEventListener("w2vkit-moment", event => { if (taken[open()]) write(open(), event.detail, "replaceState"); });
  addEventListener("popstate", follow);
  if (location.hash) follow();

  // The last result of each tab, by the id of its view; of a short one the sound, too.
  const KEY = "w2vkit-last", LONGEST = 60; // s
  let shelf = {};
  try { shelf = localStorage; } catch { /* this browser keeps nothing */ }
  const keys = () => Object.keys(shelf).filter(key => key.startsWith(KEY)), erase = () => document.querySelector("[data-erase]");
  const showErase = () => erase()?.toggleAttribute("hidden", !keys().length);
  function keep(id, value) {
    delete shelf[KEY + id];
    if (value) for (const audio of [value.audio, undefined]) try {
      shelf[KEY + id] = JSON.stringify({ ...value, audio });
      break;
    } catch { /* too large, the second time without the sound */ }
    showErase();
  }
  const tabOf = id => (/^(plot|result)$/.test(id) ? FIRST : id.split("-")[0]);
  const kept = id => JSON.parse(shelf[KEY + id] ?? null);
  async function remember(result = "result") {
    const tab = tabOf(result), spare = linked.has(tab); // what an address brought replaces no result of one's own
    for (const node of document.querySelectorAll(`#${result} .lv-mount`)) {
      const { id } = node.dataset, view = w2vkitPage.view(id);
      if (view) linked.delete(tab); // without one the work was ended
      if (!view || spare && KEY + id in shelf) continue;
      const example = taken[tab];
      let audio;
      try {
        const { url } = view.value.audio ?? {}, sound = url && view.value.seconds <= LONGEST && await (await fetch(url)).arrayBuffer();
        if (sound) audio = { url: `data:audio/wav;base64,${w2vkitPage.base64(sound)}` };
      } catch { /* the sound is no longer there */ }
      // The words may have been changed meanwhile.
      const summary = document.querySelector("#summary")?.textContent;
      if (view === w2vkitPage.view(id)) keep(id, { ...view.value, audio, example, summary });
    }
  }
  // What to show after a reload; in the tab of an address with an example, that example comes first.
  const last = id => {
    const [, tab = FIRST] = /^#(?:(\w+)&)?example=/.exec(location.hash) ?? [, ""];
    return tab === tabOf(id) ? null : kept(id);
  };
  document.addEventListener("w2vkit-reworded", () => remember());
  document.addEventListener("click", event => {
    if (event.target !== erase()) return;
    keys().forEach(key => delete shelf[key]);
    showErase();
  });
  until(erase).then(showErase);

  window.w2vkitAddress = { open, arrived, remember, keep, last };
})();
