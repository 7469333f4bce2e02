# %% [markdown]
# # 09 · How wrong is it?
#
# [the course](README.md) · before: [08 When was it said?](08_when_was_it_said.ipynb) · next:
# [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb)
#
# "1.9 % word error rate" sounds exact. What is counted? How sure is the number? When is one system really better than another? And does the
# number hold for a noisy kitchen, a fast speaker, a telephone?
#
# | | |
# |---|---|
# | **You will** | count errors by the edit distance; compute an interval by the bootstrap; compare two decoders on the same speech; find how many utterances a small difference needs; measure what noise, speed, bandwidth and short pieces cost |
# | **Time** | 60 minutes |
# | **You need** | [01](01_first_transcript.ipynb); what a mean and a variance are |
#
# The clips of this notebook are synthetic, and their voices are also in the training data of `w2v-mini` (notebook
# [01](01_first_transcript.ipynb) shows its error rates on people, which are much higher). What you can learn here is how rates *change*.

# %%
import jiwer
import librosa
import numpy as np
from figures import resampling
from ipywidgets import FloatSlider, Text
from lesson import answer, check, closed, exercise, hear, predict, show, table
from plots import draw_edits, draw_power, draw_rates
from scipy.stats import binomtest, norm

from w2vkit import greedy, load
from w2vkit.audio import Waveform
from w2vkit.decode import beam_search
from w2vkit.decode.lm import load as load_language_model
from w2vkit.evaluate.compare import compare
from w2vkit.evaluate.hypotheses import System
from w2vkit.evaluate.scoring import RESAMPLES, interval, score
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.pipeline.journal import Result

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clips = examples()
waveforms = [load(clip.path) for clip in clips]
references = [clip.text for clip in clips]
RATE = model.sample_rate


def emit(sounds):
    """Emissions of samples at the model's rate."""
    return model.emit([Waveform(x.astype(np.float32), RATE) for x in sounds])


def transcripts(sounds):
    """The texts that greedy decoding gives."""
    return [greedy(one).text for one in emit(sounds)]


hypotheses = transcripts([waveform.samples for waveform in waveforms])

# %% [markdown]
# ## 1. The edit distance
#
# Errors are the fewest edits that turn the reference into the hypothesis: a word **s**ubstituted, **d**eleted or
# **i**nserted. With $D_{ij}$ for the first $i$ words of the reference and the first $j$ of the hypothesis (Levenshtein,
# 1966):
#
# $$D_{ij} = \min\bigl(D_{i-1,j-1} + [r_i \ne h_j],\ D_{i-1,j} + 1,\ D_{i,j-1} + 1\bigr), \qquad D_{i0} = i,\ D_{0j} = j$$
#
# **Your turn 1.** Write it: the matrix $D$ of two lists.


# %%
def edit_matrix(reference, hypothesis):
    """Two lists; gives the (R + 1, H + 1) edit distances between their beginnings."""
    ...  # your turn


exercise(
    edit_matrix,
    ((["A"], []), np.array([[0], [1]]), "The edges: D[i, 0] = i, D[0, j] = j."),
    ((["A"], ["A"]), np.array([[0, 1], [1, 0]]), "A diagonal step of equal words costs 0."),
    (
        (["A", "B"], ["B"]),
        np.array([[0, 1], [1, 1], [2, 1]]),
        "The least of three: diagonal (0 or 1), from above (1), from the left (1).",
    ),
)

# %% [markdown]
# {{solution 1}}


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


pairs = list(zip(references, hypotheses, strict=True))
by_hand = [distances(r.split(), h.split())[-1, -1] for r, h in pairs]
words = [len(r.split()) for r in references]
rows = [(*pair, e, w) for pair, e, w in zip(pairs, by_hand, words, strict=True)]
table(["reference", "hypothesis", "errors", "words"], rows)
wer = sum(by_hand) / sum(words)
check(np.isclose(wer, jiwer.wer(references, hypotheses)), "the word error rate equals jiwer.wer")
letters = sum(distances(list(r), list(h))[-1, -1] for r, h in pairs) / sum(map(len, references))
check(np.isclose(letters, jiwer.cer(references, hypotheses)), "the character error rate jiwer.cer")

# %% [markdown]
# The matrix of two sentences, and the way of the fewest edits through it: diagonal steps are hits (same number) or
# substitutions (one more), steps down are deletions, steps to the right insertions. In JupyterLab, type other sentences.

