"""Stand-ins for libraries that are too heavy to install for the tests: they record what they are called with."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest


class FakeRun:
    """A run of W&B or Trackio: what it was begun with, what was logged, whether it was ended."""

    def __init__(self, **begun: Any) -> None:
        self.begun, self.logged, self.summary, self.is_over = begun, [], {}, False
        self.name, self.config = begun.get("name"), begun.get("config", {})

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, dict(values)))

    def finish(self) -> None:
        self.is_over = True

    def __enter__(self) -> FakeRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(members)
    return module


@contextmanager
def _installed(sink: str, *modules: ModuleType) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setitem(sys.modules, module.__name__, module)
        patch.delitem(sys.modules, f"lrscope.sinks.{sink}", raising=False)
        yield
        sys.modules.pop(f"lrscope.sinks.{sink}", None)


@contextmanager
def fake_wandb(mode: str = "offline") -> Iterator[list[FakeRun]]:
    """Let `import wandb` give a fake; yield its runs."""
    runs: list[FakeRun] = []

    def init(**begun: Any) -> FakeRun:
        runs.append(FakeRun(**begun))
        return runs[-1]

    def login() -> None:
        raise RuntimeError("No API key configured. Use `wandb login` to log in.")

    state = SimpleNamespace(settings=SimpleNamespace(mode=mode))
    with _installed(
        "wandb_runs", _module("wandb", init=init, login=login, setup=lambda: state, Settings=lambda **values: values)
    ):
        yield runs


@contextmanager
def fake_trackio() -> Iterator[list[FakeRun]]:
    """Let `import trackio` give a fake; yield its runs."""
    runs: list[FakeRun] = []

    def init(**begun: Any) -> FakeRun:
        print("* Trackio project initialized")  # noqa: T201 - as Trackio does
        runs.append(FakeRun(**begun))
        runs[-1].delete = lambda run=runs[-1]: runs.remove(run)  # type: ignore[attr-defined]
        return runs[-1]

    def of_project(_: str) -> list[FakeRun]:
        if not runs:
            raise ValueError("there is no such project")
        return runs

    api = SimpleNamespace(runs=of_project)
    with _installed("trackio_runs", _module("trackio", init=init, Api=lambda: api, Markdown=str)):
        yield runs


class Metric(NamedTuple):
    key: str
    value: float
    timestamp: int
    step: int


class Pair(NamedTuple):
    key: str
    value: str


class FakeServer:
    """A tracking server of MLflow: `runs` by id, each with its name, tags, params, metrics and status."""

    def __init__(self) -> None:
        self.experiments: list[str] = []
        self.runs: dict[str, SimpleNamespace] = {}

    def get_experiment_by_name(self, name: str) -> SimpleNamespace | None:
        found = name in self.experiments
        return SimpleNamespace(experiment_id=name, lifecycle_stage="active") if found else None

    def create_experiment(self, name: str) -> str:
        self.experiments.append(name)
        return name

    def create_run(self, experiment: str, start_time: int, tags: dict[str, str], run_name: str) -> SimpleNamespace:
        assert experiment in self.experiments
        assert all(isinstance(value, str) for value in tags.values())
        number = f"run-{len(self.runs)}"
        run = SimpleNamespace(
            info=SimpleNamespace(run_id=number, start_time=start_time), data=SimpleNamespace(tags=dict(tags)),
            name=run_name, params={}, metrics=[], status="RUNNING",
        )  # fmt: skip
        self.runs[number] = run
        return run

    def log_batch(self, run_id: str, metrics: Sequence[Metric] = (), params: Sequence[Pair] = ()) -> None:
        assert len(metrics) <= 1000
        assert len(params) <= 100
        self.runs[run_id].metrics += metrics
        self.runs[run_id].params |= {param.key: param.value for param in params}

    def set_tag(self, run_id: str, name: str, value: str) -> None:
        self.runs[run_id].data.tags[name] = value

    def set_terminated(self, run_id: str, status: str, end_time: int | None = None) -> None:
        self.runs[run_id].status = status

    def delete_run(self, run_id: str) -> None:
        self.runs[run_id].data.tags["deleted"] = "true"

    def search_runs(self, experiments: list[str], wanted: str, page_token: str | None = None) -> list[Any]:
        """Find runs a page of two at a time, as `tags.a = 'x' and tags.b = 'y'` says."""
        conditions = [part.split(" ", 2) for part in wanted.replace("tags.`", "").replace("`", "").split(" and ")]
        found = [
            run
            for run in self.runs.values()
            if "deleted" not in run.data.tags
            and all((run.data.tags.get(name) == value.strip("'")) == (sign == "=") for name, sign, value in conditions)
        ]
        begin = int(page_token or 0)
        page = type("Page", (list,), {"token": str(begin + 2) if len(found) > begin + 2 else None})
        return page(found[begin : begin + 2])  # type: ignore[no-any-return]


@contextmanager
def fake_mlflow() -> Iterator[FakeServer]:
    """Let `import mlflow` give a fake; yield its server."""
    server = FakeServer()
    entities = _module("mlflow.entities", Metric=Metric, Param=Pair, Run=SimpleNamespace, RunTag=Pair)
    with _installed("mlflow_runs", _module("mlflow", MlflowClient=lambda: server, entities=entities), entities):
        yield server
