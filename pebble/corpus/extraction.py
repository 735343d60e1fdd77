"""Fields of a text as JSON, in the order asked for."""

import json

from pebble.corpus.example import Example, lines, says, user
from pebble.corpus.world import World, a, plural, upper

PERSON = lines("""
    {name}, {age} years old, is {a_job} from {city}.
    {name} is {a_job}, is {age} and lives in {city}.
    {name} ({age}) works as {a_job} in {city}.
    My name is {name}, I am {age} years old and I work as {a_job} in {city}.
    {name} from {city} is {age} years old. {name} works as {a_job}.
    In {city} lives {name}, {a_job}, aged {age}.
    {name} is {age} years old. {name} lives in {city} and works as {a_job}.
    Our new colleague {name} is {a_job}. Age: {age}. City: {city}.""")
ORDER = lines("""
    {name} ordered {quantity} {item} for {price} euros.
    {name} would like {quantity} {item}. The price is {price} euros.
    Please send {quantity} {item} to {name}, it costs {price} euros.
    Order: {quantity} {item}, {price} euros, for {name}.
    {quantity} {item} were bought by {name} at {price} euros.
    {name} paid {price} euros for {quantity} {item}.""")
MEETING = lines("""
    The meeting is on {day} at {time}.
    We meet on {day} at {time}.
    Come on {day} at {time}.
    {day}, {time}.
    Please be there on {day} at {time}.""")
OTHER = lines("""
    The {key} is {value}.
    {Key}: {value}.
    {Key}: {value}.
    The {key} will be {value}.
    It has {value} as its {key}.
    With the {key} {value}.""")
REQUESTS = [
    "Extract {keys} as JSON: {text}",
    "Extract the {spoken} as JSON.\n{text}",
    "{text}\nGive me JSON with the keys {keys}.",
    "{text}\nReturn the {spoken} as JSON.",
    "Text: {text}\nJSON keys: {keys}",
    "Write the {spoken} of this text as JSON: {text}",
    "Make JSON with {spoken}.\n\n{text}",
    "{text} Extract {spoken} as JSON.",
    "JSON please, keys {spoken}: {text}",
]


def extraction(w: World) -> Example:
    fields: dict[str, object] = {"name": w.person()}
    sentences = []
    shape = w.among("person", "person", "order", "order", "other")
    if shape == "person":
        fields |= {"age": int(w.number(1, 2)), "job": w.job(), "city": w.city()}
        sentences.append(w.rng.choice(PERSON).format(**fields, a_job=a(str(fields["job"]))))
    elif shape == "order":
        fields |= {
            "item": plural(w.thing()),
            "quantity": int(w.number(1, 2)),
            "price": int(w.number(1, 2, 3)),
        }
        sentences.append(w.rng.choice(ORDER).format(**fields))
    else:
        del fields["name"]
    if w.chance(0.3):
        fields |= {"day": w.day(), "time": w.time()}
        sentences.append(w.rng.choice(MEETING).format(**fields))
    for _ in range(w.among(1, 2, 3) if shape == "other" else w.among(0, 0, 1, 1, 2)):
        key, value = w.attribute(), w.value()
        if key not in fields:
            fields[key] = int(value) if value.isdigit() else value
            wording = w.rng.choice(OTHER)
            sentences.append(wording.format(key=key, Key=upper(key), value=value))
    keys = w.rng.sample(list(fields), min(len(fields), w.among(1, 2, 3, 3, 4)))
    if w.chance(0.06):  # a field that the text does not have
        keys.insert(w.rng.randint(0, len(keys)), missing := w.word())
        fields[missing] = None
    if w.chance(0.5):
        w.rng.shuffle(sentences)
    spoken = keys[0] if len(keys) == 1 else ", ".join(keys[:-1]) + " and " + keys[-1]
    request = w.rng.choice(REQUESTS).format(keys=", ".join(keys), spoken=spoken, text=" ".join(sentences))
    answer = json.dumps({key: fields[key] for key in keys}, ensure_ascii=False)
    return Example("extraction", [user(request), says(answer)])