# %%
figure, move = draw_edits(distances, walk_back)
show(
    figure,
    move,
    reference=Text("the cat sat on the mat", continuous_update=False),
    hypothesis=Text("a cat sat mat the very mat", continuous_update=False),
    alt="A matrix of edit distances, reference words in rows and hypothesis words in columns. A "
    "line runs from the upper left to the lower right through the smallest numbers.",
)

# %% [markdown]
# ## 2. Three rates from the same counts
#
# With H hits, S substitutions, D deletions, I insertions; N = H + S + D words in the reference, P = H + S + I in the
# hypothesis:
#
# | rate | formula | range |
# |---|---|---|
# | word error rate | WER = (S + D + I) / N | 0 to above 1 |
# | match error rate | MER = (S + D + I) / (H + S + D + I) | 0 to 1 |
# | word information lost | WIL = 1 − (H / N) (H / P) | 0 to 1 |
#
# **Your turn 2.** Write them.


# %%
def three_rates(hits, substituted, deleted, inserted):
    """Gives (WER, MER, WIL)."""
    ...  # your turn


exercise(
    three_rates,
    ((5, 0, 0, 0), (0.0, 0.0, 0.0), "No error: all three are 0."),
    ((1, 0, 0, 3), (3.0, 0.75, 0.75), "N = 1, P = 4. WER can be above 1; the two others cannot."),
    ((6, 2, 2, 0), (0.4, 0.4, 1 - 0.6 * 0.75), "N = 10 and P = 8."),
)

# %% [markdown]
# {{solution 2}}
#
# The word error rate of a data set is all errors over all words: long utterances count more. The mean of the utterances'
# rates is another number, and utterances of one word dominate it.

# %%
long = " ".join(["WORD"] * 40)
few = [("YES", "YES"), ("NO", "NOW"), ("WELL", "WHILE"), (long, long)]
corpus = jiwer.wer([r for r, _ in few], [h for _, h in few])
mean = float(np.mean([jiwer.wer(r, h) for r, h in few]))
print(f"three short utterances, one long: corpus {corpus:.1%}, mean of utterances {mean:.1%}")
rates = [e / w for e, w in zip(by_hand, words, strict=True)]
print(f"our six clips: corpus {wer:.1%}, mean of utterances {np.mean(rates):.1%}")
weighted = np.average(rates, weights=words)
check(np.isclose(weighted, wer), "weighted by words, the mean is the corpus's")

# %% [markdown]
# ## 3. How sure is the number?
#
# Had we taken other clips, the rate would be another. The *bootstrap* (Bisani and Ney, 2004) pretends that our clips are all
# there is, and draws as many of them, with replacement, a thousand times. The middle 95 % of the results is the interval.

# %%
WIDTHS = {"1 point": 1, "4 points": 4, "15 points": 15}
rounded = predict("Six clips, 71 words: how wide is the 95 % interval?", *WIDTHS)

# %% [markdown]
# Press *one draw* a few times: which clips are drawn, and where does the rate fall? Then *1000 draws*.

# %%
resampling(by_hand, words, limit=0.3)

# %%
results = [Result(str(k), reference=r, hypothesis=h) for k, (r, h) in enumerate(pairs)]
scored = score(results, str)
errors, lengths = np.array([s.errors for s in scored]), np.array([s.words for s in scored])
generator = np.random.default_rng(0)
draws = []
for _ in range(RESAMPLES):
    chosen = generator.integers(len(scored), size=len(scored))
    draws.append(errors[chosen].sum() / lengths[chosen].sum())
low, high = np.quantile(draws, [0.025, 0.975])
check(np.allclose(interval(scored, speakers=False), (low, high)), "this is how w2vkit computes it")
answer(
    rounded,
    min(WIDTHS, key=lambda name: abs(WIDTHS[name] - 100 * (high - low))),
    f"WER {wer:.1%}, 95 % interval {low:.1%} to {high:.1%}. One error more or less is 1.4 points, "
    "and another choice of clips changes several of them. Six clips are very few.",
)

# %% [markdown]
# ## 4. Is the other one better?
#
# Two decoders read the same emissions: greedy decoding, and beam search with the bundled 4-gram language model (notebook
# [07](07_beams_and_words.ipynb)). To have more errors than a handful, the six clips are read five times: as they are, and with white noise at
# 20, 10, 5 and 0 dB, together 158 s. `w2vkit.evaluate.compare` counts them in *pairs*: for every utterance, how many more errors the
# second has than the first. It gives a *p-value*: how probable a difference as large as this one would be if both were equally good.


