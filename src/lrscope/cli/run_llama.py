"""`lrscope run-llama`: the command line of `run_llama.py` in neubig/minllama-assignment, on lrscope's own loop.

docs/run-llama.md says what is the same, to the letter, and what is put right.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.cli.run_llama_options import RunLlama
from lrscope.cli.settings import absolute, compose_schedule, model_reference
from lrscope.config.base import settings_of
from lrscope.errors import ConfigError
from lrscope.files import write_text
from lrscope.terminal.interrupt import INTERRUPTED, graceful_interrupt, output_until_done
from lrscope.terminal.output import echo, print_json
from lrscope.terminal.progress import TrialProgress

if TYPE_CHECKING:
    from lrscope.data.splits import Split
    from lrscope.runners.finetune import FineTune

PREFIX = (
    "I have wanted to see this thriller for a while, and it didn't disappoint. "
    "Keanu Reeves, playing the hero John Wick, is"
)
NEW_TOKENS = 75
KIND = {"finetune": "finetuning", "prompt": "prompting"}


@with_settings(settings_of(RunLlama).values())
def run_llama(
    settings: Settings,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="New folder for the study [runs/OPTION-EPOCHS-LR-TIME].", metavar="FOLDER"),
    ] = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with a stopped run.", metavar="FOLDER")] = None,
    json: opt.Json = False,
) -> int:
    """Run minLLaMA's program: the same flags, lines and output files.

    Example:

      lrscope run-llama --option finetune --epochs 5 --lr 1e-3 --batch_size 80 --train sst-train.txt --dev sst-dev.txt
      --test sst-test.txt --label-names sst-label-mapping.json --dev_out sst-dev-finetuning-output.txt
      --test_out sst-test-finetuning-output.txt --pretrained-model-path stories42M.pt
    """
    asked = RunLlama(**settings)
    option = asked.option
    arguments = {**asked.to_dict(), "out": out, "resume": resume, "json": json}
    if option in KIND:
        for name, value in (("dev", asked.dev_out), ("test", asked.test_out)):
            if not value.endswith(f"{name}-{KIND[option]}-output.txt"):
                raise ConfigError(
                    f"--{name}-out must end in {name}-{KIND[option]}-output.txt for --option {option}: got {value}; "
                    f'name it "<dataset>-{name}-{KIND[option]}-output.txt"'
                )
    with output_until_done():  # a pipe that closes leaves files unwritten
        _say(
            f"args: { {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()} }",
            json,
        )
        return {"generate": _generate, "prompt": _prompt, "find": _find, "finetune": _finetune}[option](arguments)


def _say(line: str, to_stderr: bool = False) -> None:
    echo(line, err=to_stderr)


def _tokenizer(args: dict[str, Any]) -> str | None:
    """Return the tokenizer that was named, or the one in the working folder, where that program reads it."""
    if args["tokenizer"] is not None:
        return absolute(args["tokenizer"])
    model, here = Path(args["pretrained_model_path"]), Path("tokenizer.model")
    return absolute(str(here)) if model.suffix == ".pt" and model.is_file() and here.is_file() else None


# generate


def _generate(args: dict[str, Any]) -> int:
    from lrscope.training.text_generation import load_language_model

    language_model = load_language_model(model_reference(args["pretrained_model_path"]), _tokenizer(args))
    texts = {}
    for temperature, file in (
        (0.0, args["generated_sentence_low_temp_out"]),
        (1.0, args["generated_sentence_high_temp_out"]),
    ):
        _say(f"load model from {args['pretrained_model_path']}", args["json"])
        pieces = language_model.continue_text(
            PREFIX, temperature=temperature, max_new_tokens=NEW_TOKENS, seed=args["seed"], stop=False
        )
        text = "".join(pieces)
        _say(f"Temperature is {temperature}", args["json"])
        _say(text, args["json"])
        _say("---------------", args["json"])
        write_text(Path(file), text)
        _say(f"Wrote generated sentence to {file}.", args["json"])
        texts[str(temperature)] = text
    if args["json"]:
        print_json({"option": "generate", "texts": texts})
    return 0


# prompt


def _prompt(args: dict[str, Any]) -> int:
    from lrscope.data.splits import load_splits
    from lrscope.training.prompting import label_scores
    from lrscope.training.text_generation import load_language_model

    splits = load_splits(
        Path(args["train"]), Path(args["dev"]), Path(args["test"]), label_names=Path(args["label_names"])
    )
    language_model = load_language_model(model_reference(args["pretrained_model_path"]), _tokenizer(args))
    _say(f"load {splits.train.num_examples} data from {args['train']}", args["json"])
    assert splits.test is not None
    result = {}
    for split, file in ((splits.dev, args["dev_out"]), (splits.test, args["test_out"])):
        _say(f"load {split.num_examples} data from {split.path}", args["json"])
        scores = label_scores(
            language_model,
            split.texts,
            splits.labels.names,
            batch_size=args["batch_size"],
            max_tokens=args["max_sentence_len"],
        )
        result[split.name] = _write_predictions(split, scores.argmax(-1), splits.labels.keys, file, args["json"])
    if args["json"]:
        print_json({"option": "prompt", "accuracy": result})
    return 0


def _write_predictions(split: Split, predicted: Any, keys: tuple[str, ...], file: str, as_json: bool) -> float | None:
    """Write `prediction ||| sentence` lines and print the split's accuracy; without labels there is none."""
    accuracy = float((predicted == split.labels).mean()) if split.labelled else None
    if accuracy is None:
        _say(f"{split.name} acc :: not scored, the sentences have no labels", as_json)
    else:
        _say(f"{split.name} acc :: {accuracy:.3f}", as_json)
    rows = (f"{keys[place]} ||| {text}\n" for place, text in zip(predicted, split.texts, strict=True))
    write_text(Path(file), "".join(rows))
    return accuracy


