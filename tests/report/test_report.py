"""The report: both languages say the same, the page escapes what it is given, the command's files and refusals."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy

from lrscope.report.chart import Chart, Series
from lrscope.report.chart_svg import svg
from lrscope.report.document import document
from lrscope.report.files import write_report
from lrscope.report.locales import NAMES, locale
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.study import StudyStore

LOG = """\
# {name}
epoch 0: train loss :: 1.9, train acc :: 0.25, dev acc :: 0.24
epoch 1: train loss :: 1.5, train acc :: 0.35, dev acc :: 0.31
epoch 2: train loss :: 1.4{number}, train acc :: 0.45, dev acc :: 0.33
"""


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "en"])
def test_languages_say_the_same_with_the_same_numbers(name: str) -> None:
    english, other = locale("en"), locale(name)
    for ours, theirs in ((english.words, other.words), (english.say, other.say)):
        assert set(ours) == set(theirs)
        for key, text in ours.items():
            assert places(theirs[key]) == places(text), key


def conclusions(tmp_path: Path, *names: str) -> Conclusions:
    path = tmp_path / "runs.log"
    runs = (LOG.format(name=name, number=number) for number, name in enumerate(names))
    path.write_text("".join(runs), encoding="utf-8")
    return Conclusions(read_runs([path], {"dev": 500}))


@pytest.mark.parametrize("language", list(NAMES))
def test_hostile_names_come_out_as_text(language: str, tmp_path: Path) -> None:
    written = write_report(
        document(conclusions(tmp_path, "<script>alert(1)</script>", 'x" onload="y', "a|b`c`")),
        locale(language),
        tmp_path / "out",
    )
    page = written[0].read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'x" onload' not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "nothing is fetched"
    text = written[1].read_text(encoding="utf-8")
    assert "a\\|b\\`c\\`" in text


def test_arms_without_rates_and_one_arm_alone(tmp_path: Path) -> None:
    written = write_report(document(conclusions(tmp_path, "only this")), locale("en"), tmp_path / "out")
    text = written[1].read_text(encoding="utf-8")
    assert "There is nothing to compare it with" in text
    assert "There is only one setting" not in text, "that is said by its head"


def test_the_command_writes_page_text_and_summary(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli(
        "sweep", *toy.options(), "--lr", "1e-4,1e-2", "--seeds", "2", "--epochs", "2", "--out", tmp_path / "s", "--yes"
    )
    assert code == 0, error
    code, out, error = cli("report", tmp_path / "s")
    assert code == 0, error
    assert "report.html and report.md are in" in out
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "lr 1e-4" in page
    assert "example by example" in page
    assert (tmp_path / "s" / "report-by-rate.svg").exists()
    code, out, _ = cli("report", tmp_path / "s", "--json", "--lang", "zh")
    values = json.loads(out)
    assert len(values["runs"]) == 4
    assert {arm["name"] for arm in values["arms"]} == {"lr 1e-4", "lr 1e-2"}
    assert values["choice"]["first"] in values["contenders"]
    assert values["answer"][0]["kind"] in ("use", "no-recommendation")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lang", "fr"], "a report is written in en or zh: got --lang fr"),
        (["--margin", "0"], "--margin is a positive number: got 0"),
        (["--seed-sd", "-1"], "--seed-sd is a positive number"),
        (["--dev-size", "0"], "--dev-size is a number of examples: got 0"),
    ],
)
def test_what_a_report_refuses(options: list[str], said: str, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "runs.log"
    path.write_text(LOG.format(name="1e-4", number=0), encoding="utf-8")
    code, _, error = cli("report", path, "--out", tmp_path / "out", *options)
    assert code == 2
    assert said in error
    assert not (tmp_path / "out").exists()


def test_trainer_states(tmp_path: Path, cli: Cli) -> None:
    paths = []
    for rate, value in ((1e-5, 0.4), (1e-4, 0.45)):
        history = [
            {"epoch": 0.5, "loss": 1.6, "learning_rate": rate, "step": 5},
            {"epoch": 1.0, "eval_loss": 1.5, "eval_accuracy": 0.3, "eval_runtime": 1.0, "step": 10},
            {"epoch": 1.5, "loss": 1.2, "learning_rate": rate / 2, "step": 15},
            {"epoch": 2.0, "eval_loss": 1.4, "eval_accuracy": value, "step": 20},
            {"train_runtime": 12.5, "step": 20},
        ]
        path = tmp_path / f"{rate:g}" / "trainer_state.json"
        path.parent.mkdir()
        state = {"epoch": 2.0, "num_train_epochs": 2, "log_history": history}
        path.write_text(json.dumps(state), encoding="utf-8")
        paths.append(path)
    code, out, error = cli("report", *paths, "--dev-size", "1000", "--json", "--out", tmp_path / "out")
    assert code == 0, error
    values = json.loads(out)
    assert [(arm["name"], arm["value"]) for arm in values["arms"]] == [("lr 1e-5", 0.4), ("lr 1e-4", 0.45)]
    assert values["metric"] == {"name": "accuracy", "direction": "maximize"}
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    code, _, error = cli("report", tmp_path / "bad.json", "--out", tmp_path / "out")
    assert (code, "holds a log_history" in error) == (2, True)


def test_charts_of_one_point_nothing_and_what_is_not_finite() -> None:
    assert svg(Chart("t", "x", "y", (Series("a", []),))) == ""
    one = svg(Chart("t", "x", "y", (Series("a", [(1e-3, 0.5)]),), log=True))
    assert one.count("<circle") == 1
    holed = svg(Chart("t", "x", "y", (Series("a", [(1, float("nan")), (2, 0.5), (3, float("inf"))]),)))
    assert holed.count("<circle") == 1


def test_the_seal_is_opened_after_the_choice_and_on_record(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    sweep = ["sweep", *toy.options(), "--lr", "1e-4,1e-2", "--seeds", "2", "--epochs", "1", "--out", study, "--yes"]
    assert cli(*sweep, "--test", toy.dev)[0] == 0
    assert "test accuracy" not in cli("report", study)[1]
    code, out, error = cli("report", study, "--open-test")
    assert code == 0, error
    assert "opened the test scores of 2 trials" in error
    assert "test accuracy (not used to choose)" in out
    choice = json.loads((study / "choice.json").read_text(encoding="utf-8"))
    with StudyStore.open(study) as store:
        assert [opening["asked_by"] for opening in store.openings()] == ["report --open-test"] * 2
        # The test file is the dev file: what was opened is what dev was measured at.
        for row in store.trials():
            for test in store.evaluations(row.id, "test"):
                assert test.metrics == store.evaluations(row.id, "dev")[-1].metrics
    assert "opened the test scores of 2 trials" in cli("report", study, "--open-test", "all")[2]
    assert json.loads((study / "choice.json").read_text(encoding="utf-8")) == choice
    assert "these test scores were open already" in cli("report", study, "--open-test=all")[2]


def test_a_seal_that_cannot_be_opened(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    bare = tmp_path / "bare.txt"
    bare.write_text("-1 ||| a film\n-1 ||| a story\n", encoding="utf-8")
    options = toy.options("--lr", "1e-4,1e-2", "--epochs", "1", "--yes")
    place = options.index("--test")
    for name, test, said in (
        ("none", [], "has no test examples to open"),
        ("bare", ["--test", str(bare)], "test scores need labels"),
    ):
        assert cli("sweep", *options[:place], *options[place + 2 :], *test, "--out", tmp_path / name)[0] == 0
        code, _, error = cli("report", tmp_path / name, "--open-test")
        assert (code, said in error) == (2, True), error
    code, _, error = cli("report", tmp_path / "none", "--open-test=some")
    assert (code, "--open-test all" in error) == (2, True)


def test_trainer_states_with_odd_entries(tmp_path: Path, cli: Cli) -> None:
    history = [5, None, {"epoch": "x", "eval_accuracy": "high", "eval_loss": 1.0}, {"eval_loss": 0.9, "epoch": 2.0}]
    path = tmp_path / "trainer_state.json"
    path.write_text("\ufeff" + json.dumps({"log_history": history}), encoding="utf-8")
    code, out, error = cli("report", path, "--out", tmp_path / "out")
    assert code == 0, error
    assert "There is nothing to compare it with" in out
    code, _, error = cli("report", path, "--out", path)
    assert (code, "is a file; name another with --out" in error) == (2, True)


@pytest.mark.slow
def test_the_best_epoch_is_a_choice_that_is_paid_for(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    cli("sweep", *toy.options(), "--lr", "1e-4,3e-3", "--seeds", "2", "--epochs", "4", "--out", study, "--yes")
    found = {}
    for name, options in (("end", ()), ("best epoch", ("--best-epoch",))):
        code, out, error = cli("report", study, *options, "--json")
        assert code == 0, error
        found[name] = json.loads(out)
        assert found[name]["choice"]["at"] == name
    best = {
        run["arm"]: max(epoch["dev"]["accuracy"] for epoch in run["epochs"])
        for run in found["end"]["runs"] if run["seed"] == 0
    }  # fmt: skip
    seeds = [run for run in found["end"]["runs"] if run["seed"] == 1]
    for arm in found["best epoch"]["arms"]:
        other = next(max(e["dev"]["accuracy"] for e in run["epochs"]) for run in seeds if run["arm"] == arm["name"])
        assert arm["value"] == pytest.approx((best[arm["name"]] + other) / 2)
    text = (study / "report.md").read_text(encoding="utf-8")
    assert "None is shown to be better than guessing" in text, "of 17 sentences"
    assert found["best epoch"]["choice"]["optimism"] > found["end"]["choice"]["optimism"]
    assert "The best epoch is shown but not used" not in text
    code, _, error = cli("report", study, "--best-epoch", "--open-test")
    assert (code, "take one" in error) == (2, True)
    assert cli("report", study, "--open-test")[0] == 0
    text = (study / "report.md").read_text(encoding="utf-8")
    assert "Test scores of 2 runs were opened on " in text
    assert "by lrscope report --open-test." in text


@pytest.mark.parametrize("language", list(NAMES))
def test_every_finding_of_a_run_that_goes_wrong_is_written(language: str, tmp_path: Path) -> None:
    courses = {1e-4: (0.30, 0.45, 0.30, 0.46, 0.20), 1e-3: (0.2, 0.3, 0.4, 0.45, 0.5), 1e-2: (0.2, 0.21, 0.2, 0.2, 0.2)}
    lines = ["lr,seed,epoch,train_loss,train_acc,dev_loss,dev_acc,test_acc"]
    for rate, course in courses.items():
        for seed in range(3):
            fell = 0.1 if (rate, seed) == (1e-3, 2) else 0.0
            for epoch, value in enumerate(course, start=1):
                row = (2 - epoch / 4, 0.2 * epoch, 1.2 + 0.1 * epoch, value - fell * epoch / 2 + seed / 500, value)
                lines.append(f"{rate},{seed},{epoch},{','.join(map(str, row))}")
    lines.append("0.1,0,1,nan,0.2,1.6,0.2,0.2")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    c = Conclusions(read_runs([path], {"dev": 2000, "test": 2000}))
    doc = document(c)
    kinds = {each.kind for each in doc.findings}
    assert {"unstable", "worse-after-best", "still-improving", "diverged", "seed-collapsed"} <= kinds
    assert {"several-overfit", "several-dev-losses-rise"} <= kinds
    text = write_report(doc, locale(language), tmp_path / "out")[1].read_text(encoding="utf-8")
    assert set(re.findall(r"{.*?}", text)) <= {"{lr}", "{seed}", "{out}", "{epochs}"}, "those of a command alone"
    assert text.count("\n- ") >= len(doc.findings)


def test_a_report_tells_first_what_it_rests_on_and_what_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [
        f"{rate},0,{epoch},{value + epoch / 100}"
        for rate, value in ((1e-4, 0.3), (1e-3, 0.4), (1e-2, 0.2))
        for epoch in (1, 2)
    ]
    path.write_text("\n".join(["lr,seed,epoch,dev accuracy", *rows]), encoding="utf-8")
    doc = document(Conclusions(read_runs([path], {"dev": 500})))
    page, text = (each.read_text(encoding="utf-8") for each in write_report(doc, locale("en"), tmp_path / "out")[:2])
    for written in (page, text):
        assert "Measured: 3 runs of 3 settings, 500 dev examples." in written
        assert "Next step: Run 3 seeds of each setting" in written
    assert 'id="next"' in page.split('href="#next"')[1], "the first step leads to all of them"
    zh = write_report(doc, locale("zh"), tmp_path / "zh")[1].read_text(encoding="utf-8")
    assert "依据：3 个设置的 3 次运行" in zh
