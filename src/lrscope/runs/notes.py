"""What is odd about records of runs: notes that their readers make, for a report to say."""

from __future__ import annotations

from dataclasses import dataclass

from lrscope.runs.quantities import Count, Epoch, Names, Number, Rate, Rates, Setting, Settings, Share, Text, Value
from lrscope.runs.statement import Statement


@dataclass(frozen=True)
class Note(Statement):
    """Something about the records themselves, not about what they show."""


@dataclass(frozen=True)
class Overlap(Note):
    """So many examples of the second split are in the first too."""

    first: Text
    second: Text
    number: Count


@dataclass(frozen=True)
class SealOpened(Note):
    """Sealed test scores were opened, when and by which command."""

    when: Text
    command: Text
    number: Count


@dataclass(frozen=True)
class ScoresIgnored(Note):
    """Not all runs have scores of the same examples: they are compared by their values alone."""


@dataclass(frozen=True)
class RateGroups(Note):
    """Groups of parameters have learning rates of their own, of which those in one column are shown."""

    chosen: Text
    others: Names


@dataclass(frozen=True)
class OtherMetrics(Note):
    """Other metrics of dev could have been compared by."""

    chosen: Text
    others: Names


@dataclass(frozen=True)
class BestOfEpochs(Note):
    """A metric is the best of each run's evaluations, by its name."""

    chosen: Text


@dataclass(frozen=True)
class MeanOfRuns(Note):
    """A metric is a mean, by its name: over several runs, it has not the noise of one."""

    chosen: Text


@dataclass(frozen=True)
class NeverEvaluated(Note):
    """Runs of these settings were never evaluated on dev, where others were."""

    arms: Settings


@dataclass(frozen=True)
class DuplicateRun(Note):
    """Two runs of a setting have the same values, so many of them."""

    arm: Setting
    number: Count


@dataclass(frozen=True)
class SettingsUnnamed(Note):
    """So many runs of a setting do not name settings of training that its other runs name."""

    arm: Setting
    number: Count
    of: Count
    settings: Names


@dataclass(frozen=True)
class Unfinished(Note):
    """Some runs of a setting ended before others did."""

    arm: Setting
    number: Count
    of: Count


@dataclass(frozen=True)
class NearlyFinished(Note):
    """Settings whose last evaluation stands a little before the end of their training, at this share of it or later."""

    arms: Settings
    share: Share


@dataclass(frozen=True)
class EarlierCheckpoint(Note):
    """A record of a setting is the beginning of another one: an earlier checkpoint of the same run, counted once."""

    arm: Setting
    number: Count


@dataclass(frozen=True)
class HeadingDiffers(Note):
    """A log's heading names another rate than the settings under it."""

    heading: Rate
    heading_line: Number
    rate: Rate
    line: Number


@dataclass(frozen=True)
class CutOff(Note):
    """A log holds fewer epochs of a run than were asked for."""

    arm: Setting
    line: Number
    epochs: Count
    of: Count


@dataclass(frozen=True)
class EpochRepeated(Note):
    """An epoch stands in a log more than once."""

    arm: Setting
    line: Number
    epoch: Epoch


@dataclass(frozen=True)
class CurveElsewhere(Note):
    """A file holds the totals of a run; its history is in Trainer's state."""

    file: Text


@dataclass(frozen=True)
class SummaryDiffers(Note):
    """A log's summary has a value that no epoch has."""

    arm: Setting
    line: Number
    final: Value
    last: Value


@dataclass(frozen=True)
class UnreadOmitted(Note):
    """So many more lines of a log could not be read than are listed."""

    number: Count


@dataclass(frozen=True)
class RecordsLeftOut(Note):
    """So many further records in a folder are of runs that richer records stand for; some of them."""

    number: Count
    files: Names


@dataclass(frozen=True)
class RecordNotRead(Note):
    """A record in a folder could not be read, and why."""

    file: Text
    reason: Text


@dataclass(frozen=True)
class FoldersUnlisted(Note):
    """Folders that could not be listed; some of them."""

    folders: Names


@dataclass(frozen=True)
class FolderCut(Note):
    """A folder holds more than was looked at: so many files were opened."""

    folder: Text
    number: Count


@dataclass(frozen=True)
class SettingsBeside(Note):
    """Settings that records do not name were taken from configurations that lie beside them; some of them."""

    files: Names


@dataclass(frozen=True)
class SeedsUnnamed(Note):
    """Several runs of each of these settings name no seed, and count as seeds of it."""

    arms: Settings


@dataclass(frozen=True)
class PeakUnknown(Note):
    """The highest rates that were logged stand for peaks that are not in the logs."""

    arms: Settings


@dataclass(frozen=True)
class PathsDiffer(Note):
    """Runs that count as seeds of one setting lie where names tell that they were trained differently."""

    arm: Setting
    parts: Names


@dataclass(frozen=True)
class PeakEstimated(Note):
    """Peak rates were read back from rates that were logged beside the peak."""

    arms: Settings


@dataclass(frozen=True)
class ScheduleDiffers(Note):
    """The rates that were applied are not those of the schedule, by up to this share of the peak."""

    arms: Settings
    share: Share


@dataclass(frozen=True)
class RateRises(Note):
    """A rate that should decay once fell and rose again, so many times."""

    arms: Settings
    number: Count


@dataclass(frozen=True)
class ScheduleCut(Note):
    """Training ended while the rate was still at this share of its peak."""

    arms: Settings
    share: Share


@dataclass(frozen=True)
class OtherRates(Note):
    """The logs of the user's own training show other peak rates than were asked for."""

    arms: Settings
    asked: Rates
    applied: Rates


@dataclass(frozen=True)
class SameRates(Note):
    """The logs of settings with different rates show the same rates, of which this is the largest."""

    arms: Settings
    applied: Rate


@dataclass(frozen=True)
class SeedUnused(Note):
    """Two seeds of a setting logged the same losses to the last digit."""

    arm: Setting
    first: Number
    second: Number


@dataclass(frozen=True)
class SettingUnused(Note):
    """Two values of a setting of one's own gave the same losses to the last digit."""

    name: Text
    values: Names
