"""What the page and its endpoints both do: transcribe and align a file, within the limits of a server."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from w2vkit.align import Alignment
from w2vkit.align.subtitles import without_times
from w2vkit.audio import Waveform
from w2vkit.audio.effects import add_noise, change_speed, telephone
from w2vkit.decode import BeamSearch, Decode, Hypothesis, check_decoder, greedy
from w2vkit.decode.hotwords import HOTWORD_WEIGHT
from w2vkit.decode.lm import BUNDLED, of_checkpoint, path_of
from w2vkit.decode.lm.build import ngram_from_text
from w2vkit.emissions import Emissions
from w2vkit.errors import DecodingError, TooLongError, W2VKitError
from w2vkit.pipeline.transcription import Transcription, align_file, transcribe
from w2vkit_demo import strings
from w2vkit_demo.server.audio_processes import AudioProcesses
from w2vkit_demo.server.beam_process import BeamProcess
from w2vkit_demo.server.limits import MAX_CHARACTERS, MAX_HOTWORD_CHARACTERS, MAX_HOTWORD_WORDS, MAX_HOTWORDS, MAX_MB
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.long_work import Progress
from w2vkit_demo.server.model_queue import SHORT_SECONDS, ModelQueue


@dataclass(frozen=True)
class Setup:
    """How a file is transcribed.

    Attributes
    ----------
    sound : str
        A value of `strings.SOUNDS`: how the sound is degraded first.
    snr_db : float
        Signal-to-noise ratio of the sound ``noise`` (dB).
    speed : float
        How many times as fast the sound is played.
    model : str
        Name of the model; empty for the one that the page was started with.
    decoder : str
        A value of `strings.DECODERS`; empty for the model's default, see `Service.default_decoder`.
    hotwords : str
        For the decoder ``hotwords``, separated by commas.
    lm_text : str
        For the decoder ``language model``: the text that it is built from, one sentence per line.
    """

    sound: str = "clean"
    snr_db: float = 10.0
    speed: float = 1.0
    model: str = ""
    decoder: str = ""
    hotwords: str = ""
    lm_text: str = ""


class Service:
    """The models of a server, and the processes that decode its files, run its beam searches and align its texts.

    There are two processes for searches and alignments, so that a short sound does not wait for a long one. Use it in a
    ``with`` block, or call `close`.

    Parameters
    ----------
    models : LoadedModels
        The models that a request can name.

    Attributes
    ----------
    max_mb : float
        The largest file that a visitor may upload (MiB), as the page states it.
    """

    def __init__(self, models: LoadedModels) -> None:
        self.models, self.max_mb = models, MAX_MB
        self._audio = AudioProcesses()
        self._short, self._long = BeamProcess(), BeamProcess()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        self._audio.close()
        self._short.close()
        self._long.close()

    def prepare(self) -> None:
        """Start the processes that a first request needs: one decodes files, one has read the first model's language model."""
        self._audio.prepare()
        check_decoder(self.decoder(Setup()), self.models.first.vocabulary)

    def transcribe(self, path: str, setup: Setup, progress: Progress | None = None) -> Transcription:
        """Transcribe a file; ``progress`` may raise an error to stop the work."""
        model = self.models.get(setup.model)
        decode = self.decoder(setup)
        sound = degrade(self._load(path, model), setup)
        return transcribe(sound, model, decode=decode, progress=_in_seconds(progress, sound))

    def align(self, path: str, text: str, model: str = "", progress: Progress | None = None) -> tuple[Transcription, Alignment]:
        """Align a file with its text, as `w2vkit.pipeline.transcription.align_file` does; the text can be that of subtitles.

        ``progress`` may raise an error to stop the work.
        """
        text = without_times(text)
        check_length(text)
        chosen = self.models.get(model)
        sound = self._load(path, chosen)
        return align_file(sound, text, chosen, align=self.align_emissions, progress=_in_seconds(progress, sound))

    def align_emissions(self, emissions: Emissions, text: str) -> Alignment:
        """Align as `w2vkit.align.align` does, in a process with a deadline."""
        return self._process(emissions).align(emissions, text)

    def decoder_names(self, model: str = "") -> list[str]:
        """Name the decoders that a model can take: ``checkpoint`` only if a language model lies in its folder."""
        own = of_checkpoint(self.models.folder(model))
        return [name for name in strings.DECODERS.values() if own or name != "checkpoint"]

    def default_decoder(self, model: str = "") -> str:
        """Name the decoder of `w2vkit.decode.default_decoder`: ``checkpoint`` if the model can take it, or else ``greedy``."""
        return "checkpoint" if "checkpoint" in self.decoder_names(model) else "greedy"

    def decoder(self, setup: Setup, *, nbest: int = 1) -> Decode:
        """Make the decoder of a set-up, and of ``nbest`` texts unless it is greedy.

        Raises
        ------
        W2VKitError
            There is no such decoder, the model has no language model, or hot words or text are missing or too long.
        """
        name = setup.decoder or self.default_decoder(setup.model)
        check_choice("decoder", name, strings.DECODERS.values())
        if name == "greedy":
            return greedy
        search, path = BeamSearch(nbest=nbest), None
        if name == "hotwords":
            search = replace(search, hotwords=dict.fromkeys(split_hotwords(setup.hotwords), HOTWORD_WEIGHT))
        elif name == "language model":
            check_length(setup.lm_text)
            search = replace(search, language_model=ngram_from_text(setup.lm_text))
        elif name == "bundled":
            path = path_of(BUNDLED)
        elif name == "checkpoint":
            model = self.models.get(setup.model)
            path = of_checkpoint(model.folder)
            if path is None:
                raise DecodingError(strings.NO_LANGUAGE_MODEL.format(name=model.name))
        return partial(self._search, search, language_model=path)

    def _load(self, path: str, model: ModelQueue) -> Waveform:
        try:
            return self._audio.load(path, sample_rate=model.sample_rate, max_seconds=model.max_seconds)
        except TooLongError as error:  # its message names options that a visitor does not have
            raise TooLongError(strings.TOO_LONG.format(minutes=model.max_seconds / 60)) from error

    def _search(self, search: BeamSearch, emissions: Emissions, *, language_model: Path | None) -> Hypothesis:
        return self._process(emissions).search(emissions, search, language_model=language_model)

    def _process(self, emissions: Emissions) -> BeamProcess:
        return self._short if emissions.seconds <= SHORT_SECONDS else self._long


