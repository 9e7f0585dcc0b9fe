"""What is built and installed: a wheel and a source distribution, whole, and working in an environment of their own."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import lrscope
from tests.conftest import Toy
from tests.test_package import TRAINING, WITHOUT_TRAINING

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "lrscope"
BUILT = {f"lrscope-{lrscope.__version__}-py3-none-any.whl", f"lrscope-{lrscope.__version__}.tar.gz"}


def run(*command: object, folder: Path) -> str:
    """Return what a command prints; it must not see the tree that is tested."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False, env={"PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this tree."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--directory", out, folder=ROOT)
    assert {path.name for path in out.iterdir()} == BUILT
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel; its requirements are those of the tests' own."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "env", with_pip=False)
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    python = home / "env" / scripts / Path(sys.executable).name
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, folder=home)
    paths = {"base": str(home / "env"), "platbase": str(home / "env")}
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    # Behind its own packages; .pth files there, as of an editable lrscope, are not followed.
    (packages / "requirements.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return python


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_versions_and_dates_agree() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {lrscope.__version__}\n" in citation
    (date,) = re.findall(r"^date-released: \"(.+)\"$", citation, re.MULTILINE)
    assert f"## [{lrscope.__version__}] - {date}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(contents(wheel))
    package = {path.relative_to(SOURCE.parent).as_posix() for path in SOURCE.rglob("*") if path.is_file()}
    package = {name for name in package if "__pycache__" not in name}
    assert {name for name in names if not name.startswith(f"lrscope-{lrscope.__version__}.dist-info/")} == package
    assert "lrscope/py.typed" in names
    described = email.message_from_bytes(contents(wheel)[f"lrscope-{lrscope.__version__}.dist-info/METADATA"])
    assert (described["Version"], described["Requires-Python"]) == (lrscope.__version__, ">=3.11")
    needed = [each for each in described.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert not [each for each in needed if re.split(r"[<>=; ]", each)[0] in TRAINING], "torch is asked for by [train]"


@pytest.mark.slow
def test_the_source_distribution_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (source,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    home = tmp_path / source.name.removesuffix(".tar.gz")
    for name in ("LICENSE", "SECURITY.md", "CONTRIBUTING.md", "CITATION.cff", "docs/schemas/report.json", "tests"):
        assert (home / name).exists(), name
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "--directory", tmp_path / "again", folder=home)
    assert contents(tmp_path / "again" / wheel.name) == contents(wheel)


@pytest.mark.slow
def test_installed_without_the_training_packages(installed: Path, tmp_path: Path) -> None:
    where = run(installed, "-c", "import lrscope; print(lrscope.__file__)", folder=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parents[1])
    assert run(installed, "-m", "lrscope", "--version", folder=tmp_path) == f"lrscope {lrscope.__version__}\n"
    assert run(installed.with_name("lrscope"), "--version", folder=tmp_path) == f"lrscope {lrscope.__version__}\n"
    log = ROOT / "tests" / "fixtures" / "logs" / "three-rates-5.log"
    main = f"{WITHOUT_TRAINING}\nfrom lrscope.cli.app import main\nmain(sys.argv[1:])"
    run(installed, "-c", main, "report", log, "--out", tmp_path / "report", folder=tmp_path)
    assert "lrscope-report" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "start at" in run(installed, "-c", main, "prior", "--model", "a/LLaMA-8B", folder=tmp_path)


@pytest.mark.slow
def test_installed_with_the_training_packages(installed: Path, toy: Toy, tmp_path: Path) -> None:
    out = run(installed, "-m", "lrscope", "finetune", *toy.options("--out", tmp_path / "run"), folder=tmp_path)
    assert "dev accuracy" in out
    assert "lr 3e-3" in run(installed, "-m", "lrscope", "list", tmp_path, folder=tmp_path)
    assert (tmp_path / "run" / "best" / "model.safetensors").is_file()


@pytest.mark.slow
def test_the_installed_package_is_typed(installed: Path, tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("from lrscope.schedules import parse\nreveal_type(parse('linear'))\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", installed, "--follow-imports=silent", code],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": ""},
    )  # fmt: skip
    assert 'Revealed type is "lrscope.schedules.schedule.Schedule"' in done.stdout, done.stdout + done.stderr