# find, which that program lacks


def _find(args: dict[str, Any]) -> int:
    from lrscope.cli.find_table import print_find
    from lrscope.terminal import live
    from lrscope.workflows.range_tests import find, range_test_study, resume_find

    folder = args["out"] or Path("runs") / f"find-{datetime.now():%Y%m%d-%H%M%S}"
    with live.shown(quiet=args["json"]) as callbacks:
        if args["resume"] is not None:
            result = resume_find(args["resume"], callbacks=callbacks)
        else:
            result = find(range_test_study(_study(args)), folder, callbacks=callbacks)
    print_find(result, as_json=args["json"])
    return 0


# finetune


def _finetune(args: dict[str, Any]) -> int:
    from lrscope.runners import finetune as session

    if args["resume"] is not None:
        with session.resume(args["resume"]) as run:
            return _drive(run, args)
    folder = args["out"] or Path("runs") / (
        f"{args['option']}-{args['epochs']}-{args['lr']}-{datetime.now():%Y%m%d-%H%M%S}"
    )
    with session.begin(_study(args), folder) as run:
        return _drive(run, args)


def _study(args: dict[str, Any]) -> Any:
    from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig

    names = args["label_names"]
    length = args["max_sentence_len"]
    return StudyConfig(
        data=DataConfig(
            train=absolute(args["train"]),
            dev=absolute(args["dev"]),
            test=absolute(args["test"]),
            # That program fine-tunes without the label names; so does this one where the default is not there.
            label_names=absolute(names) if Path(names).exists() or names != "data/cfimdb-label-mapping.json" else None,
            max_tokens=None if length is None else length + 2,  # theirs counts neither the first nor the last token
        ),
        model=ModelConfig(
            model=model_reference(args["pretrained_model_path"]),
            tokenizer=_tokenizer(args),
        ),
        numerics=NumericsConfig(
            device="cuda" if args["use_gpu"] else "cpu",
            threads=args["threads"],
            precision=args["precision"] or "auto",
        ),
        trial=TrialConfig(
            peak_rate=args["lr"],
            schedule=compose_schedule(args["schedule"], args["warmup"]),
            epochs=args["epochs"],
            batch_size=args["batch_size"],
            seed=args["seed"],
            dropout=args["hidden_dropout_prob"],
            weight_decay=0.0,
            epsilon=1e-6,
            clip_norm=0.0,
            train_metrics="full",
        ),
    )


