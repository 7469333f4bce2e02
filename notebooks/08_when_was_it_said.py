# %% [markdown]
# # 08 · When was it said?
#
# [the course](README.md) · before: [07 Beams and words](07_beams_and_words.ipynb) · next:
# [09 How wrong is it?](09_how_wrong_is_it.ipynb)
#
# Subtitles, karaoke, a language archive, a dictionary with sounds: all need to know *when* each word of a known text was
# said. The model was never told. Yet its emissions hold the answer: forced alignment finds the most likely path that spells the
# text, and so the frames of every letter.
#
# | | |
# |---|---|
# | **You will** | write the step of the Viterbi algorithm; score a word border at any place, and drag it; compare word times with the true ones; measure whether a confidence can be believed |
# | **Time** | 45 minutes |
# | **You need** | [06](06_ctc_by_hand.ipynb): the lattice and its sums |

# %%
import numpy as np
from figures import draggable_borders
from ipywidgets import FloatSlider, IntSlider
from lesson import answer, check, closed, exercise, flite_clips, hear, predict, show, sign, table
from plots import draw_errors_of_times, draw_grid, draw_reliability, draw_trellis

from w2vkit import greedy, load
from w2vkit.align import align
from w2vkit.audio import Waveform
from w2vkit.decode.viterbi import viterbi
from w2vkit.evaluate import calibration
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
vocabulary = model.vocabulary
clips = flite_clips()
waveforms = [load(clip.path) for clip in clips]
emissions = model.emit(waveforms)
NUMBERS = 2  # the clip in which a man counts
hear(waveforms[NUMBERS], clips[NUMBERS].text)

# %% [markdown]
# The model writes a letter in a few frames, somewhere near its sound (notebook [05](05_letters_from_frames.ipynb)). Take the first frame of a
# word's first letter as the beginning of the word.

# %%
EARLY, NEAR, LATE = "more than 20 ms too early", "within 20 ms", "more than 20 ms too late"
beginning = predict("How far is it from the true beginning, at the median?", EARLY, NEAR, LATE)

# %% [markdown]
# ## 1. The trellis
#
# The lattice of notebook [06](06_ctc_by_hand.ipynb) again: the text with a blank around every letter, $S = 2L + 1$ states, $T$ frames. There we
# *added* all the ways into a state; now we keep the *best* one, and remember which it was (the Viterbi algorithm):
#
# $$\delta_t(s) = \log p_t(y'_s) + \max\bigl(\delta_{t-1}(s),\ \delta_{t-1}(s-1),
# \delta_{t-1}(s-2) + \kappa(s)\bigr)$$
#
# Here $\kappa(s)$ is 0 where a skip into state $s$ is allowed, and $-\infty$ elsewhere.
#
# **Your turn 1.** Write the three ways into every state; row 0 is *stay*, row 1 *step*, row 2 *skip*. Where there is no such way, the score is $-\infty$.


# %%
def three_ways(before, skip):
    """before: (S,) scores of the frame before; skip: (S,) 0 where a skip is allowed, else -inf.

    Gives (3, S).
    """
    ...  # your turn


INF = np.inf
no, yes = np.full(3, -INF), np.array([-INF, -INF, 0.0])
before = np.array([-1.0, -2.0, -3.0])
exercise(
    three_ways,
    (
        (before, no),
        np.array([[-1, -2, -3], [-INF, -1, -2], [-INF, -INF, -INF]]),
        "Stay is the same state, step the one before; no state is before the first.",
    ),
    (
        (before, yes),
        np.array([[-1, -2, -3], [-INF, -1, -2], [-INF, -INF, -1]]),
        "Skip comes from two states before, plus the skip score.",
    ),
)

# %% [markdown]
# {{solution 1}}
#
# The whole algorithm: forward with the best way into each state, then back along the remembered ways.


# %%
def states_of(labels, blank):
    """The (S,) labels of the states, and (S,) 0 where a skip over a blank is allowed, else -inf."""
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skip = np.full(len(states), -np.inf)
    skip[3::2][states[3::2] != states[1:-2:2]] = 0.0
    return states, skip


