"""Make the data of notebook 11: a small wav2vec 2.0 that has played the guessing game for longer than a lesson lasts.

    python -m training.contrastive notebooks/data/contrastive.npz [--steps 1500]

flite (Debian package) speaks the sentences of `training.few_labels` in three voices. The network gets the sound only.
The file keeps:

- ``history``: for every 20 steps the step, the loss per hidden frame (nats), the fraction right, the fraction right by chance
  and the number of entries in use; ``held`` the same of 24 sentences that are never trained on.
- ``phones`` and ``ends``: the phones of the six clips in ``notebooks/data/flite`` and their ends (ms), as flite decided them
  (``-psdur``).
- the other names: the weights, as float16.
"""

import argparse
import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Wav2Vec2ForPreTraining

from notebooks.guessing import RATE, Game, small_network
from training.few_labels import VOICES, speak, texts

HELD, EVERY, LEAD, BATCH = 24, 20, 250, 4  # sentences, steps, ms of silence before a clip, stretches
FLITE = Path(__file__).parents[1] / "notebooks" / "data" / "flite" / "index.json"
CLIPS = (
    ("slt", 1.15),
    ("awb", 1.15),
    ("rms", 1),
    ("slt", 1),
    ("rms", 1),
    ("kal16", 1.1),
)  # voices and pace of its clips; above 1: slower


def sounds() -> list[torch.Tensor]:
    """Speak the sentences."""
    return [torch.from_numpy(speak(text, VOICES[i % len(VOICES)])) for i, text in enumerate(texts(random.Random(12)))]


def phones_of(text: str, voice: str, stretch: float) -> tuple[list[str], list[int]]:
    """Give the phones of a text and their ends in a clip (ms)."""
    pace = ("--setf", f"duration_stretch={stretch}")
    command = ["flite", "-voice", voice, *pace, "-psdur", "-t", text.lower(), "none"]
    said = subprocess.run(command, check=True, capture_output=True)
    pairs = re.findall(r"(\w+):([\d.]+)", said.stdout.decode())
    return [name for name, _ in pairs], [LEAD + round(1000 * float(end)) for _, end in pairs]


def learn(network: Wav2Vec2ForPreTraining, learned: list[torch.Tensor], held: list[torch.Tensor], steps: int) -> dict:
    """Train; give the two histories."""
    quantizer: Any = network.quantizer
    game, exam = Game(learned, seed=0), Game(held, seed=1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    rows, history, heard = [], [], []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 1.5e-3 * min(1, (step + 1) / 100, 1.25 * (1 - step / steps))
        quantizer.temperature = max(0.5, 2 * 0.3 ** (3 * step / steps))
        network.train()
        answer = game.play(network, BATCH)
        answer.loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        rows.append(answer.measured())
        if (step + 1) % EVERY == 0:
            history.append([step + 1, *np.mean(rows[-EVERY:], axis=0)])
        if (step + 1) % 100 == 0:
            network.eval()
            with torch.no_grad():
                heard.append([step + 1, *np.mean([exam.play(network, 6).measured() for _ in range(6)], axis=0)])
            print(*(f"{value:.3f}" for value in heard[-1]), "train", *(f"{v:.3f}" for v in history[-1][1:]), flush=True)
    return {"history": np.array(history, np.float32), "held": np.array(heard, np.float32)}


def main() -> None:
    """Speak, train and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    network = small_network()
    spoken = sounds()
    print(f"{sum(len(one) for one in spoken) / RATE:.0f} s of speech", flush=True)
    found = learn(network, spoken[HELD:], spoken[:HELD], arguments.steps)
    clips = json.loads(FLITE.read_text(encoding="utf-8"))
    named = [phones_of(clip["text"], *pace) for clip, pace in zip(clips, CLIPS, strict=True)]
    weights = {name: value.numpy().astype(np.float16) for name, value in network.state_dict().items()}
    lists = {f"phones{k}": np.array(names) for k, (names, _) in enumerate(named)}
    ends = {f"ends{k}": np.array(times, np.int16) for k, (_, times) in enumerate(named)}
    np.savez_compressed(arguments.out, **found, **lists, **ends, **weights)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
