# %% [markdown]
# # 13 · Fine-tune your own
#
# [the course](README.md) · before: [12 Few labels and self-training](12_few_labels_and_self_training.ipynb) · next:
# [14 Streaming and long sound](14_streaming_and_long_sound.ipynb)
#
# A model for English dictation is asked to do something new: other words, another spelling, your voice. Nobody says when each
# letter is spoken; pairs of sound and text are enough, and CTC finds out the rest (notebook 6).
#
# The lesson: a man counts in English, and the model is to write the digits in *German*. It has never been told of such a
# thing, and there are nine spoken words to learn it from. That is not translation (it learns sounds by heart), but it shows
# all of fine-tuning in a minute on a CPU: what is learned, how fast, and what becomes of the rest. (The labels have no Ü, so that FÜNF is written FUENF.)
#
# | | |
# |---|---|
# | **You will** | make training data of nine words; pad a batch and write the schedule of the learning rate; fine-tune with CTC; watch what changes, letter by letter; save a model that w2vkit loads |
# | **Time** | 45 minutes |
# | **You need** | [06](06_ctc_by_hand.ipynb): the CTC loss; [09](09_how_wrong_is_it.ipynb): the error rates |
#
# One difference from the paper: there fine-tuning begins with a network that has only learned without labels (notebook
# [11](11_learning_without_labels.ipynb)) and gets a new output layer. Here it begins with a model that writes English already, and keeps its output
# layer. (Notebook [12](12_few_labels_and_self_training.ipynb) trains a new output layer, on features that stay as they are.)

# %%
import shutil
import tempfile
from pathlib import Path

import jiwer
import numpy as np
import torch
from figures import texts_by_step
from lesson import answer, check, exercise, flite_clips, hear, predict, show, table
from plots import draw_training
from transformers import Wav2Vec2ForCTC
from transformers.utils.logging import disable_progress_bar

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.model import CTCModel
from w2vkit.model.fast_layers import WideConvolution
from w2vkit.model.hub import fetch

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self": have a GPU for that
STEPS = 30  # of training; ten minutes on a CPU are about twenty times as many
model = CTCModel.load(MODEL, dtype="float32")
vocabulary, RATE = model.vocabulary, model.sample_rate
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
disable_progress_bar()
# A CTCModel is made to emit. What is trained is transformers' network, from the same folder.
network = Wav2Vec2ForCTC.from_pretrained(fetch(MODEL).folder, dtype=torch.float32).to(DEVICE)
clips = flite_clips()
waveforms = [load(clip.path) for clip in clips]

# %% [markdown]
# ## 1. The data: nine words, many sentences
#
# The clip is of flite, an older synthesiser, whose own borders cut it into words (in milliseconds; notebook 8 tells where they are from). Put
# together in another order, at another speed, with pauses and a little noise, they make as many "sentences" as we like. What
# is held out: the test sentences are never trained on. What is not: they are made of the same nine recordings, so that the
# test says little about other voices.

# %%
NUMBERS = 2
BORDERS = [402, 684, 892, 1199, 1458, 1892, 2195, 2580, 2819, 3253]  # ms
GERMAN = ["EINS", "ZWEI", "DREI", "VIER", "FUENF", "SECHS", "SIEBEN", "ACHT", "NEUN"]
SPELLING = dict(zip(clips[NUMBERS].text.split(), GERMAN, strict=True))
edges = [int(border * RATE / 1000) for border in BORDERS]
parts = np.split(waveforms[NUMBERS].samples, edges)[1:-1]  # without what is before and after
WORDS = dict(zip(SPELLING, parts, strict=True))


def sentence(generator, length=3):
    """(N,) samples of some digits, and what is to be written."""
    chosen = generator.choice(list(WORDS), size=length)
    parts = [np.zeros(int(generator.uniform(0.1, 0.3) * RATE))]
    for word in chosen:
        samples = WORDS[word]
        size = int(len(samples) * generator.uniform(0.9, 1.1))  # a little slower or faster
        places = np.linspace(0, len(samples) - 1, size)
        parts.append(np.interp(places, np.arange(len(samples)), samples))
        parts.append(np.zeros(int(generator.uniform(0.02, 0.2) * RATE)))
    samples = np.concatenate(parts)
    level = samples.std() * 10 ** -generator.uniform(1, 2)  # 20 to 40 dB below
    noise = level * generator.standard_normal(len(samples))
    return (samples + noise).astype(np.float32), " ".join(SPELLING[word] for word in chosen)


examiner = np.random.default_rng(999)
test = [sentence(examiner) for _ in range(6)]
hear(Waveform(test[0][0], RATE), f"the first test sentence, to be written: {test[0][1]}")

