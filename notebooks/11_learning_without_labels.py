# %% [markdown]
# # 11 · Learning without labels
#
# [the course](README.md) · before: [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb) · next:
# [12 Few labels and self-training](12_few_labels_and_self_training.ipynb)
#
# The Large model heard 53,000 hours of speech before it saw the first letter. What can be learned from sound alone? wav2vec 2.0 plays a
# guessing game: hide stretches of the sound, and pick what was hidden from a line-up. Here a very small network plays it for a minute
# on the six bundled clips (23 s of speech).
#
# **The question.** The line-up has one right answer and 20 wrong ones: by chance 1 in 21 is right. *What fraction will the network get right
# after a minute of play?*

# %%
import numpy as np
import plotly.graph_objects as go
import torch
from ipywidgets import FloatSlider, IntSlider
from lesson import check, reveal, show, table
from torch.nn.functional import cosine_similarity, cross_entropy, gumbel_softmax
from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

from w2vkit import load
from w2vkit.examples import examples

RATE = 16_000  # Hz
STEPS = 120  # of training
waveforms = [load(clip.path).samples for clip in examples()]
waveforms = [torch.from_numpy((w - w.mean()) / w.std()) for w in waveforms]

# %%
share_right = None  # your prediction: the fraction (0 to 1) that the network gets right after a minute

# %% [markdown]
# ## 1. Masking
#
# After the convolutions there is one vector every 20 ms, $z_t$. Every frame starts a mask with probability $p$, and a mask hides $M$ frames
# in a row; masks may overlap (paper, section 3.1; the values $p = 0.065$ and $M = 10$ are in section 4.2). (The paper draws a fixed share $p$ of
# all frames as starts, without replacement; here each frame decides on its own, which makes the sum easy.) A frame stays visible only if
# none of the $M$ frames up to it starts a mask:
#
# $$\text{share hidden} = 1 - (1 - p)^M$$

# %%
P, M = 0.065, 10
random = np.random.default_rng(0)


def masks(clips, frames):
    """(clips, frames) booleans: True is hidden."""
    starts = random.random((clips, frames)) < P
    starts[:, 0] |= ~starts.any(axis=1)  # something must be hidden in every clip
    return np.stack([starts[:, max(0, t - M + 1) : t + 1].any(axis=1) for t in range(frames)], axis=1)


many = masks(200, 1000)
expected = 1 - (1 - P) ** M
print(f"hidden: {many.mean():.3f}; the formula says {expected:.3f}")
check(abs(many.mean() - expected) < 0.02, "about half of all frames are hidden, as the formula says")

# %% [markdown]
# Hidden stretches, in ms. Most are longer than a single sound of speech, so that the answer cannot be read off the neighbours.

# %%
edges = np.diff(np.pad(many, ((0, 0), (1, 1))).astype(int), axis=1)
stretches = np.concatenate([np.flatnonzero(row == -1) - np.flatnonzero(row == 1) for row in edges])
figure = go.Figure(
    go.Histogram(x=20 * stretches, xbins={"start": 0, "end": 1500, "size": 20}),
    layout={"xaxis": {"title": "length of a hidden stretch (ms)"}, "yaxis": {"title": "how often"}},
)
show(figure)
print(f"mean {20 * stretches.mean():.0f} ms, median {20 * np.median(stretches):.0f} ms")

# %% [markdown]
# ## 2. The quantizer
#
# What was hidden is a vector of real numbers, $z_t$ as it was before masking. To make it a thing that one can pick, it is replaced by an entry
# of a codebook, which is a learned vector. There are $G$
# codebooks with $V$ entries each, so $V^G$ combinations ($G = 2$, $V = 320$ in the paper; here 16). Rounding has no gradient. The trick:
# choose the entry by a *Gumbel softmax*. With logits $l_v$, noise $n_v = -\ln(-\ln u_v)$, $u_v$ uniform in (0, 1), and a temperature $\tau$:
#
# $$p_v = \frac{e^{(l_v + n_v)/\tau}}{\sum_k e^{(l_k + n_k)/\tau}}$$
#
# The forward pass takes the entry with the largest $p_v$; the backward pass uses $p$ itself.

