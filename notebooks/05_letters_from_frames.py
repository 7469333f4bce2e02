# %% [markdown]
# # 05 · Letters from frames
#
# [the course](README.md) · before: [04 Context](04_context.ipynb) · next:
# [06 CTC by hand](06_ctc_by_hand.ipynb)
#
# The network gives one row of probabilities for every 20 ms of sound: a *frame*. A clip of four seconds has about 200 frames, but its
# sentence has only about 60 characters. How do 200 frames become 60 letters?
#
# **The question.** *In how many of the frames of the first clip is the "blank" the most likely label?* Then we look at the frames
# one by one: which labels are most likely, how they collapse to text, what a temperature changes and what it does not, and what the
# model makes of silence.

# %%
from itertools import groupby, pairwise, product
from math import comb

import librosa
import numpy as np
import plotly.graph_objects as go
from ipywidgets import Dropdown, FloatSlider, IntSlider
from lesson import check, hear, heatmap, reveal, show, table

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.evaluate.calibration import temperature_scaled
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clips = examples()
waveforms = [load(clip.path) for clip in clips]
emissions = model.emit(waveforms)

# %%
prediction = None  # such as 0.3: in three frames of ten the blank is the most likely label

# %% [markdown]
# ## The emission matrix
#
# `emissions.log_probs` has the shape (T, V): T frames (one every `frame_seconds`, here 20 ms), V labels. Every row is a
# probability distribution, as natural logarithms: $\sum_v \exp(\ell_{t,v}) = 1$.

# %%
first = emissions[0]
vocabulary = first.vocabulary
hear(waveforms[0], clips[0].text)
print("log_probs:", first.log_probs.shape, first.log_probs.dtype, f"; {first.frame_seconds * 1000:.0f} ms per frame")
print("labels:", " ".join(vocabulary.shown(v) for v in range(len(vocabulary))))
figure = heatmap(first, greedy(first))
title = "Emissions, drawn on their side: a line for every label, time to the right"
figure.update_layout(title={"text": title, "y": 0.98}, paper_bgcolor="white")
show(figure)

# %%
row_sums = np.exp(first.log_probs.astype(np.float64)).sum(axis=1)  # (T,)
check(np.allclose(row_sums, 1, atol=1e-3), "every row of the matrix is a probability distribution")

# %% [markdown]
# Find a bright dot in the picture and read its label at the left: that is a letter. It lasts one frame, or a few. The top line is the
# blank: see where it is bright. The same as curves: the blank against the best letter of the frame.

# %%
probabilities = np.exp(first.log_probs)  # (T, V)
seconds = first.start_seconds + (np.arange(len(first)) + 0.5) * first.frame_seconds  # (T,) the middle of every frame
text_columns = sorted(set(vocabulary.columns.values()))
best_letter = np.array(text_columns)[first.log_probs[:, text_columns].argmax(axis=1)]  # (T,)
letter = probabilities[np.arange(len(first)), best_letter]  # (T,)
names = [vocabulary.labels[v] if p > 0.4 else "" for v, p in zip(best_letter, letter, strict=True)]

figure = go.Figure(
    layout={"title": "Blank against the most likely letter", "yaxis": {"title": "probability", "range": [0, 1.02]}}
)
figure.add_scatter(x=seconds, y=probabilities[:, vocabulary.blank], name="blank", line={"color": "#9aa5b1"})
figure.add_bar(x=seconds, y=letter, name="letter", text=names, textposition="outside", textangle=0, marker_color="#1f6feb")
figure.update_layout(
    xaxis={"title": "time (s), the beginning; drag to see the rest", "range": [0.3, 2.0]}, bargap=0.1, height=380
)
figure.update_layout(yaxis={"range": [0, 1.1]}, legend={"orientation": "h", "y": 1.12, "x": 0.6})
show(figure)

best = first.log_probs.argmax(axis=1)  # (T,) the best path: the most likely label of each frame
reveal(prediction, (best == vocabulary.blank).mean(), "of the frames")

# %% [markdown]
# ### Blanks depend on the speed
#
# How many blanks are there *within* the speech, without the silence at both ends? That depends on how fast the letters follow each other.
# Readers of audiobooks speak about 14 letters a second (spaces counted). The synthetic voices of the clips are faster. So the clips are
# slowed down here (a time stretch, which keeps the pitch but does some harm to the sound).
#
# **Predict:** in speech at 0.6 times the speed, will there be more blanks between the letters, or will each letter last longer?

