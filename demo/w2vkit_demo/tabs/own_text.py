"""The text of a result as its reader changes it: edited, undone, in sentence case."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from w2vkit.align import Alignment, align
from w2vkit.decode import Hypothesis, Word
from w2vkit.emissions import Emissions
from w2vkit.errors import W2VKitError
from w2vkit.evaluate.calibration import match_words
from w2vkit.formats import in_case, segments
from w2vkit_demo import strings
from w2vkit_demo.server.limits import MAX_CHARACTERS

Align = Callable[[Emissions, str], Alignment]
MOST_SECONDS, MOST_WORDS = 1e6, 100_000  # of a result that a browser kept; the characters of an alignment count as words


@dataclass(frozen=True)
class Version:
    """A text with its times, in the case of the model.

    Attributes
    ----------
    hypothesis : Hypothesis
    changed : tuple of bool
        For each word whether it was written by hand.
    before : Version or None
        The text before the last change, for undo.
    """

    hypothesis: Hypothesis
    changed: tuple[bool, ...]
    before: "Version | None" = None


def first_version(hypothesis: Hypothesis) -> Version:
    """Give the text as it was found."""
    return Version(hypothesis, (False,) * len(hypothesis.words))


def shown(version: Version, *, sentence: bool) -> Hypothesis:
    """Give the text as it is shown. In sentence case a word by hand with a small letter keeps its letters."""
    hypothesis = version.hypothesis
    if not sentence:
        return hypothesis
    pairs = zip(in_case(hypothesis, "sentence").words, hypothesis.words, version.changed, strict=True)
    words = tuple(own if changed and own.text != own.text.upper() else cased for cased, own, changed in pairs)
    return replace(hypothesis, text=" ".join(word.text for word in words), words=words)


def edited(version: Version, text: str, emissions: Emissions, *, sentence: bool, align: Align = align) -> Version:
    """Align an edited text; it was `shown` before. ``align`` is `w2vkit.align.align`, or runs it in another process.

    Raises
    ------
    AlignmentError
        As `w2vkit.align.align`.
    """
    seen = [word.text for word in shown(version, sentence=sentence).words]
    own = [word.text for word in version.hypothesis.words]
    given = text.split()
    if given == seen:
        return version
    # Not difflib: two words that alternate a thousand times would hold the page for minutes.
    same = {place: k for k, place in match_words(" ".join(seen), " ".join(given))}
    texts = [own[same[place]] if place in same else word for place, word in enumerate(given)]
    aligned = align(emissions, " ".join(texts)).hypothesis
    changed = [True] * len(aligned.words)
    found = [word.text for word in aligned.words]
    for k, place in match_words(" ".join(own), " ".join(found)):
        changed[place] = version.changed[k]
    return Version(aligned, tuple(changed), version)


def restored_version(given: Any) -> Version:
    """Make a version of what a browser kept of a view: ``words`` as they were shown, and ``own`` words of the model.

    Raises
    ------
    W2VKitError
        It is not what a browser keeps.
    """
    try:
        shown_ones = given["words"][:MAX_CHARACTERS]
        own = given.get("own") or [word["text"] for word in shown_ones]
        rows = [(text, w["start"], w["end"], w["confidence"]) for text, w in zip(own, shown_ones, strict=True)]
        changed = tuple(bool(word["changed"]) for word in shown_ones)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise W2VKitError(strings.NOT_RESTORED) from error
    words = restored_words(rows)
    return Version(Hypothesis(" ".join(word.text for word in words), words, 0.0), changed)


def restored_words(rows: Any) -> tuple[Word, ...]:
    """Make words of what a browser kept: text, start (s), end (s) and confidence of each.

    Raises
    ------
    W2VKitError
        It is not what a browser keeps.
    """
    try:
        words = tuple(Word(str(text), *map(float, numbers)) for text, *numbers in rows[:MOST_WORDS])
        if not all(np.isfinite(w.confidence) and 0 <= w.start <= w.end < MOST_SECONDS for w in words):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise W2VKitError(strings.NOT_RESTORED) from error
    return words


def paragraphs(hypothesis: Hypothesis, pause: float) -> str:
    """Write a line for each part between pauses of at least ``pause`` (s), each with the time at which it starts."""
    lines = []
    for part in segments(hypothesis.words, pause):
        minutes, seconds = divmod(int(part[0].start), 60)
        lines.append(f"{minutes}:{seconds:02d}  {' '.join(word.text for word in part)}")
    return "\n".join(lines)
