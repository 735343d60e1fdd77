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
# Every beginning is one token behind a space ("a cold day") and another without one ("cold"); copying from
# one place to the other has to be learned for each.
BEGINNINGS = [
    onset + vowel + coda
    for onset in ("", *ONSETS)
    for vowel in "aeiouy"
    for coda in words("b c ck d f g l ld m n nd ng p r rg s sh st t th v w x z")
]
CODAS = words("b ck d f g k l l lt m mp n n nd ng nt p r r rn rt s s sk st t th v x")

PEOPLE = words("""
    Anna Ben Clara David Elena Felix Greta Hugo Ida Jonas Karin Leo Mia Noah Olga Paul Rosa Simon Tara
    Victor Wanda Xenia Yusuf Zoe Amir Bella Carlos Dana Emil Fatima Gustav Hana Ivan Julia Kofi Lena Marco
    Nina Oscar Priya Quentin Ruth Sofia Tom Ursula Vera Walter Yara Zeno Alma Bruno Celia Dora Erik Flora
    Georg Hilda Igor Jana Lukas Maria Nora Otto Petra Rafael Sara Theo Uma Vincent Will Agnes Boris Chen
    Diego Esther Farid Gina Henry Ines Jakob Kim Laura Max Nadia Omar Pia Robert Stella Tim Viola Wen Yuki
    Adam Birgit Cora Daniel Eva Frank Lucy John Alice Andrew Anneke Arthur Beatrice Bernard Bridget Camille
    Caroline Charles Chloe Claire Connor Dennis Dmitri Edith Edward Elias Eleanor Ella Emma Ethan Fiona
    George Gabriel Grace Hannah Harry Hassan Helen Isaac Isabel Jack James Jane Jasmine Joan Joseph Karim
    Kate Kevin Laila Laurence Leonard Linda Louis Margaret Martha Martin Matilda Michael Miriam Mohammed
    Monica Nathan Nicolas Olivia Oliver Pablo Patrick Peter Philip Rachel Rebecca Richard Ronald Rupert
    Samuel Sandra Sebastian Sergei Sheila Stephen Susan Tariq Teresa Thomas Timothy Valentina Veronica
    Vivian Walid William Yvonne Zara Aisha Ahmed Akira Bilal Chiara Elif Giulia Ingrid Jorge Kenji Leila
    Mehmet Nikhil Ravi Sakura Sven Wei""")
FAMILIES = words("""
    Berg Costa Dahl Eriksen Fischer Garcia Hansen Ito Jensen Kowalski Larsen Meyer Novak Olsen Petrov Rossi
    Silva Tanaka Urban Vogel Weber Young Zimmer Adler Brandt Cohen Diaz Ender Frey Gruber Huber Ivanov Kaya
    Lang Moreau Nagel Okafor Peters Quist Reed Stone Torres Ullman Wagner Yilmaz Ziegler Baker Carter Ellis
    Foster Allen Anderson Bailey Bennett Brooks Brown Campbell Chan Clarke Collins Cooper Cox Davies Dixon
    Dubois Evans Fletcher Ford Fox Gibson Gonzalez Graham Grant Gray Green Hall Harris Hill Hughes Hunter
    Jackson Johnson Jones Kelly Khan Kim King Knight Lewis Lopez Marshall Martinez Mason Miller Mitchell
    Moore Morgan Morris Murphy Murray Nguyen Palmer Park Parker Patel Perez Phillips Powell Price Roberts
    Robinson Rogers Russell Ryan Sanchez Schmidt Scott Shaw Simpson Singh Smith Stewart Taylor Thompson
    Turner Walker Ward Watson White Williams Wilson Wood Wright Wu Yamamoto Zhang""")