# %%
speeds = [1.0, 0.85, 0.7, 0.6]


def within_speech(one):
    """The fraction of blanks and the mean run of a letter (frames), from the first letter of the best path to the last."""
    path = one.log_probs.argmax(axis=1)
    path = path[slice(*(np.flatnonzero(path != vocabulary.blank)[[0, -1]] + [0, 1]))]
    runs = [len(list(run)) for label, run in groupby(path) if label != vocabulary.blank]
    return (path == vocabulary.blank).mean(), np.mean(runs)


slowed = {s: [librosa.effects.time_stretch(w.samples, rate=s) if s < 1 else w.samples for w in waveforms] for s in speeds}
found = {s: model.emit([Waveform(x, model.sample_rate) for x in sounds]) for s, sounds in slowed.items()}
measured = {s: np.mean([within_speech(one) for one in some], axis=0) for s, some in found.items()}
letters_in_all = sum(len(clip.text) for clip in clips)
seconds_of_speech = sum(np.ptp(np.flatnonzero(e.log_probs.argmax(axis=1) != vocabulary.blank)) * 0.02 for e in emissions)
table(
    ["speed", "letters a second", "blanks within the speech", "mean run of a letter (frames)"],
    [(s, letters_in_all / seconds_of_speech * s, blanks, run) for s, (blanks, run) in measured.items()],
)
check(measured[0.6][0] > measured[1.0][0], "in slower speech there are more blanks between the letters")
check(measured[0.6][1] < 2 * measured[1.0][1], "and a letter stays short")
hear(Waveform(slowed[0.7][2], model.sample_rate), "the numbers at 0.7 times the speed")

# %% [markdown]
# So this model writes a letter in a frame or two, and the blank fills what is left: the slower the speech, the more blanks.

# %% [markdown]
# ## The collapse
#
# CTC reads a path (one label per frame) as text by a map that Graves et al. (2006, section 3.1) call $\mathcal{B}$:
#
# 1. join runs of the same label: `H H E ε L` has one H;
# 2. *then* take the blanks out.
#
# Here ε stands for the blank and | for the space between words. The blank does two jobs. It fills the frames in which nothing new begins, and it keeps two equal letters apart.

# %%
BLANK = "ε"


def collapse(path: str) -> str:
    """The map B: join runs, then drop blanks."""
    return "".join(label for label, _ in groupby(path) if label != BLANK)


def wrong_order(path: str) -> str:
    """The same two steps the other way round."""
    return "".join(label for label, _ in groupby(path.replace(BLANK, "")))


rows = [(path, collapse(path), wrong_order(path)) for path in ["HHEεLLεLO", "HELLOεεεε", "εHεEεLεLO", "TTREEεEεS"]]
table(["path (9 frames)", "join, then drop blanks", "drop blanks, then join"], rows)

# %%
check(collapse("HHEεLLεLO") == "HELLO" and wrong_order("HHEεLLεLO") == "HELO", "without a blank between them, two Ls are one")

# %% [markdown]
# The same for the clip: seven lines from the matrix to the text. `greedy` of w2vkit does this, and finds times and confidences.

# %%
labels = [label for label, _ in groupby(best.tolist()) if label not in vocabulary.special]
letters = [" " if label == vocabulary.word_boundary else vocabulary.labels[label] for label in labels]
by_hand = " ".join("".join(letters).split())  # several word boundaries in a row are one space
print("said:   ", clips[0].text)
print("by hand:", by_hand)
check(by_hand == greedy(first).text, "by hand equals w2vkit.decode.greedy")

# %% [markdown]
# ### The collapse as a player
#
# Move the slider from frame to frame. Above: the frame's five most likely labels. Below: the path so far, its runs joined, and
# the text. Watch for frames in which the path goes on but the text does not.


# %%
def shown(label: int) -> str:
    """One character per label."""
    return BLANK if label in vocabulary.special else "|" if label == vocabulary.word_boundary else vocabulary.labels[label]


