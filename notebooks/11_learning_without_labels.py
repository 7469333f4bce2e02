# %% [markdown]
# # 11 · Learning without labels
#
# [the course](README.md) · before: [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb) · next:
# [12 Few labels and self-training](12_few_labels_and_self_training.ipynb)
#
# The Large model heard 53,000 hours of speech before it saw the first letter. What can be learned from sound alone? wav2vec 2.0 plays a
# guessing game: hide stretches of the sound, and pick what was hidden from a line-up.
#
# | | |
# |---|---|
# | **You will** | play the game yourself; write the mask, the contrastive loss and the perplexity; train a very small network for some seconds, and look at one that has played longer; see which sounds its codes stand for; tell wav2vec 2.0 from HuBERT and Whisper |
# | **Time** | 45 minutes |
# | **You need** | [03](03_what_the_convolutions_hear.ipynb); what a softmax is |

# %%
import numpy as np
import torch
from figures import guessing_game
from guessing import RATE, Game, Lineup, distractors, lineups, masks, small_network
from ipywidgets import FloatSlider, IntSlider
from lesson import answer, check, exercise, flite_clips, predict, show
from plots import draw_gumbel, draw_histogram, draw_learning, draw_three_models, draw_use
from torch.nn.functional import cross_entropy, gumbel_softmax

from w2vkit import load

clips = flite_clips()
waveforms = [load(clip.path).samples for clip in clips]
waveforms = [torch.from_numpy((w - w.mean()) / w.std()) for w in waveforms]

# %% [markdown]
# ## 1. You play first
#
# `data/contrastive.npz` holds a small network of the same kind as wav2vec 2.0 that has played the game without any labels, on sentences
# of three synthetic voices (`training/contrastive.py`). The six clips of this notebook (in `data/flite`) are other sentences. Below, 200 ms of a clip are hidden.
# Five stretches of the same clip are offered, and one of them is what was there. Listen, and pick.


# %%
data = np.load("data/contrastive.npz")
trained = small_network()
weights = {name: torch.from_numpy(data[name].astype(np.float32)) for name in trained.state_dict()}
trained.load_state_dict(weights)
trained.eval()
PHONES = [data[f"phones{k}"] for k in range(len(clips))]  # flite's phones of each clip
ENDS = [data[f"ends{k}"] / 1000 for k in range(len(clips))]  # and their ends, s
lineup = Lineup(trained, waveforms, PHONES, ENDS)

# %%
rounds, clips_used = lineup.rounds(8, clips=[0, 2, 4], seed=5)
guessing_game([waveforms[k].numpy() / 8 for k in clips_used], RATE, rounds)

# %%
better = predict(
    "Over 200 such rounds, how often does the network pick the right one of five?",
    "about 1 in 5, as by chance",
    "about half",
    "nearly always",
)

# %%
tries, _ = lineup.rounds(200, clips=range(len(clips)), seed=0)
won = np.mean([one["network"] == one["right"] for one in tries])
answer(
    better,
    better.options[0] if won < 0.3 else better.options[1] if won < 0.75 else better.options[2],
    f"In {won:.0%}. It never saw a letter, nor a word. The edges of the hole help, because a "
    "sound goes on across them; between them it has to know which sounds can follow which, in "
    "which voice. The rest of this notebook shows how it learned that.",
)
check(won > 0.3, "the network is better than chance (20 %) by more than three standard errors")

# %% [markdown]
# ## 2. Masking
#
# After the convolutions there is one vector every 20 ms, $z_t$. Every frame starts a mask with probability $p$, and a mask hides $M$ frames
# in a row; masks may overlap (paper, section 3.1; the values $p = 0.065$ and $M = 10$ are in section 4.2). The hidden vectors are replaced, all by the
# same learned vector, before they go into the transformer. (The paper draws a fixed fraction $p$ of
# all frames as starts, without replacement; here each frame decides on its own, which makes the sum easy.)
#
# **Your turn 1.** Write the mask.


# %%
def hidden_frames(starts, length):
    """starts: (T,) booleans, a mask starts here; gives (T,) booleans, hidden."""
    ...  # your turn


exercise(
    hidden_frames,
    (([1, 0, 0, 0], 2), [True, True, False, False], "A mask begins at its start."),
    (([1, 1, 0, 0, 0], 2), [True, True, True, False, False], "Masks may overlap."),
    (([0, 0, 1], 2), [False, False, True], "A mask ends with the sound."),
)

