"""N-gram language models: reading them (ARPA, KenLM), building them from text, and the weights stored beside them."""

from w2vkit.decode.lm.language_model import BUNDLED, KenLM, LanguageModel, brought, load, locate, save_weights
from w2vkit.decode.lm.ngram import NGram, Weights

__all__ = ["BUNDLED", "KenLM", "LanguageModel", "NGram", "Weights", "brought", "load", "locate", "save_weights"]