# %%
def add_noise(samples, noise, snr):
    """Samples with noise at a signal-to-noise ratio (dB): 10 log10 of signal over noise power."""
    noise = np.resize(noise, len(samples))
    return samples + noise * np.sqrt((samples**2).mean() / (noise**2).mean() / 10 ** (snr / 10))


white = np.random.default_rng(0).standard_normal(6 * RATE)
LEVELS = [np.inf, 20, 10, 5, 0]  # dB; infinite: no noise
named = [(f"{level} dB, {k}", k, level) for level in LEVELS for k in range(len(clips))]
loud = [add_noise(waveforms[k].samples, white, level) for _, k, level in named]
heard = emit(loud)
language_model = load_language_model("bundled")
read = {
    "greedy": [greedy(one).text for one in heard],
    "beam with 4-gram": [beam_search(one, language_model=language_model).text for one in heard],
}
systems = [
    System(
        decoder,
        {
            id: Result(id, f"sentence {k}", len(sound) / RATE, references[k], text)
            for (id, k, _), sound, text in zip(named, loud, texts, strict=True)
        },
    )
    for decoder, texts in read.items()
]
print(f"{len(named)} utterances, {sum(map(len, loud)) / RATE:.0f} s")

# %%
really = predict(
    "Does the second decoder make fewer errors, and is that more than chance (p < 0.05)?",
    "it makes fewer, and that is more than chance",
    "it makes fewer, but that may be chance",
    "it makes as many or more",
)


