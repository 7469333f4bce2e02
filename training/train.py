"""Train w2v-mini, one stage at a time; every stage goes on from the newest state in its run folder.

Stage ``front`` regresses Whisper's two convolutions from the raw waveform. Stage ``joint`` trains all
layers on CTC with the teacher's inner states as a guide; stage ``ctc`` on CTC alone, distorted.
"""

import argparse
import json
import math
import time
from pathlib import Path

import jiwer
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset
from transformers import Wav2Vec2ForCTC

from training.augment import normalise
from training.batches import LONG, Batch, Batches, frames
from training.corpora import Corpus
from training.student import LABELS, Trainee, build
from training.teacher import Teacher

GUIDED = (1, 2)  # the layers whose output hardly depends on the absolute position, which wav2vec 2.0 does not know
POSITION = 250  # the teacher's position code starts here: away from the special first frames
STAGES = {
    "front": dict(front_rate=2e-3, body_rate=0.0, head_rate=0.0, guide=0.0, ctc=0.0, strength=0.3, mask=0.0),
    "joint": dict(front_rate=1e-3, body_rate=4e-4, head_rate=3e-3, guide=1.0, ctc=1.0, strength=0.5, mask=0.05),
    "ctc": dict(front_rate=4e-4, body_rate=2.5e-4, head_rate=5e-4, guide=0.0, ctc=1.0, strength=1.0, mask=0.15),
}


def guide_loss(x: Tensor, target: Tensor) -> Tensor:
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
        self.model = build(self.teacher, arguments.seed)
        self.average = build(None, 0).eval()
        torch.nn.ModuleList([self.model, self.average]).to(self.device)
        self.trainee = Trainee(self.model, compiled=arguments.compile)
        self.optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98), weight_decay=0.01)
        self.step, self.spent, self.heard = 0, 0.0, 0.0
        self._restore()

    def _groups(self) -> list[dict]:
        o = self.options
        rates = {"front": o["front_rate"], "body": o["body_rate"], "head": o["head_rate"]}
        groups: dict[str, list] = {"front": [], "body": [], "head": []}
        for name, parameter in self.model.named_parameters():
            front = "feature_" in name or "pos_conv" in name or "masked_spec" in name
            groups["head" if "lm_head" in name else "front" if front else "body"].append(parameter)
        return [dict(params=groups[k], lr=rates[k], peak=rates[k]) for k in groups if rates[k] > 0]

    def _restore(self) -> None:
        state_file = self.folder / "state.pt"
        source = state_file if state_file.exists() else self.arguments.start
        if source is None:
            self.average.load_state_dict(self.model.state_dict())
            return
        state = torch.load(source, map_location=self.device, weights_only=True)
        if source == state_file:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.spent, self.heard = state["step"], state["spent"], state["heard"]
        else:
            self.model.load_state_dict(state["average"])
            self.average.load_state_dict(state["average"])

    def save(self) -> None:
        """Write the state to a new file and move it into place: a kill never leaves half a state."""
        state = dict(model=self.model.state_dict(), average=self.average.state_dict(), step=self.step)
        state |= dict(optimiser=self.optimiser.state_dict(), spent=self.spent, heard=self.heard)
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
        done = self.step / self.arguments.steps
        return rise * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The stage's loss for a batch, and its parts."""
        o = self.options
        waveforms, clean = batch.waveforms.to(self.device), batch.clean.to(self.device)
        masked = batch.masked.to(self.device) if o["mask"] else None
        if self.arguments.stage == "front":
            with torch.no_grad():
                target = self.teacher.front(clean)[:, : frames(clean.shape[1])]
            x = self.trainee.front(waveforms, None)
            value = guide_loss(x, target + self._mean_position())
            return value, {"front": value.item()}
        x, states, logits = self.trainee(waveforms, masked, self._attention(batch))
        parts = {"ctc": self._ctc(logits, batch)}
        if o["guide"] and clean.shape[1] == LONG:
            with torch.no_grad():
                front = self.teacher.front(clean)[:, : x.shape[1]]
                guide = self.teacher.states(front, POSITION, max(GUIDED) + 1)
            losses = [guide_loss(x, front + self._mean_position())]
            losses += [guide_loss(states[k], guide[k]) for k in GUIDED]
            parts["guide"] = torch.stack(losses).mean()
        total = parts["ctc"] + o["guide"] * (1 - self.step / self.arguments.steps) * parts.get("guide", 0.0)
        return total, {k: v.item() for k, v in parts.items()}

    def _mean_position(self) -> Tensor:
        return self.teacher.weights["position_encodings/encodings"][POSITION : POSITION + 800].mean(dim=0)

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
        """Run the stage to its last step, or until its share of minutes is spent."""
        a, o = self.arguments, self.options
        data = Batches(self.corpus, a.seed, a.steps, a.seconds, o["strength"], o["mask"])
        loader = DataLoader(Subset(data, range(self.step, a.steps)), batch_size=None, num_workers=a.workers, prefetch_factor=8)
        parts: list[dict[str, float]] = []
        started = time.time()
        self.trainee.train()
        for batch in loader:
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * self.rate()
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
                value, detail = self.loss(batch)
            self.optimiser.zero_grad()
            value.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0 if a.stage == "front" else 1.0)
            if torch.isfinite(norm):
                self.optimiser.step()
            self._follow()
            self.step += 1
            self.heard += batch.waveforms.numel() / 16_000
            parts.append(detail)
            if self.step % 25 == 0:
                now = time.time()
                self.spent, started = self.spent + now - started, now
                means = {k: round(float(np.mean([p[k] for p in parts if k in p])), 4) for k in {k for p in parts for k in p}}
                self.log(
                    **means, norm=round(norm.item(), 2), hours=round(self.heard / 3600, 3), minutes=round(self.spent / 60, 2)
                )
                parts.clear()
            if self.step % a.every == 0 or self.step == a.steps:
                self.check()
                started = time.time()
        self.save()

    def _follow(self) -> None:
        """Move the average towards the weights, faster at first."""
        decay = min(0.998, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            ours, theirs = self.average.state_dict(), self.model.state_dict()
            for name, value in ours.items():
                value.lerp_(theirs[name], 1 - decay)

    def check(self) -> None:
        """Save, and score the averaged model on the development speakers."""
        self.save()
        if self.options["ctc"]:
            began = time.time()
            wer, cer = score(self.average, self.corpus, self.device, limit=self.arguments.dev)
            self.log(dev_wer=round(wer, 4), dev_cer=round(cer, 4), check_seconds=round(time.time() - began, 1))


@torch.no_grad()
def score(model: Wav2Vec2ForCTC, corpus: Corpus, device: str, limit: int) -> tuple[float, float]:
    """WER and CER of greedy decoding on the development part, one utterance at a time."""
    references, hypotheses = [], []
    for utterance in corpus.dev[:: max(1, len(corpus.dev) // limit)]:
        samples = torch.from_numpy(normalise(corpus.samples(utterance)))[None].to(device)
        best = model(samples).logits[0].argmax(dim=-1).unique_consecutive().tolist()
        text = "".join(LABELS[i] for i in best if i >= 4).replace("|", " ")
        references.append(utterance.text)
        hypotheses.append(" ".join(text.split()))
    return jiwer.wer(references, hypotheses), jiwer.cer(references, hypotheses)


def main() -> None:
    """Parse the command line and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--run", type=Path, required=True, help="folder of this stage's state and log")
    parser.add_argument("--start", type=Path, help="state.pt of the stage before")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=51, help="audio per step")
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
