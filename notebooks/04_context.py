# %% [markdown]
# # 04 · Context
#
# [the course](README.md) · before: [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb) · next:
# [05 Letters from frames](05_letters_from_frames.ipynb)
#
# A frame of the convolutions depends on a few hundredths of a second, less than most sounds of speech last. In the transformer every frame
# attends to every other one. This notebook shows it: where the heads attend, how the network knows what comes before what, and
# at which layer the letter appears.
#
# **The question.** *How much sound around it does a frame need until it says what it says with the whole clip: a tenth of a second, half
# a second, two seconds?*

# %%
import numpy as np
import plotly.graph_objects as go
import torch
from ipywidgets import Dropdown, IntSlider
from lesson import check, hear, reveal, show, table

from w2vkit import Waveform, greedy, load
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clip = examples()[0]
waveform = load(clip.path)
hear(waveform, clip.text)

# %%
seconds_needed = None  # your prediction: how many seconds on either side, until 9 frames of 10 say the same?

# %% [markdown]
# `internals` runs the model on one waveform and keeps the results of all parts.

# %%
inside = model.internals(waveform)
layers, heads, frames, _ = inside.attentions.shape
STEP = model.stride / model.sample_rate  # s from frame to frame
table(
    ["object", "shape", "meaning"],
    [
        ["features", inside.features.shape, "frames, channels: from the convolutions"],
        ["hidden_states", inside.hidden_states.shape, "layers + 1, frames, width: into the first layer, then out of each"],
        ["attentions", inside.attentions.shape, "layers, heads, frames that look, frames that are looked at"],
        ["emissions", inside.emissions.log_probs.shape, "frames, labels: natural logarithms"],
    ],
)
check(
    np.allclose(inside.emissions.log_probs, model.emit([waveform])[0].log_probs, atol=1e-3),
    "internals() and emit() say the same",
)

# %% [markdown]
# ## 1. Attention
#
# In each layer and head, a frame $i$ has a query $q_i$, and every frame $j$ a key $k_j$ and a value $v_j$, vectors of $d$ numbers. Frame $i$
# takes the mean of all values, weighted by
#
# $$a_{ij} = \frac{e^{q_i \cdot k_j / \sqrt d}}{\sum_{j'} e^{q_i \cdot k_{j'} / \sqrt d}}.$$
#
# By hand for every layer, from the hidden states:

# %%
network = model.network
encoder = network.wav2vec2.encoder
stable = (
    network.config.do_stable_layer_norm
)  # pre-norm (LV-60k models): before each layer's parts; otherwise post-norm: after them
states = torch.from_numpy(inside.hidden_states)


