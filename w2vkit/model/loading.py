"""From a checkpoint's folder to a `transformers` network, its feature extractor and its vocabulary."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import MODEL_FOR_CTC_MAPPING, AutoConfig, AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer
from transformers.utils import logging as transformers_logging

from w2vkit.emissions import Vocabulary
from w2vkit.errors import ModelError, brief, utf8
from w2vkit.model.hub import Checkpoint

# Limits of what config.json may ask for, far above any published checkpoint: a typing error must not take hours or all memory.
LARGEST = {"num_hidden_layers": 1_000, "hidden_size": 65_536, "intermediate_size": 262_144, "num_attention_heads": 1_024}
LARGEST |= {"vocab_size": 1_000_000, "num_conv_pos_embeddings": 65_536}
LARGEST |= {"conv_dim": 65_536, "conv_kernel": 65_536, "conv_stride": 65_536}
RATES = range(1_000, 192_001)  # Hz
LONGEST_FRAME = 1.0  # s; the widest receptive field
BOUNDARY = "|"  # how nearly all checkpoints write the word boundary


def load_parts(checkpoint: Checkpoint) -> tuple[Any, Any, Vocabulary]:
    """Load network (in float32, on the CPU), feature extractor and vocabulary from a folder, from safetensors only.

    Raises
    ------
    ModelError
        The checkpoint is damaged, not a CTC model, or its parts do not fit each other.
    """
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _explained(checkpoint):
        config = AutoConfig.from_pretrained(checkpoint.folder, **options)
        if type(config) not in MODEL_FOR_CTC_MAPPING:
            raise ValueError(f"transformers has no {config.model_type} network with a CTC head.")
        _, receptive_field = geometry(config)
        extractor = AutoFeatureExtractor.from_pretrained(checkpoint.folder, **options)
        _check_settings(config, extractor, receptive_field)
        # Phoneme tokenizers turn text into phonemes by a further package; w2vkit only needs their labels.
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, do_phonemize=False, **options)
        _check_weights(config, checkpoint)
        network, report = AutoModelForCTC.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # `_check_whole` names them
            output_loading_info=True,
            **options,
        )
        _check_whole(report, checkpoint)
        vocabulary = vocabulary_of(tokenizer, network.config.vocab_size, checkpoint)
        # A pass fails if settings do not fit each other. It takes half a second of sound: in 15 frames and fewer, PyTorch's
        # attention can leave NaN out.
        with torch.inference_mode():
            logits = network.eval()(torch.linspace(-1, 1, receptive_field + extractor.sampling_rate // 2)[None]).logits
        if logits.log_softmax(dim=-1).isnan().any():
            raise ModelError(
                f"The network of {checkpoint.name} computes NaN: its weights are damaged, or a number in config.json is wrong. "
                "Download it again, or take both from the same checkpoint."
            )
    return network, extractor, vocabulary


def _check_settings(config: Any, extractor: Any, receptive_field: int) -> None:
    """Refuse what no published checkpoint has in config.json and preprocessor_config.json."""
    for name, largest in LARGEST.items():
        given = getattr(config, name, 1)
        for size in given if isinstance(given, list | tuple) else [given]:
            if not (isinstance(size, int) and 1 <= size <= largest):
                raise ModelError(
                    f"config.json has {name} {size!r}. Give a whole number from 1 to {largest}, as in the original."
                )
    rate = extractor.sampling_rate
    if not (isinstance(rate, int) and rate in RATES):
        raise ModelError(
            f"The checkpoint's sampling_rate is {rate!r}. Give {RATES[0]} to {RATES[-1]} Hz in preprocessor_config.json; "
            "wav2vec 2.0 has 16000."
        )
    if receptive_field > LONGEST_FRAME * rate:
        raise ModelError(
            f"One frame of the checkpoint would cover {receptive_field / rate:.1f} s. "
            "Correct conv_kernel and conv_stride in config.json; wav2vec 2.0 has 25 ms."
        )
    for name in ("do_normalize", "return_attention_mask"):
        if not isinstance(value := getattr(extractor, name), bool):
            raise ModelError(f"The checkpoint's {name} is {value!r}. Write true or false in preprocessor_config.json.")


def _check_weights(config: Any, checkpoint: Checkpoint) -> None:
    """Refuse a network with more weights than the files have: it would take the memory before the missing ones are noticed."""
    with torch.device("meta"):
        needed = sum(weight.numel() for weight in AutoModelForCTC.from_config(config).parameters())
    stored = sum(file.stat().st_size for file in checkpoint.folder.glob("*.safetensors"))
    if stored and needed > stored:  # a weight takes a byte at least
        raise ModelError(
            f"config.json of {checkpoint.name} describes a network of {needed / 1e6:.0f} million weights, its files hold "
            f"{stored / 1e6:.0f} MB. Take config.json and the weights from the same checkpoint."
        )


def geometry(config: Any) -> tuple[int, int]:
    """Return stride and receptive field of the convolutions, in samples (wav2vec 2.0, section 2: 320 and 400)."""
    if not hasattr(config, "conv_kernel"):
        raise ModelError(
            f"A {config.model_type} network does not take the waveform itself. "
            "Choose a wav2vec 2.0, HuBERT, WavLM or data2vec one."
        )
    if getattr(config, "add_adapter", False):
        raise ModelError("Checkpoints with an adapter after the encoder are not supported. Choose one without add_adapter.")
    stride, receptive_field = 1, 1
    for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
        receptive_field += (kernel - 1) * stride
        stride *= step
    return stride, receptive_field


def padding_matters(network: Any, masked: bool) -> bool:
    """Whether padding changes a clip's result: there is no attention mask, or it does not remove all of the padding.

    The mask removes it before the first positional convolution only. Several in a row, as in data2vec, carry it into the clip.
    """
    positional = network.base_model.encoder.pos_conv_embed.modules()
    return not masked or sum(isinstance(module, torch.nn.Conv1d) for module in positional) > 1


def vocabulary_of(tokenizer: Any, size: int, checkpoint: Checkpoint) -> Vocabulary:
    """Order the tokenizer's labels by the columns of the logits."""
    numbers = tokenizer.get_vocab()
    columns = {column: label for label, column in numbers.items()}
    special = {numbers[token] for token in tokenizer.all_special_tokens if token in numbers}
    # The word boundary is the tokenizer's delimiter, else | or a space; phonemes have none.
    delimiter = tokenizer.word_delimiter_token
    delimiters = [] if delimiter is None else [numbers.get(label, size) for label in (delimiter, BOUNDARY, " ")]
    boundary = next((column for column in delimiters if column < size), None)
    # In many checkpoints on the Hub <s> and </s> have no column, which does no harm. A letter needs one.
    harmless = special | {numbers.get(BOUNDARY)}
    lost = [label for column, label in columns.items() if column >= size and column not in harmless]
    missing = [column for column in range(size) if column not in columns]
    if lost or missing:
        detail = f"labels {lost[:5]} have no column" if lost else f"column {missing[0]} has no label"
        raise ModelError(
            f"The vocabulary of {checkpoint.name} does not fit its network: {len(columns)} labels for {size} logits "
            f"({detail}). Take vocab.json and the weights from the same checkpoint."
        )
    texts = [label for column, label in columns.items() if column < size and column not in special]
    if odd := [label for label in texts if not label or utf8(label) != label or len(label.splitlines()) > 1 or label in "\r\n"]:
        raise ModelError(f"The vocabulary of {checkpoint.name} has the label {odd[0]!r}, which is no text. Correct vocab.json.")
    if tokenizer.pad_token_id is None:
        raise ModelError(f"The tokenizer of {checkpoint.name} has no pad_token, which is the blank of CTC. Name it, as <pad>.")
    return Vocabulary(
        labels=tuple(columns[column] for column in range(size)),
        blank=tokenizer.pad_token_id,
        word_boundary=boundary,
        # transformers counts the word boundary among the special tokens; here it is text.
        special=frozenset(column for column in special - {boundary} if column < size),
    )


