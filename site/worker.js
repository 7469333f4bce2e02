// Computes beside the page: loads the models in pieces, runs the network, decodes.
import * as ort from "./runtime/ort.wasm.min.mjs";
import { beamSearch } from "./beam.js";
import { Lexicon, readLanguage } from "./language.js";
import { emissionsOf, greedy, silenceAround } from "./words.js";

const SAME = 0.002; // of probabilities; farther ones are wrong
let about, session, language;
let faster = null; // a session by WebGPU

ort.env.wasm.numThreads = 1; // more need headers that few static hosts send

// Fetch the pieces of a part that are not here yet, and tell how many bytes came. They stay here until the part is in use.
const fetched = new Map();
async function bytesOf(parts, tell) {
  for (const part of parts) if (!fetched.has(part.path)) fetched.set(part.path, await piece(part, tell));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes, 0));
  let at = 0;
  for (const chunk of parts.flatMap(({ path }) => fetched.get(path))) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function piece({ path, bytes }, tell) {
  for (const cache of ["default", "reload"]) { // what was kept before may be broken
    const answer = await fetch(path, { cache });
    if (answer.status === 404) throw new Error("the site has changed since this page was opened: reload the page");
    if (!answer.ok) throw new Error(`${path}: status ${answer.status}`);
    const reader = answer.body.getReader(), chunks = [];
    let got = 0;
    try {
      for (let part; !(part = await reader.read()).done; ) {
        chunks.push(part.value);
        got += part.value.length;
        tell(part.value.length);
      }
      if (got === bytes) return chunks;
    } catch (error) {
      tell(-got);
      throw error;
    }
    tell(-got);
  }
  throw new Error(`${path} is not the file of this site: its size is wrong`);
}

const unpacked = bytes => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();

let came = 0;
async function load() {
  const total = Object.values(about.parts).flat().reduce((sum, part) => sum + part.bytes, 0);
  const tell = bytes => postMessage({ progress: (came += bytes), total });
  if (!session) {
    ort.env.wasm.wasmBinary ??= (await bytesOf(about.parts.runtime, tell)).buffer;
    session = await ort.InferenceSession.create(new Uint8Array(await unpacked(await bytesOf(about.parts.model, tell))));
    await emit(new Float32Array(2 * about.input.sample_rate), () => {}, session); // browsers compile WebAssembly better once it has run
    postMessage({ ready: "model" });
  }
  if (!language) {
    const model = readLanguage(await unpacked(await bytesOf(about.parts.language, tell)));
    language = { model, lexicon: new Lexicon(model, emissionsOf(new Float32Array(0), 0, about)) };
    postMessage({ ready: "language" });
  }
  fetched.clear();
  if (await graphics()) postMessage({ webgpu: true });
}

// Mean 0 and variance 1 over the whole sound, as the checkpoint was trained.
function normalised(samples) {
  if (!about.input.normalise) return samples;
  let sum = 0, squares = 0;
  for (const x of samples) {
    sum += x;
    squares += x * x;
  }
  const mean = sum / samples.length, deviation = Math.sqrt(Math.max(0, squares / samples.length - mean ** 2) + about.input.variance_floor);
  return samples.map(x => (x - Math.fround(mean)) / Math.fround(deviation));
}

// Compute by WebGPU from now on, if there is one that gives the numbers of WebAssembly for a sound.
async function accelerate(samples, tell) {
  const gpu = await import("./runtime/ort.webgpu.min.mjs");
  gpu.env.wasm.numThreads = 1;
  gpu.env.wasm.wasmBinary ??= (await bytesOf(about.webgpu, tell)).buffer;
  const model = new Uint8Array(await unpacked(await bytesOf(about.parts.model, () => {})));
  fetched.clear();
  const candidate = await gpu.InferenceSession.create(model, { executionProviders: ["webgpu"] });
  const wanted = await emit(samples, () => {}, session), found = await emit(samples, () => {}, candidate);
  const far = wanted.reduce((most, x, i) => Math.max(most, Math.abs(Math.exp(x) - Math.exp(found[i]))), 0);
  if (!(far <= SAME)) {
    candidate.release();
    throw new Error(`its probabilities differ by ${far.toPrecision(1)}`);
  }
  faster = candidate;
}

