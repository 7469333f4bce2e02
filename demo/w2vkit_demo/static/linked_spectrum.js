// The linked view's spectrogram: a short-time Fourier transform of the sound, computed in a worker.
(() => {
  "use strict";
  const ROWS = 128; // of frequency, from 0 to half of the sampling rate
  const DENSE = 90; // s; longer sounds get one column every 10 ms instead of 5 ms

  // Runs in the worker, so it uses nothing from outside. It answers with bytes, column after column, in pieces.
  function work() {
    const SIZE = 512, WINDOW = 256, RANGE = 55, PIECE = 4000; // samples, samples (16 ms at 16 kHz), dB, columns
    const hann = Float32Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
    const cos = Float32Array.from({ length: SIZE / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / SIZE));
    const sin = Float32Array.from({ length: SIZE / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / SIZE));
    const turned = Uint16Array.from({ length: SIZE }, (_, i) => { // the order in which a radix-2 transform takes its input
      let bits = 0;
      for (let b = 1; b < SIZE; b *= 2) bits = bits * 2 + (i & b ? 1 : 0);
      return bits;
    });
    const re = new Float32Array(SIZE), im = new Float32Array(SIZE);

    function transform(samples, middle) {
      re.fill(0);
      im.fill(0);
      for (let i = 0; i < WINDOW; i++) re[turned[i]] = hann[i] * (samples[middle - WINDOW / 2 + i] || 0);
      for (let half = 1; half < SIZE; half *= 2) {
        for (let from = 0; from < SIZE; from += 2 * half) {
          for (let j = 0; j < half; j++) {
            const a = from + j, b = a + half, turn = (j * SIZE) / (2 * half);
            const x = re[b] * cos[turn] - im[b] * sin[turn], y = re[b] * sin[turn] + im[b] * cos[turn];
            re[b] = re[a] - x;
            im[b] = im[a] - y;
            re[a] += x;
            im[a] += y;
          }
        }
      }
    }

    onmessage = ({ data: { samples, hop, rows } }) => {
      const columns = Math.floor(samples.length / hop) + 1, bins = SIZE / 2 / rows, level = new Float32Array(rows);
      function levels(column) { // dB, raised by 6 dB an octave: speech falls by about as much
        transform(samples, column * hop);
        for (let row = 0; row < rows; row++) {
          let power = 1e-12;
          for (let k = row * bins; k < (row + 1) * bins; k++) power = Math.max(power, (re[k] * re[k] + im[k] * im[k]) * (k + 1) ** 2);
          level[row] = 10 * Math.log10(power);
        }
      }
      let loudest = -100;
      for (let c = 0; c < columns; c += Math.max(1, Math.floor(columns / 400))) {
        levels(c);
        loudest = Math.max(loudest, ...level);
      }
      for (let first = 0; first < columns; first += PIECE) {
        const count = Math.min(PIECE, columns - first), piece = new Uint8Array(count * rows);
        for (let c = 0; c < count; c++) {
          levels(first + c);
          for (let r = 0; r < rows; r++) piece[c * rows + r] = 255 * Math.min(1, Math.max(0, 1 + (level[r] - loudest) / RANGE));
        }
        postMessage({ first, piece }, [piece.buffer]);
      }
      close();
    };
  }

  // Start the transform of (N,) samples; `ready` is called after every piece. Gives the spectrogram, and how to stop.
  function start(samples, rate, ready) {
    const seconds = samples.length / rate, hop = Math.round(rate * (seconds > DENSE ? 0.01 : 0.005));
    const levels = new Uint8Array((Math.floor(samples.length / hop) + 1) * ROWS);
    const address = URL.createObjectURL(new Blob([`(${work})()`], { type: "text/javascript" }));
    const worker = new Worker(address);
    worker.onmessage = ({ data: { first, piece } }) => {
      levels.set(piece, first * ROWS);
      ready();
    };
    worker.postMessage({ samples, hop, rows: ROWS });
    return { rows: ROWS, levels, hop_seconds: hop / rate, highest: rate / 2, stop: () => { worker.terminate(); URL.revokeObjectURL(address); } };
  }

  window.w2vkitSpectrum = { start };
})();
