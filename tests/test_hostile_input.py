"""Hundreds of damaged and hostile inputs, drawn from fixed seeds: each is accepted or refused in one line.

Any other exception, and any input that takes long, is a defect. A case that fails here is made again by its number.
"""

import json
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import tomli_w

from lrscope.api.loaded_study import load_study
from lrscope.config import StudyConfig
from lrscope.data.labels import read_label_names
from lrscope.data.splits import load_splits
from lrscope.errors import LrscopeError
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.tokenizers import check_vocabulary, read_tokenizer
from lrscope.report.document import document
from lrscope.runs.sources import read_runs
from lrscope.schedules import parse
from lrscope.store.storage import DATABASE
from lrscope.studies.interim_looks import read_looks
from lrscope.workflows.conclusions import conclude_each
from lrscope.workflows.status import study_status
from tests.conftest import Toy

FIXTURES = Path(__file__).parent / "fixtures" / "v0.1"
SECONDS_EACH = 5.0
NASTY: list[Any] = [
    None, True, [], {}, "", " ", "nan", "inf", "-1", "1e999", "²", "0x10", "\x1b[2J", "\u202e", "\ud800", "=1+1",
    "a" * 5000,
    0, -1, 1, 0.5, 2**31, 2**63, 10**400, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), [[]], [None],
    {"a": {"b": []}}, "../..", "warmup(6%) > linear", "\0",
]  # fmt: skip
PIECES = ["\n", ",", '"', "%", "(", ">", "{", "9" * 300]


def changed(value: Any, draw: random.Random) -> Any:
    """Return a JSON value with one of its parts replaced by something that does not belong there."""
    if draw.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return draw.choice(NASTY)
    if isinstance(value, list):
        place = draw.randrange(len(value))
        return [*value[:place], changed(value[place], draw), *value[place + 1 :]]
    name = draw.choice(list(value))
    action = draw.random()
    if action < 0.1:
        return {key: item for key, item in value.items() if key != name}
    if action < 0.2:
        return {**value, str(draw.choice(NASTY))[:40]: draw.choice(NASTY)}
    return {**value, name: changed(value[name], draw)}


def scrambled(text: str, draw: random.Random) -> str:
    """Return a text with pieces lost, doubled, moved or replaced."""
    for _ in range(draw.randint(1, 4)):
        first, last = sorted(draw.randrange(len(text) + 1) for _ in range(2))
        last = min(last, first + draw.choice([1, 3, 40, 4000]))
        piece = draw.choice(["", text[first:last] * 2, text[:first][-30:], str(draw.choice(NASTY)), *PIECES])
        text = text[:first] + piece + text[last:]
    return text


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def refused_or_accepted(number: int, read: Callable[[], object]) -> bool:
    """Return whether an input was refused; anything else than that or an answer fails."""
    began, said = monotonic(), ""
    try:
        read()
    except LrscopeError as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"case {number} ends with {type(error).__name__}: {error!s:.200}") from error
    finally:
        assert monotonic() - began < SECONDS_EACH, f"case {number} took {monotonic() - began:.1f} s"
    assert "\n" not in said.strip(), f"case {number} is refused in several lines: {said}"
    assert len(said) < 2000, f"case {number} is refused at length: {said[:200]}"
    return bool(said)


def trainer_state() -> dict[str, Any]:
    history: list[dict[str, Any]] = []
    for step in range(1, 21):
        history.append({"step": step, "epoch": step / 10, "loss": 2.0 / step, "learning_rate": 1e-3 * (1 - step / 21)})
        if step % 10 == 0:
            history.append({"step": step, "epoch": step / 10, "eval_loss": 0.5, "eval_accuracy": 0.4 + step / 100})
    return {
        "best_metric": 0.6, "epoch": 2.0, "global_step": 20, "max_steps": 20, "num_train_epochs": 2,
        "train_batch_size": 8, "log_history": history, "stateful_callbacks": {"TrainerControl": {"args": {}}},
    }  # fmt: skip


