"""English: what a page has beside what a report says, its times, and what is served."""

WORDS = {
    "time": "time a run",
    "spent": "All {runs:run|runs} together took {time}.",
    "some-seconds": "{seconds} s",
    "some-minutes": "{minutes} min {seconds} s",
    "some-hours": "{hours} h {minutes} min",
    "best-of": "The best {number} of {all} settings:",
    "all-settings": "All {number} settings",
    "more-findings": "{number} more findings",
    "interval-of-best": "95% interval (the best {number})",
    "all-studies": "all studies",
    "studies-in": "Studies in {folder}",
    "live-studies": "{studies:study|studies}, {running} running.",
    "live-running": "{done} of {all:run|runs} done; the study is running, and this page renews itself.",
    "live-stopped": "{done} of {all:run|runs} done; nothing is running.",
    "live-done": "{done} of {all:run|runs} done.",
    "live-left": "About {time} left on one worker.",
    "study": "study",
    "question": "question",
    "state": "state",
    "trial": "trial",
    "seed": "seed",
    "logged-losses": "training loss (running mean)",
    "applied-rates": "learning rate as applied",
    "copy": "Copy",
    "copied": "Copied",
    "expected-before": "expected before training (80%)",
    "searched-rate": "best rate by all runs (95%)",
}

SAY: dict[str, str] = {}
