"""Whisper's English text normaliser, as transformers has it, with its list of spellings from the Hub's cache."""

import json
from collections.abc import Callable
from pathlib import Path

SPELLINGS = ("openai/whisper-tiny", "normalizer.json")  # repository and file of the British-American spellings


def spellings() -> dict[str, str] | None:
    """Give the list of British spellings; None where it is not on this machine."""
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(*SPELLINGS)
    return json.loads(Path(file).read_text(encoding="utf-8")) if isinstance(file, str) else None


def english_normaliser() -> tuple[Callable[[str], str], bool]:
    """Give the normaliser, and whether its list of British spellings is on this machine.

    Without the list, everything else is normalised alike: numbers, contractions, titles, symbols and fillers.
    Source: Radford et al. (2022), appendix C, https://arxiv.org/abs/2212.04356.
    """
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    found = spellings()
    return EnglishTextNormalizer(found or {}), found is not None
