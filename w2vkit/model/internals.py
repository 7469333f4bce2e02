"""What `CTCModel.internals` returns: everything that the network computes from one waveform to its emissions."""

from dataclasses import dataclass

import numpy as np

from w2vkit.emissions import Emissions


@dataclass(frozen=True, eq=False)
class Internals:
    """The values inside a network for one waveform, layer by layer; all float32.

    The T frames are those of `CTCModel.emit`, which for w2v-mini include silence around a short sound.

    Attributes
    ----------
    features : numpy.ndarray
        (T, C) output of the convolutions.
    hidden_states : numpy.ndarray
        (L + 1, T, H): the input of the first of L transformer layers, then the output of each layer. The last one is
        the input of the head: where a layer norm follows the last layer, it is applied.
    attentions : numpy.ndarray
        (L, heads, T, T): the weight with which frame t, a row, attends to every frame. Rows sum to 1.
    emissions : Emissions
        (T, V) log-probabilities.
    """

    features: np.ndarray
    hidden_states: np.ndarray
    attentions: np.ndarray
    emissions: Emissions
