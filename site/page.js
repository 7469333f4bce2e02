// The page: examples, files and the microphone; loading of the models; the result and its linked view.
import { linkedData, bytesOf } from "./pack.js";
import { Recording, decoded, wav, RATE } from "./sound.js";
import { emissionsOf, textOf } from "./words.js";
import { startTour } from "./tour.js";

const MOST_SECONDS = 600; // s; more would keep a phone busy for long
const QUIET = 1e-4; // of full scale; a recording below it has no sound
const $ = id => document.getElementById(id);
const about = await fetch("about.json").then(answer => answer.json()).catch(error => {
  $("stage").textContent = `The page could not be loaded (${error.message}). Check the connection and reload it.`;
  throw error;
});

// Requests to the worker, and the parts that it has loaded.
let worker = null, count = 0;
const waiting = new Map(), loaded = {}, announce = {}, here = new Set();
for (const part of ["model", "language"]) loaded[part] = new Promise(resolve => (announce[part] = resolve));

function ask(message, share = null) {
  if (!worker) return Promise.reject(new Error("the model is not loaded"));
  return new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject, share });
    worker.postMessage({ ...message, id: count });
  });
}

function hear({ data }) {
  if (data.progress !== undefined) return progress(data.progress, data.total);
  if (data.ready) {
    here.add(data.ready);
    announce[data.ready]();
    return offer();
  }
  if (data.webgpu) return ($("webgpu").hidden = false);
  if (data.slower) return ($("stage").textContent = "The graphics processor failed. WebAssembly computes again.");
  const request = waiting.get(data.id);
  if (data.share !== undefined) return request.share?.(data.share);
  waiting.delete(data.id);
  if (data.failed) request.reject(new Error(data.failed));
  else request.resolve(data.done);
}

function progress(bytes, total) {
  const megabytes = x => (x / 1e6).toFixed(0);
  $("progress").value = bytes / total;
  $("stage").textContent = bytes < total ? `Loading the model: ${megabytes(bytes)} of ${megabytes(total)} MB` : "Preparing the model";
}

// The service worker comes first, so that it keeps what the model needs. Without one the page works, but not offline.
async function offline() {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register("service.js");
    if (navigator.serviceWorker.controller) return;
    await Promise.race([
      new Promise(resolve => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true })),
      new Promise(resolve => setTimeout(resolve, 8000)),
    ]);
  } catch (error) {
    console.info("The page is not kept for offline use:", error.message);
  }
}

async function load() {
  $("again").hidden = true;
  try {
    if (!worker) {
      await offline();
      worker = new Worker("worker.js", { type: "module" });
      worker.onmessage = hear;
      worker.onerror = ({ message }) => {
        worker.terminate();
        worker = null;
        here.clear();
        const why = message || "its program could not be started";
        for (const request of waiting.values()) request.reject(new Error(why));
        waiting.clear();
        stuck(why);
      };
    }
    await ask({ act: "load", about });
    $("progress").hidden = true;
    $("stage").textContent = navigator.serviceWorker?.controller ? "The model is here. From now on the page also works offline." : "The model is here.";
    $("loading").classList.add("done");
  } catch (error) {
    stuck(error.message);
  }
}

function stuck(why) {
  $("stage").textContent = here.has("model")
    ? `The language model could not be loaded (${why}). Words are read letter by letter.`
    : `The model could not be loaded (${why}). The examples work without it.`;
  $("again").hidden = false;
}

// What is shown: { name, view, logProbs, words: { greedy, beam }, samples, seconds, computed }.
let shown = null, turn = 0;
let mounted = null; // the linked view
const decoder = () => document.querySelector("input[name=decoder]:checked").value;

function show() {
  if (!shown) return;
  const words = shown.words[decoder()] ?? shown.words.greedy;
  if (!words) return;
  const text = textOf(words);
  mounted?.close();
  const data = { ...shown.view, words, name: shown.name };
  mounted = window.w2vkitView.mount($("view"), data, about.texts, { name: shown.name });
  $("said").textContent = text || about.texts.nothing;
  document.querySelectorAll("#examples button").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.name === shown.example)));
  facts();
}

function facts() {
  const early = !shown.words[decoder()] && shown.words.greedy;
  const length = `${shown.view.seconds.toFixed(1)} s`;
  const speed = shown.seconds ? `${length}, computed here by ${shown.by} in ${shown.seconds.toFixed(1)} s: ${(shown.view.seconds / shown.seconds).toFixed(0)} times real time` : `${length}, computed beforehand in Python`;
  $("facts").textContent = `${shown.name}. ${speed}.${early ? " Read letter by letter, until the language model is here." : ""}`;
  offer();
}

const offer = () => ($("compute").hidden = !shown || Boolean(shown.seconds) || !here.has("model"));

// WebGPU has a runtime of its own, which most visitors do not need.
const gpuSize = (about.webgpu[0].bytes / 1e6).toFixed(0);
async function accelerate() {
  $("webgpu").hidden = true;
  try {
    const samples = await decoded(await (await fetch(about.examples[0].audio)).arrayBuffer());
    const share = part => ($("stage").textContent = part < 1 ? `Loading WebGPU: ${Math.round(100 * part)} % of ${gpuSize} MB` : "Comparing WebGPU with WebAssembly");
    await ask({ act: "accelerate", samples }, share);
    $("stage").textContent = "The graphics processor computes from now on: its numbers are those of WebAssembly.";
  } catch (error) {
    $("stage").textContent = `The graphics processor cannot be used (${error.message}). WebAssembly computes as before.`;
  }
}

