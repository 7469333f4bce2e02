"""What page and endpoints both do: the core's functions, with the limits of a server."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from w2vkit.align import Alignment
from w2vkit.audio import Waveform, load
from w2vkit.audio.effects import add_noise, change_speed, telephone
from w2vkit.decode import BeamSearch, Decode, Hypothesis, greedy
from w2vkit.decode.hotwords import HOTWORD_WEIGHT
from w2vkit.decode.lm import BUNDLED, of_checkpoint, path_of
from w2vkit.decode.lm.build import ngram_from_text
from w2vkit.emissions import Emissions
from w2vkit.errors import DecodingError, W2VKitError
from w2vkit.pipeline import transcription
from w2vkit.pipeline.transcription import Transcription, transcribe
from w2vkit_demo import strings
from w2vkit_demo.server.beam_process import BeamProcess
from w2vkit_demo.server.limits import MAX_CHARACTERS
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.server.model_queue import SHORT_SECONDS, ModelQueue

SHORT, LONG = BeamProcess(), BeamProcess()  # nobody waits for the search through somebody's lecture


@dataclass(frozen=True)
class Setup:
    """One side of a comparison.

    Attributes
    ----------
    sound : str
        A value of `strings.SOUNDS`.
    snr_db : float
        Of the noise, where there is some (dB).
    speed : float
        How many times as fast the sound is played.
    model : str
        Its name; empty for the one that the page was started with.
    decoder : str
        A value of `strings.DECODERS`; empty for the one that suits the model.
    """

    sound: str = "clean"
    snr_db: float = 10.0
    speed: float = 1.0
    model: str = ""
    decoder: str = ""


def align_file(model: ModelQueue, path: str, text: str) -> tuple[Transcription, Alignment]:
    """Align a file with its text; the first result shows as any transcription does."""
    check_length(text)
    return transcription.align_file(path, text, model, max_seconds=model.max_seconds)


def hear(models: Models, path: str, setup: Setup, *, hotwords: str = "", lm_text: str = "") -> Transcription:
    """Transcribe a file by a set-up."""
    model = models.get(setup.model)
    decode = decoder(setup.decoder, model, hotwords, lm_text)
    waveform = degrade(load(path, sample_rate=model.sample_rate, max_seconds=model.max_seconds), setup)
    return transcribe(waveform, model, decode=decode)


def degrade(waveform: Waveform, setup: Setup) -> Waveform:
    """Make the sound worse, as a set-up asks."""
    _check("sound", setup.sound, strings.SOUNDS.values())
    if setup.speed != 1:
        waveform = change_speed(waveform, setup.speed)
    if setup.sound == "noise":
        return add_noise(waveform, setup.snr_db)
    return telephone(waveform) if setup.sound == "telephone" else waveform


def reading(model: ModelQueue) -> str:
    """Name the decoder that suits a model: with the language model that its checkpoint brings, if it does."""
    return "bundled" if of_checkpoint(model.folder) else "greedy"


def prepare(model: ModelQueue) -> None:
    """Have everything read that the first visitor would wait for."""
    labels = len(model.vocabulary)
    decoder("", model)(Emissions(np.full((1, labels), -np.log(labels), dtype=np.float32), model.vocabulary))


def decoder(name: str, model: ModelQueue, hotwords: str = "", lm_text: str = "", nbest: int = 1) -> Decode:
    """Make the decoder of a name in `strings.DECODERS`, or the one that suits a model; hot words are separated by commas."""
    name = name or reading(model)
    _check("decoder", name, strings.DECODERS.values())
    if name == "hotwords":
        check_length(hotwords)
        words = [word.strip() for word in hotwords.replace("\n", ",").split(",") if word.strip()]
        if not words:
            raise DecodingError(strings.NO_HOTWORDS)
        return partial(_search, BeamSearch(nbest=nbest, hotwords=dict.fromkeys(words, HOTWORD_WEIGHT)))
    if name == "language model":
        check_length(lm_text)
        return partial(_search, BeamSearch(nbest=nbest, language_model=ngram_from_text(lm_text)))
    if name == "bundled":
        return partial(_search, BeamSearch(nbest=nbest), language_model=of_checkpoint(model.folder) or path_of(BUNDLED))
    return partial(_search, BeamSearch(nbest=nbest)) if name == "beam" else greedy


def _search(search: BeamSearch, emissions: Emissions, *, language_model: Path | None = None) -> Hypothesis:
    process = SHORT if emissions.seconds <= SHORT_SECONDS else LONG
    return process.search(emissions, search, language_model=language_model)


def check_length(text: str) -> None:
    """Refuse a text that would keep the server busy for long."""
    if len(text) > MAX_CHARACTERS:
        raise W2VKitError(strings.TOO_MUCH_TEXT.format(length=len(text), limit=MAX_CHARACTERS))


def _check(kind: str, value: str, choices: Iterable[str]) -> None:
    if value not in (known := list(choices)):
        raise DecodingError(strings.WRONG_CHOICE.format(kind=kind, value=value, choices=", ".join(known)))
