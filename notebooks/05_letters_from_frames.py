# %% [markdown]
# # 05 · Letters from frames
#
# [the course](README.md) · before: [04 Context](04_context.ipynb) · next:
# [06 CTC by hand](06_ctc_by_hand.ipynb)
#
# The network gives one row of probabilities for every 20 ms of sound: a *frame*. A clip of six seconds has about 300 frames, but its
# sentence has only about 60 characters. How do 300 frames become 60 letters?
#
# | | |
# |---|---|
# | **You will** | write paths yourself and see them collapse; write the collapse; count paths; see what speed does to blanks, what a temperature changes and what it does not |
# | **Time** | 35 minutes |
# | **You need** | [01](01_first_transcript.ipynb) |

# %%
from itertools import groupby, pairwise, product
from math import comb

import librosa
import numpy as np
from figures import draw_path
from ipywidgets import Dropdown, FloatSlider, IntSlider
from lesson import (
    BLANK,
    answer,
    check,
    closed,
    closest,
    exercise,
    hear,
    play_button,
    predict,
    show,
    sign,
    table,
)
from plots import draw_blanks, draw_emissions, draw_lines, draw_steps, draw_temperature

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

# %% [markdown]
# ## Write a path
#
# A *path* has one label in every frame. CTC (connectionist temporal classification) reads it as text by a map that Graves et al. (2006,
# section 3.1) call $\mathcal{B}$:
#
# 1. join runs of the same label;
# 2. *then* take the blanks out.
#
# ε stands for the blank, ␣ for the space between words. Click a cell, or type into the field (a dash is a blank). **Try:** write HELLO in another way;
# write it without any blank (what becomes of the two Ls?); write HOLE LEE with as few blanks as you can.

# %%
draw_path("εHELO␣", "εHHEEεLLεLOε", "HELLO")

# %% [markdown]
# The blank does two jobs. It fills the frames in which nothing new begins, and it keeps two equal letters apart.
#
# **Your turn 1.** Write the collapse. `groupby(path)` gives a pair for each run: its label, and its members.


# %%
def collapse(path):
    """The map B of a string such as HHEεL."""
    ...  # your turn


exercise(
    collapse,
    (("HHHEε",), "HE", "Join runs: a label that goes on counts once."),
    (("HELεLO",), "HELLO", "Join first, then drop blanks: the blank keeps the two Ls apart."),
    (("εεε",), "", "A path of blanks is the empty text."),
)

# %% [markdown]
# {{solution 1}}
#
# **Your turn 2.** How many frames does a text need at least? (Which is the shortest path for TREES?)


# %%
def frames_needed(text):
    """The number of frames of the shortest path that collapses to the text."""
    ...  # your turn


exercise(
    frames_needed,
    (("BIRD",), 4, "One frame for each letter."),
    (("TREES",), 6, "Between two equal letters a blank needs a frame of its own."),
    (("AAA",), 5, "Each letter that equals the one before it needs a blank."),
)

# %% [markdown]
# {{solution 2}}

# %% [markdown]
# ## The emission matrix
#
# Now paths that the model writes.

# %%
blanks = predict(
    "In what fraction of all frames of the first clip is the blank the most likely label?",
    "one in ten", "a quarter", "about half", "nine in ten",
)  # fmt: skip

# %% [markdown]
# `emissions.log_probs` has the shape (T, V): T frames (one every `frame_seconds`, here 20 ms), V labels. Every row is a
# probability distribution, as natural logarithms: $\sum_v \exp(\ell_{t,v}) = 1$.

# %%
first = emissions[0]
vocabulary = first.vocabulary
hear(waveforms[0], clips[0].text)
print("log_probs:", first.log_probs.shape, f"; {first.frame_seconds * 1000:.0f} ms per frame")
print("labels:", " ".join(sign(vocabulary, v) for v in range(len(vocabulary))))
show(
    draw_emissions(first, greedy(first)),
    closed="Open the picture",
    alt="A dark picture with a row for each label. The top row, the blank, is bright at both ends "
    "and in pieces between; short bright dots in the other rows spell the sentence.",
)

