"""A user's function in a file, so that other processes and machines can run it; and what tells it from another one."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from lrscope.errors import StudyError

FUNCTION_FILE = "function.pkl"
_FORMAT = 1
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(Ellipsis))
_MEMBERS = (FunctionType, staticmethod, classmethod, property, *_PLAIN)  # of a class
_UNCOUNTED = ("__doc__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__")

TrainFunction = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class CarriedFunction:
    """A function with its name, its digest and its source file; `is_live` where it is the user's own object."""

    function: TrainFunction
    name: str
    digest: str
    source: str
    is_live: bool

    @staticmethod
    def of(function: TrainFunction) -> CarriedFunction:
        """Return a function of this process."""
        return CarriedFunction(function, name_of(function), digest_of(function), _source_of(function), is_live=True)

    def pickled(self) -> bytes:
        """Return it as the bytes of its file: by value where it stands in a script or a notebook.

        Raises:
            StudyError: it uses something that cannot be sent to another process.
        """
        import cloudpickle

        try:
            content = cloudpickle.dumps(self.function)
        except Exception as error:  # whatever the user's own objects raise
            what = " ".join(str(error).split())
            raise StudyError(
                f"a function that runs in other processes can be pickled: got {what or type(error).__name__} for "
                f'{self.name}; make what it uses inside of it, or use executor="inline"'
            ) from error
        kept = {
            "format": _FORMAT, "name": self.name, "digest": self.digest, "source": self.source, "function": content,
        }  # fmt: skip
        return pickle.dumps(kept, protocol=4)


def load_function(path: Path) -> CarriedFunction:
    """Return the function of a file.

    Raises:
        StudyError: the file is missing or damaged, or what the function is made of cannot be imported here.
    """
    again = "call lrscope.sweep again with the function"
    try:
        kept = pickle.loads(path.read_bytes())  # noqa: S301 - a study's own function, run because its owner asks for it
    except FileNotFoundError:
        raise StudyError(f"the function of a study lies beside it: there is no {path}; {again}") from None
    except Exception as error:  # a damaged pickle raises anything
        raise StudyError(f"cannot read the function in {path}: {error}; {again}") from error
    if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
        raise StudyError(f"{path} is of another version of lrscope; {again}")
    try:
        function = pickle.loads(kept["function"])  # noqa: S301
    except Exception as error:  # importing the user's modules raises anything
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise StudyError(
            f"cannot load {kept['name']} in a process of its own: {what}; let its module be importable there, or use "
            'executor="inline"'
        ) from error
    return CarriedFunction(function, kept["name"], kept["digest"], kept["source"], is_live=False)


def name_of(function: TrainFunction) -> str:
    """Return what a person calls a function.

    >>> name_of(functools.partial(print, end=""))
    'print'
    """
    function = function.func if isinstance(function, functools.partial) else function
    return str(getattr(function, "__name__", type(function).__name__))


def _source_of(function: TrainFunction) -> str:
    """Return the file that a function stands in, empty where that is not known."""
    function = function.func if isinstance(function, functools.partial) else function
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(vars(type(function)).get("__call__"), "__code__", None)
    return code.co_filename if isinstance(code, CodeType) else ""


def digest_of(function: TrainFunction) -> str:
    """Return a digest of what a function does, as far as that can be seen.

    It covers bytecode, default values, closures, and the functions, classes and plain values of its own module that it
    reaches. Comments, docstrings, names of files and line numbers do not count, nor does what is imported.

    >>> digest_of(lambda trial: trial.lr) == digest_of(lambda trial: trial.lr)  # a comment
    True
    >>> digest_of(lambda trial: trial.lr) == digest_of(lambda trial: 2 * trial.lr)
    False
    """
    digest = hashlib.sha256()
    for part in _Seen().parts(function):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:24]


class _Seen:
    """Walks over what a function is made of, everything once."""

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def parts(self, value: Any) -> Iterator[str]:
        """Yield what tells a value from others."""
        if isinstance(value, _PLAIN):
            yield repr(value)
        elif isinstance(value, tuple | list):
            yield type(value).__name__
            for each in value:
                yield from self.parts(each)
        elif isinstance(value, set | frozenset):
            yield repr(sorted(map(repr, value)))
        elif isinstance(value, Mapping):
            for key in value:
                yield from (*self.parts(key), *self.parts(value[key]))
        elif isinstance(value, CodeType):
            yield from self._code(value)
        elif any(value is each for each in self._objects):
            yield "seen"
        else:
            self._objects.append(value)
            yield from self._made(value)

    def _made(self, value: Any) -> Iterator[str]:
        if isinstance(value, functools.partial):
            yield from (*self.parts(value.func), *self.parts(value.args), *self.parts(value.keywords))
        elif isinstance(value, MethodType):
            yield from (*self.parts(value.__func__), *self.parts(value.__self__))
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, type):
            yield value.__qualname__
            for name, member in sorted(vars(value).items()):
                if isinstance(member, _MEMBERS) and name not in _UNCOUNTED:
                    yield from (name, *self.parts(_unwrapped(member)))
        elif isinstance(type(value).__dict__.get("__call__"), FunctionType):
            yield from self.parts(type(value))
            yield from self.parts(
                {name: each for name, each in getattr(value, "__dict__", {}).items() if isinstance(each, _PLAIN)}
            )
        else:
            yield type(value).__qualname__

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield from self._code(function.__code__)
        yield from (*self.parts(function.__defaults__), *self.parts(function.__kwdefaults__ or {}))
        for cell in function.__closure__ or ():
            try:
                yield from self._own(cell.cell_contents, function.__module__)
            except ValueError:  # it is not filled yet
                yield "empty"
        for name in sorted(_global_names(function.__code__)):
            if name in function.__globals__:
                yield name
                yield from self._own(function.__globals__[name], function.__module__)

    def _own(self, value: Any, module: str) -> Iterator[str]:
        """Yield what a value that a function reaches is made of, where it is plain or stands in the same module."""
        is_plain = all(isinstance(each, _PLAIN) for each in (value if isinstance(value, tuple) else (value,)))
        if is_plain or (isinstance(value, FunctionType | type) and value.__module__ == module):
            yield from self.parts(value)
        elif isinstance(value, ModuleType):
            yield value.__name__

    def _code(self, code: CodeType) -> Iterator[str]:
        yield code.co_code.hex()
        yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount))
        for place, const in enumerate(code.co_consts):
            if place > 0 or not _begins_with_docstring(code):
                yield from self.parts(const)


def _begins_with_docstring(code: CodeType) -> bool:
    """Return whether the first constant of code is a docstring; Python marks that from 3.13 on."""
    if sys.version_info >= (3, 13):
        return bool(code.co_flags & 0x4000000)
    is_function = bool(code.co_flags & inspect.CO_NEWLOCALS) and code.co_name != "<lambda>"
    return is_function and bool(code.co_consts) and isinstance(code.co_consts[0], str)


def _unwrapped(member: Any) -> Any:
    if isinstance(member, property):
        return (member.fget, member.fset)
    return getattr(member, "__func__", member)


def _global_names(code: CodeType) -> set[str]:
    """Return the names that code looks up and does not set itself: what it sets differs from run to run."""
    read: set[str] = set()
    written: set[str] = set()
    for each in _nested(code):
        for instruction in dis.get_instructions(each):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                read.add(str(instruction.argval))
            elif instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                written.add(str(instruction.argval))
    return read - written


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)
