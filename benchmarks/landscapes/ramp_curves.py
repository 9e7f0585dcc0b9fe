"""The range tests that were recorded on the corpus, as a table: read, and made of what `record_ramps.py` wrote.

    python benchmarks/landscapes/ramp_curves.py rows.jsonl …     # adds these to ramps.parquet

A row is a range test at one seed: its first and last rate, in a geometric course, the loss at each, and why it ended.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lrscope.range_test.curve import Curve
from lrscope.schedules.ramp import RAMP_ENDED

CURVES = Path(__file__).with_name("ramps.parquet")
SCHEMA = pa.schema([
    ("setting", pa.dictionary(pa.int16(), pa.string())), ("ramp", pa.dictionary(pa.int8(), pa.string())),
    ("seed", pa.int16()), ("first", pa.float64()), ("last", pa.float64()), ("losses", pa.list_(pa.float32())),
    ("end_reason", pa.dictionary(pa.int16(), pa.string())),
])  # fmt: skip


@dataclass(frozen=True)
class RecordedRamp:
    """A range test of a setting at a seed. `losses` lie at rates from `first` to `last`, evenly in the logarithm."""

    setting: str
    ramp: str
    seed: int
    first: float
    last: float
    losses: tuple[float, ...]
    end_reason: str

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what tells it from the others."""
        return self.setting, self.ramp, self.seed

    def curve(self) -> Curve:
        """Return it as rules read it."""
        rates = np.geomspace(self.first, self.last, len(self.losses))
        rose = self.end_reason != RAMP_ENDED
        return Curve.of(rates, np.array(self.losses), end_reason=self.end_reason, seed=self.seed, rose=rose)


def read_ramps(path: Path = CURVES) -> list[RecordedRamp]:
    """Return all range tests: of a table, or of lines of JSON; none where there is no file."""
    if not path.is_file():
        return []
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    return [RecordedRamp(**{**row, "losses": tuple(row["losses"])}) for row in rows]


def write_ramps(ramps: list[RecordedRamp], path: Path = CURVES) -> None:
    """Write range tests in the order of settings, ramps and seeds; of two of the same the first."""
    kept: dict[tuple[str, str, int], RecordedRamp] = {}
    for ramp in ramps:
        kept.setdefault(ramp.key, ramp)
    rows = [asdict(kept[key]) for key in sorted(kept)]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, compression="zstd", compression_level=19)


def main() -> None:
    """Add recorded range tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    write_ramps([ramp for path in (CURVES, *parser.parse_args().files) for ramp in read_ramps(path)])
    made = read_ramps()
    settings = {ramp.setting for ramp in made}
    print(f"{len(made):,} range tests of {len(settings)} settings, {CURVES.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