def attention_by_hand(number):
    """(heads, frames, frames) attention of a layer."""
    layer = encoder.layers[number]
    x = layer.layer_norm(states[number]) if stable else states[number]
    q, k = (project(x).view(frames, heads, -1).transpose(0, 1) for project in (layer.attention.q_proj, layer.attention.k_proj))
    return (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(dim=-1)


with torch.no_grad():
    off = max(float((attention_by_hand(n) - torch.from_numpy(inside.attentions[n])).abs().max()) for n in range(layers))
check(off < 1e-4, "the formula gives the attention maps of every layer and head", f"largest difference: {off:.2g}")


# %%
def look(figure, layer, head):
    weights = inside.attentions[layer - 1, head - 1]
    # The square root makes faint weights visible; 255 is the largest one.
    figure.data[0].z = np.sqrt(weights / weights.max() * 255**2).astype(np.uint8)
    figure.layout.title = f"layer {layer}, head {head}: row = query frame, column = key frame"


axis = {"x0": 0, "dx": STEP, "y0": 0, "dy": STEP}
figure = go.Figure(
    go.Heatmap(**axis, showscale=False, zmin=0, zmax=255),
    layout={
        "height": 520,
        "width": 620,
        "xaxis": {"title": "looked at (s)"},
        "yaxis": {"title": "looks (s)", "autorange": "reversed"},
    },
)
show(figure, look, layer=IntSlider(1, 1, layers), head=IntSlider(1, 1, heads))
# %% [markdown]
# ### Distance and entropy
#
# Two numbers describe a head: how far it looks on average, and on how many frames it spreads its attention.
#
# $$\text{distance} = \frac1T \sum_{ij} a_{ij}\, |i - j| \cdot 20\,\text{ms}, \qquad \text{spread} = \frac1T \sum_i e^{H_i}, \quad H_i = -\sum_j a_{ij} \ln a_{ij}$$
#
# A spread of 1 means one frame; one of $T$ means uniform attention, the same weight for all frames.

# %%
apart = np.abs(np.subtract.outer(np.arange(frames), np.arange(frames))) * STEP  # (T, T) seconds
distance = (inside.attentions * apart).sum(axis=-1).mean(axis=-1)  # (layers, heads) seconds
entropy = -(inside.attentions * np.log(inside.attentions + 1e-12)).sum(axis=-1)  # (layers, heads, T) nats
spread = np.exp(entropy).mean(axis=-1)  # (layers, heads) frames
figure = go.Figure(
    layout={"xaxis": {"title": "distance (s)", "type": "log"}, "yaxis": {"title": "spread (frames)", "type": "log"}}
)
for layer in range(layers):
    names = [f"layer {layer + 1}, head {head + 1}" for head in range(heads)]
    figure.add_trace(go.Scatter(x=distance[layer], y=spread[layer], mode="markers", name=f"layer {layer + 1}", text=names))
everyone = apart.mean()
figure.add_scatter(x=[everyone], y=[frames], mode="markers", marker={"symbol": "x", "color": "black"}, name="uniform attention")
show(figure)
near = np.unravel_index(distance.argmin(), distance.shape)
print(
    f"the nearest-sighted head is head {near[1] + 1} of layer {near[0] + 1}: {distance[near]:.2f} s; uniform attention would be {everyone:.2f} s"
)
check(np.allclose(inside.attentions.sum(axis=-1), 1, atol=1e-3), "each frame's attention adds up to 1")
check((spread >= 1).all() and (spread <= frames).all(), "the spread lies between 1 and T")

# %% [markdown]
# ## 2. How does it know what comes first?
#
# Attention sees a set, not a sequence: nothing in $q_i \cdot k_j$ says whether $j$ comes before $i$. Text transformers add a code for the
# position. wav2vec 2.0 adds the output of a *convolution over time* instead, followed by a GELU (paper, section 2).
#
# Predict: we shuffle the frames, run the transformer, and put its outputs back in order. Does the result change (a) without the
# convolution, (b) with it?


# %%
def transform(features, position=True):
    """(T, C) features to (T, H), as the encoder does."""
    x = network.wav2vec2.feature_projection(features[None])[0]
    if position:
        x = x + encoder.pos_conv_embed(x)
    if not stable:
        x = encoder.layer_norm(x)
    for layer in encoder.layers:
        x = layer(x)
    return (encoder.layer_norm(x) if stable else x)[0]


features = torch.from_numpy(inside.features)
shuffle = torch.randperm(frames, generator=torch.Generator().manual_seed(0))
back = shuffle.argsort()
with torch.no_grad():
    normal, shuffled = transform(features), transform(features[shuffle])[back]
    normal_without, shuffled_without = transform(features, False), transform(features[shuffle], False)[back]
size = normal.abs().mean()
table(
    ["", "mean change of the output after shuffling, relative"],
    [
        ["without the convolution", ((normal_without - shuffled_without).abs().mean() / size).item()],
        ["with the convolution", ((normal - shuffled).abs().mean() / size).item()],
    ],
)
check(np.allclose(normal, inside.hidden_states[-1], atol=1e-2), "the encoder by hand gives internals()'s last hidden states")
check((normal_without - shuffled_without).abs().max() < 1e-2, "without it, the order of the frames does not matter at all")
check((normal - shuffled).abs().mean() > 0.01 * size, "with it, it does")

# %% [markdown]
# How far does that convolution reach? The strength of its weights for each distance in time:

# %%
kernel = encoder.pos_conv_embed.conv.weight.detach()  # (width, width / groups, taps)
taps = kernel.shape[-1]
strength = kernel.pow(2).sum(dim=(0, 1)).sqrt().numpy()
offsets = (np.arange(taps) - taps // 2) * STEP
figure = go.Figure(
    go.Scatter(x=offsets, y=strength / strength.max(), fill="tozeroy", line={"shape": "hvh", "width": 1}),
    layout={"xaxis": {"title": "hears this much earlier (-) or later (+), in s"}, "yaxis": {"title": "norm of the weights"}},
)
show(figure)
print(f"{taps} taps of {1000 * STEP:.0f} ms: {taps * STEP:.2f} s")

# %% [markdown]
# In the Large model these are 128 taps, 2.6 s: a *relative* positional embedding, which infers a frame's position from the neighbouring sound. In
# w2v-mini they are 3,000 taps that look back only, and they were made for another purpose: an *absolute* positional embedding, which tells how
# much time has passed since the beginning. (This is special to w2v-mini.) Its frames carry a large constant $c = -b$; before the
# clip's first frame the convolution sees zeros; so its output is a sum of the kernel over as many taps as frames have passed. With a suitable
# kernel that sum is any code $P_t$ of the position that one likes: here Whisper's sines and cosines, for the layers from Whisper expect them.
#
# $$\operatorname{GELU}\Bigl(b + \sum_{d=0}^{t} w_d \cdot c\Bigr) - b = P_t \quad\text{for}\quad w_d = \frac{P_d - P_{d-1}}{c}$$
#
# The GELU comes after the convolution. For large positive numbers it changes nothing; so the convolution has a large bias $b$. When its output is
# added to the frames, their constant $-b$ takes $b$ off again. These are the large constants that cancel each other, and the reason why notebook [13](13_fine_tune_your_own.ipynb) does not train
# this part.
#
# An absolute embedding adds the same to every sound, a relative one does not. Compare what the convolution adds to the first seconds of two clips:


# %%
def added(features):
    """(T, C) features to (T, H): what the positional convolution adds."""
    with torch.no_grad():
        return encoder.pos_conv_embed(network.wav2vec2.feature_projection(features[None])[0])[0].numpy()


other = torch.from_numpy(model.internals(load(examples()[1].path)).features)
both = min(frames, len(other))
here, there = (a - a.mean(axis=0) for a in (added(features)[:both], added(other)[:both]))
correlation = float((here * there).sum() / np.sqrt((here**2).sum() * (there**2).sum()))
colours = {"colorscale": "RdBu", "zmid": 0, "colorbar": {"title": "added"}}
figure = go.Figure(
    go.Heatmap(z=here.T, x=np.arange(both) * STEP, **colours),
    layout={"xaxis": {"title": "time (s)"}, "yaxis": {"title": "channel of the states"}},
)
show(figure)
print(f"correlation of what is added to the two clips: {correlation:.2f} (absolute: 1, relative: near 0)")
absolute = taps >= 2 * both
check((correlation > 0.9) == absolute, "wider than the clip: absolute" if absolute else "narrower than the clip: relative")

# %% [markdown]
# ## 3. How much context does a frame need?
#
# We cut windows out of the clip, wider and wider around one frame, give the model the window alone, and look at that frame's most likely
# label: is it the same as with the whole clip?
#
# Two other things change with the window, so that this does not measure context alone. Each window is normalised anew (its loudness is set to 1).
# And it begins at another time: an absolute positional embedding, as in w2v-mini, then gives the frame another position.

# %%
reference = inside.emissions.log_probs.argmax(axis=1)
lettered = np.flatnonzero(reference != model.vocabulary.blank)
chosen = lettered[::3]  # every third frame whose most likely label is a letter or the space between words
print(f"{len(chosen)} frames")
widths = [0.1, 0.2, 0.4, 0.8, 1.6]  # s on either side


def window(frame, width):
    """The emission row of one frame when only ``width`` seconds on either side of it are heard."""
    reach = int(width / STEP)
    before, after = min(reach, frame), min(reach, frames - 1 - frame)
    start, stop = (frame - before) * model.stride, (frame + after) * model.stride + model.receptive_field
    return Waveform(waveform.samples[start:stop]), before


found = []
for width in widths:
    cut = [window(int(frame), width) for frame in chosen]
    rows = [e.log_probs[place] for e, (_, place) in zip(model.emit([w for w, _ in cut]), cut, strict=True)]
    same = np.mean([row.argmax() == reference[frame] for row, frame in zip(rows, chosen, strict=True)])
    # Kullback-Leibler divergence from what the frame says with the whole clip, in nats
    whole = inside.emissions.log_probs[chosen]
    found.append((width, same, float(np.mean((np.exp(whole) * (whole - np.array(rows))).sum(axis=1)))))

figure = go.Figure(
    layout={
        "xaxis": {"title": "sound on either side (s)", "type": "log", "tickvals": widths},
        "yaxis": {"title": "fraction of frames with the same label", "range": [0, 1.05]},
    }
)
figure.add_trace(go.Scatter(x=widths, y=[same for _, same, _ in found], mode="lines+markers", name="same label"))
figure.add_hline(y=0.9, line_dash="dot")
show(figure)
table(["on either side (s)", "fraction with the same label", "divergence (nats)"], found)
enough = next((width for width, same, _ in found if same >= 0.9), None)
reveal(seconds_needed, enough or f"more than {widths[-1]}", "s on either side")
check(found[-1][2] < found[0][2], "with more context a frame comes nearer to its probabilities with the whole clip")
check(found[-1][2] < found[2][2], "and more than 0.4 s still helps")
print(
    f"with {widths[-1]} s on either side {found[-1][1]:.0%} of the frames have the same label, with {widths[2]} s {found[2][1]:.0%}"
)

# %% [markdown]
# w2vkit cuts long recordings into windows and takes *two seconds of context* on either side: a little more than the last row of the table.
#
# ## 4. The logit lens: when does the letter appear?
#
# Only the last layer's states go through the output layer (`lm_head`). In a pre-norm model each layer *adds* its result to its input, so the states of all
# layers are in the same space, and we may use the output layer early: put the states of layer $l$ through the final norm and the
# output layer, and look at the probabilities. In a post-norm model, such as Base, each layer normalises the sum again; there the
# states of the earlier layers mean something else, and this lens shows little.
#
# $$p^{(l)}_t = \operatorname{softmax}\left(W\, \mathrm{LN}(h^{(l)}_t) + b\right)$$


# %%
def lens(number):
    """(T, V) probabilities when the head reads the output of a layer; 0 is what enters the first."""
    x = states[number]
    if stable and number < layers:  # the last entry has been normalised already
        x = encoder.layer_norm(x)
    with torch.no_grad():
        return network.lm_head(x).softmax(dim=-1).numpy()


views = [lens(number) for number in range(layers + 1)]
check(np.allclose(views[-1], np.exp(inside.emissions.log_probs), atol=1e-3), "at the last layer the lens shows the emissions")

# %%
vocabulary = model.vocabulary
rows = [vocabulary.blank, *sorted(set(vocabulary.columns.values()), key=vocabulary.shown)]


def at_layer(figure, layer):
    figure.data[0].z = (100 * views[layer][:, rows].T).round().astype(np.uint8)
    path = views[layer].argmax(axis=1)
    text = "".join(
        vocabulary.shown(k).replace("space", " ")
        for t, k in enumerate(path)
        if (t == 0 or k != path[t - 1]) and k != vocabulary.blank
    )
    print(f"layer {layer}: {text[:100] or '(only blanks)'}")


figure = go.Figure(
    go.Heatmap(y=[vocabulary.shown(k) for k in rows], x0=STEP / 2, dx=STEP, zmin=0, zmax=100, colorbar={"title": "%"}),
    layout={"height": 560, "xaxis": {"title": "time (s)"}, "yaxis": {"autorange": "reversed", "type": "category", "dtick": 1}},
)
show(figure, at_layer, layer=IntSlider(layers, 0, layers))
print("the model's text:", greedy(inside.emissions).text)

# %% [markdown]
# For the frames whose most likely label is a letter in the end: how probable is that letter at each layer, and for how many is it already the
# most likely?

# %%
letters = lettered[reference[lettered] != vocabulary.word_boundary]
final = reference[letters]
probability = [float(view[letters, final].mean()) for view in views]
agree = [float((view[letters].argmax(axis=1) == final).mean()) for view in views]
figure = go.Figure(
    layout={"xaxis": {"title": "layer", "dtick": 1}, "yaxis": {"title": "mean over the letter frames", "range": [0, 1.05]}}
)
figure.add_trace(go.Scatter(y=probability, mode="lines+markers", name="probability of the final letter"))
figure.add_trace(go.Scatter(y=agree, mode="lines+markers", name="fraction where it is the most likely"))
figure.update_layout(legend={"orientation": "h", "y": 1.15})
show(figure)
check(agree[0] < 0.5, "what enters the first layer does not give most of the letters yet")


# %%
def one_frame(figure, frame):
    t = int(letters[frame])
    best = np.argsort(-views[-1][t])[:5]
    for line, k in zip(figure.data, best, strict=True):
        line.y = [float(view[t, k]) for view in views]
        line.name = vocabulary.shown(k).replace("<", "‹").replace(">", "›")
    figure.layout.title = (
        f"frame {t} at {inside.emissions.start_seconds + (t + 0.5) * STEP:.2f} s: its five most likely labels, layer by layer"
    )


times = inside.emissions.start_seconds + (letters + 0.5) * STEP
names_of_letters = [
    (f"{second:.2f} s: {vocabulary.shown(v)}", k) for k, (second, v) in enumerate(zip(times, final, strict=True))
]
figure = go.Figure(
    [go.Scatter(mode="lines+markers") for _ in range(5)],
    layout={"xaxis": {"title": "layer", "dtick": 1}, "yaxis": {"title": "probability", "range": [0, 1.05]}},
)
show(
    figure,
    one_frame,
    frame=Dropdown(options=names_of_letters, description="letter"),
)

# %% [markdown]
# ## Exercises
#
# 1. Find a head that looks to one side: compute the mean of $j - i$ (in s) instead of $|i - j|$ for every head.
# 2. Do frames of silence look elsewhere than frames of speech? Compare the spread of both.
# 3. Silence the positional convolution (`transform(features, position=False)`) and decode. What is left of the text?
# 4. Leave out one transformer layer after the other. Which one does the model miss most?
#
# <details><summary>Solutions</summary>
#
# 1. A negative number looks back:
#
# ```python
# signed = (np.arange(frames)[None, :] - np.arange(frames)[:, None]) * STEP  # row i looks at column j: j - i
# side = (inside.attentions * signed).sum(axis=-1).mean(axis=-1)
# for layer, head in zip(*np.unravel_index(np.argsort(side, axis=None)[[0, -1]], side.shape), strict=True):
#     print(f"layer {layer + 1}, head {head + 1}: {side[layer, head]:+.2f} s")
# ```
#
# 2. Take the loudness of each frame's stretch of sound:
#
# ```python
# loud = np.array([waveform.samples[t * model.stride :][: model.receptive_field].std() for t in range(frames)])
# silent = loud < 0.1 * loud.max()
# print(np.exp(entropy)[..., silent].mean(), "frames for silence,", np.exp(entropy)[..., ~silent].mean(), "for speech")
# ```
#
# 3. With a relative embedding, single sounds may survive, and the order within words suffers. In w2v-mini nothing is left, for the convolution also
#    cancels the large constant of the frames:
#
# ```python
# from w2vkit import Emissions
#
# with torch.no_grad():
#     logits = network.lm_head(transform(features, position=False))
# print(greedy(Emissions(logits.log_softmax(dim=-1).numpy(), vocabulary)).text)
# ```
#
# 4. Count the frames that keep their label:
#
# ```python
# with torch.no_grad():
#     for left_out in range(layers):
#         x = states[0][None]
#         for number, layer in enumerate(encoder.layers):
#             x = x if number == left_out else layer(x)
#         label = network.lm_head(encoder.layer_norm(x) if stable else x)[0].argmax(dim=-1).numpy()
#         print(f"without layer {left_out + 1}: {(label == reference).mean():.0%} of the frames say the same")
# ```
#
# </details>
#
# ## Three questions to take along
#
# 1. In the scatter of heads: do the early or the late layers look farther? Which heads are nearly as spread as uniform attention?
# 2. In the curve of context: for what fraction of the frames is the label settled within 0.2 s, the length of a syllable?
# 3. In the curve of the lens: at which layer is the final letter the most likely one for more than half of the frames? Choose letters in the
#    last figure: which of them appear later than that?
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), section 2 (context network; position by convolution) ·
# Radford et al., [Whisper](https://arxiv.org/abs/2212.04356), section 2.2 (sinusoidal position code) · Vaswani et al., [Attention is all
# you need](https://arxiv.org/abs/1706.03762), 2017 · Mohamed, Okhonko, Zettlemoyer, [Transformers with convolutional context for
# ASR](https://arxiv.org/abs/1904.11660), 2019 · nostalgebraist, "interpreting GPT: the logit lens", 2020 · Pasad, Chou, Livescu,
# [Layer-wise analysis of a self-supervised speech model](https://arxiv.org/abs/2107.04734), 2021.
#
# [the course](README.md) · before: [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb) · next:
# [05 Letters from frames](05_letters_from_frames.ipynb)
