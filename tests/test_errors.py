"""What a notebook shows of an error: one's own lines, and the message."""

from __future__ import annotations

from pathlib import Path

import pytest

import lrscope
from lrscope.errors import ConfigError


def test_a_notebook_shows_the_line_that_called_and_the_message() -> None:
    try:
        lrscope.tune(print, lr="1e-3", budget="1s")
    except ConfigError as error:
        shown = error._render_traceback_()
    assert shown[-1] == "ConfigError: lr of tune is a range, LOW:HIGH: got '1e-3'; write 1e-5:1e-3"
    assert [line.partition(", line ")[0] for line in shown[:-1]] == [__file__], "no frame of lrscope's own"
    assert shown[0].endswith('lrscope.tune(print, lr="1e-3", budget="1s")')


def test_the_stop_button_shows_no_traceback_and_is_still_an_interrupt(tmp_path: Path) -> None:
    def stopped(trial: lrscope.Trial) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        lrscope.sweep(stopped, lr=[1e-3], seeds=1, out=tmp_path / "s", metric="loss")
    assert caught.value._render_traceback_() == ["KeyboardInterrupt: stopped"]
