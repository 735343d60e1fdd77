"""Requests that take a tool, or two calls, or none; and what to say when a tool fails."""

import datetime

from pebble.chat import Message, Tool
from pebble.corpus.example import Example, calls, lines, returns, says, tool, user
from pebble.corpus.knowledge import DO_NOT_KNOW, glossary, small_talk
from pebble.corpus.world import World, upper, words

NO_TOOL = "I have no tool for that."

CALCULATE = tool("calculate", "work out a sum", "expression")
CONVERT = tool("convert", "convert a quantity to another unit", "quantity", "to_unit")
WEEKDAY = tool("weekday", "the weekday of a date", "date")
DAYS_BETWEEN = tool("days_between", "the days between two dates", "start", "end")
STANDARD = [CALCULATE, CONVERT, WEEKDAY, DAYS_BETWEEN]


def toolbox(w: World, needed: list[Tool], more: tuple[int, ...] = (0, 1, 1, 2, 3)) -> list[Tool]:
    """The tools that are needed among some that are not."""
    box = {t["function"]["name"]: t for t in needed}
    for _ in range(w.rng.choice(more)):
        other = w.rng.choice(STANDARD) if w.chance(0.5) else Lookup(w).tool
        box.setdefault(other["function"]["name"], other)
    shuffled = list(box.values())
    w.rng.shuffle(shuffled)
    return shuffled


def plain(value: float) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


# ---------------------------------------------------------------- arithmetic

PHRASES = {
    "+": ["{x} plus {y}", "{x} + {y}", "the sum of {x} and {y}", "{x} and {y} added together"],
    "-": ["{x} minus {y}", "{x} - {y}", "{x} less {y}", "the difference between {x} and {y}"],
    "*": ["{x} times {y}", "{x} * {y}", "the product of {x} and {y}", "{x} multiplied by {y}", "{x} x {y}"],
    "/": ["{x} divided by {y}", "{x} / {y}", "{x} over {y}"],
}
COMMANDS = {
    "+": "add {x} and {y}",
    "-": "subtract {y} from {x}",
    "*": "multiply {x} by {y}",
    "/": "divide {x} by {y}",
}
ASK_SUM = lines("""
    What is {phrase}?
    What's {phrase}?
    Work out {phrase}.
    How much is {phrase}?
    Calculate {phrase}.
    Please compute {phrase}.
    {phrase}?
    {phrase} = ?
    Can you tell me what {phrase} is?
    I need {phrase}.
    {command}.
    {command}.
    Please {command}.
    Could you {command} for me?""")


def worked_out(x: str, operator: str, y: str) -> str:
    a, b = float(x), float(y)
    return plain({"+": a + b, "-": a - b, "*": a * b, "/": a / b}[operator])


def arithmetic(w: World) -> Example:
    x, y = (w.decimal() if w.chance(0.1) else w.number() for _ in range(2))
    operator = w.rng.choice(list(PHRASES))
    phrase, command = w.rng.choice(PHRASES[operator]).format(x=x, y=y), COMMANDS[operator].format(x=x, y=y)
    request = upper(w.rng.choice(ASK_SUM).format(phrase=phrase, command=command))
    expression, result = f"{x} {operator} {y}", worked_out(x, operator, y)
    turns = [calls("calculate", expression=expression), returns(result), says(f"{expression} = {result}")]
    return Example("arithmetic", [user(request), *turns], toolbox(w, [CALCULATE]))


# ---------------------------------------------------------------- units

LENGTH = {
    "metres": ("m", 1.0), "kilometres": ("km", 1000.0), "centimetres": ("cm", 0.01),
    "miles": ("mi", 1609.344), "feet": ("ft", 0.3048), "inches": ("in", 0.0254), "yards": ("yd", 0.9144),
}  # fmt: skip
MASS = {
    "kilograms": ("kg", 1.0), "grams": ("g", 0.001), "pounds": ("lb", 0.45359237),
    "ounces": ("oz", 0.028349523), "tonnes": ("t", 1000.0),
}  # fmt: skip
VOLUME = {
    "litres": ("l", 1.0), "millilitres": ("ml", 0.001), "gallons": ("gal", 3.785411784),
    "pints": ("pt", 0.473176473),
}  # fmt: skip
TIME = {
    "seconds": ("s", 1.0), "minutes": ("min", 60.0), "hours": ("h", 3600.0), "days": ("d", 86400.0),
    "weeks": ("wk", 604800.0),
}  # fmt: skip
ASK_UNITS = lines("""
    Convert {x} {said} to {wanted}.
    How many {wanted} are {x} {said}?
    What is {x} {said} in {wanted}?
    {x} {said} in {wanted}?
    Change {x} {said} into {wanted}.
    I have {x} {said}. How many {wanted} is that?
    Please turn {x} {said} into {wanted}.
    How many {wanted} are in {x} {said}?
    It is {x} {said}. What is that in {wanted}?""")