# %% [markdown]
# {{solution 1}}
#
# A frame stays visible only if none of the $M$ frames up to it starts a mask: the fraction hidden is $1 - (1 - p)^M$.

# %%
P, M = 0.065, 10
many = masks(200, 1000, np.random.default_rng(0))
expected = 1 - (1 - P) ** M
print(f"hidden: {many.mean():.3f}; the formula says {expected:.3f}")
check(abs(many.mean() - expected) < 0.02, "about half of all frames are hidden")
edges = np.diff(np.pad(many, ((0, 0), (1, 1))).astype(int), axis=1)
stretches = [np.flatnonzero(row == -1) - np.flatnonzero(row == 1) for row in edges]
lengths = 20 * np.concatenate(stretches)
show(
    draw_histogram(np.minimum(lengths, 1500), "length of a hidden stretch (ms)", 20),
    alt="A histogram: most hidden stretches have 200 ms, some are much longer.",
)
print(f"mean {lengths.mean():.0f} ms (the paper has 299 ms), median {np.median(lengths):.0f} ms")

# %% [markdown]
# ## 3. The quantizer
#
# What was hidden is a vector of real numbers. The answer of the game is $z_t$ as the convolutions gave it, **not masked**: the quantizer gets what the
# transformer must guess. Its input is only that, the 25 ms around the frame in the paper's models (51 ms in the small network here), not the context.
#
# To make it a thing that one can pick, $z_t$ is replaced
# by entries of codebooks, which are learned vectors. There are $G$
# codebooks with $V$ entries each, so $V^G$ combinations ($G = 2$, $V = 320$ in the paper; here 16); the chosen vectors are joined and mapped by a
# matrix to $q_t$ (*product quantization*).
#
# Rounding has no gradient. The trick:
# choose the entry by a *Gumbel softmax*. With logits $l_v$, noise $n_v = -\ln(-\ln u_v)$, $u_v$ uniform in (0, 1), and a temperature $\tau$:
#
# $$p_v = \frac{e^{(l_v + n_v)/\tau}}{\sum_k e^{(l_k + n_k)/\tau}}$$
#
# The forward pass takes the entry with the largest $p_v$; the backward pass uses $p$ itself.

# %%
logits = torch.tensor([2.0, 1.5, 0.5, 0.0, -1.0, -2.0])


def gumbel(logits, tau, seed):
    """The formula. torch draws -ln u as exponential numbers, which is the same distribution."""
    torch.manual_seed(seed)
    noise = -torch.empty_like(logits).exponential_().log()
    return ((logits + noise) / tau).softmax(dim=-1)


torch.manual_seed(3)
by_torch = gumbel_softmax(logits, tau=0.7)
check(torch.allclose(gumbel(logits, 0.7, 3), by_torch), "the formula is torch's gumbel_softmax")
picked = torch.stack([gumbel(logits, 1.0, seed) for seed in range(2000)]).argmax(dim=-1)
often = torch.bincount(picked, minlength=6) / 2000
same = torch.allclose(often, logits.softmax(dim=-1), atol=0.05)
check(same, "an entry is drawn as often as its softmax probability says")
figure, move = draw_gumbel(logits.numpy(), lambda tau, seed: gumbel(logits, tau, seed).tolist())
show(
    figure,
    move,
    tau=FloatSlider(2, min=0.1, max=5, step=0.1),
    seed=IntSlider(0, 0, 20),
    alt="Bars of the softmax of six logits, and beside them one draw with noise.",
)

# %% [markdown]
# Move the temperature: high means soft (all entries get some gradient), low means nearly one choice. Training goes from high to low.
#
# ## 4. The loss
#
# The transformer gets the sound with the hidden frames replaced, and gives a vector $c_t$ for each. It should be similar to the true code $q_t$,
# and dissimilar to the *distractors*: the codes of $K$ other hidden frames of the same clip. The line-up $Q_t$ holds $q_t$ and the $K$ distractors. With
# the cosine as similarity and $\kappa = 0.1$ (paper, equation 3):
#
# $$\mathcal{L}_m = -\ln \frac{e^{\cos(c_t, q_t)/\kappa}}{\sum_{\tilde q \in Q_t} e^{\cos(c_t, \tilde q)/\kappa}}$$
#
# The right answer is one of the terms of the sum, so the fraction is at most 1 and the loss is never below 0. A distractor that happens to have
# the same code as the right answer is left out of the sum: nobody could tell the two apart.
#
# **Your turn 2.** Write the loss of one frame.


