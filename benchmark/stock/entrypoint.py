"""Starts the stock stack: the toolkit with its defaults.

What is set here is only what lets it run beside another server, and without root: where its files
lie, and how it finds its own process.
"""

import os
import tempfile
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent


def main() -> None:
    os.environ["PYTHONPATH"] = str(HERE)
    # reads the environment when it is imported
    from sagemaker_inference import model_server

    def find_server() -> psutil.Process:
        pid_file = Path(tempfile.gettempdir(), ".model_server.pid")
        return psutil.Process(int(pid_file.read_text()))

    model_server.MMS_CONFIG_FILE = str(Path(tempfile.gettempdir(), "mms.properties"))
    model_server._retrieve_mms_server_process = find_server
    model_server.start_model_server(handler_service="handler_service")


if __name__ == "__main__":
    main()