// Whether there is a graphics processor; what imitates one is slower than WebAssembly.
async function graphics() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

// By WebGPU, if it was chosen and works; else by WebAssembly.
async function computed(samples, tell) {
  if (faster) {
    try {
      const logProbs = await emit(samples, tell, faster);
      if (proper(logProbs)) return logProbs;
    } catch (error) {
      console.info("WebGPU failed:", error);
    }
    faster = null;
    postMessage({ slower: true });
  }
  return emit(samples, tell, session);
}

// Whether the probabilities of each frame sum to one. A graphics processor that was lost gives zeros.
function proper(logProbs) {
  const width = about.output.shape[2];
  for (let t = 0; t < logProbs.length; t += width) {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += Math.exp(logProbs[t + k]);
    if (!(Math.abs(sum - 1) < 0.01)) return false;
  }
  return true;
}

function padded(sound, silence) {
  if (!silence) return sound;
  const wider = new Float32Array(sound.length + 2 * silence);
  wider.set(sound, silence);
  return wider;
}

// Log-probabilities of a sound; one that is longer than a pass is cut into windows with context, as w2vkit does.
async function emit(samples, tell, session) {
  const { stride, receptive_field: field, shape } = about.output, width = shape[2], sound = padded(normalised(samples), silenceAround(samples.length, about));
  const frames = Math.floor((sound.length - field) / stride) + 1, logProbs = new Float32Array(frames * width);
  const size = sound.length <= about.input.most_samples ? frames : about.window_frames;
  for (let start = 0; start < frames; start += size) {
    const stop = Math.min(start + size, frames), context = size < frames ? about.context_frames : 0;
    const from = Math.max(0, start - context), to = Math.min(frames, stop + context);
    const window = sound.subarray(from * stride, to === frames ? sound.length : (to - 1) * stride + field);
    const result = await session.run({ [about.input.name]: new ort.Tensor("float32", window, [1, window.length]) });
    const output = result[about.output.name];
    logProbs.set(output.data.subarray((start - from) * width, (stop - from) * width), start * width);
    output.dispose?.();
    tell(stop / frames);
  }
  return logProbs;
}

function decode(logProbs, samples, decoder, weights) {
  const emissions = emissionsOf(logProbs, samples, about);
  return decoder === "greedy" ? greedy(emissions) : beamSearch(emissions, language, { ...about.search, ...about.weights, ...weights });
}

const acts = {
  async load({ about: given }) {
    about = given;
    await load();
  },
  async transcribe({ id, samples, decoder }) {
    const began = performance.now();
    const logProbs = await computed(samples, share => postMessage({ id, share }));
    const seconds = (performance.now() - began) / 1000;
    return { logProbs, seconds, by: faster ? "WebGPU" : "WebAssembly", words: decode(logProbs, samples.length, language ? decoder : "greedy"), decoder: language ? decoder : "greedy" };
  },
  async accelerate({ id, samples }) {
    let came = 0;
    await accelerate(samples, bytes => postMessage({ id, share: (came += bytes) / about.webgpu[0].bytes }));
  },
  async decode({ logProbs, samples, decoder, weights }) {
    return { words: decode(logProbs, samples, decoder, weights) };
  },
};

let turn = Promise.resolve(); // one request at a time, in the order of their arrival
onmessage = ({ data }) => {
  const work = async () => {
    try {
      postMessage({ id: data.id, done: (await acts[data.act](data)) ?? null });
    } catch (error) {
      postMessage({ id: data.id, failed: String(error?.message ?? error) });
    }
  };
  if (data.act === "load") work();
  else turn = turn.then(work);
};
