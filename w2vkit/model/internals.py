"""A look inside the network: what it computes on the way from one waveform to its emissions."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from w2vkit.emissions import Emissions

_switching = threading.Lock()


@dataclass(frozen=True, eq=False)
class Internals:
    """What a network made of a waveform, layer by layer; all float32.

    Attributes
    ----------
    features : numpy.ndarray
        (T, C) output of the convolutions.
    hidden_states : numpy.ndarray
        (L + 1, T, H): what enters the first of the L transformer layers, then what each of them gives. The last one
        is the head's input: where a layer norm follows the last layer, it is after it.
    attentions : numpy.ndarray
        (L, heads, T, T): how much frame t, a row, takes from every frame. Rows sum to 1.
    emissions : Emissions
        (T, V) log-probabilities.
    """

    features: np.ndarray
    hidden_states: np.ndarray
    attentions: np.ndarray
    emissions: Emissions


def explore(
    network: Any, samples: np.ndarray, run: Callable[..., Any], emissions: Callable[[np.ndarray], Emissions]
) -> Internals:
    """Run a network so that it shows its attention maps, which the usual attention never computes.

    Parameters
    ----------
    network
        The `transformers` network.
    samples : numpy.ndarray
        (N,) float32, as the network wants them.
    run : callable
        The forward pass: a list of samples and the options of the network, to its output.
    emissions : callable
        (T, V) log-probabilities to Emissions.
    """
    kept: dict[tuple[int, str], torch.Tensor] = {}  # by thread too: another one may be emitting meanwhile

    def keeper(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: kept.update(
            {(threading.get_ident(), f"{name} in"): inputs[0], (threading.get_ident(), name): output}
        )

    with _switching:
        usual = network.config._attn_implementation
        parts = {"convolutions": network.base_model.feature_extractor, "head": network.lm_head}
        hooks = [part.register_forward_hook(keeper(name)) for name, part in parts.items()]
        network.set_attn_implementation("eager")
        try:
            output = run([samples], output_hidden_states=True, output_attentions=True)
        finally:
            network.set_attn_implementation(usual)
            for hook in hooks:
                hook.remove()
    here = threading.get_ident()
    return Internals(
        kept[here, "convolutions"][0].T.float().cpu().numpy(),
        torch.cat([*(state.float() for state in output.hidden_states[:-1]), kept[here, "head in"]]).cpu().numpy(),
        torch.cat(output.attentions).float().cpu().numpy(),
        emissions(output.logits[0].log_softmax(dim=-1).cpu().numpy()),
    )
