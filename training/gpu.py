"""Train w2v-mini on a GPU within ten minutes: ``python -m training.gpu --packed FOLDER --minutes 8``.

All data are in the memory of the device. The speech (`training.pack`) is decoded once by all cores. Synthetic voices
(`training.read_aloud`) read texts until there is enough speech. Batches are made by `training.device_batches`. The
student may get more layers than the weights that it starts from. The loss is CTC, plus that of CR-CTC for two views of each
row.

A line is logged every ten seconds, the development error every minute. At the end the average of the weights is saved in
float16, in files of less than 15 MB: ``python -m training.gpu --join FOLDER --target CHECKPOINT`` makes a checkpoint of them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from training.device_batches import Plan, Planner, Speech, Utterance, distort, gather, hide
from training.optimisers import optimisers
from training.pack import unpack
from training.position import FRAMES, OFFSET
from training.read_aloud import kokoro_reads, piper_reads
from training.rows import LONG, RATE, disagreement, frames
from training.student import Trainee, build, depth, grow, shipped
from training.teacher import HIDDEN, LABELS

PIECE_BYTES = 15_000_000
WARM_UP, HOLD, LAST_RATE = 0.03, 0.3, 0.02  # shares of the time, and of the peak rate
CALM = 0.7  # the share of the time after which distortion and masking fall to half
DECAY = 0.9  # of the rate, from one layer to the next lower one


class Run:
    """One training run."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.a = arguments
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.bfloat16 = self.device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
        torch.backends.cudnn.allow_tf32 = False  # the front end needs float32
        torch.manual_seed(arguments.seed)
        arguments.run.mkdir(parents=True, exist_ok=True)
        arguments.output.mkdir(parents=True, exist_ok=True)
        start = shipped(arguments.start)
        self.layers = arguments.layers
        self.views = 2 if arguments.consistency else 1
        self.model, self.average = build(None, 0, self.layers), build(None, 0, self.layers).eval()
        self.model.load_state_dict(grow(start, self.layers))
        self.average.load_state_dict(self.model.state_dict())
        for layer in self.model.wav2vec2.encoder.layers:
            parts: Any = layer
            parts.dropout.p = parts.feed_forward.output_dropout.p = arguments.dropout
        with torch.no_grad():
            constant = torch.full((1, FRAMES, HIDDEN), -OFFSET)
            code = self.model.wav2vec2.encoder.pos_conv_embed(constant)[0] - OFFSET
        self.trainee = Trainee(self.model, code, compiled=False)
        self.listener = Trainee(self.average, code, compiled=False).eval()
        nn.ModuleList([self.trainee, self.listener]).to(self.device)
        if arguments.compile:
            for layer in self.model.wav2vec2.encoder.layers:
                layer.compile(dynamic=False)
            self.trainee._layers = list(self.model.wav2vec2.encoder.layers)
        self.optimisers = optimisers(self.model, self._rate, muon=1.2)
        self.followed = [
            (mine, theirs)
            for mine, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True)
            if theirs.requires_grad
        ]
        self.step, self.heard, self.before, self.began = 0, 0.0, 0.0, 0.0
        self._restore()

    def _rate(self, name: str) -> float:
        if "lm_head" in name:
            return self.a.rate
        if "encoder.layer" not in name:
            return 0.0
        above = self.layers - 1 - int(name.split(".")[3]) if "encoder.layers" in name else 0
        return self.a.rate * DECAY**above

    def _restore(self) -> None:
        if not (path := self.a.run / "state.pt").exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.heard, self.before = state["step"], state["heard"], state["seconds"]

    def save(self) -> None:
        """Save the average, and the state from which the same command continues."""
        state = dict(model=self.model.state_dict(), average=self.average.state_dict(), step=self.step, heard=self.heard)
        state |= dict(optimisers=[o.state_dict() for o in self.optimisers], seconds=self.seconds())
        torch.save(state, self.a.run / "state.new")
        (self.a.run / "state.new").replace(self.a.run / "state.pt")
        learned = {n for n, p in self.model.named_parameters() if p.requires_grad}
        weights = {n: v.half().contiguous().cpu() for n, v in self.average.state_dict().items() if n in learned}
        save_parts(weights, self.a.output)

    def log(self, **values: Any) -> None:
        """Print a line, and append it to the log."""
        line = json.dumps({"step": self.step, "seconds": round(self.seconds(), 1)} | values)
        print(line, flush=True)
        with (self.a.output / "log.jsonl").open("a") as file:
            file.write(line + "\n")

    def seconds(self) -> float:
        """Return for how long the run has trained."""
        return self.before + time.perf_counter() - self.began if self.began else self.before

    def load_speech(self) -> None:
        """Decode the pieces and let the voice read, onto the device."""
        clips = unpack(self.a.packed, self.a.limit)
        voices = sum(voice is not None for voice in (self.a.kokoro, self.a.voice))
        room = sum(len(clip.samples) for clip in clips) + int(voices * (self.a.voice_hours * 1.05 + 0.05) * 3600 * RATE)
        self.speech = Speech(torch.zeros(room, dtype=torch.int16, device=self.device))
        for corpus, development in sorted({(clip.corpus, clip.development) for clip in clips}):
            here = [c for c in clips if (c.corpus, c.development) == (corpus, development)]
            scales = [1 / max(1.0, float(c.samples.astype(np.float32).std())) for c in here]
            samples = torch.from_numpy(np.concatenate([c.samples for c in here]))
            lengths, pauses = [len(c.samples) for c in here], [c.pauses for c in here]
            self.speech.add(samples, corpus, [c.text for c in here], lengths, scales, development, pauses)
        self.log(what="decoded", hours=self.speech.used / RATE / 3600)
        for name, reads, voice in (("kokoro", kokoro_reads, self.a.kokoro), ("voice", piper_reads, self.a.voice)):
            if voice and self.a.voice_hours:
                reads(self.speech, voice, self.a.phonemes, self.a.voice_hours, self.a.voice_seconds, self.a.seed)
                clips = self.speech.corpora[name]
                self.log(what="read aloud", voice=name, hours=sum(u.length for u in clips) / RATE / 3600, clips=len(clips))

    def gone(self) -> float:
        """Return the share of the time that has passed."""
        return min(1.0, self.seconds() / (self.a.minutes * 60))

    def loss(self, plan: Plan, calm: float) -> tuple[Tensor, Tensor]:
        """Return the loss of a step per character, and the part of CTC in it; ``calm`` scales distortion and masking."""
        with torch.no_grad():
            clean, piece = gather(self.speech.samples, plan)
            waveforms = torch.cat([distort(clean, piece, plan, self.a.strength * calm) for _ in range(self.views)])
            valid = plan.valid.to(self.device).repeat(self.views)
            count = frames(plan.size)
            masked = hide(valid, count, self.a.mask * calm)
            first = plan.first.to(self.device).repeat(self.views)
        inside = None if plan.size == LONG else (torch.arange(count, device=self.device) < valid[:, None])[:, None, None]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.trainee(waveforms, masked, inside, first)
        log_probs = logits.float().log_softmax(dim=-1).transpose(0, 1)
        targets, lengths = plan.targets.to(self.device).repeat(self.views, 1), plan.target_lengths.repeat(self.views)
        ctc = F.ctc_loss(log_probs, targets, plan.valid.repeat(self.views), lengths, reduction="sum", zero_infinity=True)
        total = ctc + self.a.consistency * disagreement(log_probs, valid) if self.views == 2 else ctc
        characters = max(1, int(lengths.sum()))  # lengths are on the CPU: nothing waits for the device
        return total / characters, ctc.detach() / characters

    def train(self) -> None:
        """Train until the time is up."""
        planner = Planner(self.speech, self.a.seed + self.step, self.a.seconds / self.views)
        self.trainee.train()
        torch.backends.cudnn.benchmark = True  # two shapes only
        for short in (False, True):  # both shapes are compiled before the time runs
            self.loss(planner.plan(short), 1.0)[0].backward()
        self.log(what="compiled")
        self.began = time.perf_counter()
        shown, checked, total, count, heard = self.seconds(), self.seconds(), torch.zeros((), device=self.device), 0, self.heard
        while (gone := self.gone()) < 1:
            rate = min(1.0, gone / WARM_UP) * min(1.0, LAST_RATE + (1 - LAST_RATE) * (1 - gone) / (1 - HOLD))
            calm = 1.0 if gone < CALM else 1.0 - 0.5 * (gone - CALM) / (1 - CALM)
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = group["peak"] * rate
            plan = planner.next()
            loss, ctc = self.loss(plan, calm)
            self.model.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.requires_grad], 1.0)
            for optimiser in self.optimisers:
                optimiser.step()
            self._follow()
            self.step += 1
            self.heard += self.views * plan.size * len(plan.first) / RATE
            total, count = total + ctc, count + 1
            if self.seconds() - shown > self.a.log_seconds:
                mean = (total / count).item()  # waits for the device
                speed = (self.heard - heard) / (self.seconds() - shown)
                self.log(
                    ctc=round(mean, 4),
                    norm=round(norm.item(), 3),
                    hours=round(self.heard / 3600, 2),
                    audio_s_per_s=round(speed),
                )
                if not np.isfinite(mean):
                    raise SystemExit("The loss is not a number. The last saved average is from before.")
                shown, heard, count = self.seconds(), self.heard, 0
                total = torch.zeros((), device=self.device)
            if self.seconds() - checked > self.a.check_seconds:
                self.check()
                shown, checked, heard = self.seconds(), self.seconds(), self.heard
        self.check()
        with torch.compiler.set_stance("force_eager"):  # nothing is compiled for a single use
            self.log(what="without averaging", **self.score(self.trainee))

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.a.average, (1 + self.step) / (10 + self.step))
        for mine, theirs in self.followed:
            mine.lerp_(theirs, 1 - decay)

    def check(self) -> None:
        """Save, and score the average on the development speakers."""
        began = time.perf_counter()
        self.save()
        self.log(**self.score(self.listener), check_seconds=round(time.perf_counter() - began, 1))

    @torch.inference_mode()
    def score(self, student: Trainee) -> dict[str, float]:
        """WER and CER of greedy decoding on the development speakers, and WER for each of their two corpora."""
        student.eval()
        order = sorted(self.speech.development, key=lambda pair: pair[0].length)[:: max(1, self.a.thin)]
        found: list[str] = []
        for i in range(0, len(order), self.a.dev_batch):
            found += self._texts(student, [utterance for utterance, _ in order[i : i + self.a.dev_batch]])
        said = [text for _, text in order]
        student.train(student is self.trainee)
        if not said:
            return {}
        return dict(dev_wer=round(jiwer.wer(said, found), 4), dev_cer=round(jiwer.cer(said, found), 4), dev_clips=len(said))

    def _texts(self, student: Trainee, utterances: list[Utterance]) -> list[str]:
        longest = max(u.length for u in utterances)
        rows = torch.zeros(len(utterances), longest, device=self.device)
        for row, u in zip(rows, utterances, strict=True):
            samples = self.speech.samples[u.start : u.start + u.length].float()
            row[: u.length] = (samples - samples.mean()) / (samples.std() + 1e-3)
        valid = torch.tensor([frames(u.length) for u in utterances], device=self.device)
        inside = (torch.arange(frames(longest), device=self.device) < valid[:, None])[:, None, None]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = student(rows, None, inside, torch.zeros_like(valid))
        texts = []
        for best, count in zip(logits.argmax(dim=-1).cpu(), valid.tolist(), strict=True):
            labels = best[:count].unique_consecutive().tolist()
            texts.append(" ".join("".join(LABELS[i] for i in labels if i >= 4).replace("|", " ").split()))
        return texts


