# %% [markdown]
# # 03 · What the convolutions hear
#
# [the course](README.md) · before: [02 Sound as numbers](02_sound_as_numbers.ipynb) · next:
# [04 Context](04_context.ipynb)
#
# Between the waveform and the transformer stands a stack of convolutions. It turns 16,000 numbers a second into 50 vectors a
# second. In the Large model nobody told it how: its filters are learned. The bundled `w2v-mini` is another case: its stack has five layers,
# and their weights were set by hand, so that they compute a spectrogram. This notebook takes the paper's stack apart, measures which samples one
# frame depends on, and looks at the filters of the model that is loaded.
#
# **The question.** *How many samples of sound does one frame see, and how many frames come out of exactly one second (16,000
# samples)?* Careful: it is not 50.

# %%
import librosa
import numpy as np
import plotly.graph_objects as go
import torch
from ipywidgets import Dropdown, IntSlider
from lesson import check, reveal, show, table
from plotly.subplots import make_subplots
from scipy.optimize import linear_sum_assignment
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from w2vkit import load
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
RATE = model.sample_rate  # Hz
clips = examples()
waveforms = [load(clip.path) for clip in clips]

# %%
samples_seen = None  # your prediction: how many samples does one frame of the paper's stack see?
frames_in_one_second = None  # your prediction: how many frames come out of 16,000 samples?

# %% [markdown]
# ## 1. Receptive field and stride, derived
#
# A convolution with kernel $k$ and stride $s$ makes one output from $k$ inputs and then moves on by $s$. Stack them: let layer $i$ have
# kernel $k_i$ and stride $s_i$. Two neighbouring outputs of layer $i$ are $S_i$ samples apart, and each sees $F_i$ samples:
#
# $$S_i = S_{i-1}\, s_i, \qquad F_i = F_{i-1} + (k_i - 1)\, S_{i-1}, \qquad S_0 = F_0 = 1.$$
#
# The paper's seven layers (section 4.2, "strides (5,2,2,2,2,2,2) and kernel widths (10,3,3,3,3,2,2)"):

