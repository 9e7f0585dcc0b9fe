"""The program `run_llama.py` of neubig/minllama-assignment, on lrscope's own loop: its jobs, lines and files.

docs/run-llama.md says what is the same, to the letter, and what is put right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
from lrscope.config.build import absolute, compose_schedule, name_or_path
from lrscope.config.command_line import resume
from lrscope.errors import ConfigError
from lrscope.files import write_text
from lrscope.records import EvaluationRecord, StepRecord, TrialResult
from lrscope.workflows.callbacks import Callbacks, FinetuneRecord, FinetuneStarted, Note, Stopped
from lrscope.workflows.minllama_config import MinllamaConfig

if TYPE_CHECKING:
    from lrscope.data.splits import Split, Splits
    from lrscope.runners.finetune import FineTune
    from lrscope.training.inference import TrainedModel

PREFIX = (
    "I have wanted to see this thriller for a while, and it didn't disappoint. "
    "Keanu Reeves, playing the hero John Wick, is"
)
NEW_TOKENS = 75
PLAIN = NumericsConfig(device="cpu", precision="float32")
KIND = {"finetune": "finetuning", "prompt": "prompting"}

Tell = Callable[[str], None]  # is given the lines that the program prints


@dataclass(frozen=True)
class MinllamaResult:
    """What a fine-tune of that program came to: its losses and accuracies by epoch, and accuracies by split."""

    folder: Path
    epochs: tuple[dict[str, float], ...]
    accuracy: dict[str, float | None]


def check_output_names(asked: MinllamaConfig) -> None:
    """Hold output files to the names that the program asks for.

    Raises:
        ConfigError: one has another ending.
    """
    kind = KIND.get(asked.option)
    for name, value in (("dev", asked.dev_out), ("test", asked.test_out)):
        if kind is not None and not value.endswith(f"{name}-{kind}-output.txt"):
            raise ConfigError(
                f"--{name}-out must end in {name}-{kind}-output.txt for --option {asked.option}: got {value}; "
                f'name it "<dataset>-{name}-{kind}-output.txt"'
            )


def generate(asked: MinllamaConfig, tell: Tell) -> dict[str, str]:
    """Continue a prompt at two temperatures, and write the texts; return them by temperature."""
    from lrscope.training.text_generation import Sampling, load_language_model

    model = name_or_path(asked.pretrained_model_path)
    language_model = load_language_model(model, _tokenizer(asked), PLAIN)
    texts = {}
    for temperature, file in (
        (0.0, asked.generated_sentence_low_temp_out),
        (1.0, asked.generated_sentence_high_temp_out),
    ):
        tell(f"load model from {asked.pretrained_model_path}")
        sampling = Sampling(temperature=temperature, max_new_tokens=NEW_TOKENS, seed=asked.seed)
        text = "".join(language_model.continue_text(PREFIX, sampling, stop=False))
        for line in (f"Temperature is {temperature}", text, "---------------"):
            tell(line)
        write_text(Path(file), text)
        tell(f"Wrote generated sentence to {file}.")
        texts[str(temperature)] = text
    return texts


def prompt(asked: MinllamaConfig, tell: Tell) -> dict[str, float | None]:
    """Classify dev and test zero-shot, and write the predictions; return accuracies."""
    from lrscope.data.splits import load_splits
    from lrscope.training.prompting import label_scores
    from lrscope.training.text_generation import load_language_model

    splits = load_splits(Path(asked.train), Path(asked.dev), Path(asked.test), label_names=Path(asked.label_names))
    language_model = load_language_model(name_or_path(asked.pretrained_model_path), _tokenizer(asked), PLAIN)
    tell(f"load {splits.train.num_examples} data from {asked.train}")
    assert splits.test is not None
    accuracy = {}
    for split, file in ((splits.dev, asked.dev_out), (splits.test, asked.test_out)):
        tell(f"load {split.num_examples} data from {split.path}")
        scores = label_scores(
            language_model,
            split.texts,
            splits.labels.names,
            batch_size=asked.batch_size,
            max_tokens=asked.max_sentence_len,
        )
        accuracy[split.name] = _write_predictions(split, scores.argmax(-1), splits.labels.keys, file, tell)
    return accuracy


def finetune(
    asked: MinllamaConfig,
    folder: Path,
    callbacks: Callbacks,
    tell: Tell,
    *,
    go_on: bool = False,
    arguments: Mapping[str, Any],
) -> MinllamaResult:
    """Fine-tune in `folder`, new or with `go_on` begun already, and write model and predictions as the program does.

    `arguments` are what it keeps in its `.pt` file.

    Raises:
        ConfigError: the run diverged before its first epoch ended.
        Stopped: it was asked to stop; a snapshot was left.
    """
    from lrscope.runners import finetune as session

    with session.resume(folder) if go_on else session.begin(minllama_study(asked), folder) as run:
        epochs = _train(run, asked, callbacks, tell)
        return MinllamaResult(folder, tuple(epochs), _predict(run, asked, tell, arguments))


def minllama_study(asked: MinllamaConfig) -> StudyConfig:
    """Return the fine-tune that the program's settings ask for."""
    names, length = asked.label_names, asked.max_sentence_len
    return StudyConfig(
        data=DataConfig(
            train=absolute(asked.train),
            dev=absolute(asked.dev),
            test=absolute(asked.test),
            # That program fine-tunes without the label names; so does this one where the default is not there.
            label_names=absolute(names) if Path(names).exists() or names != MinllamaConfig.label_names else None,
            max_tokens=None if length is None else length + 2,  # theirs counts neither the first nor the last token
        ),
        model=ModelConfig(model=name_or_path(asked.pretrained_model_path), tokenizer=_tokenizer(asked)),
        numerics=NumericsConfig(
            device="cuda" if asked.use_gpu else "cpu", threads=asked.threads, precision=asked.precision or "auto"
        ),
        trial=TrialConfig(
            peak_rate=asked.lr,
            schedule=compose_schedule(asked.schedule, asked.warmup),
            epochs=asked.epochs,
            batch_size=asked.batch_size,
            seed=asked.seed,
            dropout=asked.hidden_dropout_prob,
            weight_decay=0.0,
            epsilon=1e-6,
            clip_norm=0.0,
            train_metrics="full",
        ),
    )