async function example(index) {
  const mine = ++turn, one = about.examples[index];
  quiet();
  try {
    const { view, words, log_probs: stored } = await (await fetch(one.result)).json();
    if (mine !== turn) return;
    shown = { name: capital(one.about), example: one.name, view, words, logProbs: Float32Array.from(new Int16Array(bytesOf(stored).buffer), x => x / 1000) };
    show();
  } catch (error) {
    trouble(`The example could not be fetched: ${error.message}. Check the connection and press it again.`);
  }
}

const capital = text => text[0].toUpperCase() + text.slice(1);

// Compute a sound and show it.
async function transcribe(samples, name, mine, exampleName = null) {
  const least = about.input.fewest_samples;
  if (samples.length < least) return trouble(`${name} is too short: one frame needs ${Math.ceil((1000 * least) / RATE)} ms of sound. Give a little more.`);
  if (samples.length > MOST_SECONDS * RATE) return trouble(`${name} has more than ${MOST_SECONDS / 60} minutes. Cut out a shorter part; w2vkit in Python takes hours.`);
  if (samples.every(x => Math.abs(x) < QUIET)) return trouble(`${name} has no sound. Check the microphone, and speak a little closer to it.`);
  const wanted = decoder();
  $("facts").textContent = here.has("model") ? `${name}: computing` : `${name}: waiting for the model`;
  try {
    await loaded.model;
    const share = part => mine === turn && ($("facts").textContent = `${name}: computing, ${Math.round(100 * part)} %`);
    const result = await ask({ act: "transcribe", samples, decoder: wanted }, share);
    if (mine !== turn) return;
    const emissions = emissionsOf(result.logProbs, samples.length, about), file = new Blob([wav(samples)], { type: "audio/wav" });
    if (shown?.url) URL.revokeObjectURL(shown.url);
    const url = URL.createObjectURL(file);
    const view = { ...linkedData(samples, emissions, result.words), audio: { url } };
    shown = { name, url, view, example: exampleName, logProbs: result.logProbs, seconds: result.seconds, by: result.by, words: { [result.decoder]: view.words } };
    show();
    if (result.decoder !== wanted) await decode(); // the language model comes later
  } catch (error) {
    trouble(`${name} could not be computed: ${error.message}. Try a shorter recording.`);
  }
}

// Decode what is shown by the chosen decoder.
async function decode() {
  const one = shown, wanted = decoder();
  show();
  if (!one || one.words[wanted]) return;
  try {
    if (wanted === "beam") await loaded.language;
    const { words } = await ask({ act: "decode", logProbs: one.logProbs, samples: Math.round(one.view.seconds * RATE), decoder: wanted });
    one.words[wanted] = linkedWords(words);
    if (one === shown) show();
  } catch (error) {
    trouble(`${one.name} could not be decoded: ${error.message}. Choose the decoder again.`);
  }
}

const linkedWords = words => linkedData(new Float32Array(RATE), emissionsOf(new Float32Array(about.output.shape[2]), RATE, about), words).words;

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = false;
  if (shown) facts();
}

const quiet = () => ($("trouble").hidden = true);

async function file(chosen) {
  if (!chosen) return;
  const mine = ++turn;
  quiet();
  $("facts").textContent = `${chosen.name}: reading`;
  let samples;
  try {
    samples = await decoded(await chosen.arrayBuffer());
  } catch {
    return trouble(`${chosen.name} could not be read as sound. Choose a WAV, MP3, FLAC, OGG or M4A file.`);
  }
  if (mine === turn) await transcribe(samples, chosen.name, mine);
}

// The microphone.
let recording = null, asked = false;
async function record() {
  const text = $("record").querySelector(".what");
  if (recording) {
    const ended = recording, mine = ++turn;
    recording = null;
    $("record").classList.remove("on");
    $("level").classList.remove("on");
    text.textContent = "Record your voice";
    return transcribe((await ended.stop()).subarray(0, MOST_SECONDS * RATE), "Your recording", mine);
  }
  if (asked) return; // the visitor has not answered the browser's question yet
  quiet();
  if (!navigator.mediaDevices) return trouble("The browser allows no microphone at this address. Open the page by https, or at localhost.");
  asked = true;
  try {
    recording = await Recording.start((level, seconds) => {
      $("level").firstElementChild.style.width = `${Math.min(100, 100 * Math.sqrt(level))}%`;
      if (recording && seconds >= MOST_SECONDS) record();
    });
    $("record").classList.add("on");
    $("level").classList.add("on");
    text.textContent = "Stop and read";
  } catch (error) {
    trouble(`The browser gives no sound (${error.message}). Allow it to use the microphone, and try again.`);
  } finally {
    asked = false;
  }
}

about.examples.forEach((one, i) => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: capital(one.about), onclick: () => example(i) });
  button.dataset.name = one.name;
  $("examples").append(button);
});
$("choose").onclick = () => $("file").click();
$("file").onchange = () => {
  file($("file").files[0]);
  $("file").value = ""; // so that the same file can be chosen again
};
$("record").onclick = record;
$("again").onclick = load;
$("webgpu").onclick = accelerate;
$("webgpu").textContent += ` (${gpuSize} MB)`;
$("compute").onclick = async () => {
  const one = about.examples.find(({ name }) => name === shown.example), mine = ++turn;
  quiet();
  try {
    const samples = await decoded(await (await fetch(one.audio)).arrayBuffer());
    if (mine === turn) await transcribe(samples, capital(one.about), mine, one.name);
  } catch (error) {
    trouble(`The example could not be fetched: ${error.message}. Check the connection and press the button again.`);
  }
};
$("decoder").onchange = decode;
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
  event.preventDefault();
  file(event.dataTransfer.files[0]);
});
$("version").textContent = about.w2vkit;
await example(0);
startTour($("tour"), { about, ask, loaded });
load();