def test_trainer_states(tmp_path: Path) -> None:
    draw = random.Random(1)
    whole = trainer_state()
    refused = 0
    for number in range(120):
        state = changed(whole, draw)
        while draw.random() < 0.4:
            state = changed(state, draw)
        path = written(tmp_path / f"{number}-trainer_state.json", json.dumps(state))
        refused += refused_or_accepted(number, partial(reported if number % 20 == 0 else read_runs, [path], {}))
    assert 10 < refused < 120


TABLE = "lr,seed,epoch,train loss,dev acc,test acc\n" + "".join(
    f"{rate},{seed},{epoch},{2 / epoch:.4f},{0.3 + epoch / 100:.3f},{0.29 + epoch / 100:.3f}\n"
    for rate in ("1e-5", "2e-5", "1e-4") for seed in (0, 1) for epoch in (1, 2, 3)
)  # fmt: skip
LOG = "".join(
    f"args: {{'lr': {rate}, 'epochs': 3, 'seed': 11711}}\n"
    + "".join(f"epoch {e}: train loss :: 1.{e}, train acc :: 0.4{e}, dev acc :: 0.3{e}\n" for e in (0, 1, 2))
    for rate in ("1e-5", "0.0001", "2e-05")
)  # fmt: skip
ROWS = "".join(
    json.dumps({"lr": rate, "seed": 0, "epoch": e, "dev_loss": 1 / e, "arm": f"lr {rate}"}) + "\n"
    for rate in (1e-3, 1e-4) for e in (1, 2)
)  # fmt: skip


@pytest.mark.parametrize("name", ["t.csv", "t.log", "t.jsonl"])
def test_tables_and_logs(tmp_path: Path, name: str) -> None:
    draw = random.Random(2)
    text = {"t.csv": TABLE, "t.log": LOG, "t.jsonl": ROWS}[name]
    for number in range(100):
        path = written(tmp_path / f"{number}{name}", scrambled(text, draw))
        refused_or_accepted(number, partial(reported if number % 20 == 0 else read_runs, [path], {}))


def reported(paths: list[Path], _sizes: dict[str, int]) -> object:
    return document(conclude_each(paths)[0].conclusions)


def test_damaged_studies(tmp_path: Path) -> None:
    draw = random.Random(3)
    refused = 0
    for number in range(150):
        folder = tmp_path / str(number)
        shutil.copytree(FIXTURES / draw.choice(["done", "cut", "one", "find"]), folder)
        with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for _ in range(draw.randint(1, 3)):
                damage(connection, draw.choice(tables), draw)

        def read(folder: Path = folder) -> None:
            study_status(folder)
            with load_study(folder) as study:
                study.evaluation_rows()
            read_runs([folder], {})

        refused += refused_or_accepted(number, read)
    assert 10 < refused < 150


