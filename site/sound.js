// Sound for the network: files and the microphone become one channel at 16 kHz.
export const RATE = 16000; // Hz
const FAR_WEAKER = 0.02; // of the channels' power; a weaker mean says that they cancel each other
const CUTOFF = 0.9565; // of half the lower rate: the middle between the ends of passband and stopband
const CROSSINGS = 73, BETA = 10; // of the filter: zero crossings on either side, and the shape of its Kaiser window

// Decode a file. Browsers resample while they decode, to the rate of the context, and with too short a filter for 16 kHz. So the
// context gets the file's own rate, or, where that is not in its first bytes, one at which the filter does no harm.
export async function decoded(bytes) {
  const buffer = await new OfflineAudioContext(1, 1, rateOf(new DataView(bytes)) ?? 48000).decodeAudioData(bytes);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  return resampled(mixed(channels), buffer.sampleRate);
}

// The sampling rate of a WAV or FLAC file; undefined for others.
function rateOf(file) {
  if (file.byteLength < 44) return undefined;
  const text = at => String.fromCharCode(...[0, 1, 2, 3].map(i => file.getUint8(at + i)));
  let rate;
  if (text(0) === "fLaC") rate = file.getUint32(18) >> 12;
  if (text(0) === "RIFF") {
    for (let at = 12; at + 16 <= file.byteLength && !rate; at += 8 + file.getUint32(at + 4, true)) {
      if (text(at) === "fmt ") rate = file.getUint32(at + 12, true);
    }
  }
  return rate >= 8000 && rate <= 96000 ? rate : undefined; // every browser has contexts of these rates
}

function mixed(channels) {
  if (channels.length === 1) return channels[0].slice();
  const mean = channels[0].map((_, n) => channels.reduce((sum, channel) => sum + channel[n], 0) / channels.length);
  const powers = channels.map(power), loudest = Math.max(...powers);
  const cancelled = power(mean) < (FAR_WEAKER * powers.reduce((a, b) => a + b)) / powers.length;
  return cancelled ? channels[powers.findIndex(one => one >= loudest / 2)].slice() : mean;
}

// Resample to 16 kHz by a windowed sinc, whose passband is that of soxr's high quality, which w2vkit uses in Python.
export function resampled(samples, rate) {
  if (rate === RATE) return samples;
  const lower = Math.min(rate, RATE), reach = (CROSSINGS * rate) / lower; // samples on either side
  const cutoff = (CUTOFF * lower) / rate, { steps, size } = ratio(rate), filters = new Map();
  const filter = phase => {
    const shift = phase / size, first = Math.ceil(shift - reach), taps = new Float32Array(Math.floor(shift + reach) - first + 1);
    for (let i = 0; i < taps.length; i++) {
      const x = first + i - shift, angle = Math.PI * cutoff * x;
      taps[i] = cutoff * (x ? Math.sin(angle) / angle : 1) * kaiser(x / reach);
    }
    return { first, taps };
  };
  return new Float32Array(Math.ceil((samples.length * RATE) / rate)).map((_, n) => {
    const phase = (n * steps) % size, centre = (n * steps - phase) / size;
    if (!filters.has(phase)) filters.set(phase, filter(phase));
    const { first, taps } = filters.get(phase), from = centre + first;
    let sum = 0;
    for (let i = Math.max(0, -from); i < taps.length && from + i < samples.length; i++) sum += taps[i] * samples[from + i];
    return sum;
  });
}

// An output sample lies n * steps / size input samples from the first one.
function ratio(rate) {
  const divisor = (a, b) => (b ? divisor(b, a % b) : a), common = divisor(Math.round(rate), RATE);
  return { steps: Math.round(rate) / common, size: RATE / common };
}

const bessel = x => {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-10 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
};
const kaiser = x => bessel(BETA * Math.sqrt(Math.max(0, 1 - x * x))) / bessel(BETA);

const power = samples => samples.reduce((sum, x) => sum + x * x, 0) / samples.length;

// A 16-bit WAV file, which every browser plays.
export function wav(samples) {
  const file = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((c, i) => file.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
  file.setUint32(4, 36 + 2 * samples.length, true);
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true);
  file.setUint16(22, 1, true);
  file.setUint32(24, RATE, true);
  file.setUint32(28, 2 * RATE, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  file.setUint32(40, 2 * samples.length, true);
  samples.forEach((x, n) => file.setInt16(44 + 2 * n, Math.round(32767 * Math.min(Math.max(x, -1), 1)), true));
  return file.buffer;
}

// A recording of the microphone; `heard` gets the loudness of each block, 0 to 1, and the seconds until now.
export class Recording {
  static async start(heard) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    const context = new AudioContext();
    let count = 0;
    await context.audioWorklet.addModule("recorder.js");
    const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 }), blocks = [];
    node.port.onmessage = ({ data }) => {
      blocks.push(data);
      count += data.length;
      heard(data.reduce((most, x) => Math.max(most, Math.abs(x)), 0), count / context.sampleRate);
    };
    context.createMediaStreamSource(stream).connect(node);
    return Object.assign(new Recording(), { stream, context, blocks });
  }

  async stop() {
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    const samples = new Float32Array(this.blocks.reduce((sum, block) => sum + block.length, 0));
    this.blocks.reduce((at, block) => (samples.set(block, at), at + block.length), 0);
    return resampled(samples, this.context.sampleRate);
  }
}
