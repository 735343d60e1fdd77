"""The one error that a client may cause. Each protocol writes it down in its own way."""

from pydantic import ValidationError


class Refused(Exception):
    """A request that the server will not answer.

    status: HTTP status. message: what is wrong and what to do next. param: the request's field, if one is to
    blame. code: OpenAI's short name for the case. retry_after: seconds after which it may go better.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.retry_after = retry_after


def refusal(error: ValidationError) -> Refused:
    """What pydantic found wrong with a request, in words for the one who sent it.

    Of several errors the one deepest in the request is told: where a field may be of several types, pydantic
    tried them all, and came furthest with the one that was meant.
    """
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    worst = max(errors, key=lambda e: len(e["loc"]))
    if worst["type"] == "json_invalid":
        detail = worst["msg"].removeprefix("Invalid JSON: ")
        return Refused(400, f"The body of the request is not valid JSON: {detail}.")
    path = [*worst["loc"][:1], *filter(is_field, worst["loc"][1:])]
    param = ".".join(map(str, path)) or None
    if worst["type"] == "extra_forbidden":
        return Refused(400, f"Unrecognized request argument supplied: {param}", param=param)
    if worst["type"] == "missing":
        return Refused(
            400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
        )
    where = f"Invalid value for '{param}'" if param else "Invalid request"
    return Refused(400, f"{where}: {worst['msg']}.", param=param, code="invalid_value")


def is_field(part: int | str) -> bool:
    """Whether a part of pydantic's path is in the request. The others are types: 'str', 'list[Item]'."""
    if isinstance(part, int):
        return True
    return part.isidentifier() and part[0].islower() and part not in ("str", "list", "bool")
