# %% [markdown]
# # 14 · Streaming and long sound
#
# [the course](README.md) · before: [13 Fine-tune your own](13_fine_tune_your_own.ipynb)
#
# So far every clip went through the network in one piece. A lecture of an hour does not fit, and live speech has no end to wait for. Both are cut into
# windows. This notebook asks what a cut costs, how context repairs it, and how long a live transcript has to wait.
#
# | | |
# |---|---|
# | **You will** | compute how memory grows with the length of a sound; cut a sound anywhere and see what is lost; write windows with context; follow a live transcript word by word and measure its delay |
# | **Time** | 45 minutes |
# | **You need** | [04](04_context.ipynb): attention and context; [05](05_letters_from_frames.ipynb): frames and the collapse |

# %%
import tempfile
import tracemalloc
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import soundfile
from figures import draw_cuts, edits
from ipywidgets import IntSlider
from lesson import answer, check, closed, closest, exercise, flite_clips, hear, predict, show, table
from plots import draw_delays, draw_lines

from w2vkit import Waveform, greedy, load, transcribe
from w2vkit.audio import stream
from w2vkit.emissions import Emissions
from w2vkit.model import CTCModel
from w2vkit.model.windows import CONTEXT_SECONDS, WINDOW_SECONDS, FrameGrid
from w2vkit.pipeline import live
from w2vkit.pipeline.live import LiveTranscript

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
model.silence = 0  # emit() would put some around short pieces, and hide what a cut costs
RATE, STRIDE, FIELD = model.sample_rate, model.stride, model.receptive_field
clips = flite_clips()
waveforms = [load(clip.path) for clip in clips]

# %% [markdown]
# ## 1. Why cut at all?
#
# The convolutions look at a short piece at a time, so a long sound is no trouble for them. In the transformer every frame attends to every other one: for $T$ frames an
# attention map has $T^2$ numbers, for each head of each layer.

# %%
SIZES = ("1 MB", "130 MB", "130 GB")
one_map = predict("One hour in one pass: how large is an attention map (4 bytes a number)?", *SIZES)

