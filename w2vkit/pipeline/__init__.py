"""One sound, live sound or a whole data set to text; reading data sets, and storing results so that a run can be resumed.

`transcription` handles one sound, `live` sound that is still being recorded, `stream` many, `bulk` and `cluster` data sets.
"""

from w2vkit.pipeline.datasets import Corpus, Utterance, open_corpus
from w2vkit.pipeline.live import LiveText, LiveTranscript
from w2vkit.pipeline.transcription import Transcription, align_file, transcribe

__all__ = ["Corpus", "LiveText", "LiveTranscript", "Transcription", "Utterance", "align_file", "open_corpus", "transcribe"]
