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
# **The question.** The model writes a letter in a few frames, somewhere near its sound (notebook 5). Take the first
# frame of a word's first letter as the beginning of the word. *Is that too early or too late, and by how much (in
# milliseconds)?*

# %%
import numpy as np
import plotly.graph_objects as go
from ipywidgets import Dropdown, FloatSlider, IntSlider
from lesson import check, hear, reveal, show, table

from w2vkit.align import align
from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.decode.viterbi import viterbi
from w2vkit.evaluate.calibration import auc, expected_calibration_error, fit_temperature, judge, reliability, temperature_scaled
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
vocabulary = model.vocabulary
clips = examples()
waveforms = [load(clip.path) for clip in clips]
emissions = model.emit(waveforms)

# %%
prediction = None  # in ms; below zero is too early, such as -30

# %% [markdown]
# ## The trellis
#
# The lattice of notebook 6 again: the text with a blank around every letter, S = 2L + 1 states, T frames. There we *added*
# all the ways into a state; now we keep the *best* one, and remember which it was:
#
# $$\delta_t(s) = \log p_t(y'_s) + \max\bigl(\delta_{t-1}(s),\ \delta_{t-1}(s-1),
# [\text{skip allowed}]\ \delta_{t-1}(s-2)\bigr)$$


# %%
def best_path(log_probs, labels, blank):
    """The (T,) states of the best path, the (T, S) scores delta, and (T, S) how many states each came from."""
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skip = np.full(len(states), -np.inf)
    skip[3::2][states[3::2] != states[1:-2:2]] = 0.0
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


NUMBERS = 2  # the clip in which a man counts
clip, one = clips[NUMBERS], emissions[NUMBERS]
labels = np.array([vocabulary.columns[character] for character in clip.text])
path, delta, steps = best_path(one.log_probs.astype(np.float64), labels, vocabulary.blank)
starts = np.searchsorted(path, 2 * np.arange(len(labels)) + 1, "left")  # (L,) first frame of each label
stops = np.searchsorted(path, 2 * np.arange(len(labels)) + 1, "right")  # (L,) the frame after its last
library = viterbi(one.log_probs, labels, vocabulary.blank)
hear(waveforms[NUMBERS], clip.text)
print(
    f"{len(labels)} labels, {delta.shape[1]} states, {len(path)} frames; log-probability of the path {delta[-1, -2:].max():.3f}"
)
check(
    np.isclose(delta[-1, -2:].max(), library.score, atol=1e-2),
    "by hand, the score equals that of w2vkit.decode.viterbi.viterbi",
)
check(np.abs(starts - library.starts).max() <= 1, "and so do the frames of the letters")

# %% [markdown]
# The trellis as a picture: bright where a path can be with little loss against the best one of that frame. The red line is
# the best path. Flat pieces are waiting (in a blank, mostly), steps are letters. Move the slider: the orange line is the best
# path if the sound ended there, before the later frames were heard. Where the sound is clear, the two lines are the same. So white
# noise (10 dB) is added to each clip, and the clip is drawn in which the lines part in most frames.


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
    labels = np.array([vocabulary.columns[character] for character in clip.text])
    path, delta, steps = best_path(one.log_probs.astype(np.float64), labels, vocabulary.blank)
    parted = np.array([(way_back(delta, steps, t) != path[: t + 1]).sum() for t in range(len(path))])
    trellises.append((labels, path, delta, steps, parted))
unclear = int(np.argmax([(parted > 0).sum() for *_, parted in trellises]))
labels, path, delta, steps, parted = trellises[unclear]
hear(with_noise[unclear], f"{clips[unclear].text}, with noise")
most = int(parted.argmax())
print(f"the lines part in {(parted > 0).sum()} of {len(path)} frames, by up to {parted[most]} frames")
check(parted[-1] == 0, "at the end of the sound the two lines are the same")

# %%
loss = delta - delta.max(axis=1, keepdims=True)
seconds = hard[unclear].start_seconds + (np.arange(len(path)) + 0.5) * hard[unclear].frame_seconds