# %%
PAPER = {"conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}


def geometry(kernels, strides):
    """(S_i, F_i) in samples after each layer."""
    stride, field, found = 1, 1, []
    for k, s in zip(kernels, strides, strict=True):
        field += (k - 1) * stride
        stride *= s
        found.append((stride, field))
    return found


paper = geometry(PAPER["conv_kernel"], PAPER["conv_stride"])
table(
    ["layer", "kernel", "stride", "S: one step (samples)", "F: it sees (samples)", "F (ms)"],
    [
        [i, k, s, *step, 1000 * step[1] / RATE]
        for i, (k, s, step) in enumerate(zip(PAPER["conv_kernel"], PAPER["conv_stride"], paper, strict=True), start=1)
    ],
)
reveal(samples_seen, paper[-1][1], "samples, which is 25 ms")

# %% [markdown]
# The model that is loaded here may have another stack. Its config says which.

# %%
config = model.network.config
ours = geometry(config.conv_kernel, config.conv_stride)
print(f"{MODEL}: kernels {tuple(config.conv_kernel)}, strides {tuple(config.conv_stride)}")
print(
    f"one frame every {ours[-1][0]} samples ({1000 * ours[-1][0] / RATE:.0f} ms), each sees {ours[-1][1]} samples ({1000 * ours[-1][1] / RATE:.0f} ms)"
)
check(ours[-1] == (model.stride, model.receptive_field), "the recursion gives the stride and field that w2vkit uses")

# %% [markdown]
# There is no padding, so the last frames are lost: layer by layer $N_i = \lfloor (N_{i-1} - k_i)/s_i \rfloor + 1$. All layers together
# are like one convolution with kernel $F$ and stride $S$: $T = \lfloor (N - F)/S \rfloor + 1$.


# %%
def frames(samples, kernels, strides):
    """Layer by layer."""
    for k, s in zip(kernels, strides, strict=True):
        samples = (samples - k) // s + 1
    return samples


def frames_at_once(samples, stride, field):
    return (samples - field) // stride + 1


reveal(frames_in_one_second, frames(16_000, **dict(zip(("kernels", "strides"), PAPER.values(), strict=True))), "frames")
lengths = range(1200, 40_000, 7)
check(
    all(frames(n, *PAPER.values()) == frames_at_once(n, *paper[-1]) for n in lengths),
    "layer by layer and all at once agree for every length",
)
check(
    all(frames_at_once(n, *ours[-1]) == int(model.network._get_feat_extract_output_lengths(n)) for n in lengths),
    "transformers counts the same frames for the loaded model",
)

# %% [markdown]
# ## 2. Measured by gradient
#
# A derivation may forget something; a gradient asks the network itself. Take one number of frame $t$, and ask how much it changes with each sample $x_n$:
# $g_n = \left|\partial z_t / \partial x_n\right|$. Where $g_n \neq 0$, the frame hears. We build the paper's seven layers with random
# weights (few channels, so that it is quick) and watch the field grow from layer to layer.


# %%
def small(norm):
    """A tiny model with random weights and the paper's seven convolutions; norm is "layer" or "group"."""
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


def heard_by(extractor, samples, frame, depth):
    """(N,) |gradient| of one frame, summed over its channels with random signs, after the first ``depth`` layers."""
    sound = samples.clone().requires_grad_()
    x = sound[None, None]
    for layer in extractor.conv_layers[:depth]:
        x = layer(x)
    signs = torch.randn(x.shape[1], generator=torch.Generator().manual_seed(1))
    (x[0, :, frame] * signs.to(x)).sum().backward()
    return sound.grad.abs().numpy()


seven = small("layer").wav2vec2.feature_extractor.double()
noise = torch.randn(2400, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
FRAME = 1
gradients = [heard_by(seven, noise, FRAME, depth) for depth in range(1, 8)]
word_times = [np.flatnonzero(g) for g in gradients]
measured = [(int(e[0]) // FRAME, int(e[-1] - e[0] + 1)) for e in word_times]
table(
    ["layer", "derived S, F (samples)", "measured S, F (samples)"],
    [[i, *pair] for i, pair in enumerate(zip(paper, measured, strict=True), 1)],
)
check(measured == paper, "the gradient's extent is the derived field, and its start the derived step, in every layer")


# %%
def field(figure, layer):
    figure.data[0].y = gradients[layer - 1][:800]
    figure.layout.title = f"after layer {layer}, frame {FRAME} hears {measured[layer - 1][1]} samples"


figure = go.Figure(
    go.Bar(x=np.arange(800), marker={"color": "#1f6feb", "line": {"width": 0}}),
    layout={"xaxis": {"title": "sample n"}, "yaxis": {"title": "|gradient| (per unit of amplitude)"}, "bargap": 0},
)
show(figure, field, layer=IntSlider(7, 1, 7))
# %% [markdown]
# A frame does not hear all of its field equally well: the middle is reached along many paths through the layers, the edges along one.
#
# The same for the loaded model, with its trained weights. They may leave the edges of the field nearly silent.

# %%
extractor = model.network.wav2vec2.feature_extractor.float()
speech = torch.from_numpy(waveforms[0].samples[16_000 : 16_000 + model.receptive_field + 6 * model.stride].copy())
speech = (speech - speech.mean()) / speech.std()
middle = 3
gradient = heard_by(extractor, speech, middle, len(config.conv_kernel))
extent = np.flatnonzero(gradient)
first, last = middle * model.stride, middle * model.stride + model.receptive_field - 1
figure = go.Figure(
    go.Scatter(x=1000 * np.arange(len(gradient)) / RATE, y=gradient / gradient.max()),
    layout={
        "xaxis": {"title": "time (ms)"},
        "yaxis": {"title": "|gradient|, largest = 1"},
        "title": f"what frame {middle} of {MODEL} hears",
    },
)
figure.add_vrect(1000 * first / RATE, 1000 * last / RATE, fillcolor="green", opacity=0.1, annotation_text="derived field")
show(figure)
check(first <= extent[0] and extent[-1] <= last, "no sample outside the derived field is heard")

# %% [markdown]
# Neighbouring frames share most of what they see: with $F > S$ the fields overlap by $F - S$ samples.
#
# ## 3. The first layer is a bank of filters
#
# The first convolution multiplies the waveform with its kernels. Each kernel $w$ of length $k$ passes the frequencies of its own
# spectrum,
#
# $$H(f) = \sum_{m=0}^{k-1} w_m\, e^{-2\pi i f m / f_s}.$$
#
# Here are the kernels of the loaded model, each as a row, sorted by the frequency that they pass best. With `w2v-mini` you see what was put in by
# hand, not what was learned: sines under a bell-shaped window of 25 ms, evenly spaced, the parts of a Fourier transform. The kernels of the Large model have 10
# samples (0.6 ms), too few for sharp filters, and are learned: set `MODEL` and compare.

# %%
kernels = extractor.conv_layers[0].conv.weight.detach()[:, 0].double().numpy()  # (channels, k)
used = np.flatnonzero(np.abs(kernels).max(axis=1) > 1e-6 * np.abs(kernels).max())  # constant channels hear nothing
BINS = 256
grid = np.linspace(0, RATE / 2, BINS)
phases = np.exp(-2j * np.pi * np.outer(grid, np.arange(kernels.shape[1])) / RATE)  # (BINS, k)
response = np.abs(kernels[used] @ phases.T)  # (channels, BINS): the formula
peaks = grid[response.argmax(axis=1)]
order = np.argsort(peaks)
order = order[:: -(-len(order) // 200)]  # of a large bank, 200 kernels are enough to look at
decibels = 20 * np.log10(response[order] / response[order].max(axis=1, keepdims=True) + 1e-4)
print(
    f"{len(used)} of {len(kernels)} channels hear the sound; their kernels have {kernels.shape[1]} samples ({1000 * kernels.shape[1] / RATE:.1f} ms)"
)

mel = librosa.mel_frequencies(len(order), fmin=0, fmax=RATE / 2)
figure = make_subplots(1, 2, subplot_titles=["response of every kernel (dB)", "frequency passed best"], horizontal_spacing=0.2)
figure.add_trace(
    go.Heatmap(
        z=np.maximum(decibels, -40).astype(np.int8), x=grid / 1000, zmin=-40, zmax=0, colorbar={"title": "dB", "x": 0.41}
    ),
    1,
    1,
)
figure.add_trace(go.Scatter(y=peaks[order] / 1000, name="this model", line={"width": 6, "color": "#9cc4f5"}), 1, 2)
figure.add_trace(go.Scatter(y=mel / 1000, name="mel scale", line={"dash": "dot"}), 1, 2)
figure.add_trace(
    go.Scatter(y=np.linspace(0, RATE / 2000, len(order)), name="evenly spaced", line={"dash": "dot", "color": "black"}), 1, 2
)
figure.update_xaxes(title="frequency (kHz)", col=1)
figure.update_xaxes(title="kernel, sorted", col=2)
figure.update_yaxes(title="kernel, sorted", col=1)
figure.update_yaxes(title="kHz", col=2)
figure.update_layout(height=420, legend={"x": 0.62, "y": 0.98})
show(figure)

# %% [markdown]
# Is $H$ really what the layer does? Feed a sine of amplitude 1 and measure the amplitude at the output. By hand against torch:


# %%
def amplitude(channel, tone):
    """Feed the layer's convolution a tone (Hz) and measure how strongly it comes out."""
    t = torch.arange(8000, dtype=torch.float64) / RATE
    out = []
    for phase in (0, np.pi / 2):  # sine and cosine: together they give the amplitude whatever the phase
        sound = torch.sin(2 * torch.pi * tone * t + phase)
        out.append(torch.nn.functional.conv1d(sound[None, None], torch.from_numpy(kernels[channel])[None, None])[0, 0].numpy())
    return np.hypot(*out).mean()


some = [(int(used[i]), float(peaks[i])) for i in order[:: max(1, len(order) // 5)]]
by_torch = [amplitude(channel, tone) for channel, tone in some]
by_formula = [abs(np.exp(-2j * np.pi * tone * np.arange(kernels.shape[1]) / RATE) @ kernels[channel]) for channel, tone in some]
check(np.allclose(by_torch, by_formula, rtol=1e-6), "the formula's H(f) is the amplitude that torch's convolution gives")


# %%
def one_kernel(figure, kernel):
    channel = used[order[kernel]]
    figure.data[0].y = kernels[channel] / np.abs(kernels[channel]).max()
    figure.data[1].y = decibels[kernel]
    figure.layout.title = f"channel {channel}: passes {peaks[order[kernel]]:.0f} Hz best"


figure = make_subplots(1, 2)
figure.add_trace(go.Scatter(x=1000 * np.arange(kernels.shape[1]) / RATE), 1, 1)
figure.add_trace(go.Scatter(x=grid / 1000), 1, 2)
figure.update_xaxes(title="time (ms)", col=1)
figure.update_xaxes(title="frequency (kHz)", col=2)
figure.update_yaxes(title="weight, largest = 1", col=1)
figure.update_yaxes(title="response (dB)", range=[-60, 2], col=2)
figure.update_layout(showlegend=False)
show(figure, one_kernel, kernel=IntSlider(len(order) // 3, 0, len(order) - 1))
# %% [markdown]
# ## 4. Is a spectrogram in there?
#
# Most speech recognisers begin with a *mel spectrogram*: energy in bands that are narrow at low and wide at high frequencies. wav2vec
# 2.0 does not. Is something like it in its features all the same? (In `w2v-mini` it must be: that is how its stack was built. The Large model
# had to find it.) We put the two side by side, and then ask how well the spectrogram can be predicted from the features by a linear map, on a
# clip that the map has not seen. A network with random weights is the control: it has learned nothing.

# %%
seen = [model.internals(w).features for w in waveforms]  # (T, C) each
BANDS = 40


def log_mel(samples, count):
    """(count, BANDS) natural logarithms of the energy in the middle 25 ms of what each frame sees."""
    start = (model.receptive_field - 400) // 2
    energy = librosa.feature.melspectrogram(
        y=samples[start:], sr=RATE, n_fft=400, hop_length=model.stride, center=False, n_mels=BANDS, fmax=RATE / 2
    )
    return np.log(energy.T[:count] + 1e-6)


mels = [log_mel(w.samples, len(f)) for w, f in zip(waveforms, seen, strict=True)]


def standard(x):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)


def two_pictures(figure, clip):
    features = standard(seen[clip])
    correlation = features.T @ standard(mels[clip]) / len(features)  # (C, BANDS)
    bands, found = linear_sum_assignment(
        correlation.T, maximize=True
    )  # a different feature for each band, all together the most similar
    nearest = found[np.argsort(bands)]  # (BANDS,)
    seconds = (np.arange(len(features)) * model.stride + model.receptive_field / 2) / RATE
    figure.data[0].update(z=np.clip(8 * standard(mels[clip]).T, -30, 30).astype(np.int8), x=seconds)
    figure.data[1].update(z=np.clip(8 * features[:, nearest].T, -30, 30).astype(np.int8), x=seconds)


figure = make_subplots(
    2,
    1,
    shared_xaxes=True,
    subplot_titles=["log-mel spectrogram (librosa)", "for each band, a feature with a high correlation"],
    vertical_spacing=0.15,
)
figure.add_trace(go.Heatmap(showscale=False), 1, 1)
figure.add_trace(go.Heatmap(showscale=False), 2, 1)
figure.update_xaxes(title="time (s)", row=2)
figure.update_yaxes(title="band", row=1)
figure.update_yaxes(title="band", row=2)
figure.update_layout(height=520)
show(figure, two_pictures, clip=Dropdown(options=[(c.about, i) for i, c in enumerate(clips)]))
# %% [markdown]
# Ridge regression: from features $X$ (frames, C) to bands $Y$ (frames, 40), $W = (X^\top X + \lambda I)^{-1} X^\top Y$. The share of the
# variance that it explains is $R^2 = 1 - \sum (Y - XW)^2 / \sum (Y - \bar{Y})^2$, per band, on the clip that was left out.

# %%
TEST = 0
train = [i for i in range(len(clips)) if i != TEST]


def fit(x, y, ridge):
    return np.linalg.solve(x.T @ x + ridge * len(x) * np.eye(x.shape[1]), x.T @ (y - y.mean(axis=0)))


def explained(features, bands):
    """(BANDS,) R² on the clip that was left out, from the features and the mel bands of all clips."""
    inputs, targets = np.concatenate([features[i] for i in train]), np.concatenate([bands[i] for i in train])
    centre, width = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    weights = fit((inputs - centre) / width, targets, 1e-2)
    guess = ((features[TEST] - centre) / width) @ weights + targets.mean(axis=0)
    return 1 - ((bands[TEST] - guess) ** 2).sum(axis=0) / ((bands[TEST] - bands[TEST].mean(axis=0)) ** 2).sum(axis=0)


torch.manual_seed(0)
untrained = Wav2Vec2ForCTC(
    Wav2Vec2Config(**PAPER, conv_dim=(64,) * 7, feat_extract_norm="layer", conv_bias=True, num_hidden_layers=1)
)
untrained = untrained.wav2vec2.feature_extractor.eval()
with torch.no_grad():
    control = [untrained(torch.from_numpy(standard(w.samples))[None])[0].T.numpy() for w in waveforms]
counts = [min(len(a), len(b)) for a, b in zip(control, mels, strict=True)]
shift = (model.receptive_field - paper[-1][1]) // 2 // model.stride  # frames of the control begin earlier: its field is smaller
control = [a[shift:][:n] for a, n in zip(control, counts, strict=True)]

r2 = explained(seen, mels)
r2_control = explained(control, [m[: len(a)] for a, m in zip(control, mels, strict=True)])
bands = librosa.mel_frequencies(BANDS + 2, fmax=RATE / 2)[1:-1] / 1000
figure = go.Figure(
    layout={
        "xaxis": {"title": "centre of the band (kHz)", "type": "log", "tickvals": [0.1, 0.2, 0.5, 1, 2, 5]},
        "yaxis": {"title": "R²", "range": [0, 1]},
    }
)
figure.add_scatter(mode="lines+markers", x=bands, y=np.maximum(r2, 0), name=MODEL)
figure.add_scatter(mode="lines+markers", x=bands, y=np.maximum(r2_control, 0), name="the paper's stack, random weights")
show(figure)
print(f"on average {r2.mean():.2f} of the variance of a band can be predicted from the features of {MODEL}")
print(f"and {r2_control.mean():.2f} from those of a stack that has learned nothing")
check(r2.mean() > r2_control.mean() + 0.2, "the features hold more of the mel spectrogram than random convolutions do")

# %% [markdown]
# So a good R² alone says little: even random filters keep a part of the spectrogram. Only the distance from the control counts. And for
# `w2v-mini` that distance is no discovery, because its stack was built as a spectrogram.

# %% [markdown]
# ## 5. Two norms, and why only one of them tolerates padding
#
# Between convolutions the numbers are normalised, to mean 0 and variance 1. There are two kinds of models:
#
# - **Pre-trained on LibriSpeech** (Base, and also the Large model of these 960 hours, such as `wav2vec2-large-960h`): once, after the first
#   convolution, over *time*. Each channel $c$ is normalised by its own mean over all frames of the clip. In the code this is a `GroupNorm` with one
#   channel in each group, which is the same as *instance norm*.
# - **Pre-trained on LV-60k** (the Large model of 53,000 hours, and `w2v-mini`): in every layer, over *channels* (layer norm: each frame by itself).
#
# So "Base" and "Large" do not tell the norm; the config does (`feat_extract_norm`).
#
# $$\text{group: } \frac{x_{t,c} - \mu_c}{\sigma_c},\; \mu_c = \tfrac1T \sum_t x_{t,c} \qquad\qquad \text{layer: } \frac{x_{t,c} - \mu_t}{\sigma_t},\; \mu_t = \tfrac1C \sum_c x_{t,c}$$
#
# Predict: we append a second of silence to a clip, as batching does. For which norm do the frames of the clip change?

# %%
both = {norm: small(norm).wav2vec2.feature_extractor for norm in ("group", "layer")}
raw = both["group"].conv_layers[0].conv(torch.from_numpy(waveforms[0].samples)[None, None])[0].detach().numpy()  # (C, T)
over_time = (raw - raw.mean(axis=1, keepdims=True)) / np.sqrt(raw.var(axis=1, keepdims=True) + 1e-5)
over_channels = (raw - raw.mean(axis=0)) / np.sqrt(raw.var(axis=0) + 1e-5)
with torch.no_grad():
    group = both["group"].conv_layers[0].layer_norm(torch.from_numpy(raw)[None])[0].numpy()
    layer = torch.nn.functional.layer_norm(torch.from_numpy(raw.T.copy()), raw.shape[:1]).numpy().T
check(np.allclose(group, over_time, atol=1e-3), "group norm by hand is torch's")
check(np.allclose(layer, over_channels, atol=1e-3), "layer norm by hand is torch's")

# %%
with torch.no_grad():
    sound = torch.from_numpy(standard(waveforms[0].samples))
    padded = torch.cat([sound, torch.zeros(RATE)])
    change = {}
    for norm, stack in both.items():
        alone, longer = stack(sound[None])[0], stack(padded[None])[0][:, : frames_at_once(len(sound), *paper[-1])]
        change[norm] = ((alone - longer).abs().mean(dim=0) / alone.abs().mean()).numpy()
figure = go.Figure(layout={"xaxis": {"title": "time (s)"}, "yaxis": {"title": "relative change of the features"}})
for norm, values in change.items():
    figure.add_trace(go.Scatter(x=np.arange(len(values)) * 0.02, y=values, name=f"{norm} norm"))
show(figure)
check(change["layer"].max() < 1e-4, "with layer norm the clip's frames do not notice the padding")
check(change["group"].mean() > 0.05, "with group norm the frames that hold speech change, all along the clip")

# %% [markdown]
# After the convolutions comes the transformer, and there every frame looks at every other (notebook [04](04_context.ipynb)). So padding
# must be hidden from it by an *attention mask*. That is enough for the layer norm model. It is not enough for the group norm model,
# whose features are already changed; it was trained without a mask. The largest change of a log-probability:

# %%
rows = []
for norm in ("layer", "group"):
    network = small(norm)
    with torch.no_grad():
        network.lm_head.weight.mul_(
            12
        )  # random output layers give nearly uniform probabilities; scaled up, the effect is plain
        alone = network(sound[None]).logits.log_softmax(dim=-1)[0]
        mask = torch.cat([torch.ones(len(sound)), torch.zeros(RATE)]).long()[None]
        with_mask = network(padded[None], attention_mask=mask).logits.log_softmax(dim=-1)[0, : len(alone)]
        without = network(padded[None]).logits.log_softmax(dim=-1)[0, : len(alone)]
    rows.append([f"{norm} norm", (with_mask - alone).abs().max().item(), (without - alone).abs().max().item()])
table(["random model with", "padded, mask", "padded, no mask"], rows)
check(rows[0][1] < 1e-3 < rows[0][2], "layer norm: exact with a mask, not without")
check(rows[1][1] > 1e-3, "group norm: not exact even with a mask")

# %% [markdown]
# That is why w2vkit reads from the checkpoint whether it takes a mask (`return_attention_mask`), and batches clips of unlike length
# only if it does.
#
# ## Exercises
#
# 1. Change the last kernel of the paper's stack from 2 to 4. Predict $F$ and $S$, then compute them with `geometry`.
# 2. How long must a clip be at least to give one frame, with the paper's stack and with the loaded one? What does w2vkit say to a
#    shorter one?
# 3. Take the gradient of a frame through the *group norm* stack with `heard_by` at depth 7. Where is it not zero, and why?
# 4. Fit the mel spectrogram from the output of the *first* layer's magnitude only. Is it better or worse than after the last?
#
# <details><summary>Solutions</summary>
#
# 1. $F = 400 + 2 \cdot 160 = 720$, and $S$ stays 320, for the kernel does not enter it:
#
# ```python
# print(geometry((10, 3, 3, 3, 3, 2, 4), PAPER["conv_stride"])[-1])
# ```
#
# 2. $F$ samples, 25 ms with the paper's stack:
#
# ```python
# from w2vkit import Waveform
#
# try:
#     model.emit([Waveform(waveforms[0].samples[: model.receptive_field - 1])])
# except Exception as error:
#     print(error)
# ```
#
# 3. Everywhere: the mean over time depends on every sample, so a frame's field is the whole clip:
#
# ```python
# everywhere = heard_by(small("group").wav2vec2.feature_extractor.double(), noise, FRAME, 7)
# print((everywhere > 0).mean(), "of the samples;", everywhere[:720].sum() / everywhere.sum(), "of it near the frame")
# ```
#
# 4. Compare with what one layer gives; pool its outputs to the frames' step:
#
# ```python
# def first_layer(samples, count):
#     with torch.no_grad():
#         x = extractor.conv_layers[0].conv(torch.from_numpy(standard(samples))[None, None])[0, used].abs().T.numpy()
#     step = model.stride // config.conv_stride[0]
#     offset = (model.receptive_field - 400) // 2 // config.conv_stride[0]
#     return np.log(np.stack([x[offset + t * step : offset + (t + 1) * step].mean(axis=0) for t in range(count)]) + 1e-3)
#
#
# early = [first_layer(w.samples, len(f)) for w, f in zip(waveforms, seen, strict=True)]
# x, targets = (np.concatenate([some[i] for i in train]) for some in (early, mels))
# w = fit((x - x.mean(axis=0)) / x.std(axis=0), targets, 1e-2)
# left = mels[TEST] - targets.mean(axis=0) - (early[TEST] - x.mean(axis=0)) / x.std(axis=0) @ w
# print(1 - (left**2).sum() / ((mels[TEST] - mels[TEST].mean(axis=0)) ** 2).sum())
# ```
#
# </details>
#
# ## Three questions to take along
#
# 1. In the picture of the kernels: are the filters nearer to the mel scale or to even spacing? Was that designed or learned?
# 2. In the gradient of the loaded model: which part of its field does a frame really use (say, above half of the largest gradient)?
# 3. In the curve of $R^2$: which bands are lost in the features, and do they matter for telling words apart?
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), sections 2 and 4.2 · Wu and He,
# [Group normalization](https://arxiv.org/abs/1803.08494), 2018 · Ba, Kiros, Hinton,
# [Layer normalization](https://arxiv.org/abs/1607.06450), 2016 · Luo et al., "Understanding the effective receptive field"
# ([1701.04128](https://arxiv.org/abs/1701.04128)).
#
# [the course](README.md) · before: [02 Sound as numbers](02_sound_as_numbers.ipynb) · next:
# [04 Context](04_context.ipynb)
