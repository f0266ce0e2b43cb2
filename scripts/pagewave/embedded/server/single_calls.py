"""models.generateContent: one request, answered at once, by the tier that it asks for."""

import asyncio
import hashlib
import math
import random
from itertools import count
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pagewave.embedded.server import answers
from pagewave.embedded.server.answers import Refused
from pagewave.embedded.server.attachments import images_of
from pagewave.embedded.server.calls import body_of
from pagewave.embedded.server.jobs import Jobs
from pagewave.embedded.server.wire import HTTP_OF_RPC, ApiError, BadRecord, check_request, pick

TIERS = ("unspecified", "standard", "flex", "priority")
TIER_HEADER = "x-gemini-service-tier"
A_DAY = "GenerateRequestsPerDayPerProjectPerModel"
"""How Google calls the quota of a day (in a 429's details)."""


class SingleCalls:
    """Handler of generateContent. It counts calls by the number in which they came."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.store = jobs.store
        self.log = jobs.log
        self._numbers = count(1)

    async def generate(self, request: Request) -> Response:
        """models.generateContent: read after as long as the pace says, whoever still listens"""
        body = await body_of(request)
        number, model = next(self._numbers), str(request.path_params["model"])
        try:
            check_request(body, "request")
            images = images_of(body, self.store)
            key = self.jobs.names.key_of(images[0]) if images else ""
            tier = str(pick(body, "serviceTier") or "standard")
            if tier not in TIERS:
                raise ApiError(400, f'Invalid value at "service_tier": "{tier}"')
            full = request.state.faults.get("tier-full")
            if full and full.tier == tier:
                raise ApiError(503, "The model is overloaded. Please try again later.")
            patience = request.headers.get("x-server-timeout")
            about = {"tier": tier, "model": model, "timeout": patience}
            self.log.write("call", call=number, key=key, **about)
            if "day-limit" in request.state.faults:
                _refuse_for_today()
            faults = self.jobs.draw("record", key)
            await asyncio.sleep(self._seconds(key, number))
            reading = self.store.readings(key) + 1
            response = await asyncio.get_running_loop().run_in_executor(
                self.jobs.pool,
                answers.respond,
                *(key, body, images, model, self.jobs.read, reading, faults),
            )
        except BadRecord as error:
            raise ApiError(400, str(error)) from error
        except Refused as refusal:
            raise ApiError(HTTP_OF_RPC.get(refusal.code, 500), refusal.message) from refusal
        self.store.count_inference(key)
        digest = hashlib.sha256(await request.body()).hexdigest()
        self.log.write("inference", batch=None, call=number, key=key, line=0, sha256=digest)
        fault = request.state.faults.get("other-tier")
        served = fault.tier if fault else tier.replace("unspecified", "standard")
        if "usageMetadata" in response:
            response["usageMetadata"]["serviceTier"] = served
        return JSONResponse(response, headers={TIER_HEADER: served})

    def _seconds(self, key: str, number: int) -> float:
        """How long this call takes: log-normal, the same in every run for a page's first call."""
        pace = self.jobs.pace
        if not pace.call_seconds:
            return 0.0
        seed = f"{pace.seed}:{key}:{number if not key else self.store.readings(key)}"
        return random.Random(seed).lognormvariate(math.log(pace.call_seconds), pace.call_sigma)


def _refuse_for_today() -> NoReturn:
    violation = {"quotaId": A_DAY, "quotaValue": "10000"}
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    detail = {"@type": kind, "violations": [violation]}
    message = "You exceeded your current quota, please check your plan and billing details."
    raise ApiError(429, message, details=[detail])
