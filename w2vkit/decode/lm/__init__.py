"""N-gram language models: reading them (ARPA, compact, KenLM), building them from text, and the weights stored beside them."""

from w2vkit.decode.lm.language_model import BUNDLED, KenLM, LanguageModel, load, of_checkpoint, path_of, save, save_weights
from w2vkit.decode.lm.ngram import NGram, Weights

__all__ = ["BUNDLED", "KenLM", "LanguageModel", "NGram", "Weights", "load", "of_checkpoint", "path_of", "save", "save_weights"]
