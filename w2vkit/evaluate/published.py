"""Published error rates to compare a measured one with: those of the model card and of the wav2vec 2.0 paper."""

from dataclasses import dataclass

from w2vkit.evaluate.evaluation import Evaluation
from w2vkit.model.hub import DEFAULT
from w2vkit.pipeline.datasets import Corpus

# Per cent on LibriSpeech test-clean and test-other. The card: https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self
# The paper: Baevski et al. (2020), https://arxiv.org/abs/2006.11477v3, Table 1 (10 min and 10 h) and Table 2 (960 h): the large
# model, pre-trained on 53,000 hours, with a Transformer language model.
# The page: the archive of Papers with Code. Its row for 10 h differs from Table 1, and it names no table.
CARD = {DEFAULT: ("model card, this model", 1.9, 3.9)}
PAPER = (
    ("paper's best: 960 h labelled, language model", 1.8, 3.3),
    ("paper: 10 h labelled, language model", 2.6, 4.9),
    ("paper: 10 min labelled, language model", 4.8, 8.2),
)
PAPERS_WITH_CODE = ("10 h labelled (Libri-Light), as Papers with Code lists it", 2.5, 5.0)
LABELLED = tuple(zip(("960 h", "10 h", "10 min"), (row[1] for row in PAPER), (row[2] for row in PAPER), strict=True))


@dataclass(frozen=True)
class Figure:
    """A published WER (per cent), and the model it was measured with."""

    what: str
    wer: float


def published(evaluation: Evaluation, corpus: Corpus) -> list[Figure]:
    """Give the published figures for a LibriSpeech test split: the card's of the same model, and the paper's of others.

    They were scored on raw text; for another scoring there are none.
    """
    model = evaluation.model
    names = {corpus.name, f"{corpus.name} {corpus.config}-{corpus.split}", f"{corpus.name} {corpus.split}"}
    clean = {"test-clean", "openslr/librispeech_asr clean-test", "openslr/librispeech_asr test.clean"}
    other = {name.replace("clean", "other") for name in clean}
    if evaluation.scoring != "card" or not names & (clean | other):
        return []
    figures = [*([CARD[model]] if model in CARD else []), *PAPER]
    return [Figure(what, on_clean if names & clean else on_other) for what, on_clean, on_other in figures]
