// The linked view's player: plays everything, a word or a selection, once or again and again, and moves the cursor along.
(() => {
  "use strict";
  const RATE = 16000; // Hz; of the samples that are drawn
  const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

  // One sound at a time on the whole page. Players of Gradio are not in the document, so their calls are watched.
  let playing = null;
  const alone = media => {
    if (playing !== media) playing?.pause();
    playing = media;
  };
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    alone(this);
    return play.call(this);
  };
  document.addEventListener("play", event => alone(event.target), true); // by the browser's own buttons
  document.addEventListener("click", event => { if (event.target.closest?.("[role=tab]")) playing?.pause(); }, true);

  class Sound {
    constructor(view, audio, button) {
      Object.assign(this, { view, audio, button, range: null, looping: false, ending: new AbortController() });
      audio.preload = "auto";
      audio.onplay = audio.onpause = () => this.show();
      audio.onended = () => { if (this.looping) this.play(0); };
      button.onclick = () => this.toggle();
      this.ready = this.load(view.data.audio?.url);
      this.show();
    }

    // The file is fetched once, for the player and for the samples. A player that streams it could not seek on servers
    // that give no parts of files.
    async load(url) {
      if (!url) return;
      try {
        const answer = await fetch(url, { signal: this.ending.signal });
        if (!answer.ok) throw new Error(answer.statusText);
        const blob = await answer.blob();
        this.address = this.audio.src = URL.createObjectURL(blob);
        this.decode(blob);
      } catch (error) {
        if (error.name !== "AbortError") this.audio.src = url;
      }
    }

    async decode(blob) {
      try {
        const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await blob.arrayBuffer());
        if (!this.ending.signal.aborted) this.view.hear(sound.getChannelData(0), RATE);
      } catch { /* the view goes on with the peaks, and without a spectrogram */ }
    }

    close() {
      this.audio.pause();
      this.ending.abort();
      if (this.address) URL.revokeObjectURL(this.address);
    }

    toggle() {
      const { audio, view } = this;
      if (!audio.paused) return audio.pause();
      const range = view.selection ?? (this.looping ? view.atCursor() : null);
      if (range) this.play(range.start, range.stop);
      else this.play(view.cursor >= view.data.seconds - 0.05 ? 0 : view.cursor);
    }

    async play(from, until = null) {
      this.range = until === null ? null : { start: from, stop: until };
      await this.ready;
      try {
        this.audio.currentTime = from;
        await this.audio.play();
        this.run();
      } catch (error) {
        if (error.name !== "AbortError") this.view.fail(this.view.texts.silent); // paused before it began
      }
    }

    loop(on) {
      this.looping = on;
      if (!this.audio.paused) this.range = on ? this.view.selection ?? this.view.atCursor() : null;
    }

    seek(time) {
      this.range = null;
      this.audio.currentTime = time;
    }

    faster(step) {
      const i = SPEEDS.indexOf(this.audio.playbackRate) + step;
      if (SPEEDS[i]) this.audio.playbackRate = this.audio.defaultPlaybackRate = SPEEDS[i];
    }

    run() {
      const { audio, range, view } = this, time = audio.currentTime;
      if (range && time >= range.stop) {
        if (this.looping) audio.currentTime = range.start;
        else audio.pause();
      }
      const shown = range ? Math.min(time, range.stop - 0.001) : time;
      view.show(shown);
      view.point(shown);
      cancelAnimationFrame(this.next);
      if (!audio.paused && !audio.ended) this.next = requestAnimationFrame(() => this.run());
    }

    show() {
      const { play, pause } = this.view.texts, on = !this.audio.paused;
      this.button.textContent = on ? `❚❚ ${pause}` : `▶ ${play}`;
      this.button.ariaLabel = on ? pause : play;
    }
  }

  window.w2vkitSound = { Sound, SPEEDS };
})();
