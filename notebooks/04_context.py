# %% [markdown]
# # 04 · Context
#
# [the course](README.md) · before: [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb) · next:
# [05 Letters from frames](05_letters_from_frames.ipynb)
#
# A frame of the convolutions depends on a few hundredths of a second (25 ms in the paper's models, 65 ms in w2v-mini). Most sounds of
# speech last as long or longer. In the transformer every frame attends to every other one.
#
# | | |
# |---|---|
# | **You will** | compute attention by hand and follow it from a letter to the frames that it attends to; tell a relative from an absolute positional embedding; measure how much context a frame needs; read the letters out of early layers |
# | **Time** | 45 minutes |
# | **You need** | [03](03_what_the_convolutions_hear.ipynb); what a transformer is |

# %%
import numpy as np
import torch
from ipywidgets import Dropdown, IntSlider
from lesson import answer, check, closed, exercise, hear, predict, show, sign, table
from plots import (
    draw_added,
    draw_attention,
    draw_frame_by_layer,
    draw_heads,
    draw_lens,
    draw_lines,
)

from w2vkit import Waveform, greedy, load
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clip = examples()[0]
waveform = load(clip.path)
hear(waveform, clip.text)

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
        [
            "hidden_states",
            inside.hidden_states.shape,
            "layers + 1, frames, width: into the first layer, then out of each",
        ],
        [
            "attentions",
            inside.attentions.shape,
            "layers, heads, queries (frames), keys (frames)",
        ],
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
# **Your turn 1.** Write it: the attention of one head from its queries and keys.


# %%
def attend(q, k):
    """q, k: (T, d) arrays; gives (T, T), row = query, column = key."""
    ...  # your turn


one = np.eye(2)
ends = 1 / (1 + np.exp(-1 / np.sqrt(2)))
exercise(
    attend,
    (
        (np.zeros((2, 2)), one),
        np.full((2, 2), 0.5),
        "Equal products: every row is uniform and adds up to 1.",
    ),
    ((one, one), np.array([[ends, 1 - ends], [1 - ends, ends]]), "Divide by the root of d first."),
    (
        (one, 0 * one + [[1, 0], [1, 0]]),
        np.full((2, 2), 0.5),
        "The softmax runs over the keys (columns).",
    ),
)

# %% [markdown]
# {{solution 1}}
#
# The model does the same in every layer and head:

# %%
network = model.network
encoder = network.wav2vec2.encoder
# Pre-norm (LV-60k models): the layer norm stands before each part of a layer. Post-norm: after it.
stable = network.config.do_stable_layer_norm
states = torch.from_numpy(inside.hidden_states)


