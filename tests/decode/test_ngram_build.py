"""The n-gram builder against the definition of modified Kneser-Ney."""

import math
from collections import Counter

import numpy as np
import pytest

from w2vkit.decode.lm import NGram, load
from w2vkit.decode.lm.build import build_ngram, sentences
from w2vkit.errors import LanguageModelError


def kneser_ney(lines: list[list[str]], order: int, thresholds: list[int]):
    """Compute P(word | context) by recursion, as Chen and Goodman define modified Kneser-Ney."""
    counts: list[Counter] = [Counter() for _ in range(order + 1)]
    for line in lines:
        padded = ["<s>", *line, "</s>"]
        for n in range(1, order + 1):
            counts[n].update(tuple(padded[i : i + n]) for i in range(len(padded) - n + 1))
    used: list[dict] = [{}, *({} for _ in range(order))]
    for n in range(1, order + 1):
        for ngram, count in counts[n].items():
            if ngram == ("<s>",):
                continue
            before = len({longer[0] for longer in counts[n + 1] if longer[1:] == ngram}) if n < order else 0
            used[n][ngram] = count if n == order or ngram[0] == "<s>" else before
    discounts: list[tuple[float, ...]] = [()]
    for n in range(1, order + 1):
        of = Counter(used[n].values())
        found = None
        if all(of[k] for k in (1, 2, 3, 4)):
            y = of[1] / (of[1] + 2 * of[2])
            found = tuple(k - (k + 1) * y * of[k + 1] / of[k] for k in (1, 2, 3))
        valid = found is not None and all(0 <= d <= k for k, d in enumerate(found, 1))
        discounts.append(found if found is not None and valid else (0.5, 1.0, 1.5))
    words = {ngram[0] for ngram, c in counts[1].items() if c > thresholds[0]} | {"<unk>", "</s>"}
    vocabulary = sorted(words - {"<s>"})

    def probability(context: tuple[str, ...], word: str) -> float:
        n = len(context) + 1
        lower = 1 / len(vocabulary) if n == 1 else probability(context[1:], word)
        follow = {ngram: c for ngram, c in used[n].items() if ngram[:-1] == context}
        total = sum(follow.values())
        if not total:
            return lower

        def share(ngram: tuple[str, ...]) -> float:
            kept = counts[n][ngram] > thresholds[n - 1] or ngram == ("</s>",)
            return (follow[ngram] - discounts[n][min(follow[ngram], 3) - 1]) / total if kept and ngram in follow else 0.0

        return share((*context, word)) + (1 - sum(share(ngram) for ngram in follow)) * lower

    return probability, vocabulary


@pytest.mark.parametrize(
    ("order", "prune"), [(1, (0,)), (2, (0,)), (3, (0,)), (3, (0, 0, 1)), (3, (0, 1)), (3, (1,)), (4, (0,))]
)
def test_the_builder_equals_the_papers_definition(tmp_path, order, prune):
    generator = np.random.default_rng(7)
    shares = 1 / np.arange(1, 13)
    words = np.array(list("ABCDEFGHIJKL"))
    lines = [
        list(generator.choice(words, int(generator.integers(1, 8)), p=shares / shares.sum()).astype(str)) for _ in range(40)
    ]
    written = build_ngram(lines, order, prune, output=tmp_path / "model.arpa")
    lm = load(tmp_path / "model.arpa")
    assert isinstance(lm, NGram) and lm.order == order
    assert written[0] == len(lm.words)
    thresholds = [*prune, *[prune[-1]] * order][:order]
    probability, vocabulary = kneser_ney(lines, order, thresholds)
    for line in [*lines[:6], ["A", "NEVER", "B", "A"]]:
        history, state = ["<s>"], lm.start
        for seen in [*line, "</s>"]:
            context = tuple(history[-(order - 1) :]) if order > 1 else ()
            found = {word: math.exp(lm.step(state, word)[1]) for word in vocabulary}
            assert sum(found.values()) == pytest.approx(1, abs=1e-5)
            for word in vocabulary:
                assert found[word] == pytest.approx(probability(context, word), rel=1e-5), (context, word)
            history.append(seen if seen in lm.words else "<unk>")
            state = lm.step(state, seen)[0]


def test_sentences_gives_the_words_of_a_text():
    text = "`Don’t stop,` he said.\n\n  ROCK'N'ROLL - 'tis _good_!\r\nहिन्दी में\n...\n"  # noqa: RUF001
    assert sentences(text) == [
        ["don't", "stop", "he", "said"],
        ["rock'n'roll", "tis", "good"],
        ["हिन्दी", "में"],
    ]
    assert sentences("IT IS\nIT'S") == [["IT", "IS"], ["IT'S"]]
    assert sentences("<s> hello world </s>\n<S>One</S>") == [["hello", "world"], ["one"]]
    assert sentences("<s> A B </s>") == [["A", "B"]] and sentences("a <s>\n</s>") == [["a"]]
    assert sentences("<s> ab </s>", characters=True) == [["a", "b"]]
    assert sentences("ab c", characters=True) == [["a", "b", "|", "c"]]


@pytest.mark.parametrize(
    ("lines", "order", "prune", "remedy"),
    [
        ([], 3, (0,), "one sentence per line"),
        ([["A"]], 0, (0,), "Give 1 to 6"),
        ([["A"]], 7, (0,), "Give 1 to 6"),
        ([["A"]], 3, (1, 0), "never decrease"),
        ([["A"]], 3, (), "never decrease"),
        ([["A"]], 3, (-1,), "never decrease"),
        ([["A", "<s>"]], 3, (0,), "Remove them"),
    ],
)
def test_wrong_options_and_texts_are_refused(tmp_path, lines, order, prune, remedy):
    with pytest.raises(LanguageModelError, match=remedy):
        build_ngram(lines, order, prune, output=tmp_path / "x.arpa")
    assert not (tmp_path / "x.arpa").exists()