def _tokenizer(asked: MinllamaConfig) -> str | None:
    """Return the tokenizer that was named, or the one in the working folder, where that program reads it."""
    if asked.tokenizer is not None:
        return absolute(asked.tokenizer)
    model, here = Path(asked.pretrained_model_path), Path("tokenizer.model")
    return absolute(str(here)) if model.suffix == ".pt" and model.is_file() and here.is_file() else None


def _write_predictions(split: Split, predicted: Any, keys: tuple[str, ...], file: str, tell: Tell) -> float | None:
    """Write `prediction ||| sentence` lines and tell the split's accuracy; without labels there is none."""
    accuracy = float((predicted == split.labels).mean()) if split.labelled else None
    shown = "not scored, the sentences have no labels" if accuracy is None else f"{accuracy:.3f}"
    tell(f"{split.name} acc :: {shown}")
    rows = (f"{keys[label]} ||| {text}\n" for label, text in zip(predicted, split.texts, strict=True))
    write_text(Path(file), "".join(rows))
    return accuracy


def _saved(asked: MinllamaConfig) -> str:
    return f"{asked.option}-{asked.epochs}-{asked.lr}.pt"


def _train(run: FineTune, asked: MinllamaConfig, callbacks: Callbacks, tell: Tell) -> list[dict[str, float]]:
    trial, splits, batch_size = run.trial, _sentences(run), run.trial.config.batch_size
    tell(f"load {splits.train.num_examples} data from {asked.train}")
    tell(f"load {splits.dev.num_examples} data from {asked.dev}")
    loss, num_batches, train_accuracy, epochs = 0.0, 0, float("nan"), []
    result = None
    for row in run.store.steps(trial.id)[: run.store.trial(trial.id).step]:
        if num_batches == trial.steps_per_epoch:
            loss, num_batches = 0.0, 0
        loss, num_batches = loss + row["loss"] * row["count"] / batch_size, num_batches + 1
    callbacks.on_progress(FinetuneStarted(trial.total_steps, trial.config.epochs, ()))
    with callbacks.stop.running(trial.stop):
        for record in trial.run():
            if isinstance(record, StepRecord):
                callbacks.on_progress(FinetuneRecord(record))
                if num_batches == trial.steps_per_epoch:
                    loss, num_batches = 0.0, 0
                # Theirs divides every batch's summed loss by the batch size, the last and smaller one's too.
                loss += record.loss * record.count / batch_size
                num_batches += 1
            elif isinstance(record, EvaluationRecord):
                if record.split == "train-full":
                    train_accuracy = record.metrics["accuracy"]
                elif record.split == "dev":
                    mean, accuracy = loss / num_batches, record.metrics["accuracy"]
                    if record.improved:
                        tell(f"save the model to {_saved(asked)}")
                    tell(
                        f"epoch {record.epoch - 1}: train loss :: {mean:.3f}, train acc :: {train_accuracy:.3f}, "
                        f"dev acc :: {accuracy:.3f}"
                    )
                    epochs.append({"train_loss": mean, "train_accuracy": train_accuracy, "dev_accuracy": accuracy})
            elif isinstance(record, TrialResult):
                result = record
    assert result is not None, "a trial ends with its result"
    if result.status == "interrupted":
        raise Stopped(f"the same command and {str(resume('finetune', run.store.folder)).split(' ', 2)[2]}")
    if result.best is None:
        raise ConfigError(f"the fine-tune diverged before its first epoch ended: {result.reason}; try a lower --lr")
    if result.status == "diverged":
        callbacks.on_progress(Note(f"diverged: {result.reason}; the best epoch before that is kept"))
    return epochs


