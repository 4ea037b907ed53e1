"""The headers of a request, as MMS hands them over."""

from typing import Any

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
# what a client calls its request, see ``progress``
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
ANSWER = "x-unet-answer"  # of an answer: JSON of what a prediction's ``description`` says


def header(context: Any, name: str) -> str | None:
    """The value of a request's header; None if the request lacks it, or if there is no request.

    Args:
        context: MMS's context of the request; None where no request is being answered.
        name: in small letters; the request may spell it in any case.
    """
    if context is None or not context.request_processor:
        return None
    for key, value in context.request_processor[0].get_request_properties().items():
        # MMS puts the fields of a form among the headers, as dictionaries
        if key.lower() == name and isinstance(value, str):
            return value
    return None
