"""The words that Pebble's examples are made of, and which of them are kept for the tests.

Pebble must copy what stands before it rather than recite what it once saw. So half of all names and things
are listed words and the other half are made up from syllables, millions of them, from the first step on. A
sixth of every list, a tenth of all made-up words and of all longer numbers never occur in training:
`World(fresh=True)` speaks in these alone.
"""

import random
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def words(text: str) -> list[str]:
    return text.split()


ONSETS = words("b bl br c ch d dr f fl fr g gl gr h j k kr l m n p pl pr qu r s sh sk sl sm st t tr v w y z")
NUCLEI = words("a a a e e e i i i o o o u u ai ea ee ou oo")
CODAS = words("b ck d f g k l l lt m mp n n nd ng nt p r r rn rt s s sk st t th v x")

PEOPLE = words("""
    Anna Ben Clara David Elena Felix Greta Hugo Ida Jonas Karin Leo Mia Noah Olga Paul Rosa Simon Tara Victor
    Wanda Xenia Yusuf Zoe Amir Bella Carlos Dana Emil Fatima Gustav Hana Ivan Julia Kofi Lena Marco Nina Oscar
    Priya Quentin Ruth Sofia Tom Ursula Vera Walter Yara Zeno Alma Bruno Celia Dora Erik Flora Georg Hilda
    Igor Jana Lukas Maria Nora Otto Petra Rafael Sara Theo Uma Vincent Will Agnes Boris Chen Diego Esther
    Farid Gina Henry Ines Jakob Kim Laura Max Nadia Omar Pia Robert Stella Tim Viola Wen Yuki Adam Birgit
    Cora Daniel Eva Frank Lucy John""")
FAMILIES = words("""
    Berg Costa Dahl Eriksen Fischer Garcia Hansen Ito Jensen Kowalski Larsen Meyer Novak Olsen Petrov Rossi
    Silva Tanaka Urban Vogel Weber Young Zimmer Adler Brandt Cohen Diaz Ender Frey Gruber Huber Ivanov Kaya
    Lang Moreau Nagel Okafor Peters Quist Reed Stone Torres Ullman Wagner Yilmaz Ziegler Baker Carter Ellis
    Foster""")
CITIES = words("""
    Oslo Lima Rome Paris Berlin Madrid Vienna Zurich Geneva Basel Bern Prague Warsaw Athens Cairo Delhi Tokyo
    Kyoto Seoul Hanoi Manila Sydney Perth Quito Bogota Havana Boston Chicago Denver Dallas Toronto Montreal
    Lagos Nairobi Accra Tunis Lisbon Porto Dublin London Leeds York Bergen Turku Riga Vilnius Milan Turin
    Naples Venice Hamburg Munich Dresden Leipzig Cologne Lyon Nantes Ghent Bruges Utrecht""")
JOBS = words("""
    baker teacher nurse pilot farmer painter welder doctor driver singer lawyer waiter carpenter plumber
    gardener librarian dentist fisherman tailor butcher cook judge engineer chemist mason clerk barber
    sailor miner potter florist referee banker guard editor dancer poet actor optician brewer jeweller
    translator surveyor architect biologist mechanic electrician firefighter historian shepherd""")
THINGS = words("""
    lamp chair table clock book boat kite drum bell ladder bucket basket blanket mirror candle hammer spoon
    bottle kettle violin guitar piano bicycle tent tractor camera radio phone printer carpet jacket scarf
    hat coat shirt ring crown sword shield map compass rope anchor wheel engine pump brush pencil notebook
    envelope stamp coin barrel window door gate bridge tower fountain statue garden oven fridge sofa pillow
    towel umbrella helmet saddle flute trumpet telescope microscope puzzle doll sled canoe""")
PLACES = words("""
    harbour museum library bridge market theatre school hospital station castle temple factory bakery
    lighthouse garden park stadium cinema hotel mill quarry airport tunnel palace archive observatory zoo
    brewery chapel gallery""")
ATTRIBUTES = words("""
    price weight height width length age colour owner code motto capital password name number address size
    speed depth area population temperature score rank date title author founder director language currency
    material shape flavour leader origin budget salary balance status version level symbol nickname secret
    mascot engine recipe teacher weather stock phone email manager deadline rent rating room""")
COLOURS = words(
    "red blue green yellow black white brown grey orange purple pink silver golden violet turquoise"
)
ANIMALS = words("""
    cat dog horse cow sheep goat pig hen duck goose rabbit mouse fox wolf bear deer owl crow frog fish turtle
    parrot donkey hedgehog""")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words("January February March April May June July August September October November December")
UNITS = words("""
    euros dollars francs kilos grams tons metres kilometres miles litres hours minutes days years degrees
    points pages seats rooms steps""")
ADJECTIVES = words("""
    old new small big round wooden quiet bright heavy famous narrow empty broken lovely strange simple warm
    cold soft hard""")
VERBS = words("""
    collect paint sell repair build buy clean carry count draw find grow hide hold keep know lend like lose
    love make move need open own pack play polish pull push read rent ride see send show steal study throw
    trade use want wear write bake borrow design cook deliver photograph restore protect guard weigh import
    invent film teach""")


