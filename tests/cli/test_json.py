"""What `--json` prints, held to the schemas in docs/schemas, which are closed for it: no field is undocumented."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from tests.commands import sweep as sweep_of_command
from tests.conftest import Cli, Toy
from tests.report.test_wording import CLASSES, made
from tests.sft import SftToy

from lrscope.cli.app import make_app
from lrscope.findings.method import Method
from lrscope.findings.suggestions import Suggestion
from lrscope.runs.statement import Statement, as_plain

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
LOGS = ROOT / "tests" / "fixtures" / "logs"
STUDIES = ROOT / "tests" / "fixtures" / "v0.1"
# Of each command the documents that it prints.
DOCUMENTS = {
    "compare": {"report"}, "list": {"list"},
    "data show": {"data-show"}, "demo": {"sweep"}, "evaluate": {"evaluate"},
    "export": {"export"}, "find": {"find"}, "finetune": {"finetune"}, "generate": {"generate"},
    "predict": {"predict"}, "prior": {"prior"}, "report": {"report", "reports"}, "run-llama": {"run-llama", "find"},
    "schedule check": {"schedule-check"}, "schedule show": {"schedule-show"}, "status": {"status"}, "sweep": {"sweep"},
    "tune": {"tune"},
}  # fmt: skip


def closed(schema: Any) -> Any:
    """Return a schema whose objects have no fields but those that it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(each) for name, each in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in schema else inner


READ = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.glob("*.json"))}
REGISTRY = Registry().with_resources((name, Resource.from_contents(closed(each))) for name, each in READ.items())


def check(document: Any, schema: str) -> dict[str, Any]:
    """Return the document; fail where it is not of this schema."""
    assert document["schema"] == f"lrscope {schema}/1"
    check_part(document, f"{schema}.json")
    return document  # type: ignore[no-any-return]


def check_part(part: Any, reference: str) -> None:
    validator = Draft202012Validator({"$ref": reference}, registry=REGISTRY)
    errors = [f"{error.json_path}: {error.message:.300}" for error in validator.iter_errors(part)]
    assert not errors, errors


def printed(schema: str, out: str) -> dict[str, Any]:
    return check(json.loads(out), schema)


def commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    else:
        for name, each in inner.items():
            yield from commands(each, f"{path} {name}".strip())


def test_every_command_with_json_has_its_schema() -> None:
    root: Any = typer.main.get_command(make_app())
    with_json = {path for path, each in commands(root) if any("--json" in item.opts for item in each.params)}
    assert with_json == set(DOCUMENTS)
    documents = {f"{name}.json" for names in DOCUMENTS.values() for name in names}
    assert documents | {"common.json", "statements.json"} == set(READ)


@pytest.mark.parametrize("name", READ)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(READ[name])
    references = re.findall(r'"\$ref": "([^"#]*)', json.dumps(READ[name]))
    assert {each for each in references if each} <= set(READ)


# What says how it was judged is on the page alone.
PRINTED = [kind for kind in CLASSES if not issubclass(kind, Method)]


@pytest.mark.parametrize("kind", PRINTED, ids=lambda kind: kind.kind)
def test_every_kind_of_statement_is_of_its_schema(kind: type[Statement]) -> None:
    plain = json.loads(json.dumps(as_plain(made(kind))))
    place = "statement"
    if issubclass(kind, Suggestion):
        place, plain = "advice", {**plain, "because": "undecided", "command": "", "minutes": None}
    check_part(plain, f"statements.json#/$defs/{place}")
    with pytest.raises(AssertionError, match="\\$: "):
        check_part({**plain, "more": 1}, f"statements.json#/$defs/{place}")


def test_a_document_with_a_field_more_is_found() -> None:
    document = {"schema": "lrscope schedule-check/1", "findings": []}
    check(document, "schedule-check")
    with pytest.raises(AssertionError, match="'more' was unexpected"):
        check({**document, "more": 1}, "schedule-check")


