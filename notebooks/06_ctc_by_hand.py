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
# **The question.** A word of three letters, seven frames of sound. Many paths spell the word. *How much more likely is the word than its most
# likely single path: about the same, three times, thirty times, a thousand times?*

# %%
from itertools import groupby, product

import numpy as np
import plotly.graph_objects as go
import torch
from ipywidgets import Dropdown, SelectionSlider
from lesson import check, reveal, show, table

from w2vkit.audio import load
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"

# %%
prediction = None  # 1, 3, 30 or 1000: so many times is the word as likely as its best path

# %% [markdown]
# ## A sound of seven frames
#
# A toy: four labels, the blank first (written ε), and seven frames. The rows are distributions, $p_t(v)$ = `probabilities[t, v]`, and CTC
# takes frames as independent given the sound: a path $\pi$ has the probability $\prod_t p_t(\pi_t)$.

# %%
LABELS = "εBED"  # the blank is column 0
NAMES = ["blank", *LABELS[1:]]
T, V = 7, len(LABELS)
logits = np.random.default_rng(3).normal(0, 0.6, (T, V))
for frame, label in enumerate("BBEεEEε"):
    logits[frame, LABELS.index(label)] += 1.6  # the sound is a little like BEE
log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)  # (T, V)
probabilities = np.exp(log_probs)
figure = go.Figure(
    go.Heatmap(z=probabilities.T, y=NAMES, colorscale="Viridis", text=probabilities.T.round(2), texttemplate="%{text}")
)
figure.update_layout(
    title="Seven frames of a toy sound", xaxis={"title": "frame t"}, yaxis={"autorange": "reversed"}, height=300
)
show(figure)

# %% [markdown]
# ## Brute force: look at all paths
#
# With 4 labels and 7 frames there are 4⁷ = 16,384 paths. Each collapses to one text (join runs, drop blanks); a text's
# probability is the sum over its paths:
#
# $$P(y \mid x) = \sum_{\pi:\, \mathcal{B}(\pi) = y}\; \prod_{t=1}^{T} p_t(\pi_t)$$


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
figure = go.Figure(
    layout={"title": f"The 12 most likely of {len(total)} texts", "yaxis": {"title": "probability"}, "barmode": "overlay"}
)
figure.add_bar(x=top, y=[total[t] for t in top], name="all paths of the text", marker_color="#9cc4f5")
figure.add_bar(x=top, y=[best_path[t] for t in top], name="its most likely path alone", marker_color="#1f6feb")
show(figure)
check(abs(sum(total.values()) - 1) < 1e-9, "the texts' probabilities sum to one: every path spells exactly one text")
reveal(prediction, total["BEE"] / best_path["BEE"], f"times (BEE has {counts['BEE']} paths)")

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
# It begins in one of the first two states and ends in one of the last two. The forward variable $\alpha_t(s)$ is the
# probability of all partial paths that are in state $s$ at frame $t$ (Graves et al., 2006, equations 6 to 8):
#
# $$\alpha_t(s) = p_t(y'_s)\,\bigl(\alpha_{t-1}(s) + \alpha_{t-1}(s-1) + [\text{skip allowed}]\;\alpha_{t-1}(s-2)\bigr)$$


# %%
def lattice(labels, blank=0):
    """(S,) columns with blanks around each label, and (S,) whether a state may be reached from two before it."""
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


rows = [(word, total[word], np.exp(log_probability(log_probs, encode(word)))) for word in ["B", "BE", "BED", "BEE", "DEED"]]
table(["word", "brute force", "forward"], rows)
check(all(np.isclose(a, b) for _, a, b in rows), "the lattice finds the same probabilities as all 16,384 paths")

# %% [markdown]
# PyTorch's loss is $-\ln P(y \mid x)$. The same number again, from `torch.nn.functional.ctc_loss`:


