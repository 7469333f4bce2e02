"""Train w2v-mini, one stage at a time; every stage goes on from the newest state in its run folder.

``tutor``  Whisper tiny.en's encoder, with its log-mel front end and position code, learns CTC.
``joint``  The student, started from both, learns to do without the position code: every frame's states and
           posteriors from the tutor, and CTC.
``ctc``    The student learns from CTC alone, on distorted speech.
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
from training.batches import LONG, SHORT, Batch, Batches, frames
from training.corpora import Corpus
from training.front import start
from training.student import Trainee, build
from training.teacher import LABELS, LAYERS, Teacher

STAGES = {
    "tutor": dict(body_rate=2e-4, head_rate=3e-3, strength=0.2, mask=0.0),
    "joint": dict(position_rate=2e-3, body_rate=4e-4, head_rate=5e-4, strength=0.3, mask=0.02),
    "ctc": dict(position_rate=4e-4, body_rate=2e-4, head_rate=4e-4, strength=0.2, mask=0.03),
}


def relative_error(x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error in units of the target's variance over time."""
    return F.mse_loss(x.float(), target) / (target - target.mean(dim=1, keepdim=True)).pow(2).mean()


class Run:
    """One training run: model, optimiser, moving average, log; resumable at any saved step."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.options = arguments, STAGES[arguments.stage]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.bfloat16 = self.device == "cuda" or torch.cpu._is_avx512_bf16_supported()
        self.folder = arguments.run
        self.folder.mkdir(parents=True, exist_ok=True)
        self.corpus = Corpus(arguments.data)
        self.teacher = Teacher(arguments.teacher, self.device)
        if arguments.tutor:
            self.teacher.weights |= torch.load(arguments.tutor, map_location=self.device, weights_only=True)["tutor"]
        self.model, self.average = build(self.teacher, arguments.seed), build(None, 0).eval()
        nn.ModuleList([self.model, self.average]).to(self.device)
        self.trainee = Trainee(self.model, compiled=arguments.compile)
        self.optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98), weight_decay=0.01)
        self.step, self.spent, self.heard = 0, 0.0, 0.0
        self._restore()

    def _groups(self) -> list[dict]:
        groups: dict[str, list] = {"front": [], "position": [], "body": [], "head": []}
        if self.arguments.stage == "tutor":
            *layers, weight, bias = self.teacher.trainable()
            groups["body"], groups["head"] = layers, [weight, bias]
        else:
            for name, parameter in self.model.named_parameters():
                groups[part(name)].append(parameter)
        rates = {name: self.options.get(f"{name}_rate", 0.0) for name in groups}
        for parameter in (p for name, rate in rates.items() if rate == 0 for p in groups[name]):
            parameter.requires_grad_(False)
        return [dict(params=groups[k], lr=rate, peak=rate) for k, rate in rates.items() if rate > 0]

    def _restore(self) -> None:
        own = self.folder / "state.pt"
        if own.exists():
            state = torch.load(own, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            with torch.no_grad():
                for key, value in state["tutor"].items():
                    self.teacher.weights[key].copy_(value)
            self.step, self.spent, self.heard = state["step"], state["spent"], state["heard"]
            return
        if self.arguments.start:
            before = torch.load(self.arguments.start, map_location=self.device, weights_only=True)["average"]
            self.model.load_state_dict(before)
        elif self.arguments.stage == "joint":
            start(self.model, self.teacher, speech(self.corpus, self.arguments.seed))
        self.average.load_state_dict(self.model.state_dict())

    def save(self) -> None:
        """Write the state to a new file and move it into place: a kill never leaves half a state."""
        state = dict(model=self.model.state_dict(), average=self.average.state_dict(), step=self.step)
        state |= dict(optimiser=self.optimiser.state_dict(), spent=self.spent, heard=self.heard)
        state["tutor"] = {key: value.detach() for key, value in self.teacher.weights.items()}
        torch.save(state, self.folder / "state.new")
        (self.folder / "state.new").replace(self.folder / "state.pt")

    def log(self, **values: float | str) -> None:
        """Append a line to the run's log."""
        line = json.dumps({"stage": self.arguments.stage, "step": self.step, **values})
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def rate(self) -> float:
        """The share of the peak rate: a short rise, then, in the last stage, a cosine to a twentieth."""
        rise = min(1.0, (self.step + 1) / 60)
        if self.arguments.stage == "joint":
            return rise
        done = min(1.0, self.step / self.arguments.steps)
        return rise * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The parts of the stage's loss for a batch; their sum is minimised."""
        waveforms, clean = batch.waveforms.to(self.device), batch.clean.to(self.device)
        stage = self.arguments.stage
        if stage == "tutor":
            *_, last = self.teacher.states(self.teacher.front(waveforms)[:, : frames(waveforms.shape[1])])
            return {"ctc": self._ctc(self.teacher.logits(self.teacher.final(last)), batch)}
        masked = batch.masked.to(self.device) if self.options["mask"] else None
        states, logits = self.trainee(waveforms, masked, self._attention(batch))
        if stage == "ctc" or clean.shape[1] != LONG:
            return {"ctc": self._ctc(logits, batch)}
        with torch.no_grad():
            *inner, last = self.teacher.states(self.teacher.front(clean)[:, : frames(clean.shape[1])])
            targets = [*inner, self.teacher.final(last)]
            expected = self.teacher.logits(targets[-1]).float().log_softmax(dim=-1)
        found = logits.float().log_softmax(dim=-1)
        guided = 1 - self.step / self.arguments.steps  # the tutor's word counts less and less
        errors = [relative_error(x, target) for x, target in zip(states[1:], targets[1:], strict=True)]
        return {
            "ctc": self._ctc(logits, batch),
            "frames": guided * F.kl_div(found, expected, log_target=True, reduction="none").sum(-1).mean(),
        } | {f"state{i}": guided * error / len(errors) for i, error in enumerate(errors, 1)}

    def _attention(self, batch: Batch) -> Tensor | None:
        if batch.waveforms.shape[1] == LONG:
            return None
        inside = torch.arange(batch.masked.shape[1])[None] < batch.valid[:, None]
        return inside[:, None, None, :].to(self.device)

    def _ctc(self, logits: Tensor, batch: Batch) -> Tensor:
        log_probs = logits.float().log_softmax(dim=-1).transpose(0, 1)
        lengths = torch.tensor([len(t) for t in batch.targets])
        targets = torch.cat(batch.targets).to(self.device)
        losses = F.ctc_loss(log_probs, targets, batch.valid, lengths, reduction="none", zero_infinity=True)
        return losses.sum() / lengths.sum().clamp(min=1)

    def train(self) -> None:
        """Run the stage to its last step."""
        a, o = self.arguments, self.options
        data = Batches(self.corpus, a.seed, a.steps, a.seconds, o["strength"], o["mask"])
        rest = Subset(data, range(self.step, a.steps))
        loader = DataLoader(rest, batch_size=None, num_workers=a.workers, prefetch_factor=8)
        parts: list[dict[str, float]] = []
        started = time.time()
        self.trainee.train()
        for batch in loader:
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * self.rate()
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
                losses = self.losses(batch)
            self.optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            # Each group by itself: the filter bank's gradients are a thousand times those of the layers.
            norms = [nn.utils.clip_grad_norm_(group["params"], 1.0) for group in self.optimiser.param_groups]
            norm = torch.stack(norms).max()
            if torch.isfinite(norm):
                self.optimiser.step()
            self._follow()
            self.step += 1
            self.heard += batch.waveforms.numel() / 16_000
            parts.append({k: v.item() for k, v in losses.items()} | {"norm": norm.item()})
            if self.step % 25 == 0:
                now = time.time()
                self.spent, started = self.spent + now - started, now
                means = {k: float(np.mean([p[k] for p in parts if k in p])) for k in sorted({k for p in parts for k in p})}
                self.log(**{k: round(v, 4) for k, v in means.items()}, hours=self.heard / 3600, minutes=self.spent / 60)
                parts.clear()
            if self.step % a.every == 0 or self.step == a.steps:
                self.check()
                started = time.time()

    def _follow(self) -> None:
        """Move the average towards the weights, faster at first."""
        decay = min(0.998, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            theirs = self.model.state_dict()
            for name, value in self.average.state_dict().items():
                value.lerp_(theirs[name], 1 - decay)

    def check(self) -> None:
        """Save, and score on the development speakers: the averaged student, or the tutor."""
        self.save()
        began = time.time()
        tutored = self.arguments.stage == "tutor"
        wer, cer = score(self.tutor_logits if tutored else self.student_logits, self.corpus, self.arguments.dev)
        self.log(dev_wer=round(wer, 4), dev_cer=round(cer, 4), check_seconds=round(time.time() - began, 1))

    def student_logits(self, samples: Tensor) -> Tensor:
        """(1, N) unit-variance samples to (1, T, V), by the averaged student."""
        return self.average(samples.to(self.device)).logits

    def tutor_logits(self, samples: Tensor) -> Tensor:
        """(1, N) unit-variance samples to (1, T, V), by the tutor."""
        last = self.teacher.states(self.teacher.front(samples.to(self.device)))[LAYERS - 1]
        return self.teacher.logits(self.teacher.final(last))


def part(name: str) -> str:
    """Tell which rate a parameter of the student learns at."""
    if "feature_" in name:
        return "front"
    if "pos_conv" in name or "masked_spec" in name:
        return "position"
    return "head" if "lm_head" in name else "body"


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
    parser.add_argument("--tutor", type=Path, help="state.pt of the tutor stage")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=68, help="audio per step")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--teacher", type=Path, default=Path("training/teacher/model.bin"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=250, help="steps between checks")
    parser.add_argument("--dev", type=int, default=60, help="development utterances in a check")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    torch._dynamo.config.cache_size_limit = 64
    Run(parser.parse_args()).train()


if __name__ == "__main__":
    main()
