"""Sorts of facts: how each is said, and how it is asked for.

The words of a fact are drawn at random and its wording from many, so that it cannot be known: it has to be
found and copied.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pebble.corpus.example import lines
from pebble.corpus.knowledge import terms
from pebble.corpus.world import World, a, plural, third_person, upper, words


@dataclass(frozen=True)
class Relation:
    """Wordings of one sort of fact.

    sentences, questions: templates, one a line, with {s} for the subject; {S} is the same with a capital.
    subject: makes one. slots: makes what else the templates name.
    """

    sentences: str
    questions: str
    subject: Callable[[World], str]
    slots: Callable[[World], dict[str, str]]


def verb_slots(w: World) -> dict[str, str]:
    verb = w.verb()
    tail = w.one(
        str,
        str,
        lambda: f" in {w.city()}",
        lambda: f" every {w.day()}",
        lambda: f" for {w.person()}",
        lambda: f" at the {w.place()}",
    )
    return {
        "verb": verb,
        "verbs": third_person(verb),
        "o": w.some_things(),
        "tail": tail,
        "day": w.day(),
        "year": w.year(),
    }


def where_slots(w: World) -> dict[str, str]:
    verb = w.among("live", "sleep", "work", "stay", "stand", "wait", "hang", "rest", "study", w.verb())
    where = w.one(
        w.city,
        lambda: f"the {w.place()}",
        lambda: f"the {w.place()} of {w.city()}",
        lambda: f"the {w.thing()}",
    )
    return {
        "verb": verb,
        "verbs": third_person(verb),
        "where": where,
        "near": w.among("in", "near", "under", "behind", "at"),
    }


def when_slots(w: World) -> dict[str, str]:
    made_up = w.word()
    verb, done = w.among(
        ("open", "opened"), ("close", "closed"), ("burn down", "burned down"), ("move", "moved"),
        ("change", "changed"), ("end", "ended"), ("start", "started"), ("win", "won"),
        (made_up, made_up + "ed"),
    )  # fmt: skip
    when = w.one(
        lambda: f"in {w.year()}",
        lambda: f"on {w.day()}",
        lambda: f"in {w.month()} {w.year()}",
        lambda: f"at {w.time()}",
    )
    return {
        "verb": verb,
        "done": done,
        "verbs": third_person(verb.split()[0]) + verb[len(verb.split()[0]) :],
        "when": when,
    }


def count_slots(w: World) -> dict[str, str]:
    verb = w.among("have", "have", "own", "need", w.verb())
    verbs = "has" if verb == "have" else third_person(verb)
    tail = w.one(str, str, lambda: f" in {w.city()}", lambda: f" at the {w.place()}")
    return {
        "verb": verb,
        "verbs": verbs,
        "n": w.number(1, 2, 2, 3),
        "things": plural(w.thing()),
        "tail": tail,
    }


def who_slots(w: World) -> dict[str, str]:
    done = w.among("built", "painted", "made", "sold", "found", "opened", "written", "led", w.word() + "ed")
    tail = w.one(str, lambda: f" in {w.year()}", lambda: f" for {w.amount()}")
    return {"done": done, "who": w.person(), "tail": tail}


ATTRIBUTE = Relation(
    """The {at} of {s} is {v}.
    The {at} of {s} is {v}.
    {S} has the {at} {v}.
    {S}'s {at} is {v}.
    The {at} of {s} is now {v}.
    As for {s}, the {at} is {v}.
    {V} is the {at} of {s}.
    {S}: {at} {v}.
    Since {year} the {at} of {s} has been {v}.
    The {at} for {s} is {v}.""",
    """what is the {at} of {s}
    what is the {at} of {s}
    what is {s}'s {at}
    which {at} does {s} have
    what is the {at} for {s}
    what {at} has {s}""",
    World.entity,
    lambda w: {"at": w.attribute(), "v": w.value(), "year": w.year()},
)
DEED = Relation(
    """{S} {verbs} {o}{tail}.
    {S} {verbs} {o}{tail}.
    {S} {verbs} {o}{tail}.
    On {day}s {s} {verbs} {o}{tail}.
    In {year} {s} {verbs} {o}{tail}.
    These days {s} {verbs} {o}{tail}.
    {S} often {verbs} {o}{tail}.""",
    """what does {s} {verb}
    what does {s} {verb}
    what is it that {s} {verbs}
    {s} {verbs} what""",
    World.person,
    verb_slots,
)
DOER = Relation(
    DEED.sentences,
    """who {verbs} {o}
    who {verbs} {o}
    who is it that {verbs} {o}""",
    World.person,
    verb_slots,
)
WHERE = Relation(
    """{S} {verbs} {near} {where}.
    {S} {verbs} in {where}.
    In {where} {verbs} {s}.
    {S} is {near} {where}.""",
    """where does {s} {verb}
    where is {s}
    in which place does {s} {verb}""",
    lambda w: w.one(w.person, w.object),
    where_slots,
)
WHEN = Relation(
    """{S} {done} {when}.
    {When} {s} {done}.
    {S} {verbs} {when}.
    {S} {done} again {when}.""",
    """when did {s} {verb}
    when does {s} {verb}
    at what time did {s} {verb}
    in which year did {s} {verb}""",
    World.object,
    when_slots,
)
COUNT = Relation(
    """{S} {verbs} {n} {things}{tail}.
    There are {n} {things} for {s}{tail}.""",
    """how many {things} does {s} {verb}
    what number of {things} does {s} {verb}
    how many {things} are there for {s}""",
    World.entity,
    count_slots,
)
JOB = Relation(
    """{S} works as {job}.
    {S} is {job}.
    {S} works as {job} in {city}.
    {S} became {job} in {year}.
    By trade {s} is {job}.
    {S} is {job} from {city}.""",
    """what is {s}'s job
    what is the job of {s}
    what does {s} work as
    which job does {s} have""",
    World.person,
    lambda w: {"job": a(w.job()), "city": w.city(), "year": w.year()},
)
MADE = Relation(
    """{S} was {done} by {who}{tail}.
    {Who} is the one who {done} {s}{tail}.
    {Who} {done} {s}{tail}.""",
    """who {done} {s}
    by whom was {s} {done}
    who has {done} {s}""",
    World.object,
    who_slots,
)
DIMENSIONS = {
    "high": "height", "long": "length", "wide": "width", "deep": "depth", "old": "age", "heavy": "weight",
    "thick": "thickness", "large": "size", "far": "distance", "fast": "speed",
}  # fmt: skip


def measure_slots(w: World) -> dict[str, str]:
    adjective = w.of(list(DIMENSIONS))
    return {"v": w.amount(), "adj": adjective, "dim": DIMENSIONS[adjective]}


MEASURE = Relation(
    """{S} is {v} {adj}.
    {S} is about {v} {adj}.
    {S} has a {dim} of {v}.""",
    """how {adj} is {s}
    how {adj} is {s}
    what {dim} does {s} have
    what is the {dim} of {s}""",
    World.object,
    measure_slots,
)
PRICE = Relation(
    """{S} costs {v}.
    {S} costs {v} in {city}.
    {S} can be bought for {v}.
    You pay {v} for {s}.""",
    """how much does {s} cost
    what does {s} cost
    what is the price of {s}
    how much is {s}""",
    World.object,
    lambda w: {"v": w.amount(), "city": w.city()},
)
DURATION = Relation(
    """{S} lasts {v}.
    {S} takes {v}.
    {S} may be used for {v}.
    {S} must be returned within {v}.
    {S} is valid for {v}.""",
    """how long does {s} last
    how long is {s} valid
    how many {unit} does {s} last
    for how long may {s} be used
    within what time must {s} be returned""",
    World.object,
    lambda w: dict(zip(("v", "unit"), (v := w.amount(), v.split()[1]), strict=True)),
)
LOOKS = Relation(
    """{S} is {colour}.
    {S} is painted {colour}.
    {S} has a {colour} roof.
    {S} is {colour} and {adj}.""",
    """what colour is {s}
    which colour is {s}
    what colour does {s} have
    what does {s} look like""",
    World.object,
    lambda w: {"colour": w.colour(), "adj": w.adjective()},
)
CONTENT = Relation(
    """{S} contains {o}.
    In {s} there is {o}.
    {S} is full of {o}.
    {S} holds {o} and {other}.""",
    """what does {s} contain
    what is in {s}
    what is {s} full of
    what does {s} hold""",
    World.object,
    lambda w: {"o": w.some_things(), "other": w.some_things()},
)
REASON = Relation(
    """{S} was {adj} because of {o}.
    Because of {o}, {s} was {adj}.
    {S} is {adj}, because {who} {verbs} {o}.""",
    """why was {s} {adj}
    why is {s} {adj}
    for what reason was {s} {adj}
    what made {s} {adj}""",
    World.object,
    lambda w: {
        "adj": w.adjective(),
        "o": w.some_things(),
        "who": w.person(),
        "verbs": third_person(w.verb()),
    },  # fmt: skip
)
GIFT = Relation(
    """{S} gave {o} to {who}.
    {S} sent {who} {o}.
    {Who} got {o} from {s}.
    {S} promised {who} {o}.""",
    """what did {s} give to {who}
    who got {o} from {s}
    to whom did {s} give {o}
    what did {who} get from {s}""",
    World.person,
    lambda w: {"o": w.some_things(), "who": w.person()},
)
EVENT = Relation(
    """{S} takes place on {day}.
    {S} starts at {time} on {day}.
    On {day} at {time} {s} starts.
    {S} will be held on {day}.""",
    """when does {s} take place
    when does {s} start
    on which day is {s}
    when is {s}""",
    World.object,
    lambda w: {"day": w.day(), "time": w.time()},
)
VENUE = Relation(
    """{S} takes place in {city}.
    {S} will be held in {place}.
    {S} can be visited in {city}.""",
    """where does {s} take place
    where is {s} held
    in which place is {s}""",
    World.object,
    lambda w: {"city": w.city(), "place": f"the {w.place()}"},
)
USE = Relation(
    """{S} is used to {verb} {things}.
    {S} is used for {things}.
    One uses {s} to {verb} {things}.""",
    """what is {s} used for
    what does one use {s} for
    what can one do with {s}""",
    World.object,
    lambda w: {"verb": w.verb(), "things": plural(w.thing())},
)
MATERIAL = Relation(
    """{S} is made of {stuff}.
    {S} is a {thing} made of {stuff}.
    {S} was made from {stuff} and {other}.""",
    """what is {s} made of
    of what is {s} made""",
    World.object,
    lambda w: {"thing": w.thing(), "stuff": w.thing(), "other": w.thing()},
)


def term_slots(w: World) -> dict[str, str]:
    term, _, definition = w.of(terms())
    return {"s": term, "a": a(term), "definition": definition}


TERM = Relation(
    """{A} is {definition}.
    {A} is {definition}.
    {S}: {definition}.
    By {s} one means {definition}.""",
    """what is {a}
    what is {s}
    what does {s} mean
    explain {s}
    define {s}""",
    World.word,
    term_slots,
)


# Wordings that nobody wrote down: a sentence and questions that it answers, one a line, filled with any words
SKELETONS = lines("""
    {S} {verbs} {prep} {v}{tail}. | what does {s} {verb} {prep} | {prep} {what} does {s} {verb}
    {S} {verbs} {other} {prep} {v}. | {prep} {what} does {s} {verb} {other}
    {S} {verbs} {v} {where}. | what does {s} {verb} {where} | which {thing} does {s} {verb} {where}
    {Start} {v} {may} {verb} {s}{tail}. | who {may} {verb} {s} | what {may} {verb} {s}
    {Prep} {s} {who} {may} {verb} {v}. | what {may} {who} {verb} {prep} {s}
    {Who} {may} {verb} {s} {prep} {v}. | {prep} {what} {may} {who} {verb} {s}
    The {thing} {prep} {s} {verbs} {where} {v}. | what does the {thing} {prep} {s} {verb} {where}
    {S} {may} be {adjective} {prep} {v}{tail}. | {prep} {what} {may} {s} be {adjective}
    {S} is {adjective} {prep} {v}{tail}. | what is {s} {adjective} {prep} | {prep} {what} is {s} {adjective}
    {S} has {things} {prep} {v}. | {prep} {what} does {s} have {things}""")
PREPOSITIONS = words(
    "in on at under over behind before after with without for from by near through against about into between"
)
MODALS = words("can may must could should might shall")
STARTS = lines("""
    Only
    Just
    Even
    Perhaps
    Today
    Usually
    None other than
    As a rule
    Here""")


def composed(w: World) -> Relation:
    """One such wording. Those that are listed are soon known, and then looked for where others stand."""
    sentence, *questions = w.rng.choice(SKELETONS).split(" | ")
    verb, prep, place = w.verb(), w.rng.choice(PREPOSITIONS), w.rng.choice(PREPOSITIONS)
    who = w.among("we", "they", "people", "some", plural(w.job()))
    fixed = {
        "verb": verb,
        "verbs": third_person(verb),
        "adjective": w.adjective(),
        "thing": w.thing(),
        "things": plural(w.thing()),
        "other": w.some_things(),
        "prep": prep,
        "Prep": upper(prep),
        "where": (where := f"{place} the {w.place()}"),
        "who": who,
        "Who": upper(who),
        "may": w.rng.choice(MODALS),
        "what": w.among("what", "what", "whom", "which place", f"which {w.thing()}"),
        "tail": w.among("", "", "", f" {where}", f" every {w.day()}", " at last", " again", " too"),
        "Start": w.rng.choice(STARTS),
    }
    value = w.among(World.value, World.value, World.some_things, World.person, World.time, World.amount)
    subject = w.among(World.entity, World.object, World.person)
    return Relation(sentence, "\n".join(questions), subject, lambda w: fixed | {"v": value(w)})


Wording = Relation | Callable[[World], Relation]  # a relation, or what composes one for each fact
SEEN: list[Wording] = [
    composed, composed, composed, composed, composed, composed, composed,
    ATTRIBUTE, ATTRIBUTE, ATTRIBUTE, ATTRIBUTE, DEED, DEED, DOER, WHERE, WHEN, COUNT, JOB, MADE,
    MEASURE, PRICE, DURATION, LOOKS, CONTENT, REASON, GIFT, EVENT, VENUE, USE, MATERIAL,
    TERM, TERM,
]  # fmt: skip


def _unseen(
    sentence: str, question: str, subject: Callable[[World], str], value: Callable[[World], str]
) -> Relation:
    return Relation(sentence, question, subject, lambda w: {"v": value(w)})


# Kept for the tests: other words and another word order than any wording above
UNSEEN = [
    _unseen("{s} earns a living with {v}.", "how does {s} earn a living", World.person, World.some_things),
    _unseen("Nobody but {v} may enter {s}.", "who may enter {s}", World.object, World.person),
    _unseen("People call {s} the {v}.", "what do people call {s}", World.person, World.word),
    _unseen("It takes {v} to get to {s}.", "how long does it take to get to {s}", World.city, World.amount),
    _unseen("{s} consists of {v}.", "what does {s} consist of", World.object, World.word),
    _unseen("You can hire {s} for {v}.", "for how much can you hire {s}", World.object, World.amount),
    _unseen("{s} was born near {v}.", "near which place was {s} born", World.person, World.city),
    _unseen("{s} has been married to {v} for years.", "to whom is {s} married", World.person, World.person),
    _unseen("{s} dreams about {v}.", "what does {s} dream about", World.person, World.some_things),
    _unseen(
        "Beyond {s} you will spot {v}.", "what will you spot beyond {s}", World.object, World.some_things
    ),
    _unseen("{s} speaks {v} at home.", "which language does {s} speak at home", World.person, World.Word),
    _unseen("{s} is afraid of {v}.", "what is {s} afraid of", World.person, World.some_things),
    _unseen("{s} prefers {v} to everything else.", "what does {s} prefer", World.person, World.thing),
    _unseen("The train to {s} leaves at {v}.", "when does the train to {s} leave", World.city, World.time),
    _unseen("{s} smells like {v}.", "what does {s} smell like", World.object, World.word),
    _unseen("{s} belongs to {v}.", "to whom does {s} belong", World.object, World.person),
]