def best_path(log_probs, labels, blank):
    """The (T,) states of the best path, (T, S) scores, (T, S) how many states back each is from."""
    states, skip = states_of(labels, blank)
    delta = np.full((len(log_probs), len(states)), -np.inf)
    delta[0, :2] = log_probs[0, states[:2]]
    steps = np.zeros(delta.shape, int)
    for t in range(1, len(delta)):
        before = np.concatenate([[-np.inf, -np.inf], delta[t - 1]])
        ways = np.stack([before[2:], before[1:-1], before[:-2] + skip])  # stay, step, skip
        steps[t] = ways.argmax(axis=0)
        delta[t] = ways.max(axis=0) + log_probs[t, states]
    path = np.zeros(len(delta), int)
    path[-1] = len(states) - 1 if delta[-1, -1] >= delta[-1, -2] else len(states) - 2
    for t in reversed(range(1, len(delta))):  # back-tracking
        path[t - 1] = path[t] - steps[t, path[t]]
    return path, delta, steps


def columns_of(text):
    """The (L,) labels of a text."""
    return np.array([vocabulary.columns[character] for character in text])


# %%
log_probs = emissions[NUMBERS].log_probs.astype(np.float64)
labels = columns_of(clips[NUMBERS].text)
path, delta, steps = best_path(log_probs, labels, vocabulary.blank)
first = np.searchsorted(path, 2 * np.arange(len(labels)) + 1)  # (L,) first frame of each label
library = viterbi(emissions[NUMBERS].log_probs, labels, vocabulary.blank)
best = delta[-1, -2:].max()
print(f"{len(labels)} labels, {delta.shape[1]} states, {len(path)} frames; best score {best:.3f}")
check(np.isclose(best, library.score, atol=1e-2), "the score equals that of w2vkit's viterbi")
check((first == library.starts).all(), "and so do the frames of the letters")

# %% [markdown]
# ### The best path changes its mind
#
# The trellis as a picture: bright where a path can be with little loss against the best one of that frame. The red line is
# the best path. Flat pieces are waiting (in a blank, mostly), steps are letters. The orange line is the best
# path if the sound ended at the chosen frame, before the later ones were heard. Where the sound is clear, the two lines are the same. So white
# noise (10 dB) is added to each clip, and the clip is drawn in which the lines part most often: for the largest number of chosen frames.


# %%
def noisy(waveform, snr, generator):
    """The waveform with white noise, the signal-to-noise ratio in dB."""
    power = float((waveform.samples**2).mean()) / 10 ** (snr / 10)
    noise = generator.standard_normal(len(waveform.samples)) * np.sqrt(power)
    return Waveform((waveform.samples + noise).astype(np.float32), waveform.sample_rate)


def way_back(delta, steps, frame):
    """The (frame + 1,) states of the best path that ends in a frame."""
    way = [int(delta[frame].argmax())]
    for t in range(frame, 0, -1):
        way.append(way[-1] - steps[t, way[-1]])
    return np.array(way[::-1])


generator = np.random.default_rng(0)
with_noise = [noisy(w, 10, generator) for w in waveforms]
hard = model.emit(with_noise)
trellises = []
for one, clip in zip(hard, clips, strict=True):
    found = best_path(one.log_probs.astype(np.float64), columns_of(clip.text), vocabulary.blank)
    ways = [way_back(*found[1:], t) for t in range(len(one))]
    parted = np.array([(way != found[0][: len(way)]).sum() for way in ways])
    trellises.append((*found, ways, parted))
unclear = int(np.argmax([(parted > 0).sum() for *_, parted in trellises]))
noisy_path, noisy_delta, _, ways, parted = trellises[unclear]
most = int(parted.argmax())
hear(with_noise[unclear], f"{clips[unclear].text}, with noise")
print(f"the lines part in {(parted > 0).sum()} of {len(parted)} frames, by up to {parted[most]}")
check(parted[-1] == 0, "at the end of the sound the two lines are the same")

# %%
one = hard[unclear]
seconds = one.start_seconds + (np.arange(len(one)) + 0.5) * one.frame_seconds
loss = noisy_delta - noisy_delta.max(axis=1, keepdims=True)
names = [sign(vocabulary, c) for c in columns_of(clips[unclear].text)]
figure, move = draw_trellis(loss, seconds, noisy_path, ways, names)
show(
    figure,
    move,
    frame=IntSlider(most, 1, len(one) - 1),
    alt="A trellis of states over time. A red line, the best path, runs down through bright "
    "states; an orange line, the best path up to the chosen frame, leaves it over the last few.",
)

# %% [markdown]
# ## 2. The score of a border
#
# How good is another place for a border? $\delta_t(s)$ is the score of the best way from the start to state $s$ at frame $t$. Let $\beta_t(s)$ be the same
# from the end: the best way from there to the last frame. It needs no new code: reverse the frames and the labels.
#
# **Your turn 2.** Give the score of the best *whole* path that is in state $s$ at frame $t$, for all $t$ and $s$. Mind that both
# $\delta_t(s)$ and $\beta_t(s)$ count the log-probability $\log p_t(y'_s)$ of the frame itself.


