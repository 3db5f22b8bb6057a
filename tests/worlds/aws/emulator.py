"""The emulated AWS API of these tests, as a process of its own: prints its address, runs until it is ended.

moto's interpreter of state machines does not pass the parameters of a task through the API's shapes (its
`_normalise_parameters` is empty, 5.2.5), so that `StateMachineArn`, or a JSON value as S3's `Body`, fails there only.
The functions that do it are in the same class; this puts them to use. It knows no StartSyncExecution either, which is
StartExecution and a wait here.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid

# The interpreter finds the API by this setting, so the port is chosen before moto is imported.
with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]
os.environ["MOTO_PORT"] = str(PORT)

from moto.core.config import default_user_config

default_user_config["batch"] = {"use_docker": False}
default_user_config["lambda"] = {"use_docker": False}
default_user_config["stepfunctions"] = {"execute_state_machine": True}

from moto.server import ThreadedMotoServer  # noqa: E402
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service  # noqa: E402
from moto.stepfunctions.responses import StepFunctionResponse  # noqa: E402


def _normalise_parameters(self, parameters, boto_service_name=None, service_action_name=None):  # type: ignore[no-untyped-def]
    import boto3

    service = self._get_boto_service_name(boto_service_name)
    action = self._get_boto_service_action(service_action_name)
    client = boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[action]).input_shape
    self._to_boto_request(parameters, shape)


state_task_service.StateTaskService._normalise_parameters = _normalise_parameters


def _start_sync_execution(self):  # type: ignore[no-untyped-def]
    from moto.core.responses import ActionResult

    arn, given = self._get_param("stateMachineArn"), self._get_param("input", if_none="{}")
    execution = self.stepfunction_backend.start_execution(arn, str(uuid.uuid4()), given)
    while str(execution.status).endswith("RUNNING"):
        time.sleep(0.01)
    output = execution.output if isinstance(execution.output, str) else json.dumps(execution.output)
    found = {
        "executionArn": execution.execution_arn,
        "startDate": execution.start_date,
        "stopDate": execution.stop_date,
        "status": str(execution.status).rpartition(".")[2],
        "output": output if execution.output is not None else None,
        "error": execution.error,
        "cause": execution.cause,
    }
    return ActionResult({name: value for name, value in found.items() if value is not None})


StepFunctionResponse.start_sync_execution = _start_sync_execution

if __name__ == "__main__":
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=PORT, verbose=False)
    server.start()
    print(f"http://127.0.0.1:{PORT}", flush=True)
    threading.Event().wait()