# %%
def torch_loss(log_probs, labels, blank=0):
    """-log P(labels | sound) by torch; log_probs is a (T, V) tensor."""
    return torch.nn.functional.ctc_loss(
        log_probs[:, None], torch.tensor([labels]), [len(log_probs)], [len(labels)], blank=blank, reduction="sum"
    )


loss = torch_loss(torch.from_numpy(log_probs), encode("BEE")).item()
print(f"-ln P(BEE) by hand: {-log_probability(log_probs, encode('BEE')):.6f} nats, by torch: {loss:.6f} nats")
check(np.isclose(loss, -np.log(total["BEE"])), "forward by hand = brute force = torch.nn.functional.ctc_loss")

# %% [markdown]
# ## Where is each letter? Forward and backward
#
# $\beta_t(s)$ is the probability of everything *after* frame $t$, from state $s$. It is the same walk from the other end. Then
# $\gamma_t(s) = \alpha_t(s)\,\beta_t(s) / P(y \mid x)$ is the probability that a path which spells the word is in state $s$ at
# frame $t$: the *occupancy*.


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
both = np.logaddexp.reduce(forward(log_probs, encode("BEE")) + backward(log_probs, encode("BEE")), axis=1)  # (T,)
check(np.allclose(both, np.log(total["BEE"])), "alpha times beta sums to P(BEE) at every frame: all paths pass every frame")
check(np.allclose(gamma.sum(axis=1), 1), "at each frame the paths are somewhere: the occupancies sum to one")

# %% [markdown]
# The lattice as a picture: the larger a dot, the more paths are there. Choose another word for the same sound; look at which
# states can never be reached, and at the missing line between the two Es.

# %%
WORDS = ["BEE", "BED", "BE", "DEED", "B", "EBB"]


def edges(labels):
    """Lines between states of neighbouring frames that a whole path can take, with None between two lines."""
    _, skip = lattice(labels)
    alive = occupancy(np.zeros_like(log_probs), labels) > 0
    xs, ys = [], []
    for t, s in np.argwhere(alive[:-1]):
        for step in (0, 1, 2):
            to = s + step
            if to < len(skip) and alive[t + 1, to] and (step < 2 or skip[to]):
                xs += [t, t + 1, None]
                ys += [s, to, None]
    return xs, ys


def draw_lattice(figure, word):
    """Draw a word's lattice over the toy sound."""
    labels = encode(word)
    states, _ = lattice(labels)
    gamma = occupancy(log_probs, labels)  # (T, S)
    t, s = np.indices(gamma.shape)
    figure.data[0].x, figure.data[0].y = edges(labels)
    figure.data[1].x, figure.data[1].y = t.ravel(), s.ravel()
    figure.data[1].marker.size = 4 + 34 * np.sqrt(gamma.ravel())
    figure.data[1].text = [f"{value:.3f}" for value in gamma.ravel()]
    figure.layout.yaxis.tickvals = list(range(len(states)))
    figure.layout.yaxis.ticktext = [NAMES[label] for label in states]
    figure.layout.title.text = f"{word}: P = {np.exp(log_probability(log_probs, labels)):.4f}"


figure = go.Figure(layout={"title": "", "height": 460, "xaxis": {"title": "frame t", "dtick": 1}, "showlegend": False})
figure.add_scatter(mode="lines", line={"color": "#d0d7de", "width": 1}, hoverinfo="skip")
figure.add_scatter(mode="markers", marker={"color": "#1f6feb", "opacity": 1, "line": {"width": 1, "color": "white"}})
figure.data[1].hovertemplate = "frame %{x}: occupancy %{text}<extra></extra>"
figure.update_layout(yaxis={"autorange": "reversed", "title": "state"})
show(figure, draw_lattice, word=Dropdown(options=WORDS, value="BEE"))

