"""Precision and recall of the audit, and what the cleaning mends, on real data into which known faults were planted.

    python benchmarks/planted_faults.py [SEED]

The quick start's 10,605 movie snippets are parted into three splits and get columns of plausible values. Then faults
are planted in rows that are known, beside things that only look like them, and the recipe's own audit and cleaning run
on CSV files of the result. Precision counts planted faults alone: the snippets have faults of their own (one stands
twice, many labels are doubtful), so a hit that was not planted may well be right. The baseline of the label errors is
as many rows drawn at random. The personal values are made up.
"""

from __future__ import annotations

import csv
import random
import re
import string
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from finetune import Recipe, data_pipeline
from finetune.artifacts import DataAudit, PreparedData
from finetune.data.auditing import duplicates, findings, leakage, mislabels, sampling
from finetune.data.auditing.stored import date_format

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
Row = dict[str, Any]
GENRES = ("Drama", "Comedy", "Science fiction", "Film noir", "Documentary", "Comédie")
FLIPPED = 0.05
KINDS = ("email", "phone", "url_login", "ip_address", "credit_card", "iban", "ssn", "secret")
NEAR, COPIES = "near duplicates", "duplicates"
LEAKED = "copies of training rows in test"
LOOK_ALIKES = (
    "order 4929000000000001", "ISBN 978-3-16-148410-0", "version 10.2.3.4", "at 12:30:45", "on 2003-11-02",
    "sold 1 250 000 tickets", "@ the movies", "scene 3.14.15", "from 1999-2005", "DE is Germany",
)  # fmt: skip
"""No personal data; the first fails the check that card numbers pass."""
ACCENTED = ("a café scene", "naïve but fine", "no cliché here", "shot in São Paulo", "the señor says “no”", "worth 5 €")


# -- values that look real and are made up


def luhn(digits: str) -> str:
    """The digits with the one behind them that makes them pass the Luhn check."""
    values = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return f"{digits}{-sum(value // 10 + value % 10 for value in values) % 10}"


def iban(chance: random.Random) -> str:
    """A German account number with a right check sum."""
    account = "".join(chance.choices(string.digits, k=18))
    check = 98 - int(f"{account}131400") % 97  # D and E count as 13 and 14
    whole = f"DE{check:02d}{account}"
    return " ".join(whole[i : i + 4] for i in range(0, 22, 4)) if chance.random() < 0.5 else whole


def personal_value(kind: str, chance: random.Random) -> str:
    """A value of a kind, in one of the forms in which people write it."""
    digits = "".join(chance.choices(string.digits, k=14))
    word = "".join(chance.choices(string.ascii_lowercase, k=7))
    token = "".join(chance.choices(string.ascii_letters + string.digits, k=33)) + "7"
    card = luhn(chance.choice(("4929", "5412", "5155")) + digits[:11])
    return {
        "email": chance.choice((f"{word}@example.org", f"{word}.{word[:3]}+x@mail.example.co.uk")),
        "phone": chance.choice((f"+44 20 7946 0{digits[:3]}", f"(212) 555-01{digits[:2]}", f"202.555.01{digits[:2]}",
                                f"0{chance.randint(20, 89)}1 / {digits[:7]}", f"20255501{digits[:2]}")),
        "url_login": f"https://{word}:{token[:9]}@example.org/{word[:2]}",
        "ip_address": chance.choice((f"93.184.{chance.randint(0, 255)}.{chance.randint(1, 254)}",
                                     f"2001:db8:{chance.randint(4096, 9999)}::{chance.randint(100, 999)}")),
        "credit_card": chance.choice((card, *(sign.join(card[i : i + 4] for i in range(0, 16, 4)) for sign in " -"))),
        "iban": iban(chance),
        "ssn": f"{chance.randint(100, 599)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}",
        "secret": chance.choice((f"hf_{token}", f"ghp_{token}42", f"AKIA{token[:16].upper()}")),
    }[kind]  # fmt: skip


# -- planting