# %% [markdown]
# ## 2. Before


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


mine, theirs = emissions_of(waveforms[0].samples), model.emit(waveforms[:1])[0]
same = np.allclose(mine.log_probs, theirs.log_probs, atol=1e-2)
check(same, "before training, the network is w2vkit's")
OTHERS = [k for k in range(len(clips)) if k != NUMBERS]  # English, which the training leaves out
WANTED = {
    "German digits": [text for _, text in test],
    "English sentences": [clips[k].text for k in OTHERS],
}


def examine():
    """Texts and character error rates: of the test sentences, and of the English clips."""
    digits = transcripts([samples for samples, _ in test])
    english = transcripts([waveforms[k].samples for k in OTHERS])
    rates = [jiwer.cer(*pair) for pair in zip(WANTED.values(), (digits, english), strict=True)]
    return digits, english, rates


before = examine()
rows = list(zip(WANTED["German digits"], before[0], strict=True))
table(["to be written", "before training"], rows)
for name, rate in zip(WANTED, before[2], strict=True):
    print(f"CER {rate:.2f} on {name}")

# %%
AFTER = ("better", "as before", "worse")
prediction = predict("After training on the digits, how are the English sentences read?", *AFTER)

# %% [markdown]
# ## 3. A batch, and the rate
#
# A batch holds sentences of different lengths. Sounds are filled up with zeros and get a mask, which tells the network where the zeros are; labels are
# filled up with $-100$, which the loss of transformers leaves out (0 would be a label).
#
# **Your turn 1.** Fill up the labels.


# %%
def padded(labels):
    """labels: lists of numbers. Gives an array (lists, length of the longest), filled with -100."""
    ...  # your turn


exercise(
    padded,
    (([[5, 6]],), np.array([[5, 6]]), "A single list stays as it is."),
    (([[5], [7, 8, 9]],), np.array([[5, -100, -100], [7, 8, 9]]), "Fill at the end, with -100."),
)

# %% [markdown]
# {{solution 1}}
#
# AdamW divides each step by the size that the gradient of that weight usually has. In the first steps it does not know that size yet, so the
# learning rate begins low, rises to its peak (*warm-up*), and then falls to zero, so that the last steps change the weights little.
#
# **Your turn 2.** Write the rate as a fraction of the peak: the lower one of a rise and a fall. The rise has equal parts (0.1, 0.2, 0.3 ... from step 0
# on), the fall is $1 - \text{step} / (\text{steps} + 1)$. (With 30 steps the two cross before the peak: the rate reaches 0.77 of it.)


# %%
def fraction_of_peak(step, steps):
    """step counts from 0."""
    ...  # your turn


exercise(
    fraction_of_peak,
    ((0, 30), 0.1, "The first step takes a tenth."),
    ((30, 30), 1 / 31, "The fall ends near zero."),
    ((9, 30), 1 - 9 / 31, "Take the lower of the two, the rise and the fall."),
)

# %% [markdown]
# {{solution 2}}
#
# ## 4. Training
#
# What is trained: the transformer and the output layer. What is not: the convolutions (`freeze_feature_encoder`), as in the paper,
# section 4.3; they turn sound into features, and sound has not changed. (The paper also trains the output layer alone for the first 10,000 steps, because it
# is new there.) We freeze the projection and the positional convolution,
# too: in w2v-mini their large constants cancel each other (its card says so), and a small step would upset that. Each step takes four new
# sentences, computes the CTC loss (notebook 6), and moves the weights against its gradient by AdamW.

# %%
network.freeze_feature_encoder()
network.wav2vec2.feature_projection.requires_grad_(False)
network.wav2vec2.encoder.pos_conv_embed.requires_grad_(False)
positional = network.wav2vec2.encoder.pos_conv_embed.conv
if WideConvolution.fits(positional):  # w2v-mini's has 3,000 taps, and an FFT is faster
    positional.forward = WideConvolution(positional).forward
network.config.apply_spec_augment = False  # so short a lesson needs no masking
trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
count = sum(p.numel() for p in trained)
every = sum(p.numel() for p in network.parameters())
print(f"{count:,} weights are trained, {count / every:.0%} of all")
optimiser = torch.optim.AdamW(trained, lr=5e-4, weight_decay=0.01)


def rate(step):
    """The learning rate after some steps, as a fraction of its peak."""
    return min((step + 1) / 10, 1 - step / (STEPS + 1))


schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
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
        labels[row, : len(text)] = torch.tensor([vocabulary.columns[c] for c in text])
    return sounds.to(DEVICE), mask.to(DEVICE), labels.to(DEVICE)


