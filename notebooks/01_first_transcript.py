# %% [markdown]
# # 01 · A first transcript
#
# [the course](README.md) · next: [02 Sound as numbers](02_sound_as_numbers.ipynb)
#
# wav2vec 2.0 turns a recording into text in three steps: from sound to numbers, from numbers to probabilities, from probabilities to
# letters. This notebook runs the *Usage* example of the model card of
# [facebook/wav2vec2-large-960h-lv60-self](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self) line by line and looks
# at every object on the way.
#
# | | |
# |---|---|
# | **You will** | read a model's probabilities frame by frame; write the two formulas before and after the network; turn labels into text; name the objects of w2vkit |
# | **Time** | 25 minutes |
# | **You need** | Python with numpy |

# %%
import numpy as np
import torch
from figures import draw_frames
from huggingface_hub import ModelCard
from jiwer import wer
from lesson import BLANK, SPACE, answer, check, closest, exercise, hear, predict, show, table
from plots import draw_best_labels
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor
from transformers.utils import logging

from w2vkit import greedy, load, transcribe
from w2vkit.evaluate.calibration import temperature_scaled
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.hub import fetch

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clip = examples()[4]

# %% [markdown]
# Here is a short dialogue, and what the model makes of it.

# %%
waveform = load(clip.path)
hear(waveform, "a woman asks, a man answers; as the model gets it: one channel, 16 kHz")
print("what was said:", clip.text)
print("the model:    ", transcribe(clip.path, model, decode=greedy).text)

# %% [markdown]
# ### Meet w2v-mini
#
# The course runs without a network on `w2v-mini`, a small model that comes with w2vkit. It has the form of wav2vec 2.0 (waveform in,
# convolutions, transformer layers, the same 32 *labels*: the letters, the apostrophe, the space, and a few signs that are not written), but it
# was not made in the paper's way:
#
# - It began as the encoder of another speech recogniser, Whisper tiny.en: the weights of its four transformer layers were copied, and two layers
#   were added.
# - Its front end (the convolutions) was built by hand, so that it computes the spectrogram that Whisper expects.
# - Then it learned letters from transcribed speech. Some of that was synthetic, and **among the synthetic voices are those of our six clips**
#   (of the synthesisers Kokoro and flite), with other sentences.
#
# So it makes few errors on these clips, and many more on people. Here are both: the *word error rate*, which is the number of words that
# are wrong, missing or too many, for every 100 words that were said. The texts are decoded *greedily*, which means by the most likely label of
# each moment alone. With its language model, which knows which words follow each other, w2v-mini makes fewer errors, and none on the six clips: they
# were chosen so ([more about it](../docs/guides/w2v-mini.md)). The figures for people are those of its model card.

# %%
card = ModelCard.load(fetch("w2v-mini").folder / "README.md").data.eval_results
people = {r.dataset_name: r.metric_value for r in card if r.metric_type == "wer"}
heard = [transcribe(one.path, model, decode=greedy).text for one in examples()]
here = 100 * wer([one.text for one in examples()], heard)
table(
    ["speech", "word error rate (%)"],
    [["the six clips of this course", here], *([f"w2v-mini on {k}", v] for k, v in people.items())],
)
check(
    here < min(people.values()) or MODEL != "w2v-mini",
    "fewer errors on the clips than on any people: what you see here is not how good it is",
)

# %% [markdown]
# The network answers with *frames*, one for every short piece of sound. A frame is a row of probabilities, one for each label. Before you
# look, say what you expect.

# %%
frames_each_second = predict(
    "How many frames will there be for one second of sound (16,000 samples)?",
    "about 10", "about 50", "about 400", "16,000",
)  # fmt: skip

# %%
speaking = predict(
    "In what fraction of the frames will the most likely label be a letter or a space?",
    "one in ten", "about half", "nearly all",
)  # fmt: skip

# %% [markdown]
# ## 1. The processor: what goes in
#
# `Wav2Vec2Processor` is two things in one: a *feature extractor*, which prepares the waveform, and a *tokenizer*, which knows the
# characters. The card loads it by the model's name; we give the folder where the files are, so that it also works offline.

# %%
folder = fetch(MODEL).folder
processor = Wav2Vec2Processor.from_pretrained(folder)
samples = waveform.samples
inputs = processor(samples, sampling_rate=16_000, return_tensors="pt", padding="longest")
input_values = inputs.input_values
rows = [
    ["waveform.samples", samples.shape, "1 is full scale", samples.mean(), samples.std()],
    [
        "input_values",
        tuple(input_values.shape),
        "standard deviations",
        input_values.mean().item(),
        input_values.std().item(),
    ],
]
table(["object", "shape", "unit", "mean", "standard deviation"], rows)