def test_a_fine_tune_and_what_is_done_with_it(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    run = tmp_path / "run"
    found = printed("finetune", cli("finetune", *toy.options("--out", run, "--json"))[1])
    dev = [each["metrics"]["accuracy"] for each in found["evaluations"] if each["split"] == "dev"]
    assert dev[-1] == found["endpoint"]
    printed("evaluate", cli("evaluate", "--run", run, "--data", toy.dev, "--json")[1])
    texts = tmp_path / "texts.txt"
    texts.write_text("the film is good\n", encoding="utf-8")
    assert len(printed("predict", cli("predict", "--run", run, "--input", texts, "--json")[1])["predictions"]) == 1
    printed("status", cli("status", run, "--json")[1])
    printed("export", cli("export", run, "--out", tmp_path / "model", "--json")[1])
    moved = ("--run", tmp_path / "model", "--data", toy.dev, "--json")
    assert printed("evaluate", cli("evaluate", *moved)[1])["checkpoint"] is None
    report = printed("report", cli("report", run, "--json")[1])
    assert [each["arm"] for each in report["runs"]] == ["lr 3e-3"]


def test_a_fine_tune_that_diverges(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, out, _ = cli("finetune", *toy.options("--lr", "1e30", "--out", tmp_path / "run", "--json"))
    assert (code, printed("finetune", out)["status"]) == (0, "diverged")
    printed("report", cli("report", tmp_path / "run", "--json")[1])


def test_language_models(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    run = tmp_path / "run"
    printed("finetune", cli("finetune", *sft_toy.options("--out", run, "--json"))[1])
    asked = ("--run", run, "--input", sft_toy.dev, "--max-new-tokens", 2, "--json")
    assert len(printed("predict", cli("predict", *asked)[1])["answers"]) == 17
    printed("generate", cli("generate", "--run", run, "--prompt", "Say", "--max-new-tokens", 2, "--json")[1])
    chat = ("--chat", "--system", "Be short.", "--prompt", "Say", "--max-new-tokens", 2, "--json")
    assert printed("generate", cli("generate", "--model", sft_toy.model, *chat)[1])["system"] == "Be short."
    shown = ("--model", sft_toy.model, "--train", sft_toy.train, "--dev", sft_toy.dev, "--json")
    assert len(printed("data-show", cli("data", "show", *shown)[1])["splits"]) == 2


def test_a_sweep_its_report_and_its_page(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    asked = toy.options("--lr", "1e-4,1e-2", "--seeds", "2", "--patience", "1", "--out", study, "--json")
    found = printed("sweep", cli("sweep", *asked)[1])
    assert [arm["settings"] for arm in found["arms"]] == [{"peak_rate": 1e-4}, {"peak_rate": 1e-2}]
    report = printed("report", cli("report", study, "--json")[1])
    assert [arm["value"] for arm in report["arms"]] == [arm["value"] for arm in found["arms"]]
    assert in_page(study / "report.html") == {**report, "report": "report.html"}
    printed("status", cli("status", study, "--json")[1])
    more = tmp_path / "more"
    cli("sweep", *toy.options("--lr", "1e-3", "--seeds", "2", "--schedule", "cosine", "--out", more))
    compared = printed("report", cli("compare", study, more, "--out", tmp_path / "both", "--json")[1])
    assert [arm["rate"] for arm in compared["arms"]] == [1e-4, 1e-3, 1e-2]
    listed = printed("list", cli("list", tmp_path, "--json")[1])["studies"]
    assert [(each["name"], each["trials"], each["problem"]) for each in listed] == [("more", 2, None), ("s", 4, None)]


def in_page(page: Path) -> dict[str, Any]:
    """Return the document that a page holds."""
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="lrscope-report">(.*?)</script>', text, re.DOTALL)
    return check(json.loads(found), "report")


def test_a_page_s_document_cannot_be_ended_by_a_name(tmp_path: Path, cli: Cli) -> None:
    log, name = tmp_path / "runs.csv", "a</script><script>alert(1)</script><!--"
    rows = [f'"{name}",0,{epoch},0.{epoch}' for epoch in (1, 2)] + ["b,0,1,0.3", "b,0,2,0.4"]
    log.write_text("\n".join(["name,seed,epoch,dev acc", *rows]) + "\n", encoding="utf-8")
    code, out, error = cli("report", log, "--out", tmp_path / "out", "--json")
    assert code == 0, error
    page = tmp_path / "out" / "report.html"
    assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert name in {arm["name"] for arm in in_page(page)["arms"]} == {arm["name"] for arm in json.loads(out)["arms"]}


def test_a_command_of_which_every_run_fails(tmp_path: Path, cli: Cli) -> None:
    asked = sweep_of_command(tmp_path / "s", "--json", command="false {lr} {seed} {out}")
    code, out, _ = cli(*asked)
    found = printed("sweep", out)
    assert (code, [arm["failed"] for arm in found["arms"]]) == (1, [1, 1])
    assert len(printed("status", cli("status", tmp_path / "s", "--json")[1])["failed"]) == 2


@pytest.mark.parametrize("log", sorted(LOGS.glob("*.log")), ids=lambda path: path.stem)
def test_reports_of_logs(log: Path, tmp_path: Path, cli: Cli) -> None:
    code, out, error = cli("report", log, "--out", tmp_path, "--json")
    assert code == 0, error
    document = json.loads(out)
    check(document, "reports" if "comparisons" in document else "report")


def test_reports_of_several_dev_sets(tmp_path: Path, cli: Cli) -> None:
    for name, size in (("a", 100), ("b", 2000)):
        folder = tmp_path / name
        folder.mkdir()
        state = {"log_history": [
            {"loss": 1.5, "learning_rate": 1e-4, "step": 5, "epoch": 0.5},
            {"eval_loss": 1.0, "eval_runtime": 10.0, "eval_samples_per_second": size / 10, "step": 10, "epoch": 1.0},
        ]}  # fmt: skip
        (folder / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
    code, out, error = cli("report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out", "--json")
    assert code == 0, error
    assert len(printed("reports", out)["comparisons"]) == 2


def test_a_list_of_old_and_damaged_studies(tmp_path: Path, cli: Cli) -> None:
    shutil.copytree(STUDIES, tmp_path / "v0.1")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "study.db").write_bytes(b"no database")
    found = printed("list", cli("list", tmp_path, "--json")[1])["studies"]
    problems = {each["name"]: each["problem"] for each in found}
    assert set(problems) == {"bad", *(f"v0.1/{name}" for name in ("cut", "done", "find", "one"))}
    assert "not a study that can be read" in problems.pop("bad")
    assert set(problems.values()) == {None}


@pytest.mark.parametrize("study", ["done", "cut", "one"])
def test_studies_of_version_0_1(study: str, tmp_path: Path, cli: Cli) -> None:
    printed("status", cli("status", STUDIES / study, "--json")[1])
    code, out, error = cli("report", STUDIES / study, "--out", tmp_path, "--json")
    assert code == 0, error
    printed("report", out)


def test_range_tests(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    asked = [
        "find", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--batch-size", "8", "--threads", "1",
        "--steps", "24", "--start", "1e-5", "--seeds", "2", "--confirm", "1ep", "--confirm-rates", "2",
        "--confirm-seeds", "1", "--out", tmp_path / "f", "--json",
    ]  # fmt: skip
    found = printed("find", cli(*asked)[1])
    assert found["confirmed"]["rate"] >= found["bracket"][0]
    printed("status", cli("status", tmp_path / "f", "--json")[1])


@pytest.mark.parametrize(
    "more", [["--method", "lora"], ["--method", "full", "--batch-size", "1024"], ["--task", "classification"]]
)
def test_priors(more: list[str], cli: Cli) -> None:
    printed("prior", cli("prior", "--model", "meta-llama/Llama-3.1-8B", *more, "--json")[1])


def test_schedules(tmp_path: Path, cli: Cli) -> None:
    run = ("--epochs", "5", "--steps-per-epoch", "107", "--json")
    shown = printed("schedule-show", cli("schedule", "show", "warmup(6%) > cosine", "linear", *run)[1])
    assert [each["peak_rate"] for each in shown["schedules"]] == [None, None]
    printed("schedule-show", cli("schedule", "show", "linear", "--lr", "1e-3", "--out", tmp_path / "p.svg", *run)[1])
    code, out, _ = cli("schedule", "check", "cosine(length=5st)", *run)
    assert (code, printed("schedule-check", out)["findings"][0]["level"]) == (1, "error")


def test_run_llama(toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for option, kind in (("prompt", "prompting"), ("generate", "finetuning"), ("finetune", "finetuning")):
        asked = [
            "run-llama", "--option", option, "--train", toy.train, "--dev", toy.dev, "--test", toy.test,
            "--label-names", toy.names, "--pretrained-model-path", toy.model, "--batch_size", "8", "--threads", "1",
            "--dev_out", f"toy-dev-{kind}-output.txt", "--test_out", f"toy-test-{kind}-output.txt", "--epochs", "1",
            "--json",
        ]  # fmt: skip
        code, out, error = cli(*asked)
        assert code == 0, error
        assert printed("run-llama", out)["option"] == option


@pytest.mark.slow
def test_tune(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    asked = [
        "tune", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--threads", "1", "--batch-size", "8",
        "--epochs", "1", "--budget", "8s", "--out", tmp_path / "t", "--json",
    ]  # fmt: skip
    assert "finetune" in printed("tune", cli(*asked)[1])
