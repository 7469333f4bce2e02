"""Spelling: from written text to the labels of a vocabulary."""

# ruff: noqa: RUF001 (the ambiguous characters are what is tested)

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.emissions import LABELS

from w2vkit.align.spelling import WILDCARD, say_number, segments_of, spell
from w2vkit.emissions import Vocabulary

ENGLISH = Vocabulary.of(LABELS)


def spelled(text: str, vocabulary: Vocabulary = ENGLISH) -> str:
    return " ".join("".join(word.characters) for word in spell(text, vocabulary))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", "HELLO WORLD"),
        ("ALREADY UPPER", "ALREADY UPPER"),
        ("don't don’t donʼt", "DON'T DON'T DON'T"),
        ("'quoted' ‘typographic’ rock'n'roll", "QUOTED TYPOGRAPHIC ROCK'N'ROLL"),
        ("naïve Café Ångström", "NAIVE CAFE ANGSTROM"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "CAFE"),
        ("Straße ﬁn Œuvre smørrebrød", "STRASSE FIN OEUVRE SMORREBROD"),
        ("well-known and/or one—two", "WELL KNOWN AND OR ONE TWO"),
        ("- – -- ... leading-", "LEADING"),
        ("R&D 50%", "R AND D FIFTY PERCENT"),
        ("U.S. e.g.", "US EG"),
        ("zero\N{ZERO WIDTH SPACE}width", "ZEROWIDTH"),
        ("42 1,200 3.5 007", "FORTY TWO ONE THOUSAND TWO HUNDRED THREE POINT FIVE ZERO ZERO SEVEN"),
        ("1st 2nd 3rd 12th 20th 21st 105th", "FIRST SECOND THIRD TWELFTH TWENTIETH TWENTY FIRST ONE HUNDRED FIFTH"),
        ("1234567", "ONE TWO THREE FOUR FIVE SIX SEVEN"),
        ("10:30, 1,234, 12.", "TEN THIRTY ONE THOUSAND TWO HUNDRED THIRTY FOUR TWELVE"),
        (">> Ann: hello >> bob", "ANN HELLO BOB"),
        ("♪ la la ♪ ♫", "LA LA"),
        ("it costs $5 + 5 € = £10 ~ ok | yes ^ no ` so", "IT COSTS FIVE FIVE TEN OK YES NO SO"),
        ("nice \N{GRINNING FACE}\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16} day\N{WAVING HAND SIGN}", "NICE DAY"),
        ("a+b x|y US$ 20°C ©2020 −3", "A B X Y US TWENTY C TWO THOUSAND TWENTY THREE"),
        ("\x1b[31mred\x07", "THIRTY ONE MRED"),
        ("", ""),
        ("?!", ""),
        (">> ♪ $ + = ~ | \N{GRINNING FACE}", ""),
    ],
)
def test_spell_gives_the_labels_of_a_text(text: str, expected: str) -> None:
    assert spelled(text) == expected


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("99", "ninety nine"),
        ("100", "one hundred"),
        ("101", "one hundred one"),
        ("1000", "one thousand"),
        ("12345", "twelve thousand three hundred forty five"),
        ("700000", "seven hundred thousand"),
        ("999999", "nine hundred ninety nine thousand nine hundred ninety nine"),
        ("00", "zero zero"),
    ],
)
def test_numbers_become_english_words(digits: str, words: str) -> None:
    assert say_number(digits) == words


def test_the_text_as_given_is_kept() -> None:
    assert [word.text for word in spell("“Don’t” pay $42, Zoë!", ENGLISH)] == ["“Don’t”", "pay", "$42,", "Zoë!"]


def test_characters_of_other_scripts_become_wildcards() -> None:
    (word,) = spell("Tokyo東京", ENGLISH)
    assert word.columns[:5] == tuple(ENGLISH.columns[c] for c in "TOKYO")
    assert word.columns[5:] == (WILDCARD, WILDCARD)
    assert word.characters[5:] == ("東", "京")


def test_spell_takes_labels_in_lower_case_or_another_script() -> None:
    lower = Vocabulary.of(["<pad>", "|", *"abcé2"])
    assert spelled("ABC É 2", lower) == "abc é 2"
    cyrillic = Vocabulary.of(["<pad>", "|", *"абв"])
    assert [word.columns for word in spell("Аб 42", cyrillic)] == [(2, 3), (WILDCARD, WILDCARD)]
    no_boundary = Vocabulary.of(["<pad>", *"ABC"], word_boundary=None)
    assert [word.columns for word in spell("a-b c", no_boundary)] == [(1, 2), (3,)]


def test_segments_are_lines_or_sentences() -> None:
    assert segments_of("One two.\n\n  Three. Four\n") == ["One two.", "  Three. Four"]
    assert segments_of("He said “No.” Then he left! Did he? Yes") == ["He said “No.”", "Then he left!", "Did he?", "Yes"]
    assert [word.segment for word in spell("One two. Three", ENGLISH)] == [0, 0, 1]


@given(st.text())
def test_any_text_is_spelled_with_labels_or_wildcards(text: str) -> None:
    words = spell(text, ENGLISH)
    given_words = iter(unicodedata.normalize("NFC", text).split())
    for word in words:
        assert word.text in given_words  # in the text's order
        assert len(word.columns) == len(word.characters)
        assert all(c == WILDCARD or (0 <= c < len(ENGLISH) and c not in ENGLISH.special) for c in word.columns)
        assert ENGLISH.word_boundary not in (word.columns[0], word.columns[-1])
