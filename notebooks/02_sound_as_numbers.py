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
# **The question.** A telephone records 8,000 samples a second. Somebody feeds them to the model as if they were 16,000 a second.
# *What will the model hear, and what share of the words will it still get right?*

# %%
import jiwer
import numpy as np
import plotly.graph_objects as go
import soundfile
import soxr
from ipywidgets import FloatSlider, IntSlider
from lesson import check, hear, reveal, show, table
from plotly.subplots import make_subplots

from w2vkit import Waveform, greedy, load, transcribe
from w2vkit.examples import examples
from w2vkit.model import CTCModel

MODEL = "w2v-mini"  # or "facebook/wav2vec2-large-960h-lv60-self"
model = CTCModel.load(MODEL, dtype="float32")
clips = examples()
waveform = load(clips[0].path)
RATE = model.sample_rate  # Hz

# %%
error_rate = None  # your prediction: the word error rate (0 is perfect) when 8 kHz sound is fed as 16 kHz

# %% [markdown]
# ## 1. Samples
#
# A sample $x_n$ is the air pressure, up to a factor, at the time $t = n / f_s$, where $f_s$ is the sampling rate in Hz. Move the
# slider to zoom in until you see single samples. Voiced sounds repeat with the beat of the vocal folds, 80 to 300 times a second.

# %%
centre = int(np.argmax(np.abs(waveform.samples)))  # the loudest sample


def envelope(samples, points=800):
    """Indices that keep the least and greatest sample of each stretch, so that a long waveform keeps its look."""
    step = max(1, 2 * len(samples) // points)
    starts = range(0, len(samples), step)
    pairs = [sorted((s + int(np.argmin(samples[s : s + step])), s + int(np.argmax(samples[s : s + step])))) for s in starts]
    return np.unique(pairs)


def zoom(figure, milliseconds):
    half = int(milliseconds * RATE / 2000)
    start, stop = max(0, centre - half), min(len(waveform.samples), centre + half)
    index = start + envelope(waveform.samples[start:stop])
    figure.data[0].update(x=index / RATE, y=waveform.samples[index], mode="lines+markers" if milliseconds <= 20 else "lines")
    print(f"{stop - start} samples in {1000 * (stop - start) / RATE:.0f} ms")


figure = go.Figure(go.Scatter(), layout={"xaxis": {"title": "time (s)"}, "yaxis": {"title": "amplitude (1 is full scale)"}})
show(figure, zoom, milliseconds=IntSlider(40, 4, 4000, description="ms"))
hear(waveform, "the whole clip")

# %% [markdown]
# ## 2. Aliasing: why the rate limits the pitch
#
# Samples cannot tell a tone of $f$ Hz from one of $f \pm f_s$: between two samples it makes one full turn more. What is heard is the
# lowest of all these (the one nearest to 0 Hz), never above $f_s/2$ (the Nyquist frequency):
#
# $$f_\text{heard} = \left|\, f - f_s \cdot \operatorname{round}(f / f_s) \,\right|$$
#
# Predict: at $f_s = 16$ kHz, what will a tone of 11 kHz sound like?


# %%
def heard(tone):
    """The frequency (Hz) that a tone of so many Hz has after sampling at RATE without a filter."""
    return abs(tone - RATE * np.round(tone / RATE))


def loudest(samples):
    """The frequency (Hz) with the most energy, measured by a Fourier transform."""
    return np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples)


SPAN = 0.0005  # s that are drawn
fine = np.linspace(0, SPAN, 400)
n = np.arange(int(SPAN * RATE) + 1)


def alias(figure, kilohertz):
    tone = 1000 * kilohertz
    low = heard(tone) * np.sign(tone - RATE * np.round(tone / RATE) or 1)
    figure.data[0].y = np.cos(2 * np.pi * tone * fine)
    figure.data[1].y = np.cos(2 * np.pi * low * fine)
    figure.data[2].y = np.cos(2 * np.pi * tone * n / RATE)
    print(f"a tone of {tone:.0f} Hz, sampled at {RATE} Hz, is a tone of {heard(tone):.0f} Hz")


