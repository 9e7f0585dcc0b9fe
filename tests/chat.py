"""A byte-level tokenizer with tokens for chats, as a model's folder has it, and conversations to render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from lrscope.data.conversations import Turn

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = ["user assistant system the quick brown fox is what it is", "2 + 2 = 4, of course. ### 4", "You are helpful"]
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

USER, REPLY = Turn("user", "What is it? 映画"), Turn("assistant", "It is the fox 🦊.\n\nOf course. ")
SHORT = (USER, REPLY)
LONG = (Turn("system", "Be brief."), *SHORT, Turn("user", "And 2 + 2?"), Turn("assistant", "4"))


def chat_folder(folder: Path, template: Any = SMOLLM2, special: tuple[str, ...] = SPECIAL, **settings: Any) -> Path:
    """Write a tokenizer with its chat template into a folder, as transformers 5 saves it."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=[AddedToken(token, special=True) for token in special],
    )  # fmt: skip
    backend.train_from_iterator(CORPUS * 3, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": special[-1],
        "pad_token": special[0], "clean_up_tokenization_spaces": False, **settings,
    }  # fmt: skip
    if isinstance(template, list):
        config["chat_template"] = template
    elif template is not None:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def messages(turns: tuple[Turn, ...]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in turns]
