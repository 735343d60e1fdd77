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
    """The first thing that pydantic found wrong with a request, in words for the one who sent it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        detail = first["msg"].removeprefix("Invalid JSON: ")
        return Refused(400, f"The body of the request is not valid JSON: {detail}.")
    # a union's branches appear in the path as class names and the like; a field's name never holds brackets
    path = [str(part) for part in first["loc"] if not (isinstance(part, str) and not part.isidentifier())]
    param = ".".join(part for part in path if part not in ("str", "list")) or None
    if first["type"] == "extra_forbidden":
        return Refused(400, f"Unrecognized request argument supplied: {param}", param=param)
    if first["type"] == "missing":
        return Refused(
            400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
        )
    where = f"Invalid value for '{param}'" if param else "Invalid request"
    return Refused(400, f"{where}: {first['msg']}.", param=param, code="invalid_value")
