# %% [markdown]
# # 07 · Beams and words
#
# [the course](README.md) · before: [06 CTC by hand](06_ctc_by_hand.ipynb) · next:
# [08 When was it said?](08_when_was_it_said.ipynb)
#
# Greedy decoding takes the most likely label of every frame. That is the most likely *path*. Notebook 6 showed that a text has
# many paths: so the most likely path need not spell the most likely text. A beam search adds paths up while it goes. It can
# also use knowledge that is not in the audio: which words there are, and which of them to expect.
#
# **The question.** Two frames; in each, the blank (written ε) has probability 0.6 and the letter A 0.4. Greedy says "nothing" (0.6 · 0.6
# = 0.36). *What is the probability that the text is "A"?*

# %%
import tempfile
from collections import defaultdict
from itertools import groupby, product
from pathlib import Path

import jiwer
import numpy as np
import plotly.graph_objects as go
from ipywidgets import Dropdown, IntSlider, SelectionSlider
from lesson import check, hear, reveal, show, table

from w2vkit.audio import Waveform, load
from w2vkit.decode import beam_search, greedy
from w2vkit.decode.lm import load as load_language_model
from w2vkit.decode.lm.build import build_ngram, sentences
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"

# %%
prediction = None  # such as 0.4

# %%
small = Vocabulary.of("εAB|", blank="ε")  # blank, two letters, the word boundary


def toy(*rows):
    """Emissions from rows of probabilities (blank, A, B, boundary)."""
    with np.errstate(divide="ignore"):
        return Emissions(np.maximum(np.log(np.array(rows, np.float32)), -50), small)


def brute_force(emissions):
    """Probability of every text, over all V^T paths."""
    total = defaultdict(float)
    for path in product(range(len(small)), repeat=len(emissions)):
        text = "".join(small.labels[label] for label, _ in groupby(path) if label != small.blank)
        total[" ".join(text.replace("|", " ").split())] += np.exp(sum(emissions.log_probs[t, v] for t, v in enumerate(path)))
    return dict(total)


two_frames = toy([0.6, 0.4, 0, 0], [0.6, 0.4, 0, 0])
print("greedy:     ", repr(greedy(two_frames).text))
print("beam search:", repr(beam_search(two_frames).text))
reveal(prediction, brute_force(two_frames)["A"], "(Aε, εA and AA: 0.24 + 0.24 + 0.16)")

# %% [markdown]
# ## Prefix beam search by hand
#
# The search of Hannun et al. (2014) reads the frames from left to right and keeps the K most likely *prefixes* of texts. For
# each prefix $\ell$ it adds up the paths that spell it so far, in two sums, because the next frame treats them differently:
#
# - $p_b(\ell)$: paths that end in a blank,
# - $p_n(\ell)$: paths that end in the prefix's last letter.
#
# With $p(v)$ for the probabilities of the frame, three things may happen to a prefix:
#
# | the frame says | then | the sum |
# |---|---|---|
# | blank | the prefix stays | $p_b' \mathrel{+}= (p_b + p_n)\,p(\text{blank})$ |
# | its last letter once more | the prefix stays | $p_n' \mathrel{+}= p_n\,p(v)$ |
# | another letter $v$ | the prefix grows by $v$ | $p_n'(\ell v) \mathrel{+}= (p_b + p_n)\,p(v)$ |
# | its last letter, after a blank | the prefix grows by $v$ | $p_n'(\ell v) \mathrel{+}= p_b\,p(v)$ |
#
# One rule more, for words: a word boundary at the start or after another boundary is no new text, so it counts as a blank.


# %%
def search_by_hand(emissions, width):
    """The beams after every frame: a list of {prefix: [log p_b, log p_n]}, a prefix being a tuple of columns."""
    vocabulary = emissions.vocabulary
    blank = np.logaddexp.reduce(
        emissions.log_probs[:, sorted(vocabulary.special)].astype(float), axis=1
    )  # special labels are no text
    boundary, letters = vocabulary.word_boundary, sorted(set(vocabulary.columns.values()))
    beams, history = {(): [0.0, -np.inf]}, []
    for t, row in enumerate(emissions.log_probs.astype(float)):
        following = defaultdict(lambda: [-np.inf, -np.inf])

        def add(prefix, ends_in, log_p, into=following):
            into[prefix][ends_in] = np.logaddexp(into[prefix][ends_in], log_p)

        for prefix, (p_b, p_n) in beams.items():
            both = np.logaddexp(p_b, p_n)
            last = prefix[-1] if prefix else boundary
            add(prefix, 0, both + blank[t])
            for v in letters:
                if v == last == boundary:
                    add(prefix, 0, both + row[v])
                elif v == last:
                    add(prefix, 1, p_n + row[v])
                    add((*prefix, v), 1, p_b + row[v])
                else:
                    add((*prefix, v), 1, both + row[v])
        best = sorted(following, key=lambda prefix: np.logaddexp(*following[prefix]), reverse=True)[:width]
        beams = {prefix: following[prefix] for prefix in best}
        history.append(beams)
    return history


