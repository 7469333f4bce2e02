// The linked view's player: plays everything or one word, and moves the cursor along.
(() => {
  "use strict";

  class Sound {
    constructor(view, audio, button) {
      Object.assign(this, { view, audio, button, until: null });
      audio.preload = "auto";
      audio.src = view.data.audio.url;
      audio.onplay = audio.onpause = () => this.show();
      button.onclick = () => this.toggle();
      this.show();
    }

    toggle() {
      const { audio, view } = this;
      if (!audio.paused) audio.pause();
      else this.play(view.cursor >= view.data.seconds - 0.05 ? 0 : view.cursor, null);
    }

    play(from, until) {
      this.until = until;
      this.audio.currentTime = from;
      this.audio.play().then(() => this.run()).catch(() => this.view.say(this.view.texts.silent));
    }

    run() {
      const time = this.audio.currentTime;
      if (this.until !== null && time >= this.until) this.audio.pause();
      this.view.show(time);
      this.view.point(this.until === null ? time : Math.min(time, this.until - 0.001));
      if (!this.audio.paused && !this.audio.ended) requestAnimationFrame(() => this.run());
    }

    show() {
      const { play, pause } = this.view.texts, playing = !this.audio.paused;
      this.button.textContent = playing ? `❚❚ ${pause}` : `▶ ${play}`;
      this.button.setAttribute("aria-label", playing ? pause : play);
    }
  }

  window.w2vkitSound = Sound;
})();
