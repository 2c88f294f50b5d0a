"""Records in a run's folder what the run does; `mlflow_mirror` sends the record to MLflow.

server = choose_server(None, output_dir)
run = start(folder, server, RunInfo("ball", "first", parameters={"filters": "8 8 16 16"}))
run.metrics({"loss": 0.1}, step=1)
print(run.finish("FINISHED"))
"""

from common.tracking.journal import begun, last_status
from common.tracking.run import Run, RunInfo, add_files, start
from common.tracking.server_choice import Server, choose_server

__all__ = ["Run", "RunInfo", "Server", "add_files", "begun", "choose_server", "last_status", "start"]
