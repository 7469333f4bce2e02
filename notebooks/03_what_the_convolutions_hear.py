# %% [markdown]
# # 03 · What the convolutions hear
#
# [the course](README.md) · before: [02 Sound as numbers](02_sound_as_numbers.ipynb) · next:
# [04 Context](04_context.ipynb)
#
# Between the waveform and the transformer stands a stack of convolutions. It turns 16,000 numbers a second into about 50 vectors a
# second.
#
# | | |
# |---|---|
# | **You will** | compute the receptive field and the stride of the stack, and check them with a gradient; read a filter's frequency response; tell what a random network already gives from what was designed or learned; see why one of two norms does not tolerate padding |
# | **Time** | 45 minutes |
# | **You need** | [02](02_sound_as_numbers.ipynb); what a convolution is |

# %%
import librosa
import numpy as np
import torch
from ipywidgets import IntSlider
from lesson import answer, check, closed, exercise, predict, show, table
from plots import draw_cone, draw_filters, draw_lines, receptive_fields
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from w2vkit import load
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
config = model.network.config
RATE = model.sample_rate  # Hz
waveforms = [load(clip.path) for clip in examples()]
PAPER = {"conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}

# %% [markdown]
# ## 1. Receptive field and stride
#
# The paper's stack has seven layers (section 4.2: "strides (5,2,2,2,2,2,2) and kernel widths (10,3,3,3,3,2,2)"). A convolution with
# kernel $k$ and stride $s$ makes one output from $k$ inputs and then moves on by $s$ inputs.

# %%
samples_seen = predict(
    "How many samples of sound does one frame of the paper's stack see?",
    "26 (the sum of the kernels)", "320 (the product of the strides)", "400", "25,600",
)  # fmt: skip

# %%
frames_in_a_second = predict("How many frames come out of 16,000 samples?", "48", "49", "50", "51")

# %% [markdown]
# Every dot in this figure is one number of a layer (one channel). **Move the pointer over a dot** to see which
# dots it is computed from, down to the samples. The sliders do the same.

# %%
figure, light = draw_cone(*PAPER.values(), RATE)
show(
    figure,
    light,
    hover=("layer", "output"),
    layer=IntSlider(7, 1, 7),
    output=IntSlider(1, 0, 270),
    closed="Open the figure",
    alt="Seven layers of dots above a row of samples. One output of layer 7 is lit, and below it "
    "everything that it is computed "
    "from: a cone that widens to 400 samples.",
)

# %% [markdown]
# Let $S_i$ be the number of samples from one output of layer $i$ to the next, and $F_i$ the number of samples that one output sees
# (its *receptive field*). Begin with the samples, $S_0 = F_0 = 1$. Layer $i$ sees $k_i$ outputs of the layer below: the first adds $F_{i-1}$ samples,
# and each of the $k_i - 1$ others adds one step $S_{i-1}$:
#
# $$S_i = S_{i-1}\, s_i, \qquad F_i = F_{i-1} + (k_i - 1)\, S_{i-1}.$$
#
# **Your turn 1.** Write the recursion.


# %%
paper = receptive_fields(*PAPER.values())  # (S, F) of every layer, to check with


def geometry(kernels, strides):
    """(S, F) in samples after the last layer."""
    ...  # your turn


exercise(
    geometry,
    (((10,), (5,)), (5, 10), "One layer: the step is its stride, the field its kernel."),
    (((10, 3), (5, 2)), (10, 20), "A kernel of 3 adds two steps of the layer below."),
    (tuple(PAPER.values()), paper[-1], "Go on in the same way through all seven layers."),
)

# %% [markdown]
# {{solution 1}}

# %%
ours = receptive_fields(config.conv_kernel, config.conv_stride)
kernels_and_strides = zip(*PAPER.values(), strict=True)
rows = [
    [number, *pair, *step, 1000 * step[1] / RATE]
    for number, (pair, step) in enumerate(zip(kernels_and_strides, paper, strict=True), start=1)
]
with closed():
    table(["layer", "kernel", "stride", "S (samples)", "F (samples)", "F (ms)"], rows)
answer(
    samples_seen,
    "400",
    "25 ms. Kernels do not simply add: a kernel of a later layer spans steps of many samples.",
)
print(f"{MODEL}: kernels {tuple(config.conv_kernel)}, strides {tuple(config.conv_stride)}")
print(f"one frame every {ours[-1][0]} samples, each sees {ours[-1][1]} samples")
check(ours[-1] == (model.stride, model.receptive_field), "w2vkit uses the same step and field")

# %% [markdown]
# With $F > S$ neighbouring frames share $F - S$ samples of what they see: 80 of 400 in the paper's stack, 720 of 1,040 in w2v-mini. Without padding, a layer gives $N_i = \lfloor (N_{i-1} - k_i)/s_i \rfloor + 1$ outputs.
#
# **Your turn 2.** Count the frames of a sound. All layers together are like one convolution with kernel $F$ and stride $S$.


# %%
def frames(samples, step, field):
    """The number of frames of so many samples, with S = step and F = field."""
    ...  # your turn


exercise(
    frames,
    ((400, 320, 400), 1, "One full field gives one frame."),
    ((719, 320, 400), 1, "The second frame needs a whole step more: round down."),
    ((32_000, 320, 400), 99, "The first takes the field, each other one step."),
)

# %% [markdown]
# {{solution 2}}

# %%
count_frames = model.network._get_feat_extract_output_lengths
counted = {n: int(count_frames(n)) for n in range(1200, 40_000, 7)}
check(
    all(count == (n - ours[-1][1]) // ours[-1][0] + 1 for n, count in counted.items()),
    "transformers, layer by layer, counts as many frames as the formula for S and F",
)
answer(
    frames_in_a_second,
    "49",
    f"(16,000 - 400) // 320 + 1 = {(16_000 - 400) // 320 + 1}. The rest is too short.",
)

# %% [markdown]
# ## 2. Measured by gradient
#
# A derivation may forget something; a gradient asks the network itself. Take one frame $z_t$ (its channels added up with random signs) and measure how much it changes with each sample:
# $g_n = \left|\partial z_t / \partial x_n\right|$. Where $g_n \neq 0$, the frame depends on sample $n$. We build the paper's seven layers with random
# weights (few channels, so that it is quick).


# %%
def small(norm):
    """A tiny model with random weights and seven layers; norm is 'layer' or 'group'."""
    torch.manual_seed(0)
    return Wav2Vec2ForCTC(
        Wav2Vec2Config(
            **PAPER,
            conv_dim=(16,) * 7,
            feat_extract_norm=norm,
            do_stable_layer_norm=norm == "layer",
            conv_bias=norm == "layer",
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
        )
    ).eval()


def gradient(extractor, samples, frame, depth):
    """(N,) |gradient| of one frame after ``depth`` layers, channels summed with random signs."""
    sound = samples.clone().requires_grad_()
    x = sound[None, None]
    for layer in extractor.conv_layers[:depth]:
        x = layer(x)
    signs = torch.randn(x.shape[1], generator=torch.Generator().manual_seed(1))
    (x[0, :, frame] * signs.to(x)).sum().backward()
    return sound.grad.abs().numpy()


# %%
seven = small("layer").wav2vec2.feature_extractor.double()
noises = torch.randn(100, 2400, generator=torch.Generator().manual_seed(0)).double()
FRAME = 1
extents = [np.flatnonzero(gradient(seven, noises[0], FRAME, depth)) for depth in range(1, 8)]
measured = [(int(e[0]) // FRAME, int(e[-1] - e[0] + 1)) for e in extents]
check(measured == paper, "in every layer the gradient's extent is F, and its start S")
curves = {}
for name, some in {"one sound": noises[:1], "mean over 100 sounds": noises}.items():
    mean = np.mean([gradient(seven, sound, FRAME, 7)[:800] for sound in some], axis=0)
    curves[name] = mean / mean.max()
show(
    draw_lines(np.arange(800), curves, "sample", "|gradient|, the largest is 1"),
    alt="The gradient of frame 1: zero outside of samples 320 to 719. For one sound it is ragged; "
    "its mean over many sounds is larger in the middle than at the edges.",
)

# %% [markdown]
# The middle of the field counts more than its edges: it is reached along many paths through the layers, the edges along one (Luo et al., 2016).
# A single sound shows this badly, because the gradient depends on the sound; the mean over many sounds shows it.
#
# ## 3. The first layer is a bank of filters
#
# The first convolution multiplies the waveform with its kernels. A kernel $w$ passes the frequencies of its own spectrum,
#
# $$H(f) = \sum_{m=0}^{k-1} w_m\, e^{-2\pi i f m / f_s}.$$
#
# **Your turn 3.** Write the amplitude response $|H(f)|$ of one kernel. `np.exp(1j * angle)` is $e^{i \cdot angle}$.


# %%
def response(kernel, frequency):
    """|H| of a kernel (k,) at a frequency in Hz, at RATE samples a second."""
    ...  # your turn


ones, changing = np.ones(4), np.array([1.0, -1.0, 1.0, -1.0])
exercise(
    response,
    ((ones, 0.0), 4.0, "At 0 Hz the exponential is 1: the response is the sum of the weights."),
    ((changing, 8000.0), 4.0, "At RATE / 2 the exponential changes sign at every sample."),
    ((ones, 4000.0), 0.0, "Give the absolute value of the sum, not the sum of absolute values."),
)

# %% [markdown]
# {{solution 3}}
#
# **What you see next was designed, not learned.** The first layer of the bundled `w2v-mini` was set by hand: cosines of evenly spaced frequencies, in three
# phases each, under a bell-shaped window of 25 ms. Together they compute the amplitudes of a Fourier transform. So the straight line in the figure is no discovery (the appendix says how the rest was built).
#
# In the paper's models the kernels are learned, and short: 10 samples (0.6 ms), too few for sharp filters; the next six layers build longer ones
# out of them. Their weights are not bundled here. If you are online, set `MODEL` above to the Large model and look at its kernels.

# %%
extractor = model.network.wav2vec2.feature_extractor.float()
kernels = extractor.conv_layers[0].conv.weight.detach()[:, 0].double().numpy()  # (channels, k)
used = np.flatnonzero(np.abs(kernels).max(axis=1) > 1e-6 * np.abs(kernels).max())  # not constant
grid = np.linspace(0, RATE / 2, 256)  # Hz
phases = np.exp(-2j * np.pi * np.outer(grid, np.arange(kernels.shape[1])) / RATE)  # (256, k)
bank = np.abs(kernels[used] @ phases.T)  # (channels, 256): |H| of every kernel
peaks = grid[bank.argmax(axis=1)]
order = np.argsort(peaks)
order = order[:: -(-len(order) // 200)]  # 200 kernels are enough to look at
decibels = 20 * np.log10(bank[order] / bank[order].max(axis=1, keepdims=True) + 1e-4)
show(
    draw_filters(decibels, grid, peaks[order], RATE),
    alt="Left: the responses of all kernels, a narrow bright diagonal. Right: the best frequency "
    "of each kernel lies on the "
    "evenly spaced line, not on the curved mel scale.",
)
even = np.linspace(0, RATE / 2, len(order))
apart = np.abs(peaks[order] - even).mean()
print(f"{len(used)} kernels of {kernels.shape[1]} samples, peaks {apart:.0f} Hz off even spacing")

# %% [markdown]
# ## 4. Is a spectrogram in there, and what does a random network give?
#
# Most recognisers begin with a *log-mel spectrogram*: energies in bands that are narrow at low and wide at high frequencies. wav2vec 2.0 begins with the waveform. One
# test of its features is: how well can the spectrogram be *predicted* from them by a linear map? We fit a linear regression (ridge: with a small penalty on large weights) on five clips and measure, on the one left out (the
# first), the fraction of the variance that is explained: $R^2 = 1 - \sum (Y - \hat Y)^2 / \sum (Y - \bar Y)^2$ in each band. 1 is perfect, 0 no better than the mean.
#
# Such a number means nothing without a *control*: convolutions with random weights, which have never learned anything. Ours are the paper's seven layers, with 64
# channels in each instead of 512. And a second one is simpler still: the loudness of the frame, a single number.

# %%
by_chance = predict(
    "What mean R² do such seven convolutions with random weights reach?",
    "about 0", "about 0.2", "about 0.4", "above 0.7",
)  # fmt: skip

# %%
BANDS, TEST = 40, 0


def log_mel(samples, count):
    """(count, BANDS) log energies in the middle 25 ms of what each frame of the model sees."""
    middle = samples[(model.receptive_field - 400) // 2 :]
    options = {"n_fft": 400, "hop_length": model.stride, "center": False, "n_mels": BANDS}
    energy = librosa.feature.melspectrogram(y=middle, sr=RATE, fmax=RATE / 2, **options)
    return np.log(energy.T[:count] + 1e-6)


def explained(features, bands):
    """(BANDS,) R² on the clip TEST of ridge regression fitted on the other clips."""
    others = [i for i in range(len(features)) if i != TEST]
    x, y = (np.concatenate([part[i] for i in others]) for part in (features, bands))
    centre, width = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = (x - centre) / width
    ridge = 0.01 * len(z) * np.eye(z.shape[1])
    weights = np.linalg.solve(z.T @ z + ridge, z.T @ (y - y.mean(axis=0)))
    guess = ((features[TEST] - centre) / width) @ weights + y.mean(axis=0)
    left = ((bands[TEST] - guess) ** 2).sum(axis=0)
    return 1 - left / ((bands[TEST] - bands[TEST].mean(axis=0)) ** 2).sum(axis=0)


def standard(samples):
    return (samples - samples.mean()) / samples.std()


def random_features(seed):
    """The features of every clip from seven random layers of 64 channels."""
    torch.manual_seed(seed)
    options = {"conv_dim": (64,) * 7, "feat_extract_norm": "layer", "conv_bias": True}
    network = Wav2Vec2ForCTC(Wav2Vec2Config(**PAPER, **options, num_hidden_layers=1)).eval()
    with torch.no_grad():
        sounds = [torch.from_numpy(standard(w.samples))[None] for w in waveforms]
        return [network.wav2vec2.feature_extractor(sound)[0].T.numpy() for sound in sounds]


# %%
seen = [model.internals(w).features for w in waveforms]  # (T, C) each
mels = [log_mel(w.samples, len(f)) for w, f in zip(waveforms, seen, strict=True)]
r2 = {MODEL + " (designed)" * (MODEL == "w2v-mini"): explained(seen, mels)}
shift = (model.receptive_field - paper[-1][1]) // 2 // model.stride  # its fields begin earlier
for seed in (0, 1):
    control = [f[shift:][: len(m)] for f, m in zip(random_features(seed), mels, strict=True)]
    cut = [m[: len(f)] for f, m in zip(control, mels, strict=True)]
    r2[f"random weights, seed {seed}"] = explained(control, cut)
loudness = [np.log(np.exp(m).sum(axis=1, keepdims=True)) for m in mels]  # (T, 1): all bands
r2["loudness alone"] = explained(loudness, mels)
centres = librosa.mel_frequencies(BANDS + 2, fmax=RATE / 2)[1:-1] / 1000
axis = {"title": "centre of the band (kHz)", "type": "log", "tickvals": [0.1, 0.3, 1, 3, 8]}
curves = {name: np.maximum(values, 0) for name, values in r2.items()}
designed, first, second, loud = (values.mean() for values in r2.values())

# %%
show(
    draw_lines(centres, curves, "", "R²", xaxis=axis),
    closed="Open the figure",
    alt="R² in each band. The designed features explain more than 0.9 everywhere, random ones up "
    "to 0.8 at low frequencies and nothing at the highest. Loudness alone is about as good.",
)
nearest = min((0.0, 0.2, 0.4, 0.8), key=lambda value: abs(value - (first + second) / 2))
options = dict(zip((0.0, 0.2, 0.4, 0.8), by_chance.options, strict=True))
answer(
    by_chance,
    options[nearest],
    f"{first:.2f} and {second:.2f} for two seeds, {designed:.2f} for {MODEL}. And the loudness "
    f"alone gives {loud:.2f}: in speech all bands are louder than in the pauses, and that is most "
    "of what the random features tell. Only the distance from the controls says that "
    "something was learned, or, as here, designed.",
)
check(min(first, second) > 0.15, "a network that has learned nothing explains a good part")
check(designed > max(first, second) + 0.2, "the designed features explain far more")
check(max(first, second) < loud + 0.1, "random features hardly explain more than the loudness")

# %% [markdown]
# Layer-wise studies of trained wav2vec 2.0 models measure such similarities with better tools and controls (Pasad et al., 2021).
#
# ## 5. Two norms, and why only one of them tolerates padding
#
# Between convolutions the numbers are normalised, to mean 0 and variance 1. There are two kinds of models:
#
# - **Pre-trained on LibriSpeech** (Base, and also the Large model of these 960 hours, such as `wav2vec2-large-960h`): once, after the first
#   convolution, over *time*. Each channel $c$ is normalised by its own mean over all frames of the clip. In the code this is a `GroupNorm` with one
#   channel in each group, which is the same as *instance norm*.
# - **Pre-trained on LV-60k** (the Large model of 53,000 hours): in every layer, over *channels* (layer norm: each frame by itself). `w2v-mini` is built
#   in this way too.
#
# So "Base" and "Large" do not tell the norm; the config does (`feat_extract_norm`).
#
# With means $\mu$ and standard deviations $\sigma$:
#
# $$\text{group: } \frac{x_{t,c} - \mu_c}{\sigma_c},\; \mu_c = \tfrac1T \sum_t x_{t,c} \qquad\qquad \text{layer: } \frac{x_{t,c} - \mu_t}{\sigma_t},\; \mu_t = \tfrac1C \sum_c x_{t,c}$$

# %%
padding = predict(
    "We append a second of silence to a clip, as batching does. For which norm do the frames of "
    "the clip change?",
    "neither", "layer norm", "group norm", "both",
)  # fmt: skip

# %%
both = {norm: small(norm).wav2vec2.feature_extractor for norm in ("group", "layer")}
with torch.no_grad():
    sound = torch.from_numpy(standard(waveforms[0].samples))
    padded = torch.cat([sound, torch.zeros(RATE)])
    count = (len(sound) - paper[-1][1]) // paper[-1][0] + 1
    change = {}
    for norm, stack in both.items():
        alone, longer = stack(sound[None])[0], stack(padded[None])[0][:, :count]
        change[f"{norm} norm"] = ((alone - longer).abs().mean(dim=0) / alone.abs().mean()).numpy()
seconds = np.arange(count) * paper[-1][0] / RATE
show(
    draw_lines(seconds, change, "time (s)", "change, as a part of the mean"),
    closed="Open the figure",
    alt="Change of each frame: none with layer norm; with group norm wherever there is speech.",
)
answer(
    padding,
    "group norm",
    "Its mean and variance are taken over all frames, so the silence enters them. All speech of "
    "the clip changes; its own silence is near 0 before and after. "
    "Layer norm looks at one frame at a time.",
)
with closed("Open the checks"):
    check(change["layer norm"].max() < 1e-4, "with layer norm the clip's frames do not change")
    check(change["group norm"].mean() > 0.05, "with group norm those of speech do")

# %% [markdown]
# After the convolutions comes the transformer, in which every frame attends to every other (notebook [04](04_context.ipynb)). There an *attention mask*
# hides the padding. For a layer norm model this is enough. For a group norm model it is not, because its features have already changed; such models
# were trained without a mask. w2vkit reads from the checkpoint whether it takes one (`return_attention_mask`), and batches
# clips of different lengths only if it does.
#
# ## Three questions to take along
#
# 1. Which change makes the field wider without changing the number of frames a second: a larger kernel or a larger stride in the last layer?
# 2. A paper reports "R² = 0.35 between our features and the mel spectrogram: the network has discovered the spectrogram". What do you ask?
# 3. You batch ten clips of different lengths through `wav2vec2-base-960h`, and the texts differ from those one by one. Why?
#
# {{solution 4}}
#
# ## Appendix: how w2v-mini's stack is built
#
# `w2v-mini` began as the encoder of Whisper tiny.en, which reads a log-mel spectrogram. So its five layers (kernels 400, 1, 1, 3, 3; strides 160, 1, 1, 1, 2) compute one:
#
# 1. *Filters:* 200 frequencies in three phases, 120° apart. The GELUs of the three add up to the magnitude, because their linear parts cancel.
# 2. *Bands:* the magnitudes are added up in 80 mel bands, and each is compared with four thresholds.
# 3. *Logarithm:* a weighted sum of these pieces, fitted by least squares.
# 4. and 5. *Whisper's own two convolutions*, copied. These two were learned, by Whisper.
#
# Layer norm would mix the channels. Large constant channels outweigh the others in its variance, so that it only scales. The code is in
# `training/front.py`. Nothing of this is part of wav2vec 2.0.
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), sections 2 and 4.2 · Wu and He,
# [Group normalization](https://arxiv.org/abs/1803.08494), 2018 · Ba, Kiros, Hinton,
# [Layer normalization](https://arxiv.org/abs/1607.06450), 2016 · Luo et al., "Understanding the effective receptive field"
# ([1701.04128](https://arxiv.org/abs/1701.04128)), 2016 · Pasad, Chou, Livescu,
# [Layer-wise analysis of a self-supervised speech model](https://arxiv.org/abs/2107.04734), 2021.
#
# [the course](README.md) · before: [02 Sound as numbers](02_sound_as_numbers.ipynb) · next:
# [04 Context](04_context.ipynb)