def _in_seconds(progress: Progress | None, sound: Waveform) -> Callable[[float], None] | None:
    """Report seconds instead of a share, from 0 on."""
    if progress is None:
        return None
    progress(0, sound.seconds)
    return lambda share: progress(share * sound.seconds, sound.seconds)


def degrade(waveform: Waveform, setup: Setup) -> Waveform:
    """Change the speed of a sound and add noise or telephone quality, as a set-up says."""
    check_choice("sound", setup.sound, strings.SOUNDS.values())
    if setup.speed != 1:
        waveform = change_speed(waveform, setup.speed)
    if setup.sound == "noise":
        return add_noise(waveform, setup.snr_db)
    return telephone(waveform) if setup.sound == "telephone" else waveform


def split_hotwords(text: str) -> list[str]:
    """Give the hot words of a text in which commas or line breaks separate them."""
    check_length(text)
    words = [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]
    if not words:
        raise DecodingError(strings.NO_HOTWORDS)
    longest, most_words = max(map(len, words)), max(len(word.split()) for word in words)
    if len(words) > MAX_HOTWORDS or longest > MAX_HOTWORD_CHARACTERS or most_words > MAX_HOTWORD_WORDS:
        limits = {"phrases": MAX_HOTWORDS, "words": MAX_HOTWORD_WORDS, "characters": MAX_HOTWORD_CHARACTERS}
        raise DecodingError(strings.TOO_MANY_HOTWORDS.format(count=len(words), **limits))
    return words


def check_length(text: str) -> None:
    """Refuse a text that would take the server too long."""
    if len(text) > MAX_CHARACTERS:
        raise W2VKitError(strings.TOO_MUCH_TEXT.format(length=len(text), limit=MAX_CHARACTERS))


def check_choice(kind: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value that is not one of the choices."""
    if value not in (known := list(choices)):
        raise DecodingError(strings.WRONG_CHOICE.format(kind=kind, value=value, choices=", ".join(known)))
