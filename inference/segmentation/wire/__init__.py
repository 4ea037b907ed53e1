"""Requests and answers as bytes: which formats there are, and what a request may ask for."""
