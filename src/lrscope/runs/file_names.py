"""What runs are called that nothing but their files names: by the file, or by the folder of one that names no run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

# Names that programs give to the record of any run: its folder tells which one it is.
_OF_ANY_RUN = re.compile(
    r"^(trainer_state|trainer_log|lrscope|metrics|history|results?|(all|eval|train|test)_results|progress|summary|log(s|ging)?"
    r"|train(ing)?(_?log)?|output|std(out|err)|console|events\.out\..*|meta|model_card|README)(\.\w+)*$",
    re.I,
)


def names_of_files(paths: Sequence[str]) -> list[str]:
    """Return what the run of each file is called, without the folders that all of them are in.

    >>> names_of_files(["/a/runs/one/trainer_state.json", "/a/runs/two/trainer_state.json"])
    ['one', 'two']
    >>> names_of_files(["/a/b/lr-3e-4.log"]), names_of_files(["x/a.csv", "y/a.csv"])
    (['lr-3e-4.log'], ['x/a.csv', 'y/a.csv'])
    """
    parts = [_parts(path) for path in paths]
    while all(len(each) > 1 for each in parts) and len({each[0] for each in parts}) == 1:
        parts = [each[1:] for each in parts]
    names = ["/".join(each) for each in parts]
    return names if len(set(names)) == len(names) else list(paths)


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path, down to the folder where the file's name is one of any run."""
    parts = PurePath(path.replace("\\", "/")).parts
    return (
        parts[:-1] if len(parts) > 1 and parts[-2] not in ("/", ".", "..") and _OF_ANY_RUN.match(parts[-1]) else parts
    )
