"""SmolLM2-135M in the corpus: its landscapes as tables and a picture, and the best LoRA rate beside the best full one.

    python benchmarks/landscapes/real_models.py [--figure docs/real-models.png]

How the best rate and the stretch within half a percent are found: landscape.py.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from landscape import Landscape, landscapes


def of_the_model() -> dict[str, Landscape]:
    """Return those of SmolLM2-135M at their whole horizon, by the names of their settings."""
    return {
        each.setting.name: each
        for each in landscapes()
        if each.setting.model == "smollm2" and each.setting.part != "head" and each.horizon == 1
    }


def tables(found: dict[str, Landscape]) -> None:
    """Print a table a landscape, and one of their best rates."""
    for name, each in found.items():
        seeds = each.loss.shape[1]
        print(f"\n{name}: {each.setting.total_steps} steps, {seeds} seeds\n")
        print("| rate | dev log-loss, by seed | mean | accuracy |\n| --- | --- | --- | --- |")
        for rate, losses, accuracy in zip(each.rates, each.loss, each.accuracy, strict=True):
            shown = ", ".join(f"{loss:.4f}" for loss in losses)
            print(f"| {rate:g} | {shown} | {losses.mean():.4f} | {accuracy.mean():.3f} |")
    print("\n| data | part | best rate, 95% | within half a percent | log-loss | between seeds | 3e-4 costs |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for each in found.values():
        best, low, high = each.best()
        first, last = each.stretch()
        print(
            f"| {each.setting.data} | {each.setting.part} | {best:.2g} ({low:.2g} to {high:.2g}) | {first:.2g} to "
            f"{last:.2g} | {each.mean.min():.4f} | {each.noise():.4f} | {100 * each.cost(3e-4):.1f}% |"
        )
    print("\n| data | best LoRA rate over best full rate |\n| --- | --- |")
    by_data: dict[str, dict[str, float]] = defaultdict(dict)
    for each in found.values():
        by_data[each.setting.data][each.setting.part] = each.best()[0]
    for data, parts in by_data.items():
        if {"lora", "full"} <= set(parts):
            print(f"| {data} | {parts['lora'] / parts['full']:.0f} |")


def figure(found: dict[str, Landscape], path: Path) -> None:
    """Draw a panel a data set: full fine-tuning and LoRA, a line through the means, a dot a seed."""
    import matplotlib.pyplot as plt

    data = list(dict.fromkeys(each.setting.data for each in found.values()))
    titles = {"full": "full fine-tuning", "lora": "LoRA, rank 16"}
    drawn, axes = plt.subplots(1, len(data), figsize=(4.2 * len(data), 3.6), squeeze=False)
    for axis, name in zip(axes[0], data, strict=True):
        for each in found.values():
            if each.setting.data != name:
                continue
            rates, losses = each.curve()
            (line,) = axis.plot(rates, losses, label=titles[each.setting.part])
            for losses_of_seed in each.loss.T:
                axis.plot(each.rates, losses_of_seed, "o", color=line.get_color(), ms=3)
            axis.axvline(each.best()[0], color=line.get_color(), lw=0.8, ls=":")
        axis.set(xscale="log", xlabel="peak learning rate", title=name)
        axis.set_ylabel("dev log-loss")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8)
    drawn.tight_layout()
    drawn.savefig(path, dpi=110)


def main() -> None:
    """Print the tables and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found = of_the_model()
    tables(found)
    if options.figure:
        figure(found, options.figure)


if __name__ == "__main__":
    main()