def draw_trellis(figure, frame):
    """Draw the best way to the best state of a frame, and look at the last second before it."""
    way = way_back(delta, steps, frame)
    figure.data[2].x, figure.data[2].y = seconds[: frame + 1], way
    start = max(0, frame - 60)
    top, bottom = min(way[start], path[start]), max(way[frame], path[frame])
    figure.layout.xaxis.range = [seconds[start], seconds[frame] + 0.1]
    figure.layout.yaxis.range = [bottom + 2, top - 2]  # the text runs down
    figure.layout.title.text = f"Heard {seconds[frame]:.2f} s: {parted[frame]} of {frame + 1} frames lie off the final path"


figure = go.Figure(go.Heatmap(z=np.maximum(loss, -30).T.round(1), x=seconds.round(3), colorscale="Viridis", zmin=-30, zmax=0))
figure.add_scatter(x=seconds, y=path, line={"color": "#ff4d4f", "width": 2}, name="best path")
figure.add_scatter(line={"color": "#ffa940", "width": 3, "dash": "dot"}, name="best path up to here")
figure.data[0].colorbar = {"title": {"text": "nats"}}
ticks = {
    "tickvals": list(range(1, 2 * len(labels), 2)),
    "ticktext": [vocabulary.shown(c) for c in labels],
    "tickfont": {"size": 12},
}
figure.update_layout(title="", height=620, xaxis={"title": "time (s)"}, yaxis=ticks)
figure.update_layout(legend={"orientation": "h", "y": -0.12})
show(figure, draw_trellis, frame=IntSlider(most, 1, len(path) - 1))

# %% [markdown]
# ## Word times against a reference
#
# The bundled clips are synthetic, and that helps here: the synthesiser (flite) decides how long every phone lasts before it
# makes any sound. So the true borders of the words are known exactly; below they are, in milliseconds. (The clips add 250 ms
# of silence in front, which is counted; in these voices words follow each other without a gap, so W words have W + 1
# borders.)

# %%
BORDERS = [  # ms; flite -psdur with the clips' voices and texts
    [434, 524, 836, 1256, 1356, 1420, 1752, 1913, 1990, 2521, 2861, 2994, 3093, 3506],
    [534, 715, 1028, 1414, 1524, 1952, 2277, 2398, 2739, 3064, 3336, 3755, 3866, 4414],
    [402, 684, 892, 1199, 1458, 1892, 2195, 2580, 2819, 3253],
    [434, 529, 997, 1308, 1813, 2055, 2111, 2363, 2458, 2545, 2971],
    [426, 639, 903, 1143, 1620, 1840, 1937, 2341, 2633, 3135],
    [470, 662, 902, 1207, 1472, 1698, 1879, 2144, 2357, 2463, 2966, 3057, 3304, 3656],
]
alignments = [align(one, clip.text) for one, clip in zip(emissions, clips, strict=True)]
check(
    all(len(b) == len(a.hypothesis.words) + 1 for b, a in zip(BORDERS, alignments, strict=True)), "a border around every word"
)


def raw_times(emissions, text):
    """(W, 2) seconds: from the first frame of a word's first letter to the last frame of its last one."""
    columns = np.array([vocabulary.columns[character] for character in text])
    found = viterbi(emissions.log_probs, columns, vocabulary.blank)
    spaces = np.flatnonzero(columns == vocabulary.word_boundary)
    first, last = np.append(0, spaces + 1), np.append(spaces, len(columns)) - 1
    frames = np.stack([found.starts[first], found.stops[last]], axis=1)
    return emissions.start_seconds + frames * emissions.frame_seconds


true = np.concatenate([np.stack([b[:-1], b[1:]], axis=1) for b in BORDERS]) / 1000  # (W, 2) s
raw = np.concatenate([raw_times(one, clip.text) for one, clip in zip(emissions, clips, strict=True)])
aligned = np.array([(word.start, word.end) for a in alignments for word in a.hypothesis.words])
rows = []
for name, found in [("frames of the letters, as they are", raw), ("w2vkit.align.forced_alignment", aligned)]:
    off = (found - true) * 1000  # (W, 2) ms
    rows.append((name, *np.median(off, axis=0), *np.median(np.abs(off), axis=0)))
table(
    [f"{len(true)} words", "start: median error (ms)", "end: median error", "start: median |error|", "end: median |error|"],
    rows,
)
reveal(prediction, float(rows[0][1]), "ms (median over all words; above zero is too late)")
check(aligned.shape == true.shape, "w2vkit gives every word of the text a time")
check(np.median(np.abs(aligned - true)) < 0.1, "half of all borders are found to a tenth of a second")

