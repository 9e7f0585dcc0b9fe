"""The grammar behind lrscope's bundled sample: film-review-like sentences in five grades.

A sentence is built from clauses, and each clause carries a score, so the grade is a matter of meaning rather than
of words:

    plain          The plot is dull.                                  the adjective's own score, ±1 or ±2
    intensity      The plot is a little / utterly dull.               × 0.4 … 2
    negation       The plot is not / anything but dull.               × −0.4 … −1
    comparison     The plot is less dull than the book.               × −0.6 … 1
    unfulfilled    The plot could have been superb.                   × −0.6
    concession     Although the plot drags, the cast shines.          0.5 × aside + 0.8 × main
    hearsay        Some will call it dull, but the cast shines.       0 × what others say + main
    story          A dull clerk hides from a brilliant thief …        0, whatever its adjectives

The grade is read off the sum (`grade_of`). What is stored as the label is the grade, moved to a neighbouring one in
`LABEL_NOISE` of the sentences: a reader of perfect taste scores 1 − LABEL_NOISE.

Everything is our own and pure Python. Only `Random.random()` is drawn from, the one method whose sequence Python
promises to keep, so every version writes the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")

LABEL_NAMES = ("terrible", "poor", "mixed", "good", "superb")
GRADE_SHARES = (0.16, 0.23, 0.20, 0.24, 0.17)
GRADE_BOUNDS = (-1.7, -0.5, 0.5, 1.7)
LABEL_NOISE = 0.10
STORY_SHARE = 0.4
TURN_SHARE = 0.25


@dataclass(frozen=True)
class Clause:
    """A stretch of text without capital and full stop, and how much it speaks for the film (below 0: against)."""

    text: str
    score: float


@dataclass(frozen=True)
class Example:
    """A sentence with the grade that its meaning has and the label that was written down for it."""

    sentence: str
    grade: int
    label: int


ADJECTIVES = {
    2: "brilliant dazzling magnificent superb wonderful thrilling masterful unforgettable exquisite stunning".split(),
    1: "good pleasant charming clever solid warm tidy engaging lively sweet graceful likable".split(),
    -1: "dull slow thin clumsy stale muddled bland poor tired flat shallow noisy".split(),
    -2: "terrible dreadful awful unbearable wretched hopeless lifeless appalling insulting ghastly".split(),
}

SUBJECTS = (
    "the plot/the script/the cast/the dialogue/the pacing/the music/the camera work/the ending/the lead performance/"
    "the humour/the romance/the final act/the direction/the editing/the opening/the supporting cast"
).split("/")
FILMS = "film/comedy/drama/thriller/sequel/debut/love story/adventure/remake/portrait".split("/")
RIVALS = "the trailer/the first film/the book/its rivals/anything else this season/the poster/its own first hour".split(
    "/"
)

# (text, factor of the adjective's score, weight in the draw); {s} a subject, {a} an adjective, {an} with its article.
STATEMENTS = (
    ("{s} is {a}", 1.0, 9),
    ("{s} feels {a}", 1.0, 3),
    ("this is {an} {f}", 1.0, 4),
    ("{s} is a little {a}", 0.4, 3),
    ("{s} is only mildly {a}", 0.4, 2),
    ("{s} is very {a}", 1.5, 3),
    ("{s} is utterly {a}", 2.0, 3),
    ("{s} is {a} from first to last", 1.5, 2),
    ("{s} is not {a}", -0.4, 6),
    ("this is not {an} {f}", -0.4, 4),
    ("{s} is never {a}", -0.8, 4),
    ("{s} is barely {a}", -0.4, 3),
    ("{s} is hardly {a}", -0.4, 3),
    ("{s} is anything but {a}", -1.0, 5),
    ("{s} is far from {a}", -1.0, 4),
    ("nobody could call {s} {a}", -1.0, 3),
    ("there is nothing {a} about {s}", -1.0, 3),
    ("{s} could have been {a}", -0.6, 3),
    ("{s} wants so much to be {a}", -0.6, 2),
    ("{s} is more {a} than {r}", 0.8, 3),
    ("{s} is every bit as {a} as {r}", 1.0, 2),
    ("{s} is less {a} than {r}", -0.6, 4),
    ("{s} is nowhere near as {a} as {r}", -0.8, 3),
)

# Fixed turns with a score of their own; most share their words with one that means the opposite.
TURNS = (
    ("{s} shines", 1.0),
    ("{s} soars", 2.0),
    ("{s} works", 1.0),
    ("{s} never quite works", -1.0),
    ("{s} drags", -1.0),
    ("{s} never drags", 1.0),
    ("{s} stumbles", -1.0),
    ("{s} never stumbles", 1.0),
    ("{s} falls apart", -2.0),
    ("{s} holds together", 1.0),
    ("it is worth the ticket", 1.0),
    ("it is not worth the ticket", -1.0),
    ("it is worth every minute", 2.0),
    ("it is not worth a minute", -2.0),
    ("I looked at my watch twice", -1.0),
    ("I never looked at my watch", 1.0),
    ("I would see it again tomorrow", 2.0),
    ("I would not see it again", -1.0),
    ("I left before the end", -2.0),
    ("I did not want it to end", 2.0),
)

AGREEMENTS = ("{x} and {y}", "{x}, and {y}", "{x}; {y}", "{x}, and what is more, {y}", "{x}; indeed, {y}")
# {x} is conceded, {y} is meant.
CONCESSIONS = (
    "although {x}, {y}",
    "{x}, but {y}",
    "{x}, yet {y}",
    "{y}, even if {x}",
    "{y}, although {x}",
    "while {x}, {y}",
    "granted, {x}, but in the end {y}",
)
HEARSAY = (
    "some will call it {a}, but {y}",
    "{y}, whatever those who found it {a} may say",
    "I expected something {a}, and instead {y}",
    "my neighbour thought it {a}; I say {y}",
)

PEOPLE = "baker/thief/clerk/widow/pilot/farmer/teacher/sailor/singer/judge/painter/detective".split("/")
TRAITS = "retired/young/lonely/wealthy/nameless/homesick".split("/")
DEEDS = "hides from/follows/falls for/writes to/robs/rescues/meets/shares a house with".split("/")
PLACES = (
    "in a harbour town/on a night train/during the harvest/in a snowed-in hotel/on the last day of summer/"
    "across three countries/in a city without lights/after the war"
).split("/")
STORIES = (
    "in this {f} {p} {d} {q} {w}, and {y}",
    "{p} {d} {q} {w}; {y}",
    "when {p} {d} {q}, {y}",
    "{y} in this tale of {p} and {q}",
    "{y} as {p} {d} {q} {w}",
    "{y}, and meanwhile {p} {d} {q}",
)


def with_article(words: str) -> str:
    """Return `words` behind their indefinite article.

    >>> with_article("awful remake"), with_article("dull remake")
    ('an awful remake', 'a dull remake')
    """
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def grade_of(score: float) -> int:
    """Return the grade 0 … 4 of a score: below −1.7, up to −0.5, up to 0.5, up to 1.7, from there on.

    >>> [grade_of(score) for score in (-2, -1, 0, 1, 2)]
    [0, 1, 2, 3, 4]
    """
    return bisect_right(GRADE_BOUNDS, score)


class Writer:
    """Writes sentences from one generator, which nothing else may draw from."""

    def __init__(self, generator: Random) -> None:
        self._random = generator.random
        self._named: list[str] = []

    def examples(self) -> Iterator[Example]:
        """Yield examples without end: a grade is drawn by its share, then sentences until one has it."""
        while True:
            grade = self._pick_weighted(GRADE_SHARES)
            while grade_of((clause := self._sentence(grade)).score) != grade:
                pass
            yield Example(clause.text[0].upper() + clause.text[1:] + ".", grade, self._label(grade))

    def _label(self, grade: int) -> int:
        if self._random() >= LABEL_NOISE:
            return grade
        return self._pick([other for other in (grade - 1, grade + 1) if 0 <= other < len(LABEL_NAMES)])

    def _sentence(self, grade: int) -> Clause:
        self._named = []
        sign = self._sign() if grade == 2 else (-1 if grade < 2 else 1)
        clause = self._pick((self._clause, self._agreement, self._concession, self._concession, self._hearsay))(sign)
        return self._story(clause) if self._random() < STORY_SHARE else clause

    def _clause(self, sign: int) -> Clause:
        """One opinion that speaks for (+1) or against (−1) the film."""
        if self._random() < TURN_SHARE:
            text, score = self._pick([turn for turn in TURNS if turn[1] * sign > 0])
            return Clause(text.format(s=self._subject()), score)
        statements = [one for one in STATEMENTS if "{f}" not in one[0] or "film" not in self._named]
        text, factor, _ = statements[self._pick_weighted([weight for _, _, weight in statements])]
        adjective, score = self._adjective(sign if factor > 0 else -sign)
        if "{f}" in text:
            self._named.append("film")
        filled = text.format(
            s=self._subject() if "{s}" in text else "",
            a=adjective,
            an=with_article(adjective),
            f=self._pick(FILMS),
            r=self._pick(RIVALS),
        )
        return Clause(filled, factor * score)

    def _agreement(self, sign: int) -> Clause:
        x, y = self._clause(sign), self._clause(sign)
        return Clause(self._pick(AGREEMENTS).format(x=x.text, y=y.text), 0.65 * (x.score + y.score))

    def _concession(self, sign: int) -> Clause:
        x, y = self._clause(-sign), self._clause(sign)
        return Clause(self._pick(CONCESSIONS).format(x=x.text, y=y.text), 0.5 * x.score + 0.8 * y.score)

    def _hearsay(self, sign: int) -> Clause:
        y = self._clause(sign)
        adjective, _ = self._adjective(-sign)
        return Clause(self._pick(HEARSAY).format(a=adjective, y=y.text), y.score)

    def _story(self, clause: Clause) -> Clause:
        text = self._pick(STORIES).format(
            f=self._pick(FILMS),
            p=self._person(),
            d=self._pick(DEEDS),
            q=self._person(),
            w=self._pick(PLACES),
            y=clause.text,
        )
        return Clause(text, clause.score)

    def _person(self) -> str:
        if self._random() < 0.4:
            return with_article(f"{self._pick(TRAITS)} {self._pick(PEOPLE)}")
        return with_article(f"{self._adjective(self._sign())[0]} {self._pick(PEOPLE)}")

    def _subject(self) -> str:
        """Draw a subject that this sentence has not spoken of yet."""
        subject = self._pick([subject for subject in SUBJECTS if subject not in self._named])
        self._named.append(subject)
        return subject

    def _adjective(self, sign: int) -> tuple[str, int]:
        """Draw an adjective that, taken alone, speaks for (+1) or against (−1), with its score."""
        score = sign * (2 if self._random() < 0.4 else 1)
        return self._pick(ADJECTIVES[score]), score

    def _sign(self) -> int:
        return 1 if self._random() < 0.5 else -1

    def _pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._random() * len(choices))]

    def _pick_weighted(self, weights: Sequence[float]) -> int:
        left = self._random() * sum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return len(weights) - 1