# %%
def contrastive_loss(c, lineup, kappa):
    """c: (d,); lineup: (1 + K, d), the true code first."""
    ...  # your turn


right, up = np.array([1.0, 0.0]), np.array([0.0, 1.0])
exercise(
    contrastive_loss,
    ((right, np.array([right]), 0.1), 0.0, "Alone in the line-up, the true code is certain."),
    ((right, np.array([up, up, up]), 0.1), np.log(3), "All equal: one in three, ln 3."),
    ((2 * right, np.array([right, up]), 1.0), np.log(1 + np.exp(-1)), "A cosine has no length."),
)

# %% [markdown]
# {{solution 2}}
#
# On its own, this loss could be gamed: with one code for everything, all distractors are left out and the loss is 0. So there is a reward for
# using all entries equally. With $\bar p_{g,v}$
# the mean use of an entry in a batch, $\exp H$ is the effective number of entries in use (the *perplexity*), where $H$ is the entropy in nats:
#
# $$\mathcal{L}_d = \frac{GV - \sum_g \exp H(\bar p_g)}{GV}$$
#
# (Equation 4 of the paper has $-H$ in place of $-\exp H$; a footnote gives this form, which its code computes.)
#
# **Your turn 3.** Write the perplexity of one codebook.


# %%
def perplexity(p):
    """p: (V,) probabilities, some of them 0. Gives a number from 1 to V."""
    ...  # your turn


exercise(
    perplexity,
    ((np.full(4, 0.25),), 4.0, "All four equally: 4 in use."),
    ((np.array([0.5, 0.5, 0.0, 0.0]),), 2.0, "0 ln 0 counts as 0."),
    ((np.array([0.9, 0.1]),), 0.9**-0.9 * 0.1**-0.1, "exp of the entropy."),
)

# %% [markdown]
# {{solution 3}}
#
# The network learns from $\mathcal{L}_m + \alpha \mathcal{L}_d$. The paper has $\alpha = 0.1$; here it is 0.5, because so short a
# training needs a stronger push. By hand against transformers, on an untrained network:

# %%
torch.manual_seed(0)
network = small_network()
config = network.config
count = sum(p.numel() for p in network.parameters())
print(f"{count / 1e3:.0f} thousand weights; the Large model has 317 million")
game = Game(waveforms, seed=0)
network.eval()
sound = game.crops(4)
frames = int(network._get_feat_extract_output_lengths(sound.shape[1]))
hidden = masks(4, frames, game.random)
masked = torch.from_numpy(hidden)
wrong = distractors(hidden, game.random)  # (clips, frames, 20): other hidden frames of the clip
with torch.no_grad():
    said = network(sound, mask_time_indices=masked, sampled_negative_indices=wrong)
    cosines = lineups(said.projected_states, said.projected_quantized_states, hidden, wrong)
    scores = cosines / config.contrastive_logits_temperature  # (hidden frames, 1 + 20)
    first = torch.zeros(len(scores), dtype=torch.long)  # the right answer is the first of each
    by_hand = cross_entropy(scores, first, reduction="sum")
check(by_hand.item() >= 0, "the loss is not below 0")
same = torch.allclose(by_hand, said.contrastive_loss, rtol=1e-4)
check(same, "the contrastive loss, as a cross-entropy, is the one of transformers")
both = config.num_codevector_groups * config.num_codevectors_per_group
diversity = (both - said.codevector_perplexity) / both * hidden.sum()
check(torch.allclose(diversity, said.diversity_loss, rtol=1e-4), "so is the diversity loss")

# %% [markdown]
# ## 5. Training
#
# The line-up has one right answer and 20 wrong ones: by chance 1 in 21 is right, and the loss of one who guesses is $\ln 21 = 3.04$ nats (both for
# a line-up in which no distractor is left out). First forty steps, here and now, on the six clips; then what
# the network of section 1 did in a longer training of the same kind, whose history is stored.

# %%
options = ("below 10 %", "10 to 20 %", "above 20 %")
after = predict("What fraction is right after the longer training, on new sentences?", *options)

