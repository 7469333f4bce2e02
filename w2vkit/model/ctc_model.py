"""Waveforms to emissions: with those it alone imports, the only module that imports torch and transformers.

What differs between checkpoints (rate, stride, normalisation, attention mask, blank) is read from the
checkpoint. Processor and network come from transformers' Auto classes, from safetensors files only.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from w2vkit.audio import Waveform, stream
from w2vkit.emissions import Calibration, Emissions, Vocabulary
from w2vkit.errors import AudioError
from w2vkit.model.hub import Checkpoint, fetch
from w2vkit.model.internals import Internals, explore
from w2vkit.model.loading import compile_layers, geometry, hears_padding, load_parts, longest_pass
from w2vkit.model.normalisation import Normalisation, SlidingBuffer, measure, normalisation_of
from w2vkit.model.precision import batch_seconds, out_of_memory, pick_device, pick_dtype, true_float32
from w2vkit.model.windows import CONTEXT_SECONDS, Batcher, FrameGrid, Window

log = logging.getLogger(__name__)


class CTCModel:
    """A wav2vec 2.0 style network with a CTC head, ready to emit.

    Attributes
    ----------
    name : str
        What it was loaded by.
    notice : str or None
        Why this model stands in for another one, for people; None if it does not.
    folder : Path
        Holds its files, the model card among them.
    vocabulary : Vocabulary
    sample_rate : int
        The rate its waveforms must have (Hz).
    stride, receptive_field : int
        Samples from one frame to the next, and samples that one frame sees.
    device, dtype : str
        Where it runs and in which arithmetic, such as ``"cpu"`` and ``"float32"``.
    network
        The `transformers` network itself.
    """

    def __init__(self, network: Any, extractor: Any, vocabulary: Vocabulary, checkpoint: Checkpoint) -> None:
        self.network, self._extractor, self.vocabulary = network, extractor, vocabulary
        self.name, self.notice, self.folder = checkpoint.name, checkpoint.notice, checkpoint.folder
        self._calibration = Calibration.load(checkpoint.folder)
        self.sample_rate: int = extractor.sampling_rate
        self.uses_attention_mask: bool = bool(extractor.return_attention_mask)
        self.stride, self.receptive_field = geometry(network.config)
        layers = next(network.base_model.encoder.layers.parameters())
        self.device, self.dtype = str(layers.device), str(layers.dtype).removeprefix("torch.")
        whole = longest_pass(network, self.stride / self.sample_rate)
        self._grid = FrameGrid(self.stride, self.receptive_field, self.sample_rate, whole)
        self._batcher = Batcher(
            self._grid.span(batch_seconds(layers.device)),
            mixed=not hears_padding(network, self.uses_attention_mask),
            context=self._grid.span(CONTEXT_SECONDS),
            out_of_memory=out_of_memory,
        )

    @classmethod
    def load(
        cls,
        name: str = "auto",
        *,
        device: str = "auto",
        dtype: str = "auto",
        attention: str = "sdpa",
        revision: str | None = None,
        compiled: bool = False,
    ) -> "CTCModel":
        """Load a checkpoint.

        Parameters
        ----------
        name : str
            ``"w2v-mini"`` (bundled), a folder, a name on the Hugging Face Hub, or ``"auto"``: the default
            model if it is cached or the Hub can be reached, else ``w2v-mini``, which `notice` explains.
        device : {"auto", "cpu", "cuda", "mps"}
        dtype : {"auto", "float32", "bfloat16", "float16"}
            Of the transformer layers; convolutions, head and softmax are float32 always. "auto" takes
            bfloat16 where the processor computes in it, float16 on other GPUs, else float32.
        attention : {"sdpa", "eager"}
            "eager" is slower and takes memory by the square of the length. `explore` needs it, and takes it by itself.
        revision : str, optional
            A commit, branch or tag of a Hub repository.
        compiled : bool
            Compile the transformer layers by `torch.compile`: minutes at first, less from its cache later, for long jobs.

        Raises
        ------
        ModelError
            The checkpoint is missing, out of reach, damaged, or not a CTC model; or it cannot be compiled.
        """
        chosen = pick_device(device)
        arithmetic = pick_dtype(dtype, chosen)
        checkpoint = fetch(name, revision)
        model = cls(*load_parts(checkpoint, chosen, arithmetic, attention), checkpoint)
        if compiled:
            second = Waveform(np.zeros(model.sample_rate, np.float32), model.sample_rate)
            compile_layers(model.network, lambda: model.emit([second]))
        log.info("%s runs on %s in %s", model.name, model.device, model.dtype)
        return model

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms.

        Clips are sorted by length and batched; padding never changes a result. A clip longer than 40 s (30 s with
        w2v-mini, which knows no more places) goes through in windows of 20 s with 2 s of context on both sides, cut on
        the logits, so that it has one emission matrix like any other. Where memory does not suffice, batches become smaller.

        The windows give what one pass gives, to rounding, if the layers together look no farther than the context. How far a
        network looks is a matter of its training: ``python -m benchmarks.inference --only windows`` measures it. Networks
        with a group norm (base, English 960 h) normalise over what they are given, and w2v-mini's frames know their place in
        the window only, so that theirs always differ a little.

        Parameters
        ----------
        waveforms : sequence of Waveform
            At the model's sampling rate, each at least one frame long.
        progress : callable, optional
            Called with the share of the sound that is done (0 to 1).

        Returns
        -------
        list of Emissions
            In the order of the waveforms.

        Raises
        ------
        AudioError
            A waveform has another sampling rate or is shorter than one frame.
        ModelError
            The memory does not suffice even for a few seconds of sound.
        """
        for waveform in waveforms:
            self._check(waveform)
        levels = [self._level(waveform.samples) for waveform in waveforms]

        def read(piece: Window) -> np.ndarray:
            samples = waveforms[piece.clip].samples
            return levels[piece.clip].apply(samples[self._grid.reach(piece, len(samples))])

        pieces = [piece for clip, waveform in enumerate(waveforms) for piece in self._grid.cut(clip, len(waveform.samples))]
        return self._gather(self._batcher.run(pieces, read, self._forward), pieces, progress)

    def emit_file(
        self, source: Any, *, max_seconds: float = math.inf, progress: Callable[[float], None] | None = None
    ) -> tuple[Emissions, float]:
        """Compute the emissions of one sound of any length, which is never held whole.

        As `emit`, but sound of more than one pass is read twice, block by block: for its level, and for its windows.

        Parameters
        ----------
        source
            What `w2vkit.audio.load` takes.
        max_seconds : float
            Refuse anything longer (s).
        progress : callable, optional
            Called with the share of the sound that is done (0 to 1).

        Returns
        -------
        emissions : Emissions
        seconds : float
            The duration of the sound.

        Raises
        ------
        AudioError
            As for `load` and `emit`.
        ModelError
            As for `emit`.
        """
        if callable(reader := getattr(source, "read", None)):
            source = reader()  # a file object gives its bytes but once
        most = int(self._grid.longest_pass * self.sample_rate)
        meter, head = measure(stream(source, sample_rate=self.sample_rate, max_seconds=max_seconds), most)
        if head is not None:
            waveform = Waveform(head, self.sample_rate)
            return self.emit([waveform], progress=progress)[0], waveform.seconds
        level = meter.level if self._extractor.do_normalize else Normalisation()
        sound = SlidingBuffer(stream(source, sample_rate=self.sample_rate))
        pieces = self._grid.cut(0, meter.samples)
        together = max(1, self._batcher.budget // max(piece.frames for piece in pieces))

        def read(piece: Window) -> np.ndarray:
            return level.apply(sound[self._grid.reach(piece, meter.samples)])

        def rows() -> Iterator[tuple[Window, np.ndarray]]:
            for i in range(0, len(pieces), together):
                sound.forget(self._grid.reach(pieces[i], meter.samples).start)
                yield from self._batcher.run(pieces[i : i + together], read, self._forward)

        return self._gather(rows(), pieces, progress)[0], meter.samples / self.sample_rate

    def internals(self, waveform: Waveform) -> Internals:
        """Compute the emissions of a waveform, and keep what the network makes of it on the way.

        Parameters
        ----------
        waveform : Waveform
            As long as one pass hears (40 s, w2v-mini 30 s): attention maps take memory by the square of the length.

        Returns
        -------
        Internals

        Raises
        ------
        AudioError
            The waveform has another sampling rate, or is too short or too long.
        """
        self._check(waveform)
        if waveform.seconds > (most := self._grid.longest_pass):
            raise AudioError(f"{waveform.seconds:.0f} s are too long to look at in one pass. Cut out {most:.0f} s or less.")
        samples = self._level(waveform.samples).apply(waveform.samples)
        return explore(self.network, samples, self._run, self._emissions)

    @property
    def pass_seconds(self) -> float:
        """How much sound goes through the network at once (s); longer or more goes through in several passes."""
        return self._batcher.budget * self.stride / self.sample_rate

    def frames(self, samples: int) -> int:
        """How many frames a waveform of so many samples has."""
        return self._grid.frames(samples)

    def _check(self, waveform: Waveform) -> None:
        if waveform.sample_rate != self.sample_rate:
            raise AudioError(
                f"The waveform has {waveform.sample_rate} Hz, {self.name} needs {self.sample_rate} Hz. "
                f"Load it with load(source, sample_rate={self.sample_rate})."
            )
        if len(waveform.samples) < self.receptive_field:
            raise AudioError(
                f"The audio is too short: {waveform.seconds * 1000:.1f} ms, and one frame sees "
                f"{self.receptive_field / self.sample_rate * 1000:.0f} ms ({self.receptive_field} samples). "
                "Record a little more."
            )

    def _level(self, samples: np.ndarray) -> Normalisation:
        return normalisation_of(samples) if self._extractor.do_normalize else Normalisation()

    def _gather(
        self, rows: Iterator[tuple[Window, np.ndarray]], pieces: list[Window], progress: Callable[[float], None] | None
    ) -> list[Emissions]:
        """Put together what comes in any order: one matrix for each sound."""
        parts: dict[int, dict[int, np.ndarray]] = {piece.clip: {} for piece in pieces}
        total, done = sum(piece.stop - piece.start for piece in pieces), 0
        for piece, part in rows:
            parts[piece.clip][piece.start] = part
            done += len(part)
            if progress:
                progress(done / total)
        return [self._emissions(np.concatenate([part for _, part in sorted(clip.items())])) for clip in parts.values()]

    def _emissions(self, log_probs: np.ndarray) -> Emissions:
        step, start = self.stride / self.sample_rate, (self.receptive_field - self.stride) / 2 / self.sample_rate
        return Emissions(log_probs, self.vocabulary, step, start, self._calibration)

    def _forward(self, clips: list[np.ndarray]) -> list[np.ndarray]:
        """(N_i,) samples each to (T_i, V) float32 log-probabilities each, the padding's frames cut off."""
        log_probs = self._run(clips).logits.log_softmax(dim=-1).cpu().numpy()
        return [rows[: self.frames(len(clip))] for rows, clip in zip(log_probs, clips, strict=True)]

    @torch.inference_mode()
    def _run(self, clips: list[np.ndarray], **options: bool) -> Any:
        lengths = [len(clip) for clip in clips]
        inputs = torch.zeros(len(clips), max(lengths))
        for row, clip in enumerate(clips):
            inputs[row, : len(clip)] = torch.from_numpy(clip)
        mask = None
        if self.uses_attention_mask and min(lengths) < max(lengths):
            mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long().to(self.device)
        with true_float32(self.network.device):
            return self.network(inputs.to(self.device), attention_mask=mask, **options)
