# %% [markdown]
# # 02 · Sound as numbers
#
# [the course](README.md) · before: [01 A first transcript](01_first_transcript.ipynb) · next:
# [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb)
#
# The model takes 16,000 numbers for each second of sound: mono, between -1 and 1. Recordings come at 8,000, 44,100 or 48,000
# numbers a second, as integers, in stereo. This notebook shows what the numbers mean, and what happens if they are taken for
# something else.
#
# | | |
# |---|---|
# | **You will** | zoom into a voice and play what you see; tell which tone a sampled tone turns into; convert integers and stereo; measure what a wrong rate, few bits and clipping cost |
# | **Time** | 40 minutes |
# | **You need** | sine waves; [01](01_first_transcript.ipynb) |

# %%
import jiwer
import numpy as np
import soundfile
import soxr
from figures import draw_zoom
from ipywidgets import FloatSlider, IntSlider
from lesson import answer, check, closed, closest, exercise, hear, predict, show, table
from plots import draw_alias, draw_lines, draw_spectrograms

from w2vkit import Waveform, greedy, load, transcribe
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clips = examples()
waveform = load(clips[0].path)
RATE = model.sample_rate  # Hz

# %% [markdown]
# ## 1. Samples
#
# A sample $x_n$ is the air pressure, up to a factor, at the time $t = n / f_s$, where $f_s$ is the sampling rate in Hz. Zoom in
# until you see single samples, and **play what you see**: a short piece is repeated for one second. Voiced sounds repeat with the beat of the
# vocal folds, 80 to 300 times a second in adults. So find a vowel, zoom to one period of it, and you hear the pitch of the voice as a buzz.

# %%
centre = int(np.argmax(np.abs(waveform.samples)))  # the loudest sample
begin = max(0, centre - RATE)
draw_zoom(Waveform(waveform.samples[begin : begin + 2 * RATE]), (centre - begin) / RATE)
hear(waveform, "the whole clip")

# %% [markdown]
# ## 2. Aliasing: why the rate limits the pitch
#
# A fast tone may swing several times from one sample to the next. What do the samples then hold?

# %%
eleven = predict(
    "A tone of 11 kHz is sampled at 16 kHz, without a filter. What do its samples sound like?",
    "silence", "a tone of 3 kHz", "a tone of 5 kHz", "a tone of 11 kHz",
)  # fmt: skip

# %% [markdown]
# Samples cannot tell a tone of $f$ Hz from one of $f + f_s$: between two samples it makes one full turn more. Nor from one of $f - f_s$,
# which makes one less. What is heard is the one nearest to 0 Hz of all these, never above $f_s/2$ (the Nyquist frequency).
#
# $$f_\text{heard} = \left|\, f - f_s \cdot \operatorname{round}(f / f_s) \,\right|$$
#
# **Your turn 1.** Write the formula. `np.round` rounds.


# %%
def folded(tone, rate):
    """The frequency (Hz) that is heard of a tone (Hz) after sampling without a filter."""
    ...  # your turn


exercise(
    folded,
    ((10_000, 16_000), 6000.0, "round(10/16) is 1: subtract one whole rate, drop the sign."),
    ((19_000, 16_000), 3000.0, "The distance to the nearest multiple of the rate counts."),
    ((3000, 8000), 3000.0, "Below half of the rate nothing changes."),
)

# %% [markdown]
# {{solution 1}}


# %%
def loudest(samples):
    """The frequency (Hz) with the most energy, measured by a Fourier transform."""
    return np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples)


