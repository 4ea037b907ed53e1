"""Packages of bioimage.io: what their description says, in the terms of ``model.json``."""
