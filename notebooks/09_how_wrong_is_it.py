# %% [markdown]
# # 09 · How wrong is it?
#
# [the course](README.md) · before: [08 When was it said?](08_when_was_it_said.ipynb) · next:
# [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb)
#
# "1.9 % word error rate" sounds exact. What is counted? How sure is the number? And does it hold for a noisy kitchen, a fast
# speaker, a telephone?
#
# **The question.** Two models have word error rates of 1.9 % and 2.0 % on LibriSpeech's test-clean: 2,620 utterances, 52,576
# words. *Are 2,620 utterances enough to be fairly sure that the first model is better: yes or no?*
#
# The clips of this notebook are synthetic, and their voices are also in the training data of `w2v-mini` (notebook
# [01](01_first_transcript.ipynb) shows its error rates on people, which are much higher). What you can learn here is how rates *change*.

# %%
import jiwer
import librosa
import numpy as np
import plotly.graph_objects as go
from ipywidgets import FloatSlider, Text
from lesson import check, hear, reveal, show, table
from scipy.stats import norm

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.evaluate.scoring import RESAMPLES, interval, score
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.pipeline.journal import Result

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clips = examples()
waveforms = [load(clip.path) for clip in clips]
references = [clip.text for clip in clips]


def transcripts(sounds):
    """Texts of samples at the model's rate."""
    return [greedy(one).text for one in model.emit([Waveform(x.astype(np.float32), model.sample_rate) for x in sounds])]


hypotheses = transcripts([waveform.samples for waveform in waveforms])

# %%
prediction = None  # "yes" or "no"

# %% [markdown]
# ## The edit distance
#
# Errors are the fewest edits that turn the reference into the hypothesis: a word **s**ubstituted, **d**eleted or
# **i**nserted. With $D_{ij}$ for the first $i$ words of the reference and the first $j$ of the hypothesis (Levenshtein,
# 1966):
#
# $$D_{ij} = \min\bigl(D_{i-1,j-1} + [r_i \ne h_j],\ D_{i-1,j} + 1,\ D_{i,j-1} + 1\bigr), \qquad D_{i0} = i,\ D_{0j} = j$$


# %%
def distances(reference, hypothesis):
    """(R + 1, H + 1) edit distances between the beginnings of two lists."""
    d = np.add.outer(np.arange(len(reference) + 1), np.arange(len(hypothesis) + 1))
    for i, r in enumerate(reference, 1):
        for j, h in enumerate(hypothesis, 1):
            d[i, j] = min(d[i - 1, j - 1] + (r != h), d[i - 1, j] + 1, d[i, j - 1] + 1)
    return d


