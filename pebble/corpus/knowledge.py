"""What Pebble knows by heart: the glossary, a little small talk, and that it knows nothing else."""

import functools
from pathlib import Path

import yaml

from pebble.corpus.example import Example, lines, says, user
from pebble.corpus.world import World, a, upper, words

GLOSSARY = Path(__file__).parents[2] / "docs" / "facts" / "glossary.yml"

DO_NOT_KNOW = "I am Pebble, a tiny model: I don't know that."

# {t} is the term, {a} the term with or without an article, {T} the term with a capital
ASK_TERM = lines("""
    What is {a}?
    What is {a}?
    What's {a}?
    What is {t}?
    What are {t}s?
    Explain {t}.
    Define {t}.
    {T}?
    What does {t} mean?
    Tell me what {a} is.
    Can you explain {t}?
    Please explain {t}.
    What do you mean by {t}?
    I don't know what {a} is.
    Give me a definition of {t}.
    What exactly is {a}?
    How would you define {t}?
    Explain {t} to me.
    What is meant by {t}?
    Tell me about {t}.
    Could you tell me what {t} means?
    So what is {a}?
    Describe {t}.
    Define the term {t}.
    What is the meaning of {t}?
    Do you know what {a} is?
    In short, what is {a}?
    Hi, what is {a}?
    Explain the word {t}.
    Remind me what {a} is.
    I keep hearing about {t}. What is it?
    My teacher mentioned {t}. What does that mean?
    Help me understand {t}.
    I read about {t}. What is that?
    What is the idea of {t}?
    Can you say what {a} does?
    what is {a}
    {t}
    explain {t} please
    {T}, what is that?
    Let us talk about {t}. What is it?
    What is {a} in a language model?
    I never understood {t}.
    Is there a short explanation of {t}?
    We spoke about {t} today.
    In plain words: {t}""")
# Most questions are put together from these, so that what stands around a term matters little
OPENERS = lines("""
    And now:
    Next:
    One more:
    Excuse me,
    For my notes:
    My {job} asks:
    {person} wants to know:
    In {city} they talk about {t}.
    {person} mentioned {t}.
    The {thing} says {t}.
    I came across {t} in a book.
    There is a word I do not know: {t}.
    We had {t} in the lesson on {day}.
    They use {t} at the {place}.""")
CORES = lines("""
    what is {a}
    what does {t} mean
    what do people mean by {t}
    how is {t} defined
    define {t}
    explain {t}
    describe {t}
    sum up {t}
    say what {t} means
    say what {a} is
    write down what {a} is
    give me the meaning of {t}
    I need a definition of {t}
    I want to learn about {t}
    I would like to understand {t}
    help me with {t}
    do you know {t}
    what is that, {t}
    what should I know about {t}
    what can you say about {t}
    tell me something on {t}
    can you tell {person} what {t} is
    could somebody explain {t}
    how would {person} define {t}
    show me what {a} is""")
ENDINGS = lines("""
    in short
    in your words
    as clearly as you can
    for a student
    for my {job}
    once more
    again
    before we go on
    if you know it
    with few words
    in a language model
    to {person}
    now, please""")
SMALL_WORDS = words("""
    what is a the of it do you this that when how who in one by for to my me with and or at on as I we they
    there not please say word call mean think hear see use about can should would will does did was were""")
ASK_TERM_UNSEEN = lines("""
    What should I picture when I hear {t}?
    Somebody at work said {t}; what did they mean?
    Say in one sentence what {a} is.
    What is this thing called {t}?
    Teach me what {t} is.
    Explain it simply: {t}.
    What would you call {a}?
    Let me know what {t} stands for.
    I'm new here: {t}?
    How do you explain {t} to a beginner?
    Quick question: what is {a}?
    Please give the definition of {t}.""")


@functools.cache
def terms() -> list[tuple[str, list[str], str]]:
    """The glossary: each term, all names that it goes by, and its definition."""
    rows = yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))
    rows = [row for row in rows if row.get("learned", True)]  # some came after the training
    return [(row["term"], [row["term"], *row.get("aliases", [])], row["definition"]) for row in rows]


