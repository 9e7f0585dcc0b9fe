"""Which runs a table holds: a row an evaluation, a row a run, a column a run; what is a schedule, and what an arm."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrscope.errors import DataError
from lrscope.runs.importers import row_entries
from lrscope.runs.notes import RateGroups
from lrscope.runs.run import Run
from lrscope.runs.sources import importer_of, read_runs

Seen = list[tuple[str, int | None, float | None, int]]  # arm, seed, rate, number of evaluations


def runs_of(tmp_path: Path, text: str, name: str = "t.csv") -> tuple[Run, ...]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    importer = importer_of(path)
    assert type(importer).__name__ == "MetricTable"
    return importer.read(path).runs


def seen(runs: tuple[Run, ...]) -> Seen:
    return [(run.arm, run.seed, run.rate, len(run.points)) for run in runs]


def lines(heading: str, *rows: str) -> str:
    return "\n".join([heading, *rows]) + "\n"


def epochs(heading: str, row: str, *groups: dict[str, Any], first: int = 1, number: int = 3) -> str:
    """Return a table with a row an epoch for each group of values; `loss` falls from 2."""
    rows = [
        row.format(**group, epoch=epoch, loss=2.0 - 0.1 * epoch)
        for group in groups
        for epoch in range(first, first + number)
    ]
    return lines(heading, *rows)


A_RUN = [("lr 1e-4", None, 1e-4, 3)]
TWO = [("lr 1e-4", None, 1e-4, 3), ("lr 1e-3", None, 1e-3, 3)]
RATES = {"lr": "1e-4"}, {"lr": "1e-3"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (epochs("lr,epoch,val_loss", "{lr},{epoch},{loss}", *RATES), TWO),
        (
            epochs("arm,lr,epoch,val_loss", "{arm},{lr},{epoch},{loss}", {"arm": "a", "lr": 1e-4}),
            [("a", None, 1e-4, 3)],
        ),
        (epochs("lr,epoch,val_loss", "{lr},{epoch},{loss}", *RATES, first=0), TWO),
        # by epoch and then by rate
        (lines("epoch,lr,dev acc", *(f"{e},{lr},0.{e}" for e in (1, 2, 3) for lr in ("1e-4", "1e-3"))), TWO),
        # a schedule in each of two runs
        (
            lines("epoch,lr,val_loss", *(f"{e},{top * (1 - e / 3)},1" for top in (1e-4, 1e-3) for e in range(3))), TWO,
        ),
        # runs of different lengths
        (
            lines("lr,epoch,val_loss", "1e-4,1,1", "1e-4,2,1", "1e-4,3,1", "1e-3,1,1"),
            [("lr 1e-4", None, 1e-4, 3), ("lr 1e-3", None, 1e-3, 1)],
        ),
        (
            epochs("lr,seed,epoch,val_loss", "1e-4,{seed},{epoch},{loss}", {"seed": 0}, {"seed": 1}),
            [("lr 1e-4", 0, 1e-4, 3), ("lr 1e-4", 1, 1e-4, 3)],
        ),
        (
            epochs("optimizer,lr,epoch,val_loss", "{o},1e-4,{epoch},{loss}", {"o": "sgd"}, {"o": "adamw"}),
            [("lr 1e-4", None, 1e-4, 3)] * 2,
        ),
        (
            epochs("rank,lr,epoch,val_loss", "{r},1e-4,{epoch},{loss}", {"r": 4}, {"r": 8}),
            [("lr 1e-4, rank 4", None, 1e-4, 3), ("lr 1e-4, rank 8", None, 1e-4, 3)],
        ),
        (
            epochs("run,epoch,val_loss", "{run},{epoch},{loss}", {"run": "rope"}, {"run": "alibi"}),
            [("rope", None, None, 3), ("alibi", None, None, 3)],
        ),
        (
            epochs("run,epoch,val_loss", "{run},{epoch},{loss}", {"run": "r8_seed0"}, {"run": "r8_seed1"}),
            [("r8", 0, None, 3), ("r8", 1, None, 3)],
        ),
        (
            epochs("trial_id,config/lr,epoch,eval_loss", "{i},{lr},{epoch},{loss}", *(
                {"i": "41d2a_00000", "lr": 1e-4}, {"i": "41d2a_00001", "lr": 1e-3}, {"i": "41d2a_00002", "lr": 1e-3}
            )),
            [*TWO, TWO[1]],
        ),
    ],
)  # fmt: skip
def test_several_runs_in_one_table(text: str, expected: Seen, tmp_path: Path) -> None:
    assert seen(runs_of(tmp_path, text)) == expected


@pytest.mark.parametrize(
    "rates",
    [
        [0.1, 0.1, 0.1, 0.01, 0.01, 0.001],  # steps, as people type them
        [0.1, 0.07, 0.049, 0.0343, 0.02401, 0.016807],
        [0.1 * 0.5 * (1 + math.cos(math.pi * at / 6)) for at in range(6)],
        [0.1, 0.08, 0.06, 0.04, 0.02, 0.0],
    ],
)
@pytest.mark.parametrize("place", ["epoch", "step"])
def test_a_rate_that_changes_while_steps_go_on_is_a_schedule(rates: list[float], place: str, tmp_path: Path) -> None:
    rows = [f"{at},{rate!r},{2 - at / 10},{2.1 - at / 10}" for at, rate in enumerate(rates)]
    (run,) = runs_of(tmp_path, lines(f"{place},lr,train_loss,val_loss", *rows))
    assert run.rate == 0.1
    assert run.log is not None
    assert run.log.rates.tolist() == rates
    assert run.last("dev", "loss") == pytest.approx(1.6)


def test_a_rate_that_is_halved_on_a_plateau_is_that_of_the_first_epoch(tmp_path: Path) -> None:
    rates = [0.01, 0.01, 0.01, 0.005, 0.005, 0.0025]
    (run,) = runs_of(
        tmp_path, lines("epoch,loss,val_loss,learning_rate", *(f"{e},1,1,{r}" for e, r in enumerate(rates)))
    )
    assert (run.rate, run.arm) == (0.01, "lr 1e-2")


def test_a_warmup_is_part_of_the_run(tmp_path: Path) -> None:
    rows = [f"{step},{rate},1.0" for step, rate in ((10, 5e-5), (20, 1e-4), (30, 5e-5), (40, 0.0))]
    (run,) = runs_of(tmp_path, lines("step,learning_rate,eval_loss", *rows))
    assert run.rate == 1e-4


def test_what_was_trained_anew_after_a_resumption_counts(tmp_path: Path) -> None:
    rows = [
        f"{e},{1e-3 * (1 - e / 8)},{2 - e / 10 - again}"
        for es, again in (((0, 1, 2, 3, 4), 0), ((3, 4, 5), 0.5))
        for e in es
    ]
    (run,) = runs_of(tmp_path, lines("epoch,lr,val_loss", *rows))
    assert run.rate == 1e-3
    assert run.series("dev", "loss") == [(e + 1, pytest.approx(2 - e / 10 - (0.5 if e > 2 else 0))) for e in range(6)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lines("lr,val_loss", "1e-4,1", "1e-3,2"), [("lr 1e-4", None, 1e-4, 1), ("lr 1e-3", None, 1e-3, 1)]),
        (lines("lr,val_loss", "1e-3,1"), [("lr 1e-3", None, 1e-3, 1)]),
        # how far each came is no axis
        (
            lines("lr,epoch,best_epoch,val_loss", "1e-4,5,3,1", "1e-3,3,2,2"),
            [("lr 1e-4", None, 1e-4, 1), ("lr 1e-3", None, 1e-3, 1)],
        ),
        # a random search
        (
            lines("lr,val_loss", "3.21654e-05,1", "0.000198723,2", "1.23456e-05,3"),
            [
                ("lr 3.22e-5", None, 3.21654e-5, 1), ("lr 1.99e-4", None, 1.98723e-4, 1),
                ("lr 1.23e-5", None, 1.23456e-5, 1),
            ],
        ),
        (
            lines("learning_rate,seed,num_seeds,val_acc", "1e-4,0,2,0.5", "1e-4,1,2,0.6"),
            [("lr 1e-4", 0, 1e-4, 1), ("lr 1e-4", 1, 1e-4, 1)],
        ),
        (
            # a setting that is known is told when runs are compared
            lines("lr,lora_r,lora_alpha,val_loss", "1e-4,8,16,1", "1e-4,16,16,2"),
            [("lr 1e-4", None, 1e-4, 1), ("lr 1e-4", None, 1e-4, 1)],
        ),
        (
            lines("batch_size,val_loss", "8,1", "16,2"),
            [("batch size 8", None, None, 1), ("batch size 16", None, None, 1)],
        ),
        (
            lines("run,best_val_acc", "lr1e-4_seed0,.5", "lr1e-4_seed1,.6", "lr=1e-3,.7"),
            [("lr 1e-4", 0, 1e-4, 1), ("lr 1e-4", 1, 1e-4, 1), ("lr 1e-3", None, 1e-3, 1)],
        ),
        (lines("lr,val_size,eval_interval,val_loss", "1e-4,100,5,1"), [("lr 1e-4", None, 1e-4, 1)]),
    ],
)  # fmt: skip
def test_a_row_a_run(text: str, expected: Seen, tmp_path: Path) -> None:
    runs = runs_of(tmp_path, text)
    assert seen(runs) == expected
    assert all(len(run.points[0].splits["dev"]) == 1 for run in runs)


WANDB = '"Name","State","Notes","User","Tags","Created","Runtime","learning_rate","batch_size","output_dir",' + (
    '"eval/loss","train/learning_rate","train/global_step"'
)


def wandb(*runs: tuple[str, str, str, str]) -> str:
    return lines(WANDB, *(
        f'"{name}","{state}","-","me","","2026-01-0{at}T10:00:00Z","{at}","{rate}","8","out/{at}","{loss}","0","{at}"'
        for at, (name, state, rate, loss) in enumerate(runs, 1)
    ))  # fmt: skip


def test_names_that_wandb_drew_are_no_arms(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, wandb(
        ("dulcet-sea-12", "finished", "0.0001", "1.2"), ("vivid-sweep-3", "finished", "0.0001", "1.1"),
        ("icy-sun-4", "crashed", "0.001", ""), ("wild-oak-5", "running", "0.001", "2.0"),
    ))  # fmt: skip
    assert seen(runs) == [("lr 1e-4", None, 1e-4, 1)] * 2 + [("lr 1e-3", None, 1e-3, 0), ("lr 1e-3", None, 1e-3, 1)]
    assert [run.status for run in runs] == ["completed", "completed", "failed", "interrupted"]
    assert dict(runs[0].settings) == {"batch_size": "8"}


def test_names_are_arms_where_settings_do_not_tell_runs_apart(tmp_path: Path) -> None:
    same = wandb(("baseline", "finished", "0.0001", "1.2"), ("with-rope", "finished", "0.0001", "1.1"))
    assert [run.arm for run in runs_of(tmp_path, same)] == ["baseline", "with-rope"]
    told = wandb(("baseline", "finished", "0.0001", "1.2"), ("higher", "finished", "0.001", "1.1"))
    assert [run.arm for run in runs_of(tmp_path, told)] == ["lr 1e-4", "lr 1e-3"]


def test_charts_have_a_column_a_run(tmp_path: Path) -> None:
    names = ["lr=1e-4 seed 0", "lr=1e-4 seed 1", "a - b"]
    heading = ",".join(
        ['"train/global_step"', *(f'"{name} - eval/loss{end}"' for name in names for end in ("", "__MIN", "__MAX"))]
    )
    rows = ['"10","2","1","3","2.1","1","3","3","1","3"', '"20","1.5","1","3","1.6","1","3","","",""']
    runs = runs_of(tmp_path, lines(heading, *rows))
    assert seen(runs) == [("lr 1e-4", 0, 1e-4, 2), ("lr 1e-4", 1, 1e-4, 2), ("a - b", None, None, 1)]
    assert runs[0].series("dev", "loss") == [(10, 2.0), (20, 1.5)]
    by_time = lines('"Relative Time (Process)","happy-sea-1 - eval/loss"', '"1.5","2"', '"2.5","1"')
    assert seen(runs_of(tmp_path, by_time)) == [("happy-sea-1", None, None, 2)]


def test_a_chart_of_training_alone_has_no_evaluation(tmp_path: Path) -> None:
    (run,) = runs_of(
        tmp_path, lines('"Step","run-a - train/loss","run-a - train/loss__MIN"', '"0","2","2"', '"1","1","1"')
    )
    assert (run.arm, run.points) == ("run-a", ())
    assert run.log is not None
    assert run.log.losses.tolist() == [2.0, 1.0]


def test_charts_of_tensorboard_are_named_after_what_they_show(tmp_path: Path) -> None:
    text = lines("Wall time,Step,Value", "1.5,10,2.0", "2.5,20,1.5")
    (run,) = runs_of(tmp_path, text, "run-lora-tag-eval_loss.csv")
    assert (run.arm, run.series("dev", "loss")) == ("lora", [(10, 2.0), (20, 1.5)])
    assert runs_of(tmp_path, text, "run-.-tag-val_loss.csv")[0].arm == ""
    with pytest.raises(DataError, match=r"such as run-a-tag-eval_loss\.csv"):
        runs_of(tmp_path, text)


HISTORY = "_step,_runtime,train/loss,eval/loss,train/global_step,train/learning_rate,train/epoch,eval/runtime," + (
    "eval/samples_per_second,train/train_loss,train/grad_norm"
)


def test_a_history_of_wandb(tmp_path: Path) -> None:
    rows = []
    for at in range(1, 11):
        rows.append(f"{2 * at},{at},{2 - at / 10},,{at * 10},{1e-4 * (1 - (at * 10 - 1) / 100)},{at / 5},,,,0.5")
        rows += [f"{2 * at + 1},{at},,{1.5 - at / 20},{at * 10},,{at / 5},2.0,50.0,,"] if at % 5 == 0 else []
    (run,) = runs_of(tmp_path, lines(HISTORY, *rows, "30,11,,,100,,2.0,,,1.45,"))
    assert (run.rate, run.dev_set.size) == (1e-4, 100)
    assert [(point.step, point.epoch) for point in run.points] == [(50, 1.0), (100, 2.0)]
    assert run.points[0].splits == {"dev": {"loss": 1.25}, "train": {"loss": pytest.approx(1.7)}}


def test_a_frame_of_a_log_history(tmp_path: Path) -> None:
    text = lines(
        "loss,grad_norm,learning_rate,epoch,step,eval_loss,eval_runtime,eval_samples_per_second,train_runtime,train_loss",
        "2.0,1.0,0.0001,0.5,5,,,,,", "1.8,1.0,5e-05,1.0,10,,,,,", ",,,1.0,10,1.7,2.0,50.0,,", ",,,1.0,10,,,,100,1.9",
    )  # fmt: skip
    (run,) = runs_of(tmp_path, text)
    assert run.points[0].splits == {"dev": {"loss": 1.7}, "train": {"loss": 1.9}}
    assert run.dev_set.size == 100


def test_objects_in_objects(tmp_path: Path) -> None:
    rows = [
        {"step": step, "metrics": {"train_loss": 2.0, "val_loss": 2 - step / 1000}, "hparams": {"lr": 3e-4, "wd": 0.1}}
        for step in (100, 200)
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    (run,) = runs_of(tmp_path, text, "log.jsonl")
    assert (run.rate, dict(run.settings)) == (3e-4, {"wd": "0.1"})
    assert run.series("dev", "loss") == [(100, 1.9), (200, 1.8)]
    assert seen(runs_of(tmp_path, json.dumps(rows, indent=1), "log.json")) == [("lr 3e-4", None, 3e-4, 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", lines("step,key,value", "10,train/loss,2", "10,val/loss,1.9", "20,train/loss,1.5", "20,val/loss,1")),
        ("t.jsonl", "\n".join(
            json.dumps({"phase": phase, "step": step, "loss": loss})
            for phase, step, loss in (("train", 10, 2), ("val", 10, 1.9), ("train", 20, 1.5), ("val", 20, 1))
        )),
        ("t.jsonl", "\n".join(
            json.dumps({"progress": {"step": step}, "train": {"loss": train}, "val": {"loss": loss}})
            for step, train, loss in ((10, 2, 1.9), (20, 1.5, 1))
        )),
    ],
)  # fmt: skip
def test_other_forms_of_a_history(name: str, text: str, tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, text, name)
    assert [(point.step, point.splits) for point in run.points] == [
        (10, {"dev": {"loss": 1.9}, "train": {"loss": 2}}), (20, {"dev": {"loss": 1}, "train": {"loss": 1.5}})
    ]  # fmt: skip


def test_a_history_of_keras_whose_rate_was_reduced_is_one_run(tmp_path: Path) -> None:
    columns = {"loss": [0.9, 0.6, 0.5], "val_loss": [0.8, 0.65, 0.7], "lr": [1e-3, 1e-3, 1e-4]}
    rows = [",".join(map(str, (at, *row))) for at, row in enumerate(zip(*columns.values(), strict=True))]
    for name, text in (("h.json", json.dumps(columns)), ("h.csv", lines(",loss,val_loss,lr", *rows))):
        (run,) = runs_of(tmp_path, text, name)
        assert (run.rate, run.series("dev", "loss")) == (1e-3, [(1, 0.8), (2, 0.65), (3, 0.7)])
    swept = lines("loss,val_loss,lr", *(f".5,.6{at},{rate}" for at, rate in enumerate((1e-3, 1e-4, 1e-5))))
    assert len(runs_of(tmp_path, swept)) == 3


def test_objects_in_cells_as_wandbs_api_gives_them(tmp_path: Path) -> None:
    text = lines(
        ",summary,config,name",
        """0,"{'eval/loss': 1.2, '_step': 10}","{'learning_rate': 0.0001, 'output_dir': 'a', 'r': 8}",dulcet-sea-1""",
        """1,"{'eval/loss': nan, '_step': 10}","{'learning_rate': 0.001, 'output_dir': 'b', 'r': 8}",icy-sea-2""",
    )
    runs = runs_of(tmp_path, text)
    assert seen(runs) == [("lr 1e-4", None, 1e-4, 1), ("lr 1e-3", None, 1e-3, 1)]
    assert math.isnan(runs[1].last("dev", "loss"))


def test_runs_on_several_data_sets_are_not_compared(tmp_path: Path) -> None:
    text = lines("dataset,lr,dev_acc", "sst2,1e-4,.9", "sst2,1e-3,.8", "cola,1e-4,.6", "cola,1e-3,.5")
    runs = runs_of(tmp_path, text)
    assert [(run.arm, run.dev_set.name) for run in runs] == [
        ("lr 1e-4", "sst2"), ("lr 1e-3", "sst2"), ("lr 1e-4", "cola"), ("lr 1e-3", "cola")
    ]  # fmt: skip
    of_one = runs_of(tmp_path, lines("dataset,lr,dev_acc", "sst2,1e-4,.9", "sst2,1e-3,.8"))
    assert {run.dev_set.name for run in of_one} == {""}


def test_updates_are_counted_rather_than_batches(tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, lines("iter,step,loss,val_loss", "4,1,2,", "8,2,2,", "12,3,2,1.7"))
    assert run.points[0].step == 3


@pytest.mark.parametrize(
    ("heading", "row", "splits"),
    [
        ("epoch,loss,val_loss", "1,2,3", {"train": {"loss": 2}, "dev": {"loss": 3}}),
        ("Epoch,Train Loss,Val Loss,Val Acc", "1,2,3,.5", {"train": {"loss": 2}, "dev": {"loss": 3, "acc": 0.5}}),
        ("Epoch,Training Loss,Validation Loss,F1", "1,2,3,.5", {"train": {"loss": 2}, "dev": {"loss": 3, "f1": 0.5}}),
        ("Step,Training Loss,Validation Loss", "1,No log,3", {"dev": {"loss": 3}}),
        ("step,loss/train,loss/val", "1,2,3", {"train": {"loss": 2}, "dev": {"loss": 3}}),
        ("step,trainLoss,valLoss", "1,2,3", {"train": {"loss": 2}, "dev": {"loss": 3}}),
        ("step,dev.acc,test-acc", "1,.5,.6", {"dev": {"acc": 0.5}}),
        ("step,train_loss_step,train_loss_epoch,val_loss_step,val_loss_epoch", "1,2,2.5,3,3.5",
         {"train": {"loss": 2}, "dev": {"loss": 3.5}}),
        ("epoch,train_loss,val_loss,best_val_loss", "1,2,3,2", {"train": {"loss": 2}, "dev": {"loss": 3}}),
        # whose accuracy it is, is not told
        ("epoch,train_loss,val_loss,accuracy", "1,2,3,.5", {"train": {"loss": 2}, "dev": {"loss": 3}}),
        ("epoch,eval_rougeL,eval_gen_len,eval_runtime", "1,30,20,5", {"dev": {"rougeL": 30}}),
    ],
)  # fmt: skip
def test_what_columns_measure(heading: str, row: str, splits: dict[str, Any], tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, lines(heading, row))
    assert run.points[0].splits == splits


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lines("lr,accuracy,f1", "1e-4,.5,.4", "1e-3,.6,.5"), "if accuracy was measured on dev, call it dev_accuracy"),
        (
            lines("lr,val_acc", "1e-4,.5", "1e-4,.6"),
            ":3: rows of one run have a column epoch",
        ),
        (
            lines("epoch,loss,val_loss", "1,2,2", "2,1,1", "1,2,2", "2,1,1"),
            ":4: an epoch stands once a run: got epoch 1",
        ),
        (lines("model,mmlu,arc", "7b,.4,.5"), "got arc, mmlu, model"),
        (lines("epoch,val_loss", "-1,1"), ":2: epoch is a number from 0 on: got -1"),
        (lines("epoch,val_loss", "inf,1"), ":2: epoch is a number from 0 on: got inf"),
        (lines("epoch,lr,val_loss", "1,1e-4,1", "2,-1e-4,1"), ":3: a learning rate is above 0: got '-1e-4'"),
        (lines("epoch,lr,val_loss", "1,1e-4,1", f"2,{'9' * 400},1"), ":3: a learning rate is above 0"),
        (lines("epoch,val_loss", "1,1", "2,high"), ":3: val_loss is a number: got 'high'"),
        (lines("epoch,val_loss", "1,1", "2,1,3"), ":3: every row has the header's 2 columns: got 3"),
        (lines("epoch,val_loss,val_loss", "1,1,1"), "every column has a name of its own: got 'val_loss' twice"),
        (lines("lr,seed,val_loss", "1e-4,1.5,1"), ":2: a seed is a whole number"),
    ],
)
def test_what_cannot_be_told_is_asked_for(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said) as raised:
        read_runs([path], {})
    assert "\n" not in str(raised.value)
    assert "dev_train" not in str(raised.value)


def test_values_that_are_none(tmp_path: Path) -> None:
    rows = [f"{at},1.0,{value}" for at, value in enumerate(["1.5", "nan", "inf", "9" * 400, ""], 1)]
    (run,) = runs_of(tmp_path, lines("epoch,train_loss,val_loss", *rows))
    assert [math.isnan(point.value("dev", "loss")) for point in run.points] == [False, True, True, True]
    (own,) = runs_of(
        tmp_path,
        '{"step": 1, "val_loss": NaN}\n{"step": 2, "val_loss": 1e999}\n{"step": 3, "val_loss": null}',
        "t.jsonl",
    )
    assert [point.step for point in own.points] == [1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_many_rows_are_the_run_that_entries_make(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(seed)
    rows = []
    for step in range(1, 400):
        rows.append(
            f"{step},{2 - step / 400 + draw.normal() / 9},{1e-3 * (1 - step / 400)},{'nan' if step == 77 else 1.0},,,"
        )
        if step % 37 == 0:
            rows.append(f"{step},,,,{2 - step / 500},{'inf' if step == 74 else step / 400},")
    rows.append("399,,,,,,0.5")
    text = lines("step,train_loss,lr,grad_norm,val_loss,val_acc,test_acc", *rows)
    (usual,) = runs_of(tmp_path, text)
    monkeypatch.setattr(row_entries, "MANY", 10)
    (by_column,) = runs_of(tmp_path, text)
    assert by_column.log is not None
    assert usual.log is not None
    for name in ("rates", "losses", "steps", "gradient_norms", "epochs"):
        np.testing.assert_array_equal(getattr(by_column.log, name), getattr(usual.log, name), err_msg=name)
    for one, other in zip(by_column.points, usual.points, strict=True):
        assert (one.step, one.epoch) == (other.step, other.epoch)
        for split in ("dev", "train"):
            assert one.splits[split] == pytest.approx(other.splits[split], nan_ok=True)
    assert (by_column.rate, by_column.final, by_column.status) == (usual.rate, usual.final, usual.status)


def test_many_different_numbers_are_kept_as_numbers(tmp_path: Path) -> None:
    rows = [f"{step},{2 - step / 1e4},{'' if step % 10 else step / 1e4}" for step in range(1, 10_001)]
    (run,) = runs_of(tmp_path, lines("step,train_loss,val_acc", *rows))
    assert len(run.points) == 1000
    assert run.last("dev", "acc") == 1.0
    rows[9000] = "9001,low,"
    with pytest.raises(DataError, match=":9002: train_loss is a number: got 'low'"):
        runs_of(tmp_path, lines("step,train_loss,val_acc", *rows))


FIELD = {
    "02-timm-summary.csv": [("lr 5e-2", None, 0.05, 5)],
    "26-lightning-metrics.csv": [("", None, None, 2)],
    "27-keras-history.csv": [("", None, None, 7)],
    "30-ray-result.json": [("lr 3e-5", 8, 3e-5, 3)],
    "32-wandb-history.csv": [("run-a", None, None, 0), ("run-b", None, None, 0)],
}


@pytest.mark.parametrize("name", FIELD)
def test_tables_from_the_field(name: str, shared: Path) -> None:
    path = shared / "field" / name
    importer = importer_of(path)
    assert type(importer).__name__ == "MetricTable"
    assert seen(importer.read(path).runs) == FIELD[name]


def test_sweeps_from_the_field(shared: Path) -> None:
    runs = read_runs([shared / "field/06-one-row-a-run.csv"], {})
    assert runs.metric == ("loss_mean", "minimize")
    assert len(runs.arms) == 16
    assert all(len(run.points) == 1 for run in runs.runs)
    with pytest.raises(DataError, match="if accuracy was measured on dev, call it dev_accuracy"):
        read_runs([shared / "field/28-sweep-three-rows.csv"], {})
    with pytest.raises(DataError, match="--minimize or --maximize"):
        read_runs([shared / "field/29-optuna-trials.csv"], {})
    trials = read_runs([shared / "field/29-optuna-trials.csv"], {}, direction="minimize")
    assert sorted(run.rate or 0.0 for run in trials.runs) == [
        2.2660331380729098e-06, 3.489740263625333e-06, 3.419601776903625e-05
    ]  # fmt: skip


# What is no setting: folds, sizes of dev sets, places; what is no metric of one run


def dev_sets(runs: tuple[Run, ...]) -> list[str]:
    return [str(run.dev_set) for run in runs]


def test_folds_have_dev_sets_of_their_own(tmp_path: Path) -> None:
    of_column = runs_of(tmp_path, lines("lr,cv_fold,val_acc", "1e-4,0,0.7", "1e-4,1,0.8", "3e-4,0,0.6", "3e-4,1,0.9"))
    assert [run.arm for run in of_column] == ["lr 1e-4", "lr 1e-4", "lr 3e-4", "lr 3e-4"]
    assert dev_sets(of_column) == ["fold 0", "fold 1", "fold 0", "fold 1"]
    of_name = runs_of(tmp_path, lines("run,lr,val_acc", "a_fold0,1e-4,0.7", "a_fold1,1e-4,0.8", "b_fold0,1e-4,0.6"))
    assert [run.arm for run in of_name] == ["a", "a", "b"]
    assert dev_sets(of_name) == ["fold 0", "fold 1", "fold 0"]
    of_task = runs_of(tmp_path, lines("task,fold,lr,val_acc", "x,0,1e-4,0.7", "x,1,1e-4,0.8", "y,0,1e-4,0.6"))
    assert dev_sets(of_task) == ["x, fold 0", "x, fold 1", "y, fold 0"]


@pytest.mark.parametrize("name", ["num_eval_samples", "val_size", "eval_examples", "n_val"])
def test_how_many_examples_were_evaluated_is_the_dev_sets_size(name: str, tmp_path: Path) -> None:
    runs = runs_of(tmp_path, lines(f"lr,val_acc,{name}", "1e-4,0.7,872", "3e-4,0.8,200"))
    assert [run.arm for run in runs] == ["lr 1e-4", "lr 3e-4"]
    assert dev_sets(runs) == ["872 examples", "200 examples"]
    share = runs_of(tmp_path, lines(f"lr,val_acc,{name}", "1e-4,0.7,0.1", "3e-4,0.8,0.1"))
    assert dev_sets(share) == ["an unknown dev set", "an unknown dev set"]


def test_a_place_is_no_setting_and_a_rank_of_lora_is_one(tmp_path: Path) -> None:
    placed = runs_of(tmp_path, lines("rank,lr,seed,val_acc", "1,3e-5,0,0.8", "2,3e-5,1,0.7", "3,1e-5,0,0.6"))
    assert seen(placed) == [("lr 3e-5", 0, 3e-5, 1), ("lr 1e-5", 0, 1e-5, 1), ("lr 3e-5", 1, 3e-5, 1)]
    lora = runs_of(tmp_path, lines("rank,lr,val_acc", "8,3e-5,0.8", "16,3e-5,0.7"))
    assert [run.arm for run in lora] == ["lr 3e-5, rank 8", "lr 3e-5, rank 16"]


@pytest.mark.parametrize("name", ["val_acc_{}e-5", "val_loss (lr={}e-5)", "val_acc_epoch{}", "val_f1_seed_{}"])
def test_a_column_for_each_value_is_no_metric_of_one_run(name: str, tmp_path: Path) -> None:
    heading = ",".join(["epoch", *(name.format(value) for value in (1, 3))])
    path = tmp_path / "wide.csv"
    path.write_text(lines(heading, "1,0.7,0.8", "2,0.8,0.9"), encoding="utf-8")
    with pytest.raises(DataError, match="got a column for each"):
        read_runs([path], sizes={})


@pytest.mark.parametrize("name", ["trial_seed", "rep", "repetition"])
def test_repetitions_are_seeds(name: str, tmp_path: Path) -> None:
    runs = runs_of(tmp_path, lines(f"lr,{name},val_acc", "1e-4,1,0.7", "1e-4,2,0.8", "3e-4,1,0.9"))
    assert sorted((run.arm, run.seed) for run in runs) == [("lr 1e-4", 1), ("lr 1e-4", 2), ("lr 3e-4", 1)]


def test_hours_are_no_settings(tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, lines("hour,val_loss", "0,2.0", "1,1.5", "2,1.2"))
    assert (run.arm, len(run.points)) == ("", 3)


def test_groups_of_parameters_have_rates_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    heading = "epoch,lr-AdamW/pg1,lr-AdamW/pg2,train_loss,val_loss"
    path.write_text(lines(heading, "0,1e-5,1e-3,2.0,1.9", "1,5e-6,5e-4,1.5,1.4"))
    (note,) = [each for each in importer_of(path).read(path).notes if isinstance(each, RateGroups)]
    assert (note.chosen, list(note.others)) == ("lr-AdamW/pg1", ["lr-AdamW/pg2"])
    path.write_text(lines(heading, "0,1e-5,1e-5,2.0,1.9", "1,5e-6,5e-6,1.5,1.4"))
    assert not importer_of(path).read(path).notes


def test_what_programs_call_their_runs_is_no_setting(tmp_path: Path) -> None:
    neptune = lines("sys/id,sys/state,params/lr,metrics/val/acc", "A-1,inactive,1e-5,0.8", "A-2,inactive,3e-5,0.9")
    comet = lines("experiment_key,lr,eval_acc", "a9f,1e-5,0.8", "b8e,3e-5,0.9")
    clear = lines("Task,Status,General/lr,validation acc", "t1,completed,1e-5,0.8", "t2,completed,3e-5,0.9")
    for text in (neptune, comet, clear):
        runs = runs_of(tmp_path, text)
        assert [run.arm for run in runs] == ["lr 1e-5", "lr 3e-5"]
        assert dev_sets(runs) == ["an unknown dev set", "an unknown dev set"]