# %% [markdown]
# ## What training does: the pull
#
# The loss as a function of the logits $z_t(v)$ (before the softmax) has a gradient with a meaning (Graves et al., 2006,
# equation 16):
#
# $$\frac{\partial (-\ln P)}{\partial z_t(v)} = \underbrace{p_t(v)}_{\text{what the model says}} -
# \underbrace{\sum_{s:\, y'_s = v} \gamma_t(s)}_{\text{where the paths are}}$$
#
# A step of training goes *against* the gradient. We call the negative gradient, occupancy minus probability, the **pull**: positive where
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
check(np.allclose(-z.grad.numpy(), pull(log_probs, encode("BEE"))), "the pull is minus the gradient that torch computes")

# %%
PULL = {"colorscale": "RdBu", "zmid": 0, "colorbar": {"title": {"text": "pull"}}}


def draw_pull(figure, word):
    """Draw where a word pulls."""
    figure.data[0].z = pull(log_probs, encode(word)).T
    figure.layout.title.text = f"If the sound is labelled {word}: blue becomes more likely, red less likely"


figure = go.Figure(go.Heatmap(y=NAMES, **PULL), layout={"title": "", "height": 300, "xaxis": {"title": "frame t"}})
figure.update_layout(yaxis={"autorange": "reversed"})
show(figure, draw_pull, word=Dropdown(options=WORDS, value="BED"))

# %% [markdown]
# ### The pull on a real sentence
#
# The same functions on a bundled clip and its true text: about 200 frames and 130 states. Where the model is right and sure
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
figure = go.Figure(go.Heatmap(z=strength[:, columns].T.round(3), y=[vocabulary.shown(c) for c in columns], **PULL))
figure.data[0].update(dx=emissions.frame_seconds, x0=emissions.start_seconds + emissions.frame_seconds / 2, zmin=-1, zmax=1)
figure.update_layout(
    title=f"Pull of “{clip.text.title()}”", height=560, xaxis={"title": "time (s)"}, yaxis={"autorange": "reversed", "dtick": 1}
)
show(figure)

loss = torch_loss(torch.from_numpy(real), labels, vocabulary.blank).item()
print("heard:", greedy(emissions).text)
print(f"-ln P(text | sound) = {loss:.3f} nats, {loss / len(labels):.3f} nats per character")
check(np.isclose(-log_probability(real, labels, vocabulary.blank), loss), "by hand equals torch on the real clip, too")

# %% [markdown]
# ## How long does a letter last?
#
# Take the simplest learner: it knows nothing (all labels equally likely in each of 24 frames) and follows the pull towards the text
# BED, step by step. Nobody tells it how long a letter should be.
#
# **Predict:** will the letters become three wide bars, or three thin spikes?

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


def draw_learning(figure, step):
    """Draw what the learner says after some steps."""
    figure.data[0].z = history[step].T
    figure.layout.title.text = f"After {step} steps: -ln P(BED) = {losses[step]:.3f} nats"


figure = go.Figure(go.Heatmap(y=NAMES, zmin=0, zmax=1, colorscale="Viridis"), layout={"title": "", "height": 300})
figure.update_layout(xaxis={"title": "frame t"}, yaxis={"autorange": "reversed"})
show(figure, draw_learning, step=SelectionSlider(options=moments, value=100))

# %%
shares = np.array([one.mean(axis=0) for one in history])  # (STEPS, V)
figure = go.Figure(
    layout={"title": "Mean probability of each label over all frames", "xaxis": {"title": "step", "type": "log"}}
)
for column, name in enumerate(NAMES):
    # D lies over B: the sound is the same from both ends.
    figure.add_scatter(
        x=np.arange(1, STEPS + 1), y=shares[:, column], name=name, line={"dash": "dash" if name == "D" else None}
    )
show(figure)
check(losses[-1] < losses[0] / 10, "the learner has learned the word")
check(shares[-1].argmax() == 0, "and most of its frames say blank")

