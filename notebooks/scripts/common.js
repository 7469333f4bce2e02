// Shared by the figures: `start(root, data)` of one script is called once for each place that waits for it.
const BLUE = "#2f7de1", ORANGE = "#d9622b", GREEN = "#2c9a55", GREY = "#8b95a3";

// Add an element to a parent. Names of SVG elements make SVG elements.
function add(parent, name, attributes = {}, text = "") {
  const drawn = ["svg", "g", "path", "rect", "circle", "line", "text"].includes(name);
  const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== "") element.textContent = text;
  parent.append(element);
  return element;
}

// Add a drawing that is as wide as the page allows. The label is read to those who cannot see it.
function drawing(root, width, height, label) {
  return add(root, "svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": label });
}

function button(parent, text, press) {
  const element = add(parent, "button", { type: "button" }, text);
  element.addEventListener("click", press);
  return element;
}

// Add a slider with its name; `move` gets its number.
function slider(parent, text, low, high, value, step, move) {
  const label = add(parent, "label", {}, `${text} `);
  const element = add(label, "input", { type: "range", min: low, max: high, step, value });
  element.addEventListener("input", () => move(Number(element.value)));
  return element;
}

// Call `step` every so many milliseconds until it gives false or the button is pressed again.
function player(parent, text, step, milliseconds) {
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; control.textContent = text; };
  const control = button(parent, text, () => {
    if (timer) return stop();
    control.textContent = "stop";
    timer = setInterval(() => { if (!control.isConnected || step() === false) stop(); }, milliseconds);
  });
  return stop;
}

// Decode a sound (base64 of a file) once.
let context, sounding;
const decoded = new Map();
async function decode(sound) {
  context ??= new AudioContext();
  if (!decoded.has(sound)) {
    const bytes = Uint8Array.from(atob(sound), (letter) => letter.charCodeAt(0));
    decoded.set(sound, await context.decodeAudioData(bytes.buffer));
  }
  return decoded.get(sound);
}

// Play a stretch (s) of a decoded sound, and stop what is playing.
function sound(buffer, start = 0, end = buffer.duration) {
  sounding?.stop();
  sounding = new AudioBufferSourceNode(context, { buffer });
  sounding.connect(context.destination);
  context.resume();
  sounding.start(0, start, Math.max(0.02, end - start));
}
