"""The corpus of landscapes as a table: read, and made of what `record.py` wrote.

    python benchmarks/landscapes/corpus.py rows.jsonl …     # adds these rows to corpus.parquet

A row is an evaluation of a run; the last of a run has its status, `completed` or `diverged`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CORPUS = Path(__file__).with_name("corpus.parquet")
SCHEMA = pa.schema([
    ("setting", pa.dictionary(pa.int16(), pa.string())), ("rate", pa.float64()), ("seed", pa.int16()),
    ("total_steps", pa.int32()), ("step", pa.int32()), ("status", pa.dictionary(pa.int8(), pa.string())),
    ("dev_loss", pa.float64()), ("dev_accuracy", pa.float64()), ("train_loss", pa.float64()),
    ("seconds", pa.float32()), ("machine", pa.dictionary(pa.int8(), pa.string())),
])  # fmt: skip
Row = dict[str, Any]


def run_key(row: Row) -> tuple[str, float, int, int]:
    """Return what tells a row's run from the others."""
    return row["setting"], row["rate"], row["seed"], row["total_steps"]


def evaluation_key(row: Row) -> tuple[str, float, int, int, int]:
    """Return what tells a row from the others."""
    return (*run_key(row), row["step"])


def read_corpus(path: Path = CORPUS) -> list[Row]:
    """Return all rows, none where there is no corpus yet."""
    return pq.read_table(path).to_pylist() if path.is_file() else []


def write_corpus(rows: list[Row], path: Path = CORPUS) -> None:
    """Write rows in the order of settings, rates, seeds and steps; of two of the same evaluation the first."""
    kept: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        kept.setdefault(evaluation_key(row), row)
    ordered = [kept[key] for key in sorted(kept)]
    filled = [{name: row.get(name) for name in SCHEMA.names} for row in ordered]
    pq.write_table(pa.Table.from_pylist(filled, SCHEMA), path, compression="zstd", use_dictionary=True)


def main() -> None:
    """Add recorded rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    rows = read_corpus()
    for path in parser.parse_args().files:
        rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    write_corpus(rows)
    made = read_corpus()
    runs = set(map(run_key, made))
    print(f"{len({row['setting'] for row in made})} settings, {len(runs):,} runs, {len(made):,} rows")


if __name__ == "__main__":
    main()
