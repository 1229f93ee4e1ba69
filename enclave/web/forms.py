"""Reads a posted form into a pydantic model, so that no handler sees an unchecked field.

Never keeps a file: our forms have none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from enclave.errors import Invalid
from enclave.web.typed import remember

Form = TypeVar("Form", bound=BaseModel)


def with_form(
    model: type[Form],
) -> Callable[[Callable[[Request, Form], Response]], Callable[[Request], Awaitable[Response]]]:
    """Turn `handler(request, form)` into an endpoint that reads `model` from the posted form.

    A field given several times becomes a list. Give the model `extra="forbid"`. The handler runs
    in a worker thread, so it may block. Raises `Invalid`, naming fields but never their values.
    """

    def decorate(
        handler: Callable[[Request, Form], Response],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            form = await _read(request, model)
            return await run_in_threadpool(handler, request, form)

        return endpoint

    return decorate


async def _read(request: Request, model: type[Form]) -> Form:
    async with request.form(max_files=0, max_fields=200) as posted:
        several = {name: posted.getlist(name) for name in posted}
    remember(request, (str(value) for given in several.values() for value in given))
    values = {name: given[0] if len(given) == 1 else given for name, given in several.items()}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'form'}: {e['msg']}" for e in error.errors()]
        raise Invalid(
            f"The form was not accepted: {'; '.join(faults)}.",
            hint="Go back, correct it and send it again.",
        ) from error
