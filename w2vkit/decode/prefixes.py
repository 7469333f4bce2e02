"""The prefixes of CTC beam search: the tree that they grow on, and how a frame carries them forward.

K beams, C labels that count in a frame and V labels in all: every step below is one array operation over (K, C).
"""

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from w2vkit.decode.scorers import Scorer
from w2vkit.emissions import Emissions

ROOT = 0  # the node of the empty prefix


@dataclass
class Tree:
    """All prefixes that were ever looked at, each a node below the prefix that it extends."""

    scorers: list[Scorer]
    parent: list[int] = field(default_factory=lambda: [-1])
    label: list[int] = field(default_factory=lambda: [-1])
    born: list[int] = field(default_factory=lambda: [0])  # the frame in which the prefix was first reached
    child: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states: list[tuple[Any, ...]] = [tuple(scorer.start for scorer in self.scorers)]
        self.left = np.zeros(64, dtype=np.int64)  # the last frame before which the prefix was in the beam
        self.slot = np.full(64, -1)  # where in the beam a node is, while a frame is worked on; the last stays -1

    def extend(self, node: int, label: int, frame: int) -> int:
        """Give the node for a prefix and one more label."""
        known = self.child.get((node, label))
        if known is not None:
            return known
        new = len(self.parent)
        self.child[node, label] = new
        self.parent.append(node)
        self.label.append(label)
        self.born.append(frame)
        self.states.append(tuple(s.advance(state, label) for s, state in zip(self.scorers, self.states[node], strict=True)))
        if new + 1 >= len(self.slot):  # one more than there are nodes, so that slot[-1] is no node's
            self.left = np.concatenate([self.left, np.zeros_like(self.left)])
            self.slot = np.full(2 * len(self.slot), -1)
        return new

    def gains(self, node: int) -> np.ndarray:
        """What each label would add to the language score of a prefix: (V,)."""
        return reduce(np.add, [s.gains(state) for s, state in zip(self.scorers, self.states[node], strict=True)])

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
    """The K prefixes of a frame."""

    node: np.ndarray  # (K,) where in the tree
    parent: np.ndarray  # (K,) the node above, -1 for the root
    label: np.ndarray  # (K,) the last label; for the empty prefix the word boundary, as it is the start of a word too
    blank: np.ndarray  # (K,) log-probability of the paths that end in a blank
    other: np.ndarray  # (K,) the same for those that end in the last label
    language: np.ndarray  # (K,) the language score
    gains: np.ndarray  # (K, V) what a further label would add to it; (K, 0) if nothing ever does


def search(
    emissions: Emissions, blank: np.ndarray, tree: Tree, *, token_min_logp: float, beam_width: int, beam_threshold: float
) -> Beams:
    """Walk the frames and give the last beams."""
    vocabulary = emissions.vocabulary
    special = sorted(vocabulary.special)
    log_probs = np.pad(emissions.log_probs.astype(np.float64), ((0, 0), (0, 1)), constant_values=-np.inf)
    kept = log_probs >= max(token_min_logp, np.finfo(np.float64).min)
    best = log_probs.argmax(axis=1)
    kept[np.arange(len(best)), best] = True
    kept[:, special] = False
    log_probs[~kept] = -np.inf
    boundary = len(vocabulary) if vocabulary.word_boundary is None else vocabulary.word_boundary  # V: a label never emitted
    beams = Beams(
        node=np.array([ROOT]),
        parent=np.array([-1]),
        label=np.array([boundary]),
        blank=np.zeros(1),
        other=np.full(1, -np.inf),
        language=np.zeros(1),
        gains=tree.gains(ROOT)[None] if tree.scorers else np.zeros((1, 0)),
    )
    position = 0
    for frame in np.flatnonzero(kept.any(axis=1)).tolist():
        _rest(beams, blank[position:frame])
        tree.left[beams.node] = frame
        labels = np.flatnonzero(kept[frame])
        spread = _spread(beams, tree, log_probs[frame], labels, blank[frame], boundary)
        scores = spread.scores
        chosen = np.flatnonzero((scores >= scores.max() - beam_threshold) & (scores > -np.inf))
        if len(chosen) > beam_width:
            chosen = chosen[np.argpartition(scores[chosen], -beam_width)[-beam_width:]]
        beams = _select(beams, tree, frame, chosen, labels, spread)
        position = frame + 1
    _rest(beams, blank[position:])
    tree.left[beams.node] = len(blank)
    return beams


