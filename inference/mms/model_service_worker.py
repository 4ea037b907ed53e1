"""Where Java looks for the program of its workers, below ``model_server_home``.

It is run without PYTHONPATH, in which Multi Model Server (MMS) would name the model's folder: what
lies in there must not be imported.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

    from serving import worker

    worker.main(sys.argv[1:], os.environ)
