"""How schedules show themselves: in one line, as a picture, and in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lrscope.errors import ScheduleError
from lrscope.number_text import counted, format_rate
from lrscope.schedules.horizon import Horizon
from lrscope.visible_text import paragraphs

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array

EXAMPLE = Horizon(1000, 100)  # a run, where none is known
Scale = Literal["linear", "log"]


class DrawnSchedule:
    """A schedule over a run that is known."""

    horizon: Horizon

    @property
    def text(self) -> str:
        """Return the canonical text."""
        raise NotImplementedError

    def factors(self, start: int = 0, stop: int | None = None) -> Array:
        """Return the factors of steps."""
        raise NotImplementedError

    def plot(self, path: Path | str | None = None, *, scale: Scale = "linear") -> Any:
        """Draw the rate at every step; return matplotlib's figure, and write it where a path is given.

        The rate is a share of the peak where the peak rate is not known. A schedule that depends on a metric is drawn
        as its history has it, and as if the metric always improved where it has none.

        Raises:
            ConfigError: the scale or the path's ending is unknown.
        """
        from lrscope.schedules.figure import save_schedule_figure, schedule_figure

        figure = schedule_figure([(self.text, self.factors())], self.horizon, scale=scale)
        if path is not None:
            save_schedule_figure(figure, Path(path))
        return figure

    def __repr__(self) -> str:
        run, peak = self.horizon, ""
        if run.peak_rate is not None:
            peak = f", peak rate {format_rate(run.peak_rate)}"
        return f"<{self.text}: {counted(run.total_steps, 'step')}, {run.steps_per_epoch:,} per epoch{peak}>"

    def _repr_html_(self) -> str:
        picture: str = self.plot().to_html(f"The learning rate at every step of {self!r}")
        return picture


class WrittenSchedule:
    """A schedule that is not yet over a run: its text is all that is known."""

    def resolve(
        self,
        *,
        total_steps: int,
        steps_per_epoch: int,
        peak_rate: float | None = None,
        tokens_per_epoch: int | None = None,
    ) -> DrawnSchedule:
        """Return the schedule over a run."""
        raise NotImplementedError

    def __init_subclass__(cls) -> None:
        # A dataclass makes a repr of its fields unless its class has one: a shape's says what one would type.
        if "__repr__" not in vars(cls):
            cls.__repr__ = WrittenSchedule.__repr__  # type: ignore[method-assign]
        super().__init_subclass__()

    def plot(
        self,
        path: Path | str | None = None,
        *,
        total_steps: int = EXAMPLE.total_steps,
        steps_per_epoch: int | None = None,
        peak_rate: float | None = None,
        tokens_per_epoch: int | None = None,
        scale: Scale = "linear",
    ) -> Any:
        """Draw it over a run, by default 1,000 steps in 10 epochs; return matplotlib's figure.

        Args:
            path: where the picture is written as well: .png, .svg or .pdf.
            total_steps: how many updates the run makes.
            steps_per_epoch: how many of them make an epoch; a tenth of them where it is left out.
            peak_rate: the rate at factor 1; shares of it are drawn where it is left out.
            tokens_per_epoch: how many tokens the model reads in an epoch, for lengths in tokens.
            scale: of the rate: "linear" or "log".

        Raises:
            ScheduleError: it does not fit the run.
            ConfigError: the scale or the path's ending is unknown.
        """
        per_epoch = max(1, total_steps // 10) if steps_per_epoch is None else steps_per_epoch
        resolved = self.resolve(
            total_steps=total_steps, steps_per_epoch=per_epoch, peak_rate=peak_rate, tokens_per_epoch=tokens_per_epoch
        )
        return resolved.plot(path, scale=scale)

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def _repr_html_(self) -> str:
        """Return it over the example of a run; its text alone where it does not fit that."""
        try:
            picture: str = self.plot().to_html(f"{self!r} over {counted(EXAMPLE.total_steps, 'step')}")
        except ScheduleError as error:
            return paragraphs([str(self), f"It is drawn by plot(total_steps=…): {error}"])
        return picture + paragraphs(["Drawn over 1,000 steps in 10 epochs; plot(total_steps=…) draws it over others."])