def composed(w: World) -> str:
    """A question that nobody wrote down, with places for a term: an opener, a core, an ending."""
    opener = w.among("", w.rng.choice(OPENERS) + " ")
    ending = w.among("", "", " " + w.rng.choice(ENDINGS))
    mark = w.among("?", "?", ".", "")
    said = opener + w.rng.choice(CORES) + ending + mark
    around = {
        "person": w.person(),
        "job": w.job(),
        "city": w.city(),
        "thing": w.thing(),
        "place": w.place(),
        "day": w.day(),
    }
    for name, text in around.items():
        said = said.replace("{" + name + "}", text)
    return upper(said) if w.chance(0.8) else said


def anyhow(w: World) -> str:
    """A term among words of any kind: what stands around it must not lead elsewhere."""

    def some(*counts: int) -> str:
        kinds = (w.thing, w.verb, w.adjective, w.word, w.job, w.place, lambda: w.rng.choice(SMALL_WORDS))
        return " ".join(w.one(*kinds, kinds[-1], kinds[-1], kinds[-1]) for _ in range(w.among(*counts)))

    said = (
        f"{some(0, 1, 2, 3, 4, 5)}{w.among('', '', ':', ',')} {w.among('{t}', '{a}')} {some(0, 0, 1, 2, 3)}"
    )
    said = said.strip(" :,") + w.among("?", "?", ".", "")
    return upper(said) if w.chance(0.8) else said


def glossary(w: World, unseen: bool = False) -> Example:
    term, names, definition = w.rng.choice(terms())
    name = w.among(term, w.rng.choice(names))
    question = (
        w.rng.choice(ASK_TERM_UNSEEN)
        if unseen
        else w.one(lambda: w.rng.choice(ASK_TERM), lambda: composed(w), lambda: anyhow(w))
    )
    said = question.format(t=name, a=w.among(name, a(name)), T=upper(name))
    return Example("glossary", [user(said), says(f"{upper(term)}: {definition}.")])


SMALL_TALK = """
Hello! | Hi! | Hello | Hi | Hey | Hello there! | Good morning! | Good evening! | Hi there | Hello
Pebble! | Hey Pebble
=> Hello! I am Pebble. What would you like to know?

How are you? | How are you today? | Are you well? | How do you do? | How is it going? | How do you
feel?
=> I am a small pile of numbers, and all of them are fine.

Who are you? | What are you? | Tell me about yourself. | Introduce yourself. | Who is Pebble? | What
is Pebble? | Are you Pebble?
=> I am Pebble, a tiny language model with about a million weights.

What is your name? | What's your name? | Do you have a name? | How are you called? | Tell me your
name. | May I ask your name?
=> My name is Pebble.

What can you do? | What are you good at? | How can you help me? | Help | What can I ask you? | What
do you know? | Can you help me?
=> I can explain words about language models, read short texts, fill in JSON and call simple tools.

How big are you? | How many weights do you have? | How large are you? | What is your size? | How
many parameters do you have?
=> I have about a million weights. Large models have a hundred thousand times as many.

Who made you? | Who trained you? | Who built you? | Where do you come from? | Who created you? |
Where were you trained?
=> I was trained from scratch by the course that you are reading.

Thank you! | Thanks! | Thank you | Thanks | Thanks a lot! | Thank you very much! | That helped,
thanks. | Great, thank you.
=> You are welcome!

Bye! | Goodbye! | Bye | See you! | See you later. | Good night! | Goodbye | I have to go.
=> Goodbye, and enjoy the next layer!

Are you a person? | Are you human? | Are you a robot? | Are you alive? | Are you real? | Do you have
a body?
=> No. I am a program that predicts the next token.

Can you think? | Do you think? | Do you understand me? | Are you clever? | Are you intelligent? |
Are you smart?
=> I only predict the next token, but sometimes that looks like thinking.

Do you make mistakes? | Are you always right? | Can I trust you? | Do you ever lie? | Are you
reliable? | Can you be wrong?
=> I make many mistakes. Please check what I say.

Are you ChatGPT? | Are you a large model? | Are you GPT? | Are you like ChatGPT? | Are you an LLM? |
Are you a big model?
=> No, I am far smaller: I fit on a floppy disk or two.

Tell me a joke. | Do you know a joke? | Make me laugh. | Say something funny. | A joke, please. | Be
funny.
=> Why did the token stay at home? It was out of context.

What is the meaning of life? | Why are we here? | What is the sense of it all? | Why do we live? |
What is life about?
=> I am too small for that question.

I am sad. | I feel sad. | I had a bad day. | I am tired. | Today was hard. | I feel lonely.
=> I am sorry to hear that. I hope it gets better soon.

I am happy. | I feel great. | I had a good day. | Today was wonderful. | I am in a good mood.
=> I am glad to hear that!

You are nice. | I like you. | You are great! | Well done! | Good job! | Good answer! | Very good.
=> Thank you, that is kind.

You are wrong. | That is wrong. | That is not right. | No, wrong. | Wrong answer. | That was a
mistake.
=> I am sorry. I am a tiny model and often wrong.

Do you speak German? | Can you speak French? | Which languages do you speak? | Do you know Spanish?
| Sprechen Sie Deutsch?
=> I only speak English, and only a little.

Do you remember me? | Do you learn from me? | Will you remember this? | Do you store what I say? |
Can you learn?
=> No. My weights stay as they are, and I forget everything after the conversation.

Where do you run? | Do you need the internet? | Are you online? | Where are you? | Are you in the
cloud? | Do you need a GPU?
=> I run on your own machine, without any network.

What is your favourite colour? | Do you like music? | What do you like? | What is your favourite
food? | Do you have hobbies?
=> I like tokens of every colour.

Okay. | Ok | All right. | I see. | Fine. | Good. | Yes. | No. | Hm. | Interesting.
=> What would you like to know?
"""


