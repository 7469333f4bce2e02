# %% [markdown]
# # 13 · Fine-tune your own
#
# [the course](README.md) · before: [12 Few labels and self-training](12_few_labels_and_self_training.ipynb)
#
# A model for English dictation is asked to do something new: other words, another spelling, your voice. Nobody says when each
# letter is spoken; pairs of sound and text are enough, and CTC finds out the rest (notebook 6).
#
# The lesson: a man counts in English, and the model is to write the digits in *German*. It has never been told of such a
# thing, and there are nine spoken words to learn it from. That is not translation (it learns sounds by heart), but it shows
# all of fine-tuning in a minute on a CPU: what is learned, how fast, and what is forgotten.
#
# **The question.** After a minute of training on digits, *will the ordinary English sentences be transcribed better, as
# before, or worse?*

# %%
import shutil
import tempfile
import time
from pathlib import Path

import jiwer
import numpy as np
import plotly.graph_objects as go
import torch
from ipywidgets import SelectionSlider
from lesson import check, hear, reveal, show, table
from transformers import Wav2Vec2ForCTC
from transformers.utils.logging import disable_progress_bar

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.hub import fetch

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self": have a GPU for that
STEPS = 30  # of training; ten minutes on a CPU are about twenty times as many
model = CTCModel.load(MODEL, dtype="float32")
vocabulary, RATE = model.vocabulary, model.sample_rate
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
disable_progress_bar()
# A CTCModel is made to emit. What is trained is transformers' network, from the same folder.
network = Wav2Vec2ForCTC.from_pretrained(fetch(MODEL).folder, dtype=torch.float32).to(DEVICE)
clips = examples()
waveforms = [load(clip.path) for clip in clips]

# %%
prediction = None  # "better", "as before" or "worse"

# %% [markdown]
# ## The data: nine words, many sentences
#
# The synthesiser's own borders cut the number clip into words (in milliseconds; notebook 8 tells where they are from). Put
# together in another order, at another speed, with pauses and a little noise, they make as many "sentences" as we like. What
# is held out: the test sentences are never trained on. What is not: they are made of the same nine recordings, so that the
# test says little about other voices.

# %%
NUMBERS = 2
BORDERS = [402, 684, 892, 1199, 1458, 1892, 2195, 2580, 2819, 3253]  # ms
SPELLING = dict(
    zip(
        clips[NUMBERS].text.split(),
        ["EINS", "ZWEI", "DREI", "VIER", "FUENF", "SECHS", "SIEBEN", "ACHT", "NEUN"],
        strict=True,
    )
)
edges = [int(border * RATE / 1000) for border in BORDERS]
WORDS = {word: waveforms[NUMBERS].samples[a:b] for word, a, b in zip(SPELLING, edges[:-1], edges[1:], strict=True)}


def sentence(generator, length=3):
    """(N,) samples of some digits, and what is to be written."""
    chosen = generator.choice(list(WORDS), size=length)
    parts = [np.zeros(int(generator.uniform(0.1, 0.3) * RATE))]
    for word in chosen:
        samples = WORDS[word]
        size = int(len(samples) * generator.uniform(0.9, 1.1))  # a little slower or faster
        parts.append(np.interp(np.linspace(0, len(samples) - 1, size), np.arange(len(samples)), samples))
        parts.append(np.zeros(int(generator.uniform(0.02, 0.2) * RATE)))
    samples = np.concatenate(parts)
    noise = generator.standard_normal(len(samples)) * samples.std() * 10 ** -generator.uniform(1, 2)  # 20 to 40 dB below
    return (samples + noise).astype(np.float32), " ".join(SPELLING[word] for word in chosen)


examiner = np.random.default_rng(999)
test = [sentence(examiner) for _ in range(6)]
hear(Waveform(test[0][0], RATE), f"the first test sentence, to be written: {test[0][1]}")

# %% [markdown]
# ## Before


# %%
def ready(samples):
    """(N,) float32 of zero mean and unit variance, as the network wants them."""
    return torch.from_numpy((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7))


@torch.inference_mode()
def emissions_of(samples):
    """What the network says as it is now."""
    log_probs = network.eval()(ready(samples)[None].to(DEVICE)).logits[0].log_softmax(dim=-1)
    return Emissions(log_probs.cpu().numpy(), vocabulary)


def transcripts(sounds):
    """Texts of samples."""
    return [greedy(emissions_of(samples)).text for samples in sounds]


check(
    np.allclose(emissions_of(waveforms[0].samples).log_probs, model.emit(waveforms[:1])[0].log_probs, atol=1e-2),
    "before training, the network is w2vkit's",
)


