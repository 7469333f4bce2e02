"""Waveforms to emissions: the only module that imports torch and transformers.

What differs between checkpoints (rate, stride, normalisation, attention mask, blank) is read from the
checkpoint. Processor and network come from transformers' Auto classes, from safetensors files only.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer
from transformers.utils import logging as transformers_logging

from w2vkit.audio import Waveform
from w2vkit.emissions import Emissions
from w2vkit.errors import AudioError, ModelError
from w2vkit.hub import Checkpoint, fetch
from w2vkit.vocabulary import Vocabulary

log = logging.getLogger(__name__)

WHOLE_SECONDS = 40.0  # s; LibriSpeech's longest utterance is 35 s. Longer sound goes through in windows
WINDOW_SECONDS = 20.0  # s; what one window contributes to the emissions
CONTEXT_SECONDS = 2.0  # s; what it hears in addition, on either side
BATCH_SECONDS = 60.0  # s; the padded sound in one forward pass


@dataclass(frozen=True)
class _Piece:
    """A stretch of one waveform that goes through the network at once, and which of its frames count."""

    clip: int
    samples: np.ndarray
    first: int
    stop: int


class CTCModel:
    """A wav2vec 2.0 style network with a CTC head, ready to emit.

    Attributes
    ----------
    name : str
        What it was loaded by.
    notice : str or None
        Why this model stands in for another one, for people; None if it does not.
    vocabulary : Vocabulary
    sample_rate : int
        The rate its waveforms must have (Hz).
    stride, field : int
        Samples from one frame to the next, and samples that one frame sees.
    device, dtype : str
        Where it runs and in which arithmetic, such as ``"cpu"`` and ``"float32"``.
    """

    def __init__(self, network: Any, extractor: Any, vocabulary: Vocabulary, checkpoint: Checkpoint) -> None:
        self.network, self._extractor, self.vocabulary = network.eval(), extractor, vocabulary
        self.name, self.notice = checkpoint.name, checkpoint.notice
        self.sample_rate: int = extractor.sampling_rate
        self.uses_attention_mask: bool = bool(extractor.return_attention_mask)
        self.stride, self.field = _geometry(network.config)
        self.device, self.dtype = str(network.device), str(network.dtype).removeprefix("torch.")

    @classmethod
    def load(cls, name: str = "auto", *, device: str = "auto", dtype: str = "auto", revision: str | None = None) -> "CTCModel":
        """Load a checkpoint.

        Parameters
        ----------
        name : str
            ``"w2v-mini"`` (bundled), a folder, a name on the Hugging Face Hub, or ``"auto"``: the default
            model if it is cached or the Hub can be reached, else ``w2v-mini``, which `notice` explains.
        device : {"auto", "cpu", "cuda", "mps"}
        dtype : {"auto", "float32", "bfloat16", "float16"}
            "auto" takes bfloat16 where the processor computes in it, float16 on other GPUs, else float32.
        revision : str, optional
            A commit, branch or tag of a Hub repository.

        Raises
        ------
        ModelError
            The checkpoint is missing, out of reach, damaged, or not a CTC model.
        """
        chosen = _device(device)
        arithmetic = _dtype(dtype, chosen)
        checkpoint = fetch(name, revision)
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with _quiet(), _explained(checkpoint):
            extractor = AutoFeatureExtractor.from_pretrained(checkpoint.folder, **options)
            tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, **options)
            network, report = AutoModelForCTC.from_pretrained(
                checkpoint.folder, dtype=arithmetic, use_safetensors=True, output_loading_info=True, **options
            )
        _check_head(report, checkpoint)
        vocabulary = _vocabulary(tokenizer, network.config.vocab_size, checkpoint)
        model = cls(network.to(chosen), extractor, vocabulary, checkpoint)
        log.info("%s runs on %s in %s", model.name, model.device, model.dtype)
        return model

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms.

        Clips are sorted by length and batched; padding never changes a result. A clip longer than 40 s
        goes through in windows of 20 s with 2 s of context on both sides, cut on the logits, so that it
        has one emission matrix like any other.

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
        """
        for waveform in waveforms:
            self._check(waveform)
        pieces = [piece for clip, waveform in enumerate(waveforms) for piece in self._pieces(clip, waveform)]
        parts: dict[int, dict[int, np.ndarray]] = {clip: {} for clip in range(len(waveforms))}
        total, done = sum(len(piece.samples) for piece in pieces), 0
        order = sorted(range(len(pieces)), key=lambda i: -len(pieces[i].samples))
        for batch in self._batches(order, pieces):
            logits = self._forward([pieces[i].samples for i in batch])
            for i, rows in zip(batch, logits, strict=True):
                parts[pieces[i].clip][i] = rows[pieces[i].first : pieces[i].stop]
                done += len(pieces[i].samples)
            if progress:
                progress(done / total)
        joined = (np.concatenate([rows for _, rows in sorted(parts[clip].items())]) for clip in parts)
        return [Emissions(rows, self.vocabulary, self.stride / self.sample_rate) for rows in joined]

    def frames(self, samples: int) -> int:
        """How many frames a waveform of so many samples has."""
        return (samples - self.field) // self.stride + 1

    def _check(self, waveform: Waveform) -> None:
        if waveform.sample_rate != self.sample_rate:
            raise AudioError(
                f"The waveform has {waveform.sample_rate} Hz, {self.name} needs {self.sample_rate} Hz. "
                f"Load it with load(source, sample_rate={self.sample_rate})."
            )
        if len(waveform.samples) < self.field:
            raise AudioError(
                f"The audio is too short: {waveform.seconds * 1000:.1f} ms, and one frame sees "
                f"{self.field / self.sample_rate * 1000:.0f} ms ({self.field} samples). Record a little more."
            )

    def _pieces(self, clip: int, waveform: Waveform) -> Iterator[_Piece]:
        """Cut a waveform into what goes through the network at once; windows are aligned to the stride."""
        samples, frames = waveform.samples, self.frames(len(waveform.samples))
        if self._extractor.do_normalize:
            # The whole clip's statistics, or every window would hear another loudness.
            scale = 1 / np.sqrt(samples.var(dtype=np.float64) + 1e-7)
            mean = samples.mean(dtype=np.float64)
        else:
            scale, mean = 1.0, 0.0

        def ready(start: int, stop: int) -> np.ndarray:
            return ((samples[start:stop] - np.float32(mean)) * np.float32(scale)).astype(np.float32)

        if waveform.seconds <= WHOLE_SECONDS:
            yield _Piece(clip, ready(0, len(samples)), 0, frames)
            return
        window, context = (int(s * self.sample_rate / self.stride) for s in (WINDOW_SECONDS, CONTEXT_SECONDS))
        for start in range(0, frames, window):
            before, stop = min(start, context), min(start + window, frames)
            end = min(stop + context, frames)
            yield _Piece(
                clip,
                ready((start - before) * self.stride, (end - 1) * self.stride + self.field),
                before,
                before + stop - start,
            )

    def _batches(self, order: list[int], pieces: list[_Piece]) -> Iterator[list[int]]:
        """Group pieces, longest first, by a budget of padded samples.

        A network that takes no attention mask hears the padding, so its batches hold equal lengths only.
        """
        budget = BATCH_SECONDS * self.sample_rate
        batch: list[int] = []
        for i in order:
            longest = len(pieces[batch[0]].samples) if batch else 0
            fits = (len(batch) + 1) * longest <= budget
            if batch and not (fits and (self.uses_attention_mask or len(pieces[i].samples) == longest)):
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    @torch.inference_mode()
    def _forward(self, clips: list[np.ndarray]) -> list[np.ndarray]:
        """(N_i,) samples each to (T_i, V) float32 log-probabilities each, the padding's frames cut off."""
        lengths = [len(clip) for clip in clips]
        inputs = torch.zeros(len(clips), max(lengths))
        for row, clip in enumerate(clips):
            inputs[row, : len(clip)] = torch.from_numpy(clip)
        mask = None
        if self.uses_attention_mask and min(lengths) < max(lengths):
            mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long().to(self.network.device)
        logits = self.network(inputs.to(self.network.device, self.network.dtype), attention_mask=mask).logits
        log_probs = logits.float().log_softmax(dim=-1).cpu().numpy()
        return [rows[: self.frames(length)] for rows, length in zip(log_probs, lengths, strict=True)]


