"""What a checkpoint's model card says was measured: the ``model-index`` of its front matter."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """Results on one data set, in per cent; None where the card does not give the rate."""

    dataset: str
    wer: float | None
    cer: float | None


def measured(folder: Path) -> list[Measured]:
    """Read the results on a model card.

    Parameters
    ----------
    folder : Path
        Of the checkpoint.

    Returns
    -------
    list of Measured
        In the card's order; empty where there is no card, or none that can be read.
    """
    from huggingface_hub import ModelCard

    path = folder / "README.md"
    if not path.is_file():
        return []
    try:
        results = ModelCard.load(path, ignore_metadata_errors=True).data.get("eval_results") or []
    except Exception:  # a card is written by hand, and what YAML makes of it belongs to three libraries
        return []
    rates: dict[str, dict[str, float]] = {}
    for result in results:
        if isinstance(result.metric_value, int | float):
            rates.setdefault(result.dataset_name, {})[result.metric_type] = float(result.metric_value)
    return [Measured(name, found.get("wer"), found.get("cer")) for name, found in rates.items()]
