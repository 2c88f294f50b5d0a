"""The grid's own run on MLflow, the parent of its runs; ending it waits for the server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from common import provenance, tracking
from common.tracking.server_choice import target_of
from grid_search.plan import Plan


@contextmanager
def grid_run(plan: Plan, server, dataset: str) -> Iterator:
    """The grid's own run, the parent of its runs; ends with its `status`, or FAILED if none was set."""
    begun = tracking.begun(plan.folder)
    arrays = {name: " | ".join(values) for name, values in plan.varies.items()}
    tracked = tracking.start(
        plan.folder,
        server,
        experiment=plan.experiment,
        name=f"grid of {len(plan.runs)} {dataset} {plan.name[-8:]}",
        parameters={"module": plan.module, "runs": len(plan.runs), "metric": plan.metric, **arrays},
        tags={"grid": plan.name, **provenance.provenance()},
        resume=begun,
        source=plan.module,
    )
    tracked.status = "FAILED"
    try:
        yield tracked
    except KeyboardInterrupt:
        tracked.status = "KILLED"
        raise
    finally:
        print(tracked.finish(tracked.status))


def servers(plan: Plan, server) -> str:
    """Where the runs are tracked, as a path relative to a run's folder, valid on every node."""
    return json.dumps([target_of(plan.folder, uri) for uri in (server.uri, server.wanted)])