# %% [markdown]
# The only thing that happened to the sound: with $x$ the $N$ samples,
#
# $$\hat{x}_n = \frac{x_n - \mu}{\sqrt{\sigma^2 + 10^{-7}}}, \qquad \mu = \frac1N\sum_n x_n, \qquad \sigma^2 = \frac1N\sum_n (x_n-\mu)^2 .$$
#
# So loudness does not matter. No spectrogram is computed beforehand: the network gets the waveform itself
# ([paper](https://arxiv.org/abs/2006.11477), section 2).
#
# **Your turn 1.** Write the formula. `x.mean()` and `x.var()` are the mean and the variance of an array.


# %%
def normalised(x):
    """The samples with mean 0 and variance 1."""
    ...  # your turn


loud, quiet = np.array([1.0, 3.0, 5.0]), np.zeros(3)
exercise(
    normalised,
    ((loud,), (loud - 3) / np.sqrt(8 / 3 + 1e-7), "Subtract the mean, divide by the square root."),
    ((quiet,), quiet, "The small constant is inside of the root: silence is not divided by 0."),
)

# %% [markdown]
# {{solution 1}}
#
# ## 2. The network: what comes out
#
# `Wav2Vec2ForCTC` gives *logits*: for every frame one number for each label. A softmax makes probabilities of them:
# $p_{t,v} = e^{z_{t,v}} / \sum_u e^{z_{t,u}}$.
#
# **Your turn 2.** Write the softmax of one frame.


# %%
def softmax(z):
    """(V,) probabilities of (V,) logits."""
    ...  # your turn


exercise(
    softmax,
    ((np.zeros(4),), np.full(4, 0.25), "Equal logits are equal probabilities that add up to 1."),
    ((np.log([1.0, 2.0, 5.0]),), np.array([0.125, 0.25, 0.625]), "exp undoes the logarithm."),
)

# %% [markdown]
# {{solution 2}}

# %%
logging.disable_progress_bar()
network = Wav2Vec2ForCTC.from_pretrained(folder, dtype=torch.float32).eval()
with torch.no_grad():
    logits = network(input_values).logits
probabilities = logits[0].softmax(dim=-1).numpy()
batch, frames, labels = logits.shape
print(f"logits: (batch, frames, labels), here {batch} clip and {labels} labels")
check(np.allclose(probabilities.sum(axis=1), 1, atol=1e-4), "each frame's probabilities sum to 1")
stride = int(np.prod(network.config.conv_stride))
rate = frames / waveform.seconds
answer(
    frames_each_second,
    closest(frames_each_second, (10, 50, 400, 16_000), rate),
    f"{frames} frames for {waveform.seconds:.2f} s are {rate:.1f} a second: one every {stride} "
    f"samples, {1000 * stride / 16_000:.0f} ms. "
    "A few frames at the ends are missing (notebook 03 says why).",
)

# %% [markdown]
# ## 3. Frame by frame
#
# Play the sound. The window shows which part of it the convolutions of one frame see (25 ms in the paper's models, more in
# w2v-mini). The bars are that frame's probabilities: ε stands for the *blank* ("nothing new here"), ␣ for the space between
# words. You can also drag the window, or move the slider.

# %%
(emissions,) = model.emit([waveform])
predicted_ids = torch.argmax(logits, dim=-1)  # the card's choice: the most likely label
path = predicted_ids[0].numpy()
blank = processor.tokenizer.pad_token_id
is_blank = path == blank
start = int(np.flatnonzero(~is_blank)[6])
draw_frames(waveform, emissions, model.receptive_field / 16_000, start)
print(f"the convolutions of one frame see {1000 * model.receptive_field / 16_000:.0f} ms of sound")

# %% [markdown]
# The same for all frames at once: height is the probability of the most likely label. Labels that are not the blank are named, once
# for each run of equal ones.

# %%
names = {index: label for label, index in processor.tokenizer.get_vocab().items()}
names |= {blank: BLANK, processor.tokenizer.word_delimiter_token_id: SPACE}
show(
    draw_best_labels(emissions),
    closed="Open the figure",
    alt="A bar for each frame, grey where the blank is most likely, blue for letters and spaces. "
    "Both ends and a second in the middle are all grey; elsewhere letters of a few frames "
    "alternate with blanks.",
)
share = float((~is_blank).mean())
lengths = np.diff(np.append(np.flatnonzero(np.append(True, path[1:] != path[:-1])), frames))
letters = lengths[path[np.cumsum(lengths) - 1] != blank]
print(f"a letter or space lasts {letters.mean():.1f} frames on average, at most {letters.max()}")
answer(
    speaking,
    closest(speaking, (0.1, 0.5, 0.95), share),
    f"{share:.0%} here. The silence at both ends and between the two voices is blank, and so is "
    "a part of the speech: a letter is written in a few frames, and the rest of its sound adds "
    "nothing new.",
)

