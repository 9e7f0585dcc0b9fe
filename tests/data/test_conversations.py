"""Every form in every container gives the same turns; whatever is wrong is named by file and line."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from lrscope.data.conversation_readers import read_conversations
from lrscope.data.conversations import Turn
from lrscope.errors import DataError

QUESTION, REPLY = " What is\n2 + 2? 映画 ", "Four.\u2028 \"4\", {it} is\t. "  # fmt: skip
TURNS = (Turn("user", QUESTION), Turn("assistant", REPLY))
SHORT = (Turn("user", "hi"), Turn("assistant", "hello"))

FORMS: dict[str, dict[str, Any]] = {
    "pair": {"prompt": QUESTION, "completion": REPLY},
    "question": {"id": 3, "question": QUESTION, "answer": REPLY},
    "io": {"input": QUESTION, "output": REPLY},
    "query": {"query": QUESTION, "response": REPLY, "type": "math"},
    "alpaca": {"instruction": QUESTION, "input": "", "output": REPLY},
    "messages": {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": REPLY}]},
    "parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": part} for part in (" What is\n", "2 + 2? 映画 ")]},
            {"role": "assistant", "content": [{"type": "text", "text": REPLY}]},
        ]
    },
    "sharegpt": {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": REPLY}]},
    "mixed names": {"conversations": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": REPLY}]},
    "trl": {
        "prompt": [{"role": "user", "content": QUESTION}],
        "completion": [{"role": "assistant", "content": REPLY}],
    },
}  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        path.write_text(
            "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in cells), "utf-8"
        )
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("container", ["jsonl", "json", "parquet", "lines.json"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_every_container(tmp_path: Path, form: str, container: str) -> None:
    path = write(tmp_path / f"rows.{container}".replace("lines.json", "dat"), [FORMS[form]] * 3)
    found = read_conversations(path)
    assert [item.turns for item in found] == [TURNS] * 3
    if container != "json":
        assert [item.line for item in found] == [1, 2, 3]


@pytest.mark.parametrize("form", ["pair", "question", "io", "query", "alpaca"])
@pytest.mark.parametrize("quoted", [True, False])
def test_tables(tmp_path: Path, form: str, quoted: bool) -> None:
    if quoted:
        found = read_conversations(write(tmp_path / "rows.csv", [FORMS[form]] * 2))
        assert [item.turns for item in found] == [TURNS] * 2
        assert found[0].line == 2
        assert found[1].line > 3  # a quoted cell spans lines
    else:
        names = [name for name in FORMS[form] if name not in ("id", "input" if form == "alpaca" else "id", "type")]
        (tmp_path / "rows.tsv").write_text("\t".join(names) + '\nhe said "hi\thello\n', encoding="utf-8")
        found = read_conversations(tmp_path / "rows.tsv")
        assert [turn.text for turn in found[0].turns] == ['he said "hi', "hello"]


def test_json_rows_have_their_lines(tmp_path: Path) -> None:
    rows = [FORMS["pair"], FORMS["pair"]]
    path = tmp_path / "a.json"
    path.write_text("\n[\n" + json.dumps(rows[0], indent=2) + ",\n\n" + json.dumps(rows[1]) + "\n]\n", encoding="utf-8")
    assert [item.line for item in read_conversations(path)] == [3, 8]
    path.write_text('{"version": {"of": [1]},\n "data":\n[' + json.dumps(rows[0]) + "]}", encoding="utf-8")
    assert [(item.line, item.turns) for item in read_conversations(path)] == [(3, TURNS)]
    path.write_text(json.dumps(FORMS["messages"], indent=1), encoding="utf-8")  # one example alone
    assert [(item.line, item.turns) for item in read_conversations(path)] == [(1, TURNS)]


def test_alpaca_joins_instruction_and_input(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Add.", "input": "1 and 2", "output": 3, "text": "never read"},
        {"instruction": "Add.", "input": None, "output": "?"},
        {"instruction": "Add.", "output": "?"},
    ]
    found = read_conversations(write(tmp_path / "a.jsonl", rows))
    assert [item.turns[0].text for item in found] == ["Add.\n\n1 and 2", "Add.", "Add."]
    assert found[0].turns[1].text == "3"


def test_system_turns_and_several_turns(tmp_path: Path) -> None:
    long = [("system", "Be brief."), ("human", "hi"), ("gpt", "hello"), ("human", "bye"), ("gpt", "ciao")]
    row = {"conversations": [{"from": who, "value": text} for who, text in long]}
    (found,) = read_conversations(write(tmp_path / "a.jsonl", [row]))
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert found.prompt == "hi"
    beside = {"system": "Be brief.", "question": "hi", "response": "hello"}
    (found,) = read_conversations(write(tmp_path / "b.jsonl", [beside]))
    assert found.turns == (Turn("system", "Be brief."), *SHORT)
    (found,) = read_conversations(write(tmp_path / "c.jsonl", [{**beside, "system": ""}]))
    assert found.turns == SHORT


def test_what_is_context_is_not_learned(tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "prompt": [*messages("u:hi", "a:hello", "u:and?")], "completion": [*messages("a:nothing")]
    }  # fmt: skip
    (found,) = read_conversations(write(tmp_path / "a.jsonl", [row]))
    assert [turn.context for turn in found.turns] == [False, True, False, False]
    weights = messages("u:hi", "a:hello", "u:and?", "a:nothing")
    weights[1]["weight"], weights[3]["weight"] = 0, 1
    (found,) = read_conversations(write(tmp_path / "b.jsonl", [{"messages": weights}]))
    assert [turn.context for turn in found.turns] == [False, True, False, False]


def messages(*turns: str) -> list[dict[str, Any]]:
    names = {"u": "user", "a": "assistant", "s": "system", "t": "tool", "x": "narrator"}
    return [{"role": names[turn[0]], "content": turn[2:]} for turn in turns]


def test_plain_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One line. \n\n{two}\r\n", encoding="utf-8")
    found = read_conversations(tmp_path / "a.txt")
    assert [(item.turns, item.line) for item in found] == [
        ((Turn("text", "One line. "),), 1),
        ((Turn("text", "{two}"),), 3),
    ]
    assert all(item.is_plain_text for item in found)
    (found_too,) = read_conversations(write(tmp_path / "a.jsonl", [{"text": "One\nline", "url": "x"}]))
    assert found_too.turns == (Turn("text", "One\nline"),)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": messages("a:x")}, "must begin with the user.*got assistant as turn 1 of 1"),
        ({"messages": messages("s:x", "a:x")}, "must begin with the user"),
        ({"messages": messages("u:x", "u:y", "a:z")}, "must take turns: got user as turn 2 of 3"),
        ({"messages": messages("u:x", "a:y", "a:z")}, "must take turns: got assistant as turn 3 of 3"),
        ({"messages": messages("u:x", "a:y", "u:z")}, "must end with the assistant.*got user last"),
        ({"messages": messages("u:x")}, "must end with the assistant"),
        ({"messages": messages("s:x")}, "must end with the assistant.*got system"),
        ({"messages": messages("u:x", "s:z", "a:y")}, "system turn must be the first.*turn 2 of 3"),
        ({"messages": messages("s:x", "s:z", "u:x", "a:y")}, "system turn must be the first"),
        ({"messages": messages("u:x", "x:y")}, "must have a role.*got 'narrator'"),
        ({"messages": messages("u:x", "t:y", "a:z")}, "must not be a tool's or a function's: got 'tool'; system, user"),
        ({"messages": []}, "got an empty list"),
        ({"messages": None}, "list of messages: got null"),
        ({"messages": "u:x"}, "list of messages: got 'u:x'"),
        ({"messages": ["x"]}, "turn 1 of messages must be an object"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "must have a role"),
        ({"messages": [{"content": "x"}]}, "must have a role.*got none"),
        ({"messages": [{"role": "user"}]}, "content of turn 1 of messages must be text: got null"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "parts of type text: got 'image_url'"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "parts of type text: got 'x'"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{}]}]}, "tool calls must not be in"),
        ({"messages": [{"role": "assistant", "content": "x", "thinking": "y"}]}, "separate reasoning"),
        ({"messages": [*messages("u:x"), {"role": "assistant", "content": "y", "weight": 0}]}, "something to learn"),
        ({"messages": [*messages("u:x"), {"role": "assistant", "content": "y", "weight": 0.5}]}, "must be 0 or 1"),
        ({"messages": messages("u:x", "a:y"), "tools": [{"name": "f"}]}, "tools must not be in an example"),
        ({"instruction": "x", "output": "y", "history": [["a", "b"]]}, "a history beside a prompt must not be"),
        ({"prompt": "x", "completion": ""}, "a completion must not be empty"),
        ({"prompt": "x", "completion": " \n"}, "a completion must not be empty"),
        ({"prompt": "", "completion": "y"}, "a prompt must not be empty"),
        ({"instruction": "", "input": "", "output": "y"}, "a prompt must not be empty"),
        ({"prompt": "x", "completion": None}, "completion must be text: got null"),
        ({"prompt": "x", "completion": True}, "completion must be text: got True"),
        ({"prompt": "x", "completion": {"a": 1}}, "completion must be text: got"),
        ({"prompt": "x", "completion": float("nan")}, "completion must be text: got nan"),
        ({"prompt": "x", "completion": "\ud800"}, "half of a surrogate pair"),
        ({"prompt": "x", "completion": messages("a:y")}, "prompt must be a list of messages: got 'x'"),
        ({"prompt": messages("u:x"), "completion": "y"}, "completion must be a list of messages: got 'y'"),
        ({"prompt": "x", "chosen": "y", "rejected": "z"}, "got 'prompt', 'chosen', 'rejected'; rename"),
        ({"question": "x", "answer": "y", "response": "z"}, "one form: got question and answer, or question and resp"),
        ({"messages": messages("u:x", "a:y"), "prompt": "x", "completion": "y"}, "got messages, or prompt and compl"),
        ({"system": "a", "system_prompt": "b", "prompt": "x", "completion": "y"}, "system turn must be the first"),
        ({"text": " "}, "a text must not be empty"),
        ({"text": None}, "text must be text: got null"),
        ({}, "got no keys"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("container", ["jsonl", "json"])
def test_what_is_wrong_is_named(tmp_path: Path, row: dict[str, Any], says: str, container: str) -> None:
    path = tmp_path / f"bad.{container}"
    text = json.dumps(row)
    path.write_text(f"[\n{text}\n]" if container == "json" else f"\n{text}\n", encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        read_conversations(path)
    assert f"bad.{container}:2: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_mixed_forms(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [FORMS["pair"], FORMS["pair"], FORMS["alpaca"]])
    with pytest.raises(
        DataError, match=r"a\.jsonl:3: all .* have one form, prompt and completion as on line 1: got in"
    ):
        read_conversations(path)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "", "a.json must hold at least one example: got an empty file"),
        ("a.json", " \n", "at least one example"),
        ("a.jsonl", "\n", "at least one example"),
        ("a.json", "[]", "at least one example"),
        ("a.json", "[1]", "a.json:1: an example is an object: got 1"),
        ("a.json", '[\n[{"role": "user"}]]', "a.json:2: an example is an object"),
        ("a.json", '[{"prompt": "x", "completion": "y"}', "a.json:1: a list must end with ]: it is cut short"),
        ("a.json", '[{"prompt": "x", "completion": "y"}\n{"prompt"', "a.json:2: a list has commas"),
        ("a.json", '[{"prompt": "x", "completion": "y"},]', "a.json:1: a list has commas"),
        ("a.json", '{"a": [{"text": "x"}], "b": []}', "has one list: got 'a' and 'b'"),
        ("a.json", '{"a": "b"}', "a.json:1: an example has prompt and completion"),
        ("a.json", '{"a":\n "b"', "a.json:2: not JSON"),
        ("a.json", '{"text": "b"} x', "a.json:1: JSON is one value: got more"),
        ("a.json", '[{"text": "a", "text": "b"}]', "'text' twice in one object"),
        ("a.jsonl", '{"text": "a"}\n{"text": "b"', "a.jsonl:2: "),
        ("a.jsonl", '{"text": "a"}\n["b"]', "a.jsonl:2: a line is one JSON object: got list"),
        ("a.dat", "hello", "a.dat:1: examples are JSON, JSONL, Parquet, CSV, TSV or .txt: got 'hello'"),
        ("a.json", "[" * 100_000, "a.json:1: not JSON: nested too deeply"),
        ("a.jsonl", '{"text": ' + "[" * 100_000, "nested too deeply"),
        ("a.json", '[{"prompt": 1' + "0" * 10_000 + ', "completion": "x"}]', "not JSON"),
        ("a.csv", "prompt,completion\nx\n", "a.csv:2: every row has the header's 2 columns"),
        ("a.csv", "prompt,prompt,completion\nx,y,z\n", "a.csv:1: every column has a name of its own: got prompt twice"),
        ("a.csv", "prompt,completion\n", "at least one example"),
        ("a.csv", "prompt,completion\nx,\n", "a.csv:2: a completion must not be empty"),
        ("a.csv", "messages\nx\n", "a.csv:2: messages must be a list of messages: got 'x'"),
        ("a.txt", "\n\n", "at least one example"),
    ],
)  # fmt: skip
def test_files_that_are_none(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_conversations(tmp_path / name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_missing_files_folders_and_bytes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_conversations(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="got the folder"):
        read_conversations(tmp_path)
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "ok"}\n{"text": "\xff"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl:2: text must be UTF-8: got byte 0xff"):
        read_conversations(tmp_path / "a.jsonl")


def test_parquet_of_several_forms_of_columns(tmp_path: Path) -> None:
    rows = [{"prompt": 1, "completion": 2.5, "tools": None, "messages_id": [1]}]
    (found,) = read_conversations(write(tmp_path / "a.parquet", rows))
    assert [turn.text for turn in found.turns] == ["1", "2.5"]
    with pytest.raises(DataError, match=r"b\.parquet:1: an example has prompt and completion.*got 'a', 'b'"):
        read_conversations(write(tmp_path / "b.parquet", [{"a": 1, "b": 2}]))
    with pytest.raises(DataError, match="not a Parquet file"):
        (tmp_path / "c.parquet").write_bytes(b"PAR1 nothing")
        read_conversations(tmp_path / "c.parquet")
    columns = [pyarrow.array(["x"]), pyarrow.array(["y"]), pyarrow.array(["z"])]
    pyarrow.parquet.write_table(
        pyarrow.table(columns, names=["prompt", "prompt", "completion"]), tmp_path / "d.parquet"
    )
    with pytest.raises(DataError, match=r"d\.parquet.*got prompt twice"):
        read_conversations(tmp_path / "d.parquet")


def test_examples_on_one_line_are_told_apart_by_number(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{number}", "completion": "c"} for number in range(3)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert [item.where(path) for item in read_conversations(path)] == [
        f"{path}:1 (example {number})" for number in (1, 2, 3)
    ]
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    assert [item.where(path) for item in read_conversations(path)] == [f"{path}:{line}" for line in (2, 6, 10)]
    rows[2]["completion"] = " "
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json:1 \(example 3\): a completion must not be empty"):
        read_conversations(path)


def test_what_an_example_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "c"}\n', encoding="utf-8")
    with pytest.raises(
        DataError, match=r"a\.jsonl:2: .* prompt and completion as on line 1: got no completion; add it"
    ):
        read_conversations(path)
    path.write_text('{"prompt": "a", "completion": "b"}\n{"title": "c"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl:2: an example has prompt and completion.*got 'title'; rename"):
        read_conversations(path)
