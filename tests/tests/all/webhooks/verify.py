"""Verifies deliveries with Standard Webhooks' own library for Python.

Reads a JSON object per line: `secret`, `headers`, `body`, and `ahead`, by how many seconds the clock is ahead. Writes `good`,
or `refused` and the library's reason.
"""

import json
import sys
from datetime import datetime, timedelta

from standardwebhooks import webhooks


def clock(ahead):
    """The library's clock, so much later."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + timedelta(seconds=ahead)

    return Later


for line in sys.stdin:
    case = json.loads(line)
    webhooks.datetime = clock(case["ahead"])
    try:
        webhooks.Webhook(case["secret"]).verify(case["body"], case["headers"])
        print("good")
    except (webhooks.WebhookVerificationError, json.JSONDecodeError, ValueError) as refusal:
        print("refused", str(refusal).splitlines()[0])
