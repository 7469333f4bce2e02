"""Greedy decoding, and the choice of a decoder.

Greedy decoding takes the likeliest label of each frame, merges repeats and drops blanks. This is the map B of
Graves et al., "Connectionist temporal classification" (2006), section 3.1,
https://www.cs.toronto.edu/~graves/icml_2006.pdf, applied to the best path. Beam search (`w2vkit.decode.beam`)
looks for the likeliest text instead.
"""

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from w2vkit.decode.beam import BeamSearch
from w2vkit.decode.hypothesis import Hypothesis, Span, Word, corrected, word_times, words_from_spans
from w2vkit.decode.lm import load, of_checkpoint
from w2vkit.emissions import Emissions, Vocabulary

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
        words are those of `w2vkit.decode.hypothesis.words_from_spans`, the confidences corrected by the checkpoint's
        calibration; a character's span is its run of frames.
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
    words = corrected(words_from_spans(spans, emissions), emissions.calibration)
    return Hypothesis(" ".join(word.text for word in words), words, float(along.sum(dtype=np.float64)))


def greedy_batch(batch: Sequence[Emissions]) -> list[Hypothesis]:
    """Decode the best paths of many emissions at once: what `greedy` gives for each, up to rounding, in a fraction of the time.

    Parameters
    ----------
    batch : sequence of Emissions
        Of one model.

    Returns
    -------
    list of Hypothesis
    """
    if not batch:
        return []
    first, vocabulary = batch[0], batch[0].vocabulary
    boundary = -1 if vocabulary.word_boundary is None else vocabulary.word_boundary
    lengths = np.array([len(emissions) for emissions in batch])
    opening = np.cumsum(lengths) - lengths  # the first frame of each clip
    log_probs = np.concatenate([emissions.log_probs for emissions in batch])
    calibrated = np.concatenate([emissions.calibrated for emissions in batch])
    frames = np.arange(len(log_probs))
    path = log_probs.argmax(axis=1)
    scores = np.add.reduceat(log_probs[frames, path], opening, dtype=np.float64)

    # Runs of equal labels, and among them those of text; a clip ends a run.
    changes = np.append(True, path[1:] != path[:-1])
    changes[opening] = True
    starts = np.flatnonzero(changes)
    best = np.maximum.reduceat(calibrated[frames, path], starts).astype(np.float64)
    stops, labels = np.append(starts[1:], len(path)), path[starts]
    text = ~np.isin(labels, list(vocabulary.special))
    starts, stops, labels, best = starts[text], stops[text], labels[text], best[text]
    clips = np.searchsorted(opening, starts, side="right") - 1
    # Letters, and among them those that begin a word: after a boundary, or in another clip.
    letter = labels != boundary
    after_boundary = np.append(True, ~letter[:-1])[letter]
    starts, stops, labels, best, clips = starts[letter], stops[letter], labels[letter], best[letter], clips[letter]
    if not len(starts):
        return [Hypothesis("", (), float(score)) for score in scores]
    heads = np.flatnonzero(after_boundary | np.append(True, clips[1:] != clips[:-1]))
    tails = np.append(heads[1:], len(starts)) - 1
    clip = clips[heads]
    same = np.append(False, clip[1:] == clip[:-1])  # whether a word follows another one of its clip
    begin, end = starts[heads], stops[tails]

    # Between two words of a clip, the best boundary.
    edges = np.zeros(len(heads) + 1)
    inner = np.flatnonzero(same)
    if len(inner):
        gaps = np.stack([end[inner - 1], begin[inner]], axis=1).ravel()
        edges[inner] = np.maximum.reduceat(calibrated[:, boundary], gaps)[::2]
    confidences = first.calibration.confidence(np.exp(np.add.reduceat(best, heads) + edges[:-1] + edges[1:]))
    begins, ends = word_times(
        begin - opening[clip],
        end - opening[clip],
        np.ones(len(clip), bool),
        frames=lengths[clip],
        frame_seconds=first.frame_seconds,
        start_seconds=np.array([emissions.start_seconds for emissions in batch])[clip],
        first=~same,
    )

    characters = [vocabulary.labels[label] for label in labels]
    words = [
        Word("".join(characters[head : tail + 1]), *values)
        for head, tail, *values in zip(
            heads.tolist(), tails.tolist(), begins.tolist(), ends.tolist(), confidences.tolist(), strict=True
        )
    ]
    cuts = np.searchsorted(clip, np.arange(len(batch) + 1)).tolist()
    spoken = [tuple(words[start:stop]) for start, stop in pairwise(cuts)]
    return [
        Hypothesis(" ".join(word.text for word in some), some, score)
        for some, score in zip(spoken, scores.tolist(), strict=True)
    ]


def default_decoder(folder: Path) -> Decode:
    """Load the default decoder of a checkpoint: beam search with the language model in its folder, or else greedy.

    Parameters
    ----------
    folder : Path
        The checkpoint's, as `CTCModel.folder`; ``language_model.npz`` or ``language_model.arpa.gz`` in it is the language
        model.

    Raises
    ------
    LanguageModelError
        The language model is broken.
    """
    path = of_checkpoint(folder)
    return BeamSearch(language_model=load(path)) if path else greedy


def check_decoder(decode: Decode, vocabulary: Vocabulary) -> None:
    """Decode one frame, so that hot words and a language model that do not fit the model are one error before the work.

    Raises
    ------
    DecodingError, LanguageModelError
        They do not fit.
    """
    decode(Emissions(np.full((1, len(vocabulary)), -np.log(len(vocabulary)), np.float32), vocabulary))


def decoder_settings(decode: Decode | None) -> dict[str, Any]:
    """Describe a decoder by everything that its texts depend on, as values for JSON; None is the checkpoint's default.

    A file of results keeps this, so that only a run with the same decoder continues it.
    """
    if decode is None:
        return {"decoder": "the checkpoint's own"}
    if isinstance(decode, BeamSearch):
        return {"decoder": "beam_search", **decode.settings()}
    return {"decoder": getattr(decode, "__name__", type(decode).__name__)}
