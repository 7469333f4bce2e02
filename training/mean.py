"""Average states of runs with the same start, for the start of the next run or for the shipped checkpoint.

"Model soups", Wortsman et al. 2022, https://arxiv.org/abs/2203.05482.
"""

import argparse
from pathlib import Path

import torch


def main() -> None:
    """Write the mean of the averaged weights of several states, in the form of a state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="+", type=Path, help="state.pt of a run, or a mean")
    parser.add_argument("--target", type=Path, required=True)
    arguments = parser.parse_args()
    weights = [torch.load(state, map_location="cpu", weights_only=True)["average"] for state in arguments.states]
    average = {name: sum(one[name] for one in weights) / len(weights) for name in weights[0]}
    torch.save(dict(average=average), arguments.target)


if __name__ == "__main__":
    main()
