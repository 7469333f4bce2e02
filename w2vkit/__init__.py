"""Speech to text with wav2vec 2.0: audio to emissions to text, with access to every step."""

from w2vkit.audio import Waveform, load
from w2vkit.decode import Hypothesis, Word, greedy
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import W2VKitError
from w2vkit.pipeline.transcription import Transcription, transcribe

__version__ = "0.1.0"
__all__ = [
    "Emissions",
    "Hypothesis",
    "Transcription",
    "Vocabulary",
    "W2VKitError",
    "Waveform",
    "Word",
    "greedy",
    "load",
    "transcribe",
]
