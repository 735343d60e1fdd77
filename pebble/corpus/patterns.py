"""Copying, learning in context, and plain sentences of a small world."""

from pebble.corpus.example import Example, lines, says, user
from pebble.corpus.world import ADJECTIVES, ANIMALS, COLOURS, DAYS, PEOPLE, PLACES, THINGS, World, a

REPEAT = [
    "Repeat: {text}",
    "Say after me: {text}",
    "Repeat after me: {text}",
    "Copy this: {text}",
    "Write this again: {text}",
    'Say "{text}"',
    "{text}\nRepeat that.",
]


def anything(w: World) -> str:
    return w.one(w.word, w.word, w.number, w.person, w.code, w.thing, w.adjective, w.some_things)


def repeat(w: World) -> Example:
    text = w.among(" ", " ", ", ").join(anything(w) for _ in range(w.rng.randint(1, 9)))
    return Example("repeat", [user(w.rng.choice(REPEAT).format(text=text)), says(text)])


ASK_PAIR = [
    "{table}\n{name}{sign}",
    "{table}\n{name}{sign}",
    "{table}\nWhat is {name}?",
    "{table}\nWhich belongs to {name}?",
    "Learn this: {table}. Now: {name}?",
]


def pairs(w: World) -> Example:
    """A table made up on the spot, and a question about it: learning in context."""
    table = {
        w.one(w.word, w.word, w.person, w.thing): w.one(w.word, w.word, w.number, w.colour)
        for _ in range(w.rng.randint(2, 8))
    }
    sign, asked = w.among(" = ", ": ", " -> ", " is ", " means "), w.rng.choice(list(table))
    listed = w.among("\n", "\n", ", ", "; ").join(name + sign + value for name, value in table.items())
    request = w.rng.choice(ASK_PAIR).format(table=listed, name=asked, sign=sign.rstrip())
    return Example("pairs", [user(request), says(asked + sign + table[asked])])


OPENINGS = lines("""
    Once upon a time there was {an_animal} with {a_colour} {thing}.
    On {day} {who} went to the {place}.
    {who} had {an_adjective} {thing}.
    There was once {an_adjective} {animal} who lived near the {place}.
    The {animal} sat on the {thing}.
    One day {who} found {a_colour} {thing} in the {place}.""")
MIDDLES = lines("""
    {who} liked the {thing} very much.
    The {animal} was {adjective} and hungry.
    It was a sunny day.
    It was a rainy day.
    {pal} came along and said: "What a {adjective} {thing}!"
    The {thing} was {colour}.
    Then {pal} lost the {thing}.
    The {animal} ran through the {place} and looked for food.
    {who} and {pal} played with the {animal}.
    The sun was yellow and the sky was blue.
    "Where is my {thing}?" asked {who}.
    {who} gave the {thing} to {pal}.
    They walked to the {place} together.""")
ENDINGS = lines("""
    In the end they went home and slept well.
    {who} was happy again.
    And they were friends for ever.
    The end.
    From that day on the {animal} was never alone.
    So {who} learned to take care of the {thing}.""")
TRUTHS = lines("""
    The sky is blue.
    Grass is green.
    Fire is hot and ice is cold.
    The cat sat on the mat.
    The dog barks at night.
    Fish swim in the sea.
    Birds fly in the sky.
    Snow is white.
    The sun rises in the east.
    One, two, three, four, five, six, seven, eight, nine, ten.
    Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday.
    A week has seven days.
    The opposite of hot is cold.
    The opposite of big is small.
    The opposite of old is new.""")


def story(w: World) -> Example:
    if w.chance(0.25):
        return Example("story", text=" ".join(w.rng.sample(TRUTHS, w.rng.randint(1, 4))))
    cast = {
        "who": w.rng.choice(PEOPLE[:24]),
        "pal": w.rng.choice(PEOPLE[:24]),
        "animal": w.rng.choice(ANIMALS),
        "thing": w.rng.choice(THINGS[:40]),
        "place": w.rng.choice(PLACES[:16]),
        "day": w.rng.choice(DAYS),
        "colour": w.rng.choice(COLOURS[:10]),
        "adjective": w.rng.choice(ADJECTIVES),
    }
    cast |= {
        "an_animal": a(cast["animal"]),
        "a_colour": a(cast["colour"]),
        "an_adjective": a(cast["adjective"]),
    }
    told = [w.rng.choice(OPENINGS), *w.rng.sample(MIDDLES, w.rng.randint(1, 4)), w.rng.choice(ENDINGS)]
    return Example("story", text=" ".join(told).format(**cast))
