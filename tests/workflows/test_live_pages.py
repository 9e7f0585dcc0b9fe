"""Pages of studies as they are now: served to this machine alone, made anew when studies go on, writing nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.conftest import Cli

from lrscope.errors import StudyError
from lrscope.workflows.live_pages import LivePages
from lrscope.workflows.page_server import LOCAL, make_server

STUDIES = Path(__file__).parents[1] / "fixtures" / "v0.1"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("cut", "done", "find"):
        shutil.copytree(STUDIES / name, tmp_path / "runs" / f"{name} & <b>")
    return tmp_path / "runs"


@pytest.fixture
def port(runs: Path) -> Iterator[int]:
    with make_server(LivePages(runs)) as server:
        assert server.server_address[0] == LOCAL
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def get(port: int, path: str, host: str = "") -> tuple[int, str]:
    connection = HTTPConnection(LOCAL, port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"{LOCAL}:{port}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def held(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_list_leads_to_each_study_and_nothing_is_written(runs: Path, port: int) -> None:
    before = held(runs)
    code, text = get(port, "/")
    assert code == 200
    assert "done &amp; &lt;b&gt;" in text
    assert "<b>" not in text
    address = "/study/done%20%26%20%3Cb%3E"
    assert f'href="{address}"' in text
    code, text = get(port, address)
    assert (code, 'id="lrscope-report"' in text, "runs done." in text) == (200, True, True)
    assert 'href="/"' in text
    assert '<th scope="col">trial</th>' in get(port, address.replace("done", "find"))[1]
    assert "nothing is running" in get(port, address.replace("done", "cut"))[1]
    assert held(runs) == before


def test_the_list_is_in_the_language_that_is_asked_for(runs: Path) -> None:
    text = LivePages(runs, "zh").page("/")
    assert text is not None
    assert "已停止、6 次中还剩 4 次" in text
    assert "在哪里搜索学习率：" in text
    for english in ("stopped", "running", "done,", "search ", "confidence", " seeds"):
        assert english not in text.partition("<table")[2], english


@pytest.mark.parametrize("path", ["/study/..", "/study/../../etc/passwd", "/study/", "/x", "/study/%2e%2e", "/stamp/x"])
def test_there_is_nothing_else_to_have(path: str, port: int) -> None:
    assert get(port, path)[0] == 404


def test_other_names_of_this_machine_are_refused(port: int) -> None:
    assert get(port, "/", host=f"evil.example:{port}")[0] == 403
    assert get(port, "/", host=f"localhost:{port}")[0] == 200


def test_a_page_is_made_anew_when_the_study_goes_on(runs: Path) -> None:
    study = next(runs.glob("done*"))
    pages = LivePages(study)
    stamp, text = pages.stamp("/"), pages.page("/")
    assert stamp is not None
    assert text is not None
    assert stamp in text, "what the page asks for"
    assert pages.page("/") is text, "nothing has changed"
    database = study / "study.db"
    os.utime(database, ns=(0, database.stat().st_mtime_ns + 1_000_000))
    assert pages.stamp("/") != stamp
    assert pages.page("/") is not text
    assert pages.page("/study/done") is None


def test_a_folder_without_studies_and_a_port_that_is_taken(tmp_path: Path, port: int, runs: Path, cli: Cli) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="no study is in"):
        LivePages(tmp_path / "empty")
    for taken in (port, 70_000):
        code, _, error = cli("serve", runs, "--port", taken)
        assert (code, f"--port is a free port of this machine: got {taken}" in error) == (2, True), error


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C cannot be sent to one process there")
def test_ctrl_c_ends_it_in_order(runs: Path) -> None:
    command = [sys.executable, "-m", "lrscope", "serve", str(runs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"http://{LOCAL}:" in line
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out.strip(), error) == (0, "ended", "")
