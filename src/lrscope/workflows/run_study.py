"""Running the trials that a study still needs, wherever they run, until they have ended or are stopped."""

from __future__ import annotations

from lrscope.config import ExternalStudy
from lrscope.executors.config import ExecutorConfig, build_executor, require_usable, trials_at_once
from lrscope.studies.controller import Controller
from lrscope.studies.external_metric import compared_by, metric_is_open, metric_shown
from lrscope.studies.session import Study
from lrscope.workflows.callbacks import Callbacks, Note, Stopped, StudyEnded, StudyStarted, TrialEvent
from lrscope.workflows.live_audit import LiveAudit
from lrscope.workflows.study_log import feed_of
from lrscope.workflows.time_known import TimeTeller


def run_study(study: Study, executor: ExecutorConfig, callbacks: Callbacks, *, resume_command: str) -> None:
    """Run the trials that are planned and have not ended, and tell what happens to them.

    Raises:
        Stopped: it was asked to stop; the trials that ran left snapshots.
        StudyError: something that no trial can go on with: a full disk, an input that changed.
    """
    require_usable(study.store.config, executor)
    store, controller = study.store, Controller(study.store, study.asking)
    controller.recover()
    controller.pending()  # what is planned is told before it runs
    callbacks.check_stop(resume_command)
    rows = {row.id: row for row in store.trials()}
    size = study.prepared.training_size if study.prepared.training_size.num_examples else None
    jobs_at_once, _ = trials_at_once(executor, study.prepared.numerics.threads)

    def tell_plan() -> None:
        started = StudyStarted(
            store.folder, store.config, metric_shown(store), tuple(rows.values()), study.prepared.unit, size,
            jobs_at_once,
        )  # fmt: skip
        callbacks.on_progress(started)

    tell_plan()
    logs = feed_of(store, callbacks)
    logs.write_all()
    tells_metric = isinstance(store.config, ExternalStudy) and metric_is_open(store)
    time, audit = TimeTeller(study, executor, callbacks, rows), LiveAudit(store, callbacks, rows)
    try:
        with callbacks.stop.running(controller.stop):
            for event in controller.run(build_executor(executor, study.prepared)):
                if event.trial not in rows:
                    rows = {row.id: row for row in store.trials()}
                    tell_plan()
                if event.kind != "record":
                    rows[event.trial] = store.trial(event.trial)
                callbacks.on_progress(TrialEvent(event, rows[event.trial]))
                if event.is_end:
                    if tells_metric and not metric_is_open(store):
                        tells_metric = False
                        callbacks.on_progress(Note(compared_by(store, event.trial)))
                    logs.write(rows[event.trial])
                    time.take(rows)
                    audit.take(rows)
    finally:
        logs.save()
        callbacks.on_progress(StudyEnded(store.folder))
    if controller.stopped:
        raise Stopped(resume_command)