def spelled(prefix, vocabulary):
    """A prefix as people write it."""
    return "".join(" " if v == vocabulary.word_boundary else vocabulary.labels[v] for v in prefix)


def texts_of(beams, vocabulary):
    """{text: log-probability} of the last beams: prefixes that differ in a last boundary are one text."""
    total = defaultdict(lambda: -np.inf)
    for prefix, sums in beams.items():
        text = spelled(prefix, vocabulary).strip()
        total[text] = np.logaddexp(total[text], np.logaddexp(*sums))
    return dict(total)


# %% [markdown]
# Five frames of a toy, first with a beam so wide that nothing is dropped. Then the search is exact: it must agree with all
# $4^5$ paths.

# %%
generator = np.random.default_rng(4)
five = toy(*generator.dirichlet([1.5, 1, 1, 0.5], size=5))
exact = brute_force(five)
by_hand = texts_of(search_by_hand(five, width=10_000)[-1], small)
library = beam_search(five, 10_000, token_min_logp=-np.inf, beam_threshold=np.inf)
best = max(by_hand, key=by_hand.get)
print(f"{len(exact)} texts; the best is {best!r} with {np.exp(by_hand[best]):.4f}; greedy says {greedy(five).text!r}")
check(all(np.isclose(np.exp(by_hand[t]), p) for t, p in exact.items()), "by hand equals brute force over all paths")
check(library.text == best and np.isclose(library.score, by_hand[best]), "by hand equals w2vkit.decode.beam_search")

# %% [markdown]
# Now the beam is three wide. Move the slider and see the table grow: grey is $p_b$, blue is $p_n$. A prefix that falls out of
# the beam is gone for good, with all it could have become.

# %%
WIDTH = 3
narrow = search_by_hand(five, WIDTH)


def draw_beams(figure, frame, history=narrow, vocabulary=small, tail=24):
    """Draw the beams after a frame and print them."""
    beams = history[frame]
    names = [f"“{spelled(prefix, vocabulary)[-tail:]}”" for prefix in beams]
    sums = np.exp(np.array(list(beams.values())))  # (K, 2)
    share = sums / sums.sum()
    for k in (0, 1):
        figure.data[k].x, figure.data[k].y = share[:, k], names
    figure.layout.title.text = f"After frame {frame}: the beams' share of what is left"
    for name, (p_b, p_n) in zip(names, sums, strict=True):
        print(f"{name:28} ends in blank {p_b:9.2e}   ends in letter {p_n:9.2e}   together {p_b + p_n:9.2e}")


def beam_figure(height):
    """Two stacked bars per prefix."""
    figure = go.Figure(layout={"title": "", "barmode": "stack", "height": height, "xaxis": {"range": [0, 1], "title": "share"}})
    figure.add_bar(name="ends in a blank", orientation="h", marker_color="#9aa5b1")
    figure.add_bar(name="ends in its last letter", orientation="h", marker_color="#1f6feb")
    figure.update_layout(yaxis={"autorange": "reversed", "type": "category", "automargin": True})
    return figure


show(beam_figure(280), draw_beams, frame=IntSlider(2, 0, len(five) - 1))

# %%
table(
    ["frame", *(f"probability of {label}" for label in ["blank", "A", "B", "boundary"])],
    [(t, *np.exp(row)) for t, row in enumerate(five.log_probs)],
)
kept = {
    width: np.exp(np.logaddexp.reduce(list(texts_of(search_by_hand(five, width)[-1], small).values())))
    for width in (1, 3, 10, 100)
}
table(["beam width", "share of all probability that is still in the beam at the end"], list(kept.items()))

# %% [markdown]
# ## On speech
#
# The same search on a clip, eight beams wide. Step through the frames: most of the time the beams differ by one letter
# somewhere, and a blank changes nothing but which sum is the larger.

# %%
model = CTCModel.load(MODEL, dtype="float32")
clips = examples()
waveforms = [load(clip.path) for clip in clips]
emissions = model.emit(waveforms)
vocabulary = model.vocabulary

