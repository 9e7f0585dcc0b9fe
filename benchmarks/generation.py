"""Text generation: SmolLM2-135M answering GSM8K's questions, many at a time and alone, beside transformers' `generate`.

    python benchmarks/generation.py [--model ~/.cache/lrscope/smollm2-135m] [--threads 2]

Printed: new tokens a second, reading the questions included, of lrscope with its cache, of reading everything anew for
each token (as lrscope did before), and of transformers; and in how many answers the two agree to the last token. All
answers have the same length, so that the work is the same.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODEL = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()
NEW_TOKENS, NEW_TOKENS_ANEW = 32, 4
BATCH = 32

Answers = list[list[int]]


def main() -> None:
    """Print a Markdown table."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    from lrscope.models.checkpoints import read_checkpoint
    from lrscope.models.generation import LlamaLanguageModel, build_language_model, generate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    checkpoint = read_checkpoint(options.model)
    assert checkpoint.shape is not None
    with (SHARED / "data" / "sft" / "gsm8k-test.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(next(lines))["prompt"] for _ in range(BATCH)]
    prompts: Answers = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)["input_ids"]
        for text in questions
    ]
    sizes = sorted(map(len, prompts))
    print(f"{BATCH} questions of {sizes[0]} to {sizes[-1]} tokens, {NEW_TOKENS} new tokens each\n")
    print("| precision | at once | lrscope | transformers | ratio | everything anew | equal answers |")
    print("| --- | --- | --- | --- | --- | --- | --- |")

    @torch.inference_mode()
    def anew(model: LlamaLanguageModel, prompt: Sequence[int]) -> None:
        ids = list(prompt)
        for _ in range(NEW_TOKENS_ANEW):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))

    def theirs(model: Any, chosen: Answers, *, max_new_tokens: int) -> Answers:
        width = max(map(len, chosen))
        pad = tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(each)) + each for each in chosen])
        mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in chosen])
        made = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, min_new_tokens=max_new_tokens,
            do_sample=False, pad_token_id=pad, eos_token_id=None,
        )  # fmt: skip
        return [row[width:] for row in made.tolist()]

    for name in ("float32", "bfloat16"):
        dtype = getattr(torch, name)
        ours = build_language_model(checkpoint.shape, checkpoint.tensors, dtype)
        peer = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype).eval()
        for at_once in (1, BATCH):
            chosen = prompts[:at_once]
            num_new = NEW_TOKENS * at_once
            works = [
                partial(answer, model, max_new_tokens=NEW_TOKENS)
                for answer, model in ((generate, ours), (theirs, peer))
            ]
            for work in works:
                work(chosen[:1])  # weights come from the disk before anything is timed
            (answers, seconds), (their_answers, their_seconds) = (_timed(partial(work, chosen)) for work in works)
            before = ""
            if at_once == 1:
                _, slow = _timed(partial(anew, ours, chosen[0]))
                before = f"{NEW_TOKENS_ANEW / slow:.1f}"
            equal = sum(a == b for a, b in zip(answers, their_answers, strict=True))
            print(
                f"| {name} | {at_once} | {num_new / seconds:.0f} | {num_new / their_seconds:.0f} | "
                f"{their_seconds / seconds:.1f}× | {before} | {equal} of {at_once} |"
            )


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = perf_counter()
    result = work()
    return result, perf_counter() - began


if __name__ == "__main__":
    main()