# %%
logits = torch.tensor([2.0, 1.5, 0.5, 0.0, -1.0, -2.0])


def gumbel(logits, tau, seed):
    """The formula. torch draws the noise as the negative logarithm of exponential numbers, which is the same distribution."""
    torch.manual_seed(seed)
    noise = -torch.empty_like(logits).exponential_().log()
    return ((logits + noise) / tau).softmax(dim=-1)


torch.manual_seed(3)
by_torch = gumbel_softmax(logits, tau=0.7)
check(torch.allclose(gumbel(logits, 0.7, 3), by_torch), "the formula is torch's gumbel_softmax")
picked = torch.stack([gumbel(logits, 1.0, seed) for seed in range(2000)]).argmax(dim=-1)
often = torch.bincount(picked, minlength=6) / 2000
check(torch.allclose(often, logits.softmax(dim=-1), atol=0.05), "an entry is drawn as often as its softmax probability says")


# %%
def temperature(figure, tau, draw):
    figure.data[1].y = gumbel(logits, tau, draw).tolist()


names = [f"entry {v}" for v in range(6)]
figure = go.Figure(
    [go.Bar(x=names, y=logits.softmax(dim=-1).tolist(), name="softmax"), go.Bar(x=names, name="one draw with noise")],
    layout={"yaxis": {"title": "probability", "range": [0, 1]}},
)
show(figure, temperature, tau=FloatSlider(value=2, min=0.1, max=5, step=0.1), draw=IntSlider(0, 0, 20))

# %% [markdown]
# Move the temperature: high means soft (all entries get some gradient), low means nearly one choice. Training goes from high to low.
#
# ## 3. A small network
#
# The same classes as the real one, in small: four convolutions with one frame every 320 samples, three transformer layers.

# %%
torch.manual_seed(0)
NEGATIVES = 20
config = Wav2Vec2Config(
    conv_dim=(64,) * 4,
    conv_kernel=(20, 8, 4, 4),
    conv_stride=(10, 8, 2, 2),
    conv_bias=True,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    hidden_size=96,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=192,
    num_conv_pos_embeddings=32,
    num_conv_pos_embedding_groups=4,
    num_codevector_groups=2,
    num_codevectors_per_group=16,
    codevector_dim=32,
    proj_codevector_dim=32,
    num_negatives=NEGATIVES,
    diversity_loss_weight=0.5,
    feat_proj_dropout=0.0,
    feat_quantizer_dropout=0.0,
    hidden_dropout=0.0,
    attention_dropout=0.0,
    activation_dropout=0.0,
    layerdrop=0.0,
)
network = Wav2Vec2ForPreTraining(config)
print(f"{sum(p.numel() for p in network.parameters()) / 1e3:.0f} thousand weights; the Large model has 317 million")


def crops(count, seconds=2):
    """(count, samples) stretches from anywhere in the clips."""
    length = int(seconds * RATE)
    chosen = [waveforms[i] for i in random.integers(len(waveforms), size=count)]
    starts = [int(random.integers(len(w) - length)) for w in chosen]
    return torch.stack([w[s : s + length] for w, s in zip(chosen, starts, strict=True)])


def distractors(hidden):
    """(clips, frames, NEGATIVES) places, counted over the whole batch: other hidden frames of the same clip."""
    clips, frames = hidden.shape
    found = np.zeros((clips, frames, NEGATIVES), dtype=int)
    for b in range(clips):
        places = np.flatnonzero(hidden[b])
        for t in places:
            others = places[places != t]
            found[b, t] = b * frames + random.choice(others, NEGATIVES)
    return torch.from_numpy(found)


