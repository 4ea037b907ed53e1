"""Why a server does not start, beside what the settings and the model are to blame for.

ConfigurationError, from ``segmentation.errors``
├── ServerFailed     the server ended, or will never serve
└── UpstreamChanged  the toolkit or MMS is another than this server was written for
"""

from segmentation.errors import ConfigurationError


class ServerFailed(ConfigurationError):
    """The server ended, or will never serve; the message says why."""


class UpstreamChanged(ConfigurationError):
    """A part of the toolkit or of MMS that this server overrides is not as it was."""
