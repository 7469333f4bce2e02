"""CTC prefix beam search: the likeliest text, not the likeliest path.

Many paths spell the same text. The search of Hannun et al., "First-pass large vocabulary continuous speech
recognition using bi-directional recurrent DNNs" (2014), https://arxiv.org/abs/1408.2873, goes through the frames
with a few prefixes of texts (the beam), and adds up the paths that spell each of them. It keeps two sums per prefix:
paths that end in a blank, and paths that end in the last character. The same character counts a second time only after
a blank. All prefixes of a frame are processed at once as NumPy arrays.

`BeamSearch` holds the options and decodes. `_search` goes through the frames: `_extend` scores every prefix with every
further label, `_select` keeps the best. `Tree` stores all prefixes. `_rank` sorts the texts at the end.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, fields, replace
from functools import reduce
from numbers import Integral
from typing import Any

import numpy as np

from w2vkit.decode.hotwords import HotWords, check_hotwords
from w2vkit.decode.hypothesis import Hypothesis, corrected, words_from_spans
from w2vkit.decode.lm import LanguageModel, Weights
from w2vkit.decode.lm.ngram import LARGEST_WEIGHT, WIDEST_BEAM, is_number
from w2vkit.decode.scorers import Scorer, language_scorer
from w2vkit.decode.viterbi import align_decoded_text
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import DecodingError

ROOT = 0  # the node of the empty prefix


@dataclass(frozen=True)
class BeamSearch:
    """The options of a beam search; call it with emissions to decode them.

    A text scores ``log P(text | sound) + alpha * log P_LM(text) + beta * (number of words)
    - oov_penalty * (characters of words that the model does not know) + hot words``, all natural logarithms.

    Parameters
    ----------
    beam_width : int, optional
        How many prefixes are kept from frame to frame. The default is the width of the language model's own ``weights``, and
        32 without a language model.
    token_min_logp : float
        Labels below this log-probability are left out of a frame, except the likeliest one; ``-inf`` keeps all.
    beam_threshold : float
        Prefixes that score this much less than the best one are dropped; ``inf`` drops none.
    language_model : LanguageModel, optional
        From `w2vkit.decode.lm.load`: a model of words or of characters.
    alpha, beta : float, optional
        Weight of the language model and bonus per word. The defaults are the model's own ``weights``. Both have no effect
        without a language model.
    oov_penalty : float
        Subtracted for each character of a word that the language model does not know.
    hotwords : mapping of str to float, optional
        Expected words or phrases, and what each occurrence adds to the score. 5 to 10 is much, but a word that the
        language model does not know has to make up for ``oov_penalty`` as well.
    nbest : int
        How many texts to return: the best one, and up to ``nbest - 1`` in its ``alternatives``.

    Raises
    ------
    DecodingError
        An option is out of range, or a hot word is empty.

    Notes
    -----
    Without pruning (a beam wider than the number of prefixes, ``token_min_logp=-inf``, ``beam_threshold=inf``) the
    search is exact. With ``beam_width=1`` it still differs from greedy decoding: greedy compares single labels in each
    frame, and the search compares prefixes. Staying with a prefix (a blank or the last character once more) adds up two
    labels. After an A, with P(A) = P(blank) = 0.3 and P(B) = 0.4, greedy goes on to AB, and a single beam stays with A.
    """

    beam_width: int | None = None
    _: KW_ONLY
    token_min_logp: float = -6.0
    beam_threshold: float = 12.0
    language_model: LanguageModel | None = None
    alpha: float | None = None
    beta: float | None = None
    oov_penalty: float = 1.0
    hotwords: Mapping[str, float] | None = None
    nbest: int = 1

    def __post_init__(self) -> None:
        width, nbest, most = self.beam_width, self.nbest, LARGEST_WEIGHT
        if width is not None and not (is_number(width, Integral) and 1 <= width <= WIDEST_BEAM):
            raise DecodingError(f"There is no beam width of {width!r}. Give 1 to {WIDEST_BEAM}; 32 is usual.")
        if not (is_number(nbest, Integral) and nbest >= 1):
            raise DecodingError(f"The {nbest!r} best texts cannot be given. Ask for 1 or more.")
        if not (is_number(self.token_min_logp) and self.token_min_logp <= 0):
            raise DecodingError(f"token_min_logp is a log-probability, not {self.token_min_logp!r}. Give 0 or less, as -6.")
        if not (is_number(self.beam_threshold) and self.beam_threshold >= 0):
            raise DecodingError(f"beam_threshold is a distance, not {self.beam_threshold!r}. Give 0 or more, such as 12.")
        for name in ("alpha", "beta", "oov_penalty"):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and abs(value) <= most):
                raise DecodingError(f"{name} is {value!r}. Give a number from {-most:g} to {most:g}.")
        check_hotwords(self.hotwords if self.hotwords is not None else {})

    @property
    def weights(self) -> Weights:
        """``alpha``, ``beta`` and ``beam_width``; where they are None, those of the language model."""
        given = {name: value for name in ("alpha", "beta", "beam_width") if (value := getattr(self, name)) is not None}
        return replace(self.language_model.weights if self.language_model else Weights(), **given)

    def settings(self) -> dict[str, Any]:
        """Everything that the best text depends on, as values for JSON; a language model by its name and content."""
        values = {option.name: getattr(self, option.name) for option in fields(self) if option.name != "nbest"}
        values["beam_width"] = self.weights.beam_width
        if self.language_model is not None:
            identity = f"{self.language_model.name} {self.language_model.fingerprint}".strip()
            values |= {"language_model": identity, **asdict(self.weights)}
        return values | {"hotwords": dict(self.hotwords) if self.hotwords else None}

    def __call__(self, emissions: Emissions) -> Hypothesis:
        """Decode the likeliest text.

        Parameters
        ----------
        emissions : Emissions
            (T, V) log-probabilities. Special labels such as ``<s>`` count as blanks, as in `greedy`: they are never text,
            they separate repeats, and paths through them add to the text's probability.

        Returns
        -------
        Hypothesis
            ``acoustic_score`` is the log-probability of the text, summed over all of its paths in the search. Word
            boundaries at the beginning or end of a text, or next to each other, change nothing: such prefixes are one
            prefix, and their paths are added up. The words' times are those of the text's likeliest path; a word's
            confidence is computed on it as in `greedy`. Where a language model took part, the confidence is corrected by
            a curve of its own, if ``emissions.calibration`` was fitted with the same language model.

        Raises
        ------
        DecodingError
            A hot word cannot be spelled with the vocabulary.
        LanguageModelError
            The language model does not fit the vocabulary.
        """
        weights, scorers = self.weights, list[Scorer]()
        if self.language_model is not None:
            given = {"alpha": weights.alpha, "beta": weights.beta, "oov_penalty": self.oov_penalty}
            scorers.append(language_scorer(self.language_model, emissions.vocabulary, **given))
        if self.hotwords:
            scorers.append(HotWords(self.hotwords, emissions.vocabulary))
        tree = Tree(scorers)
        results = _rank(_search(emissions, tree, self, weights.beam_width), tree, emissions.vocabulary)[: self.nbest]
        best, *others = [_hypothesis(emissions, tree, result, self.language_model) for result in results]
        return replace(best, alternatives=tuple(others))


def beam_search(emissions: Emissions, beam_width: int | None = None, **options: Any) -> Hypothesis:
    """Decode the likeliest text: ``BeamSearch(beam_width, **options)(emissions)``.

    Parameters and errors are those of `BeamSearch`.
    """
    return BeamSearch(beam_width, **options)(emissions)


class Tree:
    """All prefixes that were ever in the beam. Each is a node, a child of the prefix that it extends by one label."""

    def __init__(self, scorers: list[Scorer]) -> None:
        self.scorers = scorers
        self.parent, self.label = [-1], [-1]
        self.child: dict[tuple[int, int], int] = {}
        self.states: list[tuple[Any, ...]] = [tuple(scorer.start for scorer in scorers)]
        # The first and the last frame after which the prefix was in the beam.
        self.first_frame, self.last_frame = np.zeros(64, dtype=np.int64), np.zeros(64, dtype=np.int64)
        # Where in the beam a node is, while a frame is processed, else -1. One longer than the nodes: slot[-1] stays -1.
        self.slot = np.full(64, -1)

    def extend(self, node: int, label: int, frame: int) -> int:
        """Give the node of a prefix and one more label; a new one is first in the beam after ``frame``."""
        known = self.child.get((node, label))
        if known is not None:
            return known
        new = len(self.parent)
        self.child[node, label] = new
        self.parent.append(node)
        self.label.append(label)
        self.states.append(tuple(s.advance(state, label) for s, state in zip(self.scorers, self.states[node], strict=True)))
        if new + 1 >= len(self.slot):
            self.first_frame = np.concatenate([self.first_frame, np.zeros_like(self.first_frame)])
            self.last_frame = np.concatenate([self.last_frame, np.zeros_like(self.last_frame)])
            self.slot = np.full(2 * len(self.slot), -1)
        self.first_frame[new] = frame
        return new

    def increments(self, node: int) -> np.ndarray:
        """What each label would add to the language score of a prefix: (V,)."""
        return reduce(np.add, [s.increments(state) for s, state in zip(self.scorers, self.states[node], strict=True)])

    def finish(self, node: int) -> float:
        """What the end of the text adds to the language score of a prefix."""
        return sum(s.finish(state) for s, state in zip(self.scorers, self.states[node], strict=True))

    def path(self, node: int) -> list[int]:
        """The nodes from the root to a node, without the root."""
        nodes = []
        while node != ROOT:
            nodes.append(node)
            node = self.parent[node]
        return nodes[::-1]


@dataclass
class Beams:
    """The K prefixes that are in the beam after a frame."""

    node: np.ndarray  # (K,) in the tree
    parent: np.ndarray  # (K,) the node's parent, -1 for the root
    label: np.ndarray  # (K,) the last label; of the empty prefix the word boundary, since a word starts there too
    blank: np.ndarray  # (K,) log-probability of the paths that end in a blank
    other: np.ndarray  # (K,) the same of the paths that end in the last label
    language: np.ndarray  # (K,) the language score
    increments: np.ndarray  # (K, V) what a further label would add to it; (K, 0) without scorers


def _search(emissions: Emissions, tree: Tree, options: BeamSearch, width: int) -> Beams:
    """Go through the frames with at most ``width`` prefixes, and give the last beam."""
    vocabulary = emissions.vocabulary
    special = sorted(vocabulary.special)
    blank = np.logaddexp.reduce(emissions.log_probs[:, special].astype(np.float64), axis=1)
    log_probs = np.pad(emissions.log_probs.astype(np.float64), ((0, 0), (0, 1)), constant_values=-np.inf)
    kept = log_probs >= max(options.token_min_logp, np.finfo(np.float64).min)
    best = log_probs.argmax(axis=1)
    kept[np.arange(len(best)), best] = True
    kept[:, special] = False
    log_probs[~kept] = -np.inf
    # Without a word boundary, column V stands for it; it is never emitted.
    boundary = len(vocabulary) if vocabulary.word_boundary is None else vocabulary.word_boundary
    beams = Beams(
        node=np.array([ROOT]),
        parent=np.array([-1]),
        label=np.array([boundary]),
        blank=np.zeros(1),
        other=np.full(1, -np.inf),
        language=np.zeros(1),
        increments=tree.increments(ROOT)[None] if tree.scorers else np.zeros((1, 0)),
    )
    position = 0
    for frame in np.flatnonzero(kept.any(axis=1)).tolist():
        _skip_blanks(beams, blank[position:frame])
        tree.last_frame[beams.node] = frame - 1
        labels = np.flatnonzero(kept[frame])
        extended = _extend(beams, tree, log_probs[frame], labels, blank[frame], boundary)
        scores = extended.scores
        chosen = np.flatnonzero((scores >= scores.max() - options.beam_threshold) & (scores > -np.inf))
        if len(chosen) > width:
            chosen = chosen[np.argpartition(scores[chosen], -width)[-width:]]
        beams = _select(beams, tree, frame, chosen, labels, extended)
        position = frame + 1
    _skip_blanks(beams, blank[position:])
    tree.last_frame[beams.node] = len(blank) - 1
    return beams


def _skip_blanks(beams: Beams, blank: np.ndarray) -> None:
    """Go through frames in which only the blank is left."""
    if len(blank):
        beams.blank = np.logaddexp(beams.blank, beams.other) + blank.sum()
        beams.other = np.full(len(beams.node), -np.inf)


@dataclass
class _Extended:
    """The candidates after one frame: each of the K prefixes as it was, and extended by each of C labels."""

    blank: np.ndarray  # (K,) of the unchanged prefixes, as in Beams
    other: np.ndarray  # (K,)
    spelled: np.ndarray  # (K, C) log-probability of the paths that end in the new label
    scores: np.ndarray  # (K + K * C,) of both, language score included


def _extend(beams: Beams, tree: Tree, row: np.ndarray, labels: np.ndarray, blank: float, boundary: int) -> _Extended:
    """Take the beam through one frame: (V + 1,) log-probabilities, of which C labels are not pruned."""
    total = np.logaddexp(beams.blank, beams.other)
    at_start = beams.label == boundary  # at the start of a word a further boundary counts as a blank
    stay_blank = total + np.where(at_start, np.logaddexp(blank, row[boundary]), blank)
    stay_other = beams.other + np.where(at_start, -np.inf, row[beams.label])
    repeats = beams.label[:, None] == labels
    spelled = np.where(repeats, beams.blank[:, None], total[:, None]) + row[labels]  # (K, C)
    spelled[repeats & at_start[:, None]] = -np.inf

    # A prefix in the beam may also be reached by extending its parent, if that is in the beam too: add these paths.
    tree.slot[beams.node] = np.arange(len(beams.node))
    above = tree.slot[beams.parent]
    tree.slot[beams.node] = -1
    column = np.searchsorted(labels, beams.label)
    column[column == len(labels)] = 0
    both = np.flatnonzero((above >= 0) & (labels[column] == beams.label))
    above, column = above[both], column[both]
    stay_other[both] = np.logaddexp(stay_other[both], spelled[above, column])
    spelled[above, column] = -np.inf

    language = beams.language[:, None] + beams.increments[:, labels] if tree.scorers else beams.language[:, None]
    scores = np.concatenate([np.logaddexp(stay_blank, stay_other) + beams.language, (spelled + language).ravel()])
    return _Extended(stay_blank, stay_other, spelled, scores)


def _select(beams: Beams, tree: Tree, frame: int, chosen: np.ndarray, labels: np.ndarray, extended: _Extended) -> Beams:
    """Make the next beam of the chosen candidates, which are numbered as ``extended.scores``."""
    size = len(beams.node)
    stay, new = chosen[chosen < size], chosen[chosen >= size] - size
    source, column = np.divmod(new, len(labels))
    label = labels[column]
    parent = beams.node[source]
    node = [tree.extend(*pair, frame) for pair in zip(parent.tolist(), label.tolist(), strict=True)]
    language, increments = beams.language[source], beams.increments
    if tree.scorers:
        language = language + increments[source, label]
        rows = [tree.increments(n) for n in node]
        increments = np.concatenate([increments[stay], rows]) if rows else increments[stay]
    else:
        increments = np.zeros((len(chosen), 0))
    return Beams(
        node=np.concatenate([beams.node[stay], np.array(node, dtype=np.int64)]),
        parent=np.concatenate([beams.parent[stay], parent]),
        label=np.concatenate([beams.label[stay], label]),
        blank=np.concatenate([extended.blank[stay], np.full(len(new), -np.inf)]),
        other=np.concatenate([extended.other[stay], extended.spelled[source, column]]),
        language=np.concatenate([beams.language[stay], language]),
        increments=increments,
    )


@dataclass(frozen=True)
class _Result:
    """A text at the end of the search: the labels that spell it, the nodes of its prefixes, and its scores."""

    labels: Sequence[int]
    nodes: Sequence[int]
    acoustic: float
    language: float


def _rank(beams: Beams, tree: Tree, vocabulary: Vocabulary) -> list[_Result]:
    """End all prefixes, merge those that spell the same text, and sort the texts by score, best first."""
    texts: dict[str, list[_Result]] = defaultdict(list)
    acoustic_scores = np.logaddexp(beams.blank, beams.other).tolist()
    for node, acoustic, language in zip(beams.node.tolist(), acoustic_scores, beams.language.tolist(), strict=True):
        nodes = tree.path(node)
        labels = [tree.label[n] for n in nodes]
        if labels and labels[-1] == vocabulary.word_boundary:
            labels, nodes = labels[:-1], nodes[:-1]
        text = "".join(" " if label == vocabulary.word_boundary else vocabulary.labels[label] for label in labels)
        texts[text].append(_Result(labels, nodes, acoustic, language + tree.finish(node)))
    merged = []
    for same in texts.values():
        best = max(same, key=lambda result: result.acoustic)
        merged.append(replace(best, acoustic=float(np.logaddexp.reduce([result.acoustic for result in same]))))
    return sorted(merged, key=lambda result: result.acoustic + result.language, reverse=True)


def _hypothesis(emissions: Emissions, tree: Tree, result: _Result, model: LanguageModel | None) -> Hypothesis:
    """Align a text with the emissions, and give its words their times and confidences."""
    prefixes = [ROOT, *result.nodes]
    last_frame = tree.last_frame[prefixes]
    last_frame[-1] = len(emissions) - 1  # the beam may have gone on with the text and a word boundary
    spans = align_decoded_text(emissions, result.labels, tree.first_frame[prefixes], last_frame)
    words = words_from_spans(spans, emissions)
    calibration = emissions.calibration
    if model is None:
        words = corrected(words, calibration)
    elif calibration.language is not None and calibration.language_model == model.fingerprint:
        words = tuple(replace(word, confidence=calibration.lm_confidence(word.confidence, len(word.text))) for word in words)
    return Hypothesis(" ".join(word.text for word in words), words, result.acoustic + result.language, result.language)
