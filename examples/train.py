"""A training as many people have it, without a word of lrscope: a LLaMA that learns to grade sentences, by Trainer.

    python examples/train.py --learning_rate 1e-3 --seed 0 --output_dir runs/one

Model and sentences are those that lrscope brings along. `examples/logs` holds what it wrote at five learning rates.
"""

from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, HfArgumentParser, Trainer, TrainingArguments

SAMPLE = Path(__file__).resolve().parent.parent / "src" / "lrscope" / "sample"


class Sentences(torch.utils.data.Dataset):
    """Lines of `label ||| sentence`, as token ids."""

    def __init__(self, path, tokenizer):
        self.rows = [line.split(" ||| ") for line in path.read_text(encoding="utf-8").splitlines()]
        self.ids = tokenizer([text for _, text in self.rows])["input_ids"]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"input_ids": self.ids[index], "label": int(self.rows[index][0])}


def accuracy(predicted):
    """Return what Trainer shows as eval_accuracy."""
    logits, labels = predicted
    return {"accuracy": float((logits.argmax(-1) == labels).mean())}


def main():
    """Train as the command line says: all options of TrainingArguments."""
    defaults = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "per_device_eval_batch_size": 100}
    defaults |= {"warmup_steps": 0.06, "eval_strategy": "epoch", "save_strategy": "no", "logging_steps": 10}
    parser = HfArgumentParser(TrainingArguments)
    parser.set_defaults(**defaults, report_to="none", disable_tqdm=True)
    (options,) = parser.parse_args_into_dataclasses()

    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(SAMPLE / "model")
    model = AutoModelForSequenceClassification.from_pretrained(SAMPLE / "model", num_labels=5)
    model.config.pad_token_id = tokenizer.pad_token_id = tokenizer.pad_token_id or 0
    trainer = Trainer(
        model, options, processing_class=tokenizer, compute_metrics=accuracy,
        train_dataset=Sentences(SAMPLE / "train.txt", tokenizer), eval_dataset=Sentences(SAMPLE / "dev.txt", tokenizer),
    )  # fmt: skip
    trainer.train()
    trainer.save_state()


if __name__ == "__main__":
    main()