# %%
figure = go.Figure(
    layout={"title": "Error of the words' beginnings", "barmode": "overlay", "xaxis": {"title": "found minus true (ms)"}}
)
bins = {"start": -400, "end": 400, "size": 20}
for name, found, colour in [("frames as they are", raw, "#9aa5b1"), ("w2vkit.align.forced_alignment", aligned, "#1f6feb")]:
    errors = np.clip((found - true)[:, 0] * 1000, -399, 399)
    figure.add_histogram(x=errors, name=name, xbins=bins, opacity=0.6, marker_color=colour)
figure.add_vline(x=0, line_dash="dot")
figure.update_layout(yaxis={"title": "words"})
show(figure)

# %% [markdown]
# CTC is free to write a letter anywhere inside its sound, so a word's frames begin after the word does and end before it
# does. w2vkit (`w2vkit/times.py`) lets a word reach back by at most 60 ms and on by at most 100 ms, and shares what lies
# between two words equally. Those two numbers are about a phone's length; they were fitted to no data.
#
# ### Click a word, hear it
#
# Blue boxes: aligned words. Lines: the true borders. In JupyterLab, click a box: you hear that stretch of the clip.


# %%
def envelope(waveform, points=500):
    """Times (s) and peaks of a waveform, few enough to draw."""
    size = len(waveform.samples) // points
    peaks = np.abs(waveform.samples[: points * size]).reshape(points, size).max(axis=1)
    return np.arange(points) * size / waveform.sample_rate, peaks


def draw_words(figure, clip):
    """Draw a clip's words: boxes as bars from start to end."""
    words = alignments[clip].hypothesis.words
    figure.data[0].x, figure.data[0].y = (values.round(3) for values in envelope(waveforms[clip]))
    figure.data[1].x = [(word.start + word.end) / 2 for word in words]
    figure.data[1].width = [word.end - word.start for word in words]
    figure.data[1].y = [1.0] * len(words)
    figure.data[1].text = [word.text for word in words]
    figure.data[1].customdata = [[clip, word.start, word.end, word.confidence, word.text] for word in words]
    figure.data[2].x = [x for border in BORDERS[clip] for x in (border / 1000, border / 1000, None)]
    figure.data[2].y = [y for _ in BORDERS[clip] for y in (0, 1.1, None)]


def play_word(data):
    """Play the word that was clicked."""
    clip, start, end, _, text = data
    samples = waveforms[clip].samples[int(start * model.sample_rate) : int(end * model.sample_rate)]
    hear(Waveform(samples, model.sample_rate), text, play=True)


figure = go.Figure(layout={"title": "Aligned words (boxes) and true borders (lines)", "height": 320, "showlegend": False})
figure.add_scatter(fill="tozeroy", line={"color": "#9aa5b1", "width": 1}, hoverinfo="skip")
figure.add_bar(
    marker={"color": "rgba(31, 111, 235, 0.25)", "line": {"color": "#1f6feb", "width": 1}}, textangle=-90, textposition="inside"
)
hover = "%{text}<br>%{customdata[1]:.2f} to %{customdata[2]:.2f} s<br>confidence %{customdata[3]:.2f}<extra></extra>"
figure.data[1].hovertemplate = hover
figure.add_scatter(mode="lines", line={"color": "#c2410c", "width": 1}, hoverinfo="skip")
figure.update_layout(xaxis={"title": "time (s)"}, yaxis={"title": "amplitude", "range": [0, 1.1]})
choices = [(clip.text.title(), k) for k, clip in enumerate(clips)]
show(figure, draw_words, play_word, clip=Dropdown(options=choices, value=NUMBERS))

# %% [markdown]
# ## The wrong text
#
# Alignment always finds *some* path. What if the text was not said at all? Align every clip with every text, and take the
# path's log-probability per frame.
#
# **Predict:** for how many of the six clips is its own text the best?

# %%
own = None  # 0 to 6
fit = np.array([[align(one, clip.text).hypothesis.score / len(one) for clip in clips] for one in emissions])  # (clips, texts)
names = [clip.text.title()[:22] + " …" for clip in clips]
figure = go.Figure(go.Heatmap(z=fit, x=names, y=names, text=fit.round(2), texttemplate="%{text}", colorscale="Viridis"))
figure.update_layout(
    title="Log-probability per frame (nats)",
    xaxis={"title": "text"},
    yaxis={"title": "sound", "autorange": "reversed"},
    height=460,
)
show(figure)
reveal(own, int((fit.argmax(axis=1) == np.arange(len(clips))).sum()), "of 6")
confidences = [align(emissions[0], clips[k].text).hypothesis.confidence for k in (0, 1)]
print(f"mean confidence of the words: {confidences[0]:.2g} with the right text, {confidences[1]:.2g} with a wrong one")
check(confidences[0] > confidences[1], "the right text has the higher confidence")

