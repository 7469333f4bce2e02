# %% [markdown]
# # 01 · A first transcript
#
# [the course](README.md) · next: [02 Sound as numbers](02_sound_as_numbers.ipynb)
#
# wav2vec 2.0 turns a recording into text in three steps: from sound to numbers, from numbers to probabilities, from probabilities to
# letters. This notebook runs the *Usage* example of the model card of
# [facebook/wav2vec2-large-960h-lv60-self](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self) line by line, looks
# at every object on the way, and then does the same with w2vkit.
#
# **The question.** The model reads a sentence of about four seconds and gives probabilities, frame by frame. *How many frames
# will there be for each second of sound, and how many of them will say a letter?*

# %%
import numpy as np
import plotly.graph_objects as go
import torch
from huggingface_hub import ModelCard
from ipywidgets import IntSlider
from lesson import check, hear, reveal, show, table
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor
from transformers.utils import logging

from w2vkit import greedy, load, transcribe
from w2vkit.evaluate.calibration import temperature_scaled
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.hub import fetch

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
clip = examples()[0]

# %% [markdown]
# ### Which model, which voices?
#
# The course runs without a network on `w2v-mini`, a small model that comes with w2vkit. It is built like wav2vec 2.0, but it was not
# made in the paper's way: four of its layers began as layers of another speech recogniser, Whisper tiny.en; its first layers were set by hand;
# then it learned from transcribed speech. Its model card tells more.
#
# The six clips of the course are synthetic. Their voices (of the synthesiser flite) are **also in w2v-mini's training data**, with other
# sentences. So w2v-mini makes far fewer errors on these clips than on people whom it has never heard. Here is what its card says
# about people:

# %%
card = ModelCard.load(fetch("w2v-mini").folder / "README.md").data.eval_results
table(["w2v-mini on", "word error rate (%)"], [[r.dataset_name, r.metric_value] for r in card if r.metric_type == "wer"])

# %% [markdown]
# Listen to the first clip.

# %%
waveform = load(clip.path)
hear(waveform, clip.about)
print("what was said:", clip.text)

# %% [markdown]
# Write down your predictions before you go on. (A frame is one row of the model's answer.)

# %%
frames_each_second = None  # your prediction: how many frames for one second of sound?
share_of_letters = None  # your prediction: what fraction of the frames, 0 to 1, says a letter (or a space)?

# %% [markdown]
# ## 1. The processor: what goes in
#
# `Wav2Vec2Processor` is two things in one: a *feature extractor*, which prepares the waveform, and a *tokenizer*, which knows the
# characters. The card loads it by the model's name; we give the folder where the files are, so that it also works offline.

# %%
folder = fetch(MODEL).folder
processor = Wav2Vec2Processor.from_pretrained(folder)
input_values = processor(waveform.samples, sampling_rate=16_000, return_tensors="pt", padding="longest").input_values
table(
    ["object", "shape", "unit", "mean", "standard deviation"],
    [
        ["waveform.samples", waveform.samples.shape, "1 is full scale", waveform.samples.mean(), waveform.samples.std()],
        [
            "input_values",
            tuple(input_values.shape),
            "standard deviations",
            input_values.mean().item(),
            input_values.std().item(),
        ],
    ],
)

# %% [markdown]
# The only thing that happened to the sound: with $x$ the $N$ samples,
#
# $$\hat{x}_n = \frac{x_n - \mu}{\sqrt{\sigma^2 + 10^{-7}}}, \qquad \mu = \frac1N\sum_n x_n, \qquad \sigma^2 = \frac1N\sum_n (x_n-\mu)^2 .$$
#
# So loudness does not matter. There is no spectrogram: the network hears the waveform itself
# ([paper](https://arxiv.org/abs/2006.11477), section 2).

# %%
samples = waveform.samples
by_hand = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
check(np.allclose(by_hand, input_values[0].numpy(), atol=1e-4), "the formula gives what the processor gives")

# %% [markdown]
# ## 2. The network: what comes out
#
# `Wav2Vec2ForCTC` gives *logits*: for every frame one number for each label. A softmax makes probabilities of them:
# $p_{t,v} = e^{z_{t,v}} / \sum_u e^{z_{t,u}}$.

# %%
logging.disable_progress_bar()
network = Wav2Vec2ForCTC.from_pretrained(folder, dtype=torch.float32).eval()
with torch.no_grad():
    logits = network(input_values).logits
