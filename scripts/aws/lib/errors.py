"""What AWS, or botocore, says when something is wrong, with the remedy."""

import contextlib
import json
import re
from typing import Any

from botocore.exceptions import ClientError

DEPLOYER = "scripts/aws/policies/deployer-policy.json"
EXECUTION = "scripts/aws/policies/execution-role.json"
INVOKER = "scripts/aws/policies/invoker-policy.json"
LONGEST = 1000  # characters: AWS lists each instance type that it has where one is misspelt
QUOTAS = (
    "in the console of Service Quotas, under Amazon SageMaker, ask for more of what the message "
    "names, or take another --instance-type"
)

# pattern in "operation: code: text" -> what to do; the first match counts, so what is special
# stands before what is general; and names of exceptions before their colon alone: the text of any
# other error may have the role of somebody who signed in by SSO
REMEDIES = (
    # credentials, before any request
    (r"^\w*(SSO|TokenRetrieval|TokenLoad|NoAuthToken|LoginRefresh|LoginError)\w*: ",
     "`aws sso login`, with --profile if you use one; run this again then"),
    (r"ProfileNotFound",
     "`aws configure list-profiles` shows which profiles there are; set AWS_PROFILE to one"),
    (r"NoCredentials|PartialCredentials|CredentialRetrieval|Unable to locate credentials",
     "run `aws configure` or `aws sso login`, or set AWS_PROFILE"),
    (r"NoRegion|must specify a region", "set AWS_REGION, or give --region"),
    (r"InvalidRegion|UnknownRegion|ServiceNotInRegion",
     "a region is called such as eu-central-1; set AWS_REGION, or give --region"),
    (r"EndpointConnection|ConnectTimeout|ProxyConnection|SSLError|ResponseParser|ConnectionClosed|ReadTimeout",
     "check the network, the proxy, and that the region exists: AWS_REGION or --region"),
    # credentials, by the answer
    (r": (ExpiredToken\w*|RequestExpired|TokenRefreshRequired):",
     "these credentials have expired: `aws sso login` where they come from SSO; else replace "
     "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN by new ones"),
    (r": (InvalidClientTokenId|UnrecognizedClient\w*|InvalidAccessKeyId|AuthFailure):",
     "AWS does not know this access key: check AWS_PROFILE and `aws configure list`; a region "
     "that the account has not switched on says the same"),
    (r": (SignatureDoesNotMatch|InvalidSignature\w*):",
     "the secret key is another one than the access key's, or this machine's clock is wrong"),
    # what the execution role may not, or cannot
    (r"(?i)could not (access|download) model data",
     f"attach {EXECUTION} to the role, with this bucket; artifact and endpoint must be in one "
     "region; an artifact under a KMS key needs execution-role-kms.json, too"),
    (r"(?i)could not assume role|cannot be assumed",
     "the role must exist, and scripts/aws/policies/trust-policy.json must be its trust policy; "
     "a new role needs some seconds until it can be assumed"),
    (r"(?i)(image|repository).*(does not grant|ecr:\w+|permission)",
     f"attach {EXECUTION} to the role, with this repository; an image of another account needs a "
     "policy at its repository, too"),
    (r"iam:PassRole",
     f"whoever runs this may not hand over this role: attach {DEPLOYER}, in which the role's name "
     "must be that of --role"),
    (r"InvokeEndpoint\w*: AccessDenied",
     f"attach {INVOKER} to whoever runs this, with the name of this endpoint"),
    (r"kms:\w+|KMS", "attach scripts/aws/policies/deployer-kms.json to whoever runs this, and "
     "execution-role-kms.json to the role, with this key"),
    (r"HeadObject: 403|HeadBucket: 403|PutObject: AccessDenied|GetObject: AccessDenied",
     f"check the name of the bucket, which may belong to somebody else, and attach {DEPLOYER}; "
     f"to whoever runs invoke.py only, {INVOKER}"),
    (r"AccessDenied|Unauthorized|not authorized|: Forbidden",
     f"attach {DEPLOYER} to whoever runs this, with the names of this endpoint, bucket and image"),
    # AWS is busy, or has no more
    (r": (Throttling\w*|TooManyRequests\w*|RequestLimitExceeded|SlowDown):|Rate exceeded",
     "wait a minute and run this again: it goes on where it stopped"),
    (r"InsufficientInstanceCapacity|InsufficientCapacity|[Uu]nable to provision requested",
     "AWS has no such machine free now: wait and run this again, or take another "
     "--instance-type, or another region"),
    (r"ResourceLimitExceeded|service limit|LimitExceeded|ServiceQuotaExceeded", QUOTAS),
    (r"(?i)\bno capacity\b|not enough hardware resources",
     "a component that has scaled down to no copy is woken by this request, which takes some "
     "minutes: send it again then; a copy that is larger than what an instance has free needs a "
     "larger --instance-type, or less --memory and --cpus"),
    (r"instanceType.*enum value set", "an instance type is called such as ml.c7i.xlarge"),
    # what is being changed
    (r"(?i)(update|delete|change).*in-progress|in progress|currently being|ConcurrentUpdate",
     "it is being changed already: wait until scripts/aws/status.py NAME says InService, and run "
     "this again"),
    # what there is, or is not
    (r"HeadBucket: 404|NoSuchBucket", "make the bucket first: aws s3 mb s3://…, in this region"),
    (r"HeadObject: 404|NoSuchKey|(?i:could not find model data)",
     "upload the artifact first: scripts/aws/package.py MODEL --output s3://…"),
    (r"(?i)image.*(not found|not exist|could not find)|repository.*not exist|"
     r"(Image|Repository)NotFound",
     "push the image first, to this account and region: scripts/aws/build_and_push.sh"),
    (r"(?i)ping health check|did not pass.*health",
     "the log lines of the container say why; a model that takes long to load needs a larger "
     "--health-timeout; `docker run` with the image and the model shows the same"),
    (r"(?i)already exist", "take another --name, or scripts/aws/delete.py the old one"),
    (r"(?i)could not find|does not exist|NotFound",
     "scripts/aws/status.py shows what there is in this region"),
)  # fmt: skip


def remedy(what: str) -> str:
    """What to do about a message of AWS; "" where nothing is known."""
    return next((remedy for pattern, remedy in REMEDIES if re.search(pattern, what)), "")


def explain(exception: Exception) -> str:
    """One line for an error of AWS, with the remedy; what a container says, as it said it."""
    if isinstance(exception, ClientError):
        own = of_container(exception.response)
        if own:
            return own
        error = exception.response["Error"]
        what = f"{exception.operation_name}: {error.get('Code')}: {error.get('Message')}"
    else:
        what = f"{type(exception).__name__}: {exception}"
    return with_remedy(what)


def with_remedy(what: str) -> str:
    """A message of AWS as one line, with what to do about it, where that is known."""
    what = " ".join(what.split()).rstrip(".")
    known = remedy(what)
    if len(what) > LONGEST:
        what = f"{what[:LONGEST]}…"
    return f"{what}; {known}" if known else what


def of_container(answer: dict[str, Any]) -> str:
    """What the container answered, where SageMaker passes its error on: status and message.

    It says itself what to do, and what it says is not to be taken for a message of AWS.
    """
    if answer.get("Error", {}).get("Code") != "ModelError" or not answer.get("OriginalMessage"):
        return ""
    text = answer["OriginalMessage"]
    with contextlib.suppress(ValueError, LookupError, TypeError):  # code of the user's: anything
        text = json.loads(text)["message"]
    return f"{answer.get('OriginalStatusCode')}: {text}"
