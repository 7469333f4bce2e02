"""The n-gram builder against the definition of modified Kneser-Ney."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from w2vkit.decode.lm import NGram, load
from w2vkit.decode.lm.build import build_ngram, sentences
from w2vkit.errors import LanguageModelError


def random_lines() -> list[list[str]]:
    """Make 40 sentences of 12 words, of which some are rare."""
    generator = np.random.default_rng(7)
    shares = 1 / np.arange(1, 13)
    words = np.array(list("ABCDEFGHIJKL"))
    return [
        list(generator.choice(words, int(generator.integers(1, 8)), p=shares / shares.sum()).astype(str)) for _ in range(40)
    ]


def counted(lines: list[list[str]], order: int) -> list[Counter]:
    """Count the n-grams of each order."""
    counts: list[Counter] = [Counter() for _ in range(order + 1)]
    for line in lines:
        padded = ["<s>", *line, "</s>"]
        for n in range(1, order + 1):
            counts[n].update(tuple(padded[i : i + n]) for i in range(len(padded) - n + 1))
    return counts


def kneser_ney(lines: list[list[str]], order: int, thresholds: list[int], listed: set[tuple[str, ...]] | None = None):
    """Compute P(word | context) by recursion, as Chen and Goodman define modified Kneser-Ney.

    ``listed`` are the n-grams that pruning by entropy has left: those that it has not left count in full for their ends.
    """
    counts = counted(lines, order)
    used: list[dict] = [{}, *({} for _ in range(order))]
    for n in range(order, 0, -1):
        for ngram, count in counts[n].items():
            if ngram == ("<s>",):
                continue
            longer = [g for g in used[n + 1] if g[1:] == ngram] if n < order else []
            before = sum(1 if listed is None or g in listed else used[n + 1][g] for g in longer)
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
            kept = counts[n][ngram] > thresholds[n - 1] and (listed is None or n == 1 or ngram in listed)
            kept = kept or ngram == ("</s>",)
            return (follow[ngram] - discounts[n][min(follow[ngram], 3) - 1]) / total if kept and ngram in follow else 0.0

        return share((*context, word)) + (1 - sum(share(ngram) for ngram in follow)) * lower

    return probability, vocabulary


@pytest.mark.parametrize(
    ("order", "prune"), [(1, (0,)), (2, (0,)), (3, (0,)), (3, (0, 0, 1)), (3, (0, 1)), (3, (1,)), (4, (0,))]
)
def test_the_builder_equals_the_papers_definition(tmp_path, order, prune):
    lines = random_lines()
    written = build_ngram(lines, order, prune, output=tmp_path / "model.arpa")
    lm = load(tmp_path / "model.arpa")
    assert isinstance(lm, NGram) and lm.order == order
    assert written[0] == len(lm.words)
    thresholds = [*prune, *[prune[-1]] * order][:order]
    check(lm, lines, order, *kneser_ney(lines, order, thresholds))


def check(lm: NGram, lines: list[list[str]], order: int, probability, vocabulary: list[str]) -> None:
    """Compare a model with a definition, in the contexts of some sentences."""
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


def listed_in(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    """Read the n-grams of an ARPA file with their probabilities and back-off weights."""
    found = {}
    for line in path.read_text().splitlines():
        if "\t" in line:
            log_prob, ngram, back_off = [*line.split("\t"), "0"][:3]
            found[tuple(ngram.split())] = 10 ** float(log_prob), 10 ** float(back_off)
    return found


def distribution(model: dict[tuple[str, ...], tuple[float, float]], context: tuple[str, ...]) -> dict[str, float]:
    """Give P(word | context) of all words, as the ARPA format defines it."""
    words = [ngram[0] for ngram in model if len(ngram) == 1 and ngram != ("<s>",)]
    lower = distribution(model, context[1:]) if context else {}
    weight = model.get(context, (0, 1))[1]
    return {w: model[*context, w][0] if (*context, w) in model else weight * lower[w] for w in words}


def loss_by_definition(model: dict, ngram: tuple[str, ...], counts: list[Counter]) -> float:
    """Give the relative entropy per word between a model and the same without one n-gram, in the contexts of the text."""
    context = ngram[:-1]
    without = {g: value for g, value in model.items() if g != ngram}
    listed = [g[-1] for g in without if g[:-1] == context and len(g) == len(ngram)]
    lower = distribution(model, context[1:])
    weight = (1 - sum(model[*context, w][0] for w in listed)) / (1 - sum(lower[w] for w in listed))
    without[context] = (model[context][0], weight)
    total = sum(counts[1].values()) - counts[1]["<s>",]
    loss = 0.0
    for history in (h for h in counts[len(context)] if h[-1] != "</s>"):
        before, after = distribution(model, history), distribution(without, history)
        assert sum(after.values()) == pytest.approx(1, abs=1e-5)
        loss += counts[len(context)][history] / total * sum(p * math.log(p / after[w]) for w, p in before.items())
    return loss


@pytest.mark.slow
@pytest.mark.parametrize(("order", "threshold"), [(2, 1e-3), (3, 1e-3), (3, 3e-3)])
def test_pruning_by_entropy_is_stolckes_definition(tmp_path, order, threshold):
    lines = random_lines()
    counts = counted(lines, order)
    build_ngram(lines, order, output=tmp_path / "full.arpa")
    full = listed_in(tmp_path / "full.arpa")
    expected: set[tuple[str, ...]] = set()
    for ngram in sorted((g for g in full if len(g) > 1), key=len, reverse=True):
        loss = loss_by_definition(full, ngram, counts)
        assert loss > 0
        if math.expm1(loss) >= threshold or any(longer[:-1] == ngram for longer in expected):
            expected.add(ngram)
    written = build_ngram(lines, order, prune_entropy=threshold, output=tmp_path / "pruned.arpa")
    found = {ngram for ngram in listed_in(tmp_path / "pruned.arpa") if len(ngram) > 1}
    assert found == expected
    assert 10 < len(expected) == sum(written[1:]) < len(full) - 30
    lm = load(tmp_path / "pruned.arpa")
    assert isinstance(lm, NGram)
    check(lm, lines, order, *kneser_ney(lines, order, [0] * order, expected))


def test_of_the_words_the_most_frequent_ones_are_kept(tmp_path):
    lines = random_lines()
    counts = counted(lines, 3)
    build_ngram(lines, 3, vocabulary=5, output=tmp_path / "model.arpa")
    frequent = {word for (word,), _ in counts[1].most_common() if word not in ("<s>", "</s>")}
    frequent = set(sorted(frequent, key=lambda word: -counts[1][word,])[:5]) | {"<s>", "</s>", "<unk>"}
    listed = listed_in(tmp_path / "model.arpa")
    assert {ngram[0] for ngram in listed if len(ngram) == 1} == frequent
    assert {ngram for ngram in listed if len(ngram) > 1} == {
        ngram for n in (2, 3) for ngram in counts[n] if frequent.issuperset(ngram)
    }
    for context in ((), ("A",), ("<s>", "A"), ("A", "B")):
        assert sum(distribution(listed, context).values()) == pytest.approx(1, abs=1e-5)


def test_sentences_gives_the_words_of_a_text():
    text = "`Don’t stop,` he said.\n\n  ROCK'N'ROLL - 'tis _good_!\r\nहिन्दी में\n...\n"  # noqa: RUF001
    assert list(sentences(text)) == [
        ["don't", "stop", "he", "said"],
        ["rock'n'roll", "tis", "good"],
        ["हिन्दी", "में"],
    ]
    assert list(sentences("IT IS\nIT'S")) == [["IT", "IS"], ["IT'S"]]
    assert list(sentences("<s> hello world </s>\n<S>One</S>")) == [["hello", "world"], ["one"]]
    assert list(sentences("<s> A B </s>")) == [["A", "B"]] and list(sentences("a <s>\n</s>")) == [["a"]]
    assert list(sentences("<s> ab </s>", characters=True)) == [["a", "b"]]
    assert list(sentences("ab c", characters=True)) == [["a", "b", "|", "c"]]


def test_invisible_characters_and_forms_of_unicode_make_no_other_words():
    assert list(sentences("co\u00adoperate\u200b now\ufeff\u200f cafe\u0301")) == [["cooperate", "now", "café"]]
    persian = "می\u200cخواهم"  # noqa: RUF001 -- one word, written with a zero-width non-joiner
    assert list(sentences(f"{persian}.")) == [[persian]]


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ({"prune_entropy": -1e-8}, "Give 0 to 1"),
        ({"prune_entropy": math.nan}, "Give 0 to 1"),
        ({"prune_entropy": 1.0}, "Give 0 to 1"),
        ({"vocabulary": 0}, "Give 1 or more"),
    ],
)
def test_wrong_options_of_pruning_are_refused(tmp_path, option, remedy):
    with pytest.raises(LanguageModelError, match=remedy):
        build_ngram([["A"]], 2, **option, output=tmp_path / "x.arpa")
    assert not (tmp_path / "x.arpa").exists()


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
        ([["A" * 20_000] * 4], 3, (0,), "Put spaces"),
        ([["A", "B", "A"]], 2, (2,), "leaves no word"),
    ],
)
def test_wrong_options_and_texts_are_refused(tmp_path, lines, order, prune, remedy):
    with pytest.raises(LanguageModelError, match=remedy):
        build_ngram(lines, order, prune, output=tmp_path / "x.arpa")
    assert not (tmp_path / "x.arpa").exists()