probabilities = logits[0].softmax(dim=-1).numpy()
batch, frames, labels = logits.shape
print(f"logits: {batch} clip x {frames} frames x {labels} labels")
check(np.allclose(probabilities.sum(axis=1), 1, atol=1e-4), "in every frame the probabilities add up to 1")

# %%
reveal(frames_each_second, frames / waveform.seconds, "frames for each second")
stride = int(np.prod(network.config.conv_stride))
print(f"one frame every {stride} samples, which is {1000 * stride / 16_000:.0f} ms")

# %% [markdown]
# ## 3. The most likely label in every frame
#
# The card takes the `argmax` over the labels. Here is that choice, frame by frame. Move the slider to see the whole distribution
# of one frame.

# %%
predicted_ids = torch.argmax(logits, dim=-1)
path = predicted_ids[0].numpy()
names = {index: label for label, index in processor.tokenizer.get_vocab().items()} | {processor.tokenizer.pad_token_id: "blank"}
names |= {processor.tokenizer.word_delimiter_token_id: "space"}
lost = len(samples) - frames * stride  # samples at the ends, for which there is no frame (notebook 3)
seconds = ((np.arange(frames) + 0.5) * stride + lost / 2) / 16_000  # the middle of each frame
is_blank = path == processor.tokenizer.pad_token_id

figure = go.Figure(
    go.Bar(x=[names[k].replace("<", "‹").replace(">", "›") for k in range(labels)], y=probabilities[0]),
    layout={"yaxis": {"title": "probability", "range": [0, 1]}, "xaxis": {"title": "label", "type": "category", "dtick": 1}},
)


def one_frame(figure, frame):
    figure.data[0].y = probabilities[frame]
    figure.layout.title = f"frame {frame} at {seconds[frame]:.2f} s: {names[path[frame]]}"


show(figure, one_frame, frame=IntSlider(int(np.argmax(~is_blank)), 0, frames - 1))
# %% [markdown]
# The same for all frames at once: height is the probability of the most likely label. Labels that are not the blank are named, once
# for each run of equal ones.

# %%
best = probabilities.max(axis=1)
begins = np.flatnonzero(~is_blank & np.append(True, path[1:] != path[:-1]))  # the first frame of each run
figure = go.Figure(
    [
        go.Bar(x=seconds[is_blank], y=best[is_blank], name="blank", marker={"color": "lightgrey"}),
        go.Bar(x=seconds[~is_blank], y=best[~is_blank], name="letter or space"),
        go.Scatter(
            x=seconds[begins],
            y=1.05 + 0.07 * (np.arange(len(begins)) % 2),  # in two rows, so that they do not overlap
            text=[names[k].replace("space", "␣") for k in path[begins]],
            mode="text",
            showlegend=False,
        ),
    ],
    layout={
        "xaxis": {"title": "time (s)"},
        "yaxis": {"title": "probability", "range": [0, 1.2], "tickvals": [0, 0.25, 0.5, 0.75, 1]},
        "bargap": 0,
        "legend": {"orientation": "h", "y": 1.15},
    },
)
show(figure)
reveal(share_of_letters, float((~is_blank).mean()), "of the frames say a letter or a space")

# %% [markdown]
# ## 4. From labels to text
#
# `batch_decode` does two things: it merges equal labels that follow each other, and it drops the blanks. What is left is the text.
# Why there is a blank, and what else can be made of the probabilities, is the subject of notebook
# [05](05_letters_from_frames.ipynb).

# %%
transcription = processor.batch_decode(predicted_ids)[0]
merged = [names[k] for t, k in enumerate(path) if t == 0 or k != path[t - 1]]
by_hand = "".join(" " if name == "space" else name for name in merged if name != "blank").strip()
print("said:      ", clip.text)
print("transcript:", transcription)
check(by_hand.split() == transcription.split(), "merging repeats and dropping blanks by hand gives the tokenizer's text")

# %% [markdown]
# ## 5. The same with w2vkit
#
# w2vkit has an object for each stage: a `Waveform` (the sound), the `Emissions` (log-probabilities, one row for each frame) and a
# `Hypothesis` (text and words with time and confidence). A `CTCModel` makes emissions from a waveform.

# %%
model = CTCModel.load(MODEL, dtype="float32")
(emissions,) = model.emit([waveform])
hypothesis = greedy(emissions)
check(
    np.allclose(emissions.log_probs, logits[0].log_softmax(dim=-1), atol=4e-3),  # w2v-mini's float32 is as far from float64
    "w2vkit's emissions are the card's, as logarithms",
)
check(hypothesis.text.split() == transcription.split(), "w2vkit's text is the card's text")
check(transcribe(clip.path, model, decode=greedy).text == hypothesis.text, "transcribe() is the same path in one call")

