// What all tabs share: the list of examples, what happens when a result arrives, a refused microphone, and /?view=api.
(() => {
  "use strict";
  const COLUMNS = window.matchMedia("(min-width: 1100px)");
  const LONGEST = 400; // characters of a result that are spoken
  const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
  const make = (parent, tag, className, text = "") => {
    const node = parent.appendChild(document.createElement(tag));
    node.className = className;
    node.textContent = text;
    return node;
  };

  async function until(find) { // what is on the page only after a while
    for (let tries = 0; tries < 100; tries++) {
      const found = find();
      if (found) return found;
      await new Promise(done => setTimeout(done, 100));
    }
  }

  // Work begins anew in a part of the page, named by the id of its result: what is asked of the views there is of the past.
  const begun = new Set(), views = new WeakMap(); // the view of each element that shows one
  function anew(result) {
    begun.add(result);
    document.querySelectorAll(`#${result} .lv-mount`).forEach(node => views.get(node)?.answered(true));
  }
  const untouched = node => !begun.has(node.closest(".bench-result")?.id);

  // The example clips: one button plays a clip here, the other one takes it as the sound.
  function examples(element, props, trigger) {
    const list = element.querySelector(".clips"), player = new Audio();
    let playing = null;
    const show = () => list.querySelectorAll(".clip-play").forEach((button, i) => {
      const on = i === playing && !player.paused;
      button.classList.toggle("clip-on", on);
      button.ariaLabel = `${on ? props.texts.stop : props.texts.play}: ${props.value[i].title}`;
    });
    player.preload = "none";
    player.onplay = player.onpause = player.onended = show;
    const toggle = i => {
      if (i === playing && !player.paused) return player.pause();
      if (i !== playing) player.src = props.value[i].audio.url;
      playing = i;
      player.play().catch(show);
    };
    props.value.forEach((clip, i) => {
      const row = make(list, "li", "clip");
      const play = make(row, "button", "clip-play"), take = make(row, "button", "clip-take");
      play.type = take.type = "button";
      play.onclick = () => toggle(i);
      make(take, "span", "clip-title", clip.title);
      make(take, "span", "clip-length", clock(clip.seconds));
      take.onclick = () => { player.pause(); note(""); trigger("input", { number: i }); };
    });
    show();
    new IntersectionObserver(([seen]) => { if (!seen.isIntersecting) player.pause(); }).observe(list);
  }

  // Gradio's box takes audio/* only, but browsers call films and many recordings video/*, and some files nothing at all. The
  // server reads all of them, and says clearly what is no sound.
  const ALSO = "audio/*,video/*,.caf,.amr,.awb,.wv,.ape,.tta,.tak,.mpc,.mka,.mkv,.gsm,.mxf,.ts,.mts,.opus,.ogg";
  const asSounds = files => {
    const all = new DataTransfer();
    for (const file of files) all.items.add(file.type.startsWith("audio/") ? file : new File([file], file.name, { type: "audio/mp4" }));
    return all;
  };
  const several = async files => { // more than one: the part "Several files" takes them
    const kept = asSounds(files).files, box = document.querySelector("#several"), field = () => box.querySelector("input[type=file]");
    if (!field()) box.querySelector("button").click();
    const input = await until(field); // a busy machine unfolds the part late
    input.files = kept;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  addEventListener("click", event => {
    if (event.target.matches?.(".sound-box input[type=file]")) event.target.accept = ALSO;
  }, true);
  const tooLarge = ([file]) => { // the server would refuse it, after it was sent
    const { bytes, large } = document.querySelector(".sound-note").dataset, over = file?.size > +bytes;
    note(over ? large : "");
    return over;
  };
  addEventListener("change", event => {
    const input = event.target;
    if (!input.matches?.(".sound-box input[type=file]")) return;
    if (!tooLarge(input.files)) input.files = asSounds(input.files).files;
    else {
      event.stopImmediatePropagation();
      input.value = "";
    }
  }, true);
  addEventListener("drop", event => {
    const box = event.target.closest?.(".sound-box"), files = event.dataTransfer?.files;
    if (!box || !files?.length || event.own) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (files.length > 1 && box.id === "source") return several(files);
    if (tooLarge(files)) return;
    if (files.length > 1) note(document.querySelector(".sound-note").dataset.several.replace("{name}", () => files[0].name));
    const again = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: asSounds([files[0]]) });
    again.own = true;
    event.target.dispatchEvent(again);
  }, true);

  // A result has arrived: it is announced and, where the page has one column, brought into view. Screen readers only speak
  // what changes in a region that they have seen before.
  const region = document.createElement("div");
  Object.assign(region, { id: "announcement", className: "lv-spoken", ariaLive: "polite" });
  until(() => document.body).then(body => body.append(region));
  const say = text => { region.textContent = text; };
  function arrived(name) {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const result = document.getElementById(name);
      const seen = result?.offsetParent; // or another tab is open
      w2vkitAddress.arrived(name);
      w2vkitAddress.remember(name);
      if (!seen) return;
      const words = [...result.querySelectorAll(".lv-words")].map(list => list.textContent);
      const said = [...result.querySelectorAll(".says")].map(part => part.textContent);
      say([...words, ...said].join(". ").slice(0, LONGEST));
      show(result);
    }));
  }
  function show(result) { // where the page has one column, bring a result into view
    const top = (result.querySelector(".reads") ?? result).getBoundingClientRect().top, calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!COLUMNS.matches) window.scrollBy({ top: top - 8, behavior: calm ? "auto" : "smooth" });
  }
  const reads = name => document.querySelector(`#${name} .busy`) && show(document.getElementById(name)); // or the work waits for more

  // The first link of the page: with the keyboard there are many stops before the result.
  addEventListener("click", event => {
    if (!event.target.matches?.("#skip a")) return;
    event.preventDefault(); // the address names tabs and examples
    const parts = [".bench-result", "#live-view", "[role=tabpanel]"].flatMap(query => [...document.querySelectorAll(query)]);
    const part = parts.find(node => node.offsetParent);
    part.tabIndex = -1;
    part.focus();
  });

  const base64 = buffer => btoa(Array.from(new Uint8Array(buffer), code => String.fromCharCode(code)).join(""));

  async function copy(text, id, told) { // the button shows a tick for a while
    const focused = document.activeElement;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // without https, or where the browser does not allow it
      const area = make(document.body, "textarea", "lv-spoken");
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
      focused?.focus();
    }
    const { classList } = document.getElementById(id);
    classList.add("copied");
    setTimeout(() => classList.remove("copied"), 2000);
    say(told);
  }

  // While a recording goes on, its tab says so in every tab, and so does the title of the page.
  const recordings = new Set(), marks = make(document.head, "style", "");
  function recording(tab, on) {
    recordings[on ? "add" : "delete"](tab);
    const mark = `● ${document.querySelector("#title h1").dataset.recording} · `;
    marks.textContent = [...recordings].map(name => `[data-tab-id="${name}"] { --recording: "${mark}" }`).join("");
    document.title = (recordings.size ? mark : "") + document.title.replace(mark, "");
  }
  const { start } = MediaRecorder.prototype;
  MediaRecorder.prototype.start = function (...options) { // Gradio's recorder
    const tab = w2vkitAddress.open();
    recording(tab, true);
    this.addEventListener("stop", () => recording(tab, false));
    return start.apply(this, options);
  };

  // Gradio ends an event by the name that the server gave it, but its script does not wait until it knows this name. Having
  // waited for the end, it forgets the event that began meanwhile; and the server would end that one, too. So a cancel waits
  // for the name, the next event of the function waits for the end, and the script waits for nothing.
  const { fetch } = window, names = new Map(), ends = new Map(); // of the last event of each session and function
  window.fetch = async (address, options) => {
    if (/\/queue\/data\?/.test(address.url)) return current(await fetch(address, options));
    const [, call] = options?.method === "POST" && /\/(join|cancel|reset)(?:\?|$)/.exec(address) || [];
    if (!call) return fetch(address, options);
    const asked = JSON.parse(options.body), event = `${asked.session_hash} ${asked.fn_index}`;
    if (call === "join") {
      const answer = Promise.resolve(ends.get(event)).then(() => fetch(address, options));
      names.set(event, answer.then(given => given.clone().json()).then(given => given.event_id).catch(() => null));
      return answer;
    }
    if (call === "cancel") {
      const name = asked.event_id ?? names.get(event), send = event_id => {
        if (!event_id) return;
        ended.add(event_id);
        return fetch(address, { ...options, body: JSON.stringify({ ...asked, event_id }) });
      };
      ends.set(event, Promise.resolve(name).then(send).catch(() => null));
    }
    return new Response("{}"); // "reset" does nothing on the server
  };

  // Messages of an ended event can still be on their way, such as the progress of a sound that was stopped. Gradio would show
  // them, and take the last one, which has no values, for an error. Here they are left out, and the last one says that
  // nothing is wrong with the values that were sent, after which Gradio's script ends the event without a word.
  const ended = new Set();
  function current(answer) {
    let rest = "";
    const kept = message => {
      if (!ended.size) return message;
      const { event_id, msg } = JSON.parse(message.slice(message.indexOf("{")));
      if (!ended.has(event_id)) return message;
      if (msg !== "process_completed") return "";
      ended.delete(event_id);
      return `data: ${JSON.stringify({ msg, event_id, success: false, output: { error: [] } })}\n\n`;
    };
    const messages = new TransformStream({
      transform(text, out) {
        const parts = (rest + text).split("\n\n");
        rest = parts.pop();
        for (const part of parts) out.enqueue(kept(`${part}\n\n`));
      },
    });
    return new Response(answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(messages).pipeThrough(new TextEncoderStream()), answer);
  }

  // Gradio's recorder shows nothing when the microphone is refused.
  const REFUSED = "Error accessing the microphone"; // the beginning of the error that it throws
  const media = navigator.mediaDevices, ask = wanted => MediaDevices.prototype.getUserMedia.call(media, wanted);
  const note = text => document.querySelectorAll(".sound-note").forEach(node => {
    if (node.parentElement.offsetParent || !text) node.textContent = text;
  });
  if (media) media.getUserMedia = async wanted => {
    try {
      const stream = await ask(wanted);
      note("");
      return stream;
    } catch (error) {
      note(document.querySelector(".sound-note")?.dataset.refused ?? "");
      throw error;
    }
  };
  addEventListener("unhandledrejection", event => {
    if (String(event.reason?.message).startsWith(REFUSED)) event.preventDefault();
  });

  // Gradio reads ?view=api, but shows the list only after presses of the link: the first one hides what is not loaded yet.
  if (new URLSearchParams(location.search).get("view") === "api") {
    until(() => document.querySelector(".api-docs") || document.querySelector("footer .show-api")?.click());
  }

  const view = id => views.get(document.querySelector(`#${id} .lv-mount`));
  let loaded = null; // Gradio has laid out the page, and takes events
  const ready = new Promise(done => { loaded = done; });
  window.w2vkitPage = { examples, anew, untouched, reads, arrived, base64, copy, recording, until, views, view, loaded, ready };
})();