CITIES = words("""
    Oslo Lima Rome Paris Berlin Madrid Vienna Zurich Geneva Basel Bern Prague Warsaw Athens Cairo Delhi
    Tokyo Kyoto Seoul Hanoi Manila Sydney Perth Quito Bogota Havana Boston Chicago Denver Dallas Toronto
    Montreal Lagos Nairobi Accra Tunis Lisbon Porto Dublin London Leeds York Bergen Turku Riga Vilnius Milan
    Turin Naples Venice Hamburg Munich Dresden Leipzig Cologne Lyon Nantes Ghent Bruges Utrecht Amsterdam
    Ankara Antwerp Auckland Baghdad Bangkok Barcelona Beirut Belfast Belgrade Bilbao Bordeaux Bremen Bristol
    Brussels Bucharest Budapest Cardiff Casablanca Chennai Copenhagen Cordoba Dakar Damascus Dortmund Dubai
    Durban Edinburgh Florence Frankfurt Galway Gdansk Genoa Glasgow Granada Graz Halifax Hanover Helsinki
    Houston Istanbul Jakarta Jerusalem Johannesburg Karachi Kiel Kiev Krakow Lahore Lille Liverpool Lucerne
    Luxembourg Malmo Manchester Marseille Melbourne Mexico Miami Minsk Monaco Mumbai Nagoya Newcastle Nice
    Odessa Osaka Ottawa Oxford Palermo Phoenix Plymouth Pisa Rabat Rotterdam Salzburg Santiago Seattle
    Seville Shanghai Singapore Sofia Stockholm Strasbourg Stuttgart Taipei Tallinn Tampere Tbilisi Toulouse
    Trieste Uppsala Valencia Vancouver Verona Winnipeg Yokohama Zagreb""")
JOBS = words("""
    baker teacher nurse pilot farmer painter welder doctor driver singer lawyer waiter carpenter plumber
    gardener librarian dentist fisherman tailor butcher cook judge engineer chemist mason clerk barber
    sailor miner potter florist referee banker guard editor dancer poet actor optician brewer jeweller
    translator surveyor architect biologist mechanic electrician firefighter historian shepherd accountant
    archaeologist artist astronaut astronomer bookkeeper bookseller captain carer cleaner coach composer
    conductor consultant courier critic curator decorator designer detective developer diplomat director
    diver economist farmhand forester geologist glazier goldsmith guide hairdresser herbalist hunter
    illustrator inspector instructor interpreter inventor journalist locksmith magician manager mayor
    merchant midwife minister musician novelist officer paramedic pharmacist philosopher photographer
    physicist pianist playwright policeman porter postman printer producer professor programmer publisher
    ranger receptionist reporter roofer salesman scientist sculptor secretary senator smith soldier steward
    student surgeon tanner technician therapist tiler toolmaker trainer undertaker vet violinist weaver
    zoologist""")
THINGS = words("""
    lamp chair table clock book boat kite drum bell ladder bucket basket blanket mirror candle hammer spoon
    bottle kettle violin guitar piano bicycle tent tractor camera radio phone printer carpet jacket scarf
    hat coat shirt ring crown sword shield map compass rope anchor wheel engine pump brush pencil notebook
    envelope stamp coin barrel window door gate bridge tower fountain statue garden oven fridge sofa pillow
    towel umbrella helmet saddle flute trumpet telescope microscope puzzle doll sled canoe apple arrow axe
    bag ball balloon banana bandage banner bar battery beam bean bed bench berry bin biscuit bolt bomb bone
    boot bowl box bracelet branch bread brick broom bulb bus butter button cabin cabinet cable cage cake
    calculator calendar candy card cart carrot case chain cheese cherry chest chocolate cigar cloth coffee
    collar comb computer contract cork cotton cradle crane crate cream cube cup cupboard curtain cushion
    desk diamond dice dish document dress drill egg elevator engraving eraser factory feather fence file
    flag flask flower flowerpot fork frame freezer fruit fuse game glass globe glove glue goblet grape
    guidebook handle harp hook horn horseshoe house jar jewel jug juice kennel key keyboard knife knot label
    lace lawn leaf leather lemon lens letter lever lid light lock locker loaf log machine magnet mailbox
    mask mat match meal medal medicine melon menu microphone milk mop motor mug nail necklace needle net
    newspaper nut onion orange orchid package page paint pan panel paper parcel passport path pear pearl pen
    pepper photograph picture pie pin pipe plane plank plant plate plug poem poster pot potato pram present
    programme purse quilt rack radiator raft rail razor record ribbon rice rifle rocket roof rose rubber rug
    ruler sail salt sandwich sauce saw scale scissors screen screw seed sheet shelf shell ship shoe shovel
    sign signal silk sink skirt sledge slipper soap sock song soup spade spring square stair steak stick
    stone stool stove straw string stripe suit suitcase sugar sweater switch tablet tank tap tape tea
    telephone television thread ticket tie tile tin toaster tool tooth torch toy track train trap tray
    treasure tree trousers truck tube tulip tunnel vase vegetable vest wallet wardrobe watch weapon whip
    whistle wine wire wool yacht zip account agreement answer bill bonus budget bug calculation certificate
    chapter code concert course data database delivery design diary discount email essay event exam form
    guarantee idea image insurance invoice lecture lesson licence list loan message meeting method model
    movie network note offer opinion order payment plan policy prize process product project promise proof
    proposal question receipt refund report request reservation rule sample schedule sentence server service
    shipment story summary survey system task team test theory toolbox trip upgrade version video visa vote
    voucher warning website workshop""")
