"""From a folder to a network: arithmetic, weights, vocabulary. `model.py` alone imports this.

In half precision the layers between extractor and head, where the time goes, run in it. What is sensitive stays in
float32: the convolutional extractor, whose values span five orders of magnitude before its norms, and the head,
whose logits would be rounded to steps of a tenth.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.utils import parametrize
from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer
from transformers.utils import logging as transformers_logging

from w2vkit.emissions import Vocabulary
from w2vkit.errors import ModelError
from w2vkit.model.fast_layers import ChannelsLast, WideConvolution
from w2vkit.model.hub import Checkpoint
from w2vkit.model.windows import WHOLE_SECONDS

ATTENTIONS = ("sdpa", "eager")
EXACT = ["feature_extractor", "feature_projection", "lm_head"]  # what stays in float32
FOLDED = "pos_conv_embed"  # loaded in float32 too, and rounded once it is one weight


def load_parts(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, attention: str) -> tuple[Any, Any, Vocabulary]:
    """Load network, feature extractor and vocabulary from a folder, from safetensors only.

    Raises
    ------
    ModelError
        The checkpoint is damaged, not a CTC model, or its parts do not fit each other.
    """
    if attention not in ATTENTIONS:
        raise ModelError(f"There is no attention {attention!r}. Choose sdpa, or eager.")
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _quiet(), _explained(checkpoint):
        extractor = AutoFeatureExtractor.from_pretrained(checkpoint.folder, **options)
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, **options)
        config = AutoConfig.from_pretrained(checkpoint.folder, **options)
        kind = _kind(config)
        network, report = kind.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=dtype,
            attn_implementation=attention if kind._supports_sdpa else "eager",  # WavLM's attention is its own
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    _check_whole(report, checkpoint)
    _set_arithmetic(network, dtype)
    # w2v-mini's built front end takes differences of large values: another order of its sums would show in the third digit.
    if device.type == "cpu" and not tells_places(network):
        for layer in network.base_model.feature_extractor.conv_layers:
            if ChannelsLast.fits(layer):
                layer.conv = ChannelsLast(layer.conv)
    return network.to(device).eval(), extractor, vocabulary_of(tokenizer, network.config.vocab_size, checkpoint)


def compile_layers(network: Any, run: Callable[[], Any]) -> None:
    """Compile the transformer layers, and `run` once, as the compiler works when it is needed.

    The layers are alike: one program does for all of them and for all lengths, and another one where there are several
    clips, or a mask. The convolutions gain nothing.

    Raises
    ------
    ModelError
        There is no compiler for this device, or it failed.
    """
    for layer in network.base_model.encoder.layers:
        layer.compile(dynamic=True)
    try:
        run()
    except Exception as error:
        first = " ".join(str(error).split())[:300]
        raise ModelError(
            f"The layers could not be compiled: {first} Leave out --compile (compiled=False), or install what torch.compile "
            "needs: a C++ compiler such as g++, and triton for a GPU."
        ) from error


def geometry(config: Any) -> tuple[int, int]:
    """Stride and receptive field of the convolutions, in samples (wav2vec 2.0, section 2: 320 and 400)."""
    if not hasattr(config, "conv_kernel"):
        raise ModelError(
            f"A {config.model_type} network does not hear the waveform itself. "
            "Choose a wav2vec 2.0, HuBERT, WavLM or data2vec one."
        )
    if getattr(config, "add_adapter", False):
        raise ModelError("Checkpoints with an adapter after the encoder are not supported. Choose one without add_adapter.")
    stride, field = 1, 1
    for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (kernel - 1) * stride
        stride *= step
    return stride, field


def hears_padding(network: Any, masked: bool) -> bool:
    """Whether what pads a clip changes its result: without a mask, or where the mask does not reach all of it.

    Several positional convolutions in a row, as in data2vec, carry the padding into the clip: the mask silences it
    before the first one only.
    """
    positional = network.base_model.encoder.pos_conv_embed.modules()
    return not masked or sum(isinstance(module, torch.nn.Conv1d) for module in positional) > 1


def tells_places(network: Any) -> bool:
    """Whether the positional convolution is so wide that it tells a frame's place in the sound, not only what is around it."""
    conv = getattr(network.base_model.encoder.pos_conv_embed, "conv", None)
    return isinstance(conv, WideConvolution) or WideConvolution.fits(conv)


def longest_pass(network: Any, stride_seconds: float) -> float:
    """How much sound goes through the network in one pass: where it tells places, no more than it has places for."""
    if not tells_places(network):
        return WHOLE_SECONDS
    return min(WHOLE_SECONDS, network.config.num_conv_pos_embeddings // 2 * stride_seconds)


def vocabulary_of(tokenizer: Any, size: int, checkpoint: Checkpoint) -> Vocabulary:
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


def _kind(config: Any) -> Any:
    """The class of the network, told which weights to load in float32 whatever the others are loaded in."""
    kind: Any = AutoModelForCTC._model_mapping.get(type(config), None)
    if kind is None:
        raise ValueError(f"transformers has no {config.model_type} network with a CTC head.")
    return type(kind.__name__, (kind,), {"_keep_in_fp32_modules_strict": [*EXACT, FOLDED], "__module__": kind.__module__})


def _set_arithmetic(network: Any, dtype: torch.dtype) -> None:
    """Turn normalised weights into plain ones, computed once, and cast where float32 and `dtype` meet."""
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    encoder = network.base_model.encoder
    for name, part in network.base_model.named_children():
        part.to(dtype if name == "encoder" else torch.float32)
    casts = [(encoder, dtype), (network.lm_head, torch.float32)]
    if tells_places(network):
        # Its sums are of large values that cancel: half precision begins after it.
        encoder.pos_conv_embed.conv = WideConvolution(encoder.pos_conv_embed.conv.float())
        casts[0] = (encoder.layers[0], dtype)
    for part, into in casts:
        part.register_forward_pre_hook(lambda _, inputs, into=into: (inputs[0].to(into), *inputs[1:]))


def _check_whole(report: dict, checkpoint: Checkpoint) -> None:
    """Refuse weights that would be random: no CTC head, one for another vocabulary, or a body that is not whole."""
    head = [key for key in report["missing_keys"] if "lm_head" in key]
    head += [key[0] for key in report.get("mismatched_keys", []) if "lm_head" in key[0]]
    if head:
        raise ModelError(
            f"{checkpoint.name} has no CTC head that fits ({', '.join(head)} missing or of another shape): it was pretrained "
            "but not fine-tuned on text. Choose a fine-tuned checkpoint, such as facebook/wav2vec2-base-960h."
        )
    # Many checkpoints lack the embedding of masked frames: it is used in training only.
    body = [key for key in report["missing_keys"] if "masked_spec_embed" not in key]
    if body:
        raise ModelError(
            f"{checkpoint.name} lacks weights ({', '.join(sorted(body)[:3])}; {len(body)} in all), which would be random. "
            "Save it again from the network that transformers loads, or download it anew."
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
