"""The image in a request: its body, or the one file of a form; never more than the limit of it."""

from __future__ import annotations

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

# What a form's boundaries and the heads of its parts may take beside the file.
_FORM_ROOM = 2**16


async def image_content(request: Request, most: int) -> bytes:
    """Raises HTTPException: 413 above `most` bytes, 400 for what holds no file."""
    form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    bounded = _bounded(request, most, most + _FORM_ROOM if form else most)
    try:
        content = await _file_of(bounded, most) if form else await bounded.body()
    except ClientDisconnect:
        raise HTTPException(400, "the connection ended before the image did") from None
    if not content:
        raise HTTPException(400, "no image: send the file as the body, or as the one file of a form")
    return content


async def _file_of(request: Request, most: int) -> bytes:
    async with request.form(max_files=1, max_fields=16) as form:
        file = next((value for _, value in form.multi_items() if isinstance(value, UploadFile)), None)
        if file is None:
            raise HTTPException(400, "the form holds no file: give its part a file name")
        if (file.size or 0) > most:
            raise _too_large(most)
        return await file.read()


def _bounded(request: Request, most: int, whole: int) -> Request:
    """The same request, which breaks off where its body becomes larger than `whole`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > whole:
        raise _too_large(most)
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > whole:
            raise _too_large(most)
        return message

    return Request(request.scope, receive)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the image has more than {most / 2**20:g} MB")
