"""What the model says about a waveform: one log-probability per frame and label."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from w2vkit.confidence import UNCALIBRATED, Calibration
from w2vkit.errors import EmissionsError
from w2vkit.vocabulary import Vocabulary

FRAME_SECONDS = 0.02  # s; wav2vec 2.0's stride of 320 samples at 16 kHz


@dataclass(frozen=True, eq=False)
class Emissions:
    """The emission matrix of one waveform.

    Attributes
    ----------
    log_probs : numpy.ndarray
        (T, V) float32 natural logarithms; every row is a distribution over the V labels.
    vocabulary : Vocabulary
        What the V columns stand for.
    frame_seconds : float
        Seconds between the starts of two frames; frame t covers ``start_seconds + [t, t + 1) * frame_seconds``.
    start_seconds : float
        When frame 0 begins (s). A frame stands for the middle of what it hears; of a wide receptive field that is late.
    calibration : Calibration
        What makes confidences honest; it changes no text.
    """

    log_probs: np.ndarray
    vocabulary: Vocabulary
    frame_seconds: float = FRAME_SECONDS
    start_seconds: float = 0.0
    calibration: Calibration = UNCALIBRATED

    def __post_init__(self) -> None:
        shape = self.log_probs.shape
        if len(shape) != 2 or shape[1] != len(self.vocabulary):
            raise EmissionsError(
                f"The emissions have shape {shape}, but the vocabulary has {len(self.vocabulary)} labels. "
                f"Give (frames, {len(self.vocabulary)}) log-probabilities."
            )
        if shape[0] == 0:
            raise EmissionsError("The emissions have no frames. Give at least 25 ms of sound.")
        with np.errstate(invalid="ignore"):  # what is not a number gets its own message below
            totals = np.logaddexp.reduce(self.log_probs, axis=1)
        if not np.isfinite(totals).all():
            raise EmissionsError("The emissions hold NaN or infinity. Run the model in float32 (dtype='float32').")
        if np.abs(totals).max() > 0.02:
            raise EmissionsError(
                "The rows of the emissions are not log-probabilities: they do not sum to one. "
                "Give log_softmax(logits); of probabilities take the logarithm first."
            )

    def __len__(self) -> int:
        return len(self.log_probs)

    @property
    def seconds(self) -> float:
        """How much sound the frames cover (s)."""
        return len(self) * self.frame_seconds

    @cached_property
    def tempered(self) -> np.ndarray:
        """(T, V) float32 log-probabilities as confidences see them: at the calibration's temperature."""
        return self.calibration.soften(self.log_probs)
