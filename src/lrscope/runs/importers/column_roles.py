"""What the columns of a table are, by their names: where a row stands, which run it is of, what was measured and set.

Every program names them in its own way: `val_loss`, `eval/loss`, `loss/val`, "Validation Loss", `metrics.val_loss` are
all the loss on dev.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from lrscope.config.metric_names import is_metric, known_direction
from lrscope.runs.settings import SETTING

STEPS = frozenset({"step", "steps", "global_step", "_step", "iter", "iteration", "iterations", "iter_num", "update",
                   "updates", "num_updates", "current_steps", "train_step"})  # fmt: skip
EPOCHS = frozenset({"epoch", "ep", "current_epoch", "epoch_num", "training_iteration"})
RATES = frozenset({"lr", "learning_rate", "learningrate"})
PEAK_RATES = frozenset({"peak_rate", "peak_lr", "max_lr", "base_lr", "initial_lr", "init_lr", "peak_learning_rate"})
SEEDS = frozenset({"seed", "random_seed", "train_seed", "trial_seed", "model_seed", "torch_seed", "global_seed",
                   "init_seed", "seed_id", "seed_idx", "rep", "repeat", "repetition", "replicate",
                   "replication"})  # fmt: skip
NAMES = ("arm", "run_name", "run", "name", "display_name", "runname", "experiment", "experiment_name", "exp",
         "exp_name", "trial_name", "config_name", "variant", "setting")  # fmt: skip
IDS = ("run_id", "trial_id", "trial", "trial_number", "number", "id", "uuid", "job_id")
STATES = frozenset({"state", "status"})
SPLITS_BY_NAME = {
    "train": "train", "training": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "eval": "dev", "evaluation": "dev", "test": "test",
}  # fmt: skip
_WORDS = "|".join(sorted(SPLITS_BY_NAME, key=len, reverse=True))
_BEGINS = re.compile(rf"^(best_|final_|last_|min_|max_|mean_)?({_WORDS})[_ /.-](.+)$", re.I)
_ENDS = re.compile(rf"^(.+)[_ /.-]({_WORDS})$", re.I)
_CAMEL = re.compile(rf"^({_WORDS})(?=[A-Z])")
# Where programs put what was asked for, and what came of it: Ray, Optuna, MLflow, scikit-learn, exports of W&B's API.
_ASKED = re.compile(
    r"^(?:config|general|params?|hparams?|hyper_?parameters|args|cfg|train_loop_config)[/.]|^params?[_ ]", re.I
)
_CAME = re.compile(r"^(?:metrics?|summary|results?|user_attrs|tags)[/.]|^user_attrs_|^mlflow\.", re.I)
_LOGGED_RATE = re.compile(
    r"^lr-(?!.*-(?:momentum|weight_decay)$).+|^lr[_/](?:pg|group_?)?\d+$|.*/(?:lr|learning_rate)$", re.I
)
LIKE_A_METRIC = re.compile(r"acc|f1|loss|score|bleu|rouge|auc|ppl|perplexity|error|wer|mcc|corr", re.I)
# What stands behind a split's name and is no measurement.
_OF_DATA = re.compile(
    r"^(?:split|fraction|frac|ratio|pct|percent|path|files?|dir|data|datasets?|set|examples?|patience|seed|workers|name|id"
    r"|iters|loop|mode|type|len|part|model_preparation_time|jit_compilation_time|loss|bleu)?_?(?:split|fraction|frac|ratio"
    r"|pct|path|files?|dir|dataset|examples|patience|seed|workers|name|id|mode|type|part|preparation_time"
    r"|compilation_time)$", re.I
)  # fmt: skip
_OF_PROGRESS = re.compile(r"^(?:train|trainer|progress|state|global|counters?)[/.]")  # how far a training has come
_BATCH_OR_EPOCH = re.compile(r"_(?:step|epoch)$")  # Lightning's, where a batch's value and the epoch's mean are logged
_OF_EVALUATION = re.compile(r"(?:^|_)(?:eval|val|valid|validation|test)_")
# How many examples a run was evaluated on; a limit to them is none.
DEV_SIZE = re.compile(
    r"^(?:(?:num|n)_)?(?:eval|evaluation|dev|val|valid|validation)_(?:samples|examples|size)$"
    r"|^(?:num|n)_(?:dev|val|valid|validation)$", re.I
)  # fmt: skip
# What says nothing of how a run was trained: clocks, machines, folders, switches of logging.
_BESIDE = re.compile(
    r"^_|time|^date|runtime|duration|created|updated|started|finished|timestamp|host|node_ip|^pid$|^ip$|gpu|cpu|device|mem(ory)?"
    r"|dir$|_dir_|folder|^(?!.*model).*path$|url|uri|token|secret|log(ging|dir|s)?(_|$)|^save|report_to|wandb|tensorboard|mlflow"
    r"|hub_|push_to|local_rank|world_size|workers|^(user|notes?|tags?|group|job_type|sweep|description|comment|commit|git.*|done"
    r"|command|program|version|num_seeds|n_seeds|count|n|index|rank_by|project|entity|data_seed|run_name|total_flos|checkpoint.*"
    r"|num_params|n_params|.*parameters|trainable.*|iterations_since_restore|artifact.*|experiment_(id|tag)|best_.*|per_second|#|no\.?|nr|row|place|sys/.*|((experiment|run|trial|job)_?)(id|key|uuid|hash)|hours?|minutes?|days?|weeks?|ckpt)$"
    r"|per_second|^eval_|^unnamed", re.I
)  # fmt: skip


@dataclass
class Roles:
    """The columns of a table by what they are. `bare` metrics name no split; `settings` may be some.

    `measured` holds a column's split and metric, `bare` its metric, `asked` the settings that stand where a program
    puts what was asked for, under their own names.
    """

    steps: list[str] = field(default_factory=list)
    epochs: list[str] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)
    logged_rates: list[str] = field(default_factory=list)  # what a program logs of its schedule, never what was asked
    peaks: list[str] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    measured: dict[str, tuple[str, str]] = field(default_factory=dict)
    bare: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def columns(self) -> set[str]:
        """All columns that are something."""
        return {name for columns in vars(self).values() for name in columns}

    @property
    def identities(self) -> list[str]:
        """The columns that say which run a row is of."""
        return [*self.names, *self.ids]

    @property
    def metrics_of_dev(self) -> set[str]:
        """What was measured on dev."""
        return {metric for split, metric in self.measured.values() if split == "dev"}

    @property
    def names_a_run(self) -> bool:
        """Whether a column says where a row stands, or what run it is of."""
        return any([self.steps, self.epochs, self.rates, self.logged_rates, self.peaks, self.identities, self.asked])


def roles_of(names: Iterable[str]) -> Roles:
    """Return what columns are.

    >>> roles = roles_of(["epoch", "train_loss", "Validation Loss", "loss/val", "lr-AdamW", "seed", "num_seeds"])
    >>> roles.measured
    {'train_loss': ('train', 'loss'), 'Validation Loss': ('dev', 'loss'), 'loss/val': ('dev', 'loss/val')}
    >>> roles.epochs, roles.logged_rates, roles.seeds
    (['epoch'], ['lr-AdamW'], ['seed'])
    >>> roles_of(["params_lr", "value", "state", "number"]).measured, roles_of(["config/optim/lr", "val_size"]).peaks
    ({'value': ('dev', 'value')}, ['config/optim/lr'])
    """
    names = list(names)
    roles = Roles()
    for name in names:
        _assign(roles, name)
    if {"number", "state"} <= {
        name.lower() for name in names
    }:  # Optuna's trials: the objective, on whatever it was measured
        for name in names:
            if re.fullmatch(r"values?([_ ]\w+)?", name, re.I):
                roles.measured[name] = "dev", name.lower()
                _forget(roles, name)
    _settle(roles)
    return roles


def _assign(roles: Roles, name: str) -> None:
    asked, came = _ASKED.match(name), _CAME.match(name)
    own = name[asked.end() :] if asked else name[came.end() :] if came else name
    key = _key(_ASKED.sub("", own) if asked else own)
    last = re.split(r"[/.]", key)[-1]
    if asked:
        _assign_asked(roles, name, own, last)
    elif key in PEAK_RATES:
        roles.peaks.append(name)
    elif key in RATES and not came:
        roles.rates.append(name)
    elif _LOGGED_RATE.match(key) or key in RATES or ((match := _BEGINS.match(key)) and match[3] in RATES):
        roles.logged_rates.append(name)
    elif key in STEPS or (_OF_PROGRESS.match(key) and last in STEPS):
        roles.steps.append(name)
    elif key in EPOCHS or (_OF_PROGRESS.match(key) and last in EPOCHS):
        roles.epochs.append(name)
    elif key in SEEDS:
        roles.seeds.append(name)
    elif key in NAMES or (came and key == "mlflow.runname"):
        roles.names.append(name)
    elif key in IDS:
        roles.ids.append(name)
    elif key in STATES:
        roles.states.append(name)
    elif re.fullmatch(r"(?:train[/_])?(?:grad_norm|gradient_norm)", key):
        roles.measured[name] = "train", "grad_norm"
    elif SETTING.match(key):
        if not _OF_EVALUATION.search(key):
            roles.settings.append(name)
    elif measured := _measured(own, key):
        roles.measured[name] = measured
    elif _BEGINS.match(key):
        return
    elif is_metric(key) and (known_direction(key) is not None or LIKE_A_METRIC.search(key)):
        roles.bare[name] = _as_named(own, key)
    elif not came and name and is_setting(key):
        roles.others.append(name)


def _assign_asked(roles: Roles, name: str, own: str, last: str) -> None:
    if last in RATES or last in PEAK_RATES:
        roles.peaks.append(name)
    elif last in SEEDS:
        roles.seeds.append(name)
    elif is_setting(last):
        taken = set(roles.asked.values())
        short = re.split(r"[/.]", own)[-1]
        roles.asked[name] = own if short in taken else short


def is_setting(key: str) -> bool:
    """Return whether a column of this name, in lower case, may tell how a run was trained."""
    return bool(SETTING.match(key)) or not (
        _BESIDE.search(key) or DEV_SIZE.match(key) or key in STEPS | EPOCHS | STATES | {*NAMES, *IDS, ""}
    )


def _key(name: str) -> str:
    return re.sub(r"\s+", "_", _CAMEL.sub(r"\1_", name.strip())).lower()


def _as_named(own: str, key: str) -> str:
    """Return a metric's name as its program writes it; in lower case where that writes a title."""
    return key if own[:1].isupper() or " " in own else own


