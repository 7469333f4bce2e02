// The n-gram language model: w2vkit/decode/lm/compact.py and ngram.py in JavaScript, and WordScorer of decode/scorers.py.
const BEGIN = "<s>", END = "</s>", UNKNOWN = "<unk>";
const TYPES = { uint8: Uint8Array, float32: Float32Array, int64: BigInt64Array };

// Read what `packed` of build.py wrote, after gzip was undone.
export function readLanguage(content) {
  const length = new DataView(content).getUint32(0, true), start = 4 + length;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4, length)));
  const arrays = {};
  for (const [name, { type, shape, at }] of Object.entries(header)) {
    const Type = TYPES[type], size = shape.reduce((a, b) => a * b, 1);
    arrays[name] = { shape, values: new Type(content.slice(start + at, start + at + size * Type.BYTES_PER_ELEMENT)) };
  }
  return new NGram(arrays);
}

// Numbers are stored as planes: all lowest bytes first.
function join({ shape: [planes, size], values }) {
  const numbers = new Int32Array(size);
  for (let p = 0; p < planes; p++) for (let i = 0; i < size; i++) numbers[i] += values[p * size + i] << (8 * p);
  return numbers;
}

// The state is the longest end of the text that the model lists. N-gram 0 is the empty one, unigrams follow, then longer ones.
class NGram {
  constructor(arrays) {
    this.words = new TextDecoder().decode(arrays.words.values).split("\n");
    this.order = Number(arrays.order.values[0]);
    const sizes = Array.from({ length: this.order }, (_, i) => arrays[`log_probs_${i + 1}`].values.length);
    const total = 1 + sizes.reduce((a, b) => a + b, 0);
    this.longest = total - sizes.at(-1);
    this.word = new Int32Array(total).fill(-1);
    this.beginning = new Int32Array(total);
    this.logProb = new Float32Array(total);
    this.backOff = new Float32Array(total);
    this.first = new Int32Array(this.longest + 1);
    this.suffix = new Int32Array(total).fill(-1, 1 + sizes[0]);
    let offset = 1, above = 0;
    sizes.forEach((size, i) => {
      this.fill(arrays, i + 1, offset, size, above);
      above = offset;
      offset += size;
    });
    let next = 1; // n-grams that extend the same one are neighbours, in its order
    for (let i = 0; i < this.longest; i++) {
      this.first[i] = next;
      while (next < total && this.beginning[next] === i) next++;
    }
    this.first[this.longest] = total;
    this.numbers = new Map(this.words.map((word, number) => [word, number]));
    this.start = 1 + this.numbers.get(BEGIN);
    this.unknown = this.numbers.get(UNKNOWN);
    this.end = this.numbers.get(END);
  }

  fill(arrays, n, offset, size, above) {
    const codes = arrays[`log_probs_${n}`].values, table = arrays[`log_prob_table_${n}`].values;
    for (let i = 0; i < size; i++) this.logProb[offset + i] = table[codes[i]];
    if (n === 1) for (let i = 0; i < size; i++) this.word[offset + i] = i;
    else {
      const children = join(arrays[`children_${n}`]), gaps = join(arrays[`words_${n}`]);
      for (let parent = 0, i = 0; parent < children.length; parent++) {
        for (let c = 0, last = -1; c < children[parent]; c++, i++) {
          last = this.word[offset + i] = c ? last + 1 + gaps[i] : gaps[i]; // distances, less one, are stored
          this.beginning[offset + i] = above + parent;
        }
      }
    }
    if (n === this.order) return;
    const children = join(arrays[`children_${n + 1}`]), weights = arrays[`back_offs_${n}`].values, values = arrays[`back_off_table_${n}`].values;
    let i = 0; // rows with children come first
    for (const leaf of [false, true]) for (let row = 0; row < size; row++) {
      if ((children[row] === 0) === leaf) this.backOff[offset + row] = values[weights[i++]];
    }
  }

  // The next state and the log-probability of a word, by its number.
  step(state, number) {
    let total = 0;
    while (state) {
      const found = this.child(state, number);
      if (found) return [found >= this.longest ? this.shorter(found) : found, total + this.logProb[found]];
      total += this.backOff[state];
      state = this.shorter(state);
    }
    return [1 + number, total + this.logProb[1 + number]];
  }

