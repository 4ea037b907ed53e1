"""Where Java looks for the program of its workers, below ``model_server_home``."""

import os
import sys

if __name__ == "__main__":
    from serving import worker

    worker.main(sys.argv[1:], os.environ)