def play(figure, clip, frame):
    """Draw one frame of a clip."""
    matrix = emissions[clip].log_probs
    frame = min(frame, len(matrix) - 1)
    top = matrix[frame].argsort()[:-6:-1]
    figure.data[0].x = [vocabulary.shown(v) for v in top]
    figure.data[0].y = np.exp(matrix[frame, top])
    figure.layout.title.text = f"Frame {frame}, at {seconds[0] + frame * first.frame_seconds:.2f} s"
    path = "".join(shown(label) for label in matrix[: frame + 1].argmax(axis=1))
    joined = "".join(label for label, _ in groupby(path))
    print("path:  ", path[-100:])
    print("joined:", joined[-100:])
    print("text:  ", joined.replace(BLANK, "").replace("|", " "))


figure = go.Figure(go.Bar(marker_color="#1f6feb"))
figure.update_layout(title="", height=300, xaxis={"type": "category"}, yaxis={"title": "probability", "range": [0, 1]})
options = [(clip.text.title(), i) for i, clip in enumerate(clips)]
longest = max(len(one) for one in emissions)
some = 60 + int(np.argmax(best[60:] != vocabulary.blank))  # a frame with a letter
show(figure, play, clip=Dropdown(options=options, value=0), frame=IntSlider(some, 0, longest - 1))

# %% [markdown]
# ### How many paths spell one text?
#
# Many paths collapse to the same text, and CTC counts them all as right. A text of L characters, d of which equal the one before them
# (as the second E of TREES does), has $\binom{T + L - d}{2L}$ paths of T frames: choose where each of its L runs begins and ends; between two
# equal letters one frame is taken by a blank. Count them for a small case, then apply the formula to the whole clip.


# %%
def paths_of(text, frames):
    """How many paths of so many frames collapse to the text."""
    doubled = sum(a == b for a, b in pairwise(text))
    return comb(frames + len(text) - doubled, 2 * len(text))


rows = []
for text, frames in [("A", 3), ("AB", 4), ("AB", 6), ("CAB", 6), ("ABB", 6), ("AAA", 6)]:
    paths = ["".join(path) for path in product("ABC" + BLANK, repeat=frames)]
    counted = sum(collapse(path) == text for path in paths)
    rows.append((text, frames, len(paths), counted, paths_of(text, frames)))
table(["text", "frames T", "all paths", "paths that spell it", "formula"], rows)
check(all(row[3] == row[4] for row in rows), "the formula counts the paths")
digits = len(str(paths_of(clips[0].text, len(first))))
print(f"The first clip's sentence has about 10^{digits - 1} paths. Notebook 6 adds them all up in a moment.")

# %% [markdown]
# ## Temperature
#
# Before the softmax the network has logits $z$. Dividing them by a temperature $\tau$ makes the distribution softer
# ($\tau > 1$) or harder ($\tau < 1$):
#
# $$p_\tau(v) = \frac{\exp(z_v / \tau)}{\sum_u \exp(z_u / \tau)}$$
#
# Log-probabilities equal the logits up to one constant per frame, which the softmax ignores. So we can still do it now.
#
# One thing to know before: w2vkit stores a temperature with a model (its *calibration*, notebook [08](08_when_was_it_said.ipynb)), and `greedy`
# uses it for the confidences. That is why `greedy` gives other confidences than those at $\tau = 1$. Here `temperature_scaled` sets the
# temperature alone, without the stored one.
#
# **Predict:** at $\tau = 3$, does the greedy text change? Do the confidences?


# %%
def softmax_at(log_probs, temperature):
    """(T, V) log-probabilities at another temperature."""
    scaled = log_probs.astype(np.float64) / temperature
    return scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)


softer = softmax_at(first.log_probs, 3.0)
check(
    np.allclose(softer, temperature_scaled(first, 3.0).log_probs, atol=1e-4),
    "by hand equals w2vkit.evaluate.calibration.temperature_scaled",
)
temperatures = [0.3, 0.5, 1.0, 2.0, 3.0, 5.0]
calibrated = {t: temperature_scaled(first, t) for t in temperatures}
texts = {t: greedy(one).text for t, one in calibrated.items()}
check(len(set(texts.values())) == 1, "the greedy text is the same at every temperature: argmax does not see it")
stored = first.calibration.temperature
ours, theirs = ([word.confidence for word in greedy(one).words] for one in (first, temperature_scaled(first, stored)))
check(np.allclose(ours, theirs, atol=1e-3), f"greedy's confidences are those at the stored temperature, {stored}")