# %%
row_sums = np.exp(first.log_probs.astype(np.float64)).sum(axis=1)  # (T,)
check(np.allclose(row_sums, 1, atol=1e-3), "every row of the matrix is a probability distribution")

# %% [markdown]
# Find a bright dot in the picture and read its label at the left: that is a letter. It lasts one frame, or a few. The top line is the
# blank: see where it is bright. (`<s>`, `</s>` and `<unk>` in the list of labels are the tokenizer's; nothing is written with them, and
# they are not drawn.) The same as curves: the blank against the best letter of the frame.

# %%
probabilities = np.exp(first.log_probs)  # (T, V)
show(
    draw_blanks(first),
    closed="Open the figure",
    alt="Blue bars of letters, one to three frames wide, and between them a grey line, the blank, "
    "which goes up where no letter stands.",
)
best = first.log_probs.argmax(axis=1)  # (T,) the best path: the most likely label of each frame
share = (best == vocabulary.blank).mean()
ends = np.flatnonzero(best != vocabulary.blank)[[0, -1]]
silent = ends[0] + len(best) - 1 - ends[1]
answer(
    blanks,
    closest(blanks, (0.1, 0.25, 0.5, 0.9), share),
    f"{share:.0%}. But {silent} of these frames are the silence before and after.",
)

# %% [markdown]
# ### Blanks depend on the speed
#
# How many blanks are there *within* the speech, pauses included, but without the silence at both ends? That depends on how fast the letters follow each other.
# Readers of audiobooks speak about 14 letters a second (spaces counted); the clips are a little slower. Here they are made faster and slower by
# a time stretch, which keeps the pitch but does some harm to the sound.

# %%
slower = predict(
    "From 1.4 times the speed down to 0.7 times: what fills the added frames?",
    "more blanks, and the letters stay short",
    "longer letters, and as many blanks as before",
    "both grow by the same factor",
)

# %%
speeds = [1.4, 1.2, 1.0, 0.85, 0.7]


def within_speech(one):
    """The fraction of blanks and a letter's mean run, from the first letter to the last."""
    path = one.log_probs.argmax(axis=1)
    path = path[slice(*(np.flatnonzero(path != vocabulary.blank)[[0, -1]] + [0, 1]))]
    runs = [len(list(run)) for label, run in groupby(path) if label != vocabulary.blank]
    return (path == vocabulary.blank).mean(), np.mean(runs)


slowed = {
    s: [librosa.effects.time_stretch(w.samples, rate=s) for w in waveforms]
    for s in speeds
}  # fmt: skip
slowed[1.0] = [w.samples for w in waveforms]
found = {
    s: model.emit([Waveform(x, model.sample_rate) for x in sounds])
    for s, sounds in slowed.items()
}  # fmt: skip
measured = {s: np.mean([within_speech(one) for one in some], axis=0) for s, some in found.items()}
paths = [one.log_probs.argmax(axis=1) != vocabulary.blank for one in emissions]
spoken = sum(np.ptp(np.flatnonzero(path)) for path in paths) * first.frame_seconds
pace = sum(len(clip.text) for clip in clips) / spoken
rows = [(s, pace * s, blank, run) for s, (blank, run) in measured.items()]
header = ["speed", "letters a second", "blanks within the speech", "mean run of a letter (frames)"]
with closed():
    table(header, rows)
hear(Waveform(slowed[0.7][2], model.sample_rate), "the numbers at 0.7 times the speed")

# %%
(before, run), (after, longer) = measured[1.4], measured[0.7]
with closed("Open the checks"):
    check(after > 1.5 * before, "in slower speech there are far more blanks between the letters")
    check(longer < 1.3 * run, "and a letter stays short")
    check(before < 0.5 < after, "blanks are the smaller part of fast speech, the larger of slow")
