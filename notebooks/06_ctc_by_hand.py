# %% [markdown]
# # 06 · CTC by hand
#
# [the course](README.md) · before: [05 Letters from frames](05_letters_from_frames.ipynb) · next:
# [07 Beams and words](07_beams_and_words.ipynb)
#
# The model was taught with sentences of which nobody had said *when* each letter is spoken. Connectionist temporal
# classification (CTC) makes that possible: it counts every alignment of the text to the frames as correct. There are
# more alignments than atoms in the Earth, and yet the sum over all of them takes twenty lines.
#
# | | |
# |---|---|
# | **You will** | draw paths through the lattice of a word; write the step that adds them all up; check it against brute force and torch; see the gradient that pulls, and how long it lets a letter last |
# | **Time** | 60 minutes |
# | **You need** | [05](05_letters_from_frames.ipynb), logarithms, what a gradient is |

# %%
from itertools import groupby, product

import numpy as np
import torch
from figures import draw_lattice
from ipywidgets import Dropdown, SelectionSlider
from lesson import answer, check, closed, closest, exercise, predict, show, sign, table
from plots import draw_labels, draw_lines, draw_occupancy, draw_two_bars

from w2vkit.audio import load
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"

# %% [markdown]
# ## A sound of seven frames
#
# A toy: four labels, the blank first (written ε), and seven frames. The rows are distributions, $p_t(v)$ = `probabilities[t, v]`, and CTC
# takes frames as independent given the sound: a path $\pi$ has the probability $\prod_t p_t(\pi_t)$.

# %%
LABELS = "εBED"  # the blank is column 0
NAMES = list(LABELS)
T, V = 7, len(LABELS)
logits = np.random.default_rng(3).normal(0, 0.6, (T, V))
for frame, label in enumerate("BBEεEEε"):
    logits[frame, LABELS.index(label)] += 1.6  # the sound is a little like BEE
log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)  # (T, V)
probabilities = np.exp(log_probs)
figure, _ = draw_labels(probabilities, NAMES, "Seven frames of a toy sound", numbers=True)
show(figure, alt="Labels by frames. B leads in frames 1 and 2, E in 4 and 5, the blank elsewhere.")

# %% [markdown]
# ## Brute force: look at all paths
#
# With 4 labels and 7 frames there are 4⁷ = 16,384 paths. Each collapses to one text (join runs, drop blanks); a text's
# probability is the sum over its paths:
#
# $$P(y \mid x) = \sum_{\pi:\, \mathcal{B}(\pi) = y}\; \prod_{t=1}^{T} p_t(\pi_t)$$

# %%
ratio = predict(
    "BEE has many paths. How much more likely is it than its most likely single path?",
    "about the same", "three times", "thirty times", "a thousand times",
)  # fmt: skip


# %%
def collapse(path):
    """The map B of a tuple of columns: join runs, then drop blanks."""
    return "".join(LABELS[label] for label, _ in groupby(path) if label != 0)


total, best_path, counts = {}, {}, {}
for path in product(range(V), repeat=T):
    p = float(np.prod(probabilities[np.arange(T), path]))
    text = collapse(path)
    total[text] = total.get(text, 0.0) + p
    counts[text] = counts.get(text, 0) + 1
    best_path[text] = max(best_path.get(text, 0.0), p)

top = sorted(total, key=total.get, reverse=True)[:12]
sums, alone = [total[t] for t in top], [best_path[t] for t in top]
show(
    draw_two_bars(top, {"all paths of the text": sums, "its most likely path alone": alone}),
    closed="Open the figure",
    alt="Bars of the 12 most likely texts, and in each a much lower bar for its best path alone.",
)
check(abs(sum(total.values()) - 1) < 1e-9, "they sum to one: every path spells exactly one text")
more = total["BEE"] / best_path["BEE"]
answer(
    ratio,
    closest(ratio, (1, 3, 30, 1000), more),
    f"{more:.1f} times: few of the {counts['BEE']} paths are nearly as likely as the best.",
)

