"""Do all steps after a training: `python -m training.finish EVAL_FOLDER --state training/runs/gpu.pt`.

Exports the averaged weights as w2v-mini, fits the language model's weights and the confidences on the development speakers, and
measures the result on the eval files for its model card. Without ``--state`` the checkpoint stays unchanged: use this for a new
language model, or after a change of the decoder.
"""

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run the steps; each one needs what those before have written, so the first one that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of eval Parquet files")
    parser.add_argument("--state", type=Path, help="state.pt of a run, or a mean")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    arguments = parser.parse_args()
    steps = [["decoding", "--data", arguments.data], ["card", arguments.folder]]
    if arguments.state:
        steps.insert(0, ["export", arguments.state])
    for name, *options in steps:
        print(f"training.{name}", flush=True)
        if code := subprocess.run([sys.executable, "-m", f"training.{name}", *map(str, options)], check=False).returncode:
            raise SystemExit(
                f"training.{name} failed with exit code {code}, see above. Mend the cause and give the command again."
            )


if __name__ == "__main__":
    main()