figure = go.Figure(
    [
        go.Scatter(x=1000 * fine, name="the tone", line={"color": "lightgrey"}),
        go.Scatter(x=1000 * fine, name="what its samples say", line={"dash": "dot"}),
        go.Scatter(x=1000 * n / RATE, name="samples", mode="markers", marker={"size": 10}),
    ],
    layout={"xaxis": {"title": "time (ms)"}, "yaxis": {"title": "amplitude", "range": [-1.2, 1.2]}},
)
show(figure, alias, kilohertz=FloatSlider(value=11, min=0.5, max=20, step=0.5, description="tone (kHz)"))

tones = np.arange(500, 20_000, 500)
tones = tones[tones % RATE != RATE // 2]
measured = [loudest(np.cos(2 * np.pi * tone * np.arange(1600) / RATE)) for tone in tones]
check(np.allclose(measured, heard(tones), atol=10), "the Fourier transform finds every tone where the formula says")

# %% [markdown]
# ### Heard and seen
#
# A tone that climbs from 100 Hz to 20 kHz within 3 s at 48 kHz. To reach 16 kHz, one can keep every third sample. Or one can first
# take away everything above 8 kHz, as a *resampler* does (w2vkit uses soxr). Listen to both.

# %%
seconds = np.arange(3 * 48_000) / 48_000
sweep = (0.3 * np.sin(2 * np.pi * (100 * seconds + (20_000 - 100) / 6 * seconds**2))).astype(np.float32)
every_third = Waveform(sweep[::3].copy())
resampled = load((48_000, sweep))
hear(Waveform(sweep, 48_000), "the climbing tone")
hear(every_third, "every third sample: it comes back down")
hear(resampled, "resampled: it falls silent at 8 kHz")


def spectrogram(samples):
    """(129, frames) decibels below the loudest, as small integers: Fourier transforms of 16 ms, one every 30 ms."""
    pieces = np.lib.stride_tricks.sliding_window_view(samples, 256)[::480] * np.hanning(256)
    amplitude = np.abs(np.fft.rfft(pieces)).T
    return np.maximum(20 * np.log10(amplitude / amplitude.max() + 1e-9), -80).astype(np.int8)


figure = make_subplots(1, 2, subplot_titles=["every third sample", "resampled"], shared_yaxes=True)
for column, sound in enumerate((every_third, resampled), start=1):
    picture = spectrogram(sound.samples)
    axes = {"x": np.arange(picture.shape[1]) * 480 / RATE, "y": np.linspace(0, RATE / 2000, 129)}
    figure.add_trace(
        go.Heatmap(z=picture, **axes, zmin=-80, zmax=0, showscale=column == 2, colorbar={"title": "dB"}), 1, column
    )
figure.update_xaxes(title="time (s)")
figure.update_layout(yaxis_title="frequency (kHz)")
show(figure)
# %%
late = slice(int(1.6 * RATE), int(2.8 * RATE))  # here the tone is between 10 and 19 kHz: nothing should be left
drop = 10 * np.log10(np.mean(every_third.samples[late] ** 2) / np.mean(resampled.samples[late] ** 2))
print(f"the resampler attenuates the aliased tone by {drop:.0f} dB")
check(drop > 60, "the filter takes away what would fold back")

# %% [markdown]
# ### Why 16 kHz
#
# At 16 kHz everything up to 8 kHz is kept. Where is the energy of speech? The curve shows what fraction of it lies below each frequency.

# %%
stereo, stereo_rate = soundfile.read(clips[4].path, dtype="float32")
print(f"{clips[4].about}: samples {stereo.shape} at {stereo_rate} Hz")
power = np.abs(np.fft.rfft(stereo.mean(axis=1))) ** 2
frequency = np.fft.rfftfreq(len(stereo), 1 / stereo_rate)
share = np.cumsum(power) / power.sum()
grid = np.geomspace(50, 12_000, 400)
figure = go.Figure(
    go.Scatter(x=grid / 1000, y=np.interp(grid, frequency, share)),
    layout={
        "xaxis": {"title": "frequency (kHz)", "type": "log", "tickvals": [0.1, 0.2, 0.5, 1, 2, 4, 8]},
        "yaxis": {"title": "share of the energy below it", "range": [0, 1.02]},
        "showlegend": False,
    },
)
for limit in (4, 8):
    words = ["", f"{2 * limit} kHz sampling ends here "]
    figure.add_scatter(x=[limit, limit], y=[0, 0.2 + limit / 20], text=words, mode="lines+text", textposition="middle left")
show(figure)
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
table(["sound", "WER", "CER"], [[name, *rates] for name, rates in found.items()])
reveal(error_rate, found["8 kHz fed as 16 kHz"][0], "WER")
hear(Waveform(eight[0], RATE), "what the model hears when 8 kHz is fed as 16 kHz")

# %%
check(
    found["8 kHz fed as 16 kHz"][1] > found["as it is"][1],
    "the wrong rate costs more characters than the right one",
    "if the model gets most characters wrong anyway, there is little to lose: try the large model",
)

# %% [markdown]
# How much is tolerated? The factor is the speed-up: 1.1 means that 17.6 kHz is fed as 16 kHz. People differ in speed and pitch, so
# the model has met a little of it in its training.

# %%
factors = [0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 2.0]
some = range(2)  # the first two clips
cers = []
for factor in factors:
    fast = [soxr.resample(waveforms[i].samples, RATE * factor, RATE) for i in some]
    cers.append(
        jiwer.cer([texts[i] for i in some], [transcribe((RATE, samples), model, decode=greedy).text for samples in fast])
    )
figure = go.Figure(
    go.Scatter(x=factors, y=cers, mode="lines+markers"),
    layout={
        "xaxis": {"title": "speed-up", "type": "log", "tickvals": factors},
        "yaxis": {"title": "CER", "rangemode": "tozero"},
    },
)
show(figure)
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
# A 16-bit file holds integers $k$ from $-32768$ to $32767$; the sample is $x = k / 2^{15}$. With $b$ bits a step is $2^{1-b}$ wide, and
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
check(np.allclose(measured, 6.02 * bits + 1.76, atol=0.3), "the measured signal-to-noise ratio is the formula's, within 0.3 dB")


# %%
def coarse(figure, bits):
    few = rounded(waveform.samples, bits).astype(np.float32)
    window = slice(centre - 160, centre + 160)
    figure.data[0].y = few[window]
    text = transcribe((RATE, few), model, decode=greedy).text
    print(f"{bits} bits, {snr(waveform.samples, few):.0f} dB, CER {jiwer.cer(clips[0].text, text):.2f}: {text}")


figure = go.Figure(
    go.Scatter(x=np.arange(-160, 160) / RATE * 1000, y=np.zeros(320), line={"shape": "hv"}),
    layout={"xaxis": {"title": "time (ms)"}, "yaxis": {"title": "amplitude"}},
)
show(figure, coarse, bits=IntSlider(5, 2, 12))
hear(Waveform(rounded(waveform.samples, 5).astype(np.float32)), "with 5 bits a sample")
# %% [markdown]
# ## 5. Stereo
#
# The model has one ear. `load` takes the mean of the channels, and finds out by the shape which axis they are on.

# %%
mean = soxr.resample(stereo.mean(axis=1), stereo_rate, RATE, quality="HQ")
ours = load(clips[4].path).samples
same = min(len(mean), len(ours))
check(np.allclose(mean[:same], ours[:same], atol=1e-3), "mean of the channels, then resampling, is what load() does")
check(
    np.array_equal(load((stereo_rate, stereo.T)).samples, load((stereo_rate, stereo)).samples),
    "(2, N) and (N, 2) are the same sound",
)

# %% [markdown]
# ## 6. Loudness
#
# The processor divides by the standard deviation (notebook [01](01_first_transcript.ipynb)). So a quiet recording is as good as a loud
# one, until the loud one *clips*: samples beyond full scale are cut off, and no division brings them back. (At $-40$ dB the variance comes
# near the $10^{-7}$ in the processor's formula, and the sound is no longer scaled up quite as much.)

# %%
gains = np.array([-40, -20, 0, 10, 20, 30, 40])  # dB
rates = []
for gain in gains:
    samples = np.clip(waveform.samples * 10 ** (gain / 20), -1, 1).astype(np.float32)
    rates.append(jiwer.cer(clips[0].text, transcribe((RATE, samples), model, decode=greedy).text))
figure = go.Figure(
    go.Scatter(x=gains, y=rates, mode="lines+markers"),
    layout={
        "xaxis": {"title": "gain before clipping (dB)"},
        "yaxis": {"title": "CER of the first clip", "rangemode": "tozero"},
    },
)
show(figure)
a, b = (transcribe((RATE, waveform.samples * np.float32(gain)), model).emissions.log_probs for gain in (1, 0.1))
check(np.abs(a - b).max() < 0.2, "a recording 20 dB quieter gives the same emissions, nearly")
hear(
    Waveform(np.clip(waveform.samples * 100, -1, 1) * np.float32(0.2)),
    "40 dB too loud, then clipped (and turned down for your ears)",
)

# %% [markdown]
# ## Exercises
#
# 1. Which tone (Hz) do you have to sample at 16 kHz so that you hear 3 kHz? Find three, and verify them with `loudest`.
# 2. Make a stereo sound whose right channel is the left one upside down, and load it. Why is the model deaf to it?
# 3. How many bits are enough for this model? Plot CER against bits for all clips.
# 4. Feed the 44.1 kHz samples of clip 5 as if they were 16 kHz. Predict first: which letters will be heard in a voice that is 2.76
#    times slower?
#
# <details><summary>Solutions</summary>
#
# 1. 3, 13, 19 kHz (and every $16 k \pm 3$):
#
# ```python
# for tone in (3000, 13_000, 19_000, 29_000):
#     print(tone, loudest(np.cos(2 * np.pi * tone * np.arange(1600) / RATE)))
# ```
#
# 2. The mean of $x$ and $-x$ is silence. It happens to real recordings with one wire swapped:
#
# ```python
# silence = load((RATE, np.stack([waveform.samples, -waveform.samples], axis=1)))
# print(np.abs(silence.samples).max(), repr(transcribe((RATE, silence.samples), model, decode=greedy).text))
# ```
#
# 3. The noise of rounding hurts only where it comes near the speech:
#
# ```python
# for b in (3, 5, 8):
#     print(b, errors([rounded(w.samples, b).astype(np.float32) for w in waveforms]))
# ```
#
# 4. The pitch falls by 17.55 semitones, and all sounds last 2.76 times as long. What the model reads has little to do with the sentence:
#
# ```python
# semitones, longer = 12 * np.log2(stereo_rate / RATE), stereo_rate / RATE
# print(transcribe((RATE, stereo.mean(axis=1)), model, decode=greedy).text)
# check(abs(semitones - 17.55) < 0.01 and abs(longer - 2.76) < 0.01, "17.55 semitones, 2.76 times as long")
# ```
#
# </details>
#
# ## Three questions to take along
#
# 1. In the curve of energy: which share lies between 4 and 8 kHz? And what did it cost in the table when it was missing?
# 2. In the curve of speed-ups: is the model more tolerant of faster or of slower sound? (`w2v-mini` was trained on these very voices, at speeds a
#    little below and above their own. Does the curve show that?)
# 3. In the two spectrograms: where exactly does the folded tone turn round, and why there?
#
# **Sources.** Baevski et al., [wav2vec 2.0](https://arxiv.org/abs/2006.11477), section 2 (zero mean, unit variance) ·
# [model card](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self) ("make sure that your speech input is also sampled at
# 16Khz") · Shannon, "Communication in the presence of noise" (1949), for the sampling theorem.
#
# [the course](README.md) · before: [01 A first transcript](01_first_transcript.ipynb) · next:
# [03 What the convolutions hear](03_what_the_convolutions_hear.ipynb)
