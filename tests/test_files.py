"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from lrscope.errors import StudyError
from lrscope.files import replacing, write_text


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "naïve\n映画\n")
    assert (tmp_path / "a.txt").read_bytes() == "naïve\n映画\n".encode()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(error), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot write"):
        write_text(tmp_path / "none" / "a.txt", "text")


@pytest.mark.parametrize("name", ["", ".", "/", "x" * 300, "a\0b", "\ud800"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError):
        write_text(Path(name) if name in ("", ".", "/") else tmp_path / name, "text")
    assert list(tmp_path.iterdir()) == []


def test_what_utf8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "a\udc80b")
    assert (tmp_path / "a.txt").read_text() == "a\\udc80b"
