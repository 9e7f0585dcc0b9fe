"""The pages of a study, or of a folder of studies, as they are now: read anew when a study's files have changed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

from lrscope.errors import LrscopeError, StudyError
from lrscope.json_text import embedded_json, with_schema
from lrscope.number_text import format_rate
from lrscope.report.document import document
from lrscope.report.files import PAGE
from lrscope.report.live_page import Live, LiveTable, live_page
from lrscope.report.locales import locale
from lrscope.report.page import page
from lrscope.report.result_charts import result_charts
from lrscope.report.wording import Wording
from lrscope.runs.quantities import Duration
from lrscope.store.storage import DATABASE
from lrscope.studies.budget import is_tune_folder
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.report_values import REPORT, for_page, report_values
from lrscope.workflows.status import StudyStatus, study_status
from lrscope.workflows.study_list import list_studies, status_word, study_folders

WATCHED = (f"{DATABASE}*", f"*/{DATABASE}*", f"trials/*/work/{DATABASE}*", f"*/trials/*/work/{DATABASE}*")
STUDY = "/study/"


class LivePages:
    """Pages by their addresses: "/" of the study, or the list of studies, and "/study/NAME" of each one in it.

    Nothing is written. A page is made again only when the files that it is made of have changed.

    Raises:
        StudyError: there is no study in the folder.
    """

    def __init__(self, folder: Path, lang: str = "en") -> None:
        self.folder, self.wording = folder, Wording(locale(lang), "")
        self.is_one = (folder / DATABASE).is_file() or is_tune_folder(folder)
        if not self.is_one:
            list_studies(folder)
        self._made: dict[str, tuple[str, str]] = {}

    def stamp(self, address: str) -> str | None:
        """Return what the files of a page's studies are now, in a word; None where there is no such page."""
        folders = self._folders(address)
        if folders is None:
            return None
        seen = hashlib.sha256()
        for path in sorted({path for folder in folders for pattern in WATCHED for path in folder.glob(pattern)}):
            try:
                state = path.stat()
            except OSError:  # a trial was taken in this moment
                continue
            seen.update(f"{path} {state.st_mtime_ns} {state.st_size}\n".encode("utf-8", "replace"))
        return seen.hexdigest()[:16]

    def page(self, address: str) -> str | None:
        """Return the page of an address as it is now; None where there is none."""
        stamp = self.stamp(address)
        if stamp is None:
            return None
        known, text = self._made.get(address, ("", ""))
        if known != stamp:
            text = self._list(stamp) if not self.is_one and address == "/" else self._study(address, stamp)
            self._made[address] = (stamp, text)
        return text

    def _folders(self, address: str) -> list[Path] | None:
        if self.is_one:
            return [self.folder] if address == "/" else None
        by_name = {path.relative_to(self.folder).as_posix(): path for path in study_folders(self.folder)}
        if address == "/":
            return list(by_name.values())
        named = by_name.get(unquote(address.removeprefix(STUDY))) if address.startswith(STUDY) else None
        return None if named is None else [named]

    def _list(self, stamp: str) -> str:
        word = self.wording.word
        studies = list_studies(self.folder, self.wording.locale.name)
        rows = [
            (each.name, each.problem or each.question, each.state, each.answer.text if each.answer else "")
            for each in studies
        ]
        columns = tuple(word(key) for key in ("study", "question", "state", "outcome"))
        table = LiveTable(columns, rows, [STUDY + quote(each.name) if not each.problem else "" for each in studies])
        running = sum(each.status is not None and each.status.running for each in studies)
        live = Live(word("live-studies", studies=len(studies), running=running), stamp)
        return live_page(word("studies-in", folder=self.folder.resolve().name), table, live, self.wording)

    def _study(self, address: str, stamp: str) -> str:
        (folder,) = self._folders(address) or [self.folder]
        live = Live("", stamp, has_list=not self.is_one)
        try:
            status = study_status(folder)
        except LrscopeError as error:  # it was begun this moment, or cannot be read
            return live_page(folder.resolve().name, LiveTable((), []), replace(live, line=str(error)), self.wording)
        live = replace(live, line=self._standing(status))
        try:
            if status.kind == "find":
                return self._trials(folder, status, live)
            concluded = conclude_study(folder).conclusions
        except StudyError:  # no run has ended
            return self._trials(folder, status, live)
        doc = document(concluded)
        wording = Wording(self.wording.locale, doc.metric)
        data = embedded_json(with_schema(REPORT, for_page(report_values(concluded), PAGE)))
        return page(doc, wording, result_charts(doc, wording), data, live)

    def _standing(self, status: StudyStatus) -> str:
        word, left = self.wording.word, status.seconds_left
        done = len(status.trials) - status.num_left
        key = "live-running" if status.running else "live-stopped" if status.num_left else "live-done"
        said = word(key, done=done, all=len(status.trials))
        if status.num_left and left is not None:
            said += self.wording.locale.space + word("live-left", time=self.wording.text(Duration(left)))
        return said

    def _trials(self, folder: Path, status: StudyStatus, live: Live) -> str:
        word = self.wording.word
        columns = tuple(word(key) for key in ("trial", "rate", "seed", "step", "state"))
        rows = [
            (str(row.id), format_rate(row.config.peak_rate), str(row.config.seed),
             f"{row.step}/{row.total_steps}" if row.total_steps else str(row.step), status_word(state, self.wording))
            for row, state in ((trial.row, trial.state) for trial in status.trials)
        ]  # fmt: skip
        return live_page(folder.resolve().name, LiveTable(columns, rows), live, self.wording)