def sampled(tone):
    """A tenth of a second of a tone (Hz) at RATE samples a second."""
    return np.cos(2 * np.pi * tone * np.arange(RATE // 10) / RATE)


figure, move = draw_alias(RATE)
show(
    figure,
    move,
    kilohertz=FloatSlider(value=11, min=0.5, max=20, step=0.5, description="tone (kHz)"),
    closed="Open the figure",
    alt="A fast cosine in grey, its samples, and a slower dotted cosine through the samples.",
)
tones = np.arange(500, 20_000, 500)
tones = tones[tones % RATE != RATE // 2]
distance = np.abs(tones - RATE * np.round(tones / RATE))
measured = [loudest(sampled(tone)) for tone in tones]
check(np.allclose(measured, distance, atol=10), "the spectra agree with the formula")
answer(
    eleven,
    f"a tone of {loudest(sampled(11_000)) / 1000:.0f} kHz",
    "The samples of 11 kHz are those of 11 - 16 = -5 kHz, and a cosine of -5 kHz is one of 5 kHz.",
)

# %% [markdown]
# ### Heard and seen
#
# A tone that climbs from 100 Hz to 20 kHz within 3 s at 48 kHz. To reach 16 kHz, one can keep every third sample. Or one can first
# take away everything above 8 kHz, as a *resampler* does (w2vkit uses soxr). Listen to both.

# %%
seconds = np.arange(3 * 48_000) / 48_000
turns = 100 * seconds + (20_000 - 100) / 6 * seconds**2
sweep = (0.3 * np.sin(2 * np.pi * turns)).astype(np.float32)
every_third = Waveform(sweep[::3].copy())
resampled = load((48_000, sweep))
hear(Waveform(sweep, 48_000), "the climbing tone")
hear(every_third, "every third sample: it comes back down")
hear(resampled, "resampled: it falls silent at 8 kHz")


def spectrogram(samples):
    """(129, frames) decibels below the loudest: Fourier transforms of 16 ms, every 30 ms."""
    pieces = np.lib.stride_tricks.sliding_window_view(samples, 256)[::480] * np.hanning(256)
    amplitude = np.abs(np.fft.rfft(pieces)).T
    return np.maximum(20 * np.log10(amplitude / amplitude.max() + 1e-9), -80).astype(np.int8)


both = {"every third sample": every_third, "resampled": resampled}
pictures = {name: spectrogram(sound.samples) for name, sound in both.items()}
show(
    draw_spectrograms(pictures, 480 / RATE, RATE / 2000),
    alt="Two spectrograms. Left: the line climbs to 8 kHz, falls to 0 and climbs again. Right: it "
    "climbs to 8 kHz and ends there.",
)

# %%
# Here the tone is between 10 and 19 kHz: nothing should be left.
late = slice(int(1.6 * RATE), int(2.8 * RATE))
folded_power, left = (np.mean(sound.samples[late] ** 2) for sound in (every_third, resampled))
drop = 10 * np.log10(folded_power / left)
print(f"the resampler attenuates the aliased tone by {drop:.0f} dB")
check(drop > 60, "the filter takes away what would fold back")

# %% [markdown]
# ### Why 16 kHz
#
# At 16 kHz everything up to 8 kHz is kept. Where is the energy of speech? The curve shows, for clip 5, what fraction of it lies below each
# frequency. (Its synthesiser makes nothing above 12 kHz.)

# %%
stereo, stereo_rate = soundfile.read(clips[4].path, dtype="float32")
print(f"{clips[4].about}: samples {stereo.shape} at {stereo_rate} Hz")
power = np.abs(np.fft.rfft(stereo.mean(axis=1))) ** 2
frequency = np.fft.rfftfreq(len(stereo), 1 / stereo_rate)
share = np.cumsum(power) / power.sum()
grid = np.geomspace(50, 12_000, 400)
axis = {"title": "frequency (kHz)", "type": "log", "tickvals": [0.1, 0.2, 0.5, 1, 2, 4, 8]}
curve = {"clip 5": np.interp(grid, frequency, share)}
ends = {f"{2 * limit} kHz sampling ends": limit for limit in (4, 8)}
below = "fraction of the energy below it"
figure = draw_lines(grid / 1000, curve, "", below, xaxis=axis, upright=ends)
show(figure, alt="The curve rises steeply between 0.1 and 1 kHz and is nearly flat above 1 kHz.")
below = {limit: float(np.interp(1000 * limit, frequency, share)) for limit in (1, 4, 8)}
print(", ".join(f"{part:.1%} below {limit} kHz" for limit, part in below.items()))
check(below[1] > 0.5, "most of the energy is below 1 kHz")
# %% [markdown]
# Below 1 kHz are the pitch of the voice and the first formant (resonance) of the vowels. But energy is not information. Vowels differ by
# their second formant too, which goes up to 2.5 or 3 kHz, and much of what makes an *s* lies above 4 kHz. So the next question is what
# the model makes of it.
#
# ## 3. The wrong rate
#
# The word error rate (WER) is the number of words that have to be replaced, added or left out, divided by the number of words that
# were said; the character error rate (CER) is the same for characters (notebook [09](09_how_wrong_is_it.ipynb)). We try all clips
#
# - as they are,
# - recorded at 8 kHz and properly resampled to 16 kHz: the band above 4 kHz is gone,
# - recorded at 8 kHz and *fed as 16 kHz*: twice as fast and an octave higher.

# %%
wrong_rate = predict(
    "A telephone records 8,000 samples a second. Somebody feeds them as if they were 16,000 a "
    "second. What will the word error rate be?",
    "about 0.1 (little changes)", "about 0.4", "about 0.8 (most words are wrong)",
)  # fmt: skip

# %%
band = predict(
    "And the telephone at the right rate, without all that is above 4 kHz?",
    "about 0.1 (little changes)", "about 0.4", "about 0.8 (most words are wrong)",
)  # fmt: skip

# %%
waveforms = [load(clip.path) for clip in clips]
texts = [clip.text for clip in clips]
eight = [soxr.resample(w.samples, RATE, 8000) for w in waveforms]


def errors(sounds):
    """WER and CER of all clips together."""
    heard = [transcribe((RATE, samples), model, decode=greedy).text for samples in sounds]
    return jiwer.wer(texts, heard), jiwer.cer(texts, heard)


cases = {
    "as it is": [w.samples for w in waveforms],
    "telephone band, right rate": [soxr.resample(samples, 8000, RATE) for samples in eight],
    "8 kHz fed as 16 kHz": eight,
}
found = {name: errors(sounds) for name, sounds in cases.items()}
with closed():
    table(["sound", "WER", "CER"], [[name, *rates] for name, rates in found.items()])
words = sum(len(text.split()) for text in texts)
twice, phone = (found[name][0] for name in ("8 kHz fed as 16 kHz", "telephone band, right rate"))
answer(
    wrong_rate,
    closest(wrong_rate, (0.1, 0.4, 0.8), twice),
    f"{twice:.2f}. The speech is twice as fast and an octave higher than what was said.",
)
answer(
    band,
    closest(band, (0.1, 0.4, 0.8), phone),
    f"{phone:.2f}, against {found['as it is'][0]:.2f} for the whole band, of {words} words: no "
    "difference that counts. Such sound was part of w2v-mini's training.",
)
hear(Waveform(eight[0], RATE), "what the model hears when 8 kHz is fed as 16 kHz")

# %%
check(
    found["8 kHz fed as 16 kHz"][1] > found["as it is"][1],
    "the wrong rate costs more characters than the right one",
    "if the model gets most characters wrong anyway, there is little to lose: try the large model",
)

# %% [markdown]
# How much is tolerated? The factor is the speed-up, of speed and pitch together. 1.15 means that a recording of 13.9 kHz is fed as 16 kHz, 0.85 that one
# of 18.8 kHz is. People differ in speed and pitch, so the model has met a little of it in its training.

# %%
factors = [0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 2.0]
some = range(2)  # the first two clips
cers = []
for factor in factors:
    fast = [soxr.resample(waveforms[i].samples, RATE * factor, RATE) for i in some]
    heard = [transcribe((RATE, samples), model, decode=greedy).text for samples in fast]
    cers.append(jiwer.cer([texts[i] for i in some], heard))
axis = {"title": "speed-up", "type": "log", "tickvals": factors}
curve = {"first two clips": np.array(cers)}
show(
    draw_lines(factors, curve, "", "CER", markers=True, xaxis=axis, yaxis={"rangemode": "tozero"}),
    alt="Character error rate against speed-up: lowest near 1, and rising to both sides.",
)
print(dict(zip(factors, np.round(cers, 2).tolist(), strict=True)))
check(min(cers) < min(cers[0], cers[-1]), "half and double speed are worse than the speeds between")
# %% [markdown]
# w2vkit reads the rate from the file and resamples, so this cannot happen by accident. An array alone does not say its rate; so
# `load` insists on being told.

# %%
try:
    load(waveform.samples)
except Exception as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## 4. Integers
#
# A 16-bit file holds integers $k$ from $-32768$ to $32767$; the sample is $x = k / 2^{15}$.
#
# **Your turn 2.** Write it, with the result in float32, which is what models take.


# %%
def as_float(integers):
    """Samples as float32 in [-1, 1) of 16-bit integers."""
    ...  # your turn


exercise(
    as_float,
    ((np.int16([-32768, 0, 16384]),), np.float32([-1, 0, 0.5]), "Divide by 2 ** 15."),
    ((np.int16([1, -1]),), np.float32([2**-15, -(2**-15)]), "Divide as floats, not as integers."),
)

# %% [markdown]
# {{solution 2}}
#
# With $b$ bits a step is $2^{1-b}$ wide, and
# rounding makes an error spread evenly over one step. For a sine of full scale the ratio of signal to error is
#
# $$\text{SNR} = 10 \log_{10} \frac{1/2}{(2^{1-b})^2/12} \approx 6.02\, b + 1.76 \;\text{dB}.$$

# %%
integers = np.array([-32768, -1, 0, 1, 16384, 32767], dtype=np.int16)
check(
    np.array_equal(load((RATE, integers)).samples, (integers / 2**15).astype(np.float32)),
    "load() divides 16-bit samples by 32768",
)

sine = np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)


def rounded(samples, bits):
    step = 2.0 ** (1 - bits)
    return np.round(samples / step) * step


def snr(signal, changed):
    return 10 * np.log10(np.mean(signal**2) / np.mean((changed - signal) ** 2))


bits = np.arange(6, 17)
measured = [snr(sine, rounded(sine, b)) for b in bits]
formula = 6.02 * bits + 1.76
check(np.allclose(measured, formula, atol=0.3), "the measured ratio is the formula's, to 0.3 dB")


# %%
def coarse(figure, bits):
    few = rounded(waveform.samples, bits).astype(np.float32)
    window = slice(centre - 160, centre + 160)
    figure.data[0].y = few[window]
    text = transcribe((RATE, few), model, decode=greedy).text
    ratio, rate = snr(waveform.samples, few), jiwer.cer(clips[0].text, text)
    print(f"{bits} bits, {ratio:.0f} dB, CER {rate:.2f}: {text}")


milliseconds = np.arange(-160, 160) / RATE * 1000
nothing = {"samples": np.zeros(320)}
figure = draw_lines(milliseconds, nothing, "time (ms)", "amplitude", shape="hv")
show(
    figure,
    coarse,
    bits=IntSlider(5, 2, 12),
    alt="20 ms of the voice with 5 bits a sample: a staircase instead of a smooth wave.",
)
hear(Waveform(rounded(waveform.samples, 5).astype(np.float32)), "with 5 bits a sample")
# %% [markdown]
# ## 5. Stereo
#
# The model takes one channel. `load` takes the mean of the channels, and the shape tells it which axis they are on.
#
# **Your turn 3.** Do the same: there are always fewer channels than samples.


# %%
def mono(channels):
    """(N,) the mean of the channels of a (C, N) or (N, C) array."""
    ...  # your turn


two = np.array([[1.0, 2, 3], [1, 2, 3]])
exercise(
    mono,
    ((two,), np.array([1.0, 2, 3]), "Take the mean over the shorter axis, here the first."),
    ((two.T,), np.array([1.0, 2, 3]), "Here the channels are on the second axis."),
)

# %% [markdown]
# {{solution 3}}

# %%
mean = soxr.resample(stereo.mean(axis=1), stereo_rate, RATE, quality="HQ")
ours = load(clips[4].path).samples
same = min(len(mean), len(ours))
check(np.allclose(mean[:same], ours[:same], atol=1e-3), "load() takes the mean, then resamples")
check(
    np.array_equal(load((stereo_rate, stereo.T)).samples, load((stereo_rate, stereo)).samples),
    "(2, N) and (N, 2) are the same sound",
)

# %% [markdown]
# ## 6. Loudness
#
# The processor divides by the standard deviation (notebook [01](01_first_transcript.ipynb)). So to the model a quiet sound is as good as a loud
# one, until the loud one *clips*: samples beyond full scale are cut off, and no division brings them back. (At $-40$ dB the variance comes
# near the $10^{-7}$ in the processor's formula, and the sound is no longer scaled up quite as much. In a file, a quiet recording also has
# fewer of the steps of section 4, and is nearer to the noise.)

# %%
gains = np.array([-40, -20, 0, 10, 20, 30, 40])  # dB
rates = []
for gain in gains:
    samples = np.clip(waveform.samples * 10 ** (gain / 20), -1, 1).astype(np.float32)
    rates.append(jiwer.cer(clips[0].text, transcribe((RATE, samples), model, decode=greedy).text))
curve = {"first clip": np.array(rates)}
show(
    draw_lines(gains, curve, "gain before clipping (dB)", "CER", markers=True),
    alt="Character error rate of the first clip against gain, from -40 to 40 dB.",
)
print({int(gain): round(rate, 2) for gain, rate in zip(gains, rates, strict=True)})
check(rates[-1] > rates[2], "40 dB too loud, then clipped, costs letters")
sounds = [waveform, Waveform(waveform.samples * np.float32(0.1))]
a, b = (one.log_probs for one in model.emit(sounds))
check(np.abs(a - b).max() < 0.2, "a recording 20 dB quieter gives the same emissions, nearly")
hear(
    Waveform(np.clip(waveform.samples * 100, -1, 1) * np.float32(0.2)),
    "40 dB too loud, then clipped (and turned down for your ears)",
)

# %% [markdown]
# ## More to try
#
# 1. Make a stereo sound whose right channel is the left one upside down, and take the mean by hand. What is left? What does `load` make of it?
# 2. How many bits are enough for this model? Compute WER and CER at 3, 5 and 8 bits for all clips.
# 3. Feed the 44.1 kHz samples of clip 5 as if they were 16 kHz. Predict first: which letters will be heard in a voice that is 2.76
#    times slower?
#
# {{solution 4}}
#
# ## Three questions to take along
#
# 1. In the curve of energy: which fraction lies between 4 and 8 kHz? And what did it cost in the table when it was missing?
# 2. In the curve of speed-ups: is the model more tolerant of faster or of slower sound? (In its last training run `w2v-mini` heard speech at
#    speed-ups from 0.88 to 1.14. Does the curve show that?)
# 3. In the two spectrograms: where exactly does the folded tone turn round, and why there?
#
# {{solution 5}}
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), section 2 (zero mean, unit variance) ·
# [model card](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self) ("make sure that your speech input is also sampled at
# 16Khz") · Shannon, "Communication in the presence of noise" (1949), for the sampling theorem.
#
# [the course](README.md) · before: [01 A first transcript](01_first_transcript.ipynb) · next:
# [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb)
