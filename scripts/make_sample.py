"""Make lrscope's bundled sample: labelled sentences, a tokenizer and a tiny pretrained LLaMA, all our own.

    python scripts/make_sample.py            # everything, about seven minutes on two cores
    python scripts/make_sample.py --check    # compare the committed sentences with the grammar's, byte for byte

`sample_grammar.py` writes the sentences. 2,000 + 500 + 500 are labelled, no sentence twice; some 200,000 others, none
of them among the labelled, train a byte-pair tokenizer and then the model, causally and without labels. Every
step is seeded (text on any machine; weights on one kind of processor, torch version and thread count).

The folder holds train.txt, dev.txt, test.txt (`label ||| sentence`), label-names.json, and model/, which
transformers' AutoModelForCausalLM and AutoTokenizer load.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from lrscope.files import write_text
from lrscope.randomness import derive_seed
from sample_grammar import LABEL_NAMES, Example, Writer

SEED = 0
SPLITS = {"train": 2000, "dev": 500, "test": 500}
FOLDER = Path(__file__).resolve().parents[1] / "src" / "lrscope" / "sample"

NUM_PIECES = 1024  # at most: the grammar's words run out before
NUM_TOKENIZER_SENTENCES = 20_000

BATCH_SIZE = 128
CHUNK_BATCHES = 16
NUM_CHUNKS = 100
PEAK_RATE = 4e-3
WARMUP_STEPS = 100
NUM_THREADS = 2


def labelled() -> dict[str, list[Example]]:
    """Return the examples of each split; no sentence occurs twice, within a split or across them."""
    unique = {example.sentence: example for example in islice(_writer("labelled").examples(), 2 * sum(SPLITS.values()))}
    examples = iter(unique.values())
    return {split: list(islice(examples, num)) for split, num in SPLITS.items()}


def unlabelled() -> Iterator[str]:
    """Yield sentences without end, none of them among the labelled."""
    seen = {example.sentence for examples in labelled().values() for example in examples}
    return (e.sentence for e in _writer("unlabelled").examples() if e.sentence not in seen)


def text_files() -> dict[str, str]:
    """Return the content of every text file of the sample by its name."""
    files = {
        f"{split}.txt": "".join(f"{example.label} ||| {example.sentence}\n" for example in examples)
        for split, examples in labelled().items()
    }
    return files | {"label-names.json": json.dumps(LABEL_NAMES, indent=2) + "\n"}


def train_tokenizer() -> Tokenizer:
    """Train byte-pair merges and build LLaMA's kind of tokenizer around them.

    Ids: <unk> 0, <s> 1, </s> 2, the 256 bytes 3 … 258, the merged pieces in the order of their merging, then the
    single characters. No piece holds a word's end and a mark or the next word's start.
    """
    trainee = Tokenizer(models.BPE())
    trainee.normalizer = _normalizer()
    trainee.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("▁", "merged_with_next"),
            pre_tokenizers.Split(Regex(r"[^\w▁]"), "isolated"),
        ]
    )
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainee.train_from_iterator(
        islice(unlabelled(), NUM_TOKENIZER_SENTENCES),
        trainers.BpeTrainer(vocab_size=NUM_PIECES - len(pieces), show_progress=False),
    )
    trained = json.loads(trainee.to_str())["model"]
    merges = [tuple(pair) for pair in trained["merges"]]
    pieces += ["".join(pair) for pair in merges]
    pieces += sorted(piece for piece in trained["vocab"] if len(piece) == 1)
    vocab = {piece: index for index, piece in enumerate(pieces)}

    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = _normalizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def shape(tokenizer: Tokenizer) -> LlamaConfig:
    """Return the model's shape: about half a million parameters."""
    return LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )


def pretrain(tokenizer: Tokenizer) -> LlamaForCausalLM:
    """Train a fresh model to continue unlabelled sentences, each seen once: beginning + sentence + end."""
    torch.set_num_threads(NUM_THREADS)
    torch.manual_seed(derive_seed(SEED, "weights"))
    model = LlamaForCausalLM(shape(tokenizer))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    num_steps, started = NUM_CHUNKS * CHUNK_BATCHES, time.perf_counter()
    for step, ids_BT in enumerate(_batches(tokenizer)):
        rate = PEAK_RATE * min((step + 1) / WARMUP_STEPS, (num_steps - step) / (num_steps - WARMUP_STEPS))
        for group in optimizer.param_groups:
            group["lr"] = rate
        labels_BT = ids_BT.masked_fill(ids_BT < 0, -100)
        loss = model(input_ids=ids_BT.clamp(min=0), labels=labels_BT, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            print(f"step {step + 1} of {num_steps}: loss {loss.item():.3f}, {time.perf_counter() - started:.0f} s")
    # Rounded to bfloat16's grid but stored in float32: any reader can load it, and it packs to half the size.
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16().float()
    return model


def save_model(tokenizer: Tokenizer, model: LlamaForCausalLM, folder: Path) -> None:
    """Write weights, shape and tokenizer as a transformers folder."""
    model.save_pretrained(folder)
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=False) + "\n")
    settings = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": model.config.max_position_embeddings,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
    }
    write_text(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")


def check(folder: Path) -> list[str]:
    """Return the names of the text files in `folder` that differ from what the grammar writes now."""
    return [
        name
        for name, text in text_files().items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != text.encode("utf-8")
    ]


def main() -> None:
    """Make the sample, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare the text files; 1 where one differs")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder to write or check (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.check:
        differing = check(arguments.out)
        sys.exit(f"not what the grammar writes: {', '.join(differing)}" if differing else 0)
    (arguments.out / "model").mkdir(parents=True, exist_ok=True)
    for name, text in text_files().items():
        write_text(arguments.out / name, text)
    tokenizer = train_tokenizer()
    save_model(tokenizer, pretrain(tokenizer), arguments.out / "model")


def _writer(purpose: str) -> Writer:
    return Writer(Random(derive_seed(SEED, f"sample {purpose}")))


def _normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def _batches(tokenizer: Tokenizer) -> Iterator[torch.Tensor]:
    """Yield batches of ids (B, T), −1 behind each sentence's end; sentences of like length share one."""
    sentences, order = unlabelled(), Random(derive_seed(SEED, "sample order"))
    for _ in range(NUM_CHUNKS):
        chunk = tokenizer.encode_batch(list(islice(sentences, BATCH_SIZE * CHUNK_BATCHES)))
        rows = sorted((torch.tensor([*one.ids, 2]) for one in chunk), key=len)
        batches = [rows[first : first + BATCH_SIZE] for first in range(0, len(rows), BATCH_SIZE)]
        for batch in sorted(batches, key=lambda _: order.random()):
            yield torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=-1)


if __name__ == "__main__":
    main()