PLACES = words("""
    harbour museum library bridge market theatre school hospital station castle temple factory bakery
    lighthouse garden park stadium cinema hotel mill quarry airport tunnel palace archive observatory zoo
    brewery chapel gallery abbey academy aquarium arena attic ballroom bank bar barn barracks basement bay
    beach bookshop border cafe camp canal canteen casino cathedral cave cellar cemetery church classroom
    clinic club coast college corridor cottage court courtyard crossroads desert dock embassy farm field
    forest fort gym hall hill hostel island jungle junction kitchen laboratory lake laundry lodge meadow
    monastery monument mosque motorway mountain nursery office opera orchard pharmacy pier pond port prison
    pub reception restaurant river road shop shore square street studio supermarket swamp synagogue terminal
    terrace university valley village vineyard warehouse waterfall well windmill wood workshop yard""")
ATTRIBUTES = words("""
    price weight height width length age colour owner code motto capital password name number address size
    speed depth area population temperature score rank date title author founder director language currency
    material shape flavour leader origin budget salary balance status version level symbol nickname secret
    mascot engine recipe teacher weather stock phone email manager deadline rent rating room accent access
    acidity agent aim altitude altar angle answer artist assistant average award background barcode bedtime
    birthday border brand breadth brightness builder buyer capacity captain category cause centre champion
    chapter charge chief class climate coach company composition concern condition content contract cost
    country count course cover creator creed crew customer cycle damage dance decade degree delay density
    department destination diameter diet direction discount distance district doctor dose drink driver
    duration duty editor effect elevation ending energy entrance event exit factor fee fame fate favourite
    feature file flag flower focus force format fortune friend fuel function gender goal grade grammar group
    growth guest guide habit hair head heat hero hobby holiday home hometown host humidity idea image income
    index ingredient interest inventor investor island job judge kind king label landlord lawyer layer
    licence life limit link list loan lock logo loss luck maker map mark master maximum mayor meaning
    measure medium member message method minimum minister mission mistake mode model mood mother movement
    music nationality neighbour noise note novel object office opinion opponent order organiser outcome
    output page parent park partner passenger path patron pattern payment peak period permission pet phase
    pilot place plan player plot policy portion position power prefix president pressure priest prince
    principle prize problem procedure producer product profession profit programme project proof property
    publisher purpose quality quantity queen question quota quote race radius ratio reason record region
    relation religion remedy reply report resolution response result reward rhythm risk river role route
    rule saint sale sample scale schedule school seat season sector seed series service setting share ship
    shop side sign signal singer site skill song sound source speaker speciality species sponsor sport staff
    stage standard start station story strength structure student style subject successor suffix sum
    supplier surname survey system tail target task taste tax team tempo tenant term theme theory threshold
    ticket tide timetable tone topic total tour town trade tradition trainer tree trend trick tutor type
    uniform unit use user vaccine variety venue verdict victim view village visitor voice volume voltage
    vote wage warranty wavelength weakness wealth weapon website wife wind winner wish worker writer year
    zone""")
COLOURS = words("""
    red blue green yellow black white brown grey orange purple pink silver golden violet turquoise crimson
    scarlet navy beige cream ivory lilac maroon olive amber bronze copper teal indigo khaki magenta""")
