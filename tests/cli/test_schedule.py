"""`lrscope schedule show` and `check`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Cli

from lrscope.schedules import parse

RUN = ["--epochs", "5", "--steps-per-epoch", "107"]


def test_show_prints_a_plot_and_the_rates(cli: Cli) -> None:
    code, out, _ = cli("schedule", "show", "warmup(6%) > cosine(to=0.01)", *RUN, "--lr", "1e-5")
    assert code == 0
    assert "epoch 0" in out
    assert "⠉" in out
    row = next(line for line in out.splitlines() if line.startswith("warmup(6%) > cosine(to=0.01) "))
    rates = parse("warmup(6%) > cosine(to=0.01)").resolve(total_steps=535, steps_per_epoch=107).factors() * 1e-5
    shown = [float(cell) for cell in row.removeprefix("warmup(6%) > cosine(to=0.01)").split()[:4]]
    assert shown == pytest.approx([rates[0], rates.max(), rates[-1], rates.mean()], rel=1e-3)
    assert row.endswith("warmup 32, cosine 503")


def test_show_writes_a_picture_of_several(cli: Cli, tmp_path: Path) -> None:
    picture = tmp_path / "schedules.png"
    code, out, err = cli("schedule", "show", "cosine", "step(every=2ep, gamma=0.1)", "linear", *RUN, "--out", picture)
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in err
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["cosine", "step(every=2ep,", "linear"]


def test_show_as_json(cli: Cli) -> None:
    _, out, _ = cli("schedule", "show", "wsd", "--examples", "8544", "--batch-size", "80", "--json")
    (shown,) = json.loads(out)["schedules"]
    assert (shown["total_steps"], shown["steps_per_epoch"], shown["peak"]) == (535, 107, 1.0)
    assert [(phase["phase"], phase["steps"]) for phase in shown["phases"]] == [
        ("warmup", 32),
        ("hold", 396),
        ("sqrt", 107),
    ]
    assert shown["mean"] == pytest.approx(parse("wsd").resolve(total_steps=535, steps_per_epoch=107).factors().mean())


def test_lengths_in_tokens(cli: Cli) -> None:
    asked = [*RUN, "--tokens-per-epoch", "1000000", "--json"]
    code, out, _ = cli("schedule", "show", "warmup(500ktok) > hold > linear(2Mtok)", *asked)
    (shown,) = json.loads(out)["schedules"]
    assert code == 0
    assert shown["schedule"] == "warmup(500ktok) > hold > linear(2Mtok)"
    assert [phase["steps"] for phase in shown["phases"]] == [54, 267, 214]
    assert cli("schedule", "check", "step(every=500tok, gamma=0.5)", *asked)[0] == 1
    assert cli("schedule", "check", "warmup(500ktok) > linear", *asked[:-1])[1] == "no problems found over 535 steps\n"


def test_a_plateau_is_said_to_depend(cli: Cli) -> None:
    assert "as if the metric always improved" in cli("schedule", "show", "plateau", *RUN)[1]


def test_check_points_at_the_unit_and_exits_with_1(cli: Cli) -> None:
    code, out, _ = cli("schedule", "check", "cosine(length=5st)", *RUN)
    assert code == 1
    assert out == "error: cosine(5st) reaches its end at step 5 of 535; did you mean 5ep?\n"
    assert cli("schedule", "check", "warmup(6%) > linear", *RUN)[:2] == (0, "no problems found over 535 steps\n")
    code, out, _ = cli("schedule", "check", "warmup(50%) > linear", *RUN, "--json")
    assert code == 0
    (finding,) = json.loads(out)["findings"]
    assert (finding["level"], finding["rule"], finding["schedule"]) == (
        "warning",
        "long warmup",
        "warmup(50%) > linear",
    )


def test_check_compares_the_horizon_with_the_data(cli: Cli) -> None:
    steps = ["--epochs", "5", "--steps-per-epoch", "106", "--examples", "8544", "--batch-size", "80"]
    code, out, _ = cli("schedule", "check", "linear", *steps)
    assert code == 1
    assert "8,544 examples in batches of 80 make 107 steps per epoch, not 106" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cosin", *RUN], "did you mean cosine"),
        (["linear"], "give --steps-per-epoch, or --examples and --batch-size"),
        (["linear", "--steps-per-epoch", "0"], "--steps-per-epoch must be at least 1"),
        (["linear", "--epochs", "0", "--steps-per-epoch", "5"], "--epochs must be at least 1"),
        (["linear", *RUN, "--lr", "nan"], "--lr must be a positive number: got nan"),
        (
            ["warmup(5ktok) > linear", *RUN],
            "how many tokens an epoch has is missing: got 5ktok; give --tokens-per-epoch",
        ),
        (["linear", *RUN, "--tokens-per-epoch", "0"], "--tokens-per-epoch must be at least 1"),
        (["linear", *RUN, "--scale", "cubic"], "--scale is one of linear, log"),
        (["linear", *RUN, "--out", "picture.bmp"], "a picture ends in"),
        (["warmup(600st) > linear", *RUN], "warmup must be shorter than the run"),
        (["linear(to=1e-3lr)", *RUN, "--lr", "1e-5"], "must not exceed the peak"),
        (["linear", "--epochs", "100000", "--steps-per-epoch", "1000"], "up to 10,000,000 steps"),
        (["linear", *RUN, "--out", "no/such/folder.png"], "make its folder first"),
        ([], "SCHEDULE"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], says: str, cli: Cli) -> None:
    code, out, err = cli("schedule", "show", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert says in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["linear", *RUN, "--lr", "nan"], "--lr must be a positive number: got nan"),
        (["linear", *RUN, "--lr", "0"], "--lr must be a positive number: got 0"),
        (["linear", *RUN, "--lr", "-1"], "--lr must be a positive number: got -1"),
        (["linear", *RUN, "--lr", "inf"], "--lr must be a positive number: got inf"),
        (["warmup(0.1) > cosine", *RUN], "needs its unit: got 0.1; write 10%, or 0.1ep"),
        (["(" * 500 + "linear" + ")" * 500, *RUN], "nest at most 40 deep"),
        ([f"linear({'9' * 400}st)", *RUN], "beyond range"),
    ],
)
def test_what_cannot_be_checked_is_one_line(arguments: list[str], says: str, cli: Cli) -> None:
    code, out, err = cli("schedule", "check", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert says in err


def test_the_plot_fits_a_terminal(cli: Cli) -> None:
    _, out, _ = cli("schedule", "show", "linear", *RUN)
    plot = out.split("\n\n")[0].splitlines()
    assert max(len(line) for line in plot) <= 80
    assert np.isfinite(float(plot[1].split()[0]))
