"""Whisper's English text normaliser, as transformers has it, with its list of spellings from the Hub's cache."""

import json
from collections.abc import Callable
from pathlib import Path

SPELLINGS = ("openai/whisper-tiny", "normalizer.json")  # repository and file of the British-American spellings


def english_normaliser() -> tuple[Callable[[str], str], bool]:
    """Give the normaliser, and whether its list of British spellings is on this machine.

    Without the list, everything else is normalised alike: numbers, contractions, titles, symbols and fillers.
    Source: Radford et al. (2022), appendix C, https://arxiv.org/abs/2212.04356.
    """
    from huggingface_hub import try_to_load_from_cache
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    file = try_to_load_from_cache(*SPELLINGS)
    if isinstance(file, str):
        return EnglishTextNormalizer(json.loads(Path(file).read_text(encoding="utf-8"))), True
    return EnglishTextNormalizer({}), False