ANIMALS = words("""
    cat dog horse cow sheep goat pig hen duck goose rabbit mouse fox wolf bear deer owl crow frog fish
    turtle parrot donkey hedgehog ant ape badger bat beaver bee beetle bird bison buffalo bull butterfly
    camel chicken cobra crab crane crocodile cuckoo dolphin dove dragonfly eagle eel elephant falcon ferret
    flea fly gazelle giraffe gorilla hamster hare hawk heron hippo hyena iguana jaguar kangaroo kitten koala
    ladybird lamb leopard lion lizard llama lobster lynx magpie mole monkey moose mosquito moth mule newt
    octopus ostrich otter ox oyster panda panther peacock pelican penguin pigeon pony puppy python raccoon
    rat raven rhino robin salmon seal shark shrimp skunk sloth snail snake sparrow spider squirrel stork
    swan tiger toad trout turkey wasp weasel whale worm zebra""")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words("January February March April May June July August September October November December")
UNITS = words("""
    euros dollars francs kilos grams tons metres kilometres miles litres hours minutes days years degrees
    points pages seats rooms steps weeks months pounds inches feet yards acres tonnes grammes millimetres
    centimetres pints gallons watts volts bytes cents crowns yen rupees people votes copies floors players
    students chapters questions lines words tickets cars""")
ADJECTIVES = words("""
    old new small big round wooden quiet bright heavy famous narrow empty broken lovely strange simple warm
    cold soft hard able absent ancient angry bitter blind bold brave brief broad calm careful cheap clean
    clear clever cool costly crooked cruel curious cute damp dark dead deep dirty double dry dull dusty
    eager early easy elegant evil exact faint fair false fancy fast fat fine firm flat foreign free fresh
    friendly full funny gentle giant gloomy good grand grateful great greedy handsome happy hidden high
    hollow honest hot huge hungry icy ill kind late lazy light local lonely long loose loud low lucky mad
    magic mild modern muddy mute naked nasty neat nervous nice noble noisy odd open pale perfect plain poor
    popular precious pretty private proud public pure quick rare raw ready rich ripe rough rude rusty sad
    safe salty serious shallow sharp shiny short shy silent silly sleepy slim slow smart smooth sour spare
    special square stale steep sticky stiff striped strict strong sweet swift tall tame tasty thick thin
    tidy tight tiny tired tough ugly unique upper urgent useful vague vast vital weak wealthy wet whole
    wicked wide wild wise worn wrong young""")
VERBS = words("""
    collect paint sell repair build buy clean carry count draw find grow hide hold keep know lend like lose
    love make move need open own pack play polish pull push read rent ride see send show steal study throw
    trade use want wear write bake borrow design cook deliver photograph restore protect guard weigh import
    invent film teach add admire admit advise announce answer approve arrange ask assemble attach attack
    avoid bless block boil bring burn calculate call cancel capture catch celebrate change chase check
    choose claim climb colour combine compare complete complain control convert copy correct cover crash
    cross cure damage decide decorate defend delay delete demand describe destroy detect develop discover
    discuss dislike divide donate doubt drag drill drink drop earn eat empty enjoy examine exchange expect
    explain explore export fasten feed fetch fight fill fix fold follow forbid forget forgive fry gather
    give grab greet grind guess guide handle harvest hate heal hear heat help hunt identify ignore imagine
    improve include inspect install introduce invest invite iron join judge kick kill kiss knit knock label
    land launch lift load lock maintain manage mark marry measure melt mention mend mix name note notice
    obey observe obtain offer order organise paste pass perform pick plan plant please pour praise prepare
    present press prevent print produce promise prove publish pump punish question raise reach receive
    recommend record reduce refuse reject release remember remove replace report request rescue respect
    return review reward roll rub rule save scan scrub search select serve sew share shake sharpen shoot
    shut sign sing sketch slice smash solve sort spill split spread squeeze stamp start stir stop store
    stretch suggest supply support surprise suspect swallow sweep swim swing take taste tear test thank tie
    touch train translate transport trust try tune turn type understand unload unlock update visit warn wash
    waste water weave welcome win wipe wish wrap""")


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
            if not self.fresh and self.chance(0.3):  # begin as other words do: "urgolt", "colbrai"
                made = self.rng.choice(BEGINNINGS) + made[: self.among(0, 3, 5)]
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
