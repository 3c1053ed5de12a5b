"""Serve a cascade over HTTP, with concurrent requests gathered into batches.

A request is the content of one image file; the answer is JSON with the class, the confidence, the stage at which the image
left, and whether the prediction is accepted. The extra `serve` has what is needed: pip install 'wee[serve]'.

    wee calibrate task=cov@10 budget.macs=1e6            # after make demo: a cascade
    wee data images=outputs/images                       # the test images of the demo, as files
    python examples/serve.py outputs/cascades/digits-tiny-cov10 --port 8000
    curl --data-binary @outputs/images/0/00032-digit-0010-0.png http://127.0.0.1:8000/predict
    curl http://127.0.0.1:8000/                          # counts, and whether the images are like those of calibration

A batch is what has arrived while the batch before it ran, and within a few milliseconds more. One cascade runs one batch at a
time, in a thread of its own, so that the server goes on reading requests.

`GET /` compares the decisions since the server started with those on the test set: the share of accepted images, and the shares
that reach each stage. `fits_calibration` is false if the images cannot be from the distribution of the test set, and `warning`
then says which shares differ. The probability of a false alarm is at most 1 in 10,000 each time that somebody looks. Images are
taken to depend on each other like the test samples, and count as fewer (`counted_as`), unless --independent says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import math
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wee.cascade.description import CascadeDescription
from wee.cascade.drift import ACCEPTS_NOTHING, compare_counts, independent_samples, record, warning
from wee.cascade.module import Cascade, RunOptions
from wee.cascade.predict import Predictor
from wee.data.images.listing import Listing
from wee.errors import WeeError
from wee.method import NO_LABEL

try:
    import uvicorn
    from fastapi import FastAPI, HTTPException, Request
except ImportError as error:
    sys.exit(f"serve: {error.name} is not installed: pip install 'wee[serve]'")

MOST_BYTES = 20 * 2**20
"""The largest body of a request, in bytes."""

MOST_PIXELS = 50_000_000
"""The largest image. A small file can hold an image that fills the memory."""


class Unusable(ValueError):
    """An image that cannot be classified; the message says why."""


def classifier(cascade: Cascade) -> Callable[[Sequence[bytes]], list[dict[str, Any] | Unusable]]:
    """Return a function that classifies the contents of image files as one batch."""

    def classify(files: Sequence[bytes]) -> list[dict[str, Any] | Unusable]:
        names = [str(place) for place in range(len(files))]
        sizes, labels = [len(content) for content in files], np.full(len(files), NO_LABEL)
        listing = Listing(Path("request"), names, labels, [], sizes, files.__getitem__)
        unreadable: dict[str, str] = {}
        answers: dict[str, dict[str, Any] | Unusable] = {
            row.file: {
                "label": row.label,
                "class": row.name,
                "confidence": row.confidence,
                "stage": row.stage,
                "accepted": row.accepted,
            }
            for row in Predictor(cascade, listing).rows(range(len(files)), unreadable)
        }
        answers |= {name: Unusable("the image is damaged") for name in unreadable}
        return [answers[name] for name in names]

    return classify


class Watch:
    """Counts decisions, and compares their shares with those on the test set.

    Args:
        description: of the cascade.
        independent: whether the images are independent of each other; otherwise they are taken to depend on each other like
            the test samples.
    """

    def __init__(self, description: CascadeDescription, independent: bool) -> None:
        self._description, self._independent = description, independent
        self._accepted, self._leaving = 0, [0] * len(description.stages)

    def add(self, answer: dict[str, Any]) -> None:
        """Count the decision about one image."""
        self._accepted += answer["accepted"]
        self._leaving[answer["stage"] - 1] += 1

    def report(self) -> dict[str, Any]:
        """Return how many predictions there were, what their shares are compared with, and warnings, as JSON data."""
        shares = compare_counts(self._description, self._accepted, self._leaving, self._independent)
        nothing = None if math.isfinite(self._description.acceptance) else ACCEPTS_NOTHING
        warnings = [text for text in (nothing, warning(self._description, shares)) if text is not None]
        count = sum(self._leaving)
        return {
            "predictions": count,
            "counted_as": independent_samples(self._description, count, self._independent),
            "shares": record(shares),
            "fits_calibration": not any(share.differs for share in shares) if shares else None,
            "warning": "; ".join(warnings) or None,
        }


@dataclass
class Batcher:
    """Gathers concurrent requests into batches.

    Attributes:
        classify: classifies the contents of image files as one batch.
        watch: counts the decisions.
        size: the largest number of requests in a batch.
        wait: how long a request waits for others, in seconds.
        waiting: how many requests may wait; more are turned away.
        requests, batches: how many there have been.
    """

    classify: Callable[[Sequence[bytes]], list[dict[str, Any] | Unusable]]
    watch: Watch
    size: int = 64
    wait: float = 0.005
    waiting: int = 1024
    requests: int = 0
    batches: int = 0

    def __post_init__(self) -> None:
        self._queue: asyncio.Queue[tuple[bytes, asyncio.Future[Any]]] = asyncio.Queue(self.waiting)

    async def ask(self, content: bytes) -> dict[str, Any]:
        """Return the answer for one image.

        Raises:
            Unusable: the image cannot be classified.
            asyncio.QueueFull: too many requests are waiting.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((content, future))
        answer: dict[str, Any] = await future
        return answer

    async def run(self) -> None:
        """Classify batch after batch, until cancelled."""
        while True:
            batch = await self._next()
            self.requests, self.batches = self.requests + len(batch), self.batches + 1
            try:
                answers: Sequence[Any] = await asyncio.to_thread(self.classify, [content for content, _ in batch])
            except Exception as error:  # one batch that fails must not stop the server
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if isinstance(answer, dict):
                    self.watch.add(answer)
                if future.done():  # the client has gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _next(self) -> list[tuple[bytes, asyncio.Future[Any]]]:
        """Wait for a request, and return it with those that arrive soon after."""
        batch = [await self._queue.get()]
        loop = asyncio.get_running_loop()
        end = loop.time() + self.wait
        while len(batch) < self.size:
            try:
                batch.append(await asyncio.wait_for(self._queue.get(), end - loop.time()))
            except TimeoutError:
                break
        return batch