grown = 1 if after < 1.2 * before else 0 if longer < 1.3 * run else 2
answer(
    slower,
    slower.options[grown],
    f"Within the speech the blanks grow from {before:.0%} to {after:.0%} of the frames, "
    f"and a letter from {run:.1f} to {longer:.1f} frames.",
)

# %% [markdown]
# So this model writes a letter in about two frames, and the blank fills what is left: the slower the speech, the more blanks. In fast speech
# letters follow each other so closely that most frames within it are *not* blank: the picture of lone spikes between
# long blanks, which many texts on CTC show, holds here only for slow speech.

# %% [markdown]
# ## The collapse, again
#
# Why in this order? The same two steps the other way round lose every doubled letter.


# %%
def joined(path):
    return "".join(label for label, _ in groupby(path))


paths = ["HHEεLLεLO", "HELLOεεεε", "εHεEεLεLO", "TTREEεEεS"]
rows = [(path, joined(path).replace(BLANK, ""), joined(path.replace(BLANK, ""))) for path in paths]
table(["path (9 frames)", "join, then drop blanks", "drop blanks, then join"], rows)
check(rows[0][1:] == ("HELLO", "HELO"), "dropped too early, a blank keeps no letters apart")

# %% [markdown]
# The same for the clip: from the matrix to the text in a few lines. `greedy` of w2vkit does this, and finds times and confidences.

# %%
labels = [label for label, _ in groupby(best.tolist()) if label not in vocabulary.special]
boundary = vocabulary.word_boundary
letters = [" " if label == boundary else vocabulary.labels[label] for label in labels]
by_hand = " ".join("".join(letters).split())  # several word boundaries in a row are one space
print("said:   ", clips[0].text)
print("by hand:", by_hand)
check(by_hand == greedy(first).text, "by hand equals w2vkit.decode.greedy")

# %% [markdown]
# ### The collapse as a player
#
# Move the slider from frame to frame, or press play. Above: the frame's five most likely labels. Below: the path so far, its runs joined, and
# the text. Watch for frames in which the path goes on but the text does not.

# %%
longest = max(len(one) for one in emissions)
some = 60 + int(np.argmax(best[60:] != vocabulary.blank))  # a frame with a letter
options = [(clip.text.title(), i) for i, clip in enumerate(clips)]
frame = IntSlider(some, 0, longest - 1, layout={"width": "100%"})
play_button(frame)
figure, step = draw_steps(emissions)
show(
    figure,
    step,
    clip=Dropdown(options=options, value=0),
    frame=frame,
    alt="Bars of the five most likely labels of one frame; one of them is nearly 1.",
)

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
    counted = sum(joined(path).replace(BLANK, "") == text for path in paths)
    rows.append((text, frames, len(paths), counted, paths_of(text, frames)))
table(["text", "frames T", "all paths", "paths that spell it", "formula"], rows)
check(all(row[3] == row[4] for row in rows), "the formula counts the paths")
digits = len(str(paths_of(clips[0].text, len(first))))
print(f"The first clip's sentence has about 10^{digits - 1} paths. Notebook 06 adds them all up.")

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
# One thing to know before: w2vkit stores a temperature and a curve with a model (its *calibration*, notebook [08](08_when_was_it_said.ipynb)), and
# `greedy` uses both for the confidences. That is why its confidences are not those at $\tau = 1$. Here `temperature_scaled` sets the
# temperature alone, without the stored one and without the curve.
#
# **Your turn 3.** Write it. Multiply the probabilities' logarithms by $1/\tau$, then make each row a distribution again:
# `np.logaddexp.reduce(x, axis=1, keepdims=True)` is the logarithm of the sum of a row's probabilities.


# %%
def softer(log_probs, temperature):
    """(T, V) log-probabilities at another temperature."""
    ...  # your turn


two = np.log([[0.8, 0.2]])
exercise(
    softer,
    ((two, 1.0), two, "At 1 nothing changes."),
    ((two, 2.0), np.log([[2 / 3, 1 / 3]]), "The square roots of 0.8 and 0.2 are 2 to 1: softer."),
    ((two, 0.5), np.log([[16 / 17, 1 / 17]]), "The squares are 16 to 1: harder."),
)

