"""The bundled sample: labelled sentences of a grammar of our own, and a tiny LLaMA pretrained on its unlabelled ones.

Made by `scripts/make_sample.py`; nothing here is anyone else's.
"""

from pathlib import Path


def folder() -> Path:
    """Return where train.txt, dev.txt, test.txt, label-names.json and model/ lie."""
    return Path(__file__).parent