# %% [markdown]
# ## Confidence, and whether to believe it
#
# Now nobody tells the text: `greedy` writes it, with a confidence for every word. w2vkit's confidence is the probability that
# all of the word's letters and its borders are right, if they were independent: the product of each letter's best posterior.
#
# A confidence is *calibrated* if, of all words with confidence 0.8, eight in ten are right. A temperature (notebook 5) can make it so, or
# nearly so. w2vkit stores one with a model, and all confidences above were made with it. That of w2v-mini was fitted on recordings of people. Here we fit
# one ourselves, beginning at temperature 1. For that we need many words: the clips as they are and with white noise, at four
# signal-to-noise ratios. The temperature is fitted on two voices and judged on the two others. (All four are in w2v-mini's training
# data, so this says nothing about new voices.)

# %%
FIT, TEST = [0, 1, 3], [2, 4, 5]  # clips: the first two voices, and the other two
generator = np.random.default_rng(0)
sounds = {k: [waveforms[k], *(noisy(waveforms[k], snr, generator) for snr in (30, 20, 10, 5))] for k in range(len(clips))}
heard_fit = model.emit([w for k in FIT for w in sounds[k]])
heard_test = model.emit([w for k in TEST for w in sounds[k]])
said_fit, said_test = ([clips[k].text for k in part for _ in sounds[k]] for part in (FIT, TEST))
calibration = fit_temperature(heard_fit, said_fit)
print(f"temperature fitted on {calibration.words} words: {calibration.temperature}")


def judged(temperature):
    """(W,) confidences and (W,) right or wrong of the test words at a temperature."""
    return judge([greedy(temperature_scaled(one, temperature)) for one in heard_test], said_test)


def ece_by_hand(confidences, right, bins=10):
    """Mean distance of confidence and accuracy over bins, weighted by their words."""
    place = np.ceil(confidences * bins).clip(1, bins)
    parts = [(place == b) for b in range(1, bins + 1)]
    return sum(p.mean() * abs(confidences[p].mean() - right[p].mean()) for p in parts if p.any())


confidences, right = judged(1.0)
check(
    np.isclose(ece_by_hand(confidences, right), expected_calibration_error(confidences, right)),
    "the error by hand equals w2vkit.evaluate.calibration",
)
stored = heard_test[0].calibration.temperature
rows = []
for name, temperature in [
    ("no calibration", 1.0),
    ("fitted on two voices", calibration.temperature),
    ("stored with the model", stored),
]:
    confidences, right = judged(temperature)
    rows.append(
        (
            name,
            temperature,
            len(right),
            right.mean(),
            confidences.mean(),
            expected_calibration_error(confidences, right),
            auc(confidences, right),
        )
    )
table(["", "temperature", "words", "share right", "mean confidence", "calibration error", "AUC"], rows)
before, after = rows[0][5], rows[1][5]
print(
    f"the fitted temperature makes the calibration error {'smaller' if after < before else 'larger'}: {before:.3f} to {after:.3f}"
)
on_fit = judge([greedy(temperature_scaled(one, 1.0)) for one in heard_fit], said_fit)
print(
    f"at temperature 1, right minus mean confidence: {on_fit[1].mean() - on_fit[0].mean():+.2f} on the voices of the fit,",
    end=" ",
)
print(f"{rows[0][3] - rows[0][4]:+.2f} on those of the test")

# %% [markdown]
# *Calibration error* is 0 if the confidences are calibrated. If "share right" is above the mean confidence, the model is too modest (it is
# under-confident), and a temperature above 1 makes that worse. A temperature helps on new sound only if the model is over-confident,
# or under-confident, there in the same way as on the sound of the fit: compare the last two figures. So a calibration has to be
# fitted on speech like that on which it is used, and checked.
#
# *AUC* asks something else: is a right word more confident than a wrong one? 1 is always, 0.5 is chance, nan is "all right or all
# wrong". Move the temperature: the dots follow, the AUC hardly does.


