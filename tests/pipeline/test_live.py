"""Live text: final words stay, silence is not decoded, and dropped sound is counted."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.emissions import LABELS, spell

from w2vkit.decode import greedy
from w2vkit.emissions import Vocabulary
from w2vkit.errors import AudioError
from w2vkit.pipeline.live import LiveTranscript
from w2vkit.pipeline.voice import VoiceDetector

RATE, FRAME = 16_000, 320
LETTERS = "ETAONIHSRDLUMW"


def speak(text: str, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Sound for `Reader`: 60 ms of a pitch and 40 ms of silence for each letter, 200 ms of silence for a space."""
    time = np.arange(round(0.06 * rate)) / rate
    silence = np.zeros(round(0.04 * rate))
    tones = {c: np.concatenate([0.3 * np.sin(2 * np.pi * (300 + 100 * k) * time), silence]) for k, c in enumerate(LETTERS)}
    made = np.concatenate([np.zeros(0), *(tones[c] if c in tones else np.zeros(round(0.2 * rate)) for c in text)])
    return (made + 1e-4 * np.random.default_rng(seed).standard_normal(len(made))).astype(np.float32)


class Reader:
    """Reads `speak` back frame by frame, so that its text does not depend on how the sound is cut.

    A letter that is not complete is read as another one, since models err where the end of a word is missing.
    """

    sample_rate, stride, vocabulary, default_decoder = RATE, FRAME, Vocabulary.of(LABELS), staticmethod(greedy)
    softest = 0.1  # RMS of what it reads

    def __init__(self) -> None:
        self.durations: list[float] = []

    def emit(self, waveforms, *, progress=None):
        (waveform,) = waveforms
        self.durations.append(waveform.seconds)
        whole = len(waveform.samples) // FRAME * FRAME
        each = waveform.samples[:whole].reshape(-1, FRAME)
        pitches = np.abs(np.fft.rfft(each * np.hanning(FRAME), 1024)).argmax(axis=1) * RATE / 1024
        letters = np.clip(np.rint((pitches - 300) / 100), 0, len(LETTERS) - 1).astype(int)
        frames = [LETTERS[k] if loud else "_" for k, loud in zip(letters, each.std(axis=1) > self.softest, strict=True)]
        if frames[-1] != "_":
            frames[-1] = "Z"
        for i, j in self._gaps(frames):
            frames[(i + j) // 2] = " "
        return [spell(frames)]

    def _gaps(self, frames: list[str]) -> list[tuple[int, int]]:
        """Stretches of silence between words."""
        said = [i for i, label in enumerate(frames) if label != "_"]
        return [(i + 1, j) for i, j in pairwise(said) if j - i > 7]


def live(model: Reader, samples: np.ndarray, *, block: float = 0.5, rate: int = RATE) -> list:
    """Every result for a sound that comes in blocks (s); the last one is that of `finish`."""
    transcript, step, results = LiveTranscript(model), round(block * rate), []
    for start in range(0, len(samples), step):
        transcript.feed((rate, samples[start : start + step]))
        results.append(transcript.update())
    return [*results, transcript.finish()]


def words(result) -> list[str]:
    return [word.text for word in result.final]


SENTENCE = "THE OLD MAN SAT DOWN AND TOLD THEM WHERE THE WIND HAD TURNED AND THE WATER RAN DOWN SO LOUD"


@example(said=["A", "A", "A", "ADA", "ADEADA", "A"], block=0.90625, pauses=[0, 0, 0, 0, 1, 0, 0, 0, 0])
@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.text("ETAONIHSRD", min_size=1, max_size=6), min_size=1, max_size=9),
    st.floats(0.11, 1.3),
    st.lists(st.integers(0, 2), min_size=9, max_size=9),
)
def test_final_words_never_change_and_no_word_is_lost(said, block, pauses):
    said = [word[:1] + "".join(b for a, b in pairwise(word) if a != b) for word in said]
    parts = [np.concatenate([speak(f" {word}"), speak("      " * pause)]) for word, pause in zip(said, pauses, strict=False)]
    results = live(Reader(), np.concatenate([*parts, speak("   ")]), block=block)
    for before, after in pairwise(results):
        assert words(after)[: len(before.final)] == words(before)
    assert words(results[-1]) == said and not results[-1].partial and results[-1].text == " ".join(said)
    assert results[-1].dropped == 0


def test_words_are_partial_soon_then_final_and_have_the_right_times():
    text = SENTENCE
    results = live(Reader(), speak(f" {text}   "))
    final = results[-1]
    assert words(final) == text.split()
    whole = speak(f" {text}   ")
    for word, (start, end) in zip(final.final, _places(text), strict=True):
        assert abs(word.start - start) < 0.11 and abs(word.end - end) < 0.13
    for now in results[:-1]:
        ended = [word for word in final.final if word.end < now.seconds - 0.2]
        assert [w.text for w in (*now.final, *now.partial)][: len(ended)] == [word.text for word in ended]
        assert all(word.end < now.seconds - 0.5 for word in now.final if now.partial)
    assert final.seconds == pytest.approx(len(whole) / RATE)