# %% [markdown]
# ## 4. The loss
#
# The transformer gets the sound with the hidden frames replaced, and gives a vector $c_t$ for each. It should be similar to the true code $q_t$,
# and dissimilar to the *distractors*: the codes of $K$ other hidden frames of the same clip. The line-up $Q_t$ holds $q_t$ and the $K$ distractors. With
# the cosine as similarity and $\kappa = 0.1$ (paper, equation 3):
#
# $$\mathcal{L}_m = -\ln \frac{e^{\cos(c_t, q_t)/\kappa}}{\sum_{\tilde q \in Q_t} e^{\cos(c_t, \tilde q)/\kappa}}$$
#
# The right answer is one of the terms of the sum, so the fraction is at most 1 and the loss is never below 0.
#
# On its own, this loss could be gamed: use one code for everything. So there is a reward for using all entries equally. With $\bar p_{g,v}$
# the mean use of an entry, and $\exp H$ the effective number of entries in use (the *perplexity*):
#
# $$\mathcal{L}_d = \frac{GV - \sum_g \exp H(\bar p_g)}{GV}$$
#
# The network learns from $\mathcal{L}_m + \alpha \mathcal{L}_d$. The paper has $\alpha = 0.1$; here it is `diversity_loss_weight=0.5`, because so short a
# training needs a stronger push. By hand against transformers:

# %%
network.eval()
sound = crops(4)
frames = int(network._get_feat_extract_output_lengths(sound.shape[1]))
hidden = masks(4, frames)
wrong = distractors(hidden)
with torch.no_grad():
    answer = network(sound, mask_time_indices=torch.from_numpy(hidden), sampled_negative_indices=wrong)
    said, codes = answer.projected_states, answer.projected_quantized_states  # (clips, frames, 32) both
    lineup = torch.cat([codes[None], codes.reshape(-1, 32)[wrong].permute(2, 0, 1, 3)])  # (1 + K, clips, frames, 32)
    likeness = cosine_similarity(said[None], lineup, dim=-1) / config.contrastive_logits_temperature
    same = (lineup[1:] == codes[None]).all(dim=-1)  # a "wrong" answer with the right code is none
    likeness[1:][same] = -torch.inf
    scores = likeness.permute(1, 2, 0)[torch.from_numpy(hidden)]  # (hidden frames, 1 + K)
    by_hand = cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long), reduction="sum")
check((by_hand >= 0).item(), "the loss is not below 0")
check(torch.allclose(by_hand, answer.contrastive_loss, rtol=1e-4), "the contrastive loss by hand is the one of transformers")
groups, entries = config.num_codevector_groups, config.num_codevectors_per_group
diversity = (groups * entries - answer.codevector_perplexity) / (groups * entries)
check(torch.allclose(diversity * hidden.sum(), answer.diversity_loss, rtol=1e-4), "so is the diversity loss")


# %% [markdown]
# ## 5. A minute of training


# %%
def measured(scores):
    """(accuracy, accuracy of chance), of line-ups whose wrong answers with the right code are out."""
    left = torch.isfinite(scores).sum(dim=-1)
    contested = left > 1
    return (scores.argmax(dim=-1) == 0)[contested].float().mean().item(), (1 / left[contested]).mean().item()


def lineup_scores(answer, hidden, wrong):
    codes = answer.projected_quantized_states
    lineup = torch.cat([codes[None], codes.reshape(-1, codes.shape[-1])[wrong].permute(2, 0, 1, 3)])
    likeness = cosine_similarity(answer.projected_states[None], lineup, dim=-1)
    likeness[1:][(lineup[1:] == codes[None]).all(dim=-1)] = -torch.inf
    return likeness.permute(1, 2, 0)[hidden]


optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
history = []
network.train()
for step in range(STEPS):
    for group in optimizer.param_groups:
        group["lr"] = 2e-3 * min(1, (step + 1) / 20, 2 * (STEPS - step) / STEPS)
    network.quantizer.temperature = max(0.5, 2 * 0.99**step)
    sound = crops(6)
    hidden = masks(6, frames)
    wrong = distractors(hidden)
    answer = network(sound, mask_time_indices=torch.from_numpy(hidden), sampled_negative_indices=wrong)
    (answer.loss / hidden.sum()).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        right, chance = measured(lineup_scores(answer, torch.from_numpy(hidden), wrong))
    history.append((answer.contrastive_loss.item() / hidden.sum(), right, chance, answer.codevector_perplexity.item()))
loss, right, chance, perplexity = np.array(history).T

# %%
smooth = np.ones(9) / 9
figure = go.Figure(layout={"xaxis": {"title": "step"}, "yaxis": {"title": "accuracy", "rangemode": "tozero"}})
figure.add_trace(go.Scatter(y=np.convolve(right, smooth, "valid"), name="the network"))
figure.add_trace(go.Scatter(y=np.convolve(chance, smooth, "valid"), name="chance", line={"dash": "dot"}))
show(figure)
figure = go.Figure(
    layout={"xaxis": {"title": "step"}, "yaxis": {"title": "perplexity (entries in use)", "range": [0, groups * entries]}}
)
figure.add_trace(go.Scatter(y=perplexity))
show(figure)
reveal(share_right, right[-20:].mean(), f"right in the last 20 steps (chance: {chance[-20:].mean():.3f})")
check(
    right[-20:].mean() > 1.5 * chance[-20:].mean(),
    "the network is clearly better than chance",
    "train longer: set STEPS to 400",
)
check(perplexity[-20:].mean() > 4, "the codebook has not collapsed to a single entry")

# %% [markdown]
# ## 6. What has it learned?
#
# For one clip: how alike is what the network says about a hidden frame (row) to the code of every frame (column)? Blue is alike, red unlike;
# black dots are the right answers. What comes first is the coarsest thing: silence against speech. To tell the sounds of speech apart
# takes longer than a minute; look for the first signs of it.

# %%
network.eval()
sound = waveforms[0][None, : 4 * RATE]
count = int(network._get_feat_extract_output_lengths(sound.shape[1]))
hidden = masks(1, count)
with torch.no_grad():
    answer = network(sound, mask_time_indices=torch.from_numpy(hidden))
    alike = cosine_similarity(answer.projected_states[0][:, None], answer.projected_quantized_states[0][None], dim=-1).numpy()
    chosen = (
        network.quantizer.weight_proj(network.wav2vec2(sound).extract_features)[0]
        .view(count, groups, entries)
        .argmax(dim=-1)
        .numpy()
    )
rows = np.flatnonzero(hidden[0])
figure = go.Figure(
    go.Heatmap(
        z=(100 * alike[rows]).astype(np.int8),
        x0=0,
        dx=0.02,
        y=[f"{0.02 * t:.2f}" for t in rows],
        zmid=0,
        colorscale="RdBu",
        colorbar={"title": "cosine (%)"},
    ),
    layout={
        "height": 460,
        "xaxis": {"title": "code of the frame at (s)"},
        "yaxis": {"title": "hidden frame (s)", "type": "category"},
        "legend": {"orientation": "h", "y": 1.1},
    },
)
here = {"size": 3, "color": "black"}
figure.add_scatter(x=0.02 * rows, y=[f"{0.02 * t:.2f}" for t in rows], mode="markers", marker=here, name="the right answer")
show(figure)

# %% [markdown]
# Which entries of the two codebooks does each frame get? Loud and silent stretches, vowels and noise should differ.

# %%
figure = go.Figure(layout={"xaxis": {"title": "time (s)"}, "yaxis": {"title": "entry"}})
for g in range(groups):
    figure.add_trace(
        go.Scatter(x=0.02 * np.arange(count), y=chosen[:, g], mode="markers", marker={"size": 4}, name=f"codebook {g + 1}")
    )
