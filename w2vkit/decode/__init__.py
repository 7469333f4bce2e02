"""Emissions to text: greedy decoding and CTC prefix beam search, with language models (`lm`) and hot words.

Both decoders give a `Hypothesis`: the text, and its words with times and confidence. NumPy only.
"""

from w2vkit.decode.beam import BeamSearch, beam_search
from w2vkit.decode.best_path import Decode, check_decoder, decoder_settings, default_decoder, greedy, greedy_batch
from w2vkit.decode.hypothesis import Hypothesis, Word

__all__ = [
    "BeamSearch",
    "Decode",
    "Hypothesis",
    "Word",
    "beam_search",
    "check_decoder",
    "decoder_settings",
    "default_decoder",
    "greedy",
    "greedy_batch",
]