# %%
def draw_reliability(figure, temperature):
    """Draw accuracy against confidence."""
    confidences, right = judged(temperature)
    table_of_bins = [b for b in reliability(confidences, right) if b.count]
    figure.data[0].x = [b.confidence for b in table_of_bins]
    figure.data[0].y = [b.accuracy for b in table_of_bins]
    figure.data[0].marker.size = [6 + 3 * np.sqrt(b.count) for b in table_of_bins]
    figure.data[0].text = [f"{b.count} words" for b in table_of_bins]
    error = expected_calibration_error(confidences, right)
    figure.layout.title.text = (
        f"Temperature {temperature:.2f}: calibration error {error:.3f}, AUC {auc(confidences, right):.3f}"
    )


figure = go.Figure(layout={"title": "", "height": 420, "showlegend": False})
figure.add_scatter(mode="markers+text", textposition="top center", marker={"color": "#1f6feb"})
figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": "#9aa5b1"})
axis = {"range": [-0.05, 1.1]}
figure.update_layout(
    xaxis={"title": "mean confidence of the words in a bin", **axis}, yaxis={"title": "share that is right", **axis}
)
show(figure, draw_reliability, temperature=FloatSlider(1.0, min=0.4, max=4.0, step=0.2))

# %%
check(
    len({greedy(temperature_scaled(heard_test[0], t)).text for t in (0.4, 1.0, 4.0)}) == 1,
    "whatever the temperature, the text stays",
)

# %% [markdown]
# ## Exercises
#
# 1. Align the number clip with "one two three", leaving out the rest. Where do the three words go, and how would you notice?
#
# <details><summary>Solution</summary>
#
# ```python
# for text in (clips[NUMBERS].text, "ONE TWO THREE"):
#     found = align(emissions[NUMBERS], text).hypothesis
#     print(f"{found.score / len(emissions[NUMBERS]):.2f} nats per frame:", *(f"{w.text} {w.start:.2f}" for w in found.words))
# ```
#
# The path must cover all frames, so the rest of the sound must be blank, or belong to the three words. The score per frame
# tells that something is missing; the words' own confidences need not.
# </details>
#
# 2. `align(emissions[NUMBERS], "1 2 3 4 5 6 7 8 9")`: what does w2vkit make of digits, and what spelling do the words keep?
#
# <details><summary>Solution</summary>
#
# ```python
# print([word.text for word in align(emissions[NUMBERS], "1 2 3 4 5 6 7 8 9").hypothesis.words])
# ```
#
# They are spelled as words for the path (`w2vkit/spelling.py`), but `Word.text` stays "1", "2": subtitles keep the text as
# people write it.
# </details>
#
# 3. Change the reach: which values of lead and tail (60 and 100 ms in w2vkit) are best for these clips? Why should w2vkit not
#    use them?
#
# <details><summary>Solution</summary>
#
# The best lead is about the median start error of the raw frames, in the first table. It is fitted to six synthetic clips of
# four voices; on people, and with another model, another value is best. What is tuned on the test is no longer tested.
# </details>
#
# 4. Which word of all clips has the lowest confidence under its true text? Listen to it.
#
# <details><summary>Solution</summary>
#
# ```python
# print(min((w.confidence, w.text, k) for k, a in enumerate(alignments) for w in a.hypothesis.words))
# ```
#
# The last number is the clip; choose it above and click the word.
# </details>
#
# ## Three questions
#
# 1. On the trellis, move the slider: when do the orange and the red path part? Which letter was mistaken, and how much later was it
#    put right?
# 2. In the histogram, one distribution is shifted. By how much would you move it, and would that mend the ends as well (see
#    the table)?
# 3. In the reliability figure at temperature 1: is the model too sure or too modest, and in which bins?
#
# **Sources.** Graves et al., "Connectionist temporal classification" (2006), section 4.1, with the maximum for the sum;
# Kürzinger et al., "CTC-segmentation of large corpora" (2020), https://arxiv.org/abs/2007.09127; Guo et al., "On calibration
# of modern neural networks" (2017), https://arxiv.org/abs/1706.04599; flite, http://www.festvox.org/flite.
#
# [the course](README.md) · before: [07 Beams and words](07_beams_and_words.ipynb) · next:
# [09 How wrong is it?](09_how_wrong_is_it.ipynb)