class World:
    """Draws words, from those for training or, if `fresh`, from those never seen in training."""

    def __init__(self, rng: random.Random, fresh: bool = False) -> None:
        self.rng = rng
        self.fresh = fresh

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def among(self, *choices: T) -> T:
        return self.rng.choice(choices)

    def one(self, *makers: Callable[[], str]) -> str:
        return self.rng.choice(makers)()

    def of(self, listed: Sequence[T]) -> T:
        """One of a list, of which every sixth entry is kept for the tests."""
        kept = [item for n, item in enumerate(listed) if (n % 6 == 5) == self.fresh]
        return self.rng.choice(kept or listed)

    def word(self) -> str:
        """A made-up word such as "tolvik"."""
        while True:
            syllables = range(self.among(1, 2, 2, 2, 3))
            made = "".join(self.rng.choice(ONSETS) + self.rng.choice(NUCLEI) for _ in syllables)
            made += self.rng.choice(CODAS) if self.chance(0.7) else ""
            if 3 <= len(made) <= 12 and kept_for_tests(made) == self.fresh:
                return made

    def Word(self) -> str:  # noqa: N802 - the name shows what it makes
        return self.word().capitalize()

    def mix(self, listed: Sequence[str], made_up: float = 0.5) -> str:
        return self.word() if self.chance(made_up) else self.of(listed)

    def person(self) -> str:
        first = self.Word() if self.chance(0.5) else self.of(PEOPLE)
        family = self.Word() if self.chance(0.5) else self.of(FAMILIES)
        return f"{first} {family}" if self.chance(0.5) else first

    def city(self) -> str:
        return self.Word() if self.chance(0.5) else self.of(CITIES)

    def job(self) -> str:
        return self.mix(JOBS, 0.3)

    def thing(self) -> str:
        return self.mix(THINGS, 0.4)

    def adjective(self) -> str:
        return self.mix(ADJECTIVES, 0.2)

    def place(self) -> str:
        return self.mix(PLACES, 0.3)

    def attribute(self) -> str:
        return self.mix(ATTRIBUTES, 0.5)

    def colour(self) -> str:
        return self.mix(COLOURS, 0.2)

    def verb(self) -> str:
        return self.mix(VERBS, 0.4)

    def number(self, *digits: int) -> str:
        """A whole number of one to four digits (or of one of the given lengths)."""
        n = self.rng.choice(digits or (1, 2, 2, 3, 3, 4))
        while True:
            made = str(self.rng.randint(10 ** (n - 1), 10**n - 1))
            if n < 3 or kept_for_tests(made) == self.fresh:
                return made

    def decimal(self) -> str:
        return f"{self.number(1, 2, 3)}.{self.rng.randint(1, 9)}"

    def amount(self) -> str:
        return f"{self.number()} {self.of(UNITS)}"

    def year(self) -> str:
        return str(self.rng.randint(1500, 2040))

    def time(self) -> str:
        return f"{self.rng.randint(6, 22)}:{self.among('00', '15', '30', '45')}"

    def day(self) -> str:
        return self.rng.choice(DAYS)

    def month(self) -> str:
        return self.rng.choice(MONTHS)

    def code(self) -> str:
        return "".join(self.rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(2)) + self.number(2, 3)

    def some_things(self) -> str:
        """tolviks, red lamps, a lamp, the lamp"""
        return self.one(
            self.word,
            lambda: plural(self.thing()),
            lambda: f"{self.adjective()} {plural(self.thing())}",
            lambda: f"the {self.thing()}",
            lambda: a(self.thing()),
            lambda: a(f"{self.adjective()} {self.thing()}"),
        )

    def value(self) -> str:
        """Something that an attribute may be."""
        return self.one(
            self.word, self.word, self.number, self.number, self.amount, self.colour, self.person, self.city,
            self.code, self.thing, self.some_things, lambda: f"{self.adjective()} and {self.adjective()}",
        )  # fmt: skip

    def entity(self) -> str:
        """Something that has attributes: a person, a city, the museum of Oslo, the old lamp."""
        return self.one(
            self.person,
            self.person,
            self.city,
            self.Word,
            lambda: f"the {self.place()} of {self.city()}",
            lambda: f"the {self.place()}",
            lambda: f"the {self.thing()}",
            lambda: f"the {self.adjective()} {self.thing()}",
            lambda: f"{self.person()}'s {self.thing()}",
        )

    def object(self) -> str:
        return self.one(
            lambda: f"the {self.thing()}",
            lambda: f"the {self.adjective()} {self.thing()}",
            lambda: f"the {self.place()}",
            lambda: f"the {self.place()} of {self.city()}",
            self.Word,
        )


def kept_for_tests(word: str) -> bool:
    return zlib.crc32(word.lower().encode()) % 10 == 0


def third_person(verb: str) -> str:
    """carry -> carries, teach -> teaches, paint -> paints"""
    if verb.endswith(("s", "x", "z", "ch", "sh")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2:-1] not in "aeiou" else verb + "s"


def plural(thing: str) -> str:
    return third_person(thing)  # English spells both alike


def a(word: str) -> str:
    """a lamp, an oven"""
    return ("an " if word[0].lower() in "aeiou" else "a ") + word


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]