def _rest(beams: Beams, blank: np.ndarray) -> None:
    """Pass frames in which there is nothing but blank."""
    if len(blank):
        beams.blank = np.logaddexp(beams.blank, beams.other) + blank.sum()
        beams.other = np.full(len(beams.node), -np.inf)


@dataclass
class _Spread:
    """What a frame makes of K beams: each may stay as it is or be extended by one of C labels."""

    blank: np.ndarray  # (K,) of those that stay, as in Beams
    other: np.ndarray  # (K,)
    spelled: np.ndarray  # (K, C) log-probability of the paths that end in a new label
    scores: np.ndarray  # (K + K * C,) with language, of both


def _spread(beams: Beams, tree: Tree, row: np.ndarray, labels: np.ndarray, blank: float, boundary: int) -> _Spread:
    """Take the beams through one frame: (V + 1,) log-probabilities, of which C labels count."""
    total = np.logaddexp(beams.blank, beams.other)
    fresh = beams.label == boundary  # at the start of a word, where a further boundary is no more than a blank
    stay_blank = total + np.where(fresh, np.logaddexp(blank, row[boundary]), blank)
    stay_other = beams.other + np.where(fresh, -np.inf, row[beams.label])
    repeats = beams.label[:, None] == labels
    spelled = np.where(repeats, beams.blank[:, None], total[:, None]) + row[labels]  # (K, C), each beam and one label more
    spelled[repeats & fresh[:, None]] = -np.inf

    # A beam's prefix may also be reached by extending another beam: its parent, if that is in the beam too.
    tree.slot[beams.node] = np.arange(len(beams.node))
    above = tree.slot[beams.parent]
    tree.slot[beams.node] = -1
    column = np.searchsorted(labels, beams.label)
    column[column == len(labels)] = 0
    both = np.flatnonzero((above >= 0) & (labels[column] == beams.label))
    above, column = above[both], column[both]
    stay_other[both] = np.logaddexp(stay_other[both], spelled[above, column])
    spelled[above, column] = -np.inf

    language = beams.language[:, None] + beams.gains[:, labels] if tree.scorers else beams.language[:, None]
    scores = np.concatenate([np.logaddexp(stay_blank, stay_other) + beams.language, (spelled + language).ravel()])
    return _Spread(stay_blank, stay_other, spelled, scores)


def _select(beams: Beams, tree: Tree, frame: int, chosen: np.ndarray, labels: np.ndarray, spread: _Spread) -> Beams:
    """Make the next beams of the chosen candidates: the K that stayed come first, then K times C that were extended."""
    size = len(beams.node)
    stay, new = chosen[chosen < size], chosen[chosen >= size] - size
    source, column = np.divmod(new, len(labels))
    label = labels[column]
    parent = beams.node[source]
    node = [tree.extend(*pair, frame) for pair in zip(parent.tolist(), label.tolist(), strict=True)]
    language, gains = beams.language[source], beams.gains
    if tree.scorers:
        language = language + gains[source, label]
        rows = [tree.gains(n) for n in node]
        gains = np.concatenate([gains[stay], rows]) if rows else gains[stay]
    else:
        gains = np.zeros((len(chosen), 0))
    return Beams(
        node=np.concatenate([beams.node[stay], np.array(node, dtype=np.int64)]),
        parent=np.concatenate([beams.parent[stay], parent]),
        label=np.concatenate([beams.label[stay], label]),
        blank=np.concatenate([spread.blank[stay], np.full(len(new), -np.inf)]),
        other=np.concatenate([spread.other[stay], spread.spelled[source, column]]),
        language=np.concatenate([beams.language[stay], language]),
        gains=gains,
    )