def damage(connection: sqlite3.Connection, table: str, draw: random.Random) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    column = draw.choice(columns)
    found = connection.execute(f"SELECT rowid, {column} FROM {table}" if table in ("study", "trials", "openings")
                               else f"SELECT 0, {column} FROM {table}").fetchall()  # fmt: skip
    if not found:
        return
    row, value = draw.choice(found)
    if isinstance(value, bytes):
        data = bytearray(value or b"x")
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        new: Any = draw.choice([bytes(data), value[: len(value) // 2], value * 2, b""])
    elif isinstance(value, str) and value.startswith(("{", "[")):
        new = scrambled(value, draw)
        with suppress(ValueError):  # it was damaged already
            new = json.dumps(changed(json.loads(value), draw))
    else:
        new = draw.choice(NASTY)
        new = str(new).encode("utf-8", "replace").decode() if not isinstance(new, int | float | None) else new
        new = str(new) if isinstance(new, int) and abs(new) >= 2**63 else new
    where = f"WHERE rowid = {row}" if row else ""
    try:
        connection.execute(f"UPDATE {table} SET {column} = ? {where}", (new,))
    except sqlite3.IntegrityError:  # SQLite itself refuses it
        return


def test_reports_of_damaged_studies(tmp_path: Path) -> None:
    draw = random.Random(4)
    for number in range(12):
        folder = tmp_path / str(number)
        shutil.copytree(FIXTURES / "done", folder)
        with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            damage(connection, draw.choice(["trials", "evaluations", "steps", "scores"]), draw)
        refused_or_accepted(number, partial(reported, [folder], {}))


def test_records_beside_a_study(tmp_path: Path) -> None:
    draw = random.Random(5)
    whole = json.loads((FIXTURES / "done" / "looks.json").read_text())
    for number in range(60):
        text = scrambled(json.dumps(whole), draw) if number % 2 else json.dumps(changed(whole, draw))
        written(tmp_path / "looks.json", text)
        refused_or_accepted(number, lambda: read_looks(tmp_path))


def test_labels_and_sentences(tmp_path: Path) -> None:
    draw = random.Random(6)
    names = {"0": "bad", "1": "mixed", "2": "good"}
    lines = "".join(f"{n % 3} ||| sentence {n}\n" for n in range(30))
    rows = "".join(json.dumps({"text": f"sentence {n}", "label": n % 3}) + "\n" for n in range(30))
    dev = written(tmp_path / "dev.txt", lines)
    for number in range(100):
        text = scrambled(json.dumps(names), draw) if number % 2 else json.dumps(changed(names, draw))
        path = written(tmp_path / "names.json", text)
        refused_or_accepted(number, partial(read_label_names, path))
        ending, whole = draw.choice([("txt", lines), ("jsonl", rows), ("csv", "text,label\n" + lines), ("tsv", lines)])
        train = written(tmp_path / f"train.{ending}", scrambled(whole, draw))
        refused_or_accepted(number, partial(load_splits, train, dev, None))


def test_configurations(tmp_path: Path, toy: Toy) -> None:
    draw = random.Random(7)
    plain = {**toy.config().to_dict(), "sweep": {"grid": {"peak_rate": [1e-4, 1e-3], "epochs": [1, 2]}, "seeds": 2}}
    whole = tomli_w.dumps(plain)
    path = tmp_path / "config.toml"
    refused = 0
    for number in range(200):
        if number % 2:
            text = scrambled(whole, draw)
        else:
            try:
                text = tomli_w.dumps(changed(plain, draw))
            except (TypeError, AttributeError, ValueError):  # what TOML cannot write
                continue
        written(path, text)
        refused += refused_or_accepted(number, lambda: StudyConfig.from_toml(path))
    assert refused > 50
    for number in range(100):
        values = changed(plain, draw)
        if isinstance(values, dict):
            refused_or_accepted(number, partial(StudyConfig.from_dict, values))


SCHEDULES = [
    "warmup(6%) > linear", "warmup(2st) > cosine(floor=10%) * restarts(3)",
    "constant > linear(20%)", "points(0%: 0, 50%: 1)",
    "warmup(1ep) > step(every=1ep, factor=0.5)", "plateau(patience=2)", "wsd", "inverse_sqrt(timescale=100st)",
]  # fmt: skip


def test_schedules() -> None:
    draw = random.Random(8)

    def read(text: str) -> None:
        schedule = parse(text)
        assert parse(str(schedule)) == schedule
        resolved = schedule.resolve(total_steps=40, steps_per_epoch=10, peak_rate=1e-3)
        assert ((resolved.factors() >= 0) & (resolved.factors() <= 1)).all()

    for number in range(300):
        text = scrambled(draw.choice(SCHEDULES), draw)
        refused_or_accepted(number, partial(read, text))


def test_models(tmp_path: Path, tiny_model: Path) -> None:
    draw = random.Random(9)
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    weights = files["model.safetensors"]
    (size,) = struct.unpack("<Q", weights[:8])

    def read() -> None:
        checkpoint = read_checkpoint(folder)
        check_vocabulary(read_tokenizer(None, folder), checkpoint)

    for number in range(120):
        for name, data in files.items():
            (folder / name).write_bytes(data)
        target = draw.choice(["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"])
        if target == "model.safetensors":
            header = json.dumps(changed(json.loads(weights[8 : 8 + size]), draw)).encode()
            (folder / target).write_bytes(struct.pack("<Q", len(header)) + header + weights[8 + size :])
        elif number % 2 or target == "tokenizer.json":
            written(folder / target, scrambled(files[target].decode(), draw))
        else:
            written(folder / target, json.dumps(changed(json.loads(files[target]), draw)))
        refused_or_accepted(number, read)