# %% [markdown]
# {{solution 3}}

# %%
hotter = predict(
    "At a temperature of 3, what changes in what greedy decoding gives?",
    "nothing", "the confidences only", "the text only", "both",
)  # fmt: skip


# %%
def softmax_at(log_probs, temperature):
    """(T, V) log-probabilities at another temperature."""
    scaled = log_probs.astype(np.float64) / temperature
    return scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)


three = softmax_at(first.log_probs, 3.0)
same = np.allclose(three, temperature_scaled(first, 3.0).log_probs, atol=1e-4)
check(same, "by hand equals w2vkit's temperature_scaled")
temperatures = [0.3, 0.5, 1.0, 2.0, 3.0, 5.0]
calibrated = {t: temperature_scaled(first, t) for t in temperatures}
texts = {t: greedy(one).text for t, one in calibrated.items()}
with closed("Open the check"):
    check(len(set(texts.values())) == 1, "the greedy text is the same at every temperature")
stored = first.calibration
scaled = greedy(temperature_scaled(first, stored.temperature)).words
curved = stored.confidence(np.array([word.confidence for word in scaled]))
check(
    np.allclose(curved, [word.confidence for word in greedy(first).words], atol=1e-3),
    f"greedy's confidences: those at temperature {stored.temperature}, put through the curve",
)
sure, unsure = (greedy(calibrated[t]).confidence for t in (1.0, 3.0))
answer(
    hotter,
    hotter.options[2 * (texts[3.0] != texts[1.0]) + (abs(sure - unsure) > 0.01)],
    "The order of labels stays, and so does the text; the mean confidence of the words falls from "
    f"{sure:.2f} at a temperature of 1 to {unsure:.2f}.",
)


# %%
def entropy(log_probs):
    """(T,) in bits: 0 if the model is certain, log2(V) if it knows nothing."""
    return -(np.exp(log_probs) * log_probs).sum(axis=1) / np.log(2)


figure, move = draw_temperature(first, entropy)
show(
    figure,
    move,
    temperature=FloatSlider(1.0, min=0.2, max=5.0, step=0.2),
    closed="Open the figure",
    alt="Dots for the confidence of each word, and a grey line for the entropy of each frame.",
)

# %% [markdown]
# Greedy decoding looks only at which label is first, and that never changes. What *weighs* probabilities against each other
# does change: confidences (notebook 8), and a beam search (notebook 7).
#
# ## Silence
#
# What does the model make of no speech at all? Three sounds of two seconds: digital silence, white noise, and the same noise a
# thousand times weaker.

# %%
weak = predict(
    "How will the weak noise look to the network, after the feature extractor?",
    "like silence: zeros", "about a third as loud as the noise", "exactly as loud as the noise",
)  # fmt: skip

# %%
generator = np.random.default_rng(0)
noise = (0.1 * generator.standard_normal(2 * model.sample_rate)).astype(np.float32)  # (32000,)
sounds = {"silence": np.zeros_like(noise), "noise": noise, "noise / 1000": noise / 1000}
three = model.emit([Waveform(samples, model.sample_rate) for samples in sounds.values()])
heard = dict(zip(sounds, three, strict=True))
something = {n: -np.expm1(e.log_probs[:, vocabulary.blank]).max() for n, e in heard.items()}
rows = [(n, greedy(e).text or "(nothing)", something[n]) for n, e in heard.items()]
table(["sound", "text", "largest probability of anything but blank"], rows)
check(all(row[1] == "(nothing)" for row in rows), "the model writes nothing in all three")

# %% [markdown]
# The feature extractor brings every clip to zero mean and unit variance before the network sees it:
# $\hat{x} = (x - \mu) / \sqrt{\sigma^2 + 10^{-7}}$. Only the small constant tells loud from weak.


# %%
def loudness(samples):
    ready = (samples - samples.mean()) / np.sqrt(samples.var(dtype=np.float64) + 1e-7)
    return ready.std()


