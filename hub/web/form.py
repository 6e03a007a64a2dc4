"""Reading the small forms of our own pages."""

from urllib.parse import parse_qs

from fastapi import Request

from hub.contracts.errors import Incorrect

LONGEST_FORM_BYTES = 16 * 1024


async def form_of(request: Request, longest_bytes: int = LONGEST_FORM_BYTES) -> dict[str, str]:
    """The first value of each field, without blanks around it. Raises Incorrect (400) for what is no small form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != "application/x-www-form-urlencoded" or len(body) > longest_bytes:
        raise Incorrect("This is no form of the page.", remedy="Decide with the buttons of the page.", http_status=400)
    try:
        found = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise Incorrect("The form cannot be read.", remedy="Send it again.", http_status=400) from None
    return {name: values[0].strip() for name, values in found.items()}