def attention_by_hand(number):
    """(heads, frames, frames) attention of a layer."""
    layer = encoder.layers[number]
    x = layer.layer_norm(states[number]) if stable else states[number]
    projections = (layer.attention.q_proj, layer.attention.k_proj)
    q, k = (project(x).view(frames, heads, -1).transpose(0, 1) for project in projections)
    return (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(dim=-1)


with torch.no_grad():
    maps = torch.from_numpy(inside.attentions)
    off = max(float((attention_by_hand(n) - maps[n]).abs().max()) for n in range(layers))
check(
    off < 1e-4,
    "the formula gives the attention maps of every layer and head",
    f"largest difference: {off:.2g}",
)


# %% [markdown]
# **Move the pointer over a letter.** Lines go from it (the query) to the eight frames with the largest weights (the keys); thick is much attention. Choose
# layer and head.

# %%
reference = inside.emissions.log_probs.argmax(axis=1)
lettered = np.flatnonzero(reference != model.vocabulary.blank)
letters = lettered[reference[lettered] != model.vocabulary.word_boundary]
times = inside.emissions.start_seconds + (np.arange(frames) + 0.5) * STEP
first = [int(t) for t in letters if t == 0 or reference[t] != reference[t - 1]]
labels = [sign(model.vocabulary, int(reference[t])) for t in first]
figure, follow = draw_attention(inside.attentions, times, first, labels)
show(
    figure,
    follow,
    hover=("letter",),
    layer=IntSlider(2, 1, layers),
    head=IntSlider(1, 1, heads),
    letter=IntSlider(min(8, len(first) - 1), 0, len(first) - 1),
    alt="The letters of the transcript over time. Lines from one letter lead to the frames with "
    "the largest attention weights; "
    "bars below show the weights of all frames.",
)

# %% [markdown]
# ### Distance and entropy
#
# Two numbers describe a head: how far away it attends on average, and over how many frames its attention is spread.
#
# $$\text{distance} = \frac1T \sum_{ij} a_{ij}\, |i - j| \cdot 20\,\text{ms}, \qquad \text{spread} = \frac1T \sum_i e^{H_i}, \quad H_i = -\sum_j a_{ij} \ln a_{ij}$$
#
# A spread of 1 means one frame; one of $T$ means uniform attention, the same weight for all frames.

# %%
apart = np.abs(np.subtract.outer(np.arange(frames), np.arange(frames))) * STEP  # (T, T) seconds
distance = (inside.attentions * apart).sum(axis=-1).mean(axis=-1)  # (layers, heads) seconds
entropy = -(inside.attentions * np.log(inside.attentions + 1e-12)).sum(axis=-1)  # nats
spread = np.exp(entropy).mean(axis=-1)  # (layers, heads) frames
everyone = apart.mean()
show(
    draw_heads(distance, spread, (everyone, frames)),
    alt="Each head: its mean distance against its spread; the cross is uniform attention.",
)
near = np.unravel_index(distance.argmin(), distance.shape)
print(
    f"the head that attends nearest is head {near[1] + 1} of layer {near[0] + 1}: "
    f"{distance[near]:.2f} s; uniform attention would be {everyone:.2f} s"
)
check(np.allclose(inside.attentions.sum(axis=-1), 1, atol=1e-3), "each row adds up to 1")
check((spread >= 1).all() and (spread <= frames).all(), "the spread lies between 1 and T")

# %% [markdown]
# ## 2. Relative and absolute positional embedding
#
# Attention sees a set, not a sequence: nothing in $q_i \cdot k_j$ says whether $j$ comes before $i$. There are two remedies.
#
# - An **absolute** positional embedding adds to frame $t$ a vector that depends on $t$ alone: sines and cosines (Vaswani et al., 2017; Whisper), or a learned table.
# - A **relative** one depends on distances between frames, not on their numbers. wav2vec 2.0 uses a *convolution over time* that acts as one (paper, section 2): its output,
#   after a GELU, is added to the frames. It depends on the neighbouring sound, and shifting the sound shifts it too (but for the zeros at the ends).

# %%
order = predict(
    "Frames are shuffled, transformed and put back in order. When does the result change?",
    "never",
    "only without the convolution",
    "only with the convolution",
    "with and without",
)


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


# %%
features = torch.from_numpy(inside.features)
shuffle = torch.randperm(frames, generator=torch.Generator().manual_seed(0))
back = shuffle.argsort()
with torch.no_grad():
    normal, shuffled = transform(features), transform(features[shuffle])[back]
    normal_without, shuffled_without = (
        transform(features, False),
        transform(features[shuffle], False)[back],
    )
size = normal.abs().mean()
changes = [
    ["without the convolution", ((normal_without - shuffled_without).abs().mean() / size).item()],
    ["with the convolution", ((normal - shuffled).abs().mean() / size).item()],
]
check(
    np.allclose(normal, inside.hidden_states[-1], atol=1e-2),
    "the encoder by hand gives internals()'s last hidden states",
)
with closed():
    table(["", "mean change of the output after shuffling, relative"], changes)
    check(
        (normal_without - shuffled_without).abs().max() < 1e-2,
        "without it, the order of the frames does not matter at all",
    )
    check((normal - shuffled).abs().mean() > 0.01 * size, "with it, it does")
answer(
    order,
    "only with the convolution",
    "Attention and the feed-forward parts treat all frames in the same way, so shuffled inputs "
    "give the same outputs, shuffled. Only the positional convolution depends on which frames "
    "are neighbours.",
)

# %% [markdown]
# How far does that convolution reach? The strength of its weights for each distance in time (0 is the frame itself):

# %%
kernel = encoder.pos_conv_embed.conv.weight.detach()  # (width, width / groups, taps)
taps = kernel.shape[-1]
strength = kernel.pow(2).sum(dim=(0, 1)).sqrt().numpy()
offsets = (np.arange(taps) - taps // 2) * STEP
title = "frame that the weights are for: earlier (-) or later (+), in s"
norms = {"norm of the weights": strength / strength.max()}
show(
    draw_lines(offsets, norms, title, "norm of the weights", shape="hvh"),
    alt="The norm of the positional convolution's weights for each distance in time.",
)
print(f"{taps} taps of {1000 * STEP:.0f} ms: {taps * STEP:.2f} s")

# %% [markdown]
# In the paper's models these are 128 taps, 2.6 s: a relative embedding. The bundled w2v-mini is an exception: its convolution has 3,000 taps and was built to give an
# *absolute* embedding, Whisper's (see the appendix). An absolute embedding adds the same to every sound, a relative one does not. Compare what the convolution adds to the first
# seconds of two clips. The figure shows it for the first one:


# %%
def added(features):
    """(T, C) features to (T, H): what the positional convolution adds."""
    with torch.no_grad():
        x = network.wav2vec2.feature_projection(features[None])[0]
        return encoder.pos_conv_embed(x)[0].numpy()


other = torch.from_numpy(model.internals(load(examples()[1].path)).features)
both = min(frames, len(other))
here, there = (a - a.mean(axis=0) for a in (added(features)[:both], added(other)[:both]))
correlation = float((here * there).sum() / np.sqrt((here**2).sum() * (there**2).sum()))
show(
    draw_added(here, STEP),
    alt="What the convolution adds to the frames of a clip, by time and channel.",
)
print(f"correlation of the two: {correlation:.2f} (absolute: 1, relative: near 0)")
absolute = taps >= 2 * both
check(
    (correlation > 0.9) == absolute,
    "wider than the clip: absolute" if absolute else "narrower than the clip: relative",
)

# %% [markdown]
# ## 3. How much context does a frame need?
#
# We cut windows out of the clip, wider and wider around one frame, give the model the window alone, and look at that frame's most likely
# label: is it the same as with the whole clip? We ask this of frames with a letter or a space.

# %%
needed = predict(
    "How much sound on either side until 9 of 10 such frames have the label of the whole clip?",
    "0.1 s",
    "0.2 to 0.4 s",
    "0.8 to 1.6 s",
    "more than 1.6 s",
)

# %% [markdown]
# Two other things change with the window, so that this does not measure context alone. Each window is normalised anew (its loudness is set to 1).
# And it begins at another time: an absolute positional embedding, as in w2v-mini, then gives the frame another position.
#
# The *divergence* (Kullback-Leibler) in the table compares all probabilities of the frame, not only which is the largest: it is 0 if they are those
# of the whole clip.

# %%
chosen = lettered[::3]  # every third frame with a letter or a space
print(f"{len(chosen)} frames")
widths = [0.1, 0.2, 0.4, 0.8, 1.6]  # s on either side
model.silence = 0  # emit() would put some around short sounds, and hide the effect


def window(frame, width):
    """The sound up to ``width`` seconds around a frame, and the frame's number in it."""
    reach = int(width / STEP)
    before, after = min(reach, frame), min(reach, frames - 1 - frame)
    start, stop = (
        (frame - before) * model.stride,
        (frame + after) * model.stride + model.receptive_field,
    )
    return Waveform(waveform.samples[start:stop]), before


found = []
for width in widths:
    cut = [window(int(frame), width) for frame in chosen]
    emitted = model.emit([w for w, _ in cut])
    rows = [e.log_probs[place] for e, (_, place) in zip(emitted, cut, strict=True)]
    same = np.mean(np.argmax(rows, axis=1) == reference[chosen])
    # Kullback-Leibler divergence from the whole clip's distribution to the window's, in nats
    whole = inside.emissions.log_probs[chosen]
    divergence = (np.exp(whole) * (whole - np.array(rows))).sum(axis=1).mean()
    found.append((width, same, float(divergence)))

# %%
axis = {"title": "sound on either side (s)", "type": "log", "tickvals": widths}
same = {"fraction of frames with the same label": [row[1] for row in found]}
whole = {"range": [0, 1.05]}
show(
    draw_lines(widths, same, "", "", markers=True, level=0.9, xaxis=axis, yaxis=whole),
    alt="Frames with the same label against the sound on either side: rises steeply up to 0.4 s, "
    "and stays above 0.9 from there.",
    closed="Open the figure",
)
with closed():
    table(["on either side (s)", "fraction with the same label", "divergence (nats)"], found)
    print(
        f"with {widths[-1]} s on either side {found[-1][1]:.0%} of the frames have the same label, "
        f"with {widths[2]} s {found[2][1]:.0%}"
    )
enough = next((width for width, same, _ in found if same >= 0.9), None)
choices = {0.1: "0.1 s", 0.2: "0.2 to 0.4 s", 0.4: "0.2 to 0.4 s", None: "more than 1.6 s"}
answer(
    needed,
    choices.get(enough, "0.8 to 1.6 s"),
    "About a word on either side settles most labels. Few frames are measured here: one of "
    f"them is {1 / len(chosen):.0%}. Where two labels are nearly equally likely, the first can "
    "still change back with more context, while the divergence goes on falling.",
)
check(
    found[-1][2] < found[0][2],
    "with more context a frame comes nearer to its probabilities with the whole clip",
)
check(found[-1][2] < found[2][2], "and more than 0.4 s still helps")

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
    """(T, V) probabilities read out of the output of a layer; 0 is what enters the first."""
    x = states[number]
    if stable and number < layers:  # the last entry has been normalised already
        x = encoder.layer_norm(x)
    with torch.no_grad():
        return network.lm_head(x).softmax(dim=-1).numpy()


views = [lens(number) for number in range(layers + 1)]
check(
    np.allclose(views[-1], np.exp(inside.emissions.log_probs), atol=1e-3),
    "at the last layer the lens shows the emissions",
)

# %%
figure, at_layer = draw_lens(views, model.vocabulary, times)
show(
    figure,
    at_layer,
    layer=IntSlider(layers, 0, layers),
    alt="The probability of every label over time, read out of the last layer.",
)
print("the model's text:", greedy(inside.emissions).text)

# %% [markdown]
# For the frames whose most likely label is a letter in the end: how probable is that letter at each layer, and for how many is it already the
# most likely?

# %%
final = reference[letters]
probability = [float(view[letters, final].mean()) for view in views]
agree = [float((view[letters].argmax(axis=1) == final).mean()) for view in views]
curves = {
    "probability of the final letter": probability,
    "fraction where it is the most likely": agree,
}
title, axis = "mean over the letter frames", {"title": "layer", "dtick": 1}
show(
    draw_lines(np.arange(layers + 1), curves, "", title, markers=True, xaxis=axis),
    alt="The probability of the final letter, layer by layer, rises to the last layer.",
)
check(agree[0] < 0.5, "what enters the first layer does not give most of the letters yet")

# %%
signs = [sign(model.vocabulary, label) for label in reference[letters]]
named = [(f"{times[t]:.2f} s: {signs[k]}", k) for k, t in enumerate(letters)]
figure, one_frame = draw_frame_by_layer(views, model.vocabulary, letters, times)
show(
    figure,
    one_frame,
    frame=Dropdown(options=named, description="letter"),
    alt="The probabilities of the five most likely labels of one frame, layer by layer.",
)

# %% [markdown]
# **Your turn 2.** Does a head attend to one side? Write its mean signed distance in frames: negative is back, positive ahead.


# %%
def side(weights):
    """weights: (T, T) attention, row = query i, column = key j; gives the mean of j - i."""
    ...  # your turn


back = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
exercise(
    side,
    ((np.eye(3),), 0.0, "A head that attends to its own frame has the distance 0."),
    (
        (back,),
        -2 / 3,
        "Weight j - i by the attention, add up over the keys, and take the mean over the queries.",
    ),
    ((np.full((3, 3), 1 / 3),), 0.0, "Uniform attention goes as far back as ahead."),
)

# %% [markdown]
# {{solution 2}}
#
# ## Three questions to take along
#
# 1. You add a second of silence before a clip. Which kind of positional embedding gives the same sounds other vectors?
# 2. The context experiment normalises every window anew and gives it a new beginning. Does that make the needed context look larger or smaller?
# 3. Why may the lens be used on the LV-60k Large model and hardly on Base?
#
# {{solution 3}}
#
# ## Appendix: w2v-mini's absolute embedding
#
# Its first four layers came from Whisper and expect Whisper's sines and cosines $P_t$. A convolution can make them: the frames carry a large constant $c = -b$, before the first frame
# there are zeros, so the output at frame $t$ is the sum of the kernel over as many taps as frames have passed:
#
# $$\operatorname{GELU}\Bigl(b + \sum_{d=0}^{t} w_d \cdot c\Bigr) - b = P_t \quad\text{for}\quad w_d = \frac{P_d - P_{d-1}}{c}$$
#
# with $P_{-1} = 0$: that is the peak at 0 in the figure of the weights. A large positive number passes the GELU unchanged, so the convolution has the bias $b$; added to the frames, their constant $-b$ takes it off again. These large constants cancel each other, which is why
# notebook [13](13_fine_tune_your_own.ipynb) does not train this part. The code is in `training/position.py`. Nothing of this is part of wav2vec 2.0.
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), section 2 (context network; position by convolution) ·
# Radford et al., [Whisper](https://arxiv.org/abs/2212.04356), section 2.2 (sinusoidal position code) · Vaswani et al., [Attention is all
# you need](https://arxiv.org/abs/1706.03762), 2017 · Mohamed, Okhonko, Zettlemoyer, [Transformers with convolutional context for
# ASR](https://arxiv.org/abs/1904.11660), 2019 · nostalgebraist, "interpreting GPT: the logit lens", 2020 · Pasad, Chou, Livescu,
# [Layer-wise analysis of a self-supervised speech model](https://arxiv.org/abs/2107.04734), 2021.
#
# [the course](README.md) · before: [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb) · next:
# [05 Letters from frames](05_letters_from_frames.ipynb)
