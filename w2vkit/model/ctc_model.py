"""`CTCModel`: waveforms to emissions.

What differs between checkpoints (rate, stride, normalisation, attention mask, blank) is read from the checkpoint.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from w2vkit.audio import Waveform, stream
from w2vkit.audio.waveform import contents, ignore
from w2vkit.decode import Decode, default_decoder
from w2vkit.emissions import Calibration, Emissions, Vocabulary
from w2vkit.errors import AudioError, ModelError, brief
from w2vkit.model.fast_layers import Needs, patch
from w2vkit.model.hub import Checkpoint, fetch
from w2vkit.model.internals import Internals
from w2vkit.model.loading import geometry, load_parts, padding_matters
from w2vkit.model.normalisation import Normalisation, NormalisationMeter, SlidingBuffer, normalisation_of
from w2vkit.model.packed import PackedNetwork
from w2vkit.model.precision import default_batch, out_of_memory, pick_device, pick_dtype, set_dtype, true_float32
from w2vkit.model.windows import CONTEXT_SECONDS, Batcher, FrameGrid, Window

log = logging.getLogger(__name__)
MOST_THREADS = 256  # where a machine cannot start as many as it is told, libraries end the process


class CTCModel:
    """A wav2vec 2.0 style network with a CTC head; `load` makes one.

    Attributes
    ----------
    name : str
        The name that it was loaded by.
    notice : str or None
        Why this model stands in for another one, for people; None if it does not.
    folder : Path
        Holds its files, the model card among them.
    vocabulary : Vocabulary
    sample_rate : int
        The rate that its waveforms must have (Hz).
    uses_attention_mask : bool
        Whether the padding of a batch is masked.
    stride, receptive_field : int
        Samples from one frame to the next, and samples that one frame is computed from.
    silence, short : int
        Samples of silence that `emit` puts before, and after, a waveform with fewer than `short` samples: 0 but for w2v-mini.
        Set `silence` to 0 to have none.
    device, dtype : str
        Where the transformer layers run and what they compute in, such as ``"cpu"`` and ``"float32"`` or
        ``"int8 with bfloat16"``.
    network
        The `transformers` network itself.
    """

    def __init__(
        self,
        network: Any,
        extractor: Any,
        vocabulary: Vocabulary,
        checkpoint: Checkpoint,
        needs: Needs,
        batch: float | None = None,
        int8: bool = False,
    ) -> None:
        self.name, self.notice, self.folder = checkpoint.name, checkpoint.notice, checkpoint.folder
        self.network = network
        self.vocabulary = vocabulary
        self.sample_rate: int = extractor.sampling_rate
        self.uses_attention_mask: bool = bool(extractor.return_attention_mask)
        self.stride, self.receptive_field = geometry(network.config)
        layers = next(network.base_model.encoder.layers.parameters())
        self.device, self.dtype = str(layers.device), str(layers.dtype).removeprefix("torch.")
        self.dtype = f"int8 with {self.dtype}" if int8 else self.dtype
        if int8 and not PackedNetwork.pays(network):
            raise ModelError(
                f"{self.name} cannot be computed in int8. That is for wav2vec 2.0 and HuBERT with GELU and without adapters. "
                "Use --dtype auto."
            )
        self._packed = PackedNetwork(network, int8=int8) if PackedNetwork.pays(network) else None
        self._layers_compiled = False
        self._normalises: bool = extractor.do_normalize
        self._default_decoder: Decode | None = None
        self._calibration = Calibration.load(checkpoint.folder)
        self.silence, self.short = round(needs.silence * self.sample_rate), round(needs.short * self.sample_rate)
        self._grid = FrameGrid(self.stride, self.receptive_field, self.sample_rate, needs.longest_pass)
        self._batcher = Batcher(
            budget=self._grid.frames_in(batch or default_batch(layers.device)),
            mixed=not padding_matters(network, self.uses_attention_mask),
            context=self._grid.frames_in(CONTEXT_SECONDS),
        )

    @property
    def default_decoder(self) -> Decode:
        """The checkpoint's default decoder: beam search with the language model in its folder, or else greedy decoding."""
        if self._default_decoder is None:  # loading the language model takes seconds
            self._default_decoder = default_decoder(self.folder)
        return self._default_decoder

    @classmethod
    def load(
        cls,
        name: str = "auto",
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        compiled: bool = False,
        threads: int | None = None,
        batch_seconds: float | None = None,
    ) -> "CTCModel":
        """Load a checkpoint.

        Parameters
        ----------
        name : str
            ``"w2v-mini"`` (bundled), a folder, a name on the Hugging Face Hub, or ``"auto"``: the default
            model if it is cached or the Hub can be reached, else ``w2v-mini``, which `notice` explains.
        device : {"auto", "cpu", "cuda", "mps"}
        dtype : {"auto", "float32", "bfloat16", "float16", "int8"}
            Of the transformer layers, and of the convolutions of Large models (on a GPU they are in float16). Norms of the
            convolutions, head and softmax are always in float32, and so are all other convolutions, w2v-mini's among them.
            "auto" is bfloat16 where the device computes in it
            natively, float16 on other GPUs, else float32. In float32 a clip gives the same confidences and times to three
            decimals, whether alone or in a batch, and with any number of threads. In bfloat16 confidences then differ by up
            to 0.03, and times by one frame. "int8" is for wav2vec 2.0 and HuBERT on a CPU with AVX2: the linear layers of the
            transformer compute in int8, all else as with "auto". It is faster where the CPU has no AMX, a little less exact,
            and takes more memory, for a second copy of their weights.
        revision : str, optional
            A commit, branch or tag of a Hub repository. With ``"auto"`` it is one of the default model, which
            ``w2v-mini`` then does not replace.
        compiled : bool
            Compile by `torch.compile` what lies between the matrix products, or the transformer layers of other families
            than wav2vec 2.0 and HuBERT: this takes up to minutes the first time, and less from its cache later. It is for a
            GPU; on a CPU it gains nothing for wav2vec 2.0.
        threads : int, optional
            CPU threads that PyTorch computes with in this process; all cores by default.
        batch_seconds : float, optional
            Sound, padding included, that goes through the network at once (s), until memory runs out. By default a GPU takes
            16 s for each GiB that is free, and a CPU 6 s for each thread, at most 30 s.

        Raises
        ------
        ModelError
            The checkpoint is missing, out of reach, damaged, or not a CTC model; or it cannot be compiled. Or there is no such
            number of threads or seconds.
        """
        if not (threads is None or 1 <= threads <= MOST_THREADS) or not (batch_seconds is None or 0 < batch_seconds < math.inf):
            raise ModelError(f"Give 1 to {MOST_THREADS} threads (--threads), and a batch of more than 0 s (--batch-seconds).")
        if threads:
            torch.set_num_threads(threads)
        chosen = pick_device(device)
        layers = pick_dtype(dtype, chosen)
        checkpoint = fetch(name, revision)
        network, extractor, vocabulary = load_parts(checkpoint)
        set_dtype(network, layers)
        network.to(chosen)
        model = cls(network, extractor, vocabulary, checkpoint, patch(network), batch_seconds, layers == torch.int8)
        if compiled:
            model._compile()
        log.info("%s runs on %s in %s", model.name, model.device, model.dtype)
        return model

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms.

        Clips are sorted by length and batched; padding never changes a result. A clip longer than 40 s (30 s with
        w2v-mini, which has no more positions) goes through in windows of 20 s with 2 s of context on both sides. The
        logits of the context are cut off, and the rest is joined to one emission matrix. Where memory runs out, batches
        become smaller. w2v-mini is given 0.1 s of silence before and after a clip shorter than 2 s; its emissions include
        the frames of the silence.

        Windows give the result of one pass, up to rounding, if all layers together attend no farther than the context.
        How far a network attends depends on its training: ``python -m benchmarks.inference --only windows`` measures it.
        The results always differ a little for networks with a group norm (base, English 960 h), which normalises over the
        window, and for w2v-mini, whose positions count from the start of the window.

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
            The memory does not suffice for a few seconds of sound.
        """
        found = dict(self.emit_each(waveforms, progress=progress))
        return [found[clip] for clip in range(len(waveforms))]

    def emit_each(
        self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None
    ) -> Iterator[tuple[int, Emissions]]:
        """Compute the emissions of waveforms, as `emit`, and give each as soon as it is there; a GPU computes on meanwhile.

        Yields
        ------
        int
            The index of the waveform; long ones come before short ones.
        Emissions
        """
        for waveform in waveforms:
            self.check(waveform)
        sounds = [SlidingBuffer([w.samples], len(w.samples), None) for w in waveforms]
        windows = [window for clip, sound in enumerate(sounds) for window in self._windows(clip, sound)]
        windows.sort(key=lambda window: -window.frames)
        parts: list[dict[int, np.ndarray]] = [{} for _ in sounds]
        left = [self.frames(sound.length) for sound in sounds]
        for window, log_probs in self._log_probs(sounds, windows, progress):
            clip = window.clip
            parts[clip][window.start] = log_probs
            left[clip] -= len(log_probs)
            if not left[clip]:
                yield clip, self._emissions([part for _, part in sorted(parts[clip].items())], sounds[clip].length)
                parts[clip].clear()

    def emit_file(
        self,
        source: Any,
        *,
        max_seconds: float = math.inf,
        track: int | None = None,
        note: Callable[[str], None] = ignore,
        progress: Callable[[float], None] | None = None,
    ) -> tuple[Emissions, float]:
        """Compute the emissions of one sound of any length, without holding all of it in memory.

        As `emit`, but sound that is longer than one pass is read twice, block by block: first its mean and variance are
        measured, then its windows are computed.

        Parameters
        ----------
        source
            What `w2vkit.audio.load` takes.
        max_seconds : float
            Refuse anything longer (s).
        track, note
            As for `w2vkit.audio.stream`.
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
        source = contents(source)  # a file object can be read only once
        most = int(self._grid.longest_pass * self.sample_rate)
        meter, head = NormalisationMeter(), []
        for block in stream(source, sample_rate=self.sample_rate, max_seconds=max_seconds, track=track, note=note):
            meter.add(block)
            if meter.samples <= most:
                head.append(block)
            else:
                head.clear()
        self._check_length(meter.samples)
        normalisation = meter.normalisation if self._normalises else Normalisation()
        blocks = head or stream(source, sample_rate=self.sample_rate, track=track)
        sound = SlidingBuffer(blocks, meter.samples, normalisation)
        parts = []
        for window, log_probs in self._log_probs([sound], self._windows(0, sound), progress):
            parts.append(log_probs)
            sound.forget(self._grid.samples_of(window, sound.length).start)
        return self._emissions(parts, sound.length), sound.length / self.sample_rate

    def internals(self, waveform: Waveform) -> Internals:
        """Compute the emissions of a waveform, and keep what the network computes on the way.

        It switches the network to an attention that gives its maps, and back: it must not run beside another `emit`. With the
        dtype int8 the network's own weights compute it.

        Parameters
        ----------
        waveform : Waveform
            No longer than one pass (40 s, w2v-mini 30 s): the memory for attention maps grows by the square of the length.

        Returns
        -------
        Internals

        Raises
        ------
        AudioError
            The waveform has another sampling rate, or is too short or too long.
        """
        self.check(waveform)
        if waveform.seconds > (most := self._grid.longest_pass):
            raise AudioError(f"{waveform.seconds:.0f} s are too long for one pass. Cut out {most:.0f} s or less.")
        samples = self._normalisation(waveform.samples).apply(waveform.samples)
        samples = np.pad(samples, self._silence_around(len(samples)))
        kept: dict[str, torch.Tensor] = {}
        hooks = [
            self.network.base_model.feature_extractor.register_forward_hook(
                lambda module, inputs, output: kept.update(features=output)
            ),
            self.network.lm_head.register_forward_hook(lambda module, inputs, output: kept.update(last=inputs[0])),
        ]
        usual = self.network.config._attn_implementation
        self.network.set_attn_implementation("eager")  # the others never compute the maps
        # Compiling the layers anew for this attention would take longer than this one sound.
        plain = torch.compiler.set_stance("force_eager") if self._layers_compiled else nullcontext()
        try:
            with plain:
                output = self._run([samples], output_hidden_states=True, output_attentions=True)
        finally:
            self.network.set_attn_implementation(usual)
            for hook in hooks:
                hook.remove()
        return Internals(
            features=kept["features"][0].T.float().cpu().numpy(),
            hidden_states=torch.cat([*(state.float() for state in output.hidden_states[:-1]), kept["last"]]).cpu().numpy(),
            attentions=torch.cat(output.attentions).float().cpu().numpy(),
            emissions=self._emissions([output.logits[0].log_softmax(dim=-1).cpu().numpy()], len(waveform.samples)),
        )

    @property
    def longest_pass(self) -> float:
        """The longest sound that goes through the network in one piece (s); longer sound is cut into windows."""
        return self._grid.longest_pass

    @property
    def pass_seconds(self) -> float:
        """How much sound, padding included, goes through the network in one pass (s)."""
        return self._batcher.budget * self.stride / self.sample_rate

    def frames(self, samples: int) -> int:
        """Return how many frames a waveform with so many samples has."""
        return self._grid.frames(samples + 2 * self._silence_around(samples))

    def check(self, waveform: Waveform) -> None:
        """Raise the `AudioError` of `emit` for a waveform that cannot be computed."""
        if waveform.sample_rate != self.sample_rate:
            raise AudioError(
                f"The waveform has {waveform.sample_rate} Hz, {self.name} needs {self.sample_rate} Hz. "
                f"Load it with load(source, sample_rate={self.sample_rate})."
            )
        self._check_length(len(waveform.samples))

    def _check_length(self, samples: int) -> None:
        if samples < self.receptive_field:
            raise AudioError(
                f"The audio is too short: {samples / self.sample_rate * 1000:.1f} ms, and one frame needs "
                f"{self.receptive_field / self.sample_rate * 1000:.0f} ms ({self.receptive_field} samples). "
                "Record a little more."
            )

    def _silence_around(self, samples: int) -> int:
        return self.silence if samples < self.short else 0

    def _windows(self, clip: int, sound: SlidingBuffer) -> list[Window]:
        return self._grid.cut(clip, sound.length + 2 * self._silence_around(sound.length))

    def _normalisation(self, samples: np.ndarray) -> Normalisation:
        return normalisation_of(samples) if self._normalises else Normalisation()

    def _compile(self) -> None:
        """Compile the network, and run it once, as the compiler works at the first call.

        Layers that are not packed are alike: they share one program for all lengths, and another one for several clips or
        a mask. The convolutions would gain nothing.
        """
        if self._packed:
            self._packed.compile()
        else:
            for layer in self.network.base_model.encoder.layers:
                layer.compile(dynamic=True)
            self._layers_compiled = True
        try:
            self.emit([Waveform(np.zeros(self.sample_rate, np.float32), self.sample_rate)])
        except Exception as error:
            raise ModelError(
                f"The layers could not be compiled: {brief(error)} Leave out --compile (compiled=False), or install what "
                "torch.compile needs: a C++ compiler such as g++, and triton for a GPU."
            ) from error

    def _emissions(self, parts: list[np.ndarray], samples: int) -> Emissions:
        """Join the (T_i, V) log-probabilities of successive windows of a sound with so many samples."""
        start = (self.receptive_field - self.stride) / 2 - self._silence_around(samples)
        step = self.stride / self.sample_rate
        return Emissions(np.concatenate(parts), self.vocabulary, step, start / self.sample_rate, self._calibration)

    def _log_probs(
        self, sounds: Sequence[SlidingBuffer], windows: Sequence[Window], progress: Callable[[float], None] | None
    ) -> Iterator[tuple[Window, np.ndarray]]:
        """Compute windows in the order given, as many at once as fit into memory.

        Yields
        ------
        Window
            One of the windows, or a part of one where memory ran out.
        numpy.ndarray
            (stop - start, V) log-probabilities.
        """
        waiting, running = list(windows), deque[tuple[list[Window], Iterable[np.ndarray]]]()
        total, done = sum(window.stop - window.start for window in windows), 0
        while waiting or running:
            if waiting and len(running) < (self._packed.in_flight if self._packed else 1):
                batch = self._batcher.next_batch(waiting)
                results = self._start([self._samples(sounds[window.clip], window) for window in batch])
                if results is None:
                    waiting[: len(batch)] = self._batcher.smaller(batch)
                else:
                    del waiting[: len(batch)]
                    running.append((batch, results))
                continue
            batch, results = running.popleft()
            for window, log_probs in zip(batch, results, strict=True):
                done += window.stop - window.start
                if progress:
                    progress(done / total)
                yield window, log_probs[window.before : window.before + window.stop - window.start]

    def _samples(self, sound: SlidingBuffer, window: Window) -> tuple[np.ndarray, bool]:
        """Return the samples of a window, and whether a GPU still has to normalise them, as for whole sounds."""
        whole, silence = slice(0, sound.length), self._silence_around(sound.length)
        stretch = whole if silence else self._grid.samples_of(window, sound.length)
        if sound.normalisation is None and not (self._packed and self._packed.normalises and stretch == whole and not silence):
            sound.normalisation = self._normalisation(sound.read(whole))
        samples = sound.read(stretch)
        return np.pad(samples, silence) if silence else samples, sound.normalisation is None and self._normalises

    def _start(self, clips: list[tuple[np.ndarray, bool]]) -> Iterable[np.ndarray] | None:
        """Compute the (T_i, V) float32 log-probabilities of clips; None if memory runs out.

        A packed network on a GPU only starts here: whoever asks for the first result waits for it.

        Parameters
        ----------
        clips : list of (numpy.ndarray, bool)
            (N_i,) samples each, and whether they are not normalised yet.
        """
        sounds = [samples for samples, _ in clips]
        frames = [self._grid.frames(len(samples)) for samples in sounds]
        try:
            if self._packed:
                return self._packed.run(sounds, frames, [raw for _, raw in clips])
            log_probs = self._run(sounds).logits.log_softmax(dim=-1).cpu().numpy()
        except (RuntimeError, MemoryError) as error:
            if out_of_memory(error):
                return None  # the caller tries again, after the exception has freed the tensors of this batch
            raise
        return [rows[:count] for rows, count in zip(log_probs, frames, strict=True)]

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
