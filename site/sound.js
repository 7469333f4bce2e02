// Sound for the network: files and the microphone become one channel at 16 kHz.
export const RATE = 16000; // Hz
const FAR_WEAKER = 0.02; // of the channels' power; a weaker mean says that they cancel each other

// Decode a file. The browser resamples while it decodes, to the rate of the context.
export async function decoded(bytes) {
  const buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  if (channels.length === 1) return channels[0].slice();
  const mixed = channels[0].map((_, n) => channels.reduce((sum, channel) => sum + channel[n], 0) / channels.length);
  const powers = channels.map(power), mean = powers.reduce((a, b) => a + b) / powers.length;
  return power(mixed) >= FAR_WEAKER * mean ? mixed : channels[powers.findIndex(one => one >= Math.max(...powers) / 2)].slice();
}

const power = samples => samples.reduce((sum, x) => sum + x * x, 0) / samples.length;

// A 16-bit WAV file, which every browser plays.
export function wav(samples, rate = RATE) {
  const file = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((c, i) => file.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
  file.setUint32(4, 36 + 2 * samples.length, true);
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true);
  file.setUint16(22, 1, true);
  file.setUint32(24, rate, true);
  file.setUint32(28, 2 * rate, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  file.setUint32(40, 2 * samples.length, true);
  samples.forEach((x, n) => file.setInt16(44 + 2 * n, Math.round(32767 * Math.min(Math.max(x, -1), 1)), true));
  return file.buffer;
}

// A recording of the microphone; `heard` gets the loudness of each block, 0 to 1.
export class Recording {
  static async start(heard) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    const context = new AudioContext();
    await context.audioWorklet.addModule("recorder.js");
    const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 }), blocks = [];
    node.port.onmessage = ({ data }) => {
      blocks.push(data);
      heard(data.reduce((most, x) => Math.max(most, Math.abs(x)), 0));
    };
    context.createMediaStreamSource(stream).connect(node);
    return Object.assign(new Recording(), { stream, context, blocks });
  }

  async stop() {
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    const samples = new Float32Array(this.blocks.reduce((sum, block) => sum + block.length, 0));
    this.blocks.reduce((at, block) => (samples.set(block, at), at + block.length), 0);
    return samples.length ? decoded(wav(samples, this.context.sampleRate)) : samples; // decoding resamples well
  }
}
