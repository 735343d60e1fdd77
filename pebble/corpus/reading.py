"""Questions to be answered out of given sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pebble.corpus.example import Example, lines, says, user
from pebble.corpus.relations import ATTRIBUTE, DOER, SEEN, TERM, Relation, Wording
from pebble.corpus.world import World, upper

NOT_IN_SOURCES = "That is not in the sources."


@dataclass(frozen=True)
class Fact:
    relation: Relation
    slots: dict[str, str]
    subject: str
    sentence: str
    question: str

    def about(self, subject: str) -> "Fact":
        """The same fact about somebody else."""
        sentence = self.sentence.replace(self.subject, subject)
        if self.sentence.startswith(upper(self.subject)):
            sentence = upper(subject) + self.sentence[len(self.subject) :].replace(self.subject, subject)
        return replace(self, subject=subject, sentence=sentence)

    @property
    def topic(self) -> tuple[Relation, str, str | None, str | None]:
        """Of whom it says what. An attribute ("at") and a deed ("verb") have names of their own."""
        return self.relation, self.subject, self.slots.get("at"), self.slots.get("verb")


AROUND = lines("""
    {q}?
    {q}?
    {q}?
    {q}?
    {q}?
    {q}?
    Tell me: {q}?
    {q}, please?
    I would like to know: {q}?
    Please answer: {q}?
    Can you say {q}?
    According to the text, {q}?""")


def fact(w: World, relations: Sequence[Wording], subject: str = "") -> Fact:
    drawn = w.rng.choice(relations)
    relation = drawn if isinstance(drawn, Relation) else drawn(w)
    subject = subject or relation.subject(w)
    slots = {"s": subject} | relation.slots(w)  # a term of the glossary brings its own subject
    subject = slots["s"]
    slots |= {upper(name): upper(text) for name, text in slots.items()}
    sentence = w.rng.choice(lines(relation.sentences)).format(**slots)
    question = w.rng.choice(lines(relation.questions)).format(**slots)
    return Fact(relation, slots, subject, upper(sentence), upper(w.rng.choice(AROUND).format(q=question)))


LAYOUTS = [
    "Sources:\n{sources}\nQuestion: {q}",
    "Sources:\n{sources}\nQuestion: {q}",
    "Sources:\n{sources}\n\nQuestion: {q}",
    "{sources}\n{q}",
    "{sources}\n\n{q}",
    "Use the sources.\n{sources}\n{q}",
    "Context:\n{sources}\n\nQuestion: {q}\nAnswer with the source.",
    "Question: {q}\nSources:\n{sources}",
    "Question: {q}\nSources:\n{sources}",
    "{q}\n{sources}",
    "{q}\n\n{sources}",
]


def cited(sentence: str, number: int) -> str:
    """The shop closes at six [2].

    The number stands right behind the last word, so that it can be copied as all else is: as what followed
    the last two tokens before. Behind the full stop it would follow ". [" in every source, and in front of
    the sentence it would have to be known in all its words; both were tried, and the number stayed a guess.
    """
    return f"{sentence[:-1]} [{number}]."


def prompt(w: World, sentences: list[str], question: str) -> str:
    """Numbered sources and a question."""
    numbered = [cited(sentence, n) for n, sentence in enumerate(sentences, 1)]
    return w.rng.choice(LAYOUTS).format(sources=w.among("\n", "\n", "\n", " ").join(numbered), q=question)


def reading(
    w: World, count: int, relations: Sequence[Wording] = SEEN, answerable: bool = True, twins: float = 0.35
) -> Example:
    """A question about one of `count` facts. Others share its subject or wording, lest one word decide.

    twins: how often another sentence is the same but for its subject; nothing else then tells which to cite.
    """
    asked = fact(w, relations)
    sentences = [asked.sentence] if answerable else []
    while len(sentences) < count:
        if w.chance(twins) and asked.relation not in (DOER, TERM):
            other = asked.about(asked.relation.subject(w))
        elif w.chance(0.4):
            others = [r for r in relations if r is ATTRIBUTE or r is not asked.relation]
            other = fact(w, others, asked.subject)
        elif w.chance(0.35) and asked.relation is not TERM:
            other = fact(w, [asked.relation])
        else:
            other = fact(w, w.among(relations, SEEN))
        if other.sentence not in sentences and other.topic != asked.topic:
            sentences.append(other.sentence)
    w.rng.shuffle(sentences)
    answer = cited(asked.sentence, sentences.index(asked.sentence) + 1) if answerable else NOT_IN_SOURCES
    kind = "unknown" if not answerable else "one source" if count == 1 else "several sources"
    return Example(kind, [user(prompt(w, sentences, asked.question)), says(answer)])
