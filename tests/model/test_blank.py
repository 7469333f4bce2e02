"""Repeats are merged before the blank is dropped, never after: else WILL becomes WIL (transformers, pull request 29311)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.emissions import LABELS, spell
from transformers import AutoTokenizer

from w2vkit.checkpoints import mini_folder
from w2vkit.decode import BeamSearch, beam_search, greedy, greedy_batch

DECODERS = {
    "greedy": greedy,
    "greedy_batch": lambda emissions: greedy_batch([emissions])[0],
    "beam_search": beam_search,
    "one beam": BeamSearch(beam_width=1),
}
TOKENIZER = AutoTokenizer.from_pretrained(mini_folder())


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
def test_will_keeps_its_second_l_where_the_option_of_transformers_drops_it(decode):
    emissions = spell(list("WW_I_LL_L__ AA_LL__L"))
    path = emissions.log_probs.argmax(axis=1).tolist()
    assert [TOKENIZER.get_vocab()[label] for label in LABELS] == list(range(len(LABELS)))
    assert TOKENIZER.batch_decode([path], skip_special_tokens=True) == ["WIL AL"]  # the trap
    assert TOKENIZER.batch_decode([path]) == ["WILL ALL"]
    assert decode(emissions).text == "WILL ALL"


@settings(deadline=None)
@given(st.lists(st.text("ABL'", min_size=1, max_size=6), min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 3))
def test_every_repeated_letter_survives(words, held, apart):
    text = " ".join(words)
    emissions = spell([frame for character in text for frame in character * held + "_" * apart])
    assert TOKENIZER.batch_decode([emissions.log_probs.argmax(axis=1).tolist()]) == [text]
    assert greedy(emissions).text == greedy_batch([emissions])[0].text == text
