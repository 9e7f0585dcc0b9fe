"""The classifier: last real token, no influence between sentences, the same in transformers once saved."""

from pathlib import Path

import pytest
import torch
from tests.conftest import TINY, random_weights, tiny_tokenizer
from transformers import AutoModelForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaForSequenceClassification

from lrscope.data.labels import LabelSet
from lrscope.errors import CheckpointError
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.models.classifier import LlamaClassifier, build_native, dropped, initial_head
from lrscope.models.classifier_transformers import TransformersClassifier, build_transformers
from lrscope.randomness import StepRows
from lrscope.tasks.classification_model import classifier_config

LABELS = LabelSet(names=("bad", "mixed", "good"), keys=("0", "1", "2"))
SENTENCES = ["good", "the film is good.", "bad", "a longer sentence of the film"]


def native(dtype: torch.dtype = torch.float32) -> LlamaClassifier:
    return build_native(TINY, random_weights(TINY), 3, dropout=0.3, head_seed=1, dtype=dtype).eval()


def padded(rows: list[list[int]], pad: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    lengths = torch.tensor([len(row) for row in rows])
    return torch.tensor([row + [pad] * (width - len(row)) for row in rows]), lengths


@pytest.fixture(params=["native", "transformers"])
def classifier(request: pytest.FixtureRequest, tiny_model: Path) -> LlamaClassifier | TransformersClassifier:
    if request.param == "native":
        return native()
    return build_transformers(tiny_model, 3, 0, dropout=0.3, head_seed=1, dtype=torch.float32).eval()


def test_both_implementations_agree(tiny_model: Path) -> None:
    ids, lengths = padded(tiny_tokenizer().encode(SENTENCES))
    theirs = build_transformers(tiny_model, 3, 0, dropout=0.3, head_seed=1, dtype=torch.float32).eval()
    assert torch.allclose(native()(ids, lengths), theirs(ids, lengths), atol=1e-5)


def test_a_prediction_does_not_depend_on_its_batch(classifier: LlamaClassifier | TransformersClassifier) -> None:
    rows = tiny_tokenizer().encode(SENTENCES)
    together = classifier(*padded(rows))
    for place, row in enumerate(rows):
        assert torch.allclose(classifier(*padded([row]))[0], together[place], atol=1e-6)
    assert torch.allclose(classifier(*padded(rows, pad=7)), together, atol=1e-6)  # nobody looks at padding


def test_what_is_saved_gives_the_same_logits_in_transformers(tmp_path: Path) -> None:
    model, tokenizer = native(), tiny_tokenizer()
    write_checkpoint(tmp_path, model.to_tensors(), classifier_config(TINY.to_config(), LABELS, tokenizer), tokenizer)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert isinstance(theirs, LlamaForSequenceClassification)
    assert theirs.config.id2label == {0: "bad", 1: "mixed", 2: "good"}
    ids, lengths = padded(tokenizer.encode(SENTENCES), pad=tokenizer.pad_id)
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    with torch.no_grad():
        assert torch.allclose(theirs(ids, attention_mask=mask).logits, model(ids, lengths), atol=1e-5)
        # transformers finds the last real token by the padding alone, too
        assert torch.allclose(theirs(ids).logits, model(ids, lengths), atol=1e-5)


def test_a_stored_head_is_kept_only_where_it_fits() -> None:
    stored = random_weights(TINY) | {"score.weight": torch.ones(3, 16)}
    kept = build_native(TINY, stored, 3, dropout=0.0, head_seed=0, dtype=torch.float32)
    fresh = build_native(TINY, stored, 5, dropout=0.0, head_seed=0, dtype=torch.float32)
    assert torch.equal(kept.score.weight, torch.ones(3, 16))
    assert torch.equal(fresh.score.weight, initial_head(5, 16, 0))


def test_dropout_is_of_the_step_however_it_is_cut() -> None:
    x = torch.ones(6, 50)
    whole = dropped(x, 0.3, StepRows(5, 0, 6))
    parts = [dropped(x[i : i + 2], 0.3, StepRows(5, i, 6)) for i in (0, 2, 4)]
    assert torch.equal(torch.cat(parts), whole)
    assert whole.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    assert abs((whole == 0).float().mean() - 0.3) < 0.1
    assert dropped(x, 0.3, None) is x


def test_head_only_training_touches_the_head_alone_and_keeps_the_backbones_precision() -> None:
    tensors = {name: tensor.bfloat16() for name, tensor in random_weights(TINY).items()}
    model = build_native(TINY, tensors, 3, dropout=0.0, head_seed=0, dtype=torch.float32)
    model.set_trainable("head")
    assert {p.dtype for n, p in model.named_parameters() if n.startswith("model.")} == {torch.bfloat16}
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["score.weight"]
    logits = model(*padded(tiny_tokenizer().encode(SENTENCES)))
    assert logits.dtype == torch.float32
    logits.sum().backward()
    assert model.score.weight.grad is not None
    model.set_trainable("full")
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_bfloat16_products_stay_close_to_float32() -> None:
    ids, lengths = padded(tiny_tokenizer().encode(SENTENCES))
    exact, rounded = native()(ids, lengths), native(torch.bfloat16)(ids, lengths)
    assert rounded.dtype == torch.float32
    assert 0 < (exact - rounded).abs().max() < 0.02


def test_weights_go_back(classifier: LlamaClassifier | TransformersClassifier) -> None:
    kept = {name: tensor.clone() for name, tensor in classifier.to_tensors().items()}
    before = classifier(*padded([[1, 5, 2]]))
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.add_(0.1)
    assert not torch.equal(classifier(*padded([[1, 5, 2]])), before)
    classifier.load_tensors(kept)
    assert torch.equal(classifier(*padded([[1, 5, 2]])), before)


@pytest.mark.parametrize("part", ["full", "head"])
def test_another_architecture_runs_through_transformers(tmp_path: Path, part: str) -> None:
    GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=16, n_layer=2, n_head=2, n_positions=32)).save_pretrained(
        tmp_path
    )
    model = build_transformers(tmp_path, 3, 0, dropout=0.3, head_seed=1, dtype=torch.float32)
    model.set_trainable(part)
    model.train()
    ids, lengths = padded([[1, 5, 6, 2], [1, 2]])
    first = model(ids, lengths, StepRows(3, 0, 2))
    torch.rand(7)  # the global generator does not matter
    assert torch.equal(first, model(ids, lengths, StepRows(3, 0, 2)))
    first.sum().backward()
    trained = {name for name, p in model.named_parameters() if p.grad is not None}
    assert (trained == {"network.score.weight"}) == (part == "head")


def test_a_folder_that_transformers_cannot_load(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nobody-knows"}')
    with pytest.raises(CheckpointError, match="transformers cannot load"):
        build_transformers(tmp_path, 3, 0, dropout=0.0, head_seed=0, dtype=torch.float32)


def test_missing_tensors_are_named() -> None:
    tensors = random_weights(TINY)
    del tensors["model.norm.weight"]
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight"):
        build_native(TINY, tensors, 3, dropout=0.0, head_seed=0, dtype=torch.float32)