def _drive(run: FineTune, args: dict[str, Any]) -> int:
    from lrscope.records import EvaluationRecord, StepRecord, TrialResult
    from lrscope.training.inference import load_trained
    from lrscope.workflows.callbacks import StopHandle

    as_json, trial, splits = args["json"], run.trial, run.inputs.splits
    saved = f"{args['option']}-{args['epochs']}-{args['lr']}.pt"
    _say(f"load {splits.train.num_examples} data from {args['train']}", as_json)
    _say(f"load {splits.dev.num_examples} data from {args['dev']}", as_json)
    loss, num_batches, train_accuracy, epochs = 0.0, 0, float("nan"), []
    result = None
    for row in run.store.steps(trial.id)[: run.store.trial(trial.id).step]:
        if num_batches == trial.steps_per_epoch:
            loss, num_batches = 0.0, 0
        loss, num_batches = loss + row["loss"] * row["count"] / trial.config.batch_size, num_batches + 1
    stop = StopHandle()
    with (
        graceful_interrupt(stop),
        stop.running(trial.stop),
        TrialProgress(trial.total_steps, trial.config.epochs) as progress,
    ):
        for record in trial.run():
            if isinstance(record, StepRecord):
                progress.update(record)
                if num_batches == trial.steps_per_epoch:
                    loss, num_batches = 0.0, 0
                # Theirs divides every batch's summed loss by the batch size, the last and smaller one's too.
                loss += record.loss * record.count / trial.config.batch_size
                num_batches += 1
            elif isinstance(record, EvaluationRecord):
                if record.split == "train-full":
                    train_accuracy = record.metrics["accuracy"]
                elif record.split == "dev":
                    mean, accuracy = loss / num_batches, record.metrics["accuracy"]
                    if record.improved:
                        _say(f"save the model to {saved}", as_json)
                    _say(
                        f"epoch {record.epoch - 1}: train loss :: {mean:.3f}, train acc :: {train_accuracy:.3f}, "
                        f"dev acc :: {accuracy:.3f}",
                        as_json,
                    )
                    epochs.append({"train_loss": mean, "train_accuracy": train_accuracy, "dev_accuracy": accuracy})
            elif isinstance(record, TrialResult):
                result = record
    assert result is not None, "a trial ends with its result"
    if result.status == "interrupted":
        _say(f"stopped after step {result.step}; go on with the same command and --resume {run.store.folder}", True)
        return INTERRUPTED
    if result.best is None:
        raise ConfigError(f"the fine-tune diverged before its first epoch ended: {result.reason}; try a lower --lr")
    if result.status == "diverged":
        _say(f"diverged: {result.reason}; the best epoch before that is kept", True)
    _say(f"load model from {saved}", as_json)
    trained = load_trained(run.store.folder, "best", trial.id)
    accuracies = {}
    assert splits.test is not None
    for split, file in ((splits.dev, args["dev_out"]), (splits.test, args["test_out"])):
        _say(f"load {split.num_examples} data from {split.path}", as_json)
        if split.name == "test" and split.labelled:
            run.store.record_opening(trial.id, trained.step, "test", "run-llama")
        predicted = trained.outputs(split).argmax(-1)
        accuracies[split.name] = _write_predictions(split, predicted, splits.labels.keys, file, as_json)
    trained.save_minllama(Path(saved), args)
    trained.store.close()
    if as_json:
        print_json({"option": "finetune", "run": str(run.store.folder), "epochs": epochs, "accuracy": accuracies})
    return 0