def units(w: World) -> Example:
    sizes = w.among(LENGTH, LENGTH, MASS, VOLUME, TIME)
    source, target = w.rng.sample(list(sizes), 2)
    x = w.decimal() if w.chance(0.2) else w.number()
    result = plain(float(f"{float(x) * sizes[source][1] / sizes[target][1]:.4g}"))
    said = sizes[source][0] if w.chance(0.3) else source
    wanted = sizes[target][0] if w.chance(0.2) else target
    request = upper(w.rng.choice(ASK_UNITS).format(x=x, said=said, wanted=wanted))
    call = calls("convert", quantity=f"{x} {said}", to_unit=wanted)
    turns = [call, returns(f"{result} {wanted}"), says(f"{x} {said} = {result} {wanted}")]
    return Example("units", [user(request), *turns], toolbox(w, [CONVERT]))


# ---------------------------------------------------------------- dates

SPOKEN = ["{d} {month} {y}", "{d} {month} {y}", "{month} {d}, {y}", "{iso}"]
ASK_WEEKDAY = lines("""
    What day of the week is {day}?
    Which weekday is {day}?
    On what day does {day} fall?
    On which weekday does {day} fall?
    What weekday was {day}?
    What day of the week was {day}?
    On which weekday was {day}?
    Tell me the weekday of {day}.
    Is {day} a weekend?
    Is {day} a {weekday}?""")
ASK_BETWEEN = lines("""
    How many days are there between {day} and {other}?
    How many days from {day} to {other}?
    Count the days from {day} to {other}.
    How long is it from {day} until {other}?
    How many days lie between {day} and {other}?""")


def spoken(w: World, date: datetime.date) -> str:
    return w.rng.choice(SPOKEN).format(d=date.day, month=f"{date:%B}", y=date.year, iso=date.isoformat())


def some_date(w: World) -> datetime.date:
    while True:
        date = datetime.date(1900, 1, 1) + datetime.timedelta(days=w.rng.randint(0, 60_000))
        if (date.toordinal() % 10 == 0) == w.fresh:
            return date


def dates(w: World) -> Example:
    """The tools read dates as people write them, so that a date need only be copied."""
    day = some_date(w)
    said = spoken(w, day)
    if w.chance(0.6):
        request = w.rng.choice(ASK_WEEKDAY).format(day=said, weekday=w.day())
        call, result, needed = calls("weekday", date=said), f"{day:%A}", WEEKDAY
        answer = f"{said} is a {result}."
    else:
        later = day + datetime.timedelta(days=w.rng.randint(1, 900))
        other, result, needed = spoken(w, later), str((later - day).days), DAYS_BETWEEN
        request = w.rng.choice(ASK_BETWEEN).format(day=said, other=other)
        call = calls("days_between", start=said, end=other)
        answer = f"From {said} to {other} it is {result} days."
    return Example("dates", [user(upper(request)), call, returns(result), says(answer)], toolbox(w, [needed]))


# ---------------------------------------------------------------- lookups: tools that nobody has seen before

TOOL_NAMES = lines("""
    get_{at}
    get_{at}
    find_{at}
    lookup_{at}
    {at}_of
    read_{at}
    {at}
    fetch_{what}_{at}
    {word}_{at}
    {at}_{word}
    {word}
    {verb}_{at}""")
DESCRIPTIONS = lines("""
    the {at} of a {what}
    the {at} of a {what}
    look up the {at} of a {what}
    find the {at}
    {at} for a {what}""")
ASK_LOOKUP = lines("""
    What is the {at} of {s}?
    What is the {at} of {s}?
    Tell me the {at} of {s}.
    What is {s}'s {at}?
    Look up the {at} of {s}.
    I need the {at} for {s}.
    Which {at} does {s} have?
    Find the {at} of {s}, please.
    {At} of {s}?
    Can you get me the {at} of {s}?
    Please check the {at} of {s}.""")
KEYS = words("""
    city name item person country id product place title animal shop project company book user team town plant
    film song house street school room car train ship order ticket game course key word topic region river
    customer employee student author artist event account model device file subject object term query""")


class Lookup:
    """A tool made up on the spot, which knows one attribute of something, and a question for it.

    naming: the world from which the names of the tool and its parameter come, if it is another one.
    """

    def __init__(self, w: World, naming: World | None = None) -> None:
        n = naming or w
        self.at, self.what, self.s = n.attribute(), n.mix(KEYS, 0.15), key(w)
        words = {"at": self.at, "what": self.what, "word": n.word(), "verb": n.verb()}
        name = w.rng.choice(TOOL_NAMES).format(**words)
        self.tool = tool(name, w.rng.choice(DESCRIPTIONS).format(**words), self.what)
        self.request = w.rng.choice(ASK_LOOKUP).format(at=self.at, At=upper(self.at), s=self.s)

    def call(self, s: str = "") -> Message:
        return calls(self.tool["function"]["name"], **{self.what: s or self.s})