# %% [markdown]
# ## 4. From labels to text
#
# `batch_decode` does two things: it merges equal labels that follow each other, and it drops the blanks. What is left is the text.
# Why there is a blank, and what else can be made of the probabilities, is the subject of notebook
# [05](05_letters_from_frames.ipynb).
#
# **Your turn 3.** Do both by hand.


# %%
def text_of(labels):
    """The text of a list of labels, in which ε is the blank and ␣ the space."""
    ...  # your turn


exercise(
    text_of,
    ((["ε", "C", "C", "ε", "A", "T"],), "CAT", "Keep a label if it differs from the one before."),
    ((["S", "E", "ε", "E"],), "SEE", "Merge first: the blank keeps the two Es apart."),
    ((["I", "␣", "␣", "A", "M"],), "I AM", "Write the space as ' '."),
)

# %% [markdown]
# {{solution 3}}

# %%
transcription = processor.batch_decode(predicted_ids)[0]
merged = [names[k] for t, k in enumerate(path) if t == 0 or k != path[t - 1]]
by_hand = "".join(" " if name == SPACE else name for name in merged if name != BLANK)
print("said:      ", clip.text)
print("transcript:", transcription)
check(by_hand.split() == transcription.split(), "merging and dropping gives the tokenizer's text")

# %% [markdown]
# ## 5. The same with w2vkit
#
# w2vkit has an object for each stage: a `Waveform` (the sound), the `Emissions` (log-probabilities, one row for each frame) and a
# `Hypothesis` (text and words with time and confidence). A `CTCModel` makes emissions from a waveform.

# %%
hypothesis = greedy(emissions)
check(
    np.allclose(emissions.log_probs, logits[0].log_softmax(dim=-1), atol=4e-3),
    "w2vkit's emissions are the card's, as logarithms",
)
check(hypothesis.text.split() == transcription.split(), "w2vkit's text is the card's text")
in_one_call = transcribe(clip.path, model, decode=greedy).text
check(in_one_call == hypothesis.text, "transcribe() is the same path in one call")
weights = sum(p.numel() for p in network.parameters()) / 1e6
T, V = emissions.log_probs.shape
table(
    ["step", "object", "what it holds", "here"],
    [
        ["sound", "Waveform", "(N,) float32 samples in [-1, 1], 16 kHz", f"N = {len(samples)}"],
        ["probabilities", "Emissions", "(T, V) natural logarithms", f"T, V = {T}, {V}"],
        ["text", "Hypothesis", "text, words, score", f"{len(hypothesis.words)} words"],
        ["network", "CTCModel", "the weights, and how to feed them", f"{weights:.1f} M weights"],
    ],
)

# %% [markdown]
# Each word has times and a confidence: how probable it is that the word is right. The first guess is the product of the probabilities of its
# letters, and of the spaces beside it. The confidences of `greedy` are *calibrated*: w2vkit divides the logits by a temperature, which
# changes the probabilities, and then corrects the product by a curve. Temperature and curve are stored with the model. They do not change the text. What a
# temperature does is the subject of notebook [05](05_letters_from_frames.ipynb); whether a confidence can be believed, of notebook
# [08](08_when_was_it_said.ipynb).

# %%
plain = greedy(temperature_scaled(emissions, 1.0))
both = zip(hypothesis.words, plain.words, strict=True)
table(
    ["word", "start (s)", "end (s)", "confidence, calibrated", "the plain product"],
    [[a.text, a.start, a.end, a.confidence, b.confidence] for a, b in both],
)
print(f"temperature stored with {MODEL}: {emissions.calibration.temperature}")
check(plain.text == hypothesis.text, "the calibration does not change the text")

# %% [markdown]
# ## More to try
#
# 1. Make the sound ten times quieter (`Waveform(waveform.samples / 10)`) and transcribe it. Predict first: does the text change?
# 2. Take the average of the entropy $-\sum_v p_v \ln p_v$ over all frames (in nats) for each of the bundled clips. For which clip is
#    the model least sure?
# 3. Leave out step 1: give the network the samples without normalisation. What changes in the texts of all six clips?
#
# {{solution 4}}
#
# ## Three questions to take along
#
# 1. In the bar chart of all frames: how many frames does a letter usually last? A spoken sound lasts 60 to 100 ms. How many frames is
#    that, and where do the others go?
# 2. In the figure with the window, find a frame where two letters share the probability. Do they sound alike?
# 3. The table at the top has several error rates for one model. Which of them would you quote to somebody who wants to use it?
#
# {{solution 5}}
#
# **Sources.** [Model card](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self), section Usage · Baevski, Zhou, Mohamed,
# Auli, [wav2vec 2.0](https://arxiv.org/abs/2006.11477), 2020, section 2.
#
# [the course](README.md) · next: [02 Sound as numbers](02_sound_as_numbers.ipynb)