# %% [markdown]
# ## The lattice
#
# Brute force is hopeless for 200 frames. But all paths of a text go through a small lattice. Write the word with a blank
# before, between and after its letters: `ε B ε E ε E ε`, S = 2L + 1 states. From one frame to the next a path may
#
# - stay in its state,
# - go on to the next state,
# - skip a blank between two *different* letters. Between the two Es the blank must be visited, or they would join.
#
# It begins in one of the first two states and ends in one of the last two.
#
# **Click a path.** The counter below tells its probability and the sum of the paths that you have found. How many of the 84 do you need to come near
# P(BEE)? Then press *fill the forward sums*: each column comes from the one before it.

# %%
draw_lattice(LABELS, probabilities, ["BEE", "BED", "BE", "DEED", "B", "EBB"], [1, 1, 3, 4, 5, 5, 6])

# %% [markdown]
# **Your turn 1.** Which states may be reached by skipping the one before them?


# %%
def may_skip(states):
    """A list of bools: may each state of a string such as "εBεEε" follow the one two before?"""
    ...  # your turn


exercise(
    may_skip,
    (("εBεEε",), [False, False, False, True, False], "Only from letter to letter."),
    (("εEεEε",), [False] * 5, "Not between two equal letters: they would join."),
)

# %% [markdown]
# {{solution 1}}
#
# The forward variable $\alpha_t(s)$ is the
# probability of all partial paths that are in state $s$ at frame $t$ (Graves et al., 2006, equations 6 to 8):
#
# $$\alpha_t(s) = p_t(y'_s)\,\bigl(\alpha_{t-1}(s) + \alpha_{t-1}(s-1) + [\text{skip allowed}]\;\alpha_{t-1}(s-2)\bigr)$$
#
# **Your turn 2.** Write one step of it: from the column of frame $t-1$ to that of frame $t$.


# %%
def step(alpha, p, skip):
    """(S,) the next column from the last, the states' probabilities, and allowed skips."""
    ...  # your turn


allowed = np.array([False, False, False, True, False])
ones, start = np.ones(5), np.array([1.0, 1, 0, 0, 0])
exercise(
    step,
    ((start, ones, allowed), np.array([1.0, 2, 1, 1, 0]), "Add itself, one and two before."),
    ((ones, ones, allowed), np.array([1.0, 2, 2, 3, 2]), "Nothing is before the first."),
    ((ones, ones / 2, allowed), np.array([0.5, 1, 1, 1.5, 1]), "At the end multiply with p."),
)

# %% [markdown]
# {{solution 2}}
#
# A product of probabilities becomes very small: a path of 300 frames with 0.5 each has about $10^{-90}$. In float32, whose smallest
# numbers are near $10^{-45}$, that is 0; a longer sound leaves the range of float64, too. So the code below adds logarithms: $\log(a + b)$ is
# `np.logaddexp(log a, log b)`.


