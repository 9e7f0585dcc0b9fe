"""What every study has, whoever trains its trials."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from lrscope.config.any_trial import AnyTrial
from lrscope.config.base import Section, build_section, show_value, without_none
from lrscope.config.find import FindConfig
from lrscope.config.sweep import SweepConfig
from lrscope.errors import ConfigError, Problem


class AnyStudy(Section):
    """All that a study was asked for: of the built-in training (`StudyConfig`), or of one's own (`ExternalStudy`)."""

    sections: ClassVar[Mapping[str, type[Section]]]

    trial: AnyTrial
    sweep: SweepConfig | None
    find: FindConfig | None = None  # a range test is of the built-in training

    def with_parts(self, **parts: Any) -> Self:
        """Return the same study with other sections."""
        own: Any = self
        return replace(own, **parts)  # type: ignore[no-any-return]

    @property
    def threads_asked(self) -> int | None:
        """How many processor threads a trial was given; None where nobody said."""
        raise NotImplementedError

    def with_threads(self, threads: int) -> Self:
        """Return the same study with so many threads a trial."""
        raise NotImplementedError

    @property
    def input_paths(self) -> Mapping[str, str]:
        """The files and folders that trials read, by a name that `reading` takes."""
        raise NotImplementedError

    @property
    def inputs_named(self) -> Mapping[str, Any]:
        """What trials read and train, by the names of settings, as a report shows it."""
        raise NotImplementedError

    @property
    def metric_titles(self) -> Mapping[str, str]:
        """What people call its metrics, of those that records call otherwise."""
        return {}

    def metric_title(self, name: str) -> str:
        """Return what people call a metric."""
        return self.metric_titles.get(name, name)

    def reading(self, paths: Mapping[str, Any]) -> Self:
        """Return the same study with inputs read from elsewhere: `paths` by the names of `input_paths`."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values; what is None is left out, as TOML has no null."""
        return without_none(super().to_dict())

    def to_toml(self) -> str:
        """Return the text of a `config.toml` that asks for the same again."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "") -> Self:
        """Build from nested plain values; an unknown or missing key is an error that names it and `source`."""
        if not isinstance(values, Mapping):
            raise ConfigError(Problem("a configuration is a table", show_value(values)), source=source)
        built: dict[str, Any] = {}
        for name, value in values.items():
            section = cls.sections.get(name)
            if section is None:
                built[name] = value
            elif isinstance(value, Mapping):
                built[name] = build_section(section, value, f"[{name}] in {source}" if source else "")
            else:
                problem = Problem(f"{name} must be a table", show_value(value), f"write it as [{name}]")
                raise ConfigError(problem, source=source)
        return build_section(cls, built, source)  # type: ignore[no-any-return]

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a `config.toml`.

        Raises:
            ConfigError: the file is missing, is not TOML, or asks for something that cannot be.
        """
        return cls.from_dict(read_toml(path), str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigError: it is missing, or is no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} must be UTF-8 text: got byte {error.object[error.start]:#x}; save it as UTF-8"
        ) from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of any length and nesting without end are among them
        raise ConfigError(f"{path} is not TOML that can be read: {error}") from error