show(figure)
pairs = {tuple(row) for row in chosen.tolist()}
print(f"{len(pairs)} of {entries**groups} combinations are in use in this clip")
size = np.array([waveforms[0][t * 320 : t * 320 + 320].std().item() for t in range(count)])
table(
    ["entry of codebook 1", "frames", "mean loudness of its frames (standard deviation)"],
    [[int(v), int((chosen[:, 0] == v).sum()), size[chosen[:, 0] == v].mean()] for v in np.unique(chosen[:, 0])],
)

# %% [markdown]
# The real thing differs in scale: 53,000 hours, 317 million weights, 600,000 steps on 128 GPUs. It also differs in these points (paper,
# section 4.2):
#
# | | here | the paper's Large model |
# |---|---|---|
# | distractors $K$ | 20 | 100 |
# | weight $\alpha$ of the diversity loss | 0.5 | 0.1 |
# | temperature of the Gumbel softmax | 2, then 1 % less in each step, not below 0.5 | 2, slowly down to 0.1 |
# | starts of masks | each frame on its own | a fixed share, without replacement |
# | dropout | none | yes, and whole layers are left out at random |
#
# After it the quantizer is thrown away, a new head with a label for each character is put on the transformer, and CTC teaches it to write (notebooks
# [06](06_ctc_by_hand.ipynb) and [13](13_fine_tune_your_own.ipynb)). The bundled `w2v-mini` was not made in this way. Four of its transformer
# layers are copies of layers of Whisper tiny.en, which were then trained further; its first layers were constructed; then CTC with transcribed
# speech taught it to write (see its card). It never played this game.
#
# ## Exercises
#
# 1. Set $p = 0.2$. What share is hidden? Do the sum first, then let `masks` measure it.
# 2. Set `diversity_loss_weight=0` and train again. What happens to the perplexity?
# 3. Take the distractors from all clips instead of the same one. Why does the share of right answers go up, and why is that a pity?
# 4. How many bits does a pair of codes carry at most in a second, here and in the paper ($V = 320$, $G = 2$, 50 frames)?
#
# <details><summary>Solutions</summary>
#
# 1. $1 - 0.8^{10} = 0.89$: hardly anything is left to guess from.
#
# ```python
# starts = random.random((200, 1000)) < 0.2
# print(np.stack([starts[:, max(0, t - M + 1) : t + 1].any(axis=1) for t in range(1000)], axis=1).mean(), 1 - 0.8**M)
# ```
#
# 2. It tends to fall: with fewer codes in use, more line-ups are won without knowing anything. Change the number in the cell of section 3,
#    and run the cells of sections 3 and 5 again.
#
# 3. Another clip is another voice, room and loudness. Those are easy to tell apart and say nothing about the words; so the network would
#    learn voices instead of sounds (paper, section 3.2: distractors "from the same utterance").
#
# 4. $50 \cdot 2 \log_2 V$ bits a second:
#
# ```python
# for size in (entries, 320):
#     print(size, "entries:", 50 * groups * np.log2(size), "bits a second")
# ```
#
# </details>
#
# ## Three questions to take along
#
# 1. In the curve of right answers: does the chance line rise with time, and what does that say about the codes?
# 2. In the likeness picture: which two kinds of frames form the large blocks? Is any row of speech bluest at its dot?
# 3. In the table of entries: is loudness one of the first things that the codebook learns? Why would that help in the game?
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), sections 2, 3 and 4.2 · Jang, Gu, Poole,
# [Categorical reparameterization with Gumbel-softmax](https://arxiv.org/abs/1611.01144), 2016 · van den Oord, Li, Vinyals,
# [Contrastive predictive coding](https://arxiv.org/abs/1807.03748), 2018.
#
# [the course](README.md) · before: [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb) · next:
# [12 Few labels and self-training](12_few_labels_and_self_training.ipynb)
