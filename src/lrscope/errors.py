"""What can go wrong that a user can mend, one class a kind of mistake.

    LrscopeError
    ├── ConfigError        a setting that cannot be: a rate of zero, a batch of none
    ├── ScheduleError      a schedule that does not read, or does not fit its run
    ├── DataError          an example file: missing, empty, or wrong on a line
    ├── CheckpointError    weights or a tokenizer that cannot be read or do not belong together
    ├── StudyError         a study folder: held by another study, nothing to resume, not writable
    └── ExecutorError      a place for trials that is not there: Ray not installed, a cluster not reached

Each message is one line: the rule, what was got, the way out. The command line prints it and exits with 2.
"""


class LrscopeError(Exception):
    """Anything that lrscope refuses, with a message for the person at the keyboard."""


class ConfigError(LrscopeError):
    """A setting, or several, that cannot be. All problems are reported at once, joined by `; `."""


class ScheduleError(LrscopeError):
    """A schedule or a duration that does not read, or that does not fit the run it is meant for.

    `column` is the 0-based place in the text where reading stopped, or None.
    """

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


class DataError(LrscopeError):
    """A file of examples that cannot be used; the message names file and line."""


class CheckpointError(LrscopeError):
    """Weights or a tokenizer that cannot be read, or that do not belong together."""


class StudyError(LrscopeError):
    """A study folder that cannot be written, resumed, or that belongs to something else."""


class ExecutorError(LrscopeError):
    """A place where trials should run that is not there, or not reached."""
