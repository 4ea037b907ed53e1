"""Segmentation of images with a Keras model; knows nothing of SageMaker, MMS or HTTP."""