  shorter(ngram) {
    if (this.suffix[ngram] >= 0) return this.suffix[ngram];
    const number = this.word[ngram];
    let state = this.shorter(this.beginning[ngram]), found = 0;
    while (state && !(found = this.child(state, number))) state = this.shorter(state);
    return (this.suffix[ngram] = state ? found : 1 + number);
  }

  child(state, number) {
    let low = this.first[state], high = this.first[state + 1];
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.word[middle] < number) low = middle + 1;
      else high = middle;
    }
    return low < end && this.word[low] === number ? low : 0;
  }
}

// A prefix tree of the model's words in the labels of the vocabulary. Node 0 is the empty word, the last one is no word's.
export class Lexicon {
  constructor(model, { labels, special, boundary }) {
    const columns = new Map(labels.map((label, k) => [label, k]).filter(([, k]) => !special.has(k) && k !== boundary));
    const spellable = word => [...word].every(c => columns.has(c));
    const words = model.words.map((word, number) => ({ word, number })).filter(({ word }) => ![BEGIN, END, UNKNOWN].includes(word));
    const cases = [word => word, word => word.toUpperCase(), word => word.toLowerCase()];
    const counts = cases.map(spell => words.filter(({ word }) => spellable(spell(word))).length);
    const spell = cases[counts.indexOf(Math.max(...counts))];
    const score = number => model.logProb[1 + number];
    words.sort((a, b) => score(b.number) - score(a.number));
    this.width = labels.length;
    this.word = new Map();
    const ahead = [0], depth = [0], children = [new Map()];
    for (const { word, number } of words) {
      const spelled = spell(word);
      if (!spellable(spelled)) continue;
      let node = 0;
      for (const c of spelled) {
        const label = columns.get(c);
        let next = children[node].get(label);
        if (next === undefined) {
          children[node].set(label, (next = ahead.length));
          children.push(new Map());
          depth.push(depth[node] + 1);
          ahead.push(score(number)); // words come from the likeliest on: the first one is the best that begins so
        }
        node = next;
      }
      if (!this.word.has(node)) this.word.set(node, number);
    }
    this.nowhere = ahead.length;
    this.ahead = new Float64Array([...ahead, score(model.unknown)]);
    this.depth = new Int32Array([...depth, 0]); // in the last node any number of characters can end
    this.child = new Int32Array((this.nowhere + 1) * this.width).fill(this.nowhere);
    children.forEach((map, node) => map.forEach((next, label) => (this.child[node * this.width + label] = next)));
  }
}

// What each further label adds to the score of a text. A state is [the model's state, the lexicon's node].
export class WordScorer {
  constructor(model, lexicon, boundary, { alpha, beta, oov_penalty: penalty }) {
    Object.assign(this, { model, lexicon, boundary, alpha, beta, penalty, known: new Map(), start: [model.start, 0] });
    this.ahead = lexicon.ahead.map(score => alpha * score);
  }

  advance([context, node], label) {
    if (label === this.boundary) return [this.finishWord(context, node)[0], 0];
    return [context, this.lexicon.child[node * this.lexicon.width + label]];
  }

  increment([context, node], label) {
    if (label === this.boundary) return this.finishWord(context, node)[1];
    const { child, width, depth, nowhere } = this.lexicon, next = child[node * width + label];
    // Where the lexicon is left, all characters so far become those of an unknown word; from then on, each further one.
    return this.ahead[next] - this.ahead[node] - (next === nowhere ? this.penalty * (depth[node] + 1) : 0);
  }

  finish([context, node]) {
    const [after, added] = this.finishWord(context, node);
    return added + this.alpha * this.model.step(after, this.model.end)[1];
  }

  finishWord(context, node) {
    if (!node) return [context, 0];
    const number = this.lexicon.word.get(node), word = number ?? this.model.unknown;
    const key = context * 2 ** 21 + (number === undefined ? 0 : number + 1);
    let found = this.known.get(key);
    if (!found) {
      const [after, logProb] = this.model.step(context, word);
      found = [after, this.alpha * logProb + this.beta];
      this.known.set(key, found);
    }
    const spelled = number === undefined ? this.penalty * this.lexicon.depth[node] : 0;
    return [found[0], found[1] - spelled - this.ahead[node]];
  }
}
