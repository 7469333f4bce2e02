"""Train w2v-mini, one stage at a time. A stage that was stopped continues from the state in its run folder.

``head``  Only the CTC head is trained. All other weights are constructed from Whisper tiny.en's encoder.
``ctc``   All transformer layers are trained, on distorted speech. Lower layers have lower rates.
``again`` The same at lower rates.
``more``  The same on harder speech.
``muon``  The same, its matrices moved by Muon instead of AdamW.
``large`` The same at a higher rate, for steps of 272 s and more.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import jiwer
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset

from training.augment import normalise
from training.batches import Batch, Batches
from training.corpora import Corpus
from training.front import start
from training.optimisers import optimisers
from training.rows import LONG, SHORT, disagreement
from training.student import Trainee, build
from training.teacher import LABELS, LAYERS, Teacher

STAGES = {  # `muon`: the rate of Muon for the matrices of the layers over AdamW's; 0: AdamW moves them, too
    "head": dict(body_rate=0.0, head_rate=5e-3, strength=0.1, mask=0.0, muon=0.0),
    "ctc": dict(body_rate=2e-4, head_rate=1e-3, strength=0.2, mask=0.03, muon=0.0),
    "again": dict(body_rate=1.5e-4, head_rate=5e-4, strength=0.25, mask=0.04, muon=0.0),
    "more": dict(body_rate=1.5e-4, head_rate=3e-4, strength=0.3, mask=0.08, muon=0.0),
    "muon": dict(body_rate=1.5e-4, head_rate=3e-4, strength=0.3, mask=0.08, muon=1.2),
    "large": dict(body_rate=2e-4, head_rate=3e-4, strength=0.3, mask=0.08, muon=1.2),
}
DECAY = 0.85  # of the rate, from one layer to the next lower one: Whisper's lower layers need little change


class Run:
    """One training run: model, optimiser, moving average, log; resumable at any saved step."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.options = arguments, STAGES[arguments.stage]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.bfloat16 = self.device == "cuda" or torch.cpu._is_avx512_bf16_supported()
        self.folder = arguments.run
        self.folder.mkdir(parents=True, exist_ok=True)
        self.corpus = Corpus(arguments.data)
        self.teacher = Teacher(arguments.teacher)
        self.model, self.average = build(self.teacher, arguments.seed), build(None, 0).eval()
        self.trainee = Trainee(self.model, self.teacher.code(), compiled=arguments.compile)
        self.listener = Trainee(self.average, self.teacher.code(), compiled=False).eval()
        nn.ModuleList([self.trainee, self.listener]).to(self.device)
        self.optimisers = optimisers(self.model, self._rate, self.options["muon"])
        self.step, self.spent, self.heard = 0, 0.0, 0.0
        self.began = time.time()
        self._restore()

    def _rate(self, name: str) -> float:
        if "lm_head" in name:
            return self.options["head_rate"]
        if "encoder.layer" not in name:
            return 0.0
        above = LAYERS - 1 - int(name.split(".")[3]) if "encoder.layers" in name else 0
        return self.options["body_rate"] * DECAY**above

    def _restore(self) -> None:
        own = self.folder / "state.pt"
        if own.exists():
            state = torch.load(own, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimiser, before in zip(self.optimisers, state["optimisers"], strict=True):
                peaks = [group["peak"] for group in optimiser.param_groups]
                optimiser.load_state_dict(before)
                for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                    group["peak"] = peak  # a run may be continued with other rates
            self.step, self.spent, self.heard = state["step"], state["spent"], state["heard"]
            self.began -= state.get("elapsed", self.spent)
            return
        if self.arguments.start:
            before = torch.load(self.arguments.start, map_location=self.device, weights_only=True)["average"]
            self.model.load_state_dict(before)
        else:
            start(self.model, self.teacher, speech(self.corpus, self.arguments.seed))
        self.average.load_state_dict(self.model.state_dict())

    def save(self) -> None:
        """Write the state to a new file and move it into place: a kill never leaves half a state."""
        state = dict(model=self.model.state_dict(), average=self.average.state_dict(), step=self.step)
        state |= dict(optimisers=[o.state_dict() for o in self.optimisers], spent=self.spent, heard=self.heard)
        state["elapsed"] = time.time() - self.began
        torch.save(state, self.folder / "state.new")
        (self.folder / "state.new").replace(self.folder / "state.pt")

    def log(self, **values: float | str) -> None:
        """Append a line to the run's log."""
        line = json.dumps({"stage": self.arguments.stage, "step": self.step, **values})
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def rate(self) -> float:
        """The share of the peak rate: a short rise, then a cosine to a twentieth."""
        rise = min(1.0, (self.step + 1) / 60)
        done = min(1.0, max(self.step / self.arguments.steps, self.time_gone()))
        return rise * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))

    def time_gone(self) -> float:
        """The share of ``--minutes`` that has passed, checks and earlier parts of the run included."""
        minutes = self.arguments.minutes
        return (time.time() - self.began) / 60 / minutes if minutes else 0.0

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a batch, per character: CTC, and with ``--consistency`` what the two views of a row disagree on."""
        masked = batch.masked.to(self.device) if self.options["mask"] else None
        logits = self.trainee(batch.waveforms.to(self.device), masked, self._attention(batch), batch.first.to(self.device))
        log_probs = logits.float().log_softmax(dim=-1).transpose(0, 1)
        lengths = torch.tensor([len(t) for t in batch.targets])
        targets = torch.cat(batch.targets).to(self.device)
        losses = F.ctc_loss(log_probs, targets, batch.valid, lengths, reduction="none", zero_infinity=True)
        total = losses.sum()
        if self.arguments.consistency:
            total = total + self.arguments.consistency * disagreement(log_probs, batch.valid)
        return total / lengths.sum().clamp(min=1)

    def _attention(self, batch: Batch) -> Tensor | None:
        if batch.waveforms.shape[1] == LONG:
            return None
        inside = torch.arange(batch.masked.shape[1])[None] < batch.valid[:, None]
        return inside[:, None, None, :].to(self.device)

    def train(self) -> None:
        """Run the stage to its last step, or until its time is up."""
        a, o = self.arguments, self.options
        data = Batches(self.corpus, a.seed, a.steps, a.seconds, o["strength"], o["mask"], views=2 if a.consistency else 1)
        rest = Subset(data, range(self.step, a.steps))
        ahead = 8 if a.workers else None  # torch refuses batches ahead without workers
        loader = DataLoader(rest, batch_size=None, num_workers=a.workers, prefetch_factor=ahead)
        losses: list[float] = []
        started = time.time()
        self.trainee.train()
        for batch in loader:
            for group in (group for optimiser in self.optimisers for group in optimiser.param_groups):
                group["lr"] = group["peak"] * self.rate()
            torch.manual_seed(a.seed << 32 | self.step)  # for dropout: a stopped run continues as if it had not been stopped
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
                loss = self.loss(batch)
            self.model.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_((p for p in self.model.parameters() if p.requires_grad), 1.0)
            if torch.isfinite(norm):
                for optimiser in self.optimisers:
                    optimiser.step()
            self._follow()
            self.step += 1
            self.heard += batch.waveforms.numel() / 16_000
            losses.append(loss.item())
            if self.step % 25 == 0:
                now = time.time()
                self.spent, started = self.spent + now - started, now
                mean = round(float(np.mean(losses)), 4)
                self.log(ctc=mean, norm=round(norm.item(), 2), hours=self.heard / 3600, minutes=self.spent / 60)
                losses.clear()
            over = self.time_gone() >= 1
            if self.step % a.every == 0 or self.step == a.steps or over:
                self.check()
                started = time.time()
            if over:
                return

    def _follow(self) -> None:
        """Move the average towards the weights, faster at first."""
        decay = min(0.998, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            theirs = self.model.state_dict()
            for name, value in self.average.state_dict().items():
                value.lerp_(theirs[name], 1 - decay)

    def check(self) -> None:
        """Save, and score the averaged student on the development speakers."""
        self.save()
        began = time.time()
        wer, cer = score(self.logits, self.corpus, self.arguments.dev)
        self.log(dev_wer=round(wer, 4), dev_cer=round(cer, 4), check_seconds=round(time.time() - began, 1))

    def logits(self, samples: Tensor) -> Tensor:
        """(1, N) unit-variance samples to (1, T, V), by the averaged student."""
        return self.listener(samples.to(self.device), None, None, torch.zeros(1, dtype=torch.long, device=self.device))


def speech(corpus: Corpus, seed: int) -> Tensor:
    """(48, 64000) of training speech, to take statistics from."""
    rng = np.random.default_rng(seed)
    rows: list[np.ndarray] = []
    while len(rows) < 48:
        samples = normalise(corpus.samples(corpus.train[rng.integers(len(corpus.train))]))
        if len(samples) >= SHORT:
            rows.append(samples[:SHORT])
    return torch.from_numpy(np.stack(rows))


@torch.no_grad()
def score(logits: Callable[[Tensor], Tensor], corpus: Corpus, limit: int) -> tuple[float, float]:
    """WER and CER of greedy decoding on the development part, one utterance at a time."""
    references, hypotheses = [], []
    for utterance in corpus.dev[:: max(1, len(corpus.dev) // limit)]:
        samples = torch.from_numpy(normalise(corpus.samples(utterance)))[None]
        best = logits(samples)[0].argmax(dim=-1).unique_consecutive().tolist()
        text = "".join(LABELS[i] for i in best if i >= 4).replace("|", " ")
        references.append(utterance.text)
        hypotheses.append(" ".join(text.split()))
    return jiwer.wer(references, hypotheses), jiwer.cer(references, hypotheses)


def main() -> None:
    """Parse the command line and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--run", type=Path, required=True, help="folder of this stage's state and log")
    parser.add_argument("--start", type=Path, help="state.pt of the student's stage before")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--minutes", type=float, help="end after so much time, with the rates of a last step")
    parser.add_argument("--seconds", type=float, default=68, help="audio per step")
    parser.add_argument("--consistency", type=float, default=0.0, help="weight of two views' agreement; the paper's is 0.2")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--teacher", type=Path, default=Path("training/teacher/model.bin"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=250, help="steps between checks")
    parser.add_argument("--dev", type=int, default=60, help="development utterances in a check")
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches; 0: this one does")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    torch._dynamo.config.cache_size_limit = 64
    Run(parser.parse_args()).train()


if __name__ == "__main__":
    main()