OTHERS = [k for k in range(len(clips)) if k != NUMBERS]  # the English sentences, a check on what is forgotten


def examine():
    """Texts and character error rates: of the test sentences, and of the English clips."""
    digits, english = transcripts([samples for samples, _ in test]), transcripts([waveforms[k].samples for k in OTHERS])
    rates = jiwer.cer([text for _, text in test], digits), jiwer.cer([clips[k].text for k in OTHERS], english)
    return digits, english, rates


before = examine()
table(["to be written", "before training"], [(text, found) for (_, text), found in zip(test, before[0], strict=True)])
print(f"CER: {before[2][0]:.2f} on German digits, {before[2][1]:.2f} on the English sentences (shares of 1)")

# %% [markdown]
# ## Training
#
# What is trained: the transformer and the head. What is not: the convolutions (`freeze_feature_encoder`), as in the paper,
# section 4.3; they turn sound into features, and sound has not changed. We freeze the projection and the positional convolution,
# too: in w2v-mini their large constants cancel each other (notebook 4), and a small step would upset that. Each step takes four new sentences, computes the CTC
# loss (notebook 6), per character or in all as the checkpoint's `ctc_loss_reduction` says, and moves the weights against its
# gradient by AdamW. The rate rises over ten steps and then falls to zero.

# %%
network.freeze_feature_encoder()
network.wav2vec2.feature_projection.requires_grad_(False)
network.wav2vec2.encoder.pos_conv_embed.requires_grad_(False)
network.config.apply_spec_augment = False  # so short a lesson needs no masking
trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
share = sum(p.numel() for p in trained) / sum(p.numel() for p in network.parameters())
print(f"{sum(p.numel() for p in trained):,} weights are trained, {share:.0%} of all")
optimiser = torch.optim.AdamW(trained, lr=5e-4, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min((step + 1) / 10, 1 - step / (STEPS + 1)))
teacher = np.random.default_rng(0)
torch.manual_seed(0)


def batch(size=4):
    """Normalised and padded sounds, their mask, and labels (-100 where there is none)."""
    pairs = [sentence(teacher) for _ in range(size)]
    longest, most = max(len(s) for s, _ in pairs), max(len(t) for _, t in pairs)
    sounds, mask = torch.zeros(size, longest), torch.zeros(size, longest, dtype=torch.long)
    labels = torch.full((size, most), -100)
    for row, (samples, text) in enumerate(pairs):
        sounds[row, : len(samples)] = ready(samples)
        mask[row, : len(samples)] = 1
        labels[row, : len(text)] = torch.tensor([vocabulary.columns[character] for character in text])
    return sounds.to(DEVICE), mask.to(DEVICE), labels.to(DEVICE)