# %%
table(
    ["step", "object", "what it holds", "here"],
    [
        ["sound", "Waveform", "(N,) float32 samples in [-1, 1], 16 kHz", f"N = {len(waveform.samples)}"],
        ["probabilities", "Emissions", "(T, V) natural logarithms", f"T, V = {emissions.log_probs.shape}"],
        ["text", "Hypothesis", "text, words, score", f"{len(hypothesis.words)} words"],
        [
            "network",
            "CTCModel",
            "the weights, and how to feed them",
            f"{sum(p.numel() for p in network.parameters()) / 1e6:.1f} M weights",
        ],
    ],
)
table(
    ["word", "start (s)", "end (s)", "confidence"],
    [[word.text, word.start, word.end, word.confidence] for word in hypothesis.words],
)

# %% [markdown]
# The confidences in this table are *calibrated*: w2vkit divides the logits by a temperature that is stored with the model. So they differ
# from products of the probabilities above. The text is the same. What a confidence means and whether it can be
# believed is the subject of notebook [08](08_when_was_it_said.ipynb); what a temperature does, of notebook [05](05_letters_from_frames.ipynb).

# %%
print(f"temperature stored with {MODEL}: {emissions.calibration.temperature}")
plain = greedy(temperature_scaled(emissions, 1.0))
table(
    ["word", "confidence, calibrated", "confidence at temperature 1"],
    [[a.text, a.confidence, b.confidence] for a, b in zip(hypothesis.words, plain.words, strict=True)],
)
check(plain.text == hypothesis.text, "the temperature does not change the text")

# %% [markdown]
# ## Exercises
#
# 1. Make the sound ten times quieter (`Waveform(waveform.samples / 10)`) and transcribe it. Predict first: does the text change?
# 2. Take the average of the entropy $-\sum_v p_v \ln p_v$ over all frames (in nats) for each of the bundled clips. For which clip is
#    the model least sure?
# 3. Leave out step 1: give the network the samples without normalisation. What changes in the logits, and does the text change?
#
# <details><summary>Solutions</summary>
#
# 1. The text stays as it is, because the processor divides by the standard deviation:
#
# ```python
# from w2vkit import Waveform
#
# quiet = Waveform(waveform.samples / 10)
# print(transcribe((16_000, quiet.samples), model, decode=greedy).text == hypothesis.text)
# ```
#
# 2. All voices are in w2v-mini's training data, so look for other reasons: the noise, the speed, the words.
#
# ```python
# for example in examples():
#     p = np.exp(transcribe(example.path, model).emissions.log_probs)
#     print(f"{-(p * np.log(p + 1e-12)).sum(axis=1).mean():.3f} nats  {example.about}")
# ```
#
# 3. The weights and biases were learned for sound of standard deviation 1. The raw samples have about a tenth of that, and the biases
#    outweigh them. One clip may come out right all the same, so look at all six:
#
# ```python
# from jiwer import cer
#
# texts = {"normalised": [], "as it is": []}
# for example in examples():
#     x = load(example.path).samples
#     for name, sound in (("normalised", (x - x.mean()) / x.std()), ("as it is", x)):
#         with torch.no_grad():
#             found = network(torch.from_numpy(sound)[None]).logits
#         texts[name].append(processor.batch_decode(found.argmax(dim=-1))[0])
#     print(f"standard deviation {x.std():.2f}: {texts['as it is'][-1]}")
# said = [example.text for example in examples()]
# for name in texts:
#     print(f"character error rate of all clips, {name}: {cer(said, texts[name]):.3f}")
# check(cer(said, texts["as it is"]) > cer(said, texts["normalised"]), "without normalisation there are more errors")
# ```
#
# </details>
#
# ## Three questions to take along
#
# 1. In the bar chart of all frames: how many frames does a letter usually last, and how many does a spoken sound last (at 20 ms a
#    frame)? So where does the rest of the sound go?
# 2. In the slider's distribution, find a frame where two letters share the probability. Do they sound alike?
# 3. In the table of words: do long words have a higher or a lower confidence than short ones, and why could that be?
#
# **Sources.** [Model card](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self), section Usage · Baevski, Zhou, Mohamed,
# Auli, [wav2vec 2.0](https://arxiv.org/abs/2006.11477), 2020, section 2.
#
# [the course](README.md) · next: [02 Sound as numbers](02_sound_as_numbers.ipynb)