# %%
def entropy(log_probs):
    """(T,) in bits: 0 if the model is certain, log2(V) if it knows nothing."""
    return -(np.exp(log_probs) * log_probs).sum(axis=1) / np.log(2)


def set_temperature(figure, temperature):
    """Draw the words' confidences and the frames' entropy."""
    one = temperature_scaled(first, temperature)
    words = greedy(one).words
    figure.data[0].x, figure.data[0].y = seconds, entropy(one.log_probs)
    figure.data[1].x = [(word.start + word.end) / 2 for word in words]
    figure.data[1].y = [word.confidence for word in words]
    figure.data[1].text = [word.text for word in words]
    figure.layout.title.text = f"Temperature {temperature:.1f}: mean entropy {entropy(one.log_probs).mean():.2f} bits"


figure = go.Figure(layout={"title": "", "xaxis": {"title": "time (s)"}, "height": 400})
figure.add_scatter(name="entropy of the frame (bits)", line={"color": "#9aa5b1"}, yaxis="y2")
figure.add_scatter(name="confidence of the word", mode="markers+text", textposition="top center", marker_size=10)
figure.update_layout(
    yaxis={"title": "confidence", "range": [0, 1.1], "dtick": 0.2},
    yaxis2={"title": "bits", "overlaying": "y", "side": "right", "range": [0, 5.5], "dtick": 1, "showgrid": False},
    legend={"orientation": "h", "y": -0.2},
)
show(figure, set_temperature, temperature=FloatSlider(1.0, min=0.2, max=5.0, step=0.2))

# %% [markdown]
# Greedy decoding looks only at which label is first, and that never changes. What *weighs* probabilities against each other
# does change: confidences (notebook 8), and a beam search (notebook 7).
#
# ## Silence
#
# What does the model make of no speech at all? Three sounds of two seconds: digital silence, white noise, and the same noise a
# thousand times weaker.
#
# **Predict:** will the weak noise look more like silence or more like the loud noise?

# %%
generator = np.random.default_rng(0)
noise = (0.1 * generator.standard_normal(2 * model.sample_rate)).astype(np.float32)  # (32000,)
sounds = {"silence": np.zeros_like(noise), "noise": noise, "noise / 1000": noise / 1000}
heard = dict(zip(sounds, model.emit([Waveform(samples, model.sample_rate) for samples in sounds.values()]), strict=True))
figure = go.Figure(
    layout={"title": "Two seconds without speech", "yaxis": {"title": "probability of anything but blank", "type": "log"}}
)
for name, one in heard.items():
    figure.add_scatter(
        x=np.arange(len(one)) * 0.02, y=np.clip(-np.expm1(one.log_probs[:, vocabulary.blank]), 1e-8, 1), name=name
    )
figure.update_layout(xaxis={"title": "time (s)"})
show(figure)
table(
    ["sound", "text", "mean entropy (bits)"],
    [(n, greedy(e).text or "(nothing)", entropy(e.log_probs).mean()) for n, e in heard.items()],
)

# %% [markdown]
# The feature extractor brings every clip to zero mean and unit variance before the network sees it:
# $\hat{x} = (x - \mu) / \sqrt{\sigma^2 + 10^{-7}}$.
# Only the small constant tells loud from weak: noise of 10⁻⁴ has the variance 10⁻⁸, below 10⁻⁷,
# and still reaches the network at a third of full loudness. A quiet room with the microphone turned up is noise.

# %%
for name, samples in sounds.items():
    ready = (samples - samples.mean()) / np.sqrt(samples.var(dtype=np.float64) + 1e-7)
    print(f"{name:13} before: {samples.std():.5f}   after: {ready.std():.3f} (standard deviation)")
quiet = Waveform(waveforms[0].samples * np.float32(0.05), model.sample_rate)
difference = np.abs(np.exp(model.emit([quiet])[0].log_probs) - probabilities).max()
check(
    difference < 0.05, f"a clip 26 dB weaker gives the same emissions (largest difference of a probability: {difference:.4f})"
)

# %% [markdown]
# ### Silence inside speech
#
# Now half a second of silence goes into the middle of the clip. The frames of the silence are new; do the frames *around* it
# stay as they were? The network's attention sees the whole clip, so they need not.