class Planted(NamedTuple):
    """Rows with faults.

    Attributes:
        splits: Split -> rows as they are written.
        rows: The same by their names, such as ``train:12``.
        faults: Kind -> names of rows.
        wanted: Row -> column -> what cleaning should make of it; rows that should go are not among them.
        sources: Names of training rows that the test split repeats.
    """

    splits: dict[str, list[Row]]
    rows: dict[str, Row]
    faults: dict[str, set[str]]
    wanted: dict[str, Row]
    sources: set[str]


def with_columns(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    """The rows with plausible further columns, none of which says anything of the label."""
    days = [date(2015, 1, 1) + timedelta(chance.randrange(3000)) for _ in rows]
    return [
        {**row, "age": min(90, max(18, round(chance.gauss(42, 13)))), "genre": chance.choice(GENRES),
         "joined": day.isoformat(), "screen": chance.randint(1, 12),
         "likes": round(chance.gauss(20 if row["label"] == "positive" else 16, 8), 1)}
        for row, day in zip(rows, days, strict=True)
    ]  # fmt: skip


class Planter:
    """Plants faults of one kind after the other, those of texts each in rows that have no other."""

    def __init__(self, rows: Sequence[Row], seed: int) -> None:
        self.chance = random.Random(seed)
        self.splits: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
        self.faults: dict[str, list[Row]] = {}
        self.wanted: dict[int, Row] = {}
        self.sources: list[Row] = []
        for row in with_columns(rows, self.chance):
            self.splits[self.chance.choices(tuple(self.splits), (0.7, 0.1, 0.2))[0]].append(row)
            self.wanted[id(row)] = dict(row)
        self.free = {split: self.chance.sample(part, len(part)) for split, part in self.splits.items()}
        self.all = [row for part in self.splits.values() for row in part]
        self.few = max(12, len(rows) // 100)

    def pick(self, count: int, split: str | None = None, words: int = 0) -> list[Row]:
        """Rows with at least so many words, whose texts have no fault yet."""
        names = (split,) if split else tuple(self.splits)
        pool = [(name, row) for name in names for row in self.free[name] if len(row["text"].split()) >= words]
        chosen = self.chance.sample(pool, count)
        taken = {id(row) for _, row in chosen}
        self.free = {name: [row for row in rows if id(row) not in taken] for name, rows in self.free.items()}
        return [row for _, row in chosen]

    def copies(self, kind: str, split: str, change: Callable[[str], str]) -> None:
        """Put changed copies of training rows behind the rows of a split."""
        sources = self.pick(self.few, "train", words=12)
        found = [{**row, "text": change(row["text"])} for row in sources]
        self.splits[split] += found
        self.faults[kind] = found
        if kind == LEAKED:
            self.sources = sources

    def column(self, kind: str, column: str, change: Callable[[Any], Any], count: int) -> None:
        """Change values of a column beside the text; faults of one column do not meet in a row."""
        taken = {id(row) for rows in self.faults.values() for row in rows if row.get("_", "") == column}
        chosen = self.chance.sample([row for row in self.all if id(row) not in taken], count)
        for row in chosen:
            row[column], row["_"] = change(row[column]), column
        self.faults[kind] = chosen

    def text(self, kind: str, count: int, edit: Callable[[str], tuple[str, str]]) -> None:
        """Change texts; the edit gives what is written and what cleaning should make of it."""
        self.faults[kind] = self.pick(count)
        for row in self.faults[kind]:
            row["text"], self.wanted[id(row)]["text"] = edit(row["text"])

    def done(self) -> Planted:
        """Rows by their names."""
        rows = {f"{split}:{place}": row for split, part in self.splits.items() for place, row in enumerate(part)}
        names = {id(row): name for name, row in rows.items()}
        return Planted(
            self.splits, rows, {kind: {names[id(row)] for row in found} for kind, found in self.faults.items()},
            {names[key]: wanted for key, wanted in self.wanted.items()}, {names[id(row)] for row in self.sources},
        )  # fmt: skip


def plant(rows: Sequence[Row], seed: int = 0) -> Planted:
    """All kinds of faults.

    Args:
        rows: Of `text`, `label` (`negative` or `positive`) and, where known, `rating`; at least 1,000.
        seed: The same seed plants the same faults.
    """
    planter = Planter(rows, seed)
    chance, few = planter.chance, planter.few
    planter.copies(COPIES, "train", lambda text: chance.choice((text, text.upper(), text.replace(" ", "  "))))
    planter.copies(NEAR, "train", lambda text: near_copy(text, chance))
    planter.copies(LEAKED, "test", lambda text: text)
    planter.copies(f"near {LEAKED}", "test", lambda text: near_copy(text, chance))
    planter.text("mojibake", few, lambda text: mojibake(text, chance))
    planter.text("lost characters", few // 4, lambda text: (f"{text} a caf\ufffd scene", ""))
    planter.text("(sound accents)", few, lambda text: (sound := f"{text} {chance.choice(ACCENTED)}", sound))
    planter.text("(look-alikes)", few, lambda text: (like := f"{text} {chance.choice(LOOK_ALIKES)}", like))
    for kind in KINDS:
        planter.text(f"personal: {kind}", max(12, few // 4), lambda text, kind=kind: personal(text, kind, chance))
    planter.text("missing texts", few // 2, lambda _: ("", ""))
    planter.faults["flipped labels"] = planter.pick(round(FLIPPED * len(rows)))
    for row in planter.faults["flipped labels"]:
        row["label"] = {"positive": "negative", "negative": "positive"}[row["label"]]
    planter.column("missing ages", "age", lambda _: "", 2 * few)
    planter.column("impossible ages", "age", lambda _: chance.choice((200, 999, -1, 150)), 12)
    planter.column("dates like 13 May 2024", "joined", lambda day: f"{date.fromisoformat(day):%d %b %Y}", 5 * few)
    planter.column("dates like 13/05/2024", "joined", lambda day: f"{date.fromisoformat(day):%d/%m/%Y}", 5 * few)
    planter.column("spelling variants", "genre", lambda name: misspelled(name, chance), 3 * few)
    for row in (row for part in planter.splits.values() for row in part):
        good = row["label"] == "positive"
        row["verdict"], row["points"] = "watch" if good else "skip", round(chance.gauss(7 if good else 3, 0.8), 1)
    return planter.done()


def near_copy(text: str, chance: random.Random) -> str:
    """The text with a word changed, dropped or put in anywhere, so that its sets of three words overlap by 0.8 or more
    with those of the other."""
    words = text.split()
    while True:
        place, how = chance.randrange(len(words)), chance.randrange(3)
        edited = " ".join([*words[:place], *["indeed"] * (how > 0), *words[place + (how < 2) :]])
        if edited != text and jaccard(edited, text) >= 0.8:
            return edited


def jaccard(one: str, other: str) -> float:
    """Similarity of the sets of three words in a row."""
    sets = []
    for text in (one, other):
        words = re.findall(r"\w+", text.lower())
        sets.append({tuple(words[i : i + 3]) for i in range(len(words) - 2)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def mojibake(text: str, chance: random.Random) -> tuple[str, str]:
    """A text in UTF-8 that was read as another encoding, perhaps twice, and the sound one."""
    sound = f"{text} {chance.choice(ACCENTED)}"
    damaged, encoding = sound, chance.choice(("cp1252", "cp1250", "latin-1"))
    for _ in range(chance.choice((1, 1, 2))):
        try:
            damaged = damaged.encode().decode(encoding)
        except UnicodeDecodeError:  # a byte that means nothing there
            damaged = damaged.encode().decode("latin-1")
    return damaged, sound


def personal(text: str, kind: str, chance: random.Random) -> tuple[str, str]:
    """A text with a value of a kind, and the redacted one."""
    words = {"phone": "call", "credit_card": "card", "ip_address": "from"}.get(kind, "see")
    return f"{text} {words} {personal_value(kind, chance)}", f"{text} {words} <{kind}>"


def misspelled(name: str, chance: random.Random) -> str:
    """A category that differs in case, blanks, punctuation or accents only."""
    forms = {name.upper(), name.lower(), f"{name}.", name.replace(" ", "-"), name.replace("é", "e")}
    return chance.choice(sorted(forms - {name}))


# -- the audit


def write(planted: Planted, folder: Path) -> None:
    """One CSV file per split."""
    columns = ["text", "label", "age", "genre", "joined", "screen", "likes", "verdict", "points"]
    for split, rows in planted.splits.items():
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)


def recipe_of(folder: Path, model: dict[str, Any], **sections: Any) -> Recipe:
    """A recipe on the written rows."""
    data = {"name": str(folder), "columns": {"text": "text", "label": "label"}, **sections.pop("data", {})}
    return Recipe.from_dict({"task": "text-classification", "model": model, "data": data,
                             "inspection": {"sample": 100_000}, **sections})  # fmt: skip


@contextmanager
def uncut() -> Iterator[None]:
    """Let the audit list all rows rather than the first: precision is of all."""
    places = ((sampling, "SHOWN_ROWS"), (leakage, "SHOWN_ROWS"), (findings, "SHOWN_ROWS"), (mislabels, "LISTED"),
              (duplicates, "EXAMPLES"), (duplicates, "IN_AN_EXAMPLE"))  # fmt: skip
    with ExitStack() as stack:
        for module, name in places:
            stack.enter_context(patch.object(module, name, 10**9))
        yield


def audit(folder: Path, model: dict[str, Any]) -> tuple[DataAudit, PreparedData]:
    """The real audit, with nothing cut."""
    with uncut():
        found, prepared = data_pipeline.inspect(recipe_of(folder, model))
    assert prepared is not None, found.findings[0]["sentence"]
    return found, prepared


def rows_found(found: DataAudit, prepared: PreparedData) -> dict[str, set[str]]:
    """Kind -> rows that the audit names for it. Of formats, spellings and missing values the audit says which values
    there are; the rows with these are looked up."""
    exact, near = (found.duplicates[kind]["splits"]["train"]["examples"] for kind in ("exact", "near"))
    leaks = {kind: next(p["examples"] for p in found.leakage[kind]["pairs"] if (p["split"], p["against"]) ==
                        ("test", "train")) for kind in ("exact", "near")}  # fmt: skip
    variants = {entry["value"] for group in found.column("genre")["categories"]["spellings"]
                for entry in group["values"] if entry["value"] != group["stands_for"]}  # fmt: skip
    result = {
        COPIES: {row for group in exact for row in group[1:]},
        NEAR: {row for pair in near for row in pair[1:]},
        LEAKED: set(leaks["exact"]),
        f"near {LEAKED}": set(leaks["near"]),
        "mojibake or lost characters": set(found.column("text")["texts"]["damaged"]["rows"]),
        "missing texts": where(prepared, "text", lambda value: not str(value or "").strip()),
        "missing ages": where(prepared, "age", lambda value: value is None or value == ""),
        "flipped labels": {entry["row"] for entry in found.label_errors["rows"]},
        "spelling variants": where(prepared, "genre", lambda value: value in variants),
        **{f"impossible ages ({method})": set(found.column("age")["numbers"]["outliers"][method]["rows"])
           for method in ("iqr", "mad")},
        **{f"personal: {kind}": set(found.personal["rows"].get("text", {}).get(kind, ())) for kind in KINDS},
    }  # fmt: skip
    for entry in found.column("joined")["stored"]["formats"]:
        kind = {"00 Mon 0000": "dates like 13 May 2024", "00/00/0000": "dates like 13/05/2024"}.get(entry["format"])
        if kind:
            result[kind] = where(prepared, "joined", lambda value, form=entry["format"]: date_format(value) == form)
            assert len(result[kind]) == entry["count"]
    for column in ("age", "text"):
        counted = sum(entry["count"] for entry in found.column(column)["missing"].values())
        assert counted == len(result[f"missing {column}s"])
    return result


def where(prepared: PreparedData, column: str, fits: Callable[[Any], bool]) -> set[str]:
    """Raw rows by a value."""
    return {f"{split}:{place}" for split, rows in prepared.tables.items()
            for place, value in enumerate(rows[column][:]) if fits(value)}  # fmt: skip


class Score(NamedTuple):
    """How well one kind of fault was found."""

    kind: str
    planted: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of what was found that was planted."""
        return self.true / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what was planted that was found."""
        return self.true / self.planted if self.planted else 0.0


def scores(planted: Planted, found: DataAudit, rows: dict[str, set[str]], seed: int = 0) -> list[Score]:
    """One score per kind; that of the random baseline behind the label errors'."""
    result = []
    for kind, hits in rows.items():
        kinds = kind.partition(" (")[0].split(" or ")
        real = set().union(*(planted.faults[one] for one in kinds))
        result.append(Score(kind, len(real), len(hits), len(real & hits)))
        if kind == "flipped labels":
            drawn = set(random.Random(seed).sample(sorted(planted.rows), len(hits)))
            result.append(Score("… as many rows at random", len(real), len(drawn), len(real & drawn)))
    leaking = {entry["column"] for entry in found.target_leakage["columns"] if entry["leaks"]}
    return [*result, Score("leaking columns", 2, len(leaking), len(leaking & {"verdict", "points"}))]


# -- the cleaning

CLEANING = {
    "normalize": ["encoding"], "personal": "redact", "categories": ["genre"], "duplicates": "drop",
    "near_duplicates": "drop", "missing": {"age": "median", "text": "drop"},
}  # fmt: skip
FEATURES = {"numeric": ["age"], "categorical": ["genre"], "time": ["joined"]}


class Mended(NamedTuple):
    """What cleaning made of one kind of fault: planted, mended, and sound values or rows that it changed."""

    kind: str
    planted: int
    mended: int
    wrong: int


def clean(folder: Path, model: dict[str, Any], *, order: str | None = "day-first", method: str = "iqr") -> PreparedData:
    """The rows after cleaning, with the order of the dates stated or not."""
    from finetune import prepare

    section = {**CLEANING, "dates": {"joined": {"order": order} if order else {}},
               "outliers": {"age": {"action": "clip", "method": method}}}  # fmt: skip
    features = FEATURES if order else {**FEATURES, "time": []}
    return prepare(recipe_of(folder, model, cleaning=section, features=features, data={"leakage": "drop"}))


def by_name(prepared: PreparedData) -> dict[str, Row]:
    """Prepared rows by the names of the raw ones."""
    return {row["row"]: row for rows in prepared.splits.values() for row in rows.to_list()}


def outcomes(planted: Planted, prepared: PreparedData) -> list[Mended]:
    """Row by row, against what should have come out."""
    after = by_name(prepared)
    dropped = {
        step: {
            f"{entry['split']}:{row}"
            for entry in prepared.report.cleaning
            if entry["step"] == step
            for row in entry["dropped"]["rows"]
        }
        for step in ("duplicates", "near_duplicates", "missing")
    }
    gone = set().union(*dropped.values(), planted.sources)
    rows = [_gone(planted, COPIES, dropped["duplicates"]), _gone(planted, NEAR, dropped["near_duplicates"]),
            _gone(planted, "missing texts", dropped["missing"])]  # fmt: skip
    others = set(planted.rows) - set(after) - gone
    rows.append(Mended(LEAKED, len(planted.sources), len(planted.sources - set(after)), len(others)))
    rows += [_changed(planted, after, *case) for case in (
        ("mojibake", "text", "text"), *((f"personal: {kind}", "text", "text") for kind in KINDS),
        ("dates like 13 May 2024", "joined", "feature:joined"), ("dates like 13/05/2024", "joined", "feature:joined"),
        ("spelling variants", "genre", "feature:genre"),
    )]  # fmt: skip
    return [*rows, *_ages(planted, after)]


def _gone(planted: Planted, kind: str, dropped: set[str]) -> Mended:
    """Of rows that should go."""
    real = planted.faults[kind]
    return Mended(kind, len(real), len(real & dropped), len(dropped - real))


def _changed(planted: Planted, after: dict[str, Row], kind: str, column: str, place: str) -> Mended:
    """Of values that should become others, in rows that stay. A changed text without a mark of personal data is the
    doing of what mends mojibake."""
    real = planted.faults[kind] & set(after)
    right = sum(after[name][place] == planted.wanted[name][column] for name in real)
    sound = [name for name in set(after) & set(planted.wanted)
             if planted.rows[name][column] == planted.wanted[name][column] != after[name][place]]  # fmt: skip
    marks = {f"personal: {name}": f"<{name}>" for name in KINDS}
    if kind == "mojibake":
        sound = [name for name in sound if not any(mark in after[name][place] for mark in marks.values())]
    elif kind in marks:
        sound = [name for name in sound if marks[kind] in after[name][place]]
    return Mended(kind, len(real), right, len(sound))


def _ages(planted: Planted, after: dict[str, Row]) -> list[Mended]:
    missing, far = planted.faults["missing ages"], planted.faults["impossible ages"]
    ages = {name: row["feature:age"] for name, row in after.items() if name in planted.wanted}
    filled = sum(ages.get(name) is not None for name in missing)
    moved = sum(name in ages and 0 < ages[name] < 120 for name in far)
    sound = [name for name in ages if name not in missing | far]
    wrong = sum(ages[name] != planted.wanted[name]["age"] for name in sound)
    return [Mended("missing ages", len(missing & set(ages)), filled, 0),
            Mended("impossible ages", len(far & set(ages)), moved, wrong)]  # fmt: skip


# -- the tables


def snippets() -> list[Row]:
    """The quick start's rows."""
    from finetune.data import read

    rows = read(Recipe.from_yaml(RECIPE).data).splits["train"]
    return [{"text": row["text"], "label": "positive" if float(row["rating"]) > 0 else "negative",
             "rating": float(row["rating"])} for row in rows]  # fmt: skip


def report(planted: Planted, folder: Path, model: dict[str, Any]) -> Iterator[str]:
    """Both tables, line by line."""
    write(planted, folder)
    found, prepared = audit(folder, model)
    rows = rows_found(found, prepared)
    yield "| fault | planted | found | planted among them | precision | recall |\n|---|--:|--:|--:|--:|--:|"
    for score in scores(planted, found, rows):
        yield (f"| {score.kind} | {score.planted} | {score.found} | {score.true} | {score.precision:.3f} | "
               f"{score.recall:.3f} |")  # fmt: skip
    doubted = rows["flipped labels"] - planted.faults["flipped labels"]
    shares = [sum(abs(planted.rows[row].get("rating", 0)) < 1 for row in some) / max(1, len(some))
              for some in (doubted, planted.rows)]  # fmt: skip
    yield (
        f"\nOf the {len(doubted)} doubted labels that were not planted, {shares[0]:.0%} have a mean rating between "
        f"-1 and 1, on a scale from -4 to 4; of all rows {shares[1]:.0%}.\n"
    )
    yield "| cleaning of | planted | mended | sound ones changed or dropped |\n|---|--:|--:|--:|"
    for line in outcomes(planted, clean(folder, model)):
        yield f"| {line.kind} | {line.planted} | {line.mended} | {line.wrong} |"
    unstated = clean(folder, model, order=None, method="mad")
    entries = [entry for entry in unstated.report.cleaning if entry["step"] == "dates"]
    changed, flagged = sum(e["changed"] for e in entries), sum(e["flagged"]["count"] for e in entries)
    ages = _ages(planted, by_name(unstated))[1]
    yield f"\nWithout a stated order {changed} dates are rewritten; {flagged} could be two days and are flagged."
    yield f"Clipped by the median, {ages.mended} of {ages.planted} ages are mended; {ages.wrong} sound ones move."


def main() -> None:
    planted = plant(snippets(), int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    model = Recipe.from_yaml(RECIPE).model.model_dump(mode="json", exclude_unset=True)
    with tempfile.TemporaryDirectory() as folder:
        for line in report(planted, Path(folder), model):
            print(line, flush=True)


if __name__ == "__main__":
    main()
