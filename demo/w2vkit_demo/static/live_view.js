// Live: sends sound from the microphone to the server block by block, and shows the words that come back. The next block
// is sent after the answer to the last one. Sound waits here meanwhile, so that none is lost unless the server is too slow.
(() => {
  const MOST_SECONDS = 8, PATIENCE_SECONDS = 20; // s: the most sound that waits; the longest wait for an answer
  const QUIET = 0.02, CLIPPED = 0.999; // of full scale: speech peaks above the first; the second as in w2vkit/audio/inspection.py
  const PAUSE_SECONDS = 3; // s: of a speaker; and of "clipped"
  const TAP = `registerProcessor("w2vkit-tap", class extends AudioWorkletProcessor {
    process([input]) { if (input.length) this.port.postMessage(input[0].slice()); return true; }
  });`;

  async function microphone(receive) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const context = new AudioContext(), url = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
    const close = () => { stream.getTracks().forEach(track => track.stop()); context.close(); };
    try {
      await context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
      await context.resume();
      const tap = new AudioWorkletNode(context, "w2vkit-tap", { channelCount: 1, channelCountMode: "explicit" });
      tap.port.onmessage = ({ data }) => receive(data);
      context.createMediaStreamSource(stream).connect(tap).connect(context.destination); // the tap gives no sound
    } catch (error) { // switch the microphone off again
      close();
      throw error;
    }
    return { rate: context.sampleRate, close };
  }

  function wav(parts, count, rate) { // base64 of a mono 16-bit file
    const file = new ArrayBuffer(44 + 2 * count), samples = new Int16Array(file, 44);
    const head = [0x46464952, 36 + 2 * count, 0x45564157, 0x20746d66, 16, 0x10001, rate, 2 * rate, 0x100002, 0x61746164, 2 * count];
    new Uint32Array(file, 0, 11).set(head);
    let at = 0;
    for (const part of parts) for (const x of part) samples[at++] = 32767 * Math.max(-1, Math.min(1, x));
    return w2vkitPage.base64(file);
  }

  class Live {
    constructor(element, props, trigger) {
      for (const name of ["button", "box", "final", "partial", "note", "level", "bar", "loudness"])
        this[name] = element.querySelector(`.live-${name}`);
      Object.assign(this, { element, props, trigger, texts: props.texts, input: null, state: "idle", number: 0 });
      this.button.onclick = () => {
        if (this.state !== "idle") this.stop();
        else if (!(this.final.textContent || this.partial.textContent) || confirm(this.texts.replace)) this.record();
      };
      this.become("idle");
      const last = w2vkitAddress.last("live");
      if (last) setTimeout(() => this.number || trigger("input", { kept: last.text }), 500);
    }

    become(state) { // idle, opening, recording, or stopping: waiting for the answer to the last block
      this.state = state;
      this.button.textContent = this.texts[state];
      this.button.disabled = state === "opening" || state === "stopping";
      this.element.classList.toggle("live-on", state === "recording");
      w2vkitPage.recording("live", state === "recording");
      clearTimeout(this.timer);
      if (state === "stopping") this.timer = setTimeout(() => this.fail(this.texts.lost), 1000 * PATIENCE_SECONDS);
    }

    fail(why) {
      this.note.textContent = why;
      this.become("idle");
    }

    async record() {
      this.become("opening");
      Object.assign(this, { parts: [], count: 0, missed: 0, begin: true, sent: 0, took: 0, loud: 0, clipped: -Infinity });
      this.heard = this.metered = performance.now();
      this.note.textContent = "";
      try {
        this.input = await microphone(samples => this.receive(samples));
        this.become("recording");
      } catch (error) {
        this.fail(navigator.mediaDevices ? `${this.texts.refused} (${error.message})` : this.texts.insecure);
      }
    }

    receive(samples) {
      if (this.state !== "recording") return;
      this.meter(samples);
      this.parts.push(samples);
      this.count += samples.length;
      while (this.count > MOST_SECONDS * this.input.rate) {
        const { length } = this.parts.shift();
        this.count -= length;
        this.missed += length;
      }
      this.send();
    }

    meter(samples) {
      const now = performance.now(), levels = samples.map(Math.abs), peak = levels.reduce((a, b) => Math.max(a, b));
      this.loud = Math.max(peak, this.loud);
      if (peak >= QUIET) this.heard = now;
      if (levels.filter(x => x >= CLIPPED).length > 2) this.clipped = now;
      if (now - this.metered < 50) return;
      this.bar.style.backgroundSize = `${100 + 33 * Math.log10(this.loud + 0.001)}% 100%`; // 60 dB
      const recent = time => now - time < 1000 * PAUSE_SECONDS, word = recent(this.clipped) ? "clipped" : recent(this.heard) ? "good" : "quiet";
      Object.assign(this, { metered: now, loud: 0.8 * this.loud });
      if (this.level.dataset.level === word) return; // each change is spoken
      this.level.dataset.level = word;
      this.loudness.textContent = this.texts[word];
    }

    stop() {
      this.input.close();
      this.become("stopping");
      this.send();
    }

    send() {
      const { least, most, rest } = this.props.pace; // a slow server gets longer blocks; see tabs/live.py
      const due = Math.min(most, Math.max(least, rest * this.took));
      const { rate } = this.input, last = this.state === "stopping";
      if (this.sent && performance.now() - this.sent < 1000 * PATIENCE_SECONDS) return;
      if (!last && this.count < due * rate) return;
      const sound = this.count ? wav(this.parts, this.count, rate) : "";
      this.sent = performance.now();
      this.trigger("input", { sound, missed: this.missed / rate, begin: this.begin, last, number: ++this.number });
      Object.assign(this, { parts: [], count: 0, missed: 0, begin: false });
    }

    answered() {
      const { final = "", partial = "", number = 0, last = false } = this.props.value || {};
      this.show(final, partial);
      w2vkitAddress.keep("live", final || partial ? { text: `${final} ${partial}`.trim() } : null);
      if (number !== this.number) return;
      this.took = (performance.now() - this.sent) / 1000;
      this.sent = 0;
      if (this.state === "stopping" && last) this.become("idle");
      else if (this.state === "stopping" || this.state === "recording") this.send();
    }

    show(final, partial) { // final words are only added, so that a screen reader speaks each one once
      const shown = this.final.textContent;
      if (!final.startsWith(shown)) this.final.textContent = final;
      else if (final.length > shown.length) this.final.append(final.slice(shown.length));
      this.partial.textContent = partial;
      this.box.classList.toggle("live-empty", !(final || partial));
      this.box.scrollTop = this.box.scrollHeight;
    }
  }

  window.w2vkitLive = (element, props, trigger, watch) => {
    const live = new Live(element, props, trigger);
    watch("value", () => live.answered());
  };
})();
