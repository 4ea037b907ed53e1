"""Segmentation of images by a neural network; knows nothing of the server around it."""
