"""From an artifact to a graph that OpenVINO runs, and what is known of it."""