answer(
    weak,
    closest(weak, (0.0, 1 / 3, 1.0), loudness(sounds["noise / 1000"])),
    f"Its standard deviation is {loudness(sounds['noise / 1000']):.2f}, that of the noise 1. The "
    "weak noise has the variance 1e-8, a tenth of the constant. So noise that nobody hears still "
    "comes in at a third of full loudness.",
)
quiet = Waveform(waveforms[0].samples * np.float32(0.05), model.sample_rate)
difference = np.abs(np.exp(model.emit([quiet])[0].log_probs) - probabilities).max()
check(difference < 0.05, f"26 dB weaker: no probability changes by more than {difference:.4f}")

# %% [markdown]
# ### Silence inside speech
#
# Now half a second of silence goes into the middle of the clip. The frames of the silence are new; do the frames *around* it
# stay as they were? Four things may change them. In the last frames before the pause the convolutions now see a part of it, where speech
# followed. The attention sees the whole clip, and so the pause. The frames after the pause have new numbers, which matters to an
# absolute positional embedding as in w2v-mini (notebook [04](04_context.ipynb)). And the silence lowers the standard deviation of the clip, so that all of it becomes a little louder when it is normalised.

# %%
middle = len(waveforms[0].samples) // 2 // model.stride * model.stride
pause = np.zeros(25 * model.stride, np.float32)
samples = np.concatenate([waveforms[0].samples[:middle], pause, waveforms[0].samples[middle:]])
(paused,) = model.emit([Waveform(samples, model.sample_rate)])
cut = middle // model.stride
gap = np.insert(probabilities[:, vocabulary.blank], [cut] * 25, np.nan)  # nothing is drawn there
middles = paused.start_seconds + (np.arange(len(paused)) + 0.5) * paused.frame_seconds
now = np.exp(paused.log_probs[:, vocabulary.blank])
curves = {"the clip as it was (second half moved)": gap, "with the pause": now}
span = (middles[cut], middles[cut + 25])
show(
    draw_lines(middles, curves, "time (s)", "probability of blank", span=span),
    alt="Two curves that are nearly the same everywhere but at the pause, which is marked grey.",
)
print("without:", greedy(first).text)
print("with:   ", greedy(paused).text)
apart = np.flatnonzero(np.abs(now - gap) > 0.1)
far = np.maximum(middles[cut] - middles[apart], middles[apart] - middles[cut + 25]).max()
print(f"{len(apart)} frames differ by more than 0.1, the farthest {far:.2f} s from the pause")
check(len(paused) == len(first) + 25, "half a second is 25 frames of 20 ms")

# %% [markdown]
# ## More to try
#
# 1. How many letters a second can the model write at most? Compare with the letters a second of the table above.
# 2. Find the temperature at which the mean confidence of the first clip's words is one half.
# 3. Replace every probability of the blank by zero and renormalise. What becomes of the text?
#
# {{solution 4}}
#
# ## Three questions to take along
#
# 1. In the picture of blank against letter: where do two letters follow each other without a blank? How many frames does the longest letter last?
# 2. In the temperature figure, at 1.0: do the words with low confidence lie where the entropy is high?
# 3. In the last figure: how far from the pause, in seconds, do the two curves still differ? Which of the four reasons can change a frame
#    long before the pause?
#
# {{solution 5}}
#
# **Sources.** Graves, Fernández, Gomez, Schmidhuber, "Connectionist temporal classification" (2006), section 3,
# https://www.cs.toronto.edu/~graves/icml_2006.pdf; Hannun, "Sequence modeling with CTC" (2017), https://distill.pub/2017/ctc;
# Baevski et al., "wav2vec 2.0" (2020), section 3.3 (fine-tuning with CTC), https://arxiv.org/abs/2006.11477; Guo et al., "On calibration of modern
# neural networks" (2017), https://arxiv.org/abs/1706.04599.
#
# [the course](README.md) · before: [04 Context](04_context.ipynb) · next:
# [06 CTC by hand](06_ctc_by_hand.ipynb)