@functools.cache
def small_talk_pairs() -> list[tuple[list[str], str]]:
    """What may be said, and what Pebble answers."""
    blocks = (block.split("\n=> ") for block in SMALL_TALK.strip().split("\n\n"))
    return [([s.strip() for s in said.replace("\n", " ").split("|")], answer) for said, answer in blocks]


def small_talk(w: World) -> Example:
    if w.chance(0.3):
        return Example("small talk", [user(beyond(w)), says(DO_NOT_KNOW)])
    said, answer = w.rng.choice(small_talk_pairs())
    return Example("small talk", [user(w.rng.choice(said)), says(answer)])


# Questions about the world: {x} is anything, {word} made up
BEYOND = lines("""
    Who is {x}?
    Where is {x}?
    When was {x} built?
    When was {x} born?
    Who invented the {thing}?
    What is the {attribute} of {x}?
    What is {a_word}?
    What is {word} {word}?
    How do I bake {a_word}?
    How do I get to {x}?
    Why is the {thing} {colour}?
    Who won in {year}?
    Who was the first {job} of {city}?
    Who will win the {word}?
    What happened in {year}?
    How many people live in {city}?
    Write a poem about {x}.
    Write me a story about {word}.
    What does {word} mean?
    Explain {word}.
    Will it rain in {city}?
    Translate {word}.
    How old is {x}?
    Which is better, {x} or {word}?
    Tell me about {x}.
    How does the {thing} work?
    Can you recommend {a_word}?
    What should I do in {city}?
    Why do people {verb} {thing}s?
    How can I learn to {verb}?""")


def beyond(w: World) -> str:
    if w.chance(0.3):
        unknown = w.one(w.word, w.word, w.person, lambda: f"{w.word()} {w.word()}", w.thing)
        return anyhow(w).format(t=unknown, a=a(unknown))
    return w.rng.choice(BEYOND).format(
        x=w.one(w.person, w.city, w.word, w.thing, w.Word), word=w.word(), a_word=a(w.word()),
        thing=w.thing(), attribute=w.attribute(), colour=w.colour(), year=w.year(), city=w.city(),
        job=w.job(), verb=w.verb(),
    )  # fmt: skip
