"""The benchmarks' own modules, as their scripts find them."""

import sys
from pathlib import Path

LANDSCAPES = Path(__file__).resolve().parents[2] / "benchmarks" / "landscapes"
if str(LANDSCAPES) not in sys.path:
    sys.path.append(str(LANDSCAPES))