def _check_whole(report: dict, checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint that lacks weights, such as those of a CTC head for its vocabulary: they would be random."""
    other_shape = [key for key, *_ in report["mismatched_keys"]]
    head = [key for key in (*report["missing_keys"], *other_shape) if "lm_head" in key]
    if head:
        raise ModelError(
            f"{checkpoint.name} has no CTC head that fits ({', '.join(head)} missing or of another shape): it was pretrained "
            "but not fine-tuned on text. Choose a fine-tuned checkpoint, such as facebook/wav2vec2-base-960h."
        )
    if other_shape:
        raise ModelError(
            f"The weights of {checkpoint.name} have other shapes than its config.json describes ({other_shape[0]}; "
            f"{len(other_shape)} in all). Take config.json and the weights from the same checkpoint."
        )
    # Only training uses the embedding of masked frames, and many checkpoints lack it.
    body = [key for key in report["missing_keys"] if "masked_spec_embed" not in key]
    if body:
        raise ModelError(
            f"{checkpoint.name} lacks weights ({', '.join(sorted(body)[:3])}; {len(body)} in all), which would be random. "
            "Save it again from the network that transformers loads, or download it anew."
        )


@contextmanager
def _explained(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn whatever the libraries raise while loading into one ModelError.

    Their warnings, transformers' loading report and its progress bar are hidden; `_check_whole` reads the report.
    """
    level, shown = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{checkpoint.name} could not be loaded as a CTC checkpoint: {brief(error)} It needs config.json, "
            "preprocessor_config.json, vocab.json and model.safetensors of a wav2vec 2.0, HuBERT, WavLM or data2vec model."
        ) from error
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()