# %%
def through(delta, beta, own):
    """delta, beta, own: (T, S); own is log p_t(y'_s). Gives (T, S)."""
    ...  # your turn


delta_, beta_ = np.array([[-1.0, -2.0], [-3.0, -2.5]]), np.array([[-3.0, -4.0], [-2.0, -1.0]])
own_ = np.array([[-1.0, -2.0], [-2.0, -1.0]])
exercise(
    through,
    ((delta_, beta_, 0 * own_), delta_ + beta_, "The way to the state, and the way from it."),
    (
        (delta_, beta_, own_),
        np.array([[-3.0, -4.0], [-3.0, -2.5]]),
        "The frame t is counted twice: take its log-probability off once.",
    ),
)

# %% [markdown]
# {{solution 2}}
#
# The border of two words is the label of the space, or a blank on either side of it. **Drag a border**: the green curve is the score of the
# best path through it at each time.

# %%
states, _ = states_of(labels, vocabulary.blank)
_, backward, _ = best_path(log_probs[::-1], labels[::-1], vocabulary.blank)
scores = delta + backward[::-1, ::-1] - log_probs[:, states]  # (T, S)
check(np.allclose(scores.max(axis=1), best), "the best path is in some state in every frame")
spaces = np.flatnonzero(labels == vocabulary.word_boundary)
borders = np.stack([scores[:, 2 * i : 2 * i + 3].max(axis=1) for i in spaces])  # (words - 1, T)
check(np.allclose(borders.max(axis=1), best), "the best place of each border costs nothing")
falls = [np.flatnonzero(row > best - 5) for row in borders]
widths = [1000 * len(frames) * emissions[NUMBERS].frame_seconds for frames in falls]
print("a border can move, at a loss of at most 5 nats, within (ms):", *(f"{w:.0f}" for w in widths))

# %%
BORDERS = [  # ms; what flite, the synthesiser of the clips, decided (option -psdur)
    [462, 565, 924, 1406, 1522, 1595, 1976, 2163, 2251, 2860, 3251, 3404, 3517, 3992],
    [534, 715, 1028, 1414, 1524, 1952, 2277, 2398, 2739, 3064, 3336, 3755, 3866, 4414],
    [402, 684, 892, 1199, 1458, 1892, 2195, 2580, 2819, 3253],
    [434, 529, 997, 1308, 1813, 2055, 2111, 2363, 2458, 2545, 2971],
    [426, 639, 903, 1143, 1620, 1840, 1937, 2341, 2633, 3135],
    [470, 662, 902, 1207, 1472, 1698, 1879, 2144, 2357, 2463, 2966, 3057, 3304, 3656],
]
one = emissions[NUMBERS]
aligned_words = align(one, clips[NUMBERS].text).hypothesis.words
span = (aligned_words[0].start, aligned_words[-1].end)
clock = (one.start_seconds + one.frame_seconds / 2, one.frame_seconds)
true = [ms / 1000 for ms in BORDERS[NUMBERS]]
draggable_borders(waveforms[NUMBERS], clips[NUMBERS].text.split(), span, borders, true, clock)

# %% [markdown]
# ## 3. Word times against a reference
#
# The clips of this notebook are of flite, an older synthesiser than that of most bundled clips, and that helps here: flite decides how long every phone
# lasts before it makes any sound. So the true borders of the words are known exactly; they are the numbers in the cell above, in milliseconds. (The clips
# add 250 ms of silence in front, which is counted; in these voices words follow each other without a gap, so W words have W + 1
# borders.)


# %%
def raw_times(emissions, text):
    """(W, 2) s: from the first frame of a word's first letter to the last frame of its last."""
    columns = columns_of(text)
    found = viterbi(emissions.log_probs, columns, vocabulary.blank)
    spaces = np.flatnonzero(columns == vocabulary.word_boundary)
    first, last = np.append(0, spaces + 1), np.append(spaces, len(columns)) - 1
    frames = np.stack([found.starts[first], found.stops[last]], axis=1)
    return emissions.start_seconds + frames * emissions.frame_seconds