def save_parts(weights: dict[str, Tensor], folder: Path) -> None:
    """Save tensors in files of less than 15 MB."""
    parts: list[dict[str, Tensor]] = [{}]
    for name, value in weights.items():
        if sum(v.nbytes for v in parts[-1].values()) + value.nbytes > PIECE_BYTES:
            parts.append({})
        parts[-1][name] = value
    for number, part in enumerate(parts):
        save_file(part, folder / f"average-{number}.safetensors")


def join(folder: Path, start: Path, target: Path) -> None:
    """Make a state that `training.export` and `training.mean` read, of saved parts and of the start's frozen weights."""
    learned: dict[str, Tensor] = {}
    for part in sorted(folder.glob("average-*.safetensors")):
        learned |= load_file(part)
    weights = grow(shipped(start), depth(learned))
    missing = [name for name in learned if name not in weights]
    if missing:
        raise SystemExit(f"{start} has no {missing[0]}")
    torch.save(dict(average=weights | {name: value.float() for name, value in learned.items()}), target)


def main() -> None:
    """Parse the command line, and train or join."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packed", type=Path, default=Path("training/packed"), help="folder of training.pack")
    parser.add_argument("--start", type=Path, default=Path("w2vkit/checkpoints/w2v-mini"))
    parser.add_argument("--voice", type=Path, help="file of training.voice")
    parser.add_argument("--kokoro", type=Path, help="folder of training.kokoro")
    parser.add_argument("--phonemes", type=Path, help="file of training.phonemes")
    parser.add_argument("--voice-hours", type=float, default=0.0, help="speech to synthesise by each voice")
    parser.add_argument("--voice-seconds", type=float, default=60.0, help="time for it, at most")
    parser.add_argument("--run", type=Path, default=Path("training/runs/gpu"), help="folder of the state")
    parser.add_argument("--output", type=Path, default=Path("training/runs/gpu"), help="folder of the log and the average")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, after the speech is loaded")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1632, help="sound in a step")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--strength", type=float, default=0.35, help="of the distortion, from 0 to 1")
    parser.add_argument("--mask", type=float, default=0.2, help="share of the frames that are hidden")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--consistency", type=float, default=0.2, help="weight of CR-CTC; 0: each row is heard once")
    parser.add_argument("--average", type=float, default=0.999, help="decay of the average of the weights, per step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=torch.cuda.is_available())
    parser.add_argument("--log-seconds", type=float, default=10)
    parser.add_argument("--check-seconds", type=float, default=60)
    parser.add_argument("--dev-batch", type=int, default=64)
    parser.add_argument("--thin", type=int, default=1, help="score only every n-th development clip")
    parser.add_argument("--limit", type=int, help="use so many utterances only, for a quick look")
    parser.add_argument("--join", type=Path, help="make a state of the parts in this folder, and end")
    parser.add_argument("--target", type=Path, help="the state that --join writes")
    arguments = parser.parse_args()
    if arguments.join:
        join(arguments.join, arguments.start, arguments.target)
        return
    began = time.perf_counter()
    run = Run(arguments)
    run.log(what="settings", **{k: v for k, v in vars(arguments).items() if isinstance(v, int | float | str)})
    run.load_speech()
    run.log(what="ready", after=round(time.perf_counter() - began, 1), device=str(run.device))
    run.train()


if __name__ == "__main__":
    main()
