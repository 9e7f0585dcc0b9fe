"""Logs with printed dictionaries: what the libraries themselves wrote, held against the states of their trainings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lrscope.errors import DataError
from lrscope.runs.importers import collected
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.dictionary_log import DictionaryLog, runs_of_lines
from lrscope.runs.importers.printed_dictionaries import dictionaries_in
from lrscope.runs.importers.trainer_state import TrainerState
from lrscope.runs.notes import EpochRepeated, SeedsUnnamed
from lrscope.runs.run import Run
from lrscope.runs.sources import importer_of, read_runs

LOGS = Path(__file__).parent.parent / "fixtures" / "logs"


def read(text: str) -> Imported:
    return runs_of_lines(enumerate(text.split("\n"), 1), "a log")


def curve(run: Run, metric: str = "loss") -> list[tuple[float, float]]:
    return run.series("dev", metric)


def train_line(epoch: float, rate: float = 1e-4, loss: float = 1.0) -> str:
    return f"{{'loss': {loss}, 'grad_norm': 1.0, 'learning_rate': {rate}, 'epoch': {epoch}}}"


def dev_line(epoch: float | None, loss: float, size: int = 100) -> str:
    at = "" if epoch is None else f", 'epoch': {epoch}"
    return f"{{'eval_loss': {loss}, 'eval_runtime': 2.0, 'eval_samples_per_second': {size / 2}{at}}}"


END = "{'train_runtime': 10.0, 'train_samples_per_second': 1.0, 'train_loss': 1.0, 'epoch': 1.0}"


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.log")), ids=lambda path: path.stem)
def test_a_console_tells_what_the_state_of_its_training_tells(path: Path) -> None:
    assert isinstance(importer_of(path), DictionaryLog)
    imported = DictionaryLog().read(path)
    states = sorted(LOGS.glob(f"{path.stem}*.trainer_state.json"))
    assert len(imported.runs) == len(states) > 0
    assert not imported.unread
    for run, state in zip(imported.runs, states, strict=True):
        (told,) = TrainerState().read(state).runs
        assert (run.status, run.dev_set) == (told.status, told.dev_set)
        # Two rates of four digits may be too few to read a peak back that the full ones of the state show.
        assert run.rate == told.rate or (path.stem == "no-evaluation-5" and run.rate == 2.692e-4)
        assert [(p.step, p.epoch) for p in run.points] == [
            (p.step, pytest.approx(p.epoch, abs=1e-3)) for p in told.points
        ]
        for mine, theirs in zip(run.points, told.points, strict=True):
            assert mine.splits["dev"] == {k: pytest.approx(v, rel=1e-3) for k, v in theirs.splits["dev"].items()}
        log, known = run.log, told.log
        assert log is not None
        assert known is not None
        assert log.steps.tolist() == known.steps.tolist()
        assert log.total_steps == known.total_steps
        assert np.allclose(log.rates, known.rates, rtol=1e-3, atol=1e-12)
        assert np.allclose(log.losses, known.losses, rtol=1e-3)


def test_a_resumed_training_is_one_run_with_its_repeated_stretch_named() -> None:
    imported = DictionaryLog().read(LOGS / "resumed-5.log")
    assert len(imported.runs) == 1
    (note,) = imported.notes
    assert isinstance(note, EpochRepeated)
    assert note.epoch == 1.286


@pytest.mark.parametrize("between", ["=== lr 2e-4 ===", "***** Running training *****", "Traceback (most recent ...)"])
def test_a_run_begins_where_the_epoch_falls_back_and_something_stands_between(between: str) -> None:
    first = "\n".join(train_line(epoch, 1e-4) for epoch in (0.5, 1.0, 1.5))
    second = "\n".join(train_line(epoch, 2e-4) for epoch in (0.5, 1.0, 1.5, 2.0))
    assert [run.rate for run in read(f"{first}\n{between}\n{second}").runs] == [1e-4, 2e-4]
    assert [run.rate for run in read(f"{first}\n{second}").runs] == [2e-4], "adjacent: the later one counts"
    assert [run.rate for run in read(f"{first}\n{END}\n{second}").runs] == [1e-4, 2e-4], "a summary ends a run"


def test_evaluations_before_and_after_the_training() -> None:
    middle = [train_line(0.5), train_line(1.0), dev_line(1.0, 0.5), END]
    (run,) = read("\n".join([dev_line(None, 2.0), *middle, dev_line(1.0, 0.5001), dev_line(1.0, 0.9, 500)])).runs
    assert curve(run) == [(0.0, 2.0), (1.0, 0.5001)], "another set's value is none of this one's"
    assert run.dev_set.size == 100
    imported = read("\n".join([*middle, dev_line(1.0, 0.9, 500)]))
    assert curve(imported.runs[0]) == [(1.0, 0.5)]
    assert [number for number, _ in imported.unread] == [5]


def test_blocks_of_metrics_are_evaluations_at_the_end() -> None:
    block = "***** eval metrics *****\n  epoch = 1.0\n  eval_f1 = 0.75\n  eval_samples = 872\n  perplexity = 3.5\nbye"
    (run,) = read("\n".join([train_line(0.5), train_line(1.0), END, block])).runs
    assert run.points[-1].splits["dev"] == {"f1": 0.75, "perplexity": 3.5}
    assert run.dev_set.size == 872


def test_settings_come_from_command_lines_and_printed_arguments() -> None:
    command = "accelerate launch train.py \\\n  --learning_rate 2e-4 --seed 7 \\\n  --validation_file data/dev.json"
    (run,) = read(f"{command}\n{train_line(0.5)}\n{train_line(1.0)}").runs
    assert (run.rate, run.seed, run.dev_set.name) == (2e-4, 7, "data/dev.json")
    printed = "TrainingArguments(\n_n_gpu=1,\nlearning_rate=3e-04,\nnum_train_epochs=1.0,\nrun_name=x,\n)"
    (run,) = read(f"{printed}\n{train_line(0.5)}\n{train_line(1.0)}").runs
    assert (run.rate, dict(run.settings)) == (3e-4, {"num_train_epochs": "1.0"})
    (run,) = read(f"python a.py --learning_rate 1e-5\n{train_line(0.5)}\n{train_line(1.0)}").runs
    assert run.rate == 1e-4, "a rate below those that were logged is that of something else"


def test_unsloth_says_how_long_the_training_is() -> None:
    banner = (
        "==((====))==  Unsloth - 2x faster free finetuning | Num GPUs used = 1\n"
        "   \\\\   /|    Num examples = 480 | Num Epochs = 1 | Total steps = 60\n"
        "O^O/ \\_/ \\    Batch size per device = 2 | Gradient accumulation steps = 4\n"
        "\\        /    Data Parallel GPUs = 1 | Total batch size (2 x 4 x 1) = 8\n"
    )
    (run,) = read(banner + "\n".join(train_line(round(step / 60, 2)) for step in range(10, 41, 10))).runs
    assert run.status == "interrupted"
    assert run.log is not None
    assert run.log.steps.tolist() == [10, 20, 30, 40]
    assert run.settings["total_batch_size"] == "8"


def test_loops_of_ones_own_count_epochs_from_zero_and_steps_within_them() -> None:
    lines = [f"{{'epoch': {e}, 'train_loss': 1.0, 'val_loss': {2 - e}, 'val_acc': 0.5, 'lr': [1e-4]}}" for e in (0, 1)]
    (run,) = read("\n".join(lines)).runs
    assert (run.rate, curve(run)) == (1e-4, [(1.0, 2.0), (2.0, 1.0)])
    text = "\n".join(f"Epoch {e}\n{{'step': 0, 'loss': 1.0}}\n{{'step': 10, 'loss': 1.0}}" for e in (1, 2, 3))
    (run,) = read(text).runs
    assert run.log is not None
    assert len(run.log.losses) == 6
    block = "***** Running training *****\n  Num examples = 20\n"
    (run,) = read(block + "epoch 0: {'accuracy': 0.5, 'f1': 0.25}\nepoch 1: {'accuracy': 0.75, 'f1': 0.5}").runs
    assert run.last("dev", "accuracy") == 0.75


def test_what_two_processes_print_is_read_once() -> None:
    lines = [line for epoch in (0.25, 0.5, 0.75, 1.0) for line in [train_line(epoch, loss=1 + epoch)] * 2]
    (run,) = read("\n".join(lines)).runs
    assert run.log is not None
    assert len(run.log.losses) == 4


def test_a_long_log_is_thinned_out_and_keeps_evaluations_and_what_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collected, "MAX_LOGGED", 100)
    lines = ["***** Running training *****", "  Num examples = 3000", "  Total train batch size = 1"]
    lines.append("  Total optimization steps = 3000")
    for step in range(1, 3001):
        lines.append(train_line(step / 3000, 1e-4 * (1 - (step - 1) / 3000), math.nan if step == 1777 else 1.0))
        if step % 300 == 0:
            lines.append(dev_line(step / 3000, 1.0 + step))
    (run,) = read("\n".join(lines)).runs
    assert run.log is not None
    assert 50 <= len(run.log.steps) <= 101
    assert 1777 in run.log.steps.tolist()
    assert [point.step for point in run.points] == list(range(300, 3001, 300))
    assert set(run.log.steps.tolist()) - {1777.0} <= set(map(float, range(0, 3001, 2)))
    assert run.rate == 1e-4


def test_warnings_may_go_before(tmp_path: Path) -> None:
    path = tmp_path / "train.out"
    warnings = "FutureWarning: `evaluation_strategy` is deprecated {x}\n" * 5000
    path.write_text(f"{warnings}{train_line(0.5)}\n{train_line(1.0)}\n{dev_line(1.0, 0.5)}\n", encoding="utf-8")
    assert read_runs([path], {}).runs[0].last("dev", "loss") == 0.5


def test_a_dictionary_of_several_lines_is_one() -> None:
    indented = '{\n  "eval_loss": 0.5,\n  "eval_accuracy": 0.8,\n  "epoch": 1.0\n}'
    printed = "{'epoch': 2.0,\n 'eval_accuracy': 0.9,\n 'eval_loss': 0.4}"
    cut = "{'loss': 0.3, 'grad_norm': 1.0,\nTraceback (most recent call last):"
    (run,) = read("\n".join([train_line(1.0), indented, train_line(2.0), printed, cut])).runs
    assert curve(run, "accuracy") == [(1.0, 0.8), (2.0, 0.9)]


def test_values_that_are_cut_are_none() -> None:
    assert list(dictionaries_in("{'loss': 1.5, 'learning_rate': 0.00")) == [{"loss": "1.5"}]
    (run,) = read(f"{train_line(0.5)}\n{train_line(1.0)}\n{dev_line(1.0, 0.5)}\n{{'eval_loss': 0.4").runs
    assert curve(run) == [(1.0, 0.5)]


@pytest.mark.parametrize(
    "line",
    [
        "{" * 100_000, "{'" * 50_000, "{'loss': " * 10_000, "{'loss': 1e999, 'epoch': 1e999}",
        "{'loss': 1, 'epoch': -1}", "{'loss': 1, 'epoch': 1}" * 1000, "{'eval_loss': {'a': {'b': 1}}}",
        "\0\ud800{'eval_loss': '\ud800', 'epoch': 'x'}",
        "{'loss': nan, 'step': 9999999999999999999}", "***** eval metrics *****\n a = b\n eval_loss = 1\n epoch = inf",
        "Arguments(\n" + "a=1,\n" * 2000, "python \\\n" * 2000, "\r" * 100_000 + "{'loss': 1}", "x" * 10**6,
        "1/2 [00:01<00:02]" * 1000 + "{'loss': 1, 'epoch': 1}", "# {'loss'", "{'loss': True, 'epoch': None}",
    ],
)  # fmt: skip
def test_whatever_a_line_holds_a_log_is_read_or_refused(line: str, tmp_path: Path) -> None:
    for text in (line, f"{train_line(0.5)}\n{line}\n{train_line(1.0)}"):
        try:
            imported = read(text)
        except DataError:
            continue
        assert all(point.position >= 0 for run in imported.runs for point in run.points)
    path = tmp_path / "a.log"
    path.write_bytes(line.encode("utf-8", "surrogatepass"))
    DictionaryLog().claims(path, path.read_bytes()[:65536])


def test_field_cases(shared: Path) -> None:
    field = shared / "field"
    (run,) = DictionaryLog().read(field / "21-hf-console.log").runs
    assert (run.rate, run.points[-1].epoch, round(run.last("dev", "loss"), 3)) == (2e-4, 3.0, 0.389)
    (run,) = DictionaryLog().read(field / "22-transformers5-console-strings.log").runs
    assert not run.points
    assert run.log is not None
    assert run.log.losses.tolist() == [14.88, 14.64, 13.4]
    (run,) = DictionaryLog().read(field / "23-axolotl-console.log").runs
    assert (len(run.points), run.status) == (1, "interrupted")
    assert run.rate == pytest.approx(2e-4, rel=0.03)


def test_a_bar_before_entries_tells_their_steps_where_one_way_alone_fits() -> None:
    def behind(step: int, late: int) -> str:
        bar = f" 60%|#####    | {step - late}/30 [01:50<00:19,  1.65s/it]"
        return f"{bar}{train_line(float(f'{step / 2406.5:.4g}'), 1e-4, step)}"

    for late in (0, 1, 3):
        (run,) = read("\n".join(behind(step, late) for step in (18, 19, 20))).runs
        assert run.log is not None
        assert (run.log.steps.tolist(), run.log.total_steps) == ([18, 19, 20], 30)
        assert run.status == "interrupted"
    (run,) = read(behind(18, 1)).runs
    assert run.log is not None
    assert run.log.counts_entries, "one entry alone may stand anywhere"


def test_llama_factory_prints_an_entry_twice_in_two_forms() -> None:
    lines = []
    for step in range(1, 5):
        rate = 1e-5 * (1 - step / 8.3)
        lines.append(train_line(step / 4, rate, 1 + step / 7))
        lines.append(
            f"[INFO|callbacks] {{'loss': {1 + step / 7:.4f}, 'learning_rate': {rate:.4e}, 'epoch': {step / 4}}}"
        )
    (run,) = read("\n".join(lines)).runs
    assert run.log is not None
    assert len(run.log.losses) == 4
    assert np.isfinite(run.log.gradient_norms).all()


def test_settings_of_a_search_and_of_lines_between_runs() -> None:
    lines = []
    for seed, rate in enumerate([1e-4, 3e-4]):
        lines.append(f"Trial: {{'learning_rate': {rate}, 'num_train_epochs': 1, 'seed': {seed}}}")
        lines += [train_line(0.5, rate / 2), train_line(1.0, rate / 9), dev_line(1.0, 0.5), END]
        lines.append("Trial finished with value: 0.5 and parameters: {'learning_rate': 9e-1, 'seed': 9}")
    imported = read("\n".join(lines)).runs
    assert [(run.rate, run.seed) for run in imported] == [(1e-4, 0), (3e-4, 1)]


def test_epochs_in_lines_above_the_dictionaries() -> None:
    text = "\n".join(f"Epoch {e}/3\n{{'train_loss': 1.0, 'val_loss': {1 / e}}}" for e in (1, 2, 3))
    (run,) = read(text).runs
    assert run.series("dev", "loss") == [(1.0, 1.0), (2.0, 0.5), (3.0, 1 / 3)]
    assert len(read(f"{text}\n=== again ===\n{text}").runs) == 2


def test_a_crashed_attempt_before_its_second_command_leaves_no_settings() -> None:
    crashed = "python a.py --learning_rate 1e-3 --weight_decay 0.1\nTraceback (most recent call last):"
    (run,) = read(f"{crashed}\npython a.py --learning_rate 1e-4\n{train_line(0.5)}\n{train_line(1.0)}").runs
    assert (run.rate, dict(run.settings)) == (1e-4, {})


def test_a_history_that_is_printed_as_a_whole() -> None:
    history = [
        {"loss": 1.0, "learning_rate": 1e-4 * (1 - step / 500), "epoch": step / 250, "step": step}
        for step in range(1, 501)
    ]
    (run,) = read(f"{history}").runs
    assert run.log is not None
    assert run.log.steps.tolist() == list(range(1, 501))
    (run,) = read(f"{train_line(0.5)}\n{train_line(1.0)}\n{END}\n{history}").runs
    assert run.log is not None
    assert len(run.log.steps) == 2


def test_a_seed_is_that_of_the_run_it_was_given_for() -> None:
    one = f"{train_line(0.5)}\n{train_line(1.0)}\n{END}"
    runs = read(f"python sweep.py --learning_rate 1e-4 --seed 3 --weight_decay 0.1\n{one}\n{one}").runs
    assert [(run.seed, run.settings.get("weight_decay"), run.names_all_settings) for run in runs] == [
        (3, "0.1", True), (None, "0.1", True)
    ]  # fmt: skip
    assert not read(f"- learning_rate: 1e-4\n{one}").runs[0].names_all_settings


def test_runs_of_other_folds_and_data_sets_are_told_apart() -> None:
    for lines in (("== Fold 1 ==", "== Fold 2 =="), ("Dataset: sst2", "Dataset: cola")):
        text = "\n".join(f"{line}\n{train_line(0.5)}\n{dev_line(1.0, 0.5)}\n{END}" for line in lines)
        one, other = read(text).runs
        assert one.dev_set.contradicts(other.dev_set)


def test_runs_that_name_no_seed_are_said_to_count_as_seeds(tmp_path: Path) -> None:
    text = "\n".join(
        f"Training {of}\n{train_line(0.5)}\n{dev_line(1.0, loss)}\n{END}" for of, loss in (("a", 0.5), ("b", 0.6))
    )
    (tmp_path / "run.log").write_text(text, encoding="utf-8")
    (note,) = [note for note in read_runs([tmp_path / "run.log"], {}).notes if isinstance(note, SeedsUnnamed)]
    assert list(note.arms) == ["lr 1e-4"]
    (tmp_path / "run.log").write_text(text.replace("Training a", "seed=1").replace("Training b", "seed=2"))
    assert not [note for note in read_runs([tmp_path / "run.log"], {}).notes if isinstance(note, SeedsUnnamed)]