# %%
def small(p):
    """A p-value; what is far below any level is not printed exactly."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


comparison = compare(systems)
difference = comparison.differences[0]
rows = [
    (total.name, f"{total.wer:.1%}", total.substitutions, total.deletions, total.insertions)
    for total in comparison.systems  # the first is the baseline
]
counts = (difference.better, difference.worse, difference.equal)
gained, lost = (", ".join(w for w, _ in part[:8]) for part in (difference.gained, difference.lost))
drawn, segments = difference.utterances, difference.segments
with closed():
    table(["decoder", "WER", "substituted", "deleted", "inserted"], rows)
    print("better in {} utterances, worse in {}, equal in {}".format(*counts))
    print("words only the second has right:", gained)
    print("words only the first has right: ", lost or "none")
    print("paired bootstrap: {:+.1%} to {:+.1%},".format(*drawn.interval), small(drawn.p))
    if segments:
        z = f"z = {segments.z:.2f}"
        print(f"MAPSSWE: {segments.segments} segments, {z}, {small(segments.p)}")
by_utterance = [u.errors[1] - u.errors[0] for u in comparison.utterances]
check(
    np.isclose(sum(by_utterance) / comparison.words, difference.wer),
    "the difference of the rates is the sum of the differences of the utterances",
)

# %%
sure = "it makes fewer, and that is more than chance"
maybe = "it makes fewer, but that may be chance"
answer(
    really,
    (sure if drawn.p < 0.05 else maybe) if difference.wer < 0 else "it makes as many or more",
    f"The difference is {difference.wer:+.1%}, {small(drawn.p)}. The pairs help: clips that are "
    "hard for one decoder are hard for the other, and that part of the chance cancels. But the "
    "noisy copies of a clip are no new sentences: a careful test would draw the six sentences, "
    "not the 30 copies.",
)
six = difference.speakers  # all copies of a sentence are drawn together
by_sentence = np.zeros(len(clips), int)
for utterance, more in zip(comparison.utterances, by_utterance, strict=True):
    by_sentence[int(utterance.speaker.split()[-1])] += more
with closed("Open the test that draws sentences"):
    print("six sentences drawn: {:+.1%} to {:+.1%},".format(*six.interval), small(six.p))
    print("errors that the second has more, sentence by sentence:", *by_sentence)
    signs = binomtest(int((by_sentence < 0).sum()), int((by_sentence != 0).sum())).pvalue
    print(f"sign test over the sentences: {small(signs)}")

# %% [markdown]
# **MAPSSWE** (matched pairs sentence-segment word error), the test of NIST's scorer, cuts the utterances where both systems have two words right, and
# asks whether the mean difference of errors of these segments is zero (Gillick and Cox, 1989).
#
# Do not believe the small p-value of six drawn sentences. If the second decoder is worse in none of them, it is worse in no draw, and p becomes as small as
# the number of draws allows. A *sign test* asks only how many sentences got better: here five, while one stayed as it was. If both decoders were equally
# good, all five would change in the same direction in $2 / 2^5$ = 6 % of cases. Five that changed cannot reach p < 0.05 in this test, however large the
# differences are; six could ($2 / 2^6$ = 3 %), if all of them got better. To be sure, take more sentences, not more copies.
#
# ## 5. 1.9 against 2.0
#
# Two models have word error rates of 1.9 % and 2.0 % on LibriSpeech's test-clean: 2,620 utterances, 52,576 words.

# %%
enough = predict("Is that enough to be fairly sure that the first is better?", "yes", "no")

# %% [markdown]
# Let the true rates be $p_1$ and $p_2$. If every word were right or wrong on its own, the difference of two measured rates
# over n words each would have the variance $[p_1(1-p_1) + p_2(1-p_2)]/n$. Two things change that:
#
# - errors come in groups (a hard speaker, a noisy recording): the variance is $\varphi$ times as large (*overdispersion*). We take $\varphi = 3$; it
#   differs from test set to test set;
# - both models hear the *same* utterances, and tend to fail on the same ones: with the correlation $\rho$ of their errors,
#   the variance of the difference is $1 - \rho$ times as large. So always compare in pairs.
#
# The *power* of a test is the probability that it finds a difference that is there. It is 80 %, at the 5 % level, with this number of words:
#
# $$n = (1.96 + 0.84)^2\,\varphi\,(1-\rho)\,\frac{p_1(1-p_1) + p_2(1-p_2)}{(p_2-p_1)^2}$$

# %%
WORDS, UTTERANCES = 52_576, 2_620  # of test-clean
EACH = WORDS / UTTERANCES  # words in an utterance


def utterances_needed(p1, p2, phi, rho):
    """How many utterances for 80 % power at the 5 % level; rates are fractions of 1."""
    spread = phi * (1 - rho) * (p1 * (1 - p1) + p2 * (1 - p2))
    return (1.96 + 0.84) ** 2 * spread / (p2 - p1) ** 2 / EACH


def power(utterances, p1, p2, phi, rho):
    """The probability to see the difference (normal approximation)."""
    spread = phi * (1 - rho) * (p1 * (1 - p1) + p2 * (1 - p2))
    return norm.cdf(abs(p2 - p1) / np.sqrt(spread / (np.asarray(utterances) * EACH)) - 1.96)


figure, move = draw_power(power, utterances_needed, UTTERANCES)
show(
    figure,
    move,
    first=FloatSlider(1.9, min=0.5, max=20, step=0.1),
    second=FloatSlider(2.0, min=0.5, max=20, step=0.1),
    overdispersion=FloatSlider(3.0, min=1, max=10, step=0.5),
    correlation=FloatSlider(0.7, min=0, max=0.95, step=0.05),
    alt="Power against the number of utterances, two rising curves: with the same utterances for "
    "both models it rises much earlier. At test-clean's 2,620 utterances both are below 80 %.",
    closed="Open the figure",
)
needed = utterances_needed(0.019, 0.020, 3.0, 0.7)
kindest = utterances_needed(0.019, 0.020, 1.0, 0.8)
answer(
    enough,
    "yes" if needed <= UTTERANCES else "no",
    f"It takes {needed:,.0f} utterances, compared in pairs, for φ = 3 and ρ = 0.7. Even for φ = 1 "
    f"and ρ = 0.8 it takes {kindest:,.0f}. A tenth of a point on test-clean is mostly chance.",
)

# %% [markdown]
# Is the formula right? Simulate: 800 pairs of test sets of the size that it asks for (each model with its own utterances, ρ = 0). Grouped errors
# come from a rate that differs between utterances: Poisson errors with a gamma-distributed rate have the variance $\varphi$
# times their mean.
#
# One thing differs: a word of the formula is right or wrong, with the variance $p(1-p)$. Poisson errors have the variance $p$, which is a
# little larger. So the simulation should see the difference a little less often than in 80 %. How often exactly, the same formula tells.

# %%
generator = np.random.default_rng(1)
p1, p2, phi = 0.05, 0.06, 3.0  # larger rates, so that the simulation stays small
n = int(utterances_needed(p1, p2, phi, 0.0))
spread = phi * (p1 + p2) / (n * EACH)  # with p in place of p(1 - p)
expected = norm.cdf((p2 - p1) / np.sqrt(spread) - 1.96)


def simulated_wer(p):
    """One test set's word error rate and its estimated variance."""
    mean = p * EACH
    errors = generator.poisson(generator.gamma(mean / (phi - 1), phi - 1, size=n))
    return errors.mean() / EACH, errors.var() / EACH**2 / n