alignments = [align(one, clip.text) for one, clip in zip(emissions, clips, strict=True)]
true = np.concatenate([np.stack([b[:-1], b[1:]], axis=1) for b in BORDERS]) / 1000  # (W, 2) s
raw = np.concatenate([raw_times(one, c.text) for one, c in zip(emissions, clips, strict=True)])
aligned = np.array([(word.start, word.end) for a in alignments for word in a.hypothesis.words])
check(aligned.shape == true.shape, "a true border around every word")
rows, errors = [], {}
for name, found in [("frames of the letters, as they are", raw), ("w2vkit.align", aligned)]:
    off = (found - true) * 1000  # (W, 2) ms
    rows.append((name, *np.median(off, axis=0), *np.median(np.abs(off), axis=0)))
    errors[name] = off[:, 0]
header = ["start: median error (ms)", "end: median error", "start: median |error|"]
with closed():
    table([f"{len(true)} words", *header, "end: median |error|"], rows)
clip_of = np.repeat(np.arange(len(clips)), [len(b) - 1 for b in BORDERS])
medians = [np.median(np.abs(aligned - true)[clip_of == k]) for k in range(len(clips))]
check(max(medians) < 0.06, "in every clip, half of the borders are found to 60 ms")

# %%
late = rows[0][1]
answer(
    beginning,
    NEAR if abs(late) <= 20 else LATE if late > 0 else EARLY,
    f"The median is {late:+.1f} ms. CTC rewards the right order of the labels, not their "
    "times. The model writes a letter in the frames where it is surest, anywhere inside its sound, "
    "and nothing pulls it to the beginning.",
)

# %%
show(
    draw_errors_of_times(errors),
    alt="Two histograms of the errors of the words' beginnings in milliseconds. That of the raw "
    "frames lies to the right of zero, too late; that of w2vkit.align lies closer to zero.",
)

# %% [markdown]
# A word's frames begin after the word does, and end before it does. w2vkit (`w2vkit/decode/hypothesis.py`) lets a word reach back by at most 60 ms and on by at most 100 ms, and
# shares what lies between two words equally. Those two numbers are about a phone's length; they were not fitted to these clips.
#
# ## 4. The wrong text
#
# Alignment always finds *some* path. What if the text was not said at all? Align every clip with every text, and take the
# path's log-probability per frame.

# %%
own_text = predict("For how many of the six clips is its own text the best?", "2", "4", "6")

# %%
texts = [clip.text for clip in clips]
fit = np.array([[align(one, t).hypothesis.score / len(one) for t in texts] for one in emissions])
names = [text.title()[:22] + " …" for text in texts]
show(
    draw_grid(fit, names, names, "Log-probability per frame (nats)"),
    alt="A square table of six sounds by six texts. The numbers on the diagonal, each sound with "
    "its own text, are the largest of their rows.",
    closed="Open the figure",
)
count = int((fit.argmax(axis=1) == np.arange(len(clips))).sum())
means = [align(emissions[0], texts[k]).hypothesis.confidence for k in (0, 1)]
answer(
    own_text,
    str(count),
    f"Every letter that was not said costs several nats. Mean confidence of clip 1: "
    f"{means[0]:.2f} with its own text, {means[1]:.2f} with that of clip 2. So alignment can also "
    "tell whether a text belongs to a sound.",
)
check(means[0] > means[1], "the right text has the higher confidence")

# %% [markdown]
# ## 5. Confidence, and whether to believe it
#
# Now nobody tells the text: `greedy` writes it, with a confidence for every word. It begins as the probability that
# all of the word's letters and its borders are right, if they were independent: for each of them the highest probability in its frames is taken, and they
# are multiplied.
#
# A confidence is *calibrated* if, of all words with confidence 0.8, eight in ten are right. The *calibration error* measures how far
# that fails: sort the words into ten bins by confidence, (0, 0.1], (0.1, 0.2] and so on; in each bin take the distance between the mean
# confidence and the fraction of right words; average over the bins, weighted by their numbers of words.
#
# **Your turn 3.** Write it.


# %%
def calibration_error(confidences, right):
    """confidences: (W,) from 0 to 1; right: (W,) True or False. Gives a number."""
    ...  # your turn


exercise(
    calibration_error,
    (
        (np.array([0.75, 0.75]), np.array([True, False])),
        0.25,
        "One bin: mean confidence 0.75, fraction right 0.5.",
    ),
    (
        (np.array([0.35, 0.95, 0.95, 0.95]), np.array([False, True, True, True])),
        0.25 * 0.35 + 0.75 * 0.05,
        "Two bins, weighted by their words: 1 of 4 and 3 of 4.",
    ),
    (
        (np.array([0.9, 1.0]), np.array([False, True])),
        0.45,
        "The upper edge belongs to a bin: 0.9 is in (0.8, 0.9], 1.0 in (0.9, 1.0].",
    ),
)