losses, exams, began = [], {0: before}, time.perf_counter()
for step in range(1, STEPS + 1):
    network.train()
    sounds, mask, labels = batch()
    loss = network(sounds, attention_mask=mask if model.uses_attention_mask else None, labels=labels).loss
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()
    schedule.step()
    losses.append(loss.item())
    if step % (STEPS // 6) == 0:
        exams[step] = examine()
check(losses[-1] < losses[0] / 2, f"the loss has fallen: {losses[0]:.1f} at first, {losses[-1]:.2f} at last")

# %% [markdown]
# ## After

# %%
figure = go.Figure(
    layout={"title": "What is learned, and what is forgotten", "height": 420, "xaxis": {"title": "step of training"}}
)
figure.add_scatter(x=list(range(1, STEPS + 1)), y=losses, name="loss (right axis)", yaxis="y2", line={"color": "#d0d7de"})
for k, (name, colour) in enumerate((("German digits", "#1f6feb"), ("English sentences", "#c2410c"))):
    rates = [exam[2][k] for exam in exams.values()]
    figure.add_scatter(x=list(exams), y=rates, name=f"CER, {name}", line={"color": colour}, mode="lines+markers")
figure.update_layout(
    yaxis={"title": "character error rate (share of 1)", "rangemode": "tozero"},
    yaxis2={
        "title": "CTC loss",
        "overlaying": "y",
        "side": "right",
        "showgrid": False,
        "rangemode": "tozero",
        "tickmode": "auto",
    },
    legend={"orientation": "h", "y": -0.2},
)
show(figure)
last = exams[max(exams)]
difference = last[2][1] - before[2][1]
reveal(
    prediction, "worse" if difference > 0.03 else "better" if difference < -0.03 else "as before", f"(CER {difference:+.2f})"
)
check(last[2][0] < before[2][0], f"the digits are written better: CER {before[2][0]:.2f} before, {last[2][0]:.2f} after")

# %% [markdown]
# The texts on the way. Move the slider: German letters come in one by one. Do they come into the English sentences as well?


# %%
def draw_exam(figure, step):
    """Show the texts after some steps."""
    digits, english, rates = exams[step]
    figure.data[0].y = rates
    figure.layout.title.text = f"After {step} steps"
    for (_, text), found in zip(test, digits, strict=True):
        print(f"{text:18} | {found}")
    for k, found in zip(OTHERS, english, strict=True):
        print(f"\nsaid:  {clips[k].text}\nheard: {found}")


figure = go.Figure(
    go.Bar(x=["German digits", "English sentences"], marker_color=["#1f6feb", "#c2410c"]), layout={"title": "", "height": 280}
)
figure.update_layout(yaxis={"title": "CER (share of 1)", "range": [0, 1.5]})
show(figure, draw_exam, step=SelectionSlider(options=list(exams), value=list(exams)[2]))

# %% [markdown]
# The model was trained only on nine recordings, and on nothing that reminds it of the rest. If the red curve has risen, that is *catastrophic
# forgetting*. The usual remedies: mix in old data (rehearsal), train fewer weights, train less. The exercises try them.
#
# ## Keep it
#
# A checkpoint is a folder: weights and configuration from the network, vocabulary and feature extractor from the model we
# began with.

# %%
folder = Path(tempfile.mkdtemp()) / "my-model"
shutil.copytree(
    fetch(MODEL).folder, folder, ignore=shutil.ignore_patterns("*.safetensors*", "*.bin", "README.md", "calibration.json")
)
network.eval().save_pretrained(folder)
again = CTCModel.load(str(folder), dtype="float32")
sound = Waveform(test[0][0], RATE)
check(
    np.allclose(again.emit([sound])[0].log_probs, emissions_of(sound.samples).log_probs, atol=1e-2),
    "the saved model, in w2vkit, says the same",
)
print("files:", ", ".join(sorted(path.name for path in folder.iterdir())))

# %% [markdown]
# From a terminal: `w2vkit transcribe speech.wav --model my-model`.
#
# ## Your own voice
#
# Read 50 sentences aloud, one file each, and write a list `mine.csv` with the columns `path` and `text` (capitals, no
# punctuation). Then replace `sentence` by:
#
# ```python
# from w2vkit.pipeline.datasets import open_corpus
#
# mine = [(load(u.audio).samples, u.reference) for u in open_corpus("mine.csv")]
# learn, test = mine[:-10], mine[-10:]
#
# def sentence(generator):
#     return learn[generator.integers(len(learn))]
# ```
#
# Set `STEPS = 600` and the learning rate to `1e-4`; ten minutes later compare the two transcripts of the ten that it has
# never heard.
#
# ## Exercises
#
# 1. Rehearsal: let every second sentence of a batch be one of the English clips with its true text. What becomes of both
#    curves?
#
# <details><summary>Solution</summary>
#
# In `batch`, take `k = OTHERS[teacher.integers(3)]; waveforms[k].samples, clips[k].text` for odd rows.
# The English curve stays low for the clips that were rehearsed; look at the two others for what it is worth.
# </details>
#
# 2. Train the head alone: `trained = list(network.lm_head.parameters())`. How far does it get?
#
# <details><summary>Solution</summary>
#
# Compare the curves. The features must then tell apart by a matrix alone what English spelling never asked of them; and the head is
# the English sentences' head, too.
# </details>
#
# 3. How many different sentences of three digits are there, and how many has the model heard? Can it have learned the sentences by heart?
#
# <details><summary>Solution</summary>
#
# 9³ = 729, and it has heard `4 * STEPS` at random: few of them twice, and most of the test sentences never. So it has to learn
# words, not sentences.
# </details>
#
# 4. Say the digits yourself and test the fine-tuned model. Why is this the only honest test?
#
# <details><summary>Solution</summary>
#
# Nine recordings of one synthetic voice were in training and in the test. You are what it has not heard.
# </details>
#
# ## Three questions
#
# 1. In the figure: when do the digits become readable, and what does the loss do at that moment?
# 2. Which digit is learned last? (Use the slider.) What makes it harder than the others?
# 3. After which step would you stop if the English sentences mattered as much as the digits?
#
# **Sources.** Baevski et al., "wav2vec 2.0" (2020), section 4.3 (fine-tuning), https://arxiv.org/abs/2006.11477; McCloskey
# and Cohen, "Catastrophic interference in connectionist networks" (1989); Loshchilov and Hutter, "Decoupled weight decay
# regularization" (2017), https://arxiv.org/abs/1711.05101.
#
# [the course](README.md) · before: [12 Few labels and self-training](12_few_labels_and_self_training.ipynb)