# %%
middle = len(waveforms[0].samples) // 2 // model.stride * model.stride
pause = np.zeros(25 * model.stride, np.float32)
samples = np.concatenate([waveforms[0].samples[:middle], pause, waveforms[0].samples[middle:]])
(paused,) = model.emit([Waveform(samples, model.sample_rate)])
cut = middle // model.stride
figure = go.Figure(layout={"title": "Blank, with half a second of silence put in", "yaxis": {"title": "probability of blank"}})
gap = np.insert(probabilities[:, vocabulary.blank], [cut] * 25, np.nan)  # nothing is drawn there
figure.add_scatter(
    x=paused.start_seconds + (np.arange(len(gap)) + 0.5) * 0.02, y=gap, name="the clip as it was (second half moved)"
)
middles = paused.start_seconds + (np.arange(len(paused)) + 0.5) * 0.02
figure.add_scatter(x=middles, y=np.exp(paused.log_probs[:, vocabulary.blank]), name="with the pause")
figure.add_vrect(x0=cut * 0.02, x1=(cut + 25) * 0.02, fillcolor="#9aa5b1", opacity=0.25, line_width=0)
figure.update_layout(xaxis={"title": "time (s)"}, legend={"orientation": "h", "y": -0.2})
show(figure)
print("without:", greedy(first).text)
print("with:   ", greedy(paused).text)
check(len(paused) == len(first) + 25, "half a second is 25 frames of 20 ms")

# %% [markdown]
# ## Exercises
#
# 1. Which is the shortest path (fewest frames) for `TREES`, and why is it not five frames long?
#
# <details><summary>Solution</summary>
#
# Six: `T R E ε E S`. The two Es need a blank between them.
#
# ```python
# from w2vkit.decode.viterbi import frames_needed
#
# print(frames_needed(np.array([vocabulary.columns[letter] for letter in "TREES"])))
# ```
#
# </details>
#
# 2. How many letters a second can the model write at most? Compare with the letters a second of the table above.
#
# <details><summary>Solution</summary>
#
# One per frame, 50 a second, if no two neighbours are equal; 25 a second for one letter repeated. There is room to spare,
# which is why frames can be blank: the more, the slower the speech is.
# </details>
#
# 3. Find the temperature at which the mean confidence of the first clip's words is one half.
#
# <details><summary>Solution</summary>
#
# ```python
# for t in np.arange(0.2, 5, 0.4):
#     print(f"{t:.1f}: {greedy(temperature_scaled(first, float(t))).confidence:.2f}")
# ```
#
# The mean falls as the temperature rises; read off where it passes 0.5. If it starts below, the answer is less than 1.
# </details>
#
# 4. Replace every probability of the blank by zero and renormalise. What becomes of the text?
#
# <details><summary>Solution</summary>
#
# ```python
# from w2vkit.emissions import Emissions
#
# z = first.log_probs.astype(np.float64).copy()
# z[:, vocabulary.blank] = -50
# z -= np.logaddexp.reduce(z, axis=1, keepdims=True)
# print(greedy(Emissions(z.astype(np.float32), vocabulary)).text)
# ```
#
# Letters come up in frames in which nothing was said, and doubled letters join. The blank is not "nothing": it is a decision.
# </details>
#
# ## Three questions
#
# 1. In the picture of blank against letter: where do two letters follow each other without a blank? Find one letter that lasts more than
#    three frames.
# 2. In the temperature figure, at 1.0: do the words with low confidence lie where the entropy is high? Find one that does not.
# 3. In the last figure: how far from the pause, in seconds, do the two curves still differ?
#
# **Sources.** Graves, Fernández, Gomez, Schmidhuber, "Connectionist temporal classification" (2006), section 3,
# https://www.cs.toronto.edu/~graves/icml_2006.pdf; Hannun, "Sequence modeling with CTC" (2017), https://distill.pub/2017/ctc;
# Baevski et al., "wav2vec 2.0" (2020), section 3.3 (fine-tuning with CTC), https://arxiv.org/abs/2006.11477; Guo et al., "On calibration of modern
# neural networks" (2017), https://arxiv.org/abs/1706.04599.
#
# [the course](README.md) · before: [04 Context](04_context.ipynb) · next:
# [06 CTC by hand](06_ctc_by_hand.ipynb)