beams_of_clip = search_by_hand(emissions[3], 8)
found = texts_of(beams_of_clip[-1], vocabulary)
same = beam_search(emissions[3], 8, token_min_logp=-np.inf, beam_threshold=np.inf, nbest=len(found))
texts = {h.text: h.score for h in (same, *same.alternatives)}
hear(waveforms[3], clips[3].text)
check(texts.keys() == found.keys(), f"by hand and w2vkit end with the same {len(found)} texts")
check(
    np.allclose([texts[t] for t in found if t in texts], [found[t] for t in found if t in texts]),
    "and with the same log-probabilities",
)


def draw_clip(figure, frame):
    """Draw the beams of the clip."""
    draw_beams(figure, frame, beams_of_clip, vocabulary)


show(beam_figure(380), draw_clip, frame=IntSlider(len(beams_of_clip) // 2, 0, len(beams_of_clip) - 1))

# %% [markdown]
# ### Where is greedy wrong?
#
# Greedy's score is the log-probability of one path, the beam search's that of a text, over all paths it has seen. So the
# second is the higher, unless the beam is so narrow that it has dropped a beginning of greedy's text on the way. Whether the
# *texts* differ is another matter.
#
# **Predict:** in how many of the six clips does a beam of 32 give another text than greedy?

# %%
changed = None  # such as 3
rows = []
for clip, one in zip(clips, emissions, strict=True):
    path, text = greedy(one), beam_search(one, 32)
    rows.append(
        (path.text, text.text, path.score, text.score, jiwer.cer(clip.text, path.text), jiwer.cer(clip.text, text.text))
    )
table(["greedy", "beam of 32", "log P(path)", "log P(text)", "CER greedy", "CER beam"], rows)
reveal(changed, sum(row[0] != row[1] for row in rows), "clips")
check(all(row[3] >= row[2] for row in rows), "with 32 beams, no text is less likely than greedy's path")

# %% [markdown]
# ### How wide must a beam be?

# %%
widths = [1, 2, 4, 8, 16, 32, 64]
scores = np.array([[beam_search(one, width).score for one in emissions] for width in widths])  # (widths, clips)
figure = go.Figure(layout={"title": "Log-probability of the text that was found, against a beam of 64", "showlegend": True})
for k, clip in enumerate(clips):
    figure.add_scatter(x=widths, y=scores[:, k] - scores[-1, k], name=clip.text.title()[:28] + " …", mode="lines+markers")
figure.update_layout(xaxis={"title": "beam width", "type": "log", "tickvals": widths}, yaxis={"title": "nats"})
show(figure)

# %% [markdown]
# A few beams are enough where the model is sure, because there are few doubts to carry along. Wide beams pay once something
# else than the sound has a say.
#
# ## A language model
#
# The model writes what it hears, letter by letter. A language model knows which words there are and which follow each other.
# The beam search adds both up (all natural logarithms):
#
# $$\log P(\text{text} \mid \text{sound}) + \alpha\,\log P_{\text{LM}}(\text{text}) + \beta \cdot \text{words}
# - \text{penalty} \cdot \text{unknown words}$$
#
# We compare three word-level trigram models:
#
# - *bundled* comes with w2vkit and is built from old books and read speech. The clips' sentences were not part of that: this is the fair one.
# - *same words* is built here from a few sentences that contain all of the clips' words, but none of their trigrams. It knows which words to
#   expect, and not in which order.
# - *same sentences* is built from the clips' sentences themselves: it knows the answer, which is cheating.
#
# The last two are far too small for anything but this lesson. On the clips as they are there is little to mend, so we add white noise
# (10 dB): then the models have something to do.

# %%
OTHER_SENTENCES = """
some birds sing and a few children listened
birds and children sang when they came in from a cold river
a strong river played with old trees
his horses walked until one of them sat
water came over a shore and went along slowly
an old story told by a man in cold wind
we sat in water behind trees
children of the hills told a strong man
down a river two birds came and three sang
until sun and wind went we played
his life was a story along cold hills
nine eight seven and six five four
one of two and three of four
they walked slowly behind horses
a hill by some shore and down to trees
the man was old and his wind was cold
"""
references = [clip.text for clip in clips]


def ngrams(lines, n):
    """All rows of n words that occur in some lines."""
    return {tuple(words[i : i + n]) for words in (line.split() for line in lines) for i in range(len(words) - n + 1)}


others = OTHER_SENTENCES.upper().strip().splitlines()
shared = {n: len(ngrams(references, n) & ngrams(others, n)) for n in (1, 2, 3)}
print("of the clips' words, pairs and trigrams, the other sentences contain:")
print(", ".join(f"{shared[n]} of {len(ngrams(references, n))}" for n in shared))
check(shared[1] == len(ngrams(references, 1)) and shared[3] == 0, "all of the words, none of the trigrams")

folder = Path(tempfile.mkdtemp())
language_models = {"none": None, "bundled": load_language_model("bundled")}
for name, lines in (("same words", others), ("same sentences", references)):
    build_ngram(sentences("\n".join(lines)), 3, output=folder / f"{name}.arpa")
    language_models[name] = load_language_model(folder / f"{name}.arpa")

# %%
generator = np.random.default_rng(0)
noisy = []
for waveform in waveforms:
    noise = (
        generator.standard_normal(len(waveform.samples)) * waveform.samples.std() * 10 ** (-10 / 20)
    )  # 10 dB below the speech
    noisy.append(Waveform((waveform.samples + noise).astype(np.float32), waveform.sample_rate))
heard = model.emit(noisy)
alphas = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0]
hear(noisy[0], "the first clip with noise")


def decode_all(name, alpha):
    """The six texts with a language model."""
    lm = language_models[name]
    return [beam_search(one, 32, language_model=lm, alpha=alpha).text for one in heard]


without = [beam_search(one, 32).text for one in heard]
decoded = {("none", alpha): without for alpha in alphas}
decoded |= {(name, alpha): decode_all(name, alpha) for name in language_models if name != "none" for alpha in alphas}
figure = go.Figure(
    layout={"title": "Word error rate of the six noisy clips", "xaxis": {"title": "weight alpha of the language model"}}
)
for name in language_models:
    figure.add_scatter(
        x=alphas,
        y=[jiwer.wer(references, decoded[name, alpha]) for alpha in alphas],
        name=f"model: {name}",
        mode="lines+markers",
    )
figure.update_layout(yaxis={"title": "WER (share of 1)", "rangemode": "tozero"})
show(figure)
lowest = {name: min(jiwer.wer(references, decoded[name, alpha]) for alpha in alphas) for name in language_models}
table(["language model", "lowest WER"], list(lowest.items()))
check(lowest["bundled"] < lowest["none"], "a fair language model mends some words")
check(lowest["same sentences"] <= lowest["bundled"], "a model that knows the answer makes no more errors than the fair one")
for name in list(language_models)[1:]:
    print(f"at alpha = {alphas[-1]}, {name}: {decoded[name, alphas[-1]][-1]}")

# %% [markdown]
# Where a curve leaves that of "none" already at α = 0, the penalty for unknown words is at work: it alone turns letters into
# words. At a large α the language model outweighs the sound (the last lines above). Each word costs probability under a language model, so
# the search then prefers a text of few words, or several words run together as one, to what was said. See the texts change:


# %%
def draw_texts(figure, clip, model, alpha):
    """Show one clip's text for a model and a weight, and where its words are right."""
    text = decoded[model, alpha][clip]
    output = jiwer.process_words(references[clip], text)
    figure.data[0].y = [output.hits, output.substitutions, output.deletions, output.insertions]
    figure.layout.title.text = f"alpha = {alpha}: WER {output.wer:.0%}"
    print("said:   ", references[clip])
    print("decoded:", text or "(nothing)")
    print("word by word (S substituted, D deleted, I inserted):")
    print("\n".join(jiwer.visualize_alignment(output, show_measures=False, skip_correct=False).splitlines()[1:]))


figure = go.Figure(
    go.Bar(x=["right", "substituted", "deleted", "inserted"], marker_color=["#1a7f4b", "#b7791f", "#c2410c", "#c2410c"])
)
figure.update_layout(title="", height=280, yaxis={"title": "words", "range": [0, 16]})
options = [(clip.text.title(), k) for k, clip in enumerate(clips)]
show(
    figure,
    draw_texts,
    clip=Dropdown(options=options, value=0),
    model=Dropdown(options=list(language_models), value="bundled"),
    alpha=SelectionSlider(options=alphas, value=0.5),
)

# %%
scorer = beam_search(heard[0], 32, language_model=language_models["bundled"], alpha=0.5)
print(f"{scorer.text}\n  score {scorer.score:.2f} = sound {scorer.acoustic_score:.2f} + language {scorer.language_score:.2f}")
check(np.isclose(scorer.score, scorer.acoustic_score + scorer.language_score), "the score is the sum of its parts")

# %% [markdown]
# ## Hot words
#
# Often you know only a few words: the names in a meeting, the terms of a trade. A hot word adds its weight $w$ to the score of a
# text each time that it occurs. Three words to try on a noisy clip: one that *was* said and that the search without a language model
# missed, one that only sounds a little like a word that was said (SHOW, where SHORE was said), and one that is far from all of them.
#
# **Predict:** which weight (nats) does it take until SHOW turns up in a sentence with SHORE?

# %%
not_said = None  # such as 10
weights = np.arange(0.0, 31.0, 2.0)


def occurrences(clip, word):
    """(weights,) how often the word is in the text, for each weight."""
    found = []
    for weight in weights:
        hot = {word: float(weight)} if weight else None
        text = beam_search(heard[clip], 32, hotwords=hot, token_min_logp=-12).text  # letters of 1 in 160,000 count
        found.append((text.split().count(word), text))
    return found


SHORE = 1  # the clip
missed = [word for word in references[SHORE].split() if word not in without[SHORE].split()]
said, similar, far = missed[0] if missed else "SHORE", "SHOW", "GIRAFFE"
found = {word: occurrences(SHORE, word) for word in (said, similar, far)}
curves = {word: np.array([count for count, _ in rows]) for word, rows in found.items()}
print("said:                 ", references[SHORE])
print("without any hot word: ", without[SHORE])
for word, rows in found.items():
    print(f"{word} at {weights[-1]:.0f} nats: {rows[-1][1]}")
figure = go.Figure(layout={"title": "How often a hot word is found", "height": 320})
for word, values in curves.items():
    figure.add_scatter(x=weights, y=values, name=word, mode="lines+markers", line_shape="hv")
figure.update_layout(xaxis={"title": "weight (nats)"}, yaxis={"title": "occurrences", "dtick": 1})
show(figure)
reveal(not_said, next((float(w) for w, n in zip(weights, curves[similar], strict=True) if n), "more than 30"), "nats")
check(curves[said].max() >= curves[said][0], "a weight does not take the hot word away")

# %% [markdown]
# With a large enough weight the text says what you wished to hear, if it is only a little like what was said. It may even say it more
# than once: each occurrence earns the weight again, so the search puts the word wherever the sound allows it at all. A word for
# which there is no sound stays out far longer. Compare the thresholds, and keep the weight well below that of a word that was not
# said. `w2vkit transcribe --decoder beam --hotword NAME` has a default.
#
# ## Exercises
#
# 1. With `beam_width=1` the search is still not greedy. Find a toy of two frames on which they differ.
#
# <details><summary>Solution</summary>
#
# After a sure A, take a frame with P(blank) = P(A) = 0.3 and P(B) = 0.4: `toy([0, 1, 0, 0], [0.3, 0.3, 0.4, 0])`.
# Greedy says AB; one beam compares prefixes, and "A" gets both the blank and the second A: 0.6.
# </details>
#
# 2. `search_by_hand` visits every letter in every frame. Which letters can be left out without changing the text, almost
#    surely? Try it.
#
# <details><summary>Solution</summary>
#
# Those with a very small probability in the frame: w2vkit's `token_min_logp=-6` leaves out what is less likely
# than 1 in 400. In frames where nothing but the blank is left, all beams just go on, and w2vkit does many such frames at
# once.
# </details>
#
# 3. *same words* has none of the test's trigrams. Why is it not fair all the same?
#
# <details><summary>Solution</summary>
#
# Its words were chosen by looking at the test: no other word can be written without the penalty. A fair language model is built
# from text that was written before, and without, the test: for LibriSpeech from 14,500 other books.
# </details>
#
# 4. Why is there a bonus β per word?
#
# <details><summary>Solution</summary>
#
# Each word costs its log-probability under the language model, so that a search without a bonus prefers few and long words. Try
# `beta=-3` and `beta=3` with `alpha=1` and count the words.
# </details>
#
# ## Three questions
#
# 1. In the three-wide search: in which frame does the later winner lead for the first time, and which of its two sums made it
#    so?
# 2. In the figure of widths: which clip needs the widest beam, and is it the one with the highest CER in the table?
# 3. At which α is the bundled model best, and what kind of errors does it make at α = 4? (Move the slider and read the aligned texts.)
#
# **Sources.** Hannun, Maas, Jurafsky, Ng, "First-pass large vocabulary continuous speech recognition using bi-directional
# recurrent DNNs" (2014), https://arxiv.org/abs/1408.2873; Baevski et al., "wav2vec 2.0" (2020), section 4.4 (language models
# and decoding), https://arxiv.org/abs/2006.11477; Chen and Goodman (1998) on smoothing,
# https://dash.harvard.edu/handle/1/25104739.
#
# [the course](README.md) · before: [06 CTC by hand](06_ctc_by_hand.ipynb) · next:
# [08 When was it said?](08_when_was_it_said.ipynb)