def _geometry(config: Any) -> tuple[int, int]:
    """Stride and receptive field of the convolutions, in samples (wav2vec 2.0, section 2: 320 and 400)."""
    stride, field = 1, 1
    for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (kernel - 1) * stride
        stride *= step
    if getattr(config, "add_adapter", False):
        raise ModelError("Checkpoints with an adapter after the encoder are not supported. Choose one without add_adapter.")
    return stride, field


def _device(device: str) -> torch.device:
    """The device that was asked for, or the best there is."""
    found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device == "auto":
        return torch.device(found)
    kind = device.partition(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind not in there:
        raise ModelError(f"There is no device {device!r}. Choose auto, cpu, cuda or mps.")
    if not there[kind]:
        raise ModelError(f"This machine, or its torch, has no {kind} device. Use device='auto' (here: {found}).")
    return torch.device(device)


def _dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        if device.type == "cuda":
            dtype = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        elif device.type == "mps":
            dtype = "float16"
        else:
            dtype = "bfloat16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "float32"
    if dtype not in ("float32", "bfloat16", "float16"):
        raise ModelError(f"There is no arithmetic {dtype!r}. Choose auto, float32, bfloat16 or float16.")
    return getattr(torch, dtype)


def _vocabulary(tokenizer: Any, size: int, checkpoint: Checkpoint) -> Vocabulary:
    """The tokenizer's labels as columns of the logits."""
    columns = {column: label for label, column in tokenizer.get_vocab().items()}
    special = {tokenizer.convert_tokens_to_ids(token) for token in tokenizer.all_special_tokens}
    # Checkpoints on the Hub often have <s> and </s> in the tokenizer but no column for them; a letter is another matter.
    lost = [label for column, label in columns.items() if column >= size and column not in special]
    missing = [column for column in range(size) if column not in columns]
    if lost or missing:
        detail = f"labels {lost[:5]} have no column" if lost else f"column {missing[0]} has no label"
        raise ModelError(
            f"The vocabulary of {checkpoint.name} does not fit its network: {len(columns)} labels for {size} logits "
            f"({detail}). Take vocab.json and the weights from the same checkpoint."
        )
    boundary = tokenizer.convert_tokens_to_ids(tokenizer.word_delimiter_token)
    # transformers counts the word boundary among the special tokens; here it is text.
    special = {column for column in special if column is not None and column < size} - {boundary}
    return Vocabulary(
        labels=tuple(columns[column] for column in range(size)),
        blank=tokenizer.pad_token_id,
        word_boundary=boundary if boundary is not None and boundary < size else None,
        special=frozenset(special),
    )


def _check_head(report: dict, checkpoint: Checkpoint) -> None:
    """Refuse weights whose head would be random: a network without a CTC head, or with another vocabulary."""
    head = [key for key in report["missing_keys"] if "lm_head" in key]
    head += [key[0] for key in report.get("mismatched_keys", []) if "lm_head" in key[0]]
    if head:
        raise ModelError(
            f"{checkpoint.name} has no CTC head that fits ({', '.join(head)} missing or of another shape): it was pretrained "
            "but not fine-tuned on text. Choose a fine-tuned checkpoint, such as facebook/wav2vec2-base-960h."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' loading report and bar off the terminal: what matters of them becomes an error."""
    level, shown = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()


@contextmanager
def _explained(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn whatever the libraries raise while loading into one ModelError."""
    try:
        yield
    except Exception as error:
        first = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(
            f"{checkpoint.name} could not be loaded as a CTC checkpoint: {first} It needs config.json, "
            "preprocessor_config.json, vocab.json and model.safetensors of a wav2vec 2.0, HuBERT, WavLM or data2vec model."
        ) from error
