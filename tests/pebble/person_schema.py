"""A JSON schema with a choice and a bounded number, for the tests of constrained decoding."""

PERSON = {
    "type": "object",
    "properties": {
        "job": {"enum": ["cook", "smith"]},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["job", "age"],
    "additionalProperties": False,
}