# %%
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
now = []
network.train()
for step in range(40):
    network.quantizer.temperature = 2 * 0.99**step
    played = game.play(network, 4)
    played.loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    now.append(played.measured())  # loss, fraction right, fraction by chance, entries in use
now = np.array(now)
early, late = now[:5, 0].mean(), now[-5:, 0].mean()
print(f"loss: {early:.2f} nats in the first five steps, {late:.2f} in the last five; ln 21 = 3.04")
check(late < early, "the loss falls")

# %%
history, held = data["history"].T, data["held"].T
lines = {
    "sentences of the training": (history[0], history[2]),
    "sentences never heard": (held[0], held[2]),
    "chance": (history[0], history[3]),
    "here and now": (np.arange(5, 41, 5), now[:, 1].reshape(-1, 5).mean(axis=1)),
}
show(
    draw_learning(lines, "fraction right of 21"),
    alt="The fraction right over the steps of training. It rises from chance, 5 %, steadily, for "
    "sentences of the training and for others alike; chance stays where it is.",
    closed="Open the figure",
)
seconds = history[0][-1] * 4 * 2
reached, chance = held[2][-3:].mean(), held[3][-3:].mean()
answer(
    after,
    options[0] if reached < 0.1 else options[1] if reached < 0.2 else options[2],
    f"{reached:.0%}, against {chance:.1%} by chance, after {history[0][-1]:.0f} steps "
    f"({seconds / 3600:.1f} hours in stretches of 2 s, all cut from the same four minutes). "
    "Sentences that it never heard are as easy as those of the training: it did not learn them by "
    "heart. "
    "But they have the same words and voices. Whether other voices are as easy, this does not "
    "show.",
)
check(reached > 3 * chance, "more than three times as often right as by chance")
apart = abs(reached - history[2][-15:].mean())
check(apart < 0.05, "new sentences are at most 5 points harder or easier")
used = held[4][-1]
print(f"perplexity of both codebooks together: {used:.0f} of {both} entries in use")
check(used > 0.5 * both, "the codebooks have not collapsed")

# %% [markdown]
# ## 6. What has it learned?
#
# Which entries of the codebooks do the sounds of speech get? The synthesiser of the clips, flite, knows which phone it speaks at each
# moment. The network was never told.

# %%
KINDS = {
    "silence": "pau",
    "vowels": "aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw",
    "stops (b, k, t ...)": "b d g k p t ch jh",
    "fricatives (s, f ...)": "s z sh zh f v th dh hh",
    "nasals (m, n, ng)": "m n ng",
    "liquids, glides (l, r, w, y)": "l r w y",
}
kind_of = {phone: kind for kind, phones in KINDS.items() for phone in phones.split()}
codes, kinds = [], []
for clip, waveform in enumerate(waveforms):
    with torch.no_grad():
        z = trained.wav2vec2(waveform[None]).extract_features[0]
        best = trained.quantizer.weight_proj(z).view(len(z), 2, -1).argmax(dim=-1).numpy()
    times = (320 * np.arange(len(z)) + 405) / RATE  # the middle of the 810 samples of each frame
    spoken = np.searchsorted(ENDS[clip], times)
    names = [*(kind_of[p] for p in PHONES[clip]), "silence"]
    codes.append(best)
    kinds += [names[k] for k in spoken]
codes, kinds = np.concatenate(codes), np.array(kinds)
pairs = {tuple(pair) for pair in codes.tolist()}
print(f"{len(codes)} frames, {len(pairs)} of 256 pairs of entries in use")

# %%
GUESS = ("hardly more often than without it", "somewhat more often", "nearly always")
knows = predict(
    "How often does a frame's entry in the first codebook tell its kind of sound, of the six?",
    *GUESS,
)


# %%
def table_of(entries):
    """(kinds, entries) how many frames of a kind have an entry."""
    return np.array([[((kinds == k) & (entries == v)).sum() for v in range(16)] for k in KINDS])


