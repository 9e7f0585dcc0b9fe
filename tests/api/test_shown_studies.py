"""What studies and results show of themselves: one line, the same charts as the page, a piece of a notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.api import toys
from tests.notebook import shown

import lrscope
from lrscope.errors import ConfigError, StudyError
from lrscope.store.study import StudyStore
from lrscope.workflows.sweep import read_sweep

FIXTURES = Path(__file__).parents[1] / "fixtures" / "v0.1"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("studies") / "bowl"
    return lrscope.sweep(toys.bowl, lr=toys.RATES, seeds=2, out=folder, progress=False)


def test_one_line_says_what_was_found_and_how_far_it_is(study: Any) -> None:
    best = study.best
    assert repr(study) == (
        f"<study {study.folder}: use lr {best['lr']:g} (accuracy {best.value:.3f}, confidence {best.confidence}); "
        "6 of 6 trials done>"
    )
    with lrscope.load_study(study.folder) as loaded:
        assert repr(loaded) == repr(study)
        assert str(loaded) == str(study)
    with StudyStore.open(study.folder) as store:
        assert repr(read_sweep(store)).startswith(f"<sweep {study.folder}: use lr {best['lr']:g} ")


def test_of_failed_trials_and_of_none(tmp_path: Path) -> None:
    failing = lrscope.sweep(lambda trial: 1 / 0, lr=[0.1, 0.2], seeds=1, out=tmp_path / "a", progress=False)
    assert repr(failing) == f"<study {tmp_path / 'a'}: nothing measured yet; 0 of 2 trials done, 2 failed>"
    with lrscope.load_study(tmp_path / "a") as loaded:
        assert shown(loaded)["text/html"].startswith("<p>no run has ended with a value yet</p>")
    with pytest.raises(StudyError):
        lrscope.load_study(tmp_path / "none")


def test_a_notebook_shows_the_same_chart_and_table_as_the_page(study: Any) -> None:
    report = lrscope.write_report(study.folder)
    page = report.page.read_text(encoding="utf-8")
    chart = (report.page.parent / "report-by-rate.svg").read_text(encoding="utf-8")
    curve = chart[chart.index('<g class="series"') : chart.rindex("</svg>")]
    with lrscope.load_study(study.folder) as loaded:
        pieces = [shown(value)["text/html"] for value in (study, loaded, report)]
    for piece in pieces:
        assert curve in piece
        assert "<script" not in piece
        assert piece[piece.index("<table>") : piece.index("</table>")] in page
    assert curve in page
    assert repr(report) == repr(study).replace(f"study {study.folder}", f"report {report.page}").replace(
        "; 6 of 6 trials done", ""
    )


def test_plot_draws_the_charts_of_the_page(study: Any, tmp_path: Path) -> None:
    figure = study.plot(path=tmp_path / "by-rate.png")
    assert figure.axes[0].get_xscale() == "log"
    assert (tmp_path / "by-rate.png").read_bytes().startswith(b"\x89PNG")
    assert shown(figure)["image/png"].startswith(b"\x89PNG")
    assert study.plot("curves").axes[0].get_xlabel() in ("step", "epoch")
    with pytest.raises(ConfigError, match=r"the charts of this result are by-rate, curves.*: got 'x'"):
        study.plot("x")


def test_range_tests_are_studies_too() -> None:
    with lrscope.load_study(FIXTURES / "find") as study:
        assert study.range_test is not None
        assert repr(study) == f"<study {FIXTURES / 'find'}: {repr(study.range_test)[1:-1]}>"
        assert "data:image/png" in shown(study)["text/html"]
        assert study.plot().axes[0].get_xlabel() == "learning rate"
        with pytest.raises(StudyError, match="holds range tests"):
            study.conclusions  # noqa: B018


def test_one_run_alone_shows_what_it_logged(tmp_path: Path) -> None:
    log = tmp_path / "run.csv"
    log.write_text(
        "step,lr,loss,eval_loss\n"
        + "".join(f"{n},1e-3,{2 / n},{2.1 / n if n % 5 == 0 else ''}\n" for n in range(1, 41))
    )
    report = lrscope.write_report(log, out=tmp_path / "report", metric="loss")
    assert shown(report)["text/html"].count("<svg") == report.page.read_text(encoding="utf-8").count("<svg") / 2
    assert len(report.plot().axes) == shown(report)["text/html"].count("<svg")


def test_looking_at_a_result_loads_no_torch(study: Any) -> None:
    code = (
        "import sys, lrscope; study = lrscope.load_study(sys.argv[1]); study._repr_html_(); repr(study); "
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(study.folder)], check=True)