def _predict(run: FineTune, asked: MinllamaConfig, tell: Tell, arguments: Mapping[str, Any]) -> dict[str, float | None]:
    """Predict dev and test with the best epoch, and save it as the program's `.pt`; return accuracies."""
    from lrscope.training.inference import load_trained

    splits, trial = _sentences(run), run.trial
    tell(f"load model from {_saved(asked)}")
    trained = load_trained(run.store.folder, "best", trial.id)
    accuracy = {}
    assert splits.test is not None
    for split, file in ((splits.dev, asked.dev_out), (splits.test, asked.test_out)):
        tell(f"load {split.num_examples} data from {split.path}")
        if split.name == "test" and split.labelled:
            run.store.record_opening(trial.id, trained.step, "test", "run-llama")
        predicted = trained.outputs(split).argmax(-1)
        accuracy[split.name] = _write_predictions(split, predicted, splits.labels.keys, file, tell)
    _save(trained, Path(_saved(asked)), arguments)
    trained.close()
    return accuracy


def _save(trained: TrainedModel, path: Path, arguments: Mapping[str, Any]) -> None:
    """Write the weights as the program's `.pt`, where they are a LLaMA that this form can hold."""
    from lrscope.models.minllama import write_minllama

    checkpoint = trained.inputs.data.checkpoint
    if checkpoint.shape is not None:
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}
        write_minllama(path, checkpoint.shape, checkpoint.tensors, plain)


def _sentences(run: FineTune) -> Splits:
    from lrscope.tasks.classification import ClassificationInputs

    assert isinstance(run.inputs.data, ClassificationInputs)
    assert run.inputs.data.sentences is not None
    return run.inputs.data.sentences