# %% [markdown]
# {{solution 3}}
#
# A temperature (notebook [05](05_letters_from_frames.ipynb)) can make a confidence calibrated, or nearly so. w2vkit stores one with a model, and
# also a curve, which turns the product of a word's probabilities into a better estimate. `align` uses the temperature alone, so the confidences of
# section 4 were made without the curve; `greedy` and `beam_search` use both. Those of w2v-mini were fitted on recordings of people. Here we fit a
# temperature ourselves, beginning at 1, without a curve. For that we need many words: the clips as they are and with white noise, at four
# signal-to-noise ratios. The temperature is fitted on two voices and judged on the two others. (All four are in w2v-mini's training data,
# so this says nothing about new voices.)

# %%
FIT, TEST = [0, 1, 3], [2, 4, 5]  # clips: the first two voices, and the other two
generator = np.random.default_rng(0)
sounds = [[w, *(noisy(w, snr, generator) for snr in (30, 20, 10, 5))] for w in waveforms]
heard_fit = model.emit([w for k in FIT for w in sounds[k]])
heard_test = model.emit([w for k in TEST for w in sounds[k]])
said_fit, said_test = ([clips[k].text for k in part for _ in sounds[k]] for part in (FIT, TEST))
fitted = calibration.fit_temperature(heard_fit, said_fit)
stored = heard_test[0].calibration.temperature


def judged(temperature, heard=heard_test, said=said_test):
    """(W,) confidences, and whether each word is right, at a temperature."""
    scaled = [calibration.temperature_scaled(one, temperature) for one in heard]
    return calibration.judge([greedy(one) for one in scaled], said)


rows = []
kinds = [("none", 1.0), ("two voices", fitted.temperature)]
kinds.append(("stored with the model, no curve", stored))
for name, temperature in kinds:
    confidences, right = judged(temperature)
    error = calibration.expected_calibration_error(confidences, right)
    means = (len(right), right.mean(), confidences.mean())
    rows.append((name, temperature, *means, error, calibration.auc(confidences, right)))
header = ["temperature", "words", "fraction right", "mean confidence", "calibration error", "AUC"]
table(["calibration", *header], rows)
before, after = rows[0][5], rows[1][5]
smaller = "smaller" if after < before else "larger"
print(f"the fitted temperature makes the calibration error {smaller}: {before:.3f} to {after:.3f}")
on_fit = judged(1.0, heard_fit, said_fit)
print("at temperature 1, fraction right minus mean confidence:")
print(f"{on_fit[1].mean() - on_fit[0].mean():+.2f} on the voices of the fit,", end=" ")
print(f"{rows[0][3] - rows[0][4]:+.2f} on those of the test")

# %% [markdown]
# If the fraction right is above the mean confidence, the model is *under-confident*, and a temperature above 1 makes that worse. A temperature
# helps on new sound only if the confidence is off there in the same way as on the sound of the fit: compare the last two figures. So a
# calibration has to be fitted on speech like that on which it is used, and checked.
#
# *AUC* asks something else: is a right word more confident than a wrong one? 1 is always, 0.5 is chance. Move the temperature: the dots
# follow, the AUC hardly does.

# %%
figure, move = draw_reliability(judged)
show(
    figure,
    move,
    temperature=FloatSlider(1.0, min=0.4, max=4.0, step=0.2),
    alt="The fraction of right words against their mean confidence, one dot for each bin; "
    "calibrated confidences would lie on the diagonal.",
)
texts_at = {greedy(calibration.temperature_scaled(heard_test[0], t)).text for t in (0.4, 1.0, 4.0)}
check(len(texts_at) == 1, "whatever the temperature, the text stays")

# %% [markdown]
# ## Three questions
#
# 1. In the trellis: the orange line leaves the red one, and later they join again. Why can the best path change after the fact?
# 2. Drag the border of two words into the middle of a word. The score falls by tens of nats. Why is it nearly flat in some places?
# 3. Align the number clip with "ONE TWO THREE" alone. Where would the three words go, and how would you notice?
#
# {{solution 4}}
#
# **Sources.** Graves et al., "Connectionist temporal classification" (2006), section 4.1, with the maximum for the sum;
# Kürzinger et al., "CTC-segmentation of large corpora" (2020), https://arxiv.org/abs/2007.09127; Guo et al., "On calibration
# of modern neural networks" (2017), https://arxiv.org/abs/1706.04599; flite, http://www.festvox.org/flite.
#
# [the course](README.md) · before: [07 Beams and words](07_beams_and_words.ipynb) · next:
# [09 How wrong is it?](09_how_wrong_is_it.ipynb)