seen = 0
for _ in range(800):
    (a, va), (b, vb) = simulated_wer(p1), simulated_wer(p2)
    seen += abs(a - b) > 1.96 * np.sqrt(va + vb)
print(f"{n:,} utterances: {p1:.0%} and {p2:.0%} were told apart in {seen / 800:.0%} of 800 runs")
print(f"expected with the variance of Poisson errors: {expected:.0%}")
check(abs(seen / 800 - expected) < 0.045, "they agree within three standard errors (4.5 points)")

# %% [markdown]
# ## 6. When conditions get worse
#
# One number for one test set says little about your kitchen. Four experiments on the six clips: noise, speed, bandwidth, length. The character
# error rate (CER) is shown beside the WER, as it moves even where no word is right any more.

# %%
DOUBLED = ("already at 20 dB", "at 10 dB", "not before 5 dB")
doubled = predict("At which signal-to-noise ratio is the CER twice the clean one?", *DOUBLED)


# %%
def rates_of(sounds):
    """(WER, CER) of samples."""
    found = transcripts(sounds)
    return jiwer.wer(references, found), jiwer.cer(references, found)


samples = [w.samples for w in waveforms]
clean = rates_of(samples)
snrs = [30, 20, 10, 5, 0]
hiss = [rates_of([add_noise(x, white, snr) for x in samples]) for snr in snrs]
others = samples[1:] + samples[:1]
mixed = list(zip(samples, others, strict=True))
voice = [rates_of([add_noise(*two, snr) for two in mixed]) for snr in snrs]
show(
    draw_rates(snrs, {"white noise": hiss, "another voice": voice},
               "signal-to-noise ratio (dB); worse to the right", xaxis_autorange="reversed"),
    alt="Word and character error rates against the signal-to-noise ratio: all rise as the noise "
    "becomes louder.",
    closed="Open the figure",
)  # fmt: skip
hear(Waveform(add_noise(samples[0], white, 10).astype(np.float32), RATE), "white noise, 10 dB")
hear(Waveform(add_noise(*mixed[0], 0).astype(np.float32), RATE), "another voice, 0 dB")
shown = ", ".join(f"{r[1]:.3f}" for r in hiss)
loudest = next((snr for snr, r in zip(snrs, hiss, strict=True) if r[1] >= 2 * clean[1]), 0)
answer(
    doubled,
    DOUBLED[0 if loudest >= 20 else 1 if loudest == 10 else 2],
    f"CER {clean[1]:.3f} clean; in white noise, from 30 to 0 dB: {shown}. At 0 dB the other voice "
    "is as loud as the first one: nothing tells the model which of the two it should write.",
)

# %% [markdown]
# **Speed.** A faster *tape* raises the pitch as well (resampling); a *time stretch* (a phase vocoder) keeps it.

# %%
harder = predict("Which one gives more errors at 1.3 times the speed?", "the tape", "the stretch")

# %%
speeds = [0.7, 1.3, 1.6]
tape, stretch = [], []
for speed in speeds:
    resampled = [librosa.resample(x, orig_sr=RATE * speed, target_sr=RATE) for x in samples]
    tape.append(rates_of(resampled))
    stretch.append(rates_of([librosa.effects.time_stretch(x, rate=speed) for x in samples]))
curves = {name: [r[0], clean, *r[1:]] for name, r in (("tape", tape), ("stretch", stretch))}
show(
    draw_rates([0.7, 1.0, 1.3, 1.6], curves, "speed (1 is as recorded)"),
    alt="Error rates against speed, for tape and stretch.",
    closed="Open the figure",
)
faster = librosa.effects.time_stretch(samples[0], rate=1.6).astype(np.float32)
hear(Waveform(faster, RATE), "1.6 times as fast, stretched")
a, b = stretch[1][1], tape[1][1]
answer(
    harder,
    "the stretch" if a > b else "the tape",
    f"CER {a:.2f} stretched, {b:.2f} as a tape. This does not show that a higher pitch is easier. "
    "The phase vocoder smears sharp onsets, such as those of P and T; and w2v-mini was trained "
    "on sound that was resampled to several speeds, so it knows the tape.",
)

# %% [markdown]
# **Bandwidth.** All frequencies outside a band are set to zero; the sampling rate stays 16 kHz.

# %%
telephone = predict("Does a telephone's band (300 to 3,400 Hz) double the CER?", "yes", "no")