counts = table_of(codes[:, 0])
show(
    draw_use(counts, list(KINDS)),
    alt="A table of six kinds of sounds by sixteen entries of the first codebook. Most entries "
    "belong mainly to one kind: one to silence, several to vowels, some to fricatives.",
    closed="Open the figure",
)
with_code = counts.max(axis=0).sum() / counts.sum()  # an entry stands for its most frequent kind
without = counts.sum(axis=1).max() / counts.sum()
mixed = table_of(np.random.default_rng(0).permutation(codes[:, 0]))
shuffled = mixed.max(axis=0).sum() / mixed.sum()
answer(
    knows,
    GUESS[0] if with_code < without + 0.05 else GUESS[1] if with_code < 0.9 else GUESS[2],
    f"{with_code:.0%} with the entry of the first codebook; {without:.0%} if one always says the "
    f"most frequent kind, and {shuffled:.0%} with shuffled entries. The paper shows the same for "
    "phones (appendix D): many of its codes specialise in one phone.",
)
check(with_code > shuffled + 0.05, "the entries tell kinds of sound apart")

# %% [markdown]
# The real thing differs in scale: 53,000 hours, 317 million weights, 600,000 steps on 128 GPUs. It also differs in these points (paper,
# section 4.2):
#
# | | here | the paper's Large model |
# |---|---|---|
# | distractors $K$ | 20 | 100 |
# | weight $\alpha$ of the diversity loss | 0.5 | 0.1 |
# | temperature of the Gumbel softmax | from 2 down to 0.5 | 2, slowly down to 0.1 |
# | starts of masks | each frame on its own | a fixed fraction, without replacement |
# | sound in a batch | 4 stretches of 2 s | 2.7 hours, in stretches of up to 20 s |
# | entries in a codebook $V$ | 16 | 320 |
#
# After it the quantizer is thrown away, a new output layer with a label for each character is put on the transformer, and CTC teaches it to write (notebooks
# [06](06_ctc_by_hand.ipynb) and [13](13_fine_tune_your_own.ipynb)). The bundled `w2v-mini` was not made in this way. Four of its six
# transformer layers began as the encoder of Whisper tiny.en; its convolutions were constructed; then CTC with transcribed
# speech taught it to write (see its card). It never played this game.
#
# ## 7. Two relatives: HuBERT and Whisper
#
# HuBERT (Hsu et al., 2021) has the network of wav2vec 2.0 and another game. Whisper (Radford et al., 2022) has another network and no game.

# %%
NONE_NEEDED = ("only wav2vec 2.0", "wav2vec 2.0 and HuBERT", "all three")
unlabelled = predict("Which of the three begin with sound that has no transcripts?", *NONE_NEEDED)

# %%
show(
    draw_three_models(waveforms[0].numpy(), RATE),
    alt="Three columns: wav2vec 2.0, HuBERT, Whisper. wav2vec 2.0 and HuBERT take the waveform, "
    "fill holes in sound without transcripts, and give a label for every frame. Whisper takes a "
    "spectrogram, learns from transcripts only, and gives word pieces one after another.",
    closed="Open the picture",
)
answer(
    unlabelled,
    NONE_NEEDED[1],
    "wav2vec 2.0 picks the hidden code from a line-up, and learns the codes along with the rest. "
    "HuBERT names the hidden frame's cluster; the clusters are found before, by k-means, so "
    "that there is nothing to collapse. Whisper learns from 680,000 hours with transcripts.",
)

# %% [markdown]
# What follows for the user: a CTC model gives a label for each frame. So its letters have times, each label is chosen from the sound alone, whatever the other labels are, and
# what it writes is close to what was said. Whisper's decoder predicts each piece of text from the sound and from the text so far. It writes capitals and
# punctuation, needs no language model beside it, and can write fluent text that nobody said, above all in silence.
#
# ## Three questions
#
# 1. Why are the distractors taken from the same clip, and not from all clips?
# 2. How many bits does a pair of codes carry at most in a second, here and in the paper ($V = 320$, $G = 2$, 50 frames)?
# 3. What if $p = 0.2$: which fraction is hidden, and what would the network learn?
#
# {{solution 4}}
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), sections 2, 3 and 4.2, appendix D · Jang, Gu, Poole,
# [Categorical reparameterization with Gumbel-softmax](https://arxiv.org/abs/1611.01144), 2016 · van den Oord, Li, Vinyals,
# [Contrastive predictive coding](https://arxiv.org/abs/1807.03748), 2018 · Hsu et al., [HuBERT](https://arxiv.org/abs/2106.07447), 2021 · Radford et al.,
# [Whisper](https://arxiv.org/abs/2212.04356), 2022.
#
# [the course](README.md) · before: [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb) · next:
# [12 Few labels and self-training](12_few_labels_and_self_training.ipynb)