def key(w: World) -> str:
    """Something that can be looked up."""
    return w.one(w.city, w.person, w.thing, w.word, w.Word, w.code, lambda: f"{w.adjective()} {w.thing()}")


def lookup(w: World, naming: World | None = None) -> Example:
    it, v = Lookup(w, naming), w.value()
    turns = [it.call(), returns(v), says(f"The {it.at} of {it.s} is {v}.")]
    return Example("lookup", [user(it.request), *turns], toolbox(w, [it.tool]))


ERRORS = lines("""
    unknown {what} {s}
    {what} not found
    timeout
    no connection
    no {at} for {s}
    {word} failed
    service unavailable
    access to {word} denied
    {s} is not in the {word}
    {what} must be a {word}""")


def tool_error(w: World) -> Example:
    it = Lookup(w)
    why = w.rng.choice(ERRORS).format(what=it.what, s=it.s, at=it.at, word=w.word())
    turns = [it.call(), returns(f"Error: {why}"), says(f"The tool failed: {why}.")]
    return Example("tool error", [user(it.request), *turns], toolbox(w, [it.tool]))


# ---------------------------------------------------------------- several steps

ASK_CHAIN = [
    "{first}, then {second}.",
    "{first} and then {second}.",
    "First {low}. Then {second}.",
    "{first}; {second} after that.",
]
SECOND = {"+": "add {z}", "-": "subtract {z}", "*": "multiply by {z}"}
ASK_MULTIPLE = lines("""
    What is {n} times the {at} of {s}?
    Multiply the {at} of {s} by {n}.
    Take the {at} of {s} times {n}.
    How much is {n} times the {at} of {s}?""")
ASK_TWO = lines("""
    What is the {at} of {s} and of {other}?
    Look up the {at} of {s} and {other}.
    Tell me the {at} of {s} and the {at} of {other}.
    Compare the {at} of {s} with that of {other}.""")


def several_steps(w: World) -> Example:
    return w.rng.choice([chain, chain, multiple, multiple, two_lookups])(w)


def chain(w: World) -> Example:
    """A sum, and another one with its result."""
    x, y, z = w.number(), w.number(), w.number(1, 2)
    operator, then = w.among("+", "-", "*"), w.among("+", "-", "*")
    low = w.among("{command}", "work out {phrase}", "take {phrase}").format(
        command=COMMANDS[operator].format(x=x, y=y), phrase=w.rng.choice(PHRASES[operator]).format(x=x, y=y)
    )
    request = w.rng.choice(ASK_CHAIN).format(first=upper(low), low=low, second=SECOND[then].format(z=z))
    between = worked_out(x, operator, y)
    second, total = f"{between} {then} {z}", worked_out(between, then, z)
    turns = [calls("calculate", expression=f"{x} {operator} {y}"), returns(between)]
    turns += [calls("calculate", expression=second), returns(total), says(f"{second} = {total}")]
    return Example("several steps", [user(request), *turns], toolbox(w, [CALCULATE], (0, 1, 2)))


def multiple(w: World) -> Example:
    """A lookup, and a sum with its result."""
    it, v, n = Lookup(w), w.number(), w.number(1, 2)
    request = w.rng.choice(ASK_MULTIPLE).format(n=n, at=it.at, s=it.s)
    total = worked_out(n, "*", v)
    turns = [it.call(), returns(v), calls("calculate", expression=f"{n} * {v}"), returns(total)]
    turns += [says(f"{n} * {v} = {total}")]
    return Example("several steps", [user(request), *turns], toolbox(w, [it.tool, CALCULATE], (0, 1)))


def two_lookups(w: World) -> Example:
    it, other, v1, v2 = Lookup(w), key(w), w.value(), w.value()
    request = w.rng.choice(ASK_TWO).format(at=it.at, s=it.s, other=other)
    turns = [it.call(), returns(v1), it.call(other), returns(v2)]
    turns += [says(f"The {it.at} of {it.s} is {v1}. The {it.at} of {other} is {v2}.")]
    return Example("several steps", [user(request), *turns], toolbox(w, [it.tool], (0, 1, 2)))


def tool_not_needed(w: World) -> Example:
    """Tools are there, and the right thing is to talk."""
    if w.chance(0.3):
        it = Lookup(w)
        box = [t for t in toolbox(w, [], (1, 2, 3)) if it.at not in str(t)]
        return Example(
            "tool not needed", [user(it.request), says(NO_TOOL)], box or [WEEKDAY], also=(DO_NOT_KNOW,)
        )
    talk = small_talk(w) if w.chance(0.6) else glossary(w)
    also = (NO_TOOL,) if talk.messages[-1]["content"] == DO_NOT_KNOW else ()
    return Example("tool not needed", talk.messages, toolbox(w, [], (1, 1, 2, 3)), also=also)