# %%
lengths = {"10 s": 10, "1 minute": 60, "10 minutes": 600, "1 hour": 3600}
maps = {name: 4 * (seconds * RATE // STRIDE) ** 2 for name, seconds in lengths.items()}
frames = {name: seconds * RATE // STRIDE for name, seconds in lengths.items()}
rows = [(name, f"{frames[name]:,}", f"{size / 1e6:,.0f}") for name, size in maps.items()]
with closed():
    table(["sound", "frames T", "one attention map (MB)"], rows)
hour = maps["1 hour"] / 1e6
answer(
    one_map,
    closest(one_map, (1, 130, 130_000), hour),
    f"{3600 * RATE // STRIDE:,} frames, squared, times 4 bytes: {hour / 1000:.0f} GB. The Large "
    "model has 16 heads in each of 24 layers. Twice the length takes four times the memory and, "
    "for the attention, four times the work.",
)
check(np.isclose(maps["10 minutes"] / maps["1 minute"], 100), "ten times the sound: a hundredfold")

# %% [markdown]
# (There are ways to compute attention without storing the whole map, but $T^2$ is still how the work grows.) And a second reason: a network knows only lengths like those of its training. LibriSpeech's utterances
# end at 35 s, and w2v-mini has no positions beyond 30 s.
#
# ## 2. What does a cut cost?
#
# A man counts to nine (a clip of flite, an older and faster synthesiser, which tells where its words begin and end). We cut the sound in two, let the network read each piece alone, join the two emission matrices, and decode them as one.

# %%
NUMBERS = 2
BORDERS = [402, 684, 892, 1199, 1458, 1892, 2195, 2580, 2819, 3253]  # ms; as in notebook 08
edges = np.array(BORDERS) / 1000
said = clips[NUMBERS].text.split()
hear(waveforms[NUMBERS], clips[NUMBERS].text)

# %%
COSTS = ("nothing", "one or two characters", "about a word")
between = predict("What does a cut exactly between two words cost, on average?", *COSTS)

# %% [markdown]
# **Move the cut** with the slider, or click a bar. Then give the pieces some *context*: each piece is made longer by so much, past the cut, and the frames of the
# added sound are thrown away after the network has read it.

# %%
CUTS = []  # (time, name, is it inside of a word?)
for k, word in enumerate(said):
    CUTS.append(((edges[k] + edges[k + 1]) / 2, f"inside of {word}", True))
    if k < len(said) - 1:
        CUTS.append((edges[k + 1], f"between {word} and {said[k + 1]}", False))
CONTEXTS = [0.0, 0.05, 0.1, 0.25]  # s


def frame_middles(samples):
    """The middle of what each frame of so many samples sees, in samples."""
    return np.arange((samples - FIELD) // STRIDE + 1) * STRIDE + FIELD / 2


def cut_in_two(samples, seconds, context):
    """(joined, left, right) texts of a sound that is cut at a time, with context (s)."""
    at, more = (round(t * RATE / STRIDE) * STRIDE for t in (seconds, context))
    begin = max(0, at - more)
    pieces = [samples[: at + more], samples[begin:]]
    left, right = (e.log_probs for e in model.emit([Waveform(piece, RATE) for piece in pieces]))
    left = left[frame_middles(len(pieces[0])) < at]  # each frame is kept once
    right = right[frame_middles(len(pieces[1])) + begin >= at]
    both = (np.concatenate([left, right]), left, right)
    return [greedy(Emissions(part, model.vocabulary)).text for part in both]


samples = waveforms[NUMBERS].samples
readings = {c: [cut_in_two(samples, t, c) for t, _, _ in CUTS] for c in CONTEXTS}
words = list(zip(said, edges[:-1].tolist(), edges[1:].tolist(), strict=True))
draw_cuts(waveforms[NUMBERS], words, CUTS, readings, cut=12)

# %%
wrong = {}
for context, texts in readings.items():
    wrong[context] = np.array([edits(clips[NUMBERS].text, both) for both, _, _ in texts])
inside = np.array([is_inside for _, _, is_inside in CUTS])
rows = [(c, errors[~inside].mean(), errors[inside].mean()) for c, errors in wrong.items()]
with closed():
    table(["context (s)", "wrong characters, cut between words", "cut inside of a word"], rows)
answer(
    between,
    closest(between, (0, 1.5, 5), rows[0][1]),
    f"{rows[0][1]:.1f} characters, and {rows[0][2]:.1f} inside of a word. Mostly the space is "
    "lost, or the letter beside it. A frame needs the sound around it, so none has its middle "
    f"within {1000 * FIELD / 2 / RATE:.0f} ms of the cut; and what the frames next to it "
    "would attend to is gone.",
)
check(rows[-1][1] + rows[-1][2] < 0.5, "a quarter of a second of context repairs nearly all of it")

# %% [markdown]
# So it does not help much to look for a good place to cut: in connected speech there is no silence between words. Context helps.
#
# ## 3. Windows with context
#
# For a long sound: divide the $T$ frames into stretches of $W$ frames. Each stretch is read with $C$ frames more on either side, as far as the sound goes, and these are thrown away.
#
# **Your turn 1.** Write the stretches with what has to be read for them.


# %%
def windows(frames, size, context):
    """A list of (from, start, stop, to): read the frames from ... to, keep start ... stop."""
    ...  # your turn


exercise(
    windows,
    ((10, 10, 2), [(0, 0, 10, 10)], "A short sound is one window; no context is left."),
    ((25, 10, 0), [(0, 0, 10, 10), (10, 10, 20, 20), (20, 20, 25, 25)], "The last one is shorter."),
    (
        (25, 10, 3),
        [(0, 0, 10, 13), (7, 10, 20, 23), (17, 20, 25, 25)],
        "Context on both sides, but not before the first frame or after the last.",
    ),
)

# %% [markdown]
# {{solution 1}}
#
# **Your turn 2.** What does the context cost? Give the frames that are read in addition, as a fraction of the frames of a very long sound.


# %%
def extra(size, context):
    """The additional fraction, for windows of ``size`` with ``context`` on either side."""
    ...  # your turn


exercise(
    extra,
    ((20, 0), 0.0, "Without context, every frame is read once."),
    ((20, 2), 0.2, "Each window reads 2 before and 2 after, beside its own 20."),
    ((2, 2), 2.0, "Small windows with much context: three times the work."),
)

# %% [markdown]
# {{solution 2}}
#
# All six clips in a row are 24 s with 67 words, so one wrong word is 1.5 points of WER. We read them in one pass, and in windows of 2 s with more and more context. (So short windows make the effect visible; nobody would use them.)

# %%
CHOICES = ("0 s", "0.25 s", "1 s", "2 s")
enough = predict("How much context until the WER is at most 2 points above one pass?", *CHOICES)


# %%
def in_windows(samples, size, context):
    """(T, V) log-probabilities of a sound that is read in windows; size and context in frames."""
    frames = (len(samples) - FIELD) // STRIDE + 1
    parts, kept = [], []
    for start in range(0, frames, size):
        stop = min(frames, start + size)
        first, last = max(0, start - context), min(frames, stop + context)
        parts.append(Waveform(samples[first * STRIDE : (last - 1) * STRIDE + FIELD], RATE))
        kept.append(slice(start - first, stop - first))
    read = model.emit(parts)
    return np.concatenate([one.log_probs[part] for one, part in zip(read, kept, strict=True)])


joined = np.concatenate([waveform.samples for waveform in waveforms])
reference = " ".join(clip.text for clip in clips)
(whole,) = model.emit([Waveform(joined, RATE)])
one_pass = jiwer.wer(reference, greedy(whole).text)
SECONDS = [0.0, 0.25, 0.5, 1.0, 2.0]
found = [in_windows(joined, 2 * RATE // STRIDE, int(c * RATE / STRIDE)) for c in SECONDS]
texts = [greedy(Emissions(one, model.vocabulary)).text for one in found]
wers = np.array([jiwer.wer(reference, text) for text in texts])
same = np.array([(one.argmax(axis=1) == whole.log_probs.argmax(axis=1)).mean() for one in found])
check(len(found[0]) == len(whole), "the windows together have as many frames as one pass")

# %%
curves = {"WER": wers, "fraction of frames with another label than in one pass": 1 - same}
show(
    draw_lines(SECONDS, curves, "context (s)", "fraction of 1", markers=True, level=one_pass),
    closed="Open the figure",
    alt="WER and the fraction of changed labels against the context, for windows of 2 s. Both fall "
    "steeply up to 0.25 s and little after it. A dotted line is the WER of one pass.",
)
rows = zip(SECONDS, wers, 1 - same, strict=True)
with closed():
    table(["context (s)", "WER", "frames with another label"], rows)
needed = next((c for c, w in zip(SECONDS, wers, strict=True) if w <= one_pass + 0.02), 2.0)
answer(
    enough,
    closest(enough, (0, 0.25, 1, 2), needed),
    f"WER {wers[0]:.2f} without context, {wers[1]:.2f} with 0.25 s, {one_pass:.2f} in one pass. "
    f"Even with 2 s, {1 - same[-1]:.0%} of the frames have another label. Two reasons have nothing "
    "to do with context: each window is normalised on its own, and w2v-mini's positions count "
    "from the start of the window.",
)
check(wers[0] > one_pass + 0.05, "without context, windows of 2 s cost words")

# %% [markdown]
# w2vkit takes windows of 20 s with 2 s of context on either side, for sound above 40 s (30 s with w2v-mini). It normalises the sound as a whole, before it cuts. The context costs 20 % more work, and the memory no longer depends on the length.

# %%
grid = FrameGrid(STRIDE, FIELD, RATE, model.longest_pass)
long = np.tile(joined, 2)
cut = grid.cut(0, len(long))
table(
    ["window", "reads from (s)", "keeps from (s)", "keeps to (s)", "reads to (s)"],
    [
        (k, *(f * STRIDE / RATE for f in (w.start - w.before, w.start, w.stop, w.stop + w.after)))
        for k, w in enumerate(cut, start=1)
    ],
)
print(f"{WINDOW_SECONDS:.0f} s windows and {CONTEXT_SECONDS:.0f} s of context")
by_hand = in_windows(long, grid.frames_in(WINDOW_SECONDS), grid.frames_in(CONTEXT_SECONDS))
(library,) = model.emit([Waveform(long, RATE)])
check(len(cut) == 3, "48 s are three windows")
same_text = greedy(library).text == greedy(Emissions(by_hand, model.vocabulary)).text
check(same_text or MODEL != "w2v-mini", "windows by hand give w2vkit's text")

# %% [markdown]
# ## 4. Memory for the sound itself
#
# The windows bound what the network needs. The samples are the other part: an hour at 16 kHz in float32 is 230 MB, and a file at 44.1 kHz in stereo is more than five times as much once it is decoded.
# `w2vkit.audio.load` decodes and resamples block by block and keeps the result; `stream` gives each block and forgets it.

# %%
AMOUNTS = ("about 10 MB", "about 50 MB", "about 200 MB")
held = predict("Ten minutes, block by block: how much memory do the samples take?", *AMOUNTS)

# %%
folder = Path(tempfile.mkdtemp())
soundfile.write(folder / "ten minutes.wav", np.tile(joined, 26)[: 600 * RATE], RATE)


def peak(read):
    """The most memory (MB) that Python and numpy held at once during a call, and its result."""
    tracemalloc.start()
    result = read()
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return most, result


everything, waveform = peak(lambda: load(folder / "ten minutes.wav"))
blocks, count = peak(lambda: sum(len(block) for block in stream(folder / "ten minutes.wav")))
rows = [("load", len(waveform.samples), everything), ("stream", count, blocks)]
with closed():
    table(["way", "samples", "most memory (MB)"], rows)
answer(
    held,
    closest(held, (10, 50, 200), blocks),
    f"{blocks:.1f} MB block by block, {everything:.0f} MB at once. transcribe(..., "
    "keep_sound=False) reads a long file in this way, twice: first for the mean and the variance, "
    "then window by window.",
)
check(count == len(waveform.samples), "both ways give the same number of samples")
check(blocks < everything / 5, "block by block takes a fraction of the memory")

# %%
soundfile.write(folder / "long.wav", long, RATE, subtype="FLOAT")
streamed = transcribe(folder / "long.wav", model, decode=greedy, keep_sound=False)
check(streamed.waveform is None, "the sound was not kept")
check(streamed.text == greedy(library).text, "the text is that of the whole sound in memory")

# %% [markdown]
# ## 5. Live: when is a word final?
#
# While somebody speaks there is no context after the newest frame. Two ways out: wait, or show a word now and correct it later. `LiveTranscript` of w2vkit does both. With each block
# of sound the last seconds are read again. What comes out is *partial* and may change. A word becomes *final* when it ended a while ago
# and two readings in a row agree on it and on all words before it (*local agreement*, Liu et al., 2020).
#
# **Your turn 3.** Write the agreement: how many words do two readings have in common at their beginning?


# %%
def agreement(now, before):
    """Two lists of words."""
    ...  # your turn


exercise(
    agreement,
    ((["WE", "WALKED"], ["WE", "WALKED", "A"]), 2, "Count equal words from the start."),
    ((["WE", "WALKED"], ["WE", "WALK"]), 1, "Stop at the first difference."),
    ((["A", "B", "C"], ["A", "X", "C"]), 1, "What follows a difference does not count."),
    (([], ["WE"]), 0, "Nothing in common is 0, not None."),
)

# %% [markdown]
# {{solution 3}}

# %%
DELAYS = ("0.3 s", "1.5 s", "5 s")
waits = predict("Blocks of 0.5 s: how long after its end is a word final (median)?", *DELAYS)


# %%
class Counted:
    """A model that counts the seconds of sound that it reads."""

    def __init__(self):
        self.seconds = 0.0

    def __getattr__(self, name):
        return getattr(model, name)

    def emit(self, waveforms, **options):
        """As the model does."""
        self.seconds += sum(waveform.seconds for waveform in waveforms)
        return model.emit(waveforms, **options)


def listen(samples, block):
    """(time, final words, partial words) after each block of so many seconds; the sound read."""
    counted = Counted()
    transcript, history = LiveTranscript(counted, decode=greedy), []
    for start in range(0, len(samples), int(block * RATE)):
        transcript.feed((RATE, samples[start : start + int(block * RATE)]))
        now = transcript.update()
        history.append((now.seconds, now.final, now.partial))
    end = transcript.finish()
    return [*history, (end.seconds, end.final, ())], counted.seconds


# %%
SPOKEN = [1, 3]  # clips
speech = np.concatenate([waveforms[k].samples for k in SPOKEN])
runs = {block: listen(speech, block) for block in (0.25, 0.5, 1.0)}
history = runs[0.5][0]


def delays(history):
    """(words, 2) s: from the end of a final word until it is first shown, and until it is final."""
    waited = []
    for k, word in enumerate(history[-1][1]):
        readings = [(t, [w.text for w in (*final, *partial)]) for t, final, partial in history]
        shown = next(t for t, texts in readings if texts[k : k + 1] == [word.text])
        fixed = next(t for t, final, _ in history if len(final) > k)
        waited.append((shown - word.end, fixed - word.end))
    return np.array(waited)


# %% [markdown]
# Move the slider: the sound comes in from the left, block by block. Each row is a word: when it was spoken (grey), how long it was not shown yet (pale), and how long it was partial (red). Where the red bar ends, the word is final.

# %%
figure, move = draw_delays(history, delays(history))
show(
    figure,
    move,
    block=IntSlider(7, 1, len(history), description="blocks heard"),
    alt="A row for each word: a grey bar where it is spoken, a short pale one until it is shown, "
    "and a longer red one until it is final. A dotted line marks how much was heard.",
    closed="Open the figure",
)

# %%
median = np.median(delays(history), axis=0)
answer(
    waits,
    closest(waits, (0.3, 1.5, 5), median[1]),
    f"{median[1]:.1f} s; it is shown, as a partial word, {median[0]:.1f} s after its end. w2vkit "
    f"waits until a word ended {live.FINAL_SECONDS} s ago, and then for the next reading that "
    f"agrees; after a pause of {live.PAUSE_SECONDS} s everything is final. The time to compute "
    "comes on top; it is not counted here.",
)
text = " ".join(clips[k].text for k in SPOKEN)
rows = []
for block, (one, read) in runs.items():
    waited = np.median(delays(one), axis=0)
    final = " ".join(word.text for word in one[-1][1])
    rows.append((block, *waited, read / (len(speech) / RATE), jiwer.wer(text, final)))
header = ["first shown (s)", "final (s)", "sound read per second of sound (s)", "WER"]
with closed():
    table(["block (s)", *header], rows)
check(rows[0][3] > rows[-1][3], "smaller blocks take more work")
for run, _ in runs.values():
    finals = [final for _, final, _ in run]
    kept_all = all(b[: len(a)] == a for a, b in pairwise(finals))
    check(kept_all, "no final word ever changed")

# %% [markdown]
# So the delay of a live transcript has three parts: the block that has to fill up, the wait for agreement, and the computing. With smaller blocks the first one shrinks, but there is
# more to compute, because the same seconds are read again and again. If the computing of a block takes longer than the block lasts, the transcript falls behind for good.
#
# Which partial words changed?

# %%
changed = set()
for (_, final, partial), (_, later_final, later_partial) in pairwise(history):
    after = [word.text for word in (*later_final, *later_partial)]
    for k, word in enumerate((*final, *partial)):
        if k < len(after) and after[k] != word.text:
            changed.add(f"{word.text} → {after[k]}")
print("; ".join(sorted(changed)) or "none")
check(len(changed) > 0, "some partial words were corrected later")

# %% [markdown]
# Mostly it is the last word of a reading, which is cut by the end of the sound: the same harm as in section 2. This is why it is only partial.
#
# ## Three questions
#
# 1. You may have windows of 20 s with 2 s of context, or of 5 s with 2 s. What speaks for each of them?
# 2. Why can a cut at a pause of half a second do no harm, although a cut between two words does?
# 3. A wav2vec 2.0 model attends to what comes later. Could it be trained so that it does not, and what would be gained and lost?
#
# {{solution 4}}
#
# **Sources.** Liu, Spanakis, Niehues, "Low-latency sequence-to-sequence speech recognition and translation by partial hypothesis selection" (2020),
# https://arxiv.org/abs/2005.11185; Baevski et al., "wav2vec 2.0" (2020), section 2, https://arxiv.org/abs/2006.11477.
#
# [the course](README.md) · before: [13 Fine-tune your own](13_fine_tune_your_own.ipynb)