# %% [markdown]
# Models trained long with CTC do the same: a letter takes a frame or two, and blanks fill the rest, if the speech is slow enough to leave
# any (notebook [05](05_letters_from_frames.ipynb)). Why? Half of the states are blanks, and a path can rest in them anywhere between letters. So from the start the blank has the
# most occupancy in nearly every frame, the pull makes it even more likely, and letters are left where little else can be.
# Zeyer, Schlüter and Ney (2021) give the theory, and a simple example in which training from uniform probabilities must end so.
#
# ## Exercises
#
# 1. How many of the 16,384 paths spell BED, and how many BEE? Why are they not equal?
#
# <details><summary>Solution</summary>
#
# ```python
# print(counts["BED"], counts["BEE"])
# ```
#
# 210 and 84. For BED it is the binomial of T + L = 10 over 2L = 6; for BEE one
# blank is not optional, so that one frame is used up: 9 over 6.
# </details>
#
# 2. Change one line of `forward` so that it finds the probability of the *best* path instead of the sum.
#
# <details><summary>Solution</summary>
#
# `np.maximum` in place of `np.logaddexp`, twice, and of the sum at the end. With the steps remembered, this is forced
# alignment: notebook 8.
#
# ```python
# states, skip = lattice(encode("BEE"))
# delta = np.full(len(states), -np.inf)
# delta[:2] = log_probs[0, states[:2]]
# for row in log_probs[1:]:
#     before = np.concatenate([[-np.inf, -np.inf], delta])
#     come = np.maximum(before[2:], before[1:-1])
#     delta = np.where(skip, np.maximum(come, before[:-2]), come) + row[states]
# check(np.isclose(np.exp(delta[-2:].max()), best_path["BEE"]), "the best path, without looking at all of them")
# ```
#
# </details>
#
# 3. What is the loss of a text that needs more frames than there are?
#
# <details><summary>Solution</summary>
#
# ```python
# print(-log_probability(log_probs, encode("BEBEBEBE")))
# ```
#
# Infinite: no path gets from the first to the last state.
# An infinite loss would spoil the weights, so training can leave such pairs out: the option `ctc_zero_infinity` of transformers (off unless it is
# set; w2v-mini's configuration sets it). `w2vkit.align.forced_alignment` refuses such a text with a message.
#
# ```python
# check(model.network.config.ctc_zero_infinity or MODEL != "w2v-mini", "w2v-mini was trained with that option")
# ```
# </details>
#
# 4. Start the learner with `learner[:, 0] = -4`, an unlikely blank. Does it still become spiky?
#
# <details><summary>Solution</summary>
#
# ```python
# learner = np.zeros((FRAMES, V))
# learner[:, 0] = -4
# for _ in range(STEPS):
#     now = learner - np.logaddexp.reduce(learner, axis=1, keepdims=True)
#     learner = learner + RATE * pull(now, encode("BED"))
# print(np.exp(now).argmax(axis=1))  # 0 is the blank
# ```
#
# No: the letters fill the frames, in wide bars, and the blank never comes up. What has most occupancy at the start wins.
# </details>
#
# ## Three questions
#
# 1. In the bar chart, which text gains most places if you sort by all paths instead of by the best path? What do such texts
#    have in common?
# 2. In the lattice of DEED, which states hold nearly all the paths at frame 3, and why so few?
# 3. In the pull on the real sentence, find a frame with a red and a blue cell one above the other. What did the model hear,
#    and what should it have heard?
#
# **Sources.** Graves, Fernández, Gomez, Schmidhuber, "Connectionist temporal classification" (2006), section 4,
# https://www.cs.toronto.edu/~graves/icml_2006.pdf; Zeyer, Schlüter, Ney, "Why does CTC result in peaky behavior?" (2021),
# https://arxiv.org/abs/2105.14849; torch's documentation of `ctc_loss`.
#
# [the course](README.md) · before: [05 Letters from frames](05_letters_from_frames.ipynb) · next:
# [07 Beams and words](07_beams_and_words.ipynb)