# %%
def lattice(labels, blank=0):
    """(S,) columns with blanks around each label, and (S,) where a skip is allowed."""
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skip = np.zeros(len(states), bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    return states, skip


def forward(log_probs, labels, blank=0):
    """(T, S) log alpha."""
    states, skip = lattice(labels, blank)
    alpha = np.full((len(log_probs), len(states)), -np.inf)
    alpha[0, :2] = log_probs[0, states[:2]]
    for t in range(1, len(log_probs)):
        before = np.concatenate([[-np.inf, -np.inf], alpha[t - 1]])  # before[s + 2] is state s
        come = np.logaddexp(before[2:], before[1:-1])
        come = np.where(skip, np.logaddexp(come, before[:-2]), come)
        alpha[t] = come + log_probs[t, states]
    return alpha


def log_probability(log_probs, labels, blank=0):
    """Log P(labels | sound): the paths that end in the last letter or the blank after it."""
    return np.logaddexp.reduce(forward(log_probs, labels, blank)[-1, -2:])


def encode(word):
    """Columns of a word of the toy."""
    return [LABELS.index(letter) for letter in word]


some = ["B", "BE", "BED", "BEE", "DEED"]
by_lattice = {word: np.exp(log_probability(log_probs, encode(word))) for word in some}
rows = [(word, total[word], by_lattice[word]) for word in some]
table(["word", "brute force", "forward"], rows)
check(all(np.isclose(a, b) for _, a, b in rows), "the lattice agrees with all 16,384 paths")

# %% [markdown]
# PyTorch's loss is $-\ln P(y \mid x)$. The same number again, from `torch.nn.functional.ctc_loss`:


# %%
def torch_loss(log_probs, labels, blank=0):
    """-log P(labels | sound) by torch; log_probs is a (T, V) tensor."""
    lengths = [len(log_probs)], [len(labels)]
    arguments = log_probs[:, None], torch.tensor([labels]), *lengths
    return torch.nn.functional.ctc_loss(*arguments, blank=blank, reduction="sum")


loss = torch_loss(torch.from_numpy(log_probs), encode("BEE")).item()
ours = -log_probability(log_probs, encode("BEE"))
print(f"-ln P(BEE) by hand: {ours:.6f} nats, by torch: {loss:.6f} nats")
check(np.isclose(loss, -np.log(total["BEE"])), "by hand = brute force = torch's ctc_loss")

# %% [markdown]
# ## Where is each letter? Forward and backward
#
# $\beta_t(s)$ is the probability of everything *after* frame $t$, from state $s$. It is the same walk from the other end. Then
# $\gamma_t(s) = \alpha_t(s)\,\beta_t(s) / P(y \mid x)$ is the probability that a path which spells the word is in state $s$ at
# frame $t$: the *occupancy*. (Graves et al. count the frame $t$ itself in both, and so have to divide by $p_t(y'_s)$ once.)


# %%
def backward(log_probs, labels, blank=0):
    """(T, S) log beta, without the frame's own probability."""
    states, skip = lattice(labels, blank)
    beta = np.full((len(log_probs), len(states)), -np.inf)
    beta[-1, -2:] = 0.0
    for t in reversed(range(len(log_probs) - 1)):
        after = np.concatenate([beta[t + 1] + log_probs[t + 1, states], [-np.inf, -np.inf]])
        go_on = np.logaddexp(after[:-2], after[1:-1])
        may_skip = np.append(skip[2:], [False, False])  # from s to s + 2
        beta[t] = np.where(may_skip, np.logaddexp(go_on, after[2:]), go_on)
    return beta


def occupancy(log_probs, labels, blank=0):
    """(T, S) gamma: where the paths of the labels are."""
    through = forward(log_probs, labels, blank) + backward(log_probs, labels, blank)
    return np.exp(through - log_probability(log_probs, labels, blank))


gamma = occupancy(log_probs, encode("BEE"))
both = forward(log_probs, encode("BEE")) + backward(log_probs, encode("BEE"))
same = np.allclose(np.logaddexp.reduce(both, axis=1), np.log(total["BEE"]))
check(same, "alpha times beta sums to P(BEE) at every frame: all paths pass every frame")
check(np.allclose(gamma.sum(axis=1), 1), "at each frame the occupancies sum to one")

# %% [markdown]
# The lattice as a picture: the larger a dot, the more paths are there. Choose another word for the same sound; look at which
# states can never be reached, and at the missing line between the two Es.

# %%
WORDS = ["BEE", "BED", "BE", "DEED", "B", "EBB"]


figure, move = draw_occupancy(LABELS, {word: occupancy(log_probs, encode(word)) for word in WORDS})
show(
    figure,
    move,
    word=Dropdown(options=WORDS, value="BEE"),
    alt="States by frames. Large dots run from B down to the last E and the blank after it.",
)

# %% [markdown]
# ## What training does: the pull
#
# The loss as a function of the logits $z_t(v)$ (before the softmax) has a gradient with a meaning (Graves et al., 2006,
# equation 16):
#
# $$\frac{\partial (-\ln P)}{\partial z_t(v)} = \underbrace{p_t(v)}_{\text{the probability of the label}} -
# \underbrace{\sum_{s:\, y'_s = v} \gamma_t(s)}_{\text{where the paths are}}$$
#
# It has the form that you know from classification, probability minus target. There the target is one label; here it is shared out over labels, as the
# paths are. A step of training goes *against* the gradient. We call the negative gradient, occupancy minus probability, the **pull**: positive where
# the letter should become more likely.


# %%
def pull(log_probs, labels, blank=0):
    """(T, V) occupancy of each label minus its probability."""
    states, _ = lattice(labels, blank)
    wanted = np.zeros_like(log_probs)
    for column, gamma in zip(states, occupancy(log_probs, labels, blank).T, strict=True):
        wanted[:, column] += gamma
    return wanted - np.exp(log_probs)


z = torch.from_numpy(logits).requires_grad_()
torch_loss(z.log_softmax(dim=1), encode("BEE")).backward()
same = np.allclose(-z.grad.numpy(), pull(log_probs, encode("BEE")))
check(same, "the pull is minus the gradient that torch computes")

# %%
pulls = {word: pull(log_probs, encode(word)) for word in WORDS}
figure, move = draw_labels(pulls, NAMES, "If it is labelled {}: blue should grow", pull=True)
show(
    figure,
    move,
    choice=Dropdown(options=WORDS, value="BED", description="word"),
    alt="Labels by frames: D is blue in the last frames, where the word BED wants it and E is red.",
)

# %% [markdown]
# ### The pull on a real sentence
#
# The same functions on a bundled clip and its true text: about 300 frames and 130 states. Where the model is right and sure
# the pull is white; the coloured places are what training would change if it were to learn this clip. (Nothing is trained
# here.)

# %%
model = CTCModel.load(MODEL, dtype="float32")
clip = examples()[0]
(emissions,) = model.emit([load(clip.path)])
vocabulary = emissions.vocabulary
labels = [vocabulary.columns[character] for character in clip.text]
real = emissions.log_probs.astype(np.float64)
real -= np.logaddexp.reduce(real, axis=1, keepdims=True)
strength = pull(real, labels, vocabulary.blank)  # (T, V)
columns = [vocabulary.blank, *sorted(set(labels), key=vocabulary.shown)]
names = [sign(vocabulary, c) for c in columns]
title = f"Pull of “{clip.text.title()}”"
clock = (emissions.start_seconds + emissions.frame_seconds / 2, emissions.frame_seconds)
figure, _ = draw_labels(strength[:, columns].round(3), names, title, pull=True, clock=clock)
show(
    figure,
    alt="Labels by time, nearly all white; a few cells are red or blue, where the model doubts.",
)

loss = torch_loss(torch.from_numpy(real), labels, vocabulary.blank).item()
print("heard:", greedy(emissions).text)
print(f"-ln P(text | sound) = {loss:.3f} nats, {loss / len(labels):.3f} nats per character")
ours = -log_probability(real, labels, vocabulary.blank)
check(np.isclose(ours, loss), "by hand equals torch on the real clip, too")

# %% [markdown]
# ## How long does a letter last?
#
# Take the simplest learner: it knows nothing (all labels equally likely in each of 24 frames) and follows the pull towards the text
# BED, step by step. Nobody tells it how long a letter should be.
#

# %%
shape = predict(
    "What will the probabilities look like after 400 steps?",
    "three wide bars, 8 frames each", "thin spikes, and blanks in most frames", "still undecided",
)  # fmt: skip

# %%
FRAMES, STEPS, RATE = 24, 400, 1.0
learner = np.zeros((FRAMES, V))
history, losses = [], []
for _ in range(STEPS):
    now = learner - np.logaddexp.reduce(learner, axis=1, keepdims=True)
    history.append(np.exp(now))
    losses.append(-log_probability(now, encode("BED")))
    learner = learner + RATE * pull(now, encode("BED"))
moments = [0, 1, 2, 5, 10, 20, 50, 100, 200, STEPS - 1]


named = {f"{k} steps, -ln P(BED) = {losses[k]:.3f} nats": history[k] for k in moments}
figure, move = draw_labels(named, NAMES, "After {}")
show(
    figure,
    move,
    choice=SelectionSlider(options=list(named), value=list(named)[7], description="after"),
    closed="Open the figure",
    alt="After 100 steps the blank is bright in most frames; B, E and D have a few each.",
)

# %%
shares = np.array([one.mean(axis=0) for one in history])  # (STEPS, V)
steps = np.arange(1, STEPS + 1)
curves = dict(zip(NAMES, shares.T, strict=True))
axis = {"title": "step", "type": "log"}
title = "mean probability over all frames"
# D lies over B, so it is dashed: the sound is the same from both ends.
figure = draw_lines(steps, curves, "", title, dashed="D", xaxis=axis)
show(
    figure,
    closed="Open the figure",
    alt="Four lines that begin at a quarter: the blank rises far above the three letters.",
)
check(losses[-1] < losses[0] / 10, "the learner has learned the word")
blank = (history[-1].argmax(axis=1) == 0).mean()
with closed("Open the check"):
    check(shares[-1].argmax() == 0, "the blank has most of the probability")
answer(
    shape,
    shape.options[1 if blank > 0.5 else 0],
    f"In {blank:.0%} of the frames the blank is most likely; nobody asked for that.",
)

# %% [markdown]
# Models trained long with CTC do the same: a letter takes a frame or two, and blanks fill the rest, if the speech is slow enough to leave
# any (notebook [05](05_letters_from_frames.ipynb)). Why? Of the seven states of BED four are blanks, and a path can rest in them before, between and
# after the letters. So from the start the blank has more occupancy in every frame than any letter. The pull makes it more likely; now paths with many
# blanks count more, and so on. In the end each letter keeps only the few frames that it needs to be written at all.
# Zeyer, Schlüter and Ney (2021) give the theory, and a simple example in which training from uniform probabilities must end so.
#
# ## More to try
#
# 1. How many of the 16,384 paths spell BED, and how many BEE? Why are they not equal?
# 2. Change one line of `forward` so that it finds the probability of the *best* path instead of the sum.
# 3. What is the loss of a text that needs more frames than there are?
# 4. Start the learner with `learner[:, 0] = -4`, an unlikely blank. Does it still become spiky?
#
# {{solution 3}}
#
# ## Three questions to take along
#
# 1. In the bar chart, which text gains most places if you sort by all paths instead of by the best path? What do such texts
#    have in common?
# 2. In the lattice of DEED, which states hold nearly all the paths at frame 3, and why so few?
# 3. In the pull on the real sentence, find a frame with a red and a blue cell one above the other. What did the model hear,
#    and what should it have heard?
#
# {{solution 4}}
#
# **Sources.** Graves, Fernández, Gomez, Schmidhuber, "Connectionist temporal classification" (2006), section 4,
# https://www.cs.toronto.edu/~graves/icml_2006.pdf; Zeyer, Schlüter, Ney, "Why does CTC result in peaky behavior?" (2021),
# https://arxiv.org/abs/2105.14849; torch's documentation of `ctc_loss`.
#
# [the course](README.md) · before: [05 Letters from frames](05_letters_from_frames.ipynb) · next:
# [07 Beams and words](07_beams_and_words.ipynb)
