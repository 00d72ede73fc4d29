"""Sends with Logfire's SDK, unchanged but for the address, and prints the ids of what it sent."""

import json
import sys

import logfire
from logfire import AdvancedOptions

endpoint = sys.argv[1]
logfire.configure(
    token="pylf_v1_us_0123456789",
    console=False,
    service_name="shop",
    send_to_logfire=True,
    inspect_arguments=False,
    advanced=AdvancedOptions(base_url=endpoint),
)
with logfire.span("work {n}", n=7) as work:
    logfire.force_flush()
    logfire.info("said {what}", what="hello")
logfire.force_flush()
logfire.shutdown()
context = work.get_span_context()
print(json.dumps({"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}))
