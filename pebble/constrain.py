"""Only what a grammar allows, JSON of a schema for example: which tokens may come next, at each step.

The grammar is the work of llguidance: before each token it says which ones keep the text correct, and only
among those may `sample.generate` choose. What the model says remains its own, and may still be wrong.
"""

from copy import copy
from functools import lru_cache
from typing import Any, Self

import numpy as np

from pebble.tokenizer import END, SPECIAL, Tokenizer


class Grammar:
    """Constraint that lets through only what a grammar in llguidance's dialect of Lark derives."""

    def __init__(self, lark: str, tokenizer: Tokenizer) -> None:
        import llguidance  # only those who constrain need it

        self._matcher = llguidance.LLMatcher(_vocabulary(tokenizer), lark, log_level=0)

    def copy(self) -> Self:
        """The same at its beginning, which is quicker than to build it anew. Nothing may be accepted yet."""
        twin = copy(self)
        twin._matcher = self._matcher.deep_copy()
        return twin

    def allowed(self) -> np.ndarray:  # [V] of bool
        return np.frombuffer(self._matcher.compute_logit_bias(), np.uint8) > 0

    def accept(self, token: int) -> None:
        self._matcher.consume_token(token)

    @property
    def problem(self) -> str | None:
        """Why the grammar cannot be enforced, if so."""
        return str(self._matcher.get_error()).splitlines()[0] if self._matcher.is_error() else None


class JsonSchema(Grammar):
    """Constraint that lets only JSON through that fits a schema.

    Raises ValueError for a schema that cannot be enforced.
    """

    def __init__(self, schema: dict[str, Any], tokenizer: Tokenizer) -> None:
        from llguidance import LLMatcher

        # at most one space, as in the model's training
        lark = LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_pattern": "[ ]?"})
        super().__init__(lark, tokenizer)
        if self.problem:
            raise ValueError(f"This JSON schema cannot be enforced: {self.problem}")


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Tokenizer) -> Any:
    import llguidance

    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Vocabulary(tokenizer)))


class _Vocabulary:
    """Our tokenizer in the shape that llguidance asks for."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.eos_token_id, self.bos_token_id = END, None
        self.tokens = [tokenizer.bytes_of[n] for n in range(len(tokenizer.vocab))]
        self.special_token_ids = list(range(len(SPECIAL)))
        self._encode = tokenizer.encode

    def __call__(self, text: str) -> list[int]:
        return self._encode(text)