def check_header(content: bytes) -> None:
    """Check, without decoding it, that a request holds an image of a reasonable size.

    Raises:
        HTTPException: 400 if it is no image, 413 if it is too large.
    """
    if not content:
        raise HTTPException(400, "the request is empty: send the content of an image file as its body")
    try:
        width, height = Image.open(io.BytesIO(content)).size
    except (OSError, Image.DecompressionBombError):
        raise HTTPException(400, "the body of the request is not an image: send the content of an image file") from None
    if width * height > MOST_PIXELS:
        raise HTTPException(413, f"the image has {width} x {height} pixels; at most {MOST_PIXELS:,} are allowed")


async def body_of(request: Request) -> bytes:
    """Read the body of a request, and no more of it than is allowed.

    Raises:
        HTTPException: 413 if it is too large.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"the request is larger than {MOST_BYTES:,} bytes")
    return bytes(content)


def application(cascade: Cascade, size: int, wait: float, independent: bool) -> FastAPI:
    """Return the web application around a cascade.

    Args:
        cascade: loaded from a folder.
        size: the largest number of requests in a batch.
        wait: how long a request waits for others, in seconds.
        independent: whether the images are independent of each other; see `Watch`.
    """
    description = cascade.description
    assert description is not None
    watch = Watch(description, independent)
    batcher = Batcher(classifier(cascade), watch, size, wait)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()

    app = FastAPI(title=f"{description.task} on {description.dataset}", lifespan=lifespan)

    @app.get("/")
    async def status() -> dict[str, Any]:
        return {
            "task": description.task,
            "classes": list(description.classes),
            "requests": batcher.requests,
            "batches": batcher.batches,
            **watch.report(),
        }

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        content = await body_of(request)
        check_header(content)
        try:
            return await batcher.ask(content)
        except Unusable as error:
            raise HTTPException(400, str(error)) from None
        except asyncio.QueueFull:
            raise HTTPException(503, "too many requests are waiting; try again later") from None

    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve a cascade over HTTP.")
    parser.add_argument("cascade", type=Path, help="the folder that wee calibrate has made")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from other machines")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--batch-size", type=int, default=64, help="the largest number of requests in a batch")
    parser.add_argument("--wait", type=float, default=0.005, help="how long a request waits for others, in seconds")
    parser.add_argument("--device", default="cpu", help="cuda for an accelerator")
    parser.add_argument("--independent", action="store_true", help="the images are independent of each other")
    given = parser.parse_args(arguments)
    try:
        cascade = Cascade.load(given.cascade, RunOptions(given.device))
    except WeeError as error:
        sys.exit(f"serve: {error}")
    app = application(cascade, given.batch_size, given.wait, given.independent)
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
