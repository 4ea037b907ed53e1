"""Names that the Python code and the Java extension of MMS share: docs/contract.md.

``mms/src/unet/Contract.java`` and ``mms/log4j2.xml`` have the same; ``tests/unit/contract.json``
holds both sides to it.
"""

# a header of a worker's answer: the request is in the log; the header goes no further
LOGGED_HEADER = "x-unet-logged"

# headers of a request, as the worker sees it; what clients send of the kind is removed
QUERY_HEADER = "x-unet-query"  # the query string, as it came; absent where there is none
FORM_HEADER = "x-unet-content-type"  # of a form, whose bytes are handed over as they came

CLIENT_GONE = 499  # the status, in the log, of what was not computed because nobody waits for it

# environment variables
MULTI_MODEL = "SAGEMAKER_MULTI_MODEL"  # SageMaker sets it to "true"
LOAD_ERRORS = "UNET_LOAD_ERRORS"  # the folder of files with reasons why models were not loaded
GONE = "UNET_GONE"  # the folder of files named by the requests whose clients have gone
PROGRESS = "UNET_PROGRESS"  # the folder of files that tell how many tiles of a request are done

# Java's system properties
DRAIN_SECONDS = "unet.drainSeconds"
PORT = "unet.port"
TIMEOUT_SECONDS = "unet.timeoutSeconds"  # that a worker may compute
PAGE = "unet.page"  # a folder
DESCRIPTION = "unet.openapi"  # a file
ORIGINS = "unet.corsOrigins"  # separated by commas
LOG_LEVEL = "unet.logLevel"
MMS_LOG_LEVEL = "unet.mmsLogLevel"

# the main class; MMS's launcher names its own after it
MAIN_CLASS = "unet.Server"

# in the folder mms/
JAR = "build/mms_endpoints.jar"
NATIVE_LIBRARIES = "build/native"
LOG_CONFIGURATION = "log4j2.xml"

# beside the folder mms/
PAGE_FOLDER = "page"
DESCRIPTIONS = "openapi"
