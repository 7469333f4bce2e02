"""CTC prefix beam search: the likeliest text, not the likeliest path.

Many paths spell one text. The search of Hannun et al., "First-pass large vocabulary continuous speech
recognition using bi-directional recurrent DNNs" (2014), https://arxiv.org/abs/1408.2873, walks the frames
with a handful of prefixes of texts and adds up, for each, the paths that spell it. Two sums are kept per
prefix: paths that end in a blank and paths that end in its last character, for only after a blank does the
same character count twice. All prefixes of a frame are worked on at once as NumPy arrays.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2vkit.decode.hotwords import HotWords
from w2vkit.decode.hypothesis import Hypothesis, words_of
from w2vkit.decode.lm import LanguageModel
from w2vkit.decode.placing import place
from w2vkit.decode.prefixes import ROOT, Beams, Tree, search
from w2vkit.decode.scorers import Scorer, language_scorer
from w2vkit.emissions import Emissions
from w2vkit.errors import DecodingError
from w2vkit.vocabulary import Vocabulary


def beam_search(
    emissions: Emissions,
    beam_width: int = 32,
    *,
    token_min_logp: float = -6.0,
    beam_threshold: float = 12.0,
    language_model: LanguageModel | None = None,
    alpha: float | None = None,
    beta: float | None = None,
    oov_penalty: float = 8.0,
    hotwords: Mapping[str, float] | None = None,
    nbest: int = 1,
) -> Hypothesis:
    """Decode the likeliest text, with what a language model and hot words say about it.

    A text scores ``log P(text | sound) + alpha * log P_LM(text) + beta * (number of words)
    - oov_penalty * (words that the model does not know) + hot words``, all natural logarithms.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities. Special labels such as ``<s>`` count as blanks: they are never text, they
        separate repeats, and paths through them add to the text's probability, which is greedy's rule too.
    beam_width : int
        How many prefixes go on from frame to frame.
    token_min_logp : float
        In a frame, labels below this log-probability are left out, but never the likeliest one; ``-inf`` keeps all.
    beam_threshold : float
        Prefixes that score this much less than the best one are dropped; ``inf`` drops none.
    language_model : LanguageModel, optional
        From `w2vkit.decode.lm.load`: words or characters.
    alpha, beta : float, optional
        Weight of the language model and bonus per word; left out, they are the model's own ``weights``. Without a
        model they do nothing.
    oov_penalty : float
        Taken off for a word that the model does not know.
    hotwords : mapping of str to float, optional
        Words or phrases that are to be expected, and what each occurrence adds to the score; 5 to 10 is much, but a
        word that the language model does not know has to make up for ``oov_penalty`` as well.
    nbest : int
        How many texts to give: the best one, and ``nbest - 1`` in its ``alternatives``, or fewer if no more were left.

    Returns
    -------
    Hypothesis
        ``acoustic_score`` is the log-probability of the text: the sum over all of its paths that the search has
        seen. Word boundaries at the beginning or end of a text or next to each other change nothing: such
        prefixes are one prefix, and their paths are added up. The words' places are those of the likeliest path
        of the text among these; a word's confidence is computed on it as in `greedy`. What a language model helped
        to find may be right although it hardly sounds so, for which ``emissions.calibration`` has a correction.

    Raises
    ------
    DecodingError
        A parameter is out of range, or a hot word cannot be spelled with the vocabulary.
    LanguageModelError
        The language model does not fit the vocabulary.

    Notes
    -----
    Without pruning (a beam wider than the number of prefixes, ``token_min_logp=-inf``, ``beam_threshold=inf``) the
    search is exact. With ``beam_width=1`` it is still not greedy: where greedy compares single labels in each
    frame, the search compares prefixes, and staying with one (a blank or the last character once more) adds up
    two labels. After an A, at P(A) = P(blank) = 0.3 and P(B) = 0.4, greedy goes on to AB, one beam stays with A.
    """
    check(beam_width=beam_width, nbest=nbest, alpha=alpha, beta=beta, oov_penalty=oov_penalty)
    if not token_min_logp <= 0:
        raise DecodingError(f"token_min_logp is a log-probability, not {token_min_logp}. Give 0 or less, such as -6.")
    if not beam_threshold >= 0:
        raise DecodingError(f"beam_threshold is a distance, not {beam_threshold}. Give 0 or more, such as 12.")
    scorers: list[Scorer] = []
    if language_model is not None:
        own = language_model.weights
        alpha, beta = own.alpha if alpha is None else alpha, own.beta if beta is None else beta
        scorers.append(language_scorer(language_model, emissions.vocabulary, alpha=alpha, beta=beta, oov_penalty=oov_penalty))
    if hotwords:
        scorers.append(HotWords(hotwords, emissions.vocabulary))
    special = sorted(emissions.vocabulary.special)
    blank = np.logaddexp.reduce(emissions.log_probs[:, special].astype(np.float64), axis=1)
    tree = Tree(scorers)
    beams = search(emissions, blank, tree, token_min_logp=token_min_logp, beam_width=beam_width, beam_threshold=beam_threshold)
    results = _rank(beams, tree, emissions.vocabulary)[:nbest]
    helped = language_model is not None
    best, *others = [_hypothesis(emissions, tree, result, helped=helped) for result in results]
    return replace(best, alternatives=tuple(others))


def check(*, beam_width: int = 32, nbest: int = 1, **weights: float | None) -> None:
    """Refuse what no search can be made of, before anything is read or loaded.

    Raises
    ------
    DecodingError
        Fewer than one beam or text, or a weight that is no finite number.
    """
    if beam_width < 1:
        raise DecodingError(f"A beam width of {beam_width} leaves nothing to search. Give 1 or more; 32 is usual.")
    if nbest < 1:
        raise DecodingError(f"The {nbest} best texts cannot be given. Ask for 1 or more.")
    for name, weight in weights.items():
        if weight is not None and not np.isfinite(weight):
            raise DecodingError(f"{name} is {weight}. Give a finite number.")


@dataclass(frozen=True)
class _Result:
    """A text at the end of the search: the labels that spell it and the nodes of its prefixes."""

    labels: Sequence[int]
    nodes: Sequence[int]
    acoustic: float
    language: float


def _rank(beams: Beams, tree: Tree, vocabulary: Vocabulary) -> list[_Result]:
    """End all prefixes, put those together that spell one text, and sort them by score, best first."""
    texts: dict[str, list[_Result]] = defaultdict(list)
    acoustic = np.logaddexp(beams.blank, beams.other).tolist()
    for node, sound, language in zip(beams.node.tolist(), acoustic, beams.language.tolist(), strict=True):
        nodes = tree.path(node)
        labels = [tree.label[n] for n in nodes]
        if labels and labels[-1] == vocabulary.word_boundary:
            labels, nodes = labels[:-1], nodes[:-1]
        text = "".join(" " if label == vocabulary.word_boundary else vocabulary.labels[label] for label in labels)
        texts[text].append(_Result(labels, nodes, sound, language + tree.finish(node)))
    ended = []
    for same in texts.values():
        best = max(same, key=lambda result: result.acoustic)
        ended.append(replace(best, acoustic=float(np.logaddexp.reduce([result.acoustic for result in same]))))
    return sorted(ended, key=lambda result: result.acoustic + result.language, reverse=True)


def _hypothesis(emissions: Emissions, tree: Tree, result: _Result, *, helped: bool) -> Hypothesis:
    """Place the words of a text."""
    born = [0, *(tree.born[node] for node in result.nodes)]
    left = [int(tree.left[node]) for node in (ROOT, *result.nodes)]
    left[-1] = len(emissions)  # the last word may be over while its boundary is the end of the text
    words = words_of(place(emissions, result.labels, born, left), emissions)
    if helped:
        correct = emissions.calibration.helped
        words = tuple(replace(word, confidence=correct(word.confidence, len(word.text))) for word in words)
    return Hypothesis(" ".join(word.text for word in words), words, result.acoustic + result.language, result.language)