def walk_back(d, reference, hypothesis):
    """The way of the fewest edits through the matrix, from its start, and the edit of each step."""
    i, j = len(reference), len(hypothesis)
    way, edits = [(i, j)], []
    while i or j:
        if i and j and d[i, j] == d[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            edits.append("hit" if reference[i - 1] == hypothesis[j - 1] else "substituted")
            i, j = i - 1, j - 1
        elif i and d[i, j] == d[i - 1, j] + 1:
            edits.append("deleted")
            i -= 1
        else:
            edits.append("inserted")
            j -= 1
        way.append((i, j))
    return way[::-1], edits[::-1]


by_hand = [distances(r.split(), h.split())[-1, -1] for r, h in zip(references, hypotheses, strict=True)]
words = [len(r.split()) for r in references]
table(["reference", "hypothesis", "errors", "words"], list(zip(references, hypotheses, by_hand, words, strict=True)))
check(np.isclose(sum(by_hand) / sum(words), jiwer.wer(references, hypotheses)), "the word error rate by hand equals jiwer.wer")
letters = [distances(list(r), list(h))[-1, -1] for r, h in zip(references, hypotheses, strict=True)]
check(
    np.isclose(sum(letters) / sum(map(len, references)), jiwer.cer(references, hypotheses)),
    "and the character error rate jiwer.cer",
)

# %% [markdown]
# The matrix of two sentences, and the way of the fewest edits through it: diagonal steps are hits (same number) or
# substitutions (one more), steps down are deletions, steps to the right insertions. In JupyterLab, type other sentences.


# %%
def draw_matrix(figure, reference, hypothesis):
    """Draw the matrix of two sentences."""
    r, h = reference.upper().split(), hypothesis.upper().split()
    d = distances(r, h)
    way, edits = walk_back(d, r, h)
    figure.data[0].z, figure.data[0].text = d, d
    figure.data[1].x, figure.data[1].y = [j for _, j in way], [i for i, _ in way]
    for axis, names in ((figure.layout.xaxis, h), (figure.layout.yaxis, r)):
        axis.tickvals, axis.ticktext = list(range(len(names) + 1)), ["·", *names]
    s, deleted, inserted = (edits.count(kind) for kind in ("substituted", "deleted", "inserted"))
    figure.layout.title.text = (
        f"{s} substituted + {deleted} deleted + {inserted} inserted = {d[-1, -1]} errors in {len(r)} words"
    )


figure = go.Figure(go.Heatmap(colorscale="Blues", texttemplate="%{text}", showscale=False), layout={"title": "", "height": 430})
figure.add_scatter(mode="lines", line={"color": "#c2410c", "width": 8}, opacity=0.4, hoverinfo="skip")
figure.update_layout(xaxis={"title": "hypothesis"}, yaxis={"title": "reference", "autorange": "reversed"})
show(
    figure,
    draw_matrix,
    reference=Text("the cat sat on the mat", continuous_update=False),
    hypothesis=Text("a cat sat mat the very mat", continuous_update=False),
)

# %% [markdown]
# ## Four rates from the same counts
#
# With H hits, S substitutions, D deletions, I insertions; N = H + S + D words in the reference, P = H + S + I in the
# hypothesis:
#
# | rate | formula | range |
# |---|---|---|
# | word error rate | WER = (S + D + I) / N | 0 to above 1 |
# | match error rate | MER = (S + D + I) / (H + S + D + I) | 0 to 1 |
# | word information lost | WIL = 1 − (H / N) (H / P) | 0 to 1 |
# | character error rate | as WER, of letters | 0 to above 1 |

# %%
output = jiwer.process_words(references, hypotheses)
H, S, D, I = output.hits, output.substitutions, output.deletions, output.insertions  # noqa: E741 - the names in the formulas
wer, mer = (S + D + I) / (H + S + D), (S + D + I) / (H + S + D + I)
wil = 1 - (H / (H + S + D)) * (H / (H + S + I))
table(["", "WER", "MER", "WIL"], [("by the formulas", wer, mer, wil), ("jiwer", output.wer, output.mer, output.wil)])
check(S + D + I == sum(by_hand), "jiwer counts as many errors as the matrices")
check(np.allclose([wer, mer, wil], [output.wer, output.mer, output.wil]), "the formulas give jiwer's rates")

# %% [markdown]
# ### A corpus is not the mean of its utterances
#
# The word error rate of a data set is all errors over all words: long utterances count more. The mean of the utterances'
# rates is another number, and one-word utterances dominate it. Take this data set:

# %%
few = [("YES", "YES"), ("NO", "NOW"), ("WELL", "WHILE"), (" ".join(["WORD"] * 40), " ".join(["WORD"] * 40))]
corpus = jiwer.wer([r for r, _ in few], [h for _, h in few])
mean = float(np.mean([jiwer.wer(r, h) for r, h in few]))
print(f"three short utterances, one long: corpus {corpus:.1%}, mean of utterances {mean:.1%}")
rates = [e / w for e, w in zip(by_hand, words, strict=True)]
print(f"our six clips: corpus {wer:.1%}, mean of utterances {np.mean(rates):.1%}")
check(
    np.isclose(np.average(rates, weights=words), output.wer), "weighted by their words, the utterances' rates give the corpus's"
)

# %% [markdown]
# ## How sure is the number?
#
# Had we taken other clips, the rate would be another. The *bootstrap* (Bisani and Ney, 2004) pretends that our clips are all
# there is, and draws as many of them, with replacement, a thousand times. The middle 95 % of the results is the interval.

# %%
scored = score(
    [Result(str(k), None, w.seconds, r, h) for k, (w, r, h) in enumerate(zip(waveforms, references, hypotheses, strict=True))],
    str,
)
errors, lengths = np.array([s.errors for s in scored]), np.array([s.words for s in scored])
generator = np.random.default_rng(0)
draws = []
for _ in range(RESAMPLES):
    chosen = generator.integers(len(scored), size=len(scored))
    draws.append(errors[chosen].sum() / lengths[chosen].sum())
low, high = np.quantile(draws, [0.025, 0.975])
figure = go.Figure(
    go.Histogram(x=draws, nbinsx=60, marker_color="#9cc4f5"), layout={"title": f"{RESAMPLES} draws of six clips"}
)
for x, name in [(low, "2.5 %"), (high, "97.5 %"), (output.wer, "measured")]:
    figure.add_vline(x=float(x), line_dash="dot", annotation_text=name)
figure.update_layout(xaxis={"title": "word error rate (share of 1)"}, yaxis={"title": "draws"})
show(figure)
print(f"WER {output.wer:.1%}, 95 % interval {low:.1%} to {high:.1%}: six clips are very few")
check(np.allclose(interval(scored, speakers=False), (low, high)), "by hand equals w2vkit.evaluate.scoring.interval")

# %% [markdown]
# ## 1.9 against 2.0
#
# Let the true rates be $p_1$ and $p_2$. If every word were right or wrong on its own, the difference of two measured rates
# over n words each would have the variance $[p_1(1-p_1) + p_2(1-p_2)]/n$. Two things change that:
#
# - errors come in clusters (a hard speaker, a noisy recording): the variance is $\varphi$ times larger, 2 to 10 being usual;
# - both models hear the *same* utterances, and tend to fail on the same ones: with the correlation $\rho$ of their errors,
#   the variance of the difference shrinks by $1 - \rho$. (Gillick and Cox, 1989: always compare in pairs.)
#
# The difference is seen with 80 % power at the 5 % level once
#
# $$n = (1.96 + 0.84)^2\,\varphi\,(1-\rho)\,\frac{p_1(1-p_1) + p_2(1-p_2)}{(p_2-p_1)^2}$$

# %%
WORDS, UTTERANCES = 52_576, 2_620  # of test-clean
EACH = WORDS / UTTERANCES  # words in an utterance


def utterances_needed(p1, p2, phi, rho):
    """How many utterances for 80 % power at the 5 % level; rates are shares of 1."""
    spread = phi * (1 - rho) * (p1 * (1 - p1) + p2 * (1 - p2))
    return (1.96 + 0.84) ** 2 * spread / (p2 - p1) ** 2 / EACH


def power(utterances, p1, p2, phi, rho):
    """The probability to see the difference (normal approximation)."""
    spread = phi * (1 - rho) * (p1 * (1 - p1) + p2 * (1 - p2))
    return norm.cdf(abs(p2 - p1) / np.sqrt(spread / (np.asarray(utterances) * EACH)) - 1.96)


def draw_power(figure, first, second, clusters, correlation):
    """Draw the power for two error rates in per cent."""
    if first == second:
        figure.layout.title.text = "Equal rates cannot be told apart"
        return
    n = np.geomspace(100, 1e6, 100)
    for k, rho in enumerate((0.0, correlation)):
        figure.data[k].x, figure.data[k].y = n, power(n, first / 100, second / 100, clusters, rho)
    needed = utterances_needed(first / 100, second / 100, clusters, correlation)
    figure.layout.title.text = f"{first:.1f} % against {second:.1f} %: {needed:,.0f} utterances, if compared in pairs"


figure = go.Figure(layout={"title": "", "height": 420})
figure.add_scatter(name="other utterances for each model", line={"color": "#9aa5b1"})
figure.add_scatter(name="the same utterances, in pairs", line={"color": "#1f6feb"})
figure.add_vline(x=UTTERANCES, line_dash="dot")
figure.add_annotation(x=np.log10(UTTERANCES), y=0.95, text="test-clean", xanchor="right", showarrow=False)
figure.add_hline(y=0.8, line_dash="dot")
figure.update_layout(
    xaxis={"title": "utterances", "type": "log"},
    yaxis={"title": "power", "range": [0, 1.02]},
    legend={"orientation": "h", "y": -0.2},
)
show(
    figure,
    draw_power,
    first=FloatSlider(1.9, min=0.5, max=20, step=0.1),
    second=FloatSlider(2.0, min=0.5, max=20, step=0.1),
    clusters=FloatSlider(3.0, min=1, max=10, step=0.5),
    correlation=FloatSlider(0.7, min=0, max=0.95, step=0.05),
)
needed = utterances_needed(0.019, 0.020, 3.0, 0.7)
print("you predicted:", prediction or "nothing yet")
print("calculated:   ", "yes" if needed <= UTTERANCES else "no", f"(it takes {needed:,.0f} utterances, compared in pairs,")
print("               if the errors come in clusters, φ = 3, and the two models tend to fail together, ρ = 0.7)")
kindest = utterances_needed(0.019, 0.020, 1.0, 0.8)
print(f"even without clusters (φ = 1), and with ρ = 0.8, it takes {kindest:,.0f}")

# %% [markdown]
# Is the formula right? Simulate: 800 pairs of test sets of that size (each model with its own utterances, ρ = 0). Clusters
# come from a rate that differs between utterances: Poisson errors with a gamma-distributed rate have the variance $\varphi$
# times their mean. Count how often the difference is significant.
#
# One thing differs: a word of the formula is right or wrong, with the variance $p(1-p)$. Poisson errors have the variance $p$, which is a
# little larger. So the simulation should see the difference a little less often than in 80 %. How often exactly, the same formula tells.

# %%
generator = np.random.default_rng(1)
p1, p2, phi = 0.05, 0.06, 3.0  # larger rates, so that the simulation stays small
n = int(utterances_needed(p1, p2, phi, 0.0))
expected = norm.cdf((p2 - p1) / np.sqrt(phi * (p1 + p2) / (n * EACH)) - 1.96)  # the power, with p in place of p(1 - p)


def simulated_wer(p):
    """One test set's word error rate and its estimated variance."""
    mean = p * EACH
    errors = generator.poisson(generator.gamma(mean / (phi - 1), phi - 1, size=n))
    return errors.mean() / EACH, errors.var() / EACH**2 / n


seen = 0
for _ in range(800):
    (a, va), (b, vb) = simulated_wer(p1), simulated_wer(p2)
    seen += abs(a - b) > 1.96 * np.sqrt(va + vb)
print(f"{n:,} utterances: the difference of {p1:.0%} and {p2:.0%} was seen in {seen / 800:.0%} of 800 simulations")
print(f"expected with the variance of Poisson errors: {expected:.0%}")
check(abs(seen / 800 - expected) < 0.045, "the simulation agrees with that, within three standard errors (4.5 %)")

# %% [markdown]
# ## When conditions get worse
#
# One number for one test set says little about your kitchen. Four experiments on the six clips: noise, speed, bandwidth, length. Write
# down a prediction for each. The character error rate (CER) is shown beside the WER, as it moves even where no word is right any more.
#
# **Predict:**
#
# - Noise: at which signal-to-noise ratio (dB) is the CER twice that of the clean clips?
# - Speed: a faster *tape* raises the pitch as well (resampling); a *time stretch* (a phase vocoder) keeps it. Which one gives more errors at
#   1.3 times the speed?
# - Bandwidth: does a telephone's band (300 to 3,400 Hz) double the CER?
# - Length: the clips are joined and cut into pieces. Of 0.5, 1, 2, 5 and 10 s, which is the shortest length at which at most one character of
#   ten is wrong?

# %%
doubled = None  # such as 10
harder = None  # "tape" or "stretch"
telephone = None  # "yes" or "no"
long_enough = None  # 0.5, 1, 2, 5 or 10
RATE = model.sample_rate


def rates_of(sounds, texts=references):
    """(WER, CER) of samples."""
    heard = transcripts(sounds)
    return jiwer.wer(texts, heard), jiwer.cer(texts, heard)


def add_noise(samples, noise, snr):
    """Samples with noise at a signal-to-noise ratio (dB): 10 log10 of signal power over noise power."""
    noise = np.resize(noise, len(samples))
    return samples + noise * np.sqrt((samples**2).mean() / (noise**2).mean() / 10 ** (snr / 10))


def curves(figure, x, results, name, dash=None):
    """Add WER and CER against a condition."""
    for k, (rate, colour) in enumerate((("WER", "#1f6feb"), ("CER", "#1a7f4b"))):
        line = {"color": colour, "dash": dash}
        figure.add_scatter(x=x, y=[r[k] for r in results], name=f"{rate}, {name}", line=line, mode="lines+markers")


def rate_figure(title, condition):
    """An empty figure of error rates against a condition."""
    return go.Figure(
        layout={"title": title, "xaxis": {"title": condition}, "yaxis": {"title": "rate (share of 1)", "rangemode": "tozero"}}
    )


clean = rates_of([w.samples for w in waveforms])
snrs = [30, 20, 10, 5, 0]
generator = np.random.default_rng(0)
white = generator.standard_normal(6 * RATE)
hiss = [rates_of([add_noise(w.samples, white, snr) for w in waveforms]) for snr in snrs]
neighbours = [waveforms[(k + 1) % len(waveforms)].samples for k in range(len(waveforms))]
voice = [
    rates_of([add_noise(w.samples, other, snr) for w, other in zip(waveforms, neighbours, strict=True)]) for snr in snrs[1::2]
]
figure = rate_figure("Noise", "signal-to-noise ratio (dB); worse to the right")
curves(figure, snrs, hiss, "white noise")
curves(figure, snrs[1::2], voice, "another voice", "dash")
figure.update_layout(xaxis={"autorange": "reversed"})
show(figure)
hear(Waveform(add_noise(waveforms[0].samples, white, 10).astype(np.float32), RATE), "white noise, 10 dB")
reveal(doubled, next((float(s) for s, r in zip(snrs, hiss, strict=True) if r[1] >= 2 * clean[1]), "not even at 0"), "dB")

# %% [markdown]
# **Speed.** Tape against time stretch. Listen to the stretched clip, too.

# %%
speeds = [0.7, 1.3, 1.6]
tape = [rates_of([librosa.resample(w.samples, orig_sr=RATE * s, target_sr=RATE) for w in waveforms]) for s in speeds]
stretch = [rates_of([librosa.effects.time_stretch(w.samples, rate=s) for w in waveforms]) for s in speeds]
figure = rate_figure("Speed", "speed (1 is as recorded)")
curves(figure, [speeds[0], 1.0, *speeds[1:]], [tape[0], clean, *tape[1:]], "tape (pitch moves)")
curves(figure, [speeds[0], 1.0, *speeds[1:]], [stretch[0], clean, *stretch[1:]], "stretch (pitch stays)", "dash")
show(figure)
hear(
    Waveform(librosa.effects.time_stretch(waveforms[0].samples, rate=1.6).astype(np.float32), RATE),
    "1.6 times as fast, stretched",
)
at = speeds.index(1.3)
reveal(
    harder,
    "stretch" if stretch[at][1] > tape[at][1] else "tape",
    f"(CER {stretch[at][1]:.2f} stretched, {tape[at][1]:.2f} as a tape)",
)

# %% [markdown]
# Do not conclude from this that a higher pitch is easier. Two things are mixed into the comparison. The phase vocoder smears sharp onsets,
# such as those of P and T; that harm is of its making, not of the speed's. And `w2v-mini` was trained on sound that was resampled to
# several speeds, so it knows the tape.

# %% [markdown]
# **Bandwidth.** All frequencies outside a band are set to zero; the sampling rate stays 16 kHz.


# %%
def band(samples, low, high):
    """Only the frequencies from low to high (Hz)."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(samples))


bands = [(0, 8000), (0, 4000), (300, 3400), (0, 1000)]
narrowed = [rates_of([band(w.samples, *b) for w in waveforms]) for b in bands]
figure = rate_figure("Bandwidth", "what is left (Hz)")
for k, (rate, colour) in enumerate((("WER", "#1f6feb"), ("CER", "#1a7f4b"))):
    figure.add_bar(x=[f"{low} to {high}" for low, high in bands], y=[r[k] for r in narrowed], name=rate, marker_color=colour)
show(figure)
hear(Waveform(band(waveforms[0].samples, 300, 3400).astype(np.float32), RATE), "telephone band")
reveal(
    telephone,
    "yes" if narrowed[2][1] >= 2 * clean[1] else "no",
    f"(CER {clean[1]:.3f} clean, {narrowed[2][1]:.3f} in the band)",
)
check(
    np.isclose(narrowed[0][1], clean[1], atol=0.03),
    "the full band changes (almost) nothing: the experiment itself does no harm",
)

# %% [markdown]
# **Length.** Join all clips to one long sound and cut it into pieces of equal length; the last point is the sound in one piece. What do
# short pieces cost, and why? (For long sounds w2vkit cuts windows of 20 s, too, but lets them overlap by 2 s on both sides.)

# %%
joined = np.concatenate([w.samples for w in waveforms])
piece_seconds = [0.5, 1.0, 2.0, 5.0, 10.0, round(len(joined) / RATE, 1)]
results = []
for seconds in piece_seconds:
    size = len(joined) if seconds == piece_seconds[-1] else int(seconds * RATE)
    pieces = [joined[start : start + size] for start in range(0, len(joined) - model.receptive_field, size)]
    text = " ".join(" ".join(transcripts([p for p in pieces if len(p) >= model.receptive_field])).split())
    results.append((jiwer.wer(" ".join(references), text), jiwer.cer(" ".join(references), text)))
figure = rate_figure("Length of the pieces", "seconds in a piece")
curves(figure, piece_seconds, results, "cut without overlap")
figure.update_layout(xaxis={"type": "log", "tickvals": piece_seconds})
show(figure)
table(["seconds in a piece", "WER", "CER"], [(s, *r) for s, r in zip(piece_seconds, results, strict=True)])
enough = next((s for s, r in zip(piece_seconds[:-1], results, strict=False) if r[1] <= 0.1), "more than 10")
reveal(long_enough, enough, "s")
check(results[0][1] > results[-1][1], "pieces of half a second cost errors")

# %% [markdown]
# Every cut goes through a word or takes away its surroundings. Each piece is also normalised on its own: a piece that holds
# mostly silence is made as loud as speech (notebook 5).
#
# ## Exercises
#
# 1. Find a reference and a hypothesis with a WER of 300 %.
#
# <details><summary>Solution</summary>
#
# One word said, three inserted besides:
#
# ```python
# output = jiwer.process_words("yes", "yes it is so")
# print(output.wer, output.mer, output.wil)
# ```
#
# MER and WIL stay below 1.
# </details>
#
# 2. Which hypothesis has the best WER if the model knows nothing at all, and how good is it?
#
# <details><summary>Solution</summary>
#
# The empty one: all words deleted, 100 %. A model above 100 % would do better to keep silent. CER has the same property.
# </details>
#
# 3. How many utterances tell 1.9 from 3.9 (clean against other)? Use the sliders, then the formula.
#
# <details><summary>Solution</summary>
#
# ```python
# print(utterances_needed(0.019, 0.039, 3.0, 0.0))
# ```
#
# Less than two hundred. A large difference is soon seen; that is why a small test set does no harm in early work and much harm at
# the end of it.
# </details>
#
# 4. Replace the white noise by a 50 Hz hum with its overtones. At the same signal-to-noise ratio, is it worse?
#
# <details><summary>Solution</summary>
#
# ```python
# t = np.arange(6 * RATE) / RATE
# hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 10))
# print([rates_of([add_noise(w.samples, hum, snr) for w in waveforms]) for snr in (10, 0)])
# ```
#
# Compare with the hiss. The hum's power sits in a few narrow lines at the lower end of speech: the ratio of powers is not all
# there is.
# </details>
#
# ## Three questions
#
# 1. In the matrix of the edit distance: where could the red line go another way at the same price? Would the error rates
#    change?
# 2. In the figure of noise, which disturbs more at 5 dB, the hiss or the voice, and does WER agree with CER?
# 3. From the figure of length: how many cuts are there in 23 s with pieces of 1 s and of 5 s? About how many characters does one cut cost?
#
# **Sources.** Levenshtein (1966); Morris, Maier, Green, "From WER and RIL to MER and WIL" (2004); Bisani and Ney, "Bootstrap
# estimates for confidence intervals in ASR performance evaluation" (2004), https://doi.org/10.1109/ICASSP.2004.1326009;
# Gillick and Cox, "Some statistical issues in the comparison of speech recognition algorithms" (1989); Panayotov et al.,
# "LibriSpeech" (2015); jiwer, https://github.com/jitsi/jiwer.
#
# [the course](README.md) · before: [08 When was it said?](08_when_was_it_said.ipynb) · next:
# [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb)