# %%
def band(samples, low, high):
    """Only the frequencies from low to high (Hz)."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(samples))


bands = [(0, 8000), (0, 3400), (300, 8000), (300, 3400), (0, 1000)]
narrowed = [rates_of([band(x, *b) for x in samples]) for b in bands]
show(
    draw_rates([f"{a} to {b}" for a, b in bands], {"": narrowed}, "what is left (Hz)", bars=True),
    alt="Bars of word and character error rates for five bands; they are highest where only "
    "frequencies up to 1,000 Hz are left.",
    closed="Open the figure",
)
hear(Waveform(band(samples[0], 300, 3400).astype(np.float32), RATE), "telephone band")
answer(
    telephone,
    "yes" if narrowed[3][1] >= 2 * clean[1] else "no",
    f"CER {clean[1]:.3f} clean, {narrowed[3][1]:.3f} in the band. Without what is above 3,400 Hz "
    f"alone it is {narrowed[1][1]:.3f}, and without what is below 300 Hz alone "
    f"{narrowed[2][1]:.3f}: both ends count. The hiss of S and F is mostly above 3,400 Hz; below "
    "300 Hz are the pitch and the lowest part of the vowels. With 1,000 Hz and less it is "
    f"{narrowed[4][1]:.3f}: the second formant is gone, and with it most differences of vowels.",
)
check(np.isclose(narrowed[0][1], clean[1], atol=0.03), "the full band changes (almost) nothing")

# %% [markdown]
# **Length.** Join all clips to one long sound and cut it into pieces of equal length; the last point is the whole sound. (w2vkit
# cuts that, too, into windows of 20 s, but lets them overlap by 2 s on both sides: notebook [14](14_streaming_and_long_sound.ipynb).)
# Pieces shorter than 2 s get 0.1 s of silence at both ends, because w2v-mini needs that for single words.

# %%
PIECES = ("0.5 s", "1 s", "2 s", "5 s")
shortest = predict("Which is the shortest piece with at most one wrong character in ten?", *PIECES)

# %%
joined = np.concatenate(samples)
lengths = [0.5, 1.0, 2.0, 5.0, 10.0, round(len(joined) / RATE, 1)]
cut = []
for seconds in lengths:
    size = len(joined) if seconds == lengths[-1] else int(seconds * RATE)
    starts = range(0, len(joined) - model.receptive_field, size)
    found = transcripts([joined[start : start + size] for start in starts])
    text, right = " ".join(" ".join(found).split()), " ".join(references)
    cut.append((jiwer.wer(right, text), jiwer.cer(right, text)))
show(
    draw_rates(lengths, {"cut without overlap": cut}, "seconds in a piece", xaxis_type="log"),
    alt="Error rates against the length of the pieces: high for half a second, lower from 2 s on.",
    closed="Open the figure",
)
good = [f"{s:g} s" for s, r in zip(lengths[:4], cut, strict=False) if r[1] <= 0.1]
answer(
    shortest,
    good[0] if good else "5 s",
    "CER: " + ", ".join(f"{r[1]:.2f} at {s:g} s" for s, r in zip(lengths, cut, strict=True)) + "."
    " Every cut goes through a word or takes away its surroundings. Each piece is also normalised "
    "on its own: silence is made as loud as speech.",
)
check(cut[0][1] > cut[-1][1], "pieces of half a second cost errors")

# %% [markdown]
# ## Three questions
#
# 1. Which hypothesis has the best WER if the model knows nothing at all, and how good is it?
# 2. How many utterances tell 1.9 from 3.9 (the card's figures for clean and other)? Use the sliders, then the formula.
# 3. Replace the white noise by a 50 Hz hum with its overtones. At the same signal-to-noise ratio, is it worse?
#
# {{solution 3}}
#
# **Sources.** Levenshtein (1966); Morris, Maier, Green, "From WER and RIL to MER and WIL" (2004); Bisani and Ney, "Bootstrap
# estimates for confidence intervals in ASR performance evaluation" (2004), https://doi.org/10.1109/ICASSP.2004.1326009;
# Gillick and Cox, "Some statistical issues in the comparison of speech recognition algorithms" (1989); Panayotov et al.,
# "LibriSpeech" (2015); jiwer, https://github.com/jitsi/jiwer.
#
# [the course](README.md) · before: [08 When was it said?](08_when_was_it_said.ipynb) · next:
# [10 Evaluate on LibriSpeech](10_evaluate_librispeech.ipynb)