def _places(text: str) -> list[tuple[float, float]]:
    """Start and end (s) of every word of `speak(" " + text)`."""
    at, places = 0.2, []
    for word in text.split():
        places.append((at, at + 0.1 * len(word) - 0.04))
        at += 0.1 * len(word) + 0.2
    return places


def test_only_the_last_seconds_are_decoded_again():
    model = Reader()
    results = live(model, speak(" ".join([SENTENCE] * 4)))
    assert words(results[-1]) == " ".join([SENTENCE] * 4).split()
    assert results[-1].seconds > 40 and max(model.durations) < 5


def test_words_become_final_and_the_buffer_is_bounded_though_the_model_never_agrees_with_itself():
    class Fickle(Reader):
        def emit(self, waveforms, *, progress=None):
            (found,) = super().emit(waveforms)
            shift = 1 + len(self.durations) % 2
            found.log_probs[:, 5:] = np.roll(found.log_probs[:, 5:], shift, axis=1)
            return [found]

    model = Fickle()
    results = live(model, speak(" ".join([SENTENCE] * 2)))
    assert len(results[30].final) > 10 and max(model.durations) < 13

    class Mute(Reader):
        def emit(self, waveforms, *, progress=None):
            super().emit(waveforms)
            return [spell(["_"] * (len(waveforms[0].samples) // FRAME))]

    model = Mute()
    assert not live(model, speak(" ".join([SENTENCE] * 2)))[-1].text and max(model.durations) < 13


@pytest.mark.parametrize("db", [-200, -60, -40, -20], ids=lambda db: f"{db} dB")
def test_silence_and_steady_noise_are_not_decoded(db):
    model = Reader()
    noise = (10 ** (db / 20) * np.random.default_rng(1).standard_normal(RATE * 20)).astype(np.float32)
    final = live(model, noise)[-1]
    assert not model.durations and final.text == "" and final.seconds == 20
    mixed = np.concatenate([noise[: RATE * 4], speak(" THE MAN") + noise[: len(speak(" THE MAN"))], noise[: RATE * 4]])
    if db <= -40:
        assert words(live(model, mixed)[-1]) == ["THE", "MAN"]
        assert len(model.durations) <= 6 and max(model.durations) < 4


@pytest.mark.parametrize("block", [0.25, 0.5, 1.0, 2.0])
def test_a_sound_that_begins_within_speech_keeps_its_first_words(block):
    time = np.arange(round(0.1 * RATE)) / RATE
    without_gaps = [0.3 * np.sin(2 * np.pi * (300 + 100 * LETTERS.index(letter)) * time) for letter in "THEORWNALD"]
    sound = np.concatenate([*without_gaps, speak("    MAN          ")]).astype(np.float32)
    model = Reader()
    assert words(live(model, sound, block=block)[-1]) == ["THEORWNALD", "MAN"]
    noise = 1e-4 * np.random.default_rng(0).standard_normal(RATE * 4).astype(np.float32)
    assert words(live(model, np.concatenate([noise, speak(" MAN   ")]), block=block)[-1]) == ["MAN"]
    assert max(model.durations) <= 4, "the noise before the first word was decoded"


def test_a_pause_makes_all_words_final_and_silence_is_not_decoded():
    model = Reader()
    results = live(model, speak(" THE OLD MAN" + " " * 40))
    final = next(result for result in results if words(result) == ["THE", "OLD", "MAN"])
    assert final.seconds < 1.5 + 2 and not final.partial
    decoded = len(model.durations)
    assert decoded < 8, "silence after the pause was decoded"
    assert len(speak(" " * 60)) == 12 * RATE
    assert not live(model, speak(" " * 60))[-1].text
    assert len(model.durations) == decoded, "silence was decoded"


class Sharp(Reader):
    softest = 0.001


SOFT = 0.007  # times `speak` is below -50 dB of full scale, silence to the detector, and still read by `Sharp`


@pytest.mark.parametrize("block", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("after", [0.05, 0.3, 2.0])
def test_a_word_at_a_pause_too_soft_for_the_detector_is_read(block, after):
    noise = 1e-4 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    for silence in (0.6, 0.75, 0.9):
        before, behind = noise[: round(silence * RATE)], noise[: round(after * RATE)]
        sound = np.concatenate([speak(" THE OLD"), before, SOFT * speak("MAN"), behind])
        assert words(live(Sharp(), sound, block=block)[-1]) == ["THE", "OLD", "MAN"]


def test_a_murmur_after_a_pause_is_not_decoded_for_ever():
    model = Sharp()
    murmur = SOFT * speak(" MAN" * 40)
    assert words(live(model, np.concatenate([speak(" THE OLD"), murmur]))[-1])[:2] == ["THE", "OLD"]
    assert len(model.durations) < 8 and max(model.durations) < 5


@pytest.mark.parametrize(
    ("rate", "channels", "kind"),
    [(8_000, 1, np.int16), (16_000, 2, np.float64), (44_100, 2, np.int32), (48_000, 1, np.float32)],
)
def test_any_rate_and_type_of_samples_is_taken(rate, channels, kind):
    voice = speak(f" {SENTENCE}   ", rate)
    scale = np.iinfo(kind).max if kind in (np.int16, np.int32) else 1.0
    samples = np.stack([(voice.astype(np.float64) * scale).astype(kind)] * channels, axis=1)
    final = live(Reader(), samples, rate=rate)[-1]
    assert words(final) == SENTENCE.split()
    assert final.seconds == pytest.approx(len(voice) / rate, abs=0.001)


def test_sound_that_a_slow_model_misses_is_dropped_and_counted():
    model = Reader()
    transcript = LiveTranscript(model)
    voice = speak(f" {SENTENCE} ")
    transcript.feed((RATE, voice[: 2 * RATE]))
    first = transcript.update()
    for _ in range(4):
        transcript.feed((RATE, voice))
    seconds = (2 * RATE + 4 * len(voice)) / RATE
    late = transcript.update()
    assert late.seconds == pytest.approx(seconds) and late.dropped == pytest.approx(seconds - 2 - 8)
    assert words(late)[: len(first.final) + len(first.partial)] == [w.text for w in (*first.final, *first.partial)]
    after = (*late.final, *late.partial)[len(first.final) + len(first.partial) :]
    assert after and after[0].start > seconds - 8.01 and max(model.durations) <= 8.1


def test_blocks_are_taken_while_the_model_runs():
    class Slow(Reader):
        def __init__(self) -> None:
            super().__init__()
            self.go = Event()

        def emit(self, waveforms, *, progress=None):
            assert self.go.wait(30)
            return super().emit(waveforms)

    model, voice = Slow(), speak(" THE OLD MAN  ")
    transcript = LiveTranscript(model)
    with ThreadPoolExecutor(1) as workers:
        for start in range(0, len(voice), RATE // 2):
            transcript.feed((RATE, voice[start : start + RATE // 2]))
            assert transcript.update_async(workers, patience=0.01).text == ""
        model.go.set()
        assert transcript.finish().text == "THE OLD MAN"


def test_an_error_of_the_model_is_raised_to_the_caller():
    class Broken(Reader):
        def emit(self, waveforms, *, progress=None):
            raise AudioError("no")

    transcript = LiveTranscript(Broken())
    with ThreadPoolExecutor(1) as workers, pytest.raises(AudioError, match="no"):
        for _ in range(2):
            transcript.feed((RATE, speak(" THE OLD MAN")))
            transcript.update_async(workers, patience=30)


def test_a_bad_block_is_refused_and_the_next_one_is_taken():
    transcript = LiveTranscript(Reader())
    with pytest.raises(AudioError, match="NaN"):
        transcript.feed((RATE, np.full(100, np.nan, np.float32)))
    transcript.feed((RATE, speak(" THE  ")))
    assert transcript.finish().text == "THE"
    assert LiveTranscript(Reader()).finish().text == ""


def test_a_gap_is_counted_and_separates_the_words_around_it():
    transcript = LiveTranscript(Reader())
    transcript.feed((RATE, speak(" THE OLD")))
    transcript.update()
    transcript.feed((RATE, speak("MAN  ")), missed=2.5)
    found = transcript.finish()
    assert words(found) == ["THE", "OLD", "MAN"] and found.dropped == 2.5
    assert found.final[2].start == pytest.approx(len(speak(" THE OLD")) / RATE + 2.5, abs=0.1)
    assert found.seconds == pytest.approx(len(speak(" THE OLDMAN  ")) / RATE + 2.5)


def test_the_detector_finds_speech_in_noise_but_no_click_and_no_fan():
    noise = 0.01 * np.random.default_rng(3).standard_normal(RATE * 6).astype(np.float32)
    detector = VoiceDetector(RATE)
    assert not detector.detect(noise) and detector.quiet == np.inf
    click = noise[:RATE].copy()
    click[8000:8100] = 0.5
    assert not detector.detect(click)
    assert not detector.detect(noise[:RATE] + 0.01)  # an offset is not sound
    assert detector.detect(noise[: len(speak(" THE"))] + speak(" THE"))
    assert detector.quiet < 0.3
    detector.detect(noise[:RATE])
    assert detector.quiet == pytest.approx(1.0, abs=0.3)
