"""From a loaded artifact to a network that is ready to run."""
