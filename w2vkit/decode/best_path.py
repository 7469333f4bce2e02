"""Greedy decoding, and the choice of a decoder.

Greedy decoding takes the likeliest label of each frame, merges repeats and drops blanks. This is the map B of
Graves et al., "Connectionist temporal classification" (2006), section 3.1,
https://www.cs.toronto.edu/~graves/icml_2006.pdf, applied to the best path. Beam search (`w2vkit.decode.beam`)
looks for the likeliest text instead.
"""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from w2vkit.decode.beam import BeamSearch
from w2vkit.decode.hypothesis import Hypothesis, Span, words_from_spans
from w2vkit.decode.lm import load, of_checkpoint
from w2vkit.emissions import Emissions

Decode = Callable[[Emissions], Hypothesis]


def greedy(emissions: Emissions) -> Hypothesis:
    """Decode the best path.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities.

    Returns
    -------
    Hypothesis
        ``score`` is the log-probability of the best path, a lower bound of the text's. Confidences and times of
        words are those of `w2vkit.decode.hypothesis.words_from_spans`; a character's span is its run of frames.
    """
    path = emissions.log_probs.argmax(axis=1)
    frames = np.arange(len(path))
    along, sure = emissions.log_probs[frames, path], emissions.calibrated[frames, path]
    spans = []
    position = 0
    for label, run in groupby(path.tolist()):
        stop = position + len(list(run))
        spans.append(Span(label, position, stop, float(sure[position:stop].max())))
        position = stop
    words = words_from_spans(spans, emissions)
    return Hypothesis(" ".join(word.text for word in words), words, float(along.sum(dtype=np.float64)))


def default_decoder(folder: Path) -> Decode:
    """Load the default decoder of a checkpoint: beam search with the language model in its folder, or else greedy.

    Parameters
    ----------
    folder : Path
        The checkpoint's, as `CTCModel.folder`; ``language_model.arpa.gz`` in it is the language model.

    Raises
    ------
    LanguageModelError
        The language model is broken.
    """
    path = of_checkpoint(folder)
    return BeamSearch(language_model=load(path)) if path else greedy


def decoder_settings(decode: Decode | None) -> dict[str, Any]:
    """Describe a decoder by everything that its texts depend on, as values for JSON; None is the checkpoint's default.

    A file of results keeps this, so that only a run with the same decoder continues it.
    """
    if decode is None:
        return {"decoder": "the checkpoint's own"}
    if isinstance(decode, BeamSearch):
        return {"decoder": "beam_search", **decode.settings()}
    return {"decoder": getattr(decode, "__name__", type(decode).__name__)}
