"""Many heads on one frozen backbone, trained together: each trial as if it ran alone, all of them as a few products.

Trials that share a seed, a batch size, a length and an optimizer share their order, their dropout's draws and their
first head. What differs (rate, schedule, dropout, weight decay, clipping, smoothing) is a number a trial.

Letters: A trials, B sentences of a batch, N of a split, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrscope.config import TrialConfig
from lrscope.data.batches import plan_epoch
from lrscope.number_text import counted
from lrscope.randomness import derive_seed
from lrscope.records import EvaluationRecord, Metric, Outcome, Status, epoch_of
from lrscope.store.blobs import STEP
from lrscope.tasks.base import LinearHead
from lrscope.training.early_stopping import should_stop
from lrscope.training.study_inputs import StudyInputs


def bundles(trials: Sequence[TrialConfig]) -> list[list[int]]:
    """Return the places of trials that can be trained together."""
    groups: dict[tuple[int, int, int, str], list[int]] = {}
    for place, trial in enumerate(trials):
        groups.setdefault((trial.seed, trial.batch_size, trial.epochs, trial.optimizer), []).append(place)
    return list(groups.values())


class HeadBundle:
    """Trials of one seed, batch size, length and optimizer on the features of a frozen backbone.

    `run` trains them and yields at every evaluation; `outcomes` is what each came to.
    """

    def __init__(self, inputs: StudyInputs, features: Mapping[str, Tensor], trials: Sequence[TrialConfig]) -> None:
        self.inputs, self.features, self.trials = inputs, features, list(trials)
        self.task = inputs.task
        self.metric: Metric = self.task.metric
        head = self.task.linear_head(inputs.data)
        assert head is not None, "heads are trained together where their task knows how"
        self.head: LinearHead = head
        first = trials[0]
        train = inputs.encoded["train"]
        self.targets_N = torch.from_numpy(train.targets)
        self.schedules = [trial.resolve_schedule(train.size) for trial in trials]
        self.per_epoch, self.total = self.schedules[0].steps_per_epoch, self.schedules[0].total_steps
        (head_CD,) = (p.detach().float().cpu() for p in inputs.build_model(first).parameters() if p.requires_grad)
        num = len(trials)
        self.w_ACD = head_CD.repeat(num, 1, 1)
        self.m_ACD, self.v_ACD = torch.zeros_like(self.w_ACD), torch.zeros_like(self.w_ACD)
        self.best_ACD = self.w_ACD.clone()
        self.alive_A = torch.ones(num, dtype=torch.bool)
        self.series: NDArray[np.void] = np.zeros((num, self.total), dtype=STEP)
        self.evaluations: list[list[EvaluationRecord]] = [[] for _ in trials]
        self.predictions: list[list[tuple[int, str, NDArray[np.float32]]]] = [[] for _ in trials]
        self.status: list[Status] = ["completed"] * num
        self._planned = -1  # the epoch whose order `_plan` holds
        self.reasons, self.steps = [""] * num, [self.total] * num
        self._column = {
            name: torch.tensor([float(getattr(trial, name)) for trial in trials])
            for name in ("weight_decay", "beta1", "beta2", "epsilon", "clip_norm", "label_smoothing", "head_multiplier")
        }

    def run(self) -> Iterator[int]:
        """Train, yielding the number of steps done at every evaluation."""
        began = perf_counter()
        done = 0
        for end in self.trials[0].evaluation_steps(self.schedules[0].horizon):
            self._train(done, end)
            self._evaluate(end, perf_counter() - began)
            done = end
            yield done
            if not self.alive_A.any():
                break
        self._predict_test()
        self.seconds = (perf_counter() - began) / len(self.trials)

    def outcomes(self) -> list[Outcome]:
        """Return what each trial came to."""
        return [
            Outcome(
                status=self.status[a],
                reason=self.reasons[a],
                step=self.steps[a],
                total_steps=self.total,
                steps_per_epoch=self.per_epoch,
                seconds=self.seconds,
                series=self.series[a, : self.steps[a] + (self.status[a] == "diverged")],
                evaluations=tuple(self.evaluations[a]),
                predictions=tuple(self.predictions[a]),
            )
            for a in range(len(self.trials))
        ]

    def timed(self) -> tuple[float, float]:
        """Return the seconds of a step and of an evaluation, from a few at rate 0: it changes nothing that counts."""
        rows = torch.arange(min(self.trials[0].batch_size, len(self.targets_N)))
        self._sums = self._no_sums()
        nothing = torch.zeros(len(self.trials))
        began = perf_counter()
        for step in range(4):
            self._step(rows, step, nothing)
        a_step = (perf_counter() - began) / 4
        began = perf_counter()
        outputs = self._outputs("dev")
        for a in range(min(4, len(self.trials))):
            self.task.score(outputs[:, a], self.inputs.encoded["dev"])
        an_evaluation = (perf_counter() - began) * len(self.trials) / min(4, len(self.trials))
        return a_step, an_evaluation

    # Steps

    def _no_sums(self) -> dict[str, Tensor]:
        return {name: torch.zeros(len(self.trials), dtype=torch.float64) for name in ("loss", *self.head.metrics)}

    def _train(self, start: int, end: int) -> None:
        """Make the steps between two evaluations."""
        rates_AS = np.stack(
            [t.peak_rate * s.factors(start, end) for t, s in zip(self.trials, self.schedules, strict=True)]
        )
        self._sums, self._count = self._no_sums(), 0
        for step in range(start, end):
            began = perf_counter()
            rows, rates = self._rows(step), rates_AS[:, step - start]
            loss_A, norm_A = self._step(torch.from_numpy(rows), step, torch.from_numpy(rates).float())
            self._count += len(rows)
            self._record(step, rates, loss_A, norm_A, len(rows), perf_counter() - began)

    def _rows(self, step: int) -> NDArray[np.int64]:
        """Return the examples of a step's batch."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._planned:
            first = self.trials[0]
            self._plan = plan_epoch(
                self.inputs.encoded["train"].lengths, first.batch_size, seed=first.seed, epoch=epoch,
                batching=self.inputs.numerics.batching,
            )  # fmt: skip
            self._planned = epoch
        return self._plan[place]

    def _step(self, rows: Tensor, step: int, rate_A: Tensor) -> tuple[Tensor, Tensor]:
        x_BD, targets_B = self.features["train"][rows], self.targets_N[rows]
        B, num = len(rows), len(self.trials)
        grad_ACD = torch.empty_like(self.w_ACD)
        loss_A = torch.empty(num)
        generator = torch.Generator().manual_seed(derive_seed(self.trials[0].seed, "dropout", step))
        draws_BD = torch.rand(B, x_BD.shape[1], generator=generator)
        for share, arms in self._by_dropout().items():
            inputs_BD = x_BD if share == 0.0 else x_BD * (draws_BD >= share).float().div_(1.0 - share)
            w = self.w_ACD[arms]
            a, C, D = w.shape
            logits_BaC = (inputs_BD @ w.view(a * C, D).T).view(B, a, C)
            settings_a = {name: column[arms] for name, column in self._column.items()}
            loss_A[arms], flow_BaC, measured = self.head.loss(logits_BaC, targets_B, settings_a)
            for name, sums_a in measured.items():
                self._sums[name][arms] += sums_a
            grad_ACD[arms] = (flow_BaC.view(B, a * C).T @ inputs_BD).view(a, C, D) / B
        self._sums["loss"] += loss_A.double()
        norm_A = grad_ACD.flatten(1).norm(dim=1)
        self._update(grad_ACD, norm_A, loss_A, rate_A, step)
        return loss_A / B, norm_A

    def _update(self, grad_ACD: Tensor, norm_A: Tensor, loss_A: Tensor, rate_A: Tensor, step: int) -> None:
        """Update the trials that go on, as torch's optimizer of this name would."""
        finite_A = torch.isfinite(loss_A) & torch.isfinite(norm_A)
        go = (self.alive_A & finite_A)[:, None, None]
        clip = self._column["clip_norm"]
        scale_A = torch.where((clip > 0) & (norm_A > clip), clip / norm_A, torch.ones_like(norm_A))
        rate = (rate_A * self._column["head_multiplier"])[:, None, None]
        updates = {"adamw": self._adamw, "sgd": self._sgd}
        w, m, v = updates[self.trials[0].optimizer](grad_ACD * scale_A[:, None, None], rate, step)
        self.m_ACD, self.v_ACD = torch.where(go, m, self.m_ACD), torch.where(go, v, self.v_ACD)
        self.w_ACD = torch.where(go, w, self.w_ACD)

    def _sgd(self, grad_ACD: Tensor, rate: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        c = {name: value[:, None, None] for name, value in self._column.items()}
        grad_ACD = grad_ACD + c["weight_decay"] * self.w_ACD
        m = grad_ACD if step == 0 else c["beta1"] * self.m_ACD + grad_ACD
        return self.w_ACD - rate * m, m, self.v_ACD

    def _adamw(self, grad_ACD: Tensor, rate: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        c = {name: value[:, None, None] for name, value in self._column.items()}
        m = torch.lerp(self.m_ACD, grad_ACD, 1.0 - c["beta1"])
        v = self.v_ACD * c["beta2"] + grad_ACD.square() * (1.0 - c["beta2"])
        steps_done = step + 1
        first = 1.0 - c["beta1"] ** steps_done
        second = (1.0 - c["beta2"] ** steps_done).sqrt()
        w = self.w_ACD * (1.0 - rate * c["weight_decay"]) - rate / first * m / (v.sqrt() / second + c["epsilon"])
        return w, m, v

    def _record(
        self, step: int, rates: NDArray[np.float64], loss_A: Tensor, norm_A: Tensor, count: int, seconds: float
    ) -> None:
        column = self.series[:, step]
        column["learning_rate"], column["loss"], column["count"] = rates, loss_A.double().numpy(), count
        column["gradient_norm"], column["seconds"] = norm_A.double().numpy(), seconds / len(self.trials)
        diverged = self.alive_A & ~(torch.isfinite(loss_A) & torch.isfinite(norm_A))
        for a in diverged.nonzero()[:, 0].tolist():
            self.series[a, step]["diverged"] = 1
            what, value = ("loss", loss_A[a]) if not torch.isfinite(loss_A[a]) else ("gradient", norm_A[a])
            self.status[a], self.steps[a] = "diverged", step
            self.reasons[a] = f"{what} became {float(value)} at step {step + 1}, learning rate {rates[a]:.3g}"
            self.alive_A[a] = False

    def _by_dropout(self) -> dict[float, Tensor]:
        shares: dict[float, list[int]] = {}
        for a, trial in enumerate(self.trials):
            shares.setdefault(trial.dropout, []).append(a)
        return {share: torch.tensor(places) for share, places in shares.items()}

    # Evaluations

    def _evaluate(self, step: int, seconds: float) -> None:
        epoch = epoch_of(step, self.per_epoch)
        train, dev = self.inputs.encoded["train"], self.inputs.encoded["dev"]
        outputs_NAC = self._outputs("dev")
        full = self._outputs("train") if any(t.train_metrics == "full" for t in self.trials) else None
        for a in self.alive_A.nonzero()[:, 0].tolist():
            trial, records = self.trials[a], self.evaluations[a]
            means = {name: float(sums[a]) / self._count for name, sums in self._sums.items()}
            records.append(EvaluationRecord(step, epoch, "train", means, 0.0))
            if full is not None and trial.train_metrics == "full":
                metrics = self.task.score(full[:, a], train).metrics
                records.append(EvaluationRecord(step, epoch, "train-full", metrics, 0.0))
            evaluation = self.task.score(outputs_NAC[:, a], dev)
            values = self._values(a)
            best = self.metric.best_index(values)
            improved = self.metric.better(evaluation.metrics[self.metric.name], None if best is None else values[best])
            records.append(
                EvaluationRecord(step, epoch, "dev", evaluation.metrics, seconds, evaluation.scores, improved)
            )
            if improved:
                self.best_ACD[a] = self.w_ACD[a]
            if step < self.total and should_stop(self.metric, self._values(a), trial.patience):
                self.status[a], self.steps[a], self.alive_A[a] = "stopped", step, False
                self.reasons[a] = f"dev {self.metric.name} has not improved for {counted(trial.patience, 'evaluation')}"
            self._update_plateau(a)

    def _update_plateau(self, a: int) -> None:
        sign = self.metric.sign
        dev = [record for record in self.evaluations[a] if record.split == "dev"]
        history = [(record.step, sign * record.metrics[self.metric.name]) for record in dev]
        self.schedules[a] = self.schedules[a].with_history(history)

    def _values(self, a: int) -> list[float]:
        return [record.metrics[self.metric.name] for record in self.evaluations[a] if record.split == "dev"]

    def _outputs(self, split: str, w_ACD: Tensor | None = None) -> NDArray[np.float32]:
        w = self.w_ACD if w_ACD is None else w_ACD
        A, C, D = w.shape
        return self.head.outputs((self.features[split] @ w.view(A * C, D).T).view(-1, A, C))

    def _predict_test(self) -> None:
        if "test" not in self.features:
            return
        last, best = self._outputs("test"), self._outputs("test", self.best_ACD)
        for a in range(len(self.trials)):
            dev = [record for record in self.evaluations[a] if record.split == "dev"]
            if self.status[a] != "diverged":
                self.predictions[a].append((self.steps[a], "test", last[:, a]))
            improved = [record.step for record in dev if record.improved]
            if improved and improved[-1] != self.steps[a]:
                self.predictions[a].append((improved[-1], "test", best[:, a]))