def _measured(own: str, key: str) -> tuple[str, str] | None:
    spelled = key if _CAMEL.match(own) else _as_named(own.strip(), key)
    if match := _BEGINS.match(spelled):
        bare = _BATCH_OR_EPOCH.sub("", match[3])
        if is_metric(bare) and not _OF_DATA.match(bare) and not _BEGINS.match(bare):
            return SPLITS_BY_NAME[match[2].lower()], (match[1] or "").lower() + match[3]
        return None
    match = _ENDS.match(spelled)
    if match and is_metric(match[1]) and (known_direction(match[1]) is not None or LIKE_A_METRIC.search(match[1])):
        return SPLITS_BY_NAME[match[2].lower()], match[1]
    return None


def _forget(roles: Roles, name: str) -> None:
    roles.bare.pop(name, None)
    if name in roles.others:
        roles.others.remove(name)


def _settle(roles: Roles) -> None:
    """Give every split's metric one column, and metrics without a split theirs where the other columns tell it."""
    taken: dict[tuple[str, str], str] = {}
    named = set(roles.measured.values())
    for name, (split, metric) in list(roles.measured.items()):
        base = _BATCH_OR_EPOCH.sub("", metric)
        if metric != base:
            kept = base + ("_step" if split == "train" else "_epoch")
            if metric != kept and (split, kept) in named:
                del roles.measured[name]
                continue
            metric = base
        if (split, metric) in taken:
            metric = name
        taken[split, metric] = name
        roles.measured[name] = split, metric
    is_of_dev = _bare_is_of_dev(roles)
    for name, metric in list(roles.bare.items()):
        if ("dev", metric) in taken:
            if ("train", metric) in taken:  # of Trainer: the mean over the whole training beside what was logged
                del roles.measured[taken["train", metric]]
            roles.measured[name] = "train", metric
            taken["train", metric] = name
            del roles.bare[name]
        elif is_of_dev and ("dev", metric) not in taken:
            roles.measured[name] = "dev", metric
            del roles.bare[name]


def _bare_is_of_dev(roles: Roles) -> bool:
    """Whether a metric without a split is of dev: as fastai and Trainer's tables write it beside both losses."""
    keys = {_key(name) for name in roles.measured}
    return {"train_loss", "valid_loss"} <= keys or {"training_loss", "validation_loss"} <= keys