# %%
losses, exams = [], {0: before}
for step in range(1, STEPS + 1):
    network.train()
    sounds, mask, labels = batch()
    attended = mask if model.uses_attention_mask else None
    loss = network(sounds, attention_mask=attended, labels=labels).loss
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()
    schedule.step()
    losses.append(loss.item())
    if step % (STEPS // 6) == 0:
        exams[step] = examine()
fell = losses[-1] < losses[0] / 2
check(fell, f"the loss has fallen: {losses[0]:.1f} at first, {losses[-1]:.2f} at last")

# %% [markdown]
# ## 5. After

# %%
curves = {}
for k, name in enumerate(WANTED):
    curves[f"CER, {name}"] = {step: exam[2][k] for step, exam in exams.items()}
show(
    draw_training(losses, curves),
    alt="Two error rates over the steps of training: that of the German digits falls to zero, "
    "that of the English sentences rises at once. The loss is near zero after twenty steps.",
    closed="Open the figure",
)
last = exams[max(exams)]
difference = last[2][1] - before[2][1]
answer(
    prediction,
    AFTER[2] if difference > 0.03 else AFTER[0] if difference < -0.03 else AFTER[1],
    f"CER {before[2][1]:.2f} before, {last[2][1]:.2f} after. The weights that write the digits "
    "are the same that write English, and nothing in the training reminded them of it.",
)
print(f"CER of the digits: {before[2][0]:.2f} before, {last[2][0]:.2f} after")
check(last[2][0] < before[2][0] / 2, "the digits are written better than before")

# %% [markdown]
# **The texts on the way.** Press a step, or play. First most letters go away, then those of the German words come in one by one: this is why the
# error on the digits rises before it falls. Do German words also come into the English sentences?

# %%
texts_by_step(exams, WANTED, chosen=2)

# %% [markdown]
# They do: DREI, VIER and pieces of other German words stand where nobody said a number. The rise of the red curve is *catastrophic forgetting*.
# The usual remedies: mix in old data (rehearsal), train fewer weights, train less. Question 1 below tries the first.
#
# ## 6. Keep it
#
# A checkpoint is a folder: weights and configuration from the network, vocabulary and the settings of the input from the model we
# began with. Its calibration stays behind, as it was measured on the old weights, and so does its language model: it knows English words only, and
# w2vkit would decode with it by default.

# %%
folder = Path(tempfile.mkdtemp()) / "my-model"
old = ("*.safetensors*", "*.bin", "README.md", "calibration.json", "language_model.*")
shutil.copytree(fetch(MODEL).folder, folder, ignore=shutil.ignore_patterns(*old))
network.eval().save_pretrained(folder)
again = CTCModel.load(str(folder), dtype="float32")
loaded = again.emit(waveforms[:1])[0].log_probs
trained_here = emissions_of(waveforms[0].samples).log_probs
same = np.allclose(loaded, trained_here, atol=1e-2)
check(same, "the saved model, in w2vkit, says the same")
check(again.default_decoder is greedy, "w2vkit decodes it without a language model")
print("files:", ", ".join(sorted(path.name for path in folder.iterdir())))

# %% [markdown]
# From a terminal: `w2vkit transcribe speech.wav --model my-model`.
#
# ## Your own voice
#
# Read 50 sentences aloud, one file each, and write a list `mine.csv` with the columns `path` and `text` (capitals, no
# punctuation). Then replace what follows `NUMBERS = 2` in the cell of section 1 by:
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
# Set `STEPS = 600` and the learning rate to `1e-4`, restart the kernel and run all cells. After ten minutes, or more if your sentences are long, compare
# the transcripts before and after of the ten sentences that it has never heard.
#
# ## Three questions
#
# 1. Rehearsal: let every second sentence of a batch be one of the English clips with its true text. What becomes of both curves?
# 2. How many different sentences of three digits are there, and how many has the model heard? Can it have learned the sentences by heart?
# 3. Say the digits yourself and test the fine-tuned model. Why is this the only honest test?
#
# {{solution 3}}
#
# **Sources.** Baevski et al., "wav2vec 2.0" (2020), section 4.3 (fine-tuning), https://arxiv.org/abs/2006.11477; McCloskey
# and Cohen, "Catastrophic interference in connectionist networks" (1989); Loshchilov and Hutter, "Decoupled weight decay
# regularization" (2017), https://arxiv.org/abs/1711.05101.
#
# [the course](README.md) · before: [12 Few labels and self-training](12_few_labels_and_self_training.ipynb) · next:
# [14 Streaming and long sound](14_streaming_and_long_sound.ipynb)
